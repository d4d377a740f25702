# SPDX-License-Identifier: Apache-2.0
"""Everything that is known of one variant, and a wave on its way out."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from schemas.events import WaitlistStatus, WaveHeader, WaveSlice
from waitlist.entries import unpack_all
from waitlist.figures import OPENED_AT, QUEUED, ROW, WAITING, Figures
from waitlist.line import Line
from waitlist.policy import Policy
from waitlist.queue import Queue
from waitlist.stock import Cell, Stock

if TYPE_CHECKING:
    from waitlist.told import TakenWave

__all__ = ["HandedOver", "Variant", "Wave", "expired", "expiry_of"]


class HandedOver(Struct, frozen=True, gc=False):
    """People of one wave and priority who are on their way to the output.

    Attributes:
        header: what their notifications share.
        first_position: of the first of them in the wave, from 1.
        priority: of all of them.
        people: in order.
    """

    header: WaveHeader
    first_position: int
    priority: int
    people: Line

    def slices(self) -> Iterator[WaveSlice]:
        """The people, unpacked, in pieces."""
        position = self.first_position
        for times, payloads in self.people.blocks():
            people = unpack_all(payloads, len(times))
            yield WaveSlice(self.header, position, self.priority, times, people)
            position += len(times)


class Wave:
    """People who have been told, by the rules, and are still to be handed over.

    Attributes:
        header: what all its notifications share.
        lines: (priority, line) in the order in which they are told.
        position: of the next person in the wave, from 1.
    """

    __slots__ = ("header", "lines", "position")

    def __init__(self, header: WaveHeader, lines: list[tuple[int, Line]], position: int) -> None:
        self.header = header
        self.lines = lines
        self.position = position

    def __len__(self) -> int:
        return sum(len(line) for _, line in self.lines)

    def holds(self, priority: int, time: int, number: int) -> bool:
        """Whether that entry is among those still to be handed over."""
        return any(own == priority and line.holds(time, number) for own, line in self.lines)

    def take(self, limit: int) -> tuple[int, Line]:
        """Take at most ``limit`` people of one priority: (priority, people)."""
        priority, line = self.lines[0]
        if len(line) <= limit:
            people = line
            del self.lines[0]
        else:
            people = line.take(_EVER, limit)
        self.position += len(people)
        return priority, people


_EVER = 1 << 62


class Variant(Stock):
    """Stock, queue and running waves of a variant.

    Attributes:
        variant_id: its id.
        policy: the settings in force for it.
        queue: who waits; None until somebody has.
        running: waves still to be handed over.
        taken: what its waves took, as far as it is not forgotten, in the order of their starts.
        told: people told so far, in all cycles.
        due: when the slot looks for a wave next; None: not scheduled.
        expiry: when the slot looks for expired entries next; None: not scheduled.
    """

    __slots__ = ("due", "expiry", "policy", "queue", "running", "taken", "told", "variant_id")

    waiting = Cell(WAITING)
    """How many entries are in the queue."""

    def __init__(self, number: int, variant_id: str, policy: Policy, figures: Figures) -> None:
        super().__init__(number, figures)
        self.variant_id = variant_id
        self.policy = policy
        self.queue: Queue | None = None
        self.running: tuple[Wave, ...] = ()
        self.taken: tuple[TakenWave, ...] = ()
        self.told = 0
        self.due: int | None = None
        self.expiry: int | None = None

    def is_plain(self) -> bool:
        """Whether its rows say everything: nobody has waited or been told."""
        return self.rare is None and self.queue is None and not self.told and not self.taken

    def open_queue(self) -> Queue:
        """The queue, made when it is wanted for the first time."""
        if self.queue is None:
            self.queue = Queue()
            self.flags |= QUEUED
        return self.queue

    def eligible_until(self) -> int:
        """The latest ``occurred_at`` with which an entry takes part in the open cycle."""
        return -1 if self.opened_at is None else self.opened_at + self.policy.late_grace

    def next_wave(self) -> int | None:
        """When the next wave may start; None while nobody could be told."""
        # Of its row, because this is asked several times for each wave, and for each status.
        rows, row, policy = self.figures.rows, self.number * ROW, self.policy
        opened_at = rows[row + OPENED_AT]
        if opened_at < 0 or self.queue is None or not rows[row + WAITING]:
            return None
        if not self.offered(policy):
            return None
        if not self.queue.has_eligible(self.cycle, opened_at + policy.late_grace):
            return None
        due = self.known_since + policy.dwell
        if policy.per_unit is not None and self.last_wave_at >= 0:
            due = max(due, self.last_wave_at + policy.wait)
        return due

    def status(self, now: int) -> WaitlistStatus:
        """Where its waitlist stands, once expired entries have left."""
        row = self.number * ROW
        _, _, _, opened_at, _, waiting, _, kind = self.figures.rows[row : row + ROW]
        return WaitlistStatus(
            self.variant_id,
            self.total if kind else None,
            self.offered(self.policy),
            self.cycle,
            None if opened_at < 0 else opened_at,
            waiting,
            self.told,
            self.next_wave(),
            now,
            self.product() if self.rare is not None else {},
        )


def expiry_of(occurred_at: int, expires_at: int | None, variant: Variant) -> int | None:
    """When an entry expires; None: never."""
    expires_after = variant.policy.expires_after
    if expires_after is None:
        return expires_at
    by_policy = occurred_at + expires_after
    return by_policy if expires_at is None else min(by_policy, expires_at)


def expired(occurred_at: int, expires_at: int | None, variant: Variant, now: int) -> bool:
    """Whether an entry has expired by ``now``."""
    expiry = expiry_of(occurred_at, expires_at, variant)
    return expiry is not None and now >= expiry
