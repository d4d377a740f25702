# SPDX-License-Identifier: Apache-2.0
"""Section *flow*: how fast, and at what cost, a backlog of stock events is worked off.

All sign-ups are read first, untimed. The inventory is in Kafka already, inside one open
transaction: its commit is the starting gun. The end is broker time of the last output; CPU time
is counted until the contender has committed all offsets, so its last durable epoch is in it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.contenders import CONTENDERS, NAIVE, Contender, stored_mebibytes
from benchmarks.errors import BenchmarkError
from benchmarks.job import Job, OpenTransaction, Watcher
from benchmarks.processes import ProcessTree
from benchmarks.reference import check, expected_output, restocks
from benchmarks.report import Row, SectionResult
from benchmarks.trace import Trace, make_trace

__all__ = ["FlowRun", "run", "run_once", "wait_for_sign_ups", "wait_until"]

_SMALL = 6
"""The small size, for marginal CPU, is this part of the large one."""

_FLOOR = CONTENDERS[0]
_ALL = (*CONTENDERS, NAIVE)
_LINGER = 5.0
_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 60.0
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class FlowRun:
    """What one contender needed for the job once.

    Attributes:
        events: stock events.
        told: people told.
        seconds: from the starting gun to the last output.
        cpu_seconds: user and system time of the program and its helpers.
        peak_mebibytes: the most memory.
        stored_mebibytes: the state on disk at the end.
    """

    events: int
    told: int
    seconds: float
    cpu_seconds: float
    peak_mebibytes: float
    stored_mebibytes: float


_Pair = tuple[FlowRun, FlowRun]


def run(bench: Bench) -> SectionResult:
    """Measure every contender in turn, in every round.

    Raises:
        WrongOutput: a contender told the wrong people; nothing was measured.
        BenchmarkError: a contender or the broker failed.
    """
    sizes = bench.options.sizes
    bench.say("making up the job")
    large = make_trace(sizes.job, bench.started_at)
    small, smallest = (
        make_trace(sizes.job, bench.started_at, sizes.job.events // part)
        for part in (_SMALL, _SMALL**2)
    )
    runs: dict[str, list[_Pair]] = {each.name: [] for each in _ALL}
    if sizes.rounds > 1:
        # A cold broker would be the first one's alone. A single round is but a check.
        run_once(bench, _FLOOR, small)
    for number in range(sizes.rounds):
        # The order alternates, so that what the machine does to the first is not one's alone.
        for contender in _ALL[:: -1 if number % 2 else 1]:
            traces = (smallest, small) if contender.slow else (small, large)
            pair = [run_once(bench, contender, trace) for trace in traces]
            runs[contender.name].append((pair[0], pair[1]))
    job = sizes.job
    told = runs[_FLOOR.name][0][1].told
    return SectionResult(
        name="flow",
        title=f"flow: {job.events:,} stock events over {job.variants:,} variants, "
        f"{job.people:,} people waiting, {restocks(large):,} restocks, {told:,} told",
        rows=[row for each in _ALL for row in _rows(each.name, runs)],
        notes=[
            "CPU: user and system time of the program and its helpers, broker not included.",
            f"marginal CPU: between {job.events // _SMALL:,} and {job.events:,} events.",
            f"{NAIVE.name} did {len(smallest.picks):,} and {len(small.picks):,} events of the job.",
            "All outputs were checked: nobody missing, nobody twice, nobody else.",
        ],
        sizes={"events": job.events, "variants": job.variants, "people": job.people, "told": told},
    )


def wait_for_sign_ups(process: ProcessTree, watcher: Watcher, topic: str) -> None:
    """Wait until a contender has read all sign-ups and come to rest.

    Raises:
        BenchmarkError: it ended, or makes no headway.
    """
    ends = watcher.ends(topic)
    wait_until(process, lambda: -watcher.behind(topic, ends), 0, "sign-ups")
    process.settle()


def wait_until(process: ProcessTree, look: Callable[[], int], goal: int, what: str) -> float:
    """Wait until a number that grows has reached a goal; give the most memory seen, in MiB.

    Raises:
        BenchmarkError: the process ended, or the number did not grow for a minute.
    """
    most, newest, since = 0.0, look(), time.monotonic()
    while newest < goal:
        time.sleep(_LOOK_SECONDS)
        most = max(most, process.usage().resident_mebibytes)
        number = look()
        if number > newest:
            newest, since = number, time.monotonic()
        elif time.monotonic() - since > _PATIENCE_SECONDS:
            stuck = f"{what}: {newest} of {goal}, and no headway for a minute"
            raise BenchmarkError(f"{stuck}; {process.last_words()}")
    return most


def run_once(bench: Bench, contender: Contender, trace: Trace) -> FlowRun:
    """Let one contender do the job, and check what it has done.

    Raises:
        WrongOutput: it told the wrong people.
        BenchmarkError: it or the broker failed.
    """
    bench.say(f"flow: {contender.name}, {len(trace.picks):,} events")
    job = bench.new_job(contender.name)
    watcher = Watcher(job)
    expected = expected_output(trace, contender.id_of)
    job.load_sign_ups(trace)
    inventory = OpenTransaction(job, trace)
    with contender.started(job, _LINGER) as process:
        wait_for_sign_ups(process, watcher, job.topics.subscriptions)
        ends = watcher.ends(job.topics.inventory)
        before = process.usage().cpu_seconds
        begun = inventory.commit()
        most = _wait_for_end(job, watcher, process, len(expected), ends)
        cpu_seconds = process.usage().cpu_seconds - before
        peak = max(process.peak_mebibytes(), most)
        process.stop()
    outputs = watcher.read_outputs()
    check(((each.key, each.value) for each in outputs), expected, trace)
    seconds = max(each.appended_at for each in outputs) / 1000 - begun
    watcher.close()
    job.delete_topics()
    stored = stored_mebibytes(job)
    return FlowRun(len(trace.picks), len(expected), seconds, cpu_seconds, peak, stored)


def _wait_for_end(
    job: Job, watcher: Watcher, process: ProcessTree, told: int, ends: list[int]
) -> float:
    """Wait for all outputs, and until the contender holds all of its input for done."""
    topic = job.topics.inventory
    most = wait_until(process, watcher.outputs, told, "notifications")
    return max(most, wait_until(process, lambda: -watcher.behind(topic, ends), 0, "offsets"))


def _rows(name: str, runs: dict[str, list[_Pair]]) -> list[Row]:
    own = runs[name]
    rows = [
        Row(name, "events a second", "1/s", [_rate(large) for _, large in own], 0),
        Row(name, "CPU per event", "us", [_cpu(large) for _, large in own]),
        Row(name, "marginal CPU per event", "us", [_marginal(*pair) for pair in own]),
        Row(name, "most memory", "MiB", [large.peak_mebibytes for _, large in own], 0),
        Row(name, "state on disk", "MiB", [large.stored_mebibytes for _, large in own], 1),
    ]
    floor = _FLOOR.name
    if name != floor:
        # Those of one round ran one after the other: their ratio is steadier than either.
        pairs = [
            (mine, next(each for each in theirs if each.events == mine.events))
            for (_, mine), theirs in zip(own, runs[floor], strict=True)
        ]
        rates = [_rate(mine) / _rate(theirs) for mine, theirs in pairs]
        cpus = [_cpu(mine) / _cpu(theirs) for mine, theirs in pairs]
        rows.append(Row(name, f"rate, of the {floor}'s", "x", rates))
        rows.append(Row(name, f"CPU, of the {floor}'s", "x", cpus))
    return rows


def _rate(run: FlowRun) -> float:
    return run.events / run.seconds


def _cpu(run: FlowRun) -> float:
    return run.cpu_seconds / run.events * _MILLION


def _marginal(small: FlowRun, large: FlowRun) -> float:
    extra = large.cpu_seconds - small.cpu_seconds
    return extra / (large.events - small.events) * _MILLION
