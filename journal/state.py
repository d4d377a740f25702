# SPDX-License-Identifier: Apache-2.0
"""What a journal keeps and rebuilds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Foldable"]


class Foldable(Protocol):
    """A state that can be written as chunks and moved on by redo records.

    The rule that everything rests on: loading what `dump` gave and applying the records that came
    after it gives the same state as applying all records from the beginning. A record must
    therefore hold everything that its effect depends on (a clock's reading, for instance), and
    `apply` must be the code that also runs live.
    """

    def load(self, chunks: Iterator[bytes]) -> None:
        """Take over a dumped state; called at most once, on an empty state, before any record.

        Args:
            chunks: The chunks that `dump` gave, in order.
        """
        ...

    def apply(self, record: bytes) -> None:
        """Apply one redo record; called in the order in which records were appended.

        Args:
            record: The bytes given to `Journal.append`.
        """
        ...

    def dump(self) -> Iterator[bytes]:
        """Give the whole state as chunks, each well below 4 GiB (some 100 KB are a good size)."""
        ...
