# SPDX-License-Identifier: Apache-2.0
"""Sends records at their times, as platforms do, and notes how late each one was."""

import gc
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.errors import BenchmarkError
from benchmarks.job import Job

__all__ = ["Due", "Sent", "send", "steady"]

_LINGER = 1
_TICK_SECONDS = 0.001
_LOOK_SECONDS = 0.05
_HEAD_START_SECONDS = 0.5
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Due:
    """A record and its time.

    Attributes:
        at: seconds after the beginning.
        topic: where it goes.
        key: its key.
        value: its value.
        partition: where in the topic; -1: by its key.
    """

    at: float
    topic: str
    key: bytes
    value: bytes
    partition: int = -1


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent.

    Attributes:
        begun_at: the beginning, in epoch milliseconds.
        late: how late each record was handed to the producer, in milliseconds.
    """

    begun_at: float
    late: "array[float]" = field(default_factory=lambda: array("d"))


def steady(
    topic: str, records: Iterable[tuple[bytes, bytes]], rate: float, begin: float = 0.0
) -> list[Due]:
    """Give records their times, so many a second.

    Args:
        topic: where they go.
        records: key and value of each.
        rate: how many a second.
        begin: seconds after the beginning of all, for the first.
    """
    return [
        Due(begin + number / rate, topic, key, value) for number, (key, value) in enumerate(records)
    ]


def send(job: Job, schedule: Sequence[Due], look: Callable[[], object] = lambda: None) -> Sent:
    """Send each record at its time, and return when the broker has all of them.

    Args:
        job: where.
        schedule: what, in the order of their times.
        look: called every 50 ms meanwhile; it should take a millisecond at most.

    Raises:
        BenchmarkError: the broker does not acknowledge.
    """
    producer = job.producer(linger_ms=_LINGER)
    producer.list_topics(timeout=_TIMEOUT)
    produce, number, looked_at = producer.produce, 0, 0.0
    begin = time.time() + _HEAD_START_SECONDS
    sent = Sent(begin * 1000)
    gc.disable()
    try:
        while number < len(schedule):
            now = time.time() - begin
            while number < len(schedule) and (due := schedule[number]).at <= now:
                produce(due.topic, due.value, due.key, due.partition)
                sent.late.append((now - due.at) * 1000)
                number += 1
            producer.poll(0)
            if now >= looked_at + _LOOK_SECONDS:
                looked_at = now
                look()
            time.sleep(_TICK_SECONDS)
    finally:
        gc.enable()
    if producer.flush(_TIMEOUT):
        raise BenchmarkError("the broker does not acknowledge what the harness sends")
    return sent
