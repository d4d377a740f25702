# SPDX-License-Identifier: Apache-2.0
"""Section *shards*: one process on all partitions against two supervised ones, same job.

The job, the starting gun and the checks are those of the flow section. Two processes can be twice
as fast only where there are cores for them beside the broker: CPU time per event says what a
further process costs, the cores used say what was left to win.
"""

from benchmarks.bench import Bench
from benchmarks.contenders import RESTOCK, Contender
from benchmarks.flow import FlowRun, run_once
from benchmarks.job import Job
from benchmarks.report import Row, SectionResult
from benchmarks.trace import make_trace

__all__ = ["run"]

_MILLION = 1_000_000
_SMALL = 6
"""The warm-up is this part of the job."""


def _two_shards(job: Job, linger_ms: float) -> list[str]:
    return [*RESTOCK.command(job, linger_ms), "--shards", "0-1/2"]


_ONE = Contender("one process", RESTOCK.command, RESTOCK.id_of)
_TWO = Contender("two shards", _two_shards, RESTOCK.id_of)
_CONTENDERS = (_ONE, _TWO)


def run(bench: Bench) -> SectionResult:
    """Let both do the job in turn, in every round.

    Raises:
        WrongOutput: one of them told the wrong people; nothing was measured.
        BenchmarkError: one of them or the broker failed.
    """
    sizes = bench.options.sizes
    bench.say("making up the job")
    trace = make_trace(sizes.job, bench.started_at)
    if sizes.rounds > 1:
        run_once(bench, _ONE, make_trace(sizes.job, bench.started_at, sizes.job.events // _SMALL))
    runs: dict[str, list[FlowRun]] = {each.name: [] for each in _CONTENDERS}
    for number in range(sizes.rounds):
        # The order alternates, so that what the machine does to the first is not one's alone.
        for contender in _CONTENDERS[:: -1 if number % 2 else 1]:
            runs[contender.name].append(run_once(bench, contender, trace))
    job = sizes.job
    return SectionResult(
        name="shards",
        title=f"shards: {job.events:,} stock events over {job.variants:,} variants, "
        f"{job.people:,} people waiting",
        rows=[*_rows(_ONE.name, runs), *_rows(_TWO.name, runs), *_ratios(runs)],
        notes=[
            "The broker runs on the same machine and takes its part of the cores.",
            "CPU and memory: of supervisor, shards and helpers together.",
            "All outputs were checked: nobody missing, nobody twice, nobody else.",
        ],
        sizes={"events": job.events, "variants": job.variants, "people": job.people},
    )


def _rows(name: str, runs: dict[str, list[FlowRun]]) -> list[Row]:
    own = runs[name]
    return [
        Row(name, "events a second", "1/s", [each.events / each.seconds for each in own], 0),
        Row(name, "CPU per event", "us", [_cpu(each) for each in own]),
        Row(name, "cores used", "", [each.cpu_seconds / each.seconds for each in own]),
        Row(name, "most memory", "MiB", [each.peak_mebibytes for each in own], 0),
    ]


def _ratios(runs: dict[str, list[FlowRun]]) -> list[Row]:
    # Those of one round ran one after the other: their ratio is steadier than either.
    pairs = list(zip(runs[_ONE.name], runs[_TWO.name], strict=True))
    subject = "two against one"
    return [
        Row(subject, "rate", "x", [one.seconds / two.seconds for one, two in pairs]),
        Row(subject, "CPU per event", "x", [_cpu(two) / _cpu(one) for one, two in pairs]),
    ]


def _cpu(run: FlowRun) -> float:
    return run.cpu_seconds / run.events * _MILLION
