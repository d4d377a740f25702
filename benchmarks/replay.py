# SPDX-License-Identifier: Apache-2.0
"""Section *replay*: a recorded trace of the job through `restock replay`, beside a plain loop.

Each run is a process of its own, on one core. Its CPU time is what the system has counted when it
has ended, less that of the same program with an empty trace.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.bench import Bench
from benchmarks.errors import BenchmarkError, WrongOutput
from benchmarks.reference import check, expected_output, hashed_id
from benchmarks.report import Row, SectionResult
from benchmarks.trace import SENTINELS, Trace, make_trace

__all__ = ["check_output", "check_summary", "run", "trace_lines"]

_PROJECT = Path(__file__).parents[1]
_KIBIBYTES = 1024
_MILLION = 1_000_000
_PLAIN, _FULL, _SUMMARY = "plain loop", "restock replay", "restock replay --summary-only"
_PROGRAM = (sys.executable, "-m", "restock", "replay")


class _Profile(msgspec.Struct):
    id: str


class _Told(msgspec.Struct):
    profile: _Profile


@dataclass(frozen=True, slots=True)
class _Run:
    cpu_seconds: float
    peak_mebibytes: float
    printed: str


def run(bench: Bench) -> SectionResult:
    """Let each contender replay the same trace in every round, and check what it has done.

    Raises:
        WrongOutput: one told the wrong people, or counted wrongly.
        BenchmarkError: one failed.
    """
    sizes = bench.options.sizes
    bench.say("replay: making up the trace")
    trace = make_trace(sizes.job, bench.started_at)
    directory = bench.options.directory
    events, output = directory / "replay.jsonl", directory / "told.jsonl"
    with events.open("wb") as file:
        file.writelines(trace_lines(trace))
    lines = len(trace.sign_ups) + len(trace.picks) + SENTINELS
    (directory / "empty.jsonl").touch()
    expected = expected_output(trace, hashed_id)
    runs: dict[str, list[_Run]] = {name: [] for name in (_PLAIN, _FULL, _SUMMARY)}
    for _ in range(sizes.rounds):
        for name, own in runs.items():
            bench.say(f"replay: {name}")
            start = _measure(name, directory / "empty.jsonl", output)
            done = _measure(name, events, output)
            if name != _SUMMARY:
                check_output(output, expected, trace)
            if name != _PLAIN:
                check_summary(json.loads(done.printed), lines, len(expected), trace)
            cpu_seconds = done.cpu_seconds - start.cpu_seconds
            own.append(_Run(cpu_seconds, done.peak_mebibytes, done.printed))
            output.unlink(missing_ok=True)
    events.unlink()
    return SectionResult(
        name="replay",
        title=f"replay: {lines:,} lines, {sizes.job.variants:,} variants, {len(expected):,} told",
        rows=[row for name in runs for row in _rows(name, runs, lines)],
        notes=[
            "Per second of CPU, user and system, of one process; without its start.",
            "Lines: sign-ups and stock events, each with a moment of its own.",
            "All outputs were checked: nobody missing, nobody twice, nobody else.",
        ],
        sizes={"lines": lines, "variants": sizes.job.variants, "told": len(expected)},
    )


def trace_lines(trace: Trace) -> Iterator[bytes]:
    """Yield the lines of a job's trace, each record arriving when it occurred."""
    for topic, at, value in _records(trace):
        yield b'{"at":%d,"topic":"%b","value":%b}\n' % (at, topic, value)


def check_output(output: Path, expected: Mapping[str, int], trace: Trace) -> None:
    """Hold a file of notifications against the plain reference.

    Raises:
        WrongOutput: it is not what is expected.
    """
    key_of = msgspec.json.Decoder(_Told).decode
    with output.open("rb") as values:
        check(((f"id:{key_of(v).profile.id}".encode(), v) for v in values), expected, trace)


def check_summary(found: Mapping[str, int], lines: int, told: int, trace: Trace) -> None:
    """Hold a summary against what the trace holds.

    Raises:
        WrongOutput: a figure differs.
    """
    wanted = {
        "events": lines,
        "dead_lettered": 0,
        "tombstones": 0,
        "notifications": told,
        "waiting": len(trace.wanted) - told,
        "variants": len({variant for variant, _ in trace.stock_figures()} | {*trace.wanted}),
    }
    for name, number in wanted.items():
        if found.get(name) != number:
            raise WrongOutput(f"summary: {name} is {found.get(name)}, expected {number}")


def _records(trace: Trace) -> Iterator[tuple[bytes, int, bytes]]:
    for number, (_, value) in enumerate(trace.sign_up_records()):
        yield b"subscriptions", trace.signed_up_at(number), value
    number = trace.started_at
    for _, value in trace.inventory_records():
        yield b"inventory", number, value
        number += 1
    for _, _, value in trace.sentinel_records():
        yield b"inventory", number, value
        number += 1


def _measure(name: str, events: Path, output: Path) -> _Run:
    command = {
        _PLAIN: (sys.executable, "-m", "benchmarks.plain_replay", str(events), str(output)),
        _FULL: (*_PROGRAM, str(events), "--output", str(output), "--json"),
        _SUMMARY: (*_PROGRAM, str(events), "--summary-only", "--json"),
    }[name]
    environment = {key: text for key, text in os.environ.items() if not key.startswith("RESTOCK_")}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=_PROJECT, env=environment, stdout=pipe, stderr=pipe, text=True
    ) as process:
        # Little is printed: neither pipe is ever full.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        printed, said = process.communicate()
    if process.returncode != 0:
        raise BenchmarkError(f"{name} ended with {process.returncode}: {said.strip()[-200:]}")
    return _Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _KIBIBYTES, printed)


def _rows(name: str, runs: Mapping[str, list[_Run]], lines: int) -> list[Row]:
    own = runs[name]
    rows = [
        Row(name, "events per second of CPU", "1/s", [lines / one.cpu_seconds for one in own], 0),
        Row(name, "CPU per event", "us", [one.cpu_seconds / lines * _MILLION for one in own]),
        Row(name, "most memory", "MiB", [one.peak_mebibytes for one in own], 0),
    ]
    if name != _PLAIN:
        # Those of one round ran one after the other: their ratio is steadier than either.
        pairs = zip(own, runs[_PLAIN], strict=True)
        ratios = [mine.cpu_seconds / theirs.cpu_seconds for mine, theirs in pairs]
        rows.append(Row(name, f"CPU, of the {_PLAIN}'s", "x", ratios))
    return rows
