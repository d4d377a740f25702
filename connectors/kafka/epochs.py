# SPDX-License-Identifier: Apache-2.0
"""Who is told when an epoch ends, and when it is durable."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from connectors.kafka.records import Partition

__all__ = ["EpochListener", "Epochs", "Offsets", "OnDurable"]

Offsets = dict[Partition, int]
"""For each partition the offset of the next record to be read."""

OnDurable = Callable[[Mapping[Partition, int]], None]
"""Told the offsets before which everything is durable."""


class EpochListener(Protocol):
    """Somebody who wants to know of epochs; called in the flow's thread."""

    def epoch_ended(self) -> None:
        """An epoch has ended; its snapshot is about to be taken."""

    def epoch_durable(self, offsets: Mapping[Partition, int]) -> None:
        """Everything before these offsets is durable."""


@dataclass(slots=True)
class Epochs:
    """Passes the news on.

    Attributes:
        on_durable: told what is durable, after the listener.
        listener: told of both.
    """

    on_durable: OnDurable | None
    listener: EpochListener | None = None

    def ended(self) -> None:
        """An epoch has ended."""
        if self.listener is not None:
            self.listener.epoch_ended()

    def durable(self, offsets: Offsets) -> None:
        """An epoch has become durable."""
        if self.listener is not None:
            self.listener.epoch_durable(offsets)
        if self.on_durable is not None:
            self.on_durable(offsets)
