# SPDX-License-Identifier: Apache-2.0
"""The post office: ledger, lanes and announcer, started and stopped together.

News comes in from the flow's thread. The lanes run in an event loop in a thread of its own; the
ledger is written by a third, and a fourth tells Kafka. Whatever breaks is told to `on_error`, and
ends the process: everything is as after a crash then, and the next start goes on from there.
"""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop

from connectors.sinks.contract import Sink
from delivery.announcing import Announcer, Writes
from delivery.breaker import Breaker, BreakerPlan
from delivery.collecting import collect_now_and_then
from delivery.disabling import Disabling, disabled_sinks
from delivery.fairness import FairQueue, loader
from delivery.intake import Intake
from delivery.lane import Lane, LaneTools
from delivery.ledger import open_reader, open_writer
from delivery.lookup import Lookup
from delivery.news import News
from delivery.parcels import Packer
from delivery.people import People
from delivery.pruning import Pruning
from delivery.retries import Retries
from delivery.routing import reroute
from delivery.scribe import Change, Scribe
from delivery.settling import Settlement
from delivery.tasks import Ready, Ripening
from journey.plan import Plan

__all__ = ["Office", "OfficePlan", "Way"]

_PORTION: Final = 256
_RIPENING_SECONDS: Final = 0.1
_PRUNING_SECONDS: Final = 60.0
_CLOSING_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Way:
    """A sink, and what it leads to.

    Attributes:
        sink: sends.
        receiver: tells one receiver from another; a sink that was disabled is tried again when
            it leads to another.
        ahead: see `Lane`.
    """

    sink: Sink
    receiver: str
    ahead: float = 0.0


@dataclass(frozen=True, slots=True)
class OfficePlan:
    """How long things take; durations in milliseconds.

    Attributes:
        retry_first: see `delivery.retries.Retries`.
        retry_longest: see there.
        remember: how long outcomes, orders and sign-offs are kept.
        breaker: when a receiver is left alone.
        deliveries: the topic of outcomes.
    """

    retry_first: int
    retry_longest: int
    remember: int
    breaker: BreakerPlan
    deliveries: str


class Office:
    """Takes news, and sees that everybody gets their message.

    Args:
        path: of the ledger.
        plan: what journeys follow.
        ways: the sinks by name.
        office_plan: how long things take.
        writer: writes to Kafka; used by one thread of the office alone.
        clock: epoch milliseconds.
        on_error: told of what ends the program, in any thread.
    """

    def __init__(
        self,
        path: Path,
        plan: Plan,
        ways: Mapping[str, Way],
        office_plan: OfficePlan,
        writer: Writes,
        clock: Callable[[], int],
        on_error: Callable[[Exception], None],
    ) -> None:
        """Open the ledger; nothing is sent before `start`.

        Raises:
            LedgerError: it cannot be used.
        """
        self._plan = plan
        self._ways = ways
        self._office_plan = office_plan
        self._clock = clock
        self._on_error = on_error
        connection = open_writer(path, by_person=plan.digest > 0)
        self._writing = connection
        self._scribe = Scribe(connection, on_error, self._after_commit)
        self._reader = open_reader(path)
        self._announcer = Announcer(
            open_reader(path), writer, office_plan.deliveries, self._scribe.submit, on_error
        )
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="lanes", daemon=True)
        self._gate = threading.Event()
        self._stopping = False
        self.begun = 0
        self.known = 0
        self.lanes: dict[str, Lane] = {}
        self._background: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Open the sinks, and begin; nothing is sent before `let_go`.

        Raises:
            SinkError: one cannot work as it is set.
        """
        self._thread.start()
        self._call(self._open())
        reroute(self._writing, self._plan, self._clock())
        self._scribe.start()
        self._announcer.start()

    def let_go(self) -> None:
        """All facts that there were at the start are known: send."""
        if not self._gate.is_set():
            self._gate.set()
            asyncio.run_coroutine_threadsafe(self._guarded(self._send_all), self._loop)

    @property
    def is_open(self) -> bool:
        """Whether messages are sent."""
        return self._gate.is_set()

    def troubles(self) -> dict[str, str]:
        """For each sink that does not send, why; any thread may ask."""
        found = {name: lane.trouble for name, lane in list(self.lanes.items())}
        return {name: trouble for name, trouble in found.items() if trouble is not None}

    def take(self, news: Sequence[News]) -> None:
        """Write news down, in portions; waits while too much is not written yet."""
        for first in range(0, len(news), _PORTION):
            portion = Intake(self._plan, self._clock(), news[first : first + _PORTION])
            self._scribe.submit_portion(portion)

    def barrier(self, stop_waiting: Callable[[], bool]) -> None:
        """Wait until everything taken is durable, or `stop_waiting` says so."""
        self._scribe.barrier(stop_waiting)

    def stop(self, patience: float) -> None:
        """Send nothing more, wait for answers so long at most, and close everything."""
        self._stopping = True
        if self._thread.is_alive():
            self._call(self._close(patience))
            self._announcer.wake()
            self._announcer.close(_CLOSING_SECONDS)
            self._scribe.close()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _call(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(self._loop_failed)
        self._loop.run_forever()
        self._loop.close()

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception):
            self._on_error(error)
        else:
            loop.default_exception_handler(context)

    async def _open(self) -> None:
        lookup = Lookup(self._reader)
        plan, office_plan = self._plan, self._office_plan
        uniform = random.SystemRandom().uniform
        retries = Retries(
            office_plan.retry_first, office_plan.retry_longest, plan.retry_for, uniform
        )
        tools = LaneTools(
            plan,
            lookup,
            Packer(plan, lookup, self._clock),
            People(),
            retries,
            self._scribe.submit,
            self._clock,
            self._on_error,
        )
        self._background.append(asyncio.create_task(self._guarded(collect_now_and_then)))
        disabled = disabled_sinks(self._reader)
        for name, way in self._ways.items():
            await way.sink.open()
            breaker = Breaker(office_plan.breaker, time.monotonic, uniform)
            queue = FairQueue(loader(self._reader, name))
            lane = Lane(name, way.sink, queue, breaker, tools, self._disable, way.ahead)
            lane.disabled = disabled.get(name) == way.receiver
            self.lanes[name] = lane

    async def _send_all(self) -> None:
        rows = self._reader.execute(
            "SELECT sink, variant_id, min(wave_at) FROM tasks WHERE ready = 1 "
            "GROUP BY sink, variant_id"
        )
        for sink, variant_id, wave_at in rows:
            self.lanes[sink].added(variant_id, [(wave_at, 0)])
        lanes = [lane.run for lane in self.lanes.values()]
        for work in (*lanes, self._ripen, self._prune):
            self._background.append(asyncio.create_task(self._guarded(work)))

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not go unnoticed
            self._on_error(error)

    async def _close(self, patience: float) -> None:
        for each in self._background:
            each.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await asyncio.gather(*(lane.stop(patience) for lane in self.lanes.values()))
        for way in self._ways.values():
            await way.sink.close()

    async def _ripen(self) -> None:
        lookup = Lookup(self._reader)
        while not self._stopping:
            due = lookup.next_due()
            if due is not None and due <= self._clock():
                self._scribe.submit(Ripening(self._clock(), Ready()))
            await asyncio.sleep(_RIPENING_SECONDS)

    async def _prune(self) -> None:
        while not self._stopping:
            pruning = Pruning(self._clock() - self._office_plan.remember)
            self._scribe.submit(pruning)
            await asyncio.sleep(1)
            if not pruning.deleted:
                await asyncio.sleep(_PRUNING_SECONDS)

    def _disable(self, sink: str) -> None:
        self._scribe.submit(Disabling(sink, self._ways[sink].receiver, self._clock()))

    def _after_commit(self, changes: Sequence[Change]) -> None:
        """Called by the writing thread."""
        if any(isinstance(change, Settlement | Intake) for change in changes):
            self._announcer.wake()
        self._loop.call_soon_threadsafe(self._committed, changes)

    def _committed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            match change:
                case Settlement():
                    change.done()
                    self._became_ready(change.ready)
                case Intake():
                    self.begun += change.begun
                    self.known += change.known
                    self._became_ready(change.ready)
                case Ripening():
                    self._became_ready(change.ready)

    def _became_ready(self, ready: Ready) -> None:
        for (sink, variant_id), ranks in ready.ranks.items():
            self.lanes[sink].added(variant_id, ranks)
