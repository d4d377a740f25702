# SPDX-License-Identifier: Apache-2.0
"""Section *fan-out*: a crowd waits for one variant, and it comes back.

Stock events of other variants go on at a steady rate, and people wait for those as well. What
counts is the time from the scheduled sending of the one figure until the last of the crowd stands
in the topic, how long the people of other variants wait meanwhile, and how much the memory grows.
"""

import time
from array import array
from dataclasses import dataclass, field, replace

import msgspec

from benchmarks.bench import Bench
from benchmarks.contenders import BARE, CONTENDERS, Contender
from benchmarks.crowd import Arrival, background, crowd, others, read_topic, sentinels
from benchmarks.flow import wait_for_sign_ups, wait_until
from benchmarks.job import Job, Watcher
from benchmarks.latency import percentile
from benchmarks.options import CrowdSizes
from benchmarks.pacing import Due, Sent, send, steady
from benchmarks.processes import ProcessTree, running
from benchmarks.queues import HOT, Queue, check_queues, is_about, restock_record
from benchmarks.reader import Seen
from benchmarks.reference import check, expected_output
from benchmarks.report import Row, SectionResult
from benchmarks.trace import Trace

__all__ = ["run"]

_LINGER = 5.0
_HOT_AFTER = 0.4
"""The crowd's variant comes back when this share of the time is over."""

_LEAST_WINDOW = 1.0
_MILLION = 1_000_000
_MOST_ROUNDS = 2
"""One takes minutes."""


@dataclass(slots=True)
class _Footprint:
    """What the program used, looked at again and again."""

    process: ProcessTree
    times: "array[float]" = field(default_factory=lambda: array("d"))
    cpu: "array[float]" = field(default_factory=lambda: array("d"))
    mebibytes: "array[float]" = field(default_factory=lambda: array("d"))

    def look(self) -> None:
        used = self.process.usage()
        self.times.append(time.time())
        self.cpu.append(used.cpu_seconds)
        self.mebibytes.append(used.resident_mebibytes)

    def cpu_at(self, when: float) -> float:
        """CPU seconds used by the first look at or after a time, or by the last."""
        return next(
            (used for at, used in zip(self.times, self.cpu, strict=True) if at >= when),
            self.cpu[-1],
        )


@dataclass(frozen=True, slots=True)
class _Run:
    first: float
    last: float
    last_received: float
    before: list[float]
    meanwhile: list[float]
    meanwhile_broker: list[float]
    growth: float
    growth_with_helpers: float
    cpu_each: float
    late: float


def run(bench: Bench) -> SectionResult:
    """Measure every contender in turn, in every round; all read the same sign-ups.

    Raises:
        WrongOutput: a contender told the wrong people; nothing was measured.
        BenchmarkError: a contender or the broker failed.
    """
    sizes = bench.options.sizes
    bench.say("fan-out: people sign up")
    trace, queue = background(bench, sizes.crowd.seconds), crowd(bench)
    loaded = bench.new_job("fan-out")
    loaded.load_sign_ups(trace)
    loaded.produce(loaded.topics.subscriptions, queue.records())
    runs: dict[str, list[_Run]] = {each.name: [] for each in CONTENDERS}
    for number in range(min(sizes.rounds, _MOST_ROUNDS)):
        for contender in CONTENDERS[:: -1 if number % 2 else 1]:
            bench.say(f"fan-out: {contender.name}")
            runs[contender.name].append(_run_once(bench, contender, loaded, trace, queue))
    loaded.delete_topics()
    samples = [len(each.meanwhile) for own in runs.values() for each in own]
    return SectionResult(
        name="fan-out",
        title=f"fan-out: {sizes.crowd.people:,} people wait for one variant, "
        f"{sizes.job.people:,} for {sizes.job.variants:,} others with "
        f"{sizes.crowd.rate:,} stock events a second",
        rows=[row for each in CONTENDERS for row in _rows(each.name, runs)],
        notes=[
            "told: from the scheduled sending of the one figure.",
            "others: from the scheduled sending of their figure to a consumer.",
            f"meanwhile: figures due until the last was told ({_LEAST_WINDOW:.0f} s at least).",
            f"{min(samples):,} to {max(samples):,} notifications a round.",
            "All outputs were checked: nobody missing, nobody twice, everybody in their place.",
        ],
        sizes={"crowd": sizes.crowd.people, "people": sizes.job.people, "rate": sizes.crowd.rate},
    )


def _run_once(bench: Bench, contender: Contender, loaded: Job, trace: Trace, queue: Queue) -> _Run:
    own = bench.new_job(contender.name)
    shared = {"subscriptions": loaded.topics.subscriptions}
    job = replace(own, topics=own.topics.model_copy(update=shared))
    watcher, result = Watcher(job), job.directory / "seen"
    expected = expected_output(trace, contender.id_of)
    schedule, hot_at = _schedule(job, trace, bench.options.sizes.crowd)
    with (
        running(read_topic(job, result), job.directory / "reader.log") as reader,
        contender.started(job, _LINGER) as process,
    ):
        wait_for_sign_ups(process, watcher, job.topics.subscriptions)
        footprint, resident = _Footprint(process), process.own_mebibytes()
        process.forget_peak()
        sent = send(job, schedule, footprint.look)

        def told() -> int:
            footprint.look()
            return watcher.outputs()

        wait_until(process, told, len(expected) + len(queue.people), "notifications")
        footprint.look()
        growth = process.peak_mebibytes() - resident
        process.stop()
        # What the broker has, the reader has as well once it is idle.
        reader.settle()
        reader.stop()
    seen = msgspec.msgpack.decode(result.read_bytes(), type=list[Seen])
    hot = [each for each in seen if is_about(each.value)]
    rest = [each for each in seen if not is_about(each.value)]
    check_queues(((each.key, each.value) for each in hot), [queue], contender.id_of)
    check(((each.key, each.value) for each in rest), expected, trace)
    watcher.close()
    own.delete_topics()
    measured = _Measured(sent, hot_at, footprint, growth)
    return _evaluate(bench.options.sizes.crowd, measured, hot, others(trace, rest))


@dataclass(frozen=True, slots=True)
class _Measured:
    sent: Sent
    hot_at: float
    footprint: _Footprint
    growth: float


def _schedule(job: Job, trace: Trace, sizes: CrowdSizes) -> tuple[list[Due], float]:
    topic, hot_at = job.topics.inventory, sizes.seconds * _HOT_AFTER
    # It must not be dated into the future, nor before the sign-ups.
    hot = Due(hot_at, topic, *restock_record(HOT, time.time_ns() // _MILLION))
    schedule = [*steady(topic, trace.inventory_records(), sizes.rate), hot]
    schedule.sort(key=lambda due: due.at)
    return [*schedule, *sentinels(job, trace, sizes.seconds)], hot_at


def _evaluate(sizes: CrowdSizes, measured: _Measured, hot: list[Seen], rest: list[Arrival]) -> _Run:
    begun_at, hot_at = measured.sent.begun_at, measured.hot_at
    came = begun_at + hot_at * 1000
    last = (max(each.appended_at for each in hot) - came) / 1000
    begin, window = hot_at * sizes.rate, max(last, _LEAST_WINDOW) * sizes.rate
    first = sizes.dropped * sizes.rate
    before, meanwhile, meanwhile_broker = [], [], []
    for each in rest:
        due = begun_at + each.event / sizes.rate * 1000
        if first <= each.event < begin:
            before.append(each.received_at - due)
        elif begin <= each.event < begin + window:
            meanwhile.append(each.received_at - due)
            meanwhile_broker.append(each.appended_at - due)
    used = measured.footprint
    spent = used.cpu_at(came / 1000 + last) - used.cpu_at(came / 1000)
    quiet = max(m for t, m in zip(used.times, used.mebibytes, strict=True) if t < came / 1000)
    return _Run(
        first=(min(each.appended_at for each in hot) - came) / 1000,
        last=last,
        last_received=(max(each.received_at for each in hot) - came) / 1000,
        before=before,
        meanwhile=meanwhile,
        meanwhile_broker=meanwhile_broker,
        growth=measured.growth,
        growth_with_helpers=max(used.mebibytes) - quiet,
        cpu_each=spent / len(hot) * _MILLION,
        late=max(measured.sent.late),
    )


def _rows(name: str, runs: dict[str, list[_Run]]) -> list[Row]:
    own = runs[name]
    rows = [
        Row(name, "first of the crowd told", "s", [each.first for each in own]),
        Row(name, "last of the crowd told", "s", [each.last for each in own]),
        Row(name, "last of the crowd, at a consumer", "s", [each.last_received for each in own]),
        Row(name, "others before, p50", "ms", [percentile(each.before, 0.5) for each in own], 1),
        Row(name, "others before, p99", "ms", [percentile(each.before, 0.99) for each in own], 1),
    ]
    shares = {"p50": 0.5, "p99": 0.99, "largest": 1.0}
    rows += [
        Row(name, f"others meanwhile, {word}", "ms",
            [percentile(each.meanwhile, share) for each in own], 1)
        for word, share in shares.items()
    ]  # fmt: skip
    at_broker = [percentile(each.meanwhile_broker, 0.99) for each in own]
    rows += [
        Row(name, "others meanwhile, p99 to the broker", "ms", at_broker, 1),
        Row(name, "growth of memory", "MiB", [each.growth for each in own], 0),
        Row(name, "growth with helpers", "MiB", [each.growth_with_helpers for each in own], 0),
        Row(name, "CPU for each person told", "us", [each.cpu_each for each in own]),
        Row(name, "sender late, largest", "ms", [each.late for each in own], 1),
    ]
    if name != BARE.name:
        pairs = list(zip(own, runs[BARE.name], strict=True))
        ratios = [mine.last / theirs.last for mine, theirs in pairs]
        rows.append(Row(name, f"last told, of the {BARE.name}'s", "x", ratios))
        waits = [
            percentile(mine.meanwhile, 0.99) / percentile(theirs.meanwhile, 0.99)
            for mine, theirs in pairs
        ]
        rows.append(Row(name, f"others' p99, of the {BARE.name}'s", "x", waits))
    return rows
