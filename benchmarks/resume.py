# SPDX-License-Identifier: Apache-2.0
"""Section *resume*: from `kill -9` to the first record, and how large the state becomes on disk.

Everybody signs up through Kafka, a fifth of them for one variant. While the program reads them, its
state directory is watched. Then it is killed three times: at rest, when the log beside the bases is
as long as it becomes while people go on signing up, and while the crowd of that one variant is
being told. Each time a variant comes back in stock while nothing runs; what counts is the time from
the start of the next process until the broker has a record that it wrote.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.contenders import RESTOCK
from benchmarks.disk import log_bytes, packed_bytes, stored_bytes
from benchmarks.errors import BenchmarkError
from benchmarks.flow import wait_until
from benchmarks.job import Job, Watcher
from benchmarks.processes import ProcessTree, running
from benchmarks.report import Row, SectionResult
from benchmarks.stopwatch import BARRIER, JOURNAL_BYTES
from benchmarks.trace import person_of, variant_name
from schemas.timestamps import format_timestamp

__all__ = ["run"]

_CROWD = 5
"""Every so manieth person waits for variant 0."""

_LOOK_SECONDS = 0.02
_MORE = 10
"""So much of the people signs up afterwards, to find out how long the log becomes."""

_RATE = 10_000
_PATIENCE_SECONDS = 120.0
_FLOOR_BYTES = 16 << 20
_MEBIBYTE = 1 << 20
_MILLION = 1_000_000


@dataclass(slots=True)
class _Disk:
    """What the state took, while it grew."""

    largest: int = 0
    log: int = 0
    worst: float = 0.0


@dataclass(slots=True)
class _Start:
    """What a start took."""

    seconds: float
    cpu_seconds: float
    mebibytes: float
    log: int
    parts: dict[str, float] = field(default_factory=dict)


def run(bench: Bench) -> SectionResult:
    """Measure each size, in every round from the beginning.

    Raises:
        BenchmarkError: the program or the broker failed, or somebody was told twice.
    """
    rows: list[Row] = []
    sizes = bench.options.sizes
    for people in sizes.resume:
        rounds = [_Scene(bench, people).play() for _ in range(sizes.rounds)]
        name = f"{people:,} waiting"
        for moment in rounds[0][0]:
            starts = [start for own, _ in rounds for start in own[moment]]
            rows += _rows(f"{name}, {moment}", starts)
        disks = [disk for _, disk in rounds]
        rows += [
            Row(name, "largest state on disk", "MiB", [d.largest / _MEBIBYTE for d in disks], 0),
            Row(name, "longest log", "MiB", [d.log / _MEBIBYTE for d in disks], 1),
            Row(name, "state, of its packed size, at worst", "x", [d.worst for d in disks]),
        ]
    variants = _variants(bench, sizes.resume[-1])
    return SectionResult(
        name="resume",
        title=f"resume: up to {sizes.resume[-1]:,} people waiting for {variants:,} variants",
        rows=rows,
        notes=[
            "until the first record: from the start of the process until the broker has it.",
            "The parts are those of a further start, with a stopwatch in the process.",
            f"of its packed size: where the state takes more than {_FLOOR_BYTES // _MEBIBYTE} MiB.",
        ],
        sizes={"people": sizes.resume[-1], "variants": variants},
    )


def _variants(bench: Bench, people: int) -> int:
    return min(bench.options.sizes.job.variants, people // _CROWD)


def _rows(subject: str, starts: list[_Start]) -> list[Row]:
    timed = [start for start in starts if not start.parts]
    rows = [
        Row(subject, "until the first record", "s", [start.seconds for start in timed]),
        Row(subject, "CPU time until then", "s", [start.cpu_seconds for start in timed]),
        Row(subject, "most memory until then", "MiB", [start.mebibytes for start in timed], 0),
        Row(subject, "log beside the bases", "MiB", [start.log / _MEBIBYTE for start in timed], 1),
    ]
    parts = [start.parts for start in starts if start.parts]
    for name in parts[0]:
        seconds = [each.get(name, 0.0) for each in parts]
        rows.append(Row(subject, f"of it {name}", "s", seconds, 3))
    return rows


class _Scene:
    """One state, from the first sign-up on."""

    def __init__(self, bench: Bench, people: int) -> None:
        self._bench = bench
        self._people = people
        self._variants = _variants(bench, people)
        self._job: Job = bench.new_job(f"resume-{people}")
        self._state = self._job.directory / "state"
        self._watcher = Watcher(self._job)
        self._began = time.time_ns() // _MILLION
        self._signed_up = 0
        self._restocked = 0
        self._disk = _Disk()

    def play(self) -> tuple[dict[str, list[_Start]], _Disk]:
        """Give the starts by the moment of the kill, and what the state took."""
        say = self._bench.say
        starts = {}
        say(f"resume: {self._people:,} people sign up")
        self._sign_up(self._people)
        with RESTOCK.started(self._job, 0) as process:
            self._settle(process)
        starts["killed at rest"] = self._starts()
        say("resume: how long does the log become")
        with RESTOCK.started(self._job, 0) as process:
            self._feed(process, until_log=None)
            process.settle()
            longest, self._disk.log = self._disk.log, 0
            self._feed(process, until_log=longest * 9 // 10)
        self._disk.log = longest
        starts["killed with the longest log"] = self._starts()
        say("resume: a crowd is told")
        with RESTOCK.started(self._job, 0) as process:
            self._tell_crowd(process)
        starts["killed while a crowd is told"] = self._starts()
        self._watcher.close()
        self._job.delete_topics()
        return starts, self._disk

    def _settle(self, process: ProcessTree) -> None:
        topic = self._job.topics.subscriptions
        ends = self._watcher.ends(topic)
        packed = packed_bytes(self._variants, _CROWD)
        since, newest = time.monotonic(), sum(ends)
        while behind := self._watcher.behind(topic, ends):
            if behind < newest:
                since, newest = time.monotonic(), behind
            elif time.monotonic() - since > _PATIENCE_SECONDS:
                raise BenchmarkError(f"sign-ups: {behind} to go, and no headway")
            process.check_alive()
            self._look(packed(self._signed_up - behind))
            time.sleep(_LOOK_SECONDS)
        process.settle()

    def _look(self, packed: float) -> int:
        stored, log = stored_bytes(self._state), log_bytes(self._state)
        self._disk.largest = max(self._disk.largest, stored)
        self._disk.log = max(self._disk.log, log)
        if stored > _FLOOR_BYTES:
            self._disk.worst = max(self._disk.worst, stored / packed)
        return log

    def _feed(self, process: ProcessTree, until_log: int | None) -> None:
        """Let people sign up at a steady rate; stop when the log is so long, or all have."""
        packed = packed_bytes(self._variants, _CROWD)
        left = max(self._people // _MORE, _RATE)
        while left > 0:
            begun = time.monotonic()
            self._sign_up(min(left, _RATE // 5))
            left -= _RATE // 5
            while time.monotonic() - begun < 0.2:
                log = self._look(packed(self._signed_up))
                if until_log is not None and log >= until_log:
                    return
                time.sleep(_LOOK_SECONDS)
            process.check_alive()

    def _tell_crowd(self, process: ProcessTree) -> None:
        before = self._watcher.outputs()
        self._restock(0)
        crowd = self._people // _CROWD
        wait_until(process, self._watcher.outputs, before + crowd * 9 // 10, "notifications")

    def _starts(self) -> list[_Start]:
        """Start often enough for a median, killing it after its first record, then with a watch."""
        log = log_bytes(self._state)
        starts = [self._start(log, watch=False) for _ in range(3)]
        return [*starts, self._start(log, watch=True)]

    def _start(self, log: int, *, watch: bool) -> _Start:
        # Nobody but the crowd waits for a variant whose number is a multiple of theirs.
        self._restocked += 2 if (self._restocked + 1) % _CROWD == 0 else 1
        self._restock(self._restocked)
        before = self._watcher.outputs()
        marks = self._job.directory / "marks"
        marks.unlink(missing_ok=True)
        begun = time.time()
        with self._process(marks, begun, watch=watch) as process:
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while self._watcher.outputs() <= before:
                if time.monotonic() > deadline:
                    raise BenchmarkError("resume: no record within two minutes")
                process.check_alive()
                time.sleep(_LOOK_SECONDS / 4)
            seconds = time.time() - begun
            cpu_seconds = process.usage().cpu_seconds
            mebibytes = process.peak_mebibytes()
        parts = _parts(marks, begun, begun + seconds) if watch else {}
        return _Start(seconds, cpu_seconds, mebibytes, log, parts)

    @contextmanager
    def _process(self, marks: Path, begun: float, *, watch: bool) -> Iterator[ProcessTree]:
        if not watch:
            with RESTOCK.started(self._job, 0) as process:
                yield process
            return
        config = self._job.directory / "restock.toml"
        command = [sys.executable, "-m", "benchmarks.stopwatch", str(marks), str(begun)]
        command += ["run", "--config", str(config)]
        with running(command, self._job.directory / "stopwatch.log") as process:
            yield process

    def _sign_up(self, count: int) -> None:
        self._job.produce(
            self._job.topics.subscriptions,
            (self._sign_up_record(n) for n in range(self._signed_up, self._signed_up + count)),
        )
        self._signed_up += count

    def _sign_up_record(self, number: int) -> tuple[bytes, bytes]:
        variant = variant_name(0 if number % _CROWD == 0 else number % self._variants)
        person = person_of(number)
        value = (
            f'{{"type":"subscribe","variant_id":"{variant}","profile":{{"id":"{person.profile_id}",'
            f'"email":"{person.email}"}},"occurred_at":{self._began - self._people * 2 + number}}}'
        )
        return variant.encode(), value.encode()

    def _restock(self, variant: int) -> None:
        name = variant_name(variant)
        when = format_timestamp(time.time_ns() // _MILLION)
        value = f'{{"variant_id":"{name}","quantity":1,"occurred_at":"{when}"}}'
        self._job.produce(self._job.topics.inventory, [(name.encode(), value.encode())])


def _parts(marks: Path, begun: float, ended: float) -> dict[str, float]:
    """The seconds of each part, from what the stopwatch wrote."""
    parts: dict[str, float] = {}
    last = begun
    for line in marks.read_text().splitlines():
        name, start, end = json.loads(line)
        if start < ended and name not in {BARRIER, JOURNAL_BYTES}:
            parts[name] = parts.get(name, 0.0) + end - start
            last = max(last, end)
    parts["first turn and first record"] = max(0.0, ended - last)
    return parts
