# SPDX-License-Identifier: Apache-2.0
"""What the sections about one hot variant share: a crowd, and other variants' events beside it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.bench import Bench
from benchmarks.job import PARTITIONS, Job
from benchmarks.pacing import Due
from benchmarks.queues import HOT, Queue
from benchmarks.reader import ReaderSettings, Seen
from benchmarks.trace import Trace, TraceSizes, make_trace
from schemas.timestamps import parse_timestamp

__all__ = ["Arrival", "background", "crowd", "others", "read_topic", "sentinels"]

_WHOLE = 5
"""The background is this part of a trace: one event in some fifteen is a restock with a queue."""

_MILLION = 1_000_000


class _Opened(msgspec.Struct, gc=False):
    cycle_opened_at: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A notification of the background.

    Attributes:
        event: the number of the event that it answers.
        received_at: when a consumer had it, in epoch milliseconds.
        appended_at: when the broker had it, in epoch milliseconds.
    """

    event: int
    received_at: float
    appended_at: float


def crowd(bench: Bench, joining: int = 0) -> Queue:
    """The people who wait for the hot variant, those who join later included.

    Args:
        bench: sizes and times.
        joining: how many join later.
    """
    people = bench.options.sizes.crowd.people + joining
    # Numbers of their own: nobody of the job has them.
    first = 10 * _MILLION
    return Queue(HOT, range(first, first + people), bench.started_at - first - 2 * people)


def background(bench: Bench, seconds: int) -> Trace:
    """The stock events of other variants, and who waits for those.

    Args:
        bench: sizes and times.
        seconds: for how long.
    """
    sizes = bench.options.sizes
    events = sizes.crowd.rate * seconds
    whole = TraceSizes(sizes.job.variants, sizes.job.people, events * _WHOLE)
    return make_trace(whole, bench.started_at, events)


def sentinels(job: Job, trace: Trace, at: float) -> list[Due]:
    """The last events, behind all others of their partitions."""
    topic = job.topics.inventory
    return [Due(at, topic, key, value, part) for part, key, value in trace.sentinel_records()]


def read_topic(job: Job, result: Path) -> list[str]:
    """The command of a consumer that reads the notifications as they come."""
    settings = ReaderSettings(
        job.bootstrap_servers, job.topics.notifications, PARTITIONS, str(result)
    )
    config = job.directory / "reader.json"
    config.write_bytes(msgspec.json.encode(settings))
    return [sys.executable, "-m", "benchmarks.reader", str(config)]


def others(trace: Trace, seen: Sequence[Seen]) -> list[Arrival]:
    """What the records say that are about variants of the trace; sentinels are left out."""
    read = msgspec.json.Decoder(_Opened).decode
    found = []
    for record in seen:
        number = parse_timestamp(read(record.value).cycle_opened_at) - trace.started_at
        if number < len(trace.picks):
            found.append(Arrival(number, record.received_at, record.appended_at))
    return found
