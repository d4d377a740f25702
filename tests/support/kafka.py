# SPDX-License-Identifier: Apache-2.0
"""Hands for tests of the Kafka connectors: produce, read back, drive a part by hand."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bytewax.inputs import StatefulSourcePartition
from bytewax.outputs import StatefulSinkPartition
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.failure import Failure
from connectors.kafka.admin import read_cluster
from connectors.kafka.offsets import watermarks
from connectors.kafka.records import Headers, Identify, Outgoing, Partition, RawBatch
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.sink import KafkaSink
from connectors.kafka.source import KafkaSource, Offsets

__all__ = [
    "committed",
    "expected_ids",
    "ids",
    "numbered",
    "opened_sink",
    "opened_source",
    "produce",
    "read",
    "settings_for",
    "sink_part",
    "source_part",
    "take",
    "told",
    "until",
    "value_id",
    "values",
]

PATIENCE_SECONDS = 15.0


def settings_for(bootstrap_servers: str, group_id: str, **fields: Any) -> KafkaSettings:  # noqa: ANN401 - settings differ
    """Settings that suit the mock cluster, which answers an idle fetch only at its end."""
    options = {"fetch.wait.max.ms": 5, **fields.pop("options", {})}
    return KafkaSettings(
        bootstrap_servers=bootstrap_servers,
        group_id=group_id,
        options=options,
        **{"delivery_timeout": "10s", **fields},
    )


def produce(
    bootstrap_servers: str,
    topic: str,
    records: Iterable[tuple[bytes | None, bytes | None]],
    partition: int = 0,
    headers: list[tuple[str, str | bytes | None]] | None = None,
    timestamp: int = 0,
) -> None:
    """Writes records to one partition and waits for them."""
    producer = Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 0, "log_level": 0})
    for key, value in records:
        producer.produce(
            topic, value, key, partition=partition, headers=headers or [], timestamp=timestamp
        )
    assert 0 == producer.flush(PATIENCE_SECONDS)


def read(settings: KafkaSettings, topic: str) -> list[Message]:
    """Reads everything a topic holds, partition by partition."""
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 0})
    count = read_cluster(admin, settings).partitions[topic]
    known = watermarks(admin, settings, [(topic, number) for number in range(count)])
    consumer = Consumer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "group.id": "reader",
            "fetch.wait.max.ms": 5,
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(*place, first) for place, (first, _) in known.items()])
    wanted = sum(end - first for first, end in known.values())
    found: list[Message] = []

    def complete() -> bool:
        found.extend(m for m in consumer.consume(1000, 0.05) if m.error() is None)
        return len(found) >= wanted

    until(complete)
    consumer.close()
    return sorted(found, key=lambda m: (m.partition() or 0, m.offset() or 0))


def committed(settings: KafkaSettings, partitions: Sequence[Partition]) -> dict[Partition, int]:
    """What a consumer group has committed (-1001: nothing)."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "group.id": settings.group_id,
            "log_level": 0,
        }
    )
    places = consumer.committed([TopicPartition(*p) for p in partitions], timeout=PATIENCE_SECONDS)
    consumer.close()
    return {(place.topic, place.partition): place.offset for place in places}


def source_part(
    source: KafkaSource, state: Offsets | None = None
) -> StatefulSourcePartition[RawBatch, Offsets]:
    """Builds the part of a source as Bytewax would."""
    return source.build_part("flow.source", "all", state)


def take(part: StatefulSourcePartition[RawBatch, Offsets], count: int) -> list[Message]:
    """Asks for batches until at least so many records have come."""
    found: list[Message] = []

    def enough() -> bool:
        for batch in part.next_batch():
            found.extend(batch.messages)
        return len(found) >= count

    until(enough)
    return found


def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition that itself waits a moment, and fails when it never comes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        pause.wait(0.001)


def values(messages: Iterable[Message]) -> list[bytes | None]:
    """The values of records."""
    return [message.value() for message in messages]


@contextmanager
def opened_source(
    bootstrap_servers: str,
    topics: list[str],
    **arguments: Any,  # noqa: ANN401 - KafkaSource's own
) -> Iterator[KafkaSource]:
    """A source that is closed in the end."""
    arguments.setdefault("stop", threading.Event())
    settings = settings_for(bootstrap_servers, topics[0])
    source = KafkaSource(settings, topics, **arguments)
    try:
        yield source
    finally:
        source.close()


def numbered(first: int, end: int) -> list[tuple[None, bytes]]:
    """Records that tell each other apart."""
    return [(None, b"%d" % number) for number in range(first, end)]


def value_id(_key: bytes | None, value: bytes | None, _headers: Headers | None) -> bytes | None:
    """Records of ours start with `id`; the rest of the value may differ in a replay."""
    return value.split(b" ")[0] if value is not None and value.startswith(b"id") else None


@contextmanager
def opened_sink(
    settings: KafkaSettings, identify: dict[str, Identify], failure: Failure | None = None
) -> Iterator[KafkaSink]:
    """A sink that is closed in the end, as a process that ends."""
    sink = KafkaSink(settings, identify, failure=failure)
    try:
        yield sink
    finally:
        sink.close()


def sink_part(
    sink: KafkaSink, state: bytes | None = None
) -> StatefulSinkPartition[Outgoing, bytes]:
    """Builds the part of a sink as Bytewax would."""
    return sink.build_part("flow.sink", "all", state)


def told(topic: str, first: int, end: int, rest: bytes = b"") -> Outgoing:
    """A chunk of records with ids."""
    return Outgoing(topic, [(b"%d" % n, b"id%d %s" % (n, rest)) for n in range(first, end)])


def ids(settings: KafkaSettings, topic: str) -> list[bytes]:
    """The ids in a topic, sorted, duplicates included."""
    found = values(read(settings, topic))
    return sorted((value or b"").split(b" ")[0] for value in found)


def expected_ids(first: int, end: int) -> list[bytes]:
    """The ids of `told`, sorted."""
    return sorted(b"id%d" % n for n in range(first, end))
