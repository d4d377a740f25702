# SPDX-License-Identifier: Apache-2.0
"""Section *latency*: from a stock event to the notification in a consumer's hands.

Events are sent at a steady rate while everybody waits. An event's time is the one it was
scheduled for, so that a late sender or a pause of the contender counts against the contender;
a notification belongs to the event that opened its cycle.
"""

import gc
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.bench import Bench
from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.flow import wait_for_sign_ups, wait_until
from benchmarks.job import PARTITIONS, Job, Watcher
from benchmarks.options import Sizes
from benchmarks.processes import running
from benchmarks.reader import ReaderSettings, Seen
from benchmarks.reference import check, expected_output
from benchmarks.report import Row, SectionResult
from benchmarks.trace import Trace, make_trace
from schemas.timestamps import parse_timestamp

__all__ = ["percentile", "run"]

_LINGER = 0.5
_SENDER_LINGER = 1
_TICK_SECONDS = 0.001
_HEAD_START_SECONDS = 0.5


class _Opened(msgspec.Struct, gc=False):
    cycle_opened_at: str


@dataclass(slots=True)
class _Sent:
    """When the events were due, and how late each was sent, in milliseconds."""

    begun_at: float
    late: "array[float]" = field(default_factory=lambda: array("d"))


@dataclass(frozen=True, slots=True)
class _Run:
    to_consumer: list[float]
    to_broker: list[float]
    cores: float
    late: Sequence[float]


def run(bench: Bench) -> SectionResult:
    """Measure every contender in turn, in every round.

    Raises:
        WrongOutput: a contender told the wrong people; nothing was measured.
        BenchmarkError: a contender or the broker failed.
    """
    sizes = bench.options.sizes
    count = min(sizes.rate * sizes.seconds, sizes.job.events)
    trace = make_trace(sizes.job, bench.started_at, count)
    runs: dict[str, list[_Run]] = {each.name: [] for each in CONTENDERS}
    for number in range(sizes.rounds):
        for contender in CONTENDERS[:: -1 if number % 2 else 1]:
            runs[contender.name].append(_run_once(bench, contender, trace, sizes))
    samples = [len(each.to_consumer) for own in runs.values() for each in own]
    return SectionResult(
        name="latency",
        title=f"latency: {sizes.rate:,} stock events a second for {sizes.seconds} s, "
        f"{sizes.job.people:,} people waiting",
        rows=[row for each in CONTENDERS for row in _rows(each.name, runs[each.name])],
        notes=[
            f"{min(samples):,} to {max(samples):,} samples a round, after {sizes.dropped} s.",
            "All outputs were checked: nobody missing, nobody twice, nobody else.",
            "Counted from the scheduled time of sending: the sender's own lateness is in it.",
        ],
        sizes={"rate": sizes.rate, "seconds": sizes.seconds, "people": sizes.job.people},
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def _run_once(bench: Bench, contender: Contender, trace: Trace, sizes: Sizes) -> _Run:
    bench.say(f"latency: {contender.name}")
    job = bench.new_job(contender.name)
    watcher = Watcher(job)
    result = job.directory / "seen"
    expected = expected_output(trace, contender.id_of)
    job.load_sign_ups(trace)
    with (
        running(_reader_command(job, result), job.directory / "reader.log") as reader,
        contender.started(job, _LINGER) as process,
    ):
        wait_for_sign_ups(process, watcher, job.topics.subscriptions)
        before = process.usage().cpu_seconds
        sent = _send(job, trace, sizes.rate)
        wait_until(process, watcher.outputs, len(expected), "notifications")
        cores = (process.usage().cpu_seconds - before) / (time.time() - sent.begun_at / 1000)
        process.stop()
        # What the broker has, the reader has as well once it is idle.
        reader.settle()
        reader.stop()
    seen = msgspec.msgpack.decode(result.read_bytes(), type=list[Seen])
    check(((each.key, each.value) for each in seen), expected, trace)
    watcher.close()
    job.delete_topics()
    return _evaluate(trace, sizes, sent, seen, cores)


def _reader_command(job: Job, result: Path) -> list[str]:
    settings = ReaderSettings(
        job.bootstrap_servers, job.topics.notifications, PARTITIONS, str(result)
    )
    config = job.directory / "reader.json"
    config.write_bytes(msgspec.json.encode(settings))
    return [sys.executable, "-m", "benchmarks.reader", str(config)]


def _send(job: Job, trace: Trace, rate: int) -> _Sent:
    """Send each event at its time, and the sentinels behind them."""
    records = list(trace.inventory_records())
    producer = job.producer(linger_ms=_SENDER_LINGER)
    producer.list_topics(timeout=30)
    produce, topic = producer.produce, job.topics.inventory
    gc.disable()
    begin = time.time() + _HEAD_START_SECONDS
    sent = _Sent(begin * 1000)
    number = 0
    while number < len(records):
        now = time.time()
        due = min(len(records), int((now - begin) * rate) + 1)
        while number < due:
            key, value = records[number]
            produce(topic, value, key)
            sent.late.append((now - begin - number / rate) * 1000)
            number += 1
        producer.poll(0)
        time.sleep(_TICK_SECONDS)
    for partition, key, value in trace.sentinel_records():
        produce(topic, value, key, partition)
    producer.flush(30)
    gc.enable()
    return sent


def _evaluate(trace: Trace, sizes: Sizes, sent: _Sent, seen: Sequence[Seen], cores: float) -> _Run:
    read = msgspec.json.Decoder(_Opened).decode
    to_consumer, to_broker = [], []
    first, last = sizes.dropped * sizes.rate, len(trace.picks)
    for record in seen:
        number = parse_timestamp(read(record.value).cycle_opened_at) - trace.started_at
        if first <= number < last:
            due = sent.begun_at + number / sizes.rate * 1000
            to_consumer.append(record.received_at - due)
            to_broker.append(record.appended_at - due)
    return _Run(to_consumer, to_broker, cores, sent.late[first:])


def _rows(name: str, runs: list[_Run]) -> list[Row]:
    shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "largest": 1.0}
    rows = [
        Row(name, f"to a consumer, {word}", "ms", [percentile(r.to_consumer, share) for r in runs])
        for word, share in shares.items()
    ]
    rows += [
        Row(name, f"to the broker, {word}", "ms", [percentile(r.to_broker, share) for r in runs])
        for word, share in list(shares.items())[:2]
    ]
    rows += [
        Row(name, f"sender late, {word}", "ms", [percentile(r.late, share) for r in runs])
        for word, share in shares.items()
        if word != "p99.9"
    ]
    rows.append(Row(name, "cores used", "cores", [r.cores for r in runs]))
    return rows
