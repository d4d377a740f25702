# SPDX-License-Identifier: Apache-2.0
"""Section *epochs*: what it costs to make everything durable every second.

The job of the flow section with epochs of one second and of ten, in turn, with a stopwatch in the
process: an epoch's end is a barrier at which nothing is read until all of it is durable.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.contenders import RESTOCK, Contender
from benchmarks.flow import FlowRun, run_once
from benchmarks.job import Job
from benchmarks.report import Row, SectionResult
from benchmarks.stopwatch import BARRIER, JOURNAL_BYTES
from benchmarks.trace import make_trace

__all__ = ["run"]

_LONG = "epochs of 10 s"
_INTERVALS = {_LONG: "10s", "epochs of 1 s": "1s"}
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class _Measured:
    run: FlowRun
    barriers: list[float]
    journal_bytes: float


def run(bench: Bench) -> SectionResult:
    """Measure both intervals in turn, in every round.

    Raises:
        WrongOutput: the wrong people were told; nothing was measured.
        BenchmarkError: the program or the broker failed.
    """
    sizes = bench.options.sizes
    trace = make_trace(sizes.job, bench.started_at)
    found: dict[str, list[_Measured]] = {name: [] for name in _INTERVALS}
    if sizes.rounds > 1:
        # A cold broker would be the first one's alone. A single round is but a check.
        run_once(bench, RESTOCK, make_trace(sizes.job, bench.started_at, sizes.job.events // 6))
    for number in range(sizes.rounds):
        for name in list(_INTERVALS)[:: -1 if number % 2 else 1]:
            marks = bench.options.directory / f"marks-{number}-{name.replace(' ', '-')}"
            contender = Contender("restock", _command(_INTERVALS[name], marks), RESTOCK.id_of)
            bench.say(f"epochs: {name}")
            measured = run_once(bench, contender, trace)
            found[name].append(_Measured(measured, *_read(marks)))
    return SectionResult(
        name="epochs",
        title=f"epochs: {sizes.job.events:,} stock events over {sizes.job.variants:,} variants, "
        f"{sizes.job.people:,} people waiting",
        rows=[row for name in found for row in _rows(name, found)],
        notes=[
            "CPU: user and system time of the program and its helpers, broker not included.",
            "A barrier: from the end of an epoch until the next record is asked for.",
            "All outputs were checked: nobody missing, nobody twice, nobody else.",
        ],
        sizes={"events": sizes.job.events, "variants": sizes.job.variants},
    )


def _command(interval: str, marks: Path) -> Callable[[Job, float], list[str]]:
    def command(job: Job, linger_ms: float) -> list[str]:
        plain = RESTOCK.command(job, linger_ms)
        config = job.directory / "restock.toml"
        state = f'[state]\nepoch_interval = "{interval}"'
        config.write_text(config.read_text().replace("[state]", state))
        watched = [sys.executable, "-m", "benchmarks.stopwatch", str(marks), str(time.time())]
        return [*watched, *plain[plain.index("run") :]]

    return command


def _read(marks: Path) -> tuple[list[float], float]:
    """The barriers in seconds, and the bytes given to the journals."""
    barriers, journal_bytes = [], 0.0
    for line in marks.read_text().splitlines():
        name, start, end = json.loads(line)
        if name == BARRIER:
            barriers.append(end - start)
        elif name == JOURNAL_BYTES:
            journal_bytes = end
    return barriers, journal_bytes


def _rows(name: str, found: dict[str, list[_Measured]]) -> list[Row]:
    own = found[name]
    runs = [each.run for each in own]
    medians = [statistics.median(each.barriers) * 1000 for each in own]
    rows = [
        Row(name, "events a second", "1/s", [_rate(run) for run in runs], 0),
        Row(name, "CPU per event", "us", [_cpu(run) for run in runs]),
        Row(name, "barrier, median", "ms", medians, 1),
        Row(name, "barrier, largest", "ms", [max(each.barriers) * 1000 for each in own], 1),
        Row(name, "journal, sign-ups included", "bytes/event",
            [each.journal_bytes / each.run.events for each in own], 1),
        Row(name, "state on disk", "MiB", [run.stored_mebibytes for run in runs], 1),
    ]  # fmt: skip
    if name != _LONG:
        pairs = list(zip(runs, [each.run for each in found[_LONG]], strict=True))
        rates = [_rate(mine) / _rate(long) for mine, long in pairs]
        rows.append(Row(name, f"rate, of that with {_LONG}", "x", rates))
        cpus = [_cpu(mine) / _cpu(long) for mine, long in pairs]
        rows.append(Row(name, f"CPU, of that with {_LONG}", "x", cpus))
    return rows


def _rate(run: FlowRun) -> float:
    return run.events / run.seconds


def _cpu(run: FlowRun) -> float:
    return run.cpu_seconds / run.events * _MILLION
