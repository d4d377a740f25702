# SPDX-License-Identifier: Apache-2.0
"""Shards: which share of the partitions a process looks after."""

import re
from dataclasses import dataclass

from typing_extensions import override

from restock.errors import UsageError

__all__ = ["Shard", "parse_shard"]

_FORM = re.compile(r"([0-9]{1,6})/([0-9]{1,6})", re.ASCII)


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
