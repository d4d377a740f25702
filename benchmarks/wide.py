# SPDX-License-Identifier: Apache-2.0
"""Section *wide*: a million variants in one process, and millions of people waiting for them.

Three states are compared: none at all, figures of all variants, and the same with people waiting.
For each: the memory after a start, what an epoch costs with and without stock events, and the time
from `kill -9` until the next process has told somebody. At the end variants come back all over
the widest state, and everybody who waited for them is checked.
"""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

from benchmarks.bench import Bench
from benchmarks.contenders import RESTOCK
from benchmarks.errors import BenchmarkError, WrongOutput
from benchmarks.flow import wait_until
from benchmarks.job import Job, Watcher
from benchmarks.pacing import Due, send, steady
from benchmarks.prepared import prepare
from benchmarks.queues import Queue, check_queues, restock_record
from benchmarks.report import Row, SectionResult
from benchmarks.trace import variant_name
from benchmarks.watched import PLAIN, STOPWATCH, Watched, watched
from benchmarks.wide_state import HIGHEST_FIGURE, Plan, fill_slot
from schemas.timestamps import format_timestamp

__all__ = ["run"]

_NOTHING, _FIGURES, _PEOPLE = "nothing", "figures", "figures and people"
_IDLE_SECONDS = 4
_COME_BACK = 400
_LOOK_SECONDS = 0.005
_PATIENCE_SECONDS = 120.0
_FIRST_PROBE = 90_000_000
_SEED = 20_261_121
_MEBIBYTE = 1 << 20
_MILLION = 1_000_000
_MOST_ROUNDS = 2
"""One takes minutes."""


@dataclass(slots=True)
class _Found:
    """What was found in the rounds, a value for each."""

    disk: float = 0.0
    resident: list[float] = field(default_factory=list)
    idle_cores: list[float] = field(default_factory=list)
    idle_barriers: list[list[float]] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    barriers: list[list[float]] = field(default_factory=list)
    resumes: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)


def run(bench: Bench) -> SectionResult:
    """Measure the three states, one after the other.

    Raises:
        WrongOutput: the state is not what was prepared, or the wrong people were told.
        BenchmarkError: the program or the broker failed.
    """
    sizes = bench.options.sizes.wide
    figures = Plan(sizes, bench.started_at, waiting=False)
    people = Plan(sizes, bench.started_at, waiting=True)
    plans = {_NOTHING: None, _FIGURES: figures, _PEOPLE: people}
    found = {name: _Scene(bench, name, plan).play() for name, plan in plans.items()}
    return SectionResult(
        name="wide",
        title=f"wide: {sizes.variants:,} variants with figures, {sizes.queued:,} of them with "
        f"{people.people:,} people waiting, {sizes.rate:,} stock events a second",
        rows=[row for name in found for row in _rows(name, found, people)],
        notes=[
            "The states were written without Kafka, by the program's own classes.",
            "idle: an epoch a second in which nothing happens; a barrier: from the end of an epoch",
            "until the next record is asked for.",
            "until the first record: from the start of the process until the broker has it.",
            f"Checked: how many wait, and everybody of {min(_COME_BACK, sizes.queued)} variants.",
        ],
        sizes={"variants": sizes.variants, "queued": sizes.queued, "people": people.people},
    )


class _Scene:
    """One state, started again and again."""

    def __init__(self, bench: Bench, name: str, plan: Plan | None) -> None:
        self._bench = bench
        self._name = name
        self._plan = plan
        self._sizes = bench.options.sizes.wide
        self._job: Job = bench.new_job(f"wide-{name}")
        self._watcher = Watcher(self._job)
        self._rng = random.Random(_SEED)
        self._events = 0
        self._told: list[Queue] = []
        self._found = _Found()

    def play(self) -> _Found:
        """Give what was found."""
        rounds = min(self._bench.options.sizes.rounds, _MOST_ROUNDS)
        if self._plan is not None:
            self._load(self._plan)
        self._sign_up_probes(rounds)
        for number in range(rounds):
            self._bench.say(f"wide: {self._name}, round {number + 1}")
            with self._started(STOPWATCH) as own:
                own.wait_until_ready()
                self._measure(own)
            # Leaving the block has killed it.
            self._resume(self._probe(number))
        if self._plan is not None and self._plan.waiting:
            with self._started(PLAIN) as own:
                own.wait_until_ready()
                self._come_back(own, self._plan)
                own.process.stop()
        outputs = self._watcher.read_outputs()
        check_queues(((each.key, each.value) for each in outputs), self._told, RESTOCK.id_of)
        self._watcher.close()
        self._job.delete_topics()
        return self._found

    def _load(self, plan: Plan) -> None:
        self._bench.say(f"wide: making the state of {self._name}")
        prepared = self._job.directory / "prepared"
        self._found.disk = prepare(prepared, partial(fill_slot, plan)) / _MEBIBYTE
        with self._started(("benchmarks.preloaded", str(prepared))) as own:
            own.wait_until_ready()
            found = own.metrics()
            own.process.stop()
        waiting = plan.people if plan.waiting else 0
        wanted = (plan.sizes.variants, waiting)
        if (found["restock_variants"], found["restock_people_waiting"]) != wanted:
            raise WrongOutput(f"wide: (variants, people) should be {wanted}, /metrics says {found}")

    def _started(self, program: Sequence[str]) -> AbstractContextManager[Watched]:
        return watched(self._job, program)

    def _probe(self, number: int) -> Queue:
        """One person who waits for a variant of their own, to be told after a kill."""
        person = _FIRST_PROBE + number
        return Queue(f"PROBE-{number}", range(person, person + 1), self._bench.started_at - person)

    def _sign_up_probes(self, count: int) -> None:
        records = [each for n in range(count) for each in self._probe(n).records()]
        self._job.produce(self._job.topics.subscriptions, records)

    def _measure(self, own: Watched) -> None:
        found, process = self._found, own.process
        found.resident.append(process.own_mebibytes())
        before, begun = process.usage().cpu_seconds, time.time()
        time.sleep(_IDLE_SECONDS)
        found.idle_cores.append((process.usage().cpu_seconds - before) / (time.time() - begun))
        busy, before = time.time(), process.usage().cpu_seconds
        send(self._job, steady(self._job.topics.inventory, self._stock(), self._sizes.rate))
        ended = time.time()
        found.cores.append((process.usage().cpu_seconds - before) / (ended - busy))
        found.idle_barriers.append(own.barriers(begun, busy))
        found.barriers.append(own.barriers(busy, ended))

    def _stock(self) -> Iterator[tuple[bytes, bytes]]:
        """Figures, all over the variants that nobody waits for."""
        sizes = self._sizes
        for _ in range(sizes.rate * sizes.seconds):
            name = variant_name(self._rng.randrange(sizes.queued, sizes.variants))
            when = format_timestamp(self._bench.started_at + self._events)
            quantity = self._rng.randint(1, HIGHEST_FIGURE)
            value = f'{{"variant_id":"{name}","quantity":{quantity},"occurred_at":"{when}"}}'
            self._events += 1
            yield name.encode(), value.encode()

    def _resume(self, probe: Queue) -> None:
        before = self._watcher.outputs()
        self._restock([probe])
        begun = time.time()
        with self._started(PLAIN) as own:
            while self._watcher.outputs() <= before:
                own.process.check_alive()
                if time.time() > begun + _PATIENCE_SECONDS:
                    raise BenchmarkError("wide: nobody was told within two minutes of a start")
                time.sleep(_LOOK_SECONDS)
            self._found.resumes.append(time.time() - begun)
            self._found.peaks.append(own.process.peak_mebibytes())

    def _come_back(self, own: Watched, plan: Plan) -> None:
        step = max(1, plan.sizes.queued // _COME_BACK)
        queues = [plan.queue(v) for v in range(0, plan.sizes.queued, step)][:_COME_BACK]
        self._restock(queues)
        told = sum(len(queue.people) for queue in self._told)
        wait_until(own.process, self._watcher.outputs, told, "notifications")

    def _restock(self, queues: Sequence[Queue]) -> None:
        now = time.time_ns() // _MILLION
        topic = self._job.topics.inventory
        send(self._job, [Due(0.0, topic, *restock_record(q.variant_id, now)) for q in queues])
        self._told += queues


def _rows(name: str, found: dict[str, _Found], plan: Plan) -> list[Row]:
    own = found[name]
    rows = [Row(name, "memory", "MiB", own.resident, 0)]
    if name == _FIGURES:
        each = _shares(own.resident, found[_NOTHING].resident, plan.sizes.variants)
        rows.append(Row(name, "memory for a variant", "bytes", each, 0))
    if name == _PEOPLE:
        each = _shares(own.resident, found[_FIGURES].resident, plan.people)
        rows.append(Row(name, "memory for a person, queues included", "bytes", each, 0))
    if name != _NOTHING:
        rows.append(Row(name, "state on disk", "MiB", [own.disk], 0))
    rows += [
        Row(name, "idle, cores used", "cores", own.idle_cores, 3),
        Row(name, "idle, longest barrier", "ms", [max(each) for each in own.idle_barriers], 1),
        Row(name, "with events, cores used", "cores", own.cores, 3),
        Row(name, "with events, longest barrier", "ms", [max(each) for each in own.barriers], 1),
        Row(name, "killed, until the first record", "s", own.resumes),
        Row(name, "most memory until then", "MiB", own.peaks, 0),
    ]
    return rows


def _shares(more: list[float], less: list[float], count: int) -> list[float]:
    return [(a - b) * _MEBIBYTE / count for a, b in zip(more, less, strict=True)]
