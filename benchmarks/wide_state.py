# SPDX-License-Identifier: Apache-2.0
"""The states of the section *wide*: many variants with figures, and people waiting for some."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.options import WideSizes
from benchmarks.prepared import belongs, fill
from benchmarks.queues import Queue
from benchmarks.trace import variant_name
from schemas.events import Event, StockEvent
from waitlist.policy import PolicyBook
from waitlist.slot import Slot

__all__ = ["HIGHEST_FIGURE", "Plan", "fill_slot"]

HIGHEST_FIGURE = 6
"""Stock figures are not above it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A state; the same arguments give the same one.

    Attributes:
        sizes: how large.
        now: when it is made, in epoch milliseconds.
        waiting: whether people wait.
    """

    sizes: WideSizes
    now: int
    waiting: bool

    def queue(self, variant: int) -> Queue:
        """Who waits for a variant; those with the lowest numbers are sold out and have a queue."""
        first = variant * self.sizes.each
        people = range(first, first + self.sizes.each)
        return Queue(variant_name(variant), people, self.now - 2 * self.people)

    @property
    def people(self) -> int:
        """How many people wait, if they do."""
        return self.sizes.queued * self.sizes.each

    def events(self, number: int) -> Iterator[Event]:
        """What has happened in the slot of a number."""
        own = [v for v in range(self.sizes.variants) if belongs(variant_name(v), number)]
        for variant in own:
            quantity = 0 if variant < self.sizes.queued else 1 + variant % HIGHEST_FIGURE
            yield StockEvent(variant_name(variant), quantity, self.now - 3 * self.people)
        for variant in own:
            if self.waiting and variant < self.sizes.queued:
                yield from self.queue(variant).events()


def fill_slot(plan: Plan, number: int) -> Slot:
    """Make a slot of the state."""
    slot = Slot(PolicyBook())
    fill(slot, plan.events(number), plan.now)
    return slot
