# SPDX-License-Identifier: Apache-2.0
"""Replay: the same decisions as live, on a clock made of the lines' arrival times.

docs/semantics.md section 5 is the contract. Nothing here reads a file or a clock: batches of lines
come in, notification values go out, and both are streamed, so that the memory needed is that of
the people waiting and not that of the trace.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from restock.replay_batches import Batch, batches_of_lines
from restock.replay_lines import Line
from restock.replay_slot import ReplaySlot
from schemas.encode import encode_slice
from schemas.events import Event, WaveSlice

__all__ = ["Decisions", "Replay", "Summary"]

_EVENTS_AT_ONCE = 10_000
_PEOPLE_AT_ONCE = 10_000


class ExpiredCount(Protocol):
    """A running count."""

    @property
    def expired(self) -> int:
        """How many entries have been removed because they expired."""


class Decisions(Protocol):
    """What a replay needs of `waitlist.slot.Slot`; every time is in epoch milliseconds."""

    @property
    def counts(self) -> ExpiredCount:
        """Running counts."""

    def apply(self, events: Iterable[Event], now: int) -> object:
        """Apply events that arrived at ``now``, starting no wave."""

    def start_due_waves(self, now: int) -> object:
        """Start every wave due at or before ``now``, ties by variant_id."""

    def next_due(self) -> int | None:
        """Return when the next wave may fall due; None when nothing is due."""

    def take_slices(self, limit: int) -> list[WaveSlice]:
        """Return at most ``limit`` people of started waves, in order of start."""

    def take_records(self, stock: int | None = None) -> list[bytes]:
        """Return the redo records since the last call; a replay throws them away."""

    def waiting(self, now: int) -> int:
        """Return how many entries are not expired at ``now``."""

    def size(self) -> tuple[int, int]:
        """Return how many variants events have named, and how many entries there are."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a replay amounted to.

    Attributes:
        events: Lines read.
        dead_lettered: Values that were no valid record.
        tombstones: Values that were null.
        notifications: People told.
        waiting: Entries not expired at the end.
        variants: Distinct variants in valid records.
    """

    events: int
    dead_lettered: int
    tombstones: int
    notifications: int
    waiting: int
    variants: int

    def as_dict(self) -> dict[str, int]:
        """Return the figures by name."""
        return asdict(self)


class Replay:
    """One run over a trace.

    Args:
        decisions: Decides who is told; fresh. A `ReplaySlot` is the quickest.
        until: The last moment of the clock, in epoch milliseconds; None: it runs on after the last
            line until nothing is due. The lines given must not be later.
        silent: Count the notifications, but make none.
    """

    def __init__(
        self, decisions: Decisions, until: int | None = None, *, silent: bool = False
    ) -> None:
        self._decisions = decisions
        self._until = until
        self._silent = silent
        self._now: int | None = None
        self._clock = 0
        self._expired_at_end = 0
        self._events = self._dead_lettered = self._tombstones = self._notifications = 0
        self._steps = 0

    def run(self, lines: Iterable[Line]) -> Iterator[bytes]:
        """Yield the value of every notification, in the order of the waves' starts.

        Args:
            lines: The trace, ``at`` never decreasing.
        """
        for values in self.run_batches(batches_of_lines(lines, _EVENTS_AT_ONCE)):
            yield from values

    def run_batches(self, batches: Iterable[Batch]) -> Iterator[list[bytes]]:
        """Yield the values of the notifications in portions, in the order of the waves' starts.

        Args:
            batches: The trace, decoded.
        """
        for batch in batches:
            self._events += batch.lines
            self._dead_lettered += batch.dead_lettered
            self._tombstones += batch.tombstones
            yield from self._take(batch)
        if self._now is not None:
            yield from self._end_group(self._now)
        yield from self._jump(self._until)

    def summary(self) -> Summary:
        """Return what the run amounted to, once it is exhausted."""
        if self._until is not None:
            waiting = self._decisions.waiting(self._until)
        else:
            # The end is the last line or wave, but the clock may have run on to a time at which a
            # wave would have started, had the people it was for not expired until then.
            waiting = self._decisions.waiting(self._clock)
            waiting += self._decisions.counts.expired - self._expired_at_end
        return Summary(
            events=self._events,
            dead_lettered=self._dead_lettered,
            tombstones=self._tombstones,
            notifications=self._notifications,
            waiting=waiting,
            variants=self._decisions.size()[0],
        )

    def _take(self, batch: Batch) -> Iterator[list[bytes]]:
        place = 0
        while place < len(batch.events):
            yield from self._arrive(batch.arrivals[place])
            place = self._apply(batch.events, batch.arrivals, place)
            self._now = batch.arrivals[place - 1]
        if batch.lines:
            # Lines without an event move the clock as well.
            yield from self._arrive(batch.end)

    def _arrive(self, at: int) -> Iterator[list[bytes]]:
        """Let everything happen that comes before a line with this arrival."""
        if self._now is not None and at > self._now:
            yield from self._end_group(self._now)
            yield from self._jump(at - 1)
        self._now = at

    def _apply(self, events: Sequence[Event], arrivals: Sequence[int], start: int) -> int:
        """Apply events from ``start`` on until a wave may fall due, and return where that is."""
        if isinstance(self._decisions, ReplaySlot):
            return self._decisions.apply_in_time(events, arrivals, start)
        now = arrivals[start]
        end = bisect_right(arrivals, now, start)
        self._decisions.apply(events[start:end], now)
        self._forget_records(end - start)
        return end

    def _forget_records(self, steps: int) -> None:
        self._steps += steps
        if self._steps >= _EVENTS_AT_ONCE:
            self._steps = 0
            self._decisions.take_records(0)

    def _end_group(self, now: int) -> Iterator[list[bytes]]:
        """Start the waves that all lines with the same arrival together may start."""
        yield from self._start_waves(now)
        self._expired_at_end = self._decisions.counts.expired

    def _jump(self, end: int | None) -> Iterator[list[bytes]]:
        """Move the clock through every time up to ``end`` at which a wave may fall due."""
        while (due := self._decisions.next_due()) is not None and (end is None or due <= end):
            if due <= self._clock:
                message = f"a wave due at {due} was not dealt with at {self._clock}"
                raise RuntimeError(message)
            yield from self._start_waves(due)

    def _start_waves(self, now: int) -> Iterator[list[bytes]]:
        self._clock = now
        self._decisions.start_due_waves(now)
        self._forget_records(1)
        while told := self._told():
            self._expired_at_end = self._decisions.counts.expired
            yield from told

    def _told(self) -> list[list[bytes]]:
        """The notifications of some people of started waves; nothing when nobody is left."""
        if self._silent and isinstance(self._decisions, ReplaySlot):
            people = self._decisions.take_nobody(_PEOPLE_AT_ONCE)
            self._notifications += people
            return [[]] if people else []
        slices = self._decisions.take_slices(_PEOPLE_AT_ONCE)
        values = [[value for _, value in encode_slice(one)] for one in slices]
        self._notifications += sum(map(len, values))
        return [[] for _ in values] if self._silent else values
