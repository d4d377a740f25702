# SPDX-License-Identifier: Apache-2.0
"""The demo's own Kafka clients: what the shop's platform writes, and what everybody may read."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from restock.demo.errors import DemoError
from restock.demo.evidence import Evidence, LoggedRecord
from restock.demo.script import Cue
from restock.embedded_broker import EmbeddedBroker
from restock.settings import TopicSettings
from restock.topic_plan import planned_topics
from schemas.topics import dead_letter_topic

__all__ = ["PARTITIONS", "Feeder", "Follower", "create_topics", "read_evidence"]

PARTITIONS: Final = 8
"""Of each topic. The embedded broker keeps about 5 MiB of a partition."""

_TIMEOUT: Final = 10.0
_BATCH: Final = 2_000
_QUIET: Final = {"log_level": 0, "client.id": "restock-demo"}


def create_topics(broker: EmbeddedBroker, topics: TopicSettings) -> None:
    """Create every topic that the program knows of."""
    for spec in planned_topics(topics):
        broker.create_topic(spec.name, PARTITIONS)


class Feeder:
    """Produces the records of the shop's platform. A context manager; leaving it flushes.

    Args:
        bootstrap_servers: The address of the broker.
        topics: The names of the topics.
    """

    def __init__(self, bootstrap_servers: str, topics: TopicSettings) -> None:
        self._topics = topics.by_role()
        self._error: KafkaError | None = None
        self._producer = Producer(
            {
                **_QUIET,
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "partitioner": "murmur2_random",
            }
        )

    def __enter__(self) -> Self:
        """Return the feeder."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Flush when all went well, else drop what has not been sent."""
        if kind is None:
            self.flush()
        else:
            self._producer.purge()

    def send(self, cue: Cue) -> None:
        """Produce one record, in the background."""
        self._producer.produce(
            self._topics[cue.role], cue.value, cue.key, on_delivery=self._delivered
        )
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until everything sent is on its topic.

        Raises:
            DemoError: Something is not.
        """
        left = self._producer.flush(_TIMEOUT)
        if left or self._error is not None:
            reason = self._error.str() if self._error is not None else f"{left} records unsent"
            message = f"the demo cannot write to its broker: {reason}"
            raise DemoError(message)

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        self._error = self._error or error


class Follower:
    """Reads topics from their beginning, and goes on reading. Close it when done.

    Args:
        bootstrap_servers: The address of the broker.
        topics: The names of the topics.
    """

    def __init__(self, bootstrap_servers: str, topics: Iterable[str]) -> None:
        self._partitions = [
            TopicPartition(topic, partition, OFFSET_BEGINNING)
            for topic in topics
            for partition in range(PARTITIONS)
        ]
        self._consumer = Consumer(
            {
                **_QUIET,
                "bootstrap.servers": bootstrap_servers,
                "group.id": "restock-demo",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
                "fetch.queue.backoff.ms": 5,
            }
        )
        self._consumer.assign(self._partitions)

    def poll(self, seconds: float) -> list[tuple[str, LoggedRecord]]:
        """Return the next records with their topics, waiting at most so long for a first one.

        Raises:
            DemoError: The broker does not answer as it should.
        """
        first = self._consumer.poll(seconds)
        if first is None:
            return []
        messages = [first, *self._consumer.consume(_BATCH, 0)]
        return [_logged(message) for message in messages]

    def read_all(self) -> dict[str, list[LoggedRecord]]:
        """Return everything on the topics now, each in the order of partition and offset.

        Raises:
            DemoError: The broker has dropped records, or does not answer.
        """
        found: dict[str, list[LoggedRecord]] = {part.topic: [] for part in self._partitions}
        missing = sum(self._held(part) for part in self._partitions)
        while missing > 0:
            records = self.poll(_TIMEOUT)
            if not records:
                message = f"the demo's broker withholds {missing} records"
                raise DemoError(message)
            missing -= len(records)
            for topic, record in records:
                found[topic].append(record)
        for records_of_topic in found.values():
            records_of_topic.sort(key=lambda record: (record.partition, record.offset))
        return found

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def _held(self, part: TopicPartition) -> int:
        low, high = self._consumer.get_watermark_offsets(
            TopicPartition(part.topic, part.partition), timeout=_TIMEOUT
        )
        if low > 0:
            message = (
                f"the embedded broker has dropped the first {low} records of {part.topic} "
                f"[{part.partition}]: it holds about 5 MiB of each; take fewer --people"
            )
            raise DemoError(message)
        return int(high)


def read_evidence(bootstrap_servers: str, topics: TopicSettings) -> Evidence:
    """Read the topics that the summary is made of, from their beginning.

    Raises:
        DemoError: The broker has dropped records, or does not answer.
    """
    inputs = (topics.inventory, topics.subscriptions, topics.orders)
    results = (topics.notifications, topics.deliveries)
    letters = [dead_letter_topic(name) for name in inputs]
    with _reading(bootstrap_servers, [*inputs, *letters, *results]) as found:
        return Evidence(
            inventory=tuple(found[topics.inventory]),
            subscriptions=tuple(found[topics.subscriptions]),
            orders=tuple(found[topics.orders]),
            notifications=tuple(found[topics.notifications]),
            deliveries=tuple(found[topics.deliveries]),
            dead_letters=tuple(record for name in letters for record in found[name]),
        )


@contextmanager
def _reading(
    bootstrap_servers: str, topics: Iterable[str]
) -> Iterator[dict[str, list[LoggedRecord]]]:
    follower = Follower(bootstrap_servers, topics)
    try:
        yield follower.read_all()
    except KafkaException as error:
        message = f"the demo cannot read from its broker: {error.args[0].str()}"
        raise DemoError(message) from None
    finally:
        follower.close()


def _logged(message: Message) -> tuple[str, LoggedRecord]:
    error = message.error()
    if error is not None:
        text = f"the demo cannot read from its broker: {error.str()}"
        raise DemoError(text)
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    key, value = message.key() or b"", message.value()
    timestamp = message.timestamp()[1]
    return str(topic), LoggedRecord(partition or 0, offset or 0, timestamp, key, value)
