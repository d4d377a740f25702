# SPDX-License-Identifier: Apache-2.0
"""Replay: the same decisions as live, on a clock made of the lines' arrival times.

docs/semantics.md section 5 is the contract. Nothing here reads a file or a clock: lines come in,
notification values go out, and both are streamed, so that the memory needed is that of the people
waiting and not that of the trace.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Protocol

from restock.replay_lines import TOMBSTONE, Line
from schemas.decode import decode_inventory, decode_subscription
from schemas.encode import encode_slice
from schemas.errors import InvalidRecord
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
        decisions: Decides who is told; fresh.
        until: The last moment of the clock, in epoch milliseconds; None: it runs on after the last
            line until nothing is due. The lines given must not be later.
    """

    def __init__(self, decisions: Decisions, until: int | None = None) -> None:
        self._decisions = decisions
        self._until = until
        self._now: int | None = None
        self._clock = 0
        self._expired_at_end = 0
        self._group: list[Event] = []
        self._variants: set[str] = set()
        self._events = self._dead_lettered = self._tombstones = self._notifications = 0
        self._steps = 0

    def run(self, lines: Iterable[Line]) -> Iterator[bytes]:
        """Yield the value of every notification, in the order of the waves' starts.

        Args:
            lines: The trace, ``at`` never decreasing.
        """
        for line in lines:
            if self._now is not None and line.at > self._now:
                yield from self._end_group()
                yield from self._jump(line.at - 1)
            self._now = line.at
            self._take(line)
        if self._now is not None:
            yield from self._end_group()
        yield from self._jump(self._until)

    def summary(self) -> Summary:
        """Return what the run amounted to, once `run` is exhausted."""
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
            variants=len(self._variants),
        )

    def _take(self, line: Line) -> None:
        self._events += 1
        if line.value == TOMBSTONE:
            self._tombstones += 1
            return
        decode = decode_inventory if line.topic == "inventory" else decode_subscription
        try:
            event: Event = decode(line.value, line.at)
        except InvalidRecord:
            self._dead_lettered += 1
            return
        self._variants.add(event.variant_id)
        self._group.append(event)
        if len(self._group) >= _EVENTS_AT_ONCE:
            self._apply(line.at)

    def _apply(self, now: int) -> None:
        self._decisions.apply(self._group, now)
        self._forget_records(len(self._group))
        self._group = []

    def _forget_records(self, steps: int) -> None:
        self._steps += steps
        if self._steps >= _EVENTS_AT_ONCE:
            self._steps = 0
            self._decisions.take_records(0)

    def _end_group(self) -> Iterator[bytes]:
        if self._now is not None:
            self._apply(self._now)
            yield from self._start_waves(self._now)
            self._expired_at_end = self._decisions.counts.expired

    def _jump(self, end: int | None) -> Iterator[bytes]:
        """Move the clock through every time up to ``end`` at which a wave may fall due."""
        while (due := self._decisions.next_due()) is not None and (end is None or due <= end):
            if due <= self._clock:
                message = f"a wave due at {due} was not dealt with at {self._clock}"
                raise RuntimeError(message)
            yield from self._start_waves(due)

    def _start_waves(self, now: int) -> Iterator[bytes]:
        self._clock = now
        self._decisions.start_due_waves(now)
        self._forget_records(1)
        while slices := self._decisions.take_slices(_PEOPLE_AT_ONCE):
            self._expired_at_end = self._decisions.counts.expired
            for wave_slice in slices:
                for _key, value in encode_slice(wave_slice):
                    self._notifications += 1
                    yield value
