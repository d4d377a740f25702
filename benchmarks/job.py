# SPDX-License-Identifier: Apache-2.0
"""The topics of one run, and what the harness does with them: fill, watch, read."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.errors import BenchmarkError
from benchmarks.trace import SENTINELS, Trace
from connectors.kafka.admin import create_topics
from connectors.kafka.settings import KafkaSettings
from restock.settings import TopicSettings
from restock.topic_plan import planned_topics

__all__ = ["PARTITIONS", "Job", "OpenTransaction", "Output", "Watcher"]

PARTITIONS = SENTINELS

_TIMEOUT = 30.0
_BATCH = 10_000
_TRANSACTION_MILLISECONDS = 900_000
# Java's choice: most platforms' records fall so.
_PARTITIONER = "murmur2_random"


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one contender.

    Attributes:
        bootstrap_servers: the broker.
        name: unique; also the consumer group.
        directory: an empty one for what the contender writes.
        topics: its topics.
    """

    bootstrap_servers: str
    name: str
    directory: Path
    topics: TopicSettings

    @classmethod
    def create(cls, bootstrap_servers: str, name: str, directory: Path) -> "Job":
        """Make the topics as `restock topics create` does, with broker time in the output."""
        roles = TopicSettings().by_role()
        topics = TopicSettings(**{role: f"{name}.{role}" for role in roles})
        specs = [
            replace(spec, config={**spec.config, "message.timestamp.type": "LogAppendTime"})
            if spec.name == topics.notifications
            else spec
            for spec in planned_topics(topics)
        ]
        settings = KafkaSettings(bootstrap_servers=bootstrap_servers)
        create_topics(settings, specs, PARTITIONS, -1)
        own = directory / name
        own.mkdir()
        return cls(bootstrap_servers, name, own, topics)

    def delete_topics(self) -> None:
        """Give the space back."""
        names = [spec.name for spec in planned_topics(self.topics)]
        admin = AdminClient(self.client())  # what it promises ends with it
        for done in admin.delete_topics(names).values():
            done.result(_TIMEOUT)

    def client(self, **options: str | float | bool) -> dict[str, str | float | bool]:
        """The configuration of a client of the harness."""
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "log_level": 0,
            **{name.replace("_", "."): value for name, value in options.items()},
        }

    def producer(self, **options: str | float | bool) -> Producer:
        """A producer that writes as platforms do."""
        common = {"partitioner": _PARTITIONER, "enable.idempotence": True}
        return Producer({**self.client(**options), **common})

    def load_sign_ups(self, trace: Trace) -> None:
        """Write all subscription records."""
        topic = self.topics.subscriptions
        self.produce(topic, trace.sign_up_records())
        producer = self.producer()
        for partition, key, value in trace.sentinel_sign_ups():
            producer.produce(topic, value, key, partition)
        _flush(producer)

    def produce(self, topic: str, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Write records, each a key and a value, and wait until the broker has them."""
        producer = self.producer(linger_ms=20)
        _produce(producer, topic, records)
        _flush(producer)


class OpenTransaction:
    """The inventory, in Kafka, but not yet to be seen by anybody who reads what is committed.

    Args:
        job: where.
        trace: what.
    """

    def __init__(self, job: Job, trace: Trace) -> None:
        """Write every record and wait until the broker has them."""
        self._producer = job.producer(
            transactional_id=job.name,
            transaction_timeout_ms=_TRANSACTION_MILLISECONDS,
            message_timeout_ms=_TRANSACTION_MILLISECONDS,
            linger_ms=20,
        )
        self._producer.init_transactions(_TIMEOUT)
        self._producer.begin_transaction()
        topic = job.topics.inventory
        _produce(self._producer, topic, trace.inventory_records())
        # The sentinels must stand behind everything else of their partition.
        _flush(self._producer)
        for partition, key, value in trace.sentinel_records():
            self._producer.produce(topic, value, key, partition)
        _flush(self._producer)

    def commit(self) -> float:
        """Let all be seen at once; give the time just before, in epoch seconds."""
        begun = time.time()
        self._producer.commit_transaction(_TIMEOUT)
        return begun


@dataclass(frozen=True, slots=True)
class Output:
    """A record of the output topic.

    Attributes:
        key: its key.
        value: its value.
        appended_at: when the broker wrote it, in epoch milliseconds.
    """

    key: bytes
    value: bytes
    appended_at: int


class Watcher:
    """Looks at a job from outside.

    Args:
        job: the job.
    """

    def __init__(self, job: Job) -> None:
        self._topics = job.topics
        options = job.client(group_id=job.name, isolation_level="read_uncommitted")
        self._consumer = Consumer({**options, "enable.auto.commit": False})

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()

    def ends(self, topic: str) -> list[int]:
        """The end offset of each partition, what is not committed yet included."""
        marks = [
            self._consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=_TIMEOUT)
            for p in range(PARTITIONS)
        ]
        return [mark[1] for mark in marks]

    def outputs(self) -> int:
        """How many notification records there are."""
        return sum(self.ends(self._topics.notifications))

    def behind(self, topic: str, ends: list[int]) -> int:
        """How many records of a topic the contender has not committed yet as done."""
        places = [TopicPartition(topic, p) for p in range(PARTITIONS)]
        committed = self._consumer.committed(places, timeout=_TIMEOUT)
        return sum(
            max(0, end - max(0, place.offset)) for place, end in zip(committed, ends, strict=True)
        )

    def read_outputs(self) -> list[Output]:
        """Every notification record there is now."""
        topic = self._topics.notifications
        left = self.outputs()
        self._consumer.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
        found: list[Output] = []
        while len(found) < left:
            # Never more than there are: it would wait for them.
            messages = self._consumer.consume(min(_BATCH, left - len(found)), _TIMEOUT)
            if not messages:
                raise BenchmarkError(f"{topic}: read {len(found)} of {left} records, then nothing")
            for message in messages:
                if message.error() is None:
                    key, value = message.key() or b"", message.value() or b""
                    found.append(Output(key, value, message.timestamp()[1]))
        self._consumer.unassign()
        return found


def _produce(producer: Producer, topic: str, records: Iterable[tuple[bytes, bytes]]) -> None:
    produce = producer.produce
    for key, value in records:
        while True:
            try:
                produce(topic, value, key)
            except BufferError:
                producer.poll(0.1)
            else:
                break


def _flush(producer: Producer) -> None:
    if producer.flush(_TIMEOUT * 10):
        raise BenchmarkError("the broker does not acknowledge what the harness writes")
