# SPDX-License-Identifier: Apache-2.0
"""Section *fencing*: what keeps two writers apart, and what it costs (docs/fencing.md).

Three ways to write the same records to one broker: as the program does, beside a lease that is
renewed every second; in one Kafka transaction an epoch; in a transaction for each 10 ms. And what
a process still sends that was frozen in full flood for longer than its lease.
"""

import os
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from benchmarks.bench import Bench
from benchmarks.job import PARTITIONS, Job
from benchmarks.report import Row, SectionResult
from connectors.errors import LeaseLost
from connectors.kafka.clients import new_admin, new_producer
from connectors.kafka.lease import LeaseRequest, ShardLease, boot_clock, validity, within_lease
from connectors.kafka.lease_log import KafkaLeaseLog
from connectors.kafka.offsets import LATEST, list_offsets
from connectors.kafka.settings import KafkaSettings
from schemas.leases import LeaseHolder

__all__ = ["run"]

_EPOCH_SECONDS = 1.0
_TICK_SECONDS = 0.01
_LEASE_TIMEOUT = timedelta(seconds=6)
_SHORT_LEASE = timedelta(seconds=1)
_RECORD_BYTES = 400
_FLOOD_SECONDS = 1.0
_PATIENCE = 60.0
_MARK = b"."


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to write: how long a transaction lasts, and what readers must do."""

    name: str
    transaction_seconds: float | None

    @property
    def isolation(self) -> str:
        return "read_uncommitted" if self.transaction_seconds is None else "read_committed"


_WAYS = (
    _Way("lease, idempotent producer", None),
    _Way("a transaction an epoch (1 s)", _EPOCH_SECONDS),
    _Way("a transaction each 10 ms", _TICK_SECONDS),
)


def run(bench: Bench) -> SectionResult:
    """Measure each way in turn, in every round; then freeze a process in each round."""
    sizes = bench.options.sizes
    seconds, count = max(3, sizes.seconds // 5), sizes.engine
    rows: dict[tuple[str, str, str], list[float]] = {}
    for number in range(sizes.rounds):
        for way in _WAYS:
            bench.say(f"fencing: {way.name}, round {number + 1}")
            job = bench.new_job("fencing")
            steady = _measure(job, way, int(sizes.rate / 5 * seconds), sizes.rate // 5)
            flood = _measure(job, way, count, 0)
            for key, value in (
                (("latency, median", "ms"), statistics.median(steady.latencies)),
                (("latency, 99 %", "ms"), _percentile(steady.latencies, 0.99)),
                (("throughput", "thousand/s"), count / flood.seconds / 1000),
                (("CPU of the writer, steady", "us/record"), steady.cpu_micros),
                (("CPU of the writer, flood", "us/record"), flood.cpu_micros),
            ):
                rows.setdefault((way.name, *key), []).append(value)
            job.delete_topics()
    for number in range(max(3, sizes.rounds)):
        bench.say(f"fencing: frozen in full flood, round {number + 1}")
        job = bench.new_job("frozen")
        late, milliseconds = _thaw(job)
        for figure, unit, value in (
            ("sent after it thawed", "records", late),
            ("from thawing to its end", "ms", milliseconds),
        ):
            rows.setdefault(("frozen in full flood", figure, unit), []).append(value)
        job.delete_topics()
    ordered = sorted(rows.items(), key=lambda item: item[0][0])
    return SectionResult(
        name="fencing",
        title=f"fencing: {_RECORD_BYTES} bytes a record, {sizes.rate // 5:,}/s and a flood",
        rows=[Row(*key, values, 0 if key[2] == "records" else 1) for key, values in ordered],
        notes=[
            "Latency: from the call that produces to the hands of a consumer of another process.",
            "Consumers of transactions read what is committed; a lease needs nothing of them.",
        ],
        sizes={"rate": sizes.rate // 5, "seconds": seconds, "flood": count},
    )


@dataclass(frozen=True, slots=True)
class _Measured:
    seconds: float
    cpu_micros: float
    latencies: list[float]


def _measure(job: Job, way: _Way, count: int, rate: int) -> _Measured:
    """Write `count` records, `rate` a second or (0) as fast as may be, and read them."""
    topic = job.topics.notifications
    ours, theirs = get_context("spawn").Pipe()
    arguments = (theirs, job.bootstrap_servers, topic, way.isolation, count)
    reader = get_context("spawn").Process(target=_read, args=arguments)
    reader.start()
    theirs.close()
    ours.recv()
    settings = KafkaSettings(bootstrap_servers=job.bootstrap_servers)
    config: dict[str, Any] = {}
    if way.transaction_seconds is not None:
        config["transactional.id"] = f"{topic}-{time.time_ns()}"
    producer = new_producer(settings, _ignore, **config)
    if way.transaction_seconds is not None:
        producer.init_transactions(_PATIENCE)
    producer.list_topics(timeout=_PATIENCE)
    held = _leased(job, _LEASE_TIMEOUT) if way.transaction_seconds is None else nullcontext()
    with held as lease:
        cpu, began = time.process_time(), time.monotonic()
        _write(producer, topic, way, count, rate, lease)
        cpu = time.process_time() - cpu
        latencies: list[float] = ours.recv()
        seconds = time.monotonic() - began
    reader.join()
    return _Measured(seconds, cpu / count * 1e6, latencies)


def _write(
    producer: Producer, topic: str, way: _Way, count: int, rate: int, lease: ShardLease | None
) -> None:
    length = way.transaction_seconds or _EPOCH_SECONDS
    rest = b"x" * _RECORD_BYTES
    began = begun = time.monotonic()
    if way.transaction_seconds is not None:
        producer.begin_transaction()
    sent = 0
    while sent < count:
        if lease is not None:
            lease.check()
        due = int((time.monotonic() - began) * rate) if rate else sent + 100
        for _ in range(min(due, count) - sent):
            _produce(producer, topic, b"%d" % time.time_ns() + _MARK + rest)
        sent = max(sent, min(due, count))
        producer.poll(0)
        if time.monotonic() - begun >= length:
            begun = time.monotonic()
            _end_epoch(producer, way, more=True)
        if rate:
            time.sleep(_TICK_SECONDS / 10)
    _end_epoch(producer, way, more=False)


def _end_epoch(producer: Producer, way: _Way, *, more: bool) -> None:
    if way.transaction_seconds is None:
        producer.flush(_PATIENCE)
        return
    producer.commit_transaction(_PATIENCE)
    if more:
        producer.begin_transaction()


def _produce(producer: Producer, topic: str, value: bytes) -> None:
    while True:
        try:
            producer.produce(topic, value)
        except BufferError:
            producer.poll(_TICK_SECONDS)
        else:
            return


def _read(pipe: Connection, address: str, topic: str, isolation: str, count: int) -> None:
    """Read so many records that come from now on; tell how old each was, in milliseconds."""
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "fencing",
            "isolation.level": isolation,
            "fetch.wait.max.ms": 50,
            "log_level": 0,
        }
    )
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    for place in places:
        place.offset = _end_of(consumer, place)
    consumer.assign(places)
    consumer.consume(1, 0.5)
    pipe.send(None)
    ages: list[float] = []
    while len(ages) < count:
        first = consumer.poll(1.0)
        messages = [] if first is None else [first, *consumer.consume(10_000, 0)]
        now = time.time_ns()
        for message in messages:
            value = message.value()
            if message.error() is None and value is not None:
                ages.append((now - int(value[: value.index(_MARK)])) / 1e6)
    consumer.close()
    pipe.send(ages)


def _end_of(consumer: Consumer, place: TopicPartition) -> int:
    """The end of a partition; a new one has its leader only after a moment."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return consumer.get_watermark_offsets(place, timeout=_PATIENCE)[1]
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(_TICK_SECONDS)


def _thaw(job: Job) -> tuple[int, float]:
    """Freeze a flooding process for longer than its lease; how many records still come?"""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_flood, args=(theirs, job))
    process.start()
    theirs.close()
    ours.recv()
    time.sleep(_FLOOD_SECONDS)
    os.kill(process.pid or 0, signal.SIGSTOP)
    try:
        time.sleep(2 * _SHORT_LEASE.total_seconds())
        before = _end(job)
    finally:
        os.kill(process.pid or 0, signal.SIGCONT)
    thawed = time.monotonic()
    process.join(_PATIENCE)
    milliseconds = (time.monotonic() - thawed) * 1000
    time.sleep(_EPOCH_SECONDS)
    return _end(job) - before, milliseconds


def _flood(pipe: Connection, job: Job) -> None:
    """Write as the program does, until the lease is lost."""
    settings = KafkaSettings(bootstrap_servers=job.bootstrap_servers)
    producer = new_producer(within_lease(settings, _SHORT_LEASE), _ignore)
    producer.list_topics(timeout=_PATIENCE)
    value = b"x" * _RECORD_BYTES
    with _leased(job, _SHORT_LEASE) as lease:
        pipe.send(None)
        try:
            while True:
                lease.check()
                for _ in range(100):
                    _produce(producer, job.topics.notifications, value)
                producer.poll(0)
        except LeaseLost:
            _leave()


def _end(job: Job) -> int:
    settings = KafkaSettings(bootstrap_servers=job.bootstrap_servers)
    places = [(job.topics.notifications, number) for number in range(PARTITIONS)]
    return sum(list_offsets(new_admin(settings), settings, places, LATEST).values())


@contextmanager
def _leased(job: Job, timeout: timedelta) -> Iterator[ShardLease]:
    settings = KafkaSettings(bootstrap_servers=job.bootstrap_servers)
    now = time.time_ns() // 1_000_000
    holder = LeaseHolder(
        host="benchmark",
        pid=os.getpid(),
        started_at=now,
        directory=str(job.directory),
        boot_id=None,
        process_start=None,
        pid_namespace=None,
        lock_device=None,
        lock_inode=None,
    )
    request = LeaseRequest(
        job.topics.leases, job.bootstrap_servers, "bench", "0/1", job.name, holder, timeout
    )
    log = KafkaLeaseLog(settings, job.topics.leases, validity(timeout))
    lease = ShardLease(request, log, lambda _: None, clock=boot_clock, now=lambda: now)
    lease.acquire()
    lease.start(lambda _: _leave())
    yield lease
    lease.release()


def _ignore(_error: KafkaError) -> None:
    """Leave it to librdkafka, which tries again."""


def _leave() -> None:
    """End as the program does: at once, with whatever is queued."""
    sys.stderr.flush()
    os._exit(1)


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
