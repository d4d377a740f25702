# SPDX-License-Identifier: Apache-2.0
"""Shards: which share of the partitions a process looks after."""

import re
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from restock.errors import StartupError, UsageError

__all__ = ["Shard", "parse_shard", "parse_shards", "part_of_shard"]

_FORM = re.compile(r"([0-9]{1,6})/([0-9]{1,6})", re.ASCII)
_LIST = re.compile(r"([0-9,-]+)/([0-9]{1,6})", re.ASCII)
_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """The partitions p with p mod `count` = `index`.

    Attributes:
        index: Number of the shard, from 0.
        count: How many shards there are in all.
    """

    index: int = 0
    count: int = 1

    @override
    def __str__(self) -> str:
        """Return the form that `parse_shard` reads."""
        return f"{self.index}/{self.count}"


def parse_shard(text: str) -> Shard:
    """Read ``i/n``, such as ``3/16``.

    Raises:
        UsageError: It has another form, or does not satisfy 0 <= i < n.
    """
    match = _FORM.fullmatch(text)
    shard = Shard(int(match[1]), int(match[2])) if match else None
    if shard is None or shard.index >= shard.count:
        message = f"--shard {text}: must be i/n with 0 <= i < n, such as 0/4"
        raise UsageError(message)
    return shard


def parse_shards(text: str) -> tuple[Shard, ...]:
    """Read several shards of one count, such as ``0-3/16`` or ``0,2,5-7/16``.

    Returns:
        The shards in ascending order.

    Raises:
        UsageError: It has another form, names a shard twice, or one that there is not.
    """
    match = _LIST.fullmatch(text)
    ranges = [_RANGE.fullmatch(part) for part in match[1].split(",")] if match else [None]
    count = int(match[2]) if match else 0
    indexes: list[int] = []
    for found in ranges:
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, -1)
        if not first <= last < count:
            message = (
                f"--shards {text}: must be numbers or ranges below n, such as 0-3/16 or 0,5-7/8"
            )
            raise UsageError(message)
        indexes.extend(range(first, last + 1))
    if twice := sorted({index for index in indexes if indexes.count(index) > 1}):
        raise UsageError(f"--shards {text}: names shard {twice[0]} twice; name each once")
    return tuple(Shard(index, count) for index in sorted(indexes))


def part_of_shard(directory: Path, shard: Shard) -> Path:
    """A shard's own part of a directory.

    Raises:
        StartupError: the directory holds parts of another shard count.
    """
    for other in sorted(directory.glob("shard-*-of-*")):
        if not other.name.endswith(f"-of-{shard.count}"):
            raise StartupError(
                f"{other} holds state of another shard count than {shard}: start with the count "
                "it was made with"
            )
    return directory / f"shard-{shard.index}-of-{shard.count}"
