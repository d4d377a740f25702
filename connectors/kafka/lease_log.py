# SPDX-License-Identifier: Apache-2.0
"""The log of leases: one partition, written and read with clients of its own.

The first partition holds all leases, whatever their number: a key must not move when partitions
are added. The producer's queue holds nothing else, so that a lease never waits behind
notifications.
"""

import time
from datetime import timedelta
from typing import Any, Final, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from msgspec import Struct

from connectors.errors import BrokerUnreachable
from connectors.kafka.clients import new_consumer, new_producer
from connectors.kafka.settings import KafkaSettings

__all__ = ["KafkaLeaseLog", "LeaseLog", "LeaseLogRecord", "NotAcknowledged"]

_PARTITION: Final = 0
_BATCH: Final = 10_000
_READ_SECONDS: Final = 0.05
_WAIT_SECONDS: Final = 0.02


class LeaseLogRecord(Struct, frozen=True, gc=False):
    """A record of the log."""

    offset: int
    key: bytes | None
    value: bytes | None


class NotAcknowledged(Exception):  # noqa: N818 - it says what is the matter
    """The brokers did not acknowledge a record in time; it may be in the log none the less."""


class LeaseLog(Protocol):
    """What the lease needs of a log."""

    def append(self, key: bytes, value: bytes, seconds: float) -> int:
        """Write a record, wait for its acknowledgement, and return its offset.

        Raises:
            NotAcknowledged: None came within `seconds`.
        """

    def read_to_end(self) -> list[LeaseLogRecord]:
        """Return all records there are, and go on from there in `poll`; to be called once.

        Raises:
            BrokerUnreachable: The brokers do not answer.
        """

    def poll(self, seconds: float) -> list[LeaseLogRecord]:
        """Return records that have come since, after at most `seconds`."""

    def stop_reading(self) -> None:
        """Let go of what is needed for reading; `append` goes on."""

    def close(self) -> None:
        """Let go of everything; what is not acknowledged is dropped."""


class KafkaLeaseLog:
    """The log as a topic.

    Args:
        settings: How to reach Kafka.
        topic: The topic of leases.
        lifetime: How long a record may wait to be sent: no longer than it is worth anything.

    Raises:
        KafkaOptionError: librdkafka does not take the configuration.
    """

    def __init__(self, settings: KafkaSettings, topic: str, lifetime: timedelta) -> None:
        """Make the clients; they connect in the background."""
        self._settings = settings
        self._topic = topic
        self._error = "no answer"
        producer: dict[str, Any] = {
            # Being idempotent would cost half a second at the start. A record that is written
            # twice says the same twice, and one at a time keeps their order.
            "enable.idempotence": False,
            "enable.gapless.guarantee": False,
            "max.in.flight.requests.per.connection": 1,
            "delivery.report.only.error": False,
            "linger.ms": 0,
            "message.timeout.ms": lifetime // timedelta(milliseconds=1),
            # By default a broker that is back is tried after up to ten seconds.
            "reconnect.backoff.max.ms": 500,
        }
        self._producer: Producer = new_producer(settings, self._on_error, **producer)
        self._consumer: Consumer | None = None

    def append(self, key: bytes, value: bytes, seconds: float) -> int:
        """Write a record, wait for its acknowledgement, and return its offset.

        Raises:
            NotAcknowledged: None came within `seconds`.
        """
        deadline = time.monotonic() + seconds
        offset, failed = -1, False

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            nonlocal offset, failed
            if error is None:
                offset = message.offset() or 0
            else:
                self._error, failed = error.str(), True

        try:
            self._producer.produce(
                self._topic, value, key, partition=_PARTITION, on_delivery=on_delivery
            )
        except (BufferError, KafkaException) as error:
            raise NotAcknowledged(str(error)) from None
        while offset < 0 and not failed and time.monotonic() < deadline:
            self._producer.poll(_WAIT_SECONDS)
        if offset < 0:
            raise NotAcknowledged(self._error)
        self._error = "no answer"
        return offset

    def read_to_end(self) -> list[LeaseLogRecord]:
        """Return all records there are, and go on from there in `poll`; to be called once.

        Raises:
            BrokerUnreachable: No record came for as long as `connect_timeout`.
        """
        config: dict[str, Any] = {
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 5,
        }
        self._consumer = new_consumer(self._settings, self._on_error, **config)
        # Only now: a consumer that is there earlier has met an end that is none any more.
        # A number, because librdkafka asks for the first offset only after half a second.
        self._consumer.assign([TopicPartition(self._topic, _PARTITION, 0)])
        patience = self._settings.connect_timeout.total_seconds()
        deadline = time.monotonic() + patience
        found: list[LeaseLogRecord] = []
        at_end = False
        while not at_end:
            for message in self._consume(_READ_SECONDS):
                error = message.error()
                if error is None:
                    deadline = time.monotonic() + patience
                    found.append(_record(message))
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - a public constant
                    at_end = True
                else:
                    self._error = error.str()
            if not at_end and time.monotonic() > deadline:
                text = (
                    f"{self._topic} cannot be read from Kafka at "
                    f"{self._settings.bootstrap_servers} ({self._error}): check that all brokers "
                    "are up, and the rights to read it"
                )
                raise BrokerUnreachable(text)
        return found

    def poll(self, seconds: float) -> list[LeaseLogRecord]:
        """Return records that have come since, after at most `seconds`."""
        return [_record(each) for each in self._consume(seconds) if each.error() is None]

    def stop_reading(self) -> None:
        """Close the consumer."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def close(self) -> None:
        """Close the clients; what is not acknowledged is dropped."""
        self.stop_reading()
        self._producer.purge()
        self._producer.flush(_WAIT_SECONDS)

    def _consume(self, seconds: float) -> list[Message]:
        if self._consumer is None:
            return []
        first = self._consumer.poll(seconds)
        return [] if first is None else [first, *self._consumer.consume(_BATCH, 0)]

    def _on_error(self, error: KafkaError) -> None:
        self._error = error.str()


def _record(message: Message) -> LeaseLogRecord:
    return LeaseLogRecord(message.offset() or 0, message.key(), message.value())
