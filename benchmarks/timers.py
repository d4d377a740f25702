# SPDX-License-Identifier: Apache-2.0
"""Section *timers*: what pending waits cost a stream of stock events.

The same backlog of stock events for the same variants is worked off three times: nobody waits;
people wait, but for the next cycle and for ever, so that nothing will fall due; every variant is in
the pause between two waves, and every person has an expiry. The states are written without Kafka.
No figure of the stream opens or closes a cycle, so nobody may be told but the sentinels' people.
"""

import random
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.contenders import RESTOCK
from benchmarks.errors import WrongOutput
from benchmarks.flow import wait_until
from benchmarks.job import OpenTransaction, Watcher
from benchmarks.options import TimerSizes
from benchmarks.prepared import belongs, fill, prepare
from benchmarks.queues import Queue, check_queues
from benchmarks.report import Row, SectionResult
from benchmarks.trace import SENTINELS, Trace, variant_name
from benchmarks.watched import watched
from schemas.events import Event, StockEvent
from waitlist.policy import load_policy
from waitlist.slot import Slot

__all__ = ["Plan", "fill_slot", "run", "stock_trace"]

NOBODY, PEOPLE, TIMERS = "nobody waits", "people, no timers", "a timer for all"

_DAY = 86_400_000
_HIGHEST_FIGURE = 6
_SEED = 20_261_122
_MILLION = 1_000_000
_POLICIES: dict[str, dict[str, object]] = {
    NOBODY: {"per_unit": 1, "wait": "1d", "expires_after": "none"},
    PEOPLE: {"per_unit": 1, "wait": "1d", "expires_after": "none"},
    TIMERS: {"per_unit": 1, "wait": "1d", "expires_after": "365d"},
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A state before the stream; the same arguments give the same one.

    Attributes:
        name: one of the three.
        sizes: how large.
        now: when it is made, in epoch milliseconds: pauses begin then.
    """

    name: str
    sizes: TimerSizes
    now: int

    @property
    def waiting(self) -> int:
        """How many people wait after it was made."""
        people = 0 if self.name == NOBODY else self.sizes.variants * self.sizes.each
        return people + SENTINELS

    @property
    def _old(self) -> int:
        return self.now - 3 * _DAY

    def sentinels(self) -> list[Queue]:
        """The people who are told when the stream has been read."""
        first = self.sizes.variants * (self.sizes.each + 1)
        return [
            Queue(variant_name(self.sizes.variants + n), range(first + n, first + n + 1), self._old)
            for n in range(SENTINELS)
        ]

    def events(self, number: int) -> Iterator[Event]:
        """What has happened in the slot of a number."""
        own = [v for v in range(self.sizes.variants) if belongs(variant_name(v), number)]
        # Those who signed up long after the variant came back wait for the next time.
        back = self._old - _DAY if self.name == PEOPLE else self._old + _DAY
        for variant in own:
            if self.name != NOBODY:
                # Where there are waves, the first of the queue is told and the others pause.
                each = self.sizes.each + (self.name == TIMERS)
                first = variant * (self.sizes.each + 1)
                queue = Queue(variant_name(variant), range(first, first + each), self._old)
                expires_at = self.now + _DAY * 30 + variant if self.name == TIMERS else None
                yield from queue.events(expires_at)
        for variant in own:
            yield StockEvent(variant_name(variant), 1, back)
        for queue in self.sentinels():
            if belongs(queue.variant_id, number):
                yield from queue.events()


@dataclass(frozen=True, slots=True)
class _Run:
    seconds: float
    cpu_each: float
    resident: float


def fill_slot(plan: Plan, number: int) -> Slot:
    """Make a slot of the state."""
    slot = Slot(load_policy(_POLICIES[plan.name]))
    fill(slot, plan.events(number), plan.now)
    return slot


def stock_trace(sizes: TimerSizes, started_at: int) -> Trace:
    """The stream: figures of one piece and more, so that no cycle closes.

    Args:
        sizes: how large.
        started_at: when its first event occurred, in epoch milliseconds.
    """
    rng = random.Random(_SEED)
    picks = array("I", rng.choices(range(sizes.variants), k=sizes.events))
    figures = array("I", rng.choices(range(1, _HIGHEST_FIGURE + 1), k=sizes.events))
    return Trace(started_at, sizes.variants, array("I"), array("I"), picks, figures)


def run(bench: Bench) -> SectionResult:
    """Measure the three states in turn, in every round.

    Raises:
        WrongOutput: somebody was told, or the state is not what was prepared.
        BenchmarkError: the program or the broker failed.
    """
    sizes = bench.options.sizes.timers
    trace = stock_trace(sizes, bench.started_at)
    now = time.time_ns() // _MILLION
    plans = [Plan(name, sizes, now) for name in _POLICIES]
    runs: dict[str, list[_Run]] = {plan.name: [] for plan in plans}
    for plan in plans:
        bench.say(f"timers: making the state, {plan.name}")
        prepare(_state(bench, plan), partial(fill_slot, plan))
    for number in range(bench.options.sizes.rounds):
        for plan in plans[:: -1 if number % 2 else 1]:
            bench.say(f"timers: {plan.name}")
            runs[plan.name].append(_run_once(bench, plan, trace))
    return SectionResult(
        name="timers",
        title=f"timers: {sizes.events:,} stock events over {sizes.variants:,} variants, each with "
        f"{sizes.each} people waiting",
        rows=[row for plan in plans for row in _rows(plan.name, runs)],
        notes=[
            "a timer for all: every variant in the pause between two waves, every person with an",
            "expiry; no timers: they wait for the next cycle, and for ever.",
            "Checked: how many wait, before and after, and that only the sentinels' were told.",
        ],
        sizes={"events": sizes.events, "variants": sizes.variants, "each": sizes.each},
    )


def _state(bench: Bench, plan: Plan) -> Path:
    return bench.options.directory / f"timers-{plan.name.replace(' ', '-')}"


def _run_once(bench: Bench, plan: Plan, trace: Trace) -> _Run:
    job = bench.new_job(f"timers-{plan.name.replace(',', '')}")
    watcher, topic = Watcher(job), job.topics.inventory
    inventory = OpenTransaction(job, trace)
    policy = [f"{name} = {_toml(value)}" for name, value in _POLICIES[plan.name].items()]
    program = ("benchmarks.preloaded", str(_state(bench, plan)))
    with watched(job, program, ["[policy]", *policy]) as own:
        own.wait_until_ready()
        _expect(own.metrics(), plan.sizes.variants + SENTINELS, plan.waiting)
        resident = own.process.own_mebibytes()
        ends, before = watcher.ends(topic), own.process.usage().cpu_seconds
        begun = inventory.commit()
        wait_until(own.process, watcher.outputs, SENTINELS, "notifications")
        wait_until(own.process, lambda: -watcher.behind(topic, ends), 0, "offsets")
        spent = own.process.usage().cpu_seconds - before
        _expect(own.metrics(), plan.sizes.variants + SENTINELS, plan.waiting - SENTINELS)
        own.process.stop()
    outputs = watcher.read_outputs()
    records = ((each.key, each.value) for each in outputs)
    check_queues(records, plan.sentinels(), RESTOCK.id_of)
    watcher.close()
    job.delete_topics()
    seconds = max(each.appended_at for each in outputs) / 1000 - begun
    return _Run(seconds, spent / len(trace.picks) * _MILLION, resident)


def _expect(found: dict[str, float], variants: int, waiting: int) -> None:
    has = (found["restock_variants"], found["restock_people_waiting"])
    if has != (variants, waiting):
        raise WrongOutput(f"timers: there are {has} variants and people, not {variants, waiting}")


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _rows(name: str, runs: dict[str, list[_Run]]) -> list[Row]:
    own = runs[name]
    rows = [
        Row(name, "CPU per event", "us", [each.cpu_each for each in own]),
        Row(name, "time for all", "s", [each.seconds for each in own]),
        Row(name, "memory before", "MiB", [each.resident for each in own], 0),
    ]
    names = list(runs)
    for floor in names[: names.index(name)]:
        pairs = list(zip(own, runs[floor], strict=True))
        rates = [theirs.seconds / mine.seconds for mine, theirs in pairs]
        rows.append(Row(name, f'rate, of "{floor}"', "x", rates))
        rates = [theirs.cpu_each / mine.cpu_each for mine, theirs in pairs]
        rows.append(Row(name, f'events per CPU time, of "{floor}"', "x", rates))
    return rows
