# SPDX-License-Identifier: Apache-2.0
"""The way to one sink: takes what is ready, has it judged, sends it, and settles the answers.

Each sink has a lane of its own, with its own limit of what is on its way, its own breaker and its
own pauses: one whose receiver is slow or dead holds up nobody else.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, cast

from connectors.sinks.contract import Answer, Resolution, Sink
from delivery.breaker import Breaker
from delivery.fairness import FairQueue, Task
from delivery.lookup import Lookup, Stored
from delivery.parcels import Judged, Packer, Parcel, settled
from delivery.people import People
from delivery.retries import Retries
from delivery.settling import Entry, Letter, Settlement, Update
from journey.journey import FAILED, SENT, Outcome, retry
from journey.plan import Plan
from schemas.fields import Channel

__all__ = ["Lane", "LaneTools", "most_calls", "most_in_flight"]

_LOG: Final = logging.getLogger(__name__)
_DECISIONS_AT_ONCE: Final = 64
_UNSETTLED: Final = 2_000
_ANSWERED: Final = 16
_LONG: Final = 3_600.0
_DISABLED: Final = "disabled"
_SINK_ERROR: Final = "sink_error"


@dataclass(frozen=True, slots=True)
class LaneTools:
    """What all lanes share.

    Attributes:
        plan: what journeys follow.
        lookup: knows what is in the ledger.
        packer: judges.
        people: who is busy.
        retries: when to try again.
        submit: hands a change to the ledger.
        clock: epoch milliseconds.
        on_error: told of what ends the program.
    """

    plan: Plan
    lookup: Lookup
    packer: Packer
    people: People
    retries: Retries
    submit: Callable[[Settlement], None]
    clock: Callable[[], int]
    on_error: Callable[[Exception], None]


@dataclass(frozen=True, slots=True)
class _Sending:
    """A message on its way, or about to be."""

    variant_id: str
    task: Task
    parcel: Parcel


class Lane:
    """One sink's lane; used by the event loop alone, but for its counters.

    Args:
        name: of the sink.
        sink: sends.
        queue: what is ready for it.
        breaker: knows how its receiver is.
        tools: what all lanes share.
        on_disabled: told when the receiver wants nothing more.
        ahead: share of its concurrency by which the sink takes more calls than may run at once.

    Attributes:
        name: of the sink.
        disabled: whether the receiver wants nothing more; what is ready is given up.
        in_flight: messages on their way, until their outcome is durable.
        outcomes: how many messages were sent, failed, and retried, and why.
    """

    def __init__(
        self,
        name: str,
        sink: Sink,
        queue: FairQueue,
        breaker: Breaker,
        tools: LaneTools,
        on_disabled: Callable[[str], None],
        ahead: float = 0.0,
    ) -> None:
        """Send nothing yet."""
        self.name = name
        self.disabled = False
        self.in_flight = 0
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self._sink = sink
        self._queue = queue
        self._breaker = breaker
        self._tools = tools
        self._on_disabled = on_disabled
        self._ahead = ahead
        self._changed = asyncio.Event()
        self._calls: set[asyncio.Task[None]] = set()
        self._unsettled = 0
        self._throttled_until = 0.0
        self._stopping = False

    @property
    def trouble(self) -> str | None:
        """Why nothing is sent, in words; None: all is well."""
        if self.disabled:
            return "its receiver wants nothing more (410)"
        if not self._breaker.is_closed:
            return "its receiver fails; it is probed now and then"
        return None

    def added(self, variant_id: str, ranks: Sequence[tuple[int, int]]) -> None:
        """Tasks of a variant have become ready."""
        self._queue.added(variant_id, ranks)
        self._changed.set()

    async def run(self) -> None:
        """Send until told to stop."""
        while not self._stopping:
            pause = self._pause()
            if pause == 0.0 and self._gather():
                # Others of the event loop have their turn, answers above all.
                await asyncio.sleep(0)
                continue
            self._changed.clear()
            try:
                async with asyncio.timeout(pause or None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def stop(self, patience: float) -> None:
        """Send nothing more, wait for answers so long at most, and leave the rest unsettled."""
        self._stopping = True
        self._changed.set()
        if self._calls:
            _, late = await asyncio.wait(self._calls, timeout=patience)
            for call in late:
                call.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _pause(self) -> float:
        """For how many seconds nothing can be sent, unless something changes."""
        if self._unsettled >= _UNSETTLED:
            return _LONG
        if self.disabled:
            return 0.0
        if len(self._calls) >= self._most_calls or self.in_flight >= self._most_in_flight:
            return _LONG
        throttled = self._throttled_until - time.monotonic()
        return max(0.0, throttled, self._breaker.pause())

    @property
    def _most_calls(self) -> int:
        return most_calls(self._sink.concurrency, self._ahead)

    @property
    def _most_in_flight(self) -> int:
        return most_in_flight(self._sink.concurrency, self._sink.batch_size, self._ahead)

    def _gather(self) -> bool:
        """Judge some of what is ready and send it; whether there may be more."""
        sink = self._sink
        calls = (self._most_calls - len(self._calls)) * sink.batch_size
        room = min(calls, self._most_in_flight - self.in_flight)
        wanted = max(self._sink.batch_size, _DECISIONS_AT_ONCE) if self._breaker.is_closed else 1
        found: list[tuple[str, Task]] = []
        while len(found) < min(room, wanted):
            following = self._queue.next()
            if following is None:
                break
            found.append(following)
        sendings = self._judge_all(found)
        for first in range(0, len(sendings), self._sink.batch_size):
            self._start(sendings[first : first + self._sink.batch_size])
        return bool(found)

    def _judge_all(self, found: Sequence[tuple[str, Task]]) -> list[_Sending]:
        tools = self._tools
        known = tools.lookup.journeys(task.journey for _, task in found)
        wanted: list[tuple[str, Task, Stored, Channel]] = []
        for variant_id, task in found:
            stored = known.get(task.journey)
            channel = cast("Channel", task.channel)
            if stored is None or not _is_open(stored, channel):
                self._queue.settled(variant_id, task)
            elif tools.people.take(
                stored.journey.notified.profile_key, partial(self._put_back, variant_id, task)
            ):
                wanted.append((variant_id, task, stored, channel))
        judged = tools.packer.judge([(stored, channel) for *_, stored, channel in wanted])
        sendings = [
            self._act(variant_id, task, stored, each)
            for (variant_id, task, stored, _), each in zip(wanted, judged, strict=True)
        ]
        return [sending for sending in sendings if sending is not None]

    def _act(self, variant_id: str, task: Task, stored: Stored, judged: Judged) -> _Sending | None:
        """Settle what was suppressed, and give what is to be sent."""
        if judged.parcel is None:
            profile_key = stored.journey.notified.profile_key
            free = partial(self._free, profile_key, variant_id, task)
            self._settle(judged.updates, judged.entries, free)
            return None
        if judged.updates:
            self._settle(judged.updates, judged.entries, _nothing)
        sending = _Sending(variant_id, task, judged.parcel)
        if not self.disabled:
            return sending
        self._give_up(sending, _DISABLED, Answer(Resolution.DISABLE, _DISABLED))
        return None

    def _start(self, sendings: list[_Sending]) -> None:
        self.in_flight += len(sendings)
        self._breaker.passed()
        call = asyncio.create_task(self._send(sendings))
        self._calls.add(call)
        call.add_done_callback(self._ended)

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._changed.set()
        if not call.cancelled() and isinstance(error := call.exception(), Exception):
            self._tools.on_error(error)

    async def _send(self, sendings: list[_Sending]) -> None:
        messages = [sending.parcel.message for sending in sendings]
        try:
            answers = await self._sink.send(messages)
        except Exception as error:  # noqa: BLE001 - it ends neither the lane nor the message
            _LOG.exception(
                "sink %s: a fault of its own; what it was handed is tried again", self.name
            )
            answers = [Answer(Resolution.RETRY, _SINK_ERROR, type(error).__name__)] * len(messages)
        self._judge_receiver(answers)
        for sending, answer in zip(sendings, answers, strict=True):
            self._answered(sending, answer)

    def _judge_receiver(self, answers: Sequence[Answer]) -> None:
        if any(answer.resolution is Resolution.SENT for answer in answers):
            self._breaker.good()
        elif any(answer.resolution is not Resolution.RETRY for answer in answers):
            self._breaker.refused()
        elif any(answer.throttled for answer in answers):
            self._breaker.undone()
        else:
            self._breaker.bad()

    def _answered(self, sending: _Sending, answer: Answer) -> None:
        match answer.resolution:
            case Resolution.SENT:
                self._conclude(sending, SENT, "", None)
            case Resolution.RETRY if answer.throttled:
                self._throttle(sending, answer)
            case Resolution.RETRY:
                self._try_again(sending, answer)
            case Resolution.FINAL:
                self._give_up(sending, "final", answer, in_flight=True)
            case Resolution.DISABLE:
                if not self.disabled:
                    self.disabled = True
                    self._on_disabled(self.name)
                self._give_up(sending, _DISABLED, answer, in_flight=True)

    def _throttle(self, sending: _Sending, answer: Answer) -> None:
        self.outcomes["throttled", answer.reason] += 1
        until = time.monotonic() + (1.0 if answer.wait is None else answer.wait)
        self._throttled_until = max(self._throttled_until, until)
        # Parts of a digest may have been suppressed beside it: first that must be durable.
        self._settle([], [], partial(self._put_off, sending))

    def _put_off(self, sending: _Sending) -> None:
        self.in_flight -= 1
        self._put_back(sending.variant_id, sending.task)
        self._tools.people.release(_person(sending))

    def _try_again(self, sending: _Sending, answer: Answer) -> None:
        tools, channel = self._tools, sending.parcel.channel
        now = tools.clock()
        firsts = [each.journey.channel(channel) for each in sending.parcel.contents]
        first = min(now if f.first_attempt_at is None else f.first_attempt_at for f in firsts)
        at = tools.retries.next_at(sending.parcel.message.attempt, first, now, answer.wait)
        if at is None:
            self._give_up(sending, "exhausted", answer, in_flight=True)
            return
        self.outcomes["retried", answer.reason] += 1
        updates = [
            Update(each.number, each.rank, each.journey, retry(each.journey, channel, at, now))
            for each in sending.parcel.contents
        ]
        self._settle(updates, [], partial(self._landed, sending))

    def _give_up(
        self, sending: _Sending, why: str, answer: Answer, *, in_flight: bool = False
    ) -> None:
        letter = partial(Letter, why=why, detail=answer.detail)
        done = partial(self._landed, sending, in_flight=in_flight)
        self._conclude(sending, FAILED, answer.reason or why, letter, done)

    def _conclude(
        self,
        sending: _Sending,
        outcome: Outcome,
        reason: str,
        letter: Callable[..., Letter] | None,
        done: Callable[[], None] | None = None,
    ) -> None:
        tools = self._tools
        self.outcomes[outcome.kind, reason] += 1
        now = tools.clock()
        updates: list[Update] = []
        entries: list[Entry] = []
        for each in sending.parcel.contents:
            update, entry = settled(each, sending.parcel.channel, outcome, reason, now, tools.plan)
            updates.append(update)
            if letter is not None:
                entry = replace(entry, letter=letter(each.value, *each.place))
            entries.append(entry)
        self._settle(updates, entries, done or partial(self._landed, sending))

    def _settle(
        self, updates: Sequence[Update], entries: Sequence[Entry], done: Callable[[], None]
    ) -> None:
        tools = self._tools
        self._unsettled += 1
        for entry in entries:
            if entry.outcome == "suppressed":
                self.outcomes["suppressed", entry.reason] += 1

        def settled_now() -> None:
            self._unsettled -= 1
            done()
            self._changed.set()

        tools.submit(Settlement(tools.plan, tools.clock(), updates, entries, settled_now))

    def _landed(self, sending: _Sending, *, in_flight: bool = True) -> None:
        """The outcome of a message is durable."""
        self.in_flight -= in_flight
        self._free(_person(sending), sending.variant_id, sending.task)

    def _free(self, profile_key: str, variant_id: str, task: Task) -> None:
        self._queue.settled(variant_id, task)
        self._tools.people.release(profile_key)

    def _put_back(self, variant_id: str, task: Task) -> None:
        self._queue.put_back(variant_id, task)
        self._changed.set()


def most_calls(concurrency: int, ahead: float) -> int:
    """How many calls of a sink are made at once, those that lie ready included."""
    return concurrency + int(ahead * concurrency)


def most_in_flight(concurrency: int, batch_size: int, ahead: float) -> int:
    """How many messages a sink may have whose outcome is not durable: what a crash may repeat.

    Some more than can be on their way, or the sink would wait for the disk.
    """
    on_their_way = most_calls(concurrency, ahead) * batch_size
    return on_their_way + on_their_way // 4 + _ANSWERED


def _nothing() -> None:
    """Nobody waits for it."""


def _is_open(stored: Stored, channel: Channel) -> bool:
    return any(opened.channel == channel for opened in stored.journey.open)


def _person(sending: _Sending) -> str:
    return sending.parcel.contents[0].journey.notified.profile_key
