# SPDX-License-Identifier: Apache-2.0
"""Section *back-pressure*: memory while people are told and the broker does not take the records.

Everybody waits for one variant, so that one stock figure tells them all at once. As soon as the
first records are in the topic the broker is stopped (SIGSTOP), and goes on after a while. Then all
must have arrived, each once.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from confluent_kafka import KafkaException

from benchmarks.bench import Bench
from benchmarks.contenders import RESTOCK
from benchmarks.errors import BenchmarkError
from benchmarks.flow import wait_for_sign_ups, wait_until
from benchmarks.job import Job, Watcher
from benchmarks.processes import ProcessTree
from benchmarks.report import Row, SectionResult

__all__ = ["run"]

_OUTAGE_SECONDS = 20.0
_LOOK_SECONDS = 0.1
_SERVE_SECONDS = 30.0
_BROKER = b"kafka.Kafka"
_VARIANT = "hot"


class _Told(msgspec.Struct, gc=False):
    id: str


def run(bench: Bench) -> SectionResult:
    """Measure once: how much memory there is is no matter of chance.

    Raises:
        BenchmarkError: somebody was not told or told twice, or the broker is not ours to stop.
    """
    people = bench.options.sizes.waiting
    bench.say("back pressure: sign-ups")
    job = bench.new_job("back-pressure")
    pid = _broker()
    watcher = Watcher(job)
    _wait_until_served(watcher, job)
    _sign_up(job, people)
    with RESTOCK.started(job, 0.5) as process:
        wait_for_sign_ups(process, watcher, job.topics.subscriptions)
        waiting = process.usage().resident_mebibytes
        begun = time.monotonic()
        _send(job, job.topics.inventory, {"quantity": 1})
        wait_until(process, watcher.outputs, 1, "notifications")
        bench.say("back pressure: the broker is stopped")
        with _stopped(pid):
            memory = _watch(process)
        gone_on = time.monotonic()
        most = max(memory[-1], wait_until(process, watcher.outputs, people, "notifications"))
        ended = time.monotonic()
        peak = process.peak_mebibytes()
        process.stop()
    _check(watcher, people)
    watcher.close()
    job.delete_topics()
    half = len(memory) // 2
    rows = [
        Row("memory", "all waiting", "MiB", [waiting], 0),
        Row("memory", "broker stopped, first half, most", "MiB", [max(memory[:half])], 0),
        Row("memory", "broker stopped, second half, most", "MiB", [max(memory[half:])], 0),
        Row("memory", "afterwards, most", "MiB", [most], 0),
        Row("memory", "most of all, without helpers", "MiB", [peak], 0),
        Row("time", "from the figure to the last record", "s", [ended - begun], 1),
        Row("time", "of this, after the broker went on", "s", [ended - gone_on], 1),
    ]
    return SectionResult(
        name="back-pressure",
        title=f"back-pressure: {people:,} people told at once, the broker stopped for "
        f"{_OUTAGE_SECONDS:g} s meanwhile",
        rows=rows,
        notes=["Each was told once: checked."],
        sizes={"people": people},
    )


def _wait_until_served(watcher: Watcher, job: Job) -> None:
    """A partition's leader is named a little before it knows of its part."""
    deadline = time.monotonic() + _SERVE_SECONDS
    for topic in (job.topics.subscriptions, job.topics.inventory, job.topics.notifications):
        while True:
            try:
                watcher.ends(topic)
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_SECONDS)
            else:
                break


def _sign_up(job: Job, people: int) -> None:
    producer = job.producer(linger_ms=20)
    now = time.time_ns() // 1_000_000
    for number in range(people):
        value = (
            b'{"type":"subscribe","variant_id":"%b","profile":{"id":"P%08d","email":'
            b'"person.%08d@example.com"},"occurred_at":%d}'
            % (_VARIANT.encode(), number, number, now - people + number)
        )
        while True:
            try:
                producer.produce(job.topics.subscriptions, value, _VARIANT)
            except BufferError:
                producer.poll(0.1)
            else:
                break
    if producer.flush(60):
        raise BenchmarkError("the broker does not take the sign-ups")


def _send(job: Job, topic: str, fields: dict[str, int]) -> None:
    producer = job.producer()
    moment = time.time_ns() // 1_000_000
    record = {"variant_id": _VARIANT, "occurred_at": moment, **fields}
    producer.produce(topic, msgspec.json.encode(record), _VARIANT)
    producer.flush(30)


def _watch(process: ProcessTree) -> list[float]:
    """The memory from look to look."""
    memory = []
    end = time.monotonic() + _OUTAGE_SECONDS
    while time.monotonic() < end:
        memory.append(process.usage().resident_mebibytes)
        time.sleep(_LOOK_SECONDS)
    return memory


def _check(watcher: Watcher, people: int) -> None:
    read = msgspec.json.Decoder(_Told).decode
    ids = [read(each.value).id for each in watcher.read_outputs()]
    if not people == len(ids) == len(set(ids)):
        raise BenchmarkError(f"{people} people, {len(ids)} records, {len(set(ids))} different ids")


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _broker() -> int:
    """The broker that this program has started."""
    for entry in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        for pid in map(int, entry.read_text().split()):
            if _BROKER in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    raise BenchmarkError("back-pressure stops the broker: it needs one that it starts itself")
