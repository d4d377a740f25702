# SPDX-License-Identifier: Apache-2.0
"""The keyed step: one slot of the waitlist, its journal and its one timer."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bytewax.operators import StatefulBatchLogic
from typing_extensions import override

from connectors.kafka.records import Outgoing
from dataflows.aftermath import Aftermath
from dataflows.folding import SlotState
from dataflows.items import SlotBatch
from dataflows.pace import Pace
from dataflows.reporting import reporting
from journal.journal import Journal
from schemas.encode import encode_slice, encode_statuses
from schemas.events import Event, StockBlock, WaitlistStatus
from waitlist.policy import PolicyBook
from waitlist.resumed import ResumedSlot
from waitlist.slot import Slot

__all__ = ["OpenJournal", "StepSettings", "WaitlistStep"]

OpenJournal = Callable[[int, bytes | None, SlotState], Journal]
"""Opens a slot's journal: (slot, marker or None, empty state to fill)."""

Items = list[Outgoing]

_PEOPLE_A_WAVE = 500
"""People of one wave handed over before another variant's wave has its turn."""

_STATUSES_A_TURN = 100
"""Status records written before the next records are looked at: half a millisecond of work."""

_STATUSES_A_MILLISECOND = 2
"""Written on average at most: a round of many is followed by a longer pause, so that statuses
take a few percent of the time even while all variants change all the time."""

_STOCK_RECORDS_AT_LEAST = 32
_EVENTS_A_STOCK_RECORD = 8
_EPOCH = datetime.fromtimestamp(0, UTC)
_LONGEST = datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH


@dataclass(frozen=True, slots=True)
class StepSettings:
    """What all slots share.

    Attributes:
        policies: who is told when.
        notifications: topic for notification records.
        waitlist: topic for status records.
        status_interval: milliseconds between two rounds of status records.
        open_journal: see `OpenJournal`.
        clock: the wall clock in epoch milliseconds.
        on_error: told of an error before it ends the flow.
        pace: shared by the slots of a process.
        aftermath: whom a run that crashed has told beyond its last durable epoch; None: that is
            not known here, and only the sink sees to it that nobody is told twice.
    """

    policies: PolicyBook
    notifications: str
    waitlist: str
    status_interval: int
    open_journal: OpenJournal
    clock: Callable[[], int]
    on_error: Callable[[Exception], None] = lambda _error: None
    pace: Pace = field(default_factory=Pace)
    aftermath: Aftermath | None = None


class WaitlistStep(StatefulBatchLogic[SlotBatch, Outgoing, bytes]):
    """Applies what arrives, starts what is due, hands over people in portions.

    The slot opens with its first item, because only items carry its number; the first
    batch of a run wakes every slot.
    """

    def __init__(self, settings: StepSettings, marker: bytes | None) -> None:
        self._settings = settings
        self._marker = marker
        self._slot = Slot(settings.policies)
        self._resumed: ResumedSlot | None = None
        self._acts = False
        self._handed_over = False
        self._number = 0
        self._polls = -1
        self._journal: Journal | None = None
        self._now = 0
        self._statuses_at = 0
        self._statuses_left = 0

    @override
    def on_batch(self, values: list[SlotBatch]) -> tuple[Items, bool]:
        with self._reporting():
            slot = values[0].slot
            self._open(slot)
            if any(batch.opens_epoch for batch in values):
                self._remembered(slot)
            if not self._knows_aftermath(slot):
                return [], self.RETAIN  # they hold no events yet
            now = self._advance_clock()
            events = 0
            for batch in values:
                self._slot.apply(batch.events, now)
                events += sum(map(_length, batch.events))
            out = self._take_turn(now)
            # Changed stock is written behind: at once in a trickle, in a flood once for many
            # changes of a variant, and never so much that the end of the epoch would stall.
            self._write_down(max(_STOCK_RECORDS_AT_LEAST, events // _EVENTS_A_STOCK_RECORD))
            return out, self.RETAIN

    @override
    def on_notify(self) -> tuple[Items, bool]:
        with self._reporting():
            # Bytewax cannot cancel a timer: this may come for nothing, and decides anew.
            if not self._acts or self._polls == self._settings.pace.polls():
                return [], self.RETAIN
            out = self._take_turn(self._advance_clock())
            self._write_down(_STOCK_RECORDS_AT_LEAST)
            return out, self.RETAIN

    @override
    def on_eof(self) -> tuple[Items, bool]:
        with self._reporting():
            if not self._acts:
                return [], self.RETAIN
            # People of running waves are handed over by the next run.
            statuses = self._slot.take_statuses(self._now)
            return self._status_records(statuses), self.RETAIN

    @override
    def notify_at(self) -> datetime | None:
        with self._reporting():
            if not self._acts:
                return None
            if self._statuses_left:
                return _moment(self._now)
            if self._slot.pending():
                return _moment(self._now + self._settings.pace.pause())
            times = [self._slot.next_due(), self._slot.next_expiry()]
            if self._slot.changes():
                times.append(self._statuses_at)
            return min((_moment(time) for time in times if time is not None), default=None)

    @override
    def snapshot(self) -> bytes:
        with self._reporting():
            if self._journal is not None:
                self._write_down(None)
                self._marker = self._journal.sync()
            if self._acts and self._resumed is not None:
                self._handed_over = self._resumed.is_handed_over()
            return self._marker or b""

    def _open(self, number: int) -> None:
        if self._journal is None:
            self._number = number
            if self._settings.aftermath is not None:
                self._slot = self._resumed = ResumedSlot(self._settings.policies)
            state = SlotState(self._slot)
            self._journal = self._settings.open_journal(number, self._marker or None, state)

    def _knows_aftermath(self, number: int) -> bool:
        """Whether the slot has heard what a crash has left, so that it may decide."""
        aftermath = self._settings.aftermath
        if aftermath is None or self._acts:
            self._acts = True
        elif aftermath.is_known and self._resumed is not None:
            self._resumed.recall(aftermath.told_of(number))
            self._acts = True
        return self._acts

    def _remembered(self, number: int) -> None:
        if self._journal is not None:
            self._journal.durable(self._slot.effects())
        aftermath = self._settings.aftermath
        if aftermath is None or self._resumed is None:
            return
        if self._handed_over:
            aftermath.handed_over(number)
        if self._acts and aftermath.is_over:
            self._resumed.forget()
            self._resumed = None

    def _write_down(self, stock: int | None) -> None:
        records = self._slot.take_records(stock)
        if records and self._journal is not None:
            for record in records:
                self._journal.append(record)

    def _reporting(self) -> AbstractContextManager[None]:
        return reporting(self._settings.on_error)

    def _advance_clock(self) -> int:
        """The decisions' clock does not go back, whatever the machine's does."""
        self._now = max(self._now, self._settings.clock())
        return self._now

    def _take_turn(self, now: int) -> Items:
        self._slot.start_due_waves(now)
        pace, slot = self._settings.pace, self._slot
        self._polls = pace.polls()
        parts = slot.take_slices(pace.portion(), _PEOPLE_A_WAVE) if slot.pending() else []
        pace.note(self._number, is_busy=slot.pending() > 0)
        records = [record for part in parts for record in encode_slice(part)]
        out = [Outgoing(self._settings.notifications, records)] if records else []
        return out + self._statuses(now)

    def _statuses(self, now: int) -> Items:
        """A round of status records, in portions, once in an interval."""
        if not self._statuses_left:
            if now < self._statuses_at or not self._slot.changes():
                return []
            self._statuses_left = self._slot.changes()
            pause = self._statuses_left // _STATUSES_A_MILLISECOND
            self._statuses_at = now + max(self._settings.status_interval, pause)
        statuses = self._slot.take_statuses(now, min(_STATUSES_A_TURN, self._statuses_left))
        self._statuses_left = max(0, self._statuses_left - _STATUSES_A_TURN)
        return self._status_records(statuses)

    def _status_records(self, statuses: list[WaitlistStatus]) -> Items:
        if not statuses:
            return []
        return [Outgoing(self._settings.waitlist, encode_statuses(statuses))]


def _length(given: Event | StockBlock) -> int:
    return len(given) if isinstance(given, StockBlock) else 1


def _moment(time: int) -> datetime:
    # An entry may be due to expire after the last moment that a datetime can hold.
    return _EPOCH + min(timedelta(milliseconds=time), _LONGEST)
