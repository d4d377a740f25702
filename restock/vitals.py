# SPDX-License-Identifier: Apache-2.0
"""What a running program knows of itself, kept so that other threads can read it at any time.

The flow's thread writes a few attributes once an epoch, each replaced as a whole; everything else
is read, when somebody asks, from counters that the flow keeps anyway. So nobody pays for being
observed, and nobody who observes has to wait for the flow.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, Protocol

from connectors.kafka.records import Partition
from dataflows.decoding import DecodingCounts
from dataflows.folding import SlotState
from journal.journal import Journal

__all__ = ["Flow", "Histogram", "OpenJournal", "OpenSlot", "Phase", "Vitals"]

Phase = Literal["starting", "resuming", "running", "ending"]
"""Before the flow; until its first epoch is durable; from then on; after its end."""

OpenJournal = Callable[[int, bytes | None, SlotState], Journal]
"""Opens a slot's journal: (slot, marker or None, empty state to fill)."""


class _Source(Protocol):
    @property
    def assigned(self) -> list[Partition]: ...


class _Sink(Protocol):
    @property
    def queued(self) -> int: ...
    @property
    def unclaimed(self) -> int: ...
    @property
    def written(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True)
class Flow:
    """The parts of a flow that count what they do.

    Attributes:
        source: knows which partitions are read.
        sink: knows what was written, and what of it is not acknowledged.
        decoded: what came in.
    """

    source: _Source
    sink: _Sink
    decoded: DecodingCounts


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """A slot that has its state back.

    Attributes:
        state: its state, with what became of its events.
        journal: its journal.
        seconds: how long it took.
    """

    state: SlotState
    journal: Journal
    seconds: float


class Histogram:
    """Counts durations by size.

    Attributes:
        bounds: upper bounds of the buckets in seconds, ascending; what is longer has one more.
        total: seconds, all in all.
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.total = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[int]:
        """For each bound how many were not longer; the last is the number of all."""
        return list(accumulate(self._counts))


class Vitals:
    """The facts of one run of the program.

    Attributes:
        shard: which it looks after.
        slots: how many there are to resume.
        phase: see `Phase`.
        stopping: whether the program was told to stop; the flow may still run for a while.
        runs: how many flows have begun: the first ever start has one that reads nothing.
        flow: the flow that runs or has run last; None before.
        began_at: when it began, on `clock`.
        opened: its slots that are open, by number.
        opening: the state of the slot that is being opened; None: none is.
        epochs: durable ones since the start of the program.
        durable_at: when the last one was known to be durable; None before.
        ended_at: when the epoch ended that is about to become durable; None: none is.
        offsets: what was read and is durable: for each partition the next record's offset.
        records_at: when the last epoch with a record in it became durable.
        caught_up: whether everything was read that was there when the flow began.
        epoch_seconds: from one durable epoch to the next.
        barrier_seconds: from the end of an epoch until it is durable; nothing is read meanwhile.
        lease_left: for how many seconds the lease holds yet; None where there is no lease.
    """

    def __init__(
        self, slots: int, shard: str = "0/1", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.shard = shard
        self.slots = slots
        self.clock = clock
        self.phase: Phase = "starting"
        self.stopping = False
        self.runs = 0
        self.flow: Flow | None = None
        self.began_at = clock()
        self.opened: dict[int, OpenSlot] = {}
        self.opening: SlotState | None = None
        self.epochs = 0
        self.durable_at: float | None = None
        self.ended_at: float | None = None
        self.offsets: Mapping[Partition, int] = {}
        self.records_at = self.began_at
        self.caught_up = False
        self.epoch_seconds = Histogram((0.05, 0.1, 0.25, 0.5, 1, 1.25, 1.5, 2, 3, 5, 10, 30, 60))
        self.barrier_seconds = Histogram(
            (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
        )
        self.lease_left: Callable[[], float | None] = lambda: None
        self._records = 0

    def begin(self, flow: Flow) -> None:
        """A flow is about to run."""
        self.began_at = self.records_at = self.clock()
        self.durable_at = self.ended_at = None
        self.offsets, self.opened, self.flow = {}, {}, flow
        self._records = 0
        self.caught_up = False
        self.runs += 1
        self.phase = "resuming"

    def stop(self) -> None:
        """The program was told to stop; the phase stays, so that a stop that hangs is noticed."""
        self.stopping = True

    def end(self) -> None:
        """The flow has ended, with everything durable."""
        self.phase = "ending"

    def watched(self, opener: OpenJournal) -> OpenJournal:
        """An opener of journals that does the same and takes note."""

        def opened(slot: int, marker: bytes | None, empty: SlotState) -> Journal:
            began = self.clock()
            self.opening = empty
            journal = opener(slot, marker, empty)
            # A new dictionary: another thread may be walking over the one before.
            self.opened = {**self.opened, slot: OpenSlot(empty, journal, self.clock() - began)}
            self.opening = None
            return journal

        return opened

    def epoch_ended(self) -> None:
        """An epoch has ended; it is not durable yet."""
        self.ended_at = self.clock()

    def epoch_durable(self, offsets: Mapping[Partition, int]) -> None:
        """An epoch is durable, up to these offsets."""
        now = self.clock()
        if self.ended_at is not None:
            self.barrier_seconds.observe(now - self.ended_at)
            self.ended_at = None
        if self.durable_at is not None:
            self.epoch_seconds.observe(now - self.durable_at)
        records = 0 if self.flow is None else self.flow.decoded.records
        if records != self._records:
            self._records, self.records_at = records, now
        self.offsets, self.durable_at = offsets, now
        self.epochs += 1
        self.phase = "running"

    def folded(self) -> int:
        """Records and chunks of state that were loaded so far: grows while slots resume."""
        states = [slot.state for slot in self.opened.values()]
        opening = self.opening
        if opening is not None:
            states.append(opening)
        return sum(state.folded for state in states)

    def resume_seconds(self) -> float:
        """How long it took to open the slots that are open."""
        return sum(slot.seconds for slot in self.opened.values())
