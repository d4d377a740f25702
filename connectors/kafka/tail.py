# SPDX-License-Identifier: Apache-2.0
"""What lies behind the last durable epoch in a topic that is written exactly once."""

from collections.abc import Collection, Mapping
from typing import Protocol

from confluent_kafka import Message

from connectors.kafka.records import Partition

__all__ = ["Tail", "TailBounds"]


class Tail(Protocol):
    """Somebody who wants to know which records of ours are there already."""

    topic: str
    is_over: bool

    def found(self, message: Message) -> None:
        """Take note of a record."""

    def complete(self) -> None:
        """Nothing more will be found."""


class TailBounds:
    """Remembers where the tail begins, until what follows from it is durable.

    A second crash before that finds in the same records what the first has found.

    Args:
        tail: Who wants to know; None: nobody.
        since: For each partition of its topic where the tail begins.
        ids: The ids that were found there.
    """

    def __init__(
        self, tail: Tail | None, since: Mapping[Partition, int], ids: Collection[bytes]
    ) -> None:
        """Take over what was found."""
        self.tail = tail
        self.since = dict(since)
        self.ids = ids

    def is_over(self) -> bool:
        """Whether the tail, which there was until now, is needed no longer; said only once."""
        if self.tail is None or not self.since or not self.tail.is_over:
            return False
        self.since = {}
        return True
