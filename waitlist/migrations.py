# SPDX-License-Identifier: Apache-2.0
"""How the state of an earlier release becomes today's, as it is read.

Redo records and images carry the version of the release that wrote them. What is older is
brought up step by step before it is understood; what is newer is refused. Nothing is rewritten for
that: old files go with the next base.

Who changes the meaning or the form of an operation or of a chunk raises `VERSION`, adds the
step up from the version before, and golden files of the new one (`tests/flows/golden`).

=======  ==============================================================================
version  what it brought
=======  ==============================================================================
1        the first
2        the operations ANSWERED, CONTINUED and RECALLED, for state that is rebuilt from the
         topics or resumed; PLAIN_STOCK, many variants at once. Who was told is known by what
         waves took (`waitlist.told`), not by a marker for each
3        variants have numbers, which the operation NAMED gives. Stock is written by the column, in
         the operations MOVED and CYCLES (PLAIN_STOCK is no longer written) and in chunks FIGURES;
         the chunk VARIANTS holds facts only of variants with more than a total
=======  ==============================================================================
"""

from array import array
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from waitlist.errors import StateError

__all__ = [
    "MIGRATIONS",
    "OLDEST_VERSION",
    "VERSION",
    "Migration",
    "upgrade_chunk",
    "upgrade_record",
]

VERSION: Final = 3
"""Of redo records and images, as they are written."""

Operation = list[Any]
"""A decoded operation: its number, then its arguments."""


def _same_operations(operations: list[Operation]) -> list[Operation]:
    return operations


def _same_chunk(_kind: int, content: Any) -> Any:  # noqa: ANN401 - whatever MessagePack can hold
    return content


class Migration(Struct, frozen=True):
    """The step from one version to the next; what it leaves out stays as it is.

    Attributes:
        operations: the decoded operations of one redo record, in the form of the next version.
        chunk: the content of an image's chunk of some kind, in the form of the next version. The
            kinds are those of `waitlist.image`; their numbers never change their meaning.
    """

    operations: Callable[[list[Operation]], list[Operation]] = _same_operations
    chunk: Callable[[int, Any], Any] = _same_chunk


_HEAD, _VARIANTS = 0, 2


def _to_2(kind: int, content: Any) -> Any:  # noqa: ANN401 - as above
    if kind == _HEAD:
        return [*content, -1, 0, 0]
    if kind == _VARIANTS:
        return [[*others, _with_parked_from(queue), []] for *others, queue in content]
    return content


def _with_parked_from(queue: list[Any] | None) -> list[Any] | None:
    if queue is None:
        return None
    numbers = (number for _, line in queue[1] for number in array("Q", line[1]))
    return [*queue, min(numbers, default=0)]


MIGRATIONS: Final[Mapping[int, Migration]] = MappingProxyType(
    {1: Migration(chunk=_to_2), 2: Migration()}
)
"""For each version that can be read, but is no longer written, the step up from it."""

OLDEST_VERSION: Final = min(MIGRATIONS, default=VERSION)
"""The first version from which a chain of steps leads to today's."""


def upgrade_record(
    version: object,
    operations: list[Operation],
    *,
    migrations: Mapping[int, Migration] = MIGRATIONS,
    target: int = VERSION,
) -> list[Operation]:
    """Bring the operations of a redo record up to the version that is understood.

    Args:
        version: of the record.
        operations: decoded.
        migrations: by the version that each starts from.
        target: the version wanted.

    Raises:
        StateError: there is no way from that version; the message names both.
    """
    if version == target:
        return operations
    for migration in _path(version, migrations, target):
        operations = migration.operations(operations)
    return operations


def upgrade_chunk(
    version: object,
    kind: int,
    content: Any,  # noqa: ANN401 - whatever MessagePack can hold
    *,
    migrations: Mapping[int, Migration] = MIGRATIONS,
    target: int = VERSION,
) -> Any:  # noqa: ANN401 - as above
    """Bring a chunk of an image up to the version that is understood; see `upgrade_record`.

    Raises:
        StateError: there is no way from that version; the message names both.
    """
    if version == target:
        return content
    for migration in _path(version, migrations, target):
        content = migration.chunk(kind, content)
    return content


def _path(version: object, migrations: Mapping[int, Migration], target: int) -> list[Migration]:
    if isinstance(version, int) and not isinstance(version, bool) and version < target:
        steps = [migrations[step] for step in range(version, target) if step in migrations]
        if len(steps) == target - version:
            return steps
    oldest = min(migrations, default=target)
    readable = f"{target}" if oldest == target else f"{oldest} to {target}"
    raise StateError(
        f"the state has format {version}, this version of restock reads {readable}: use the "
        "release that wrote it, or a later one"
    )
