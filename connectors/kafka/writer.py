# SPDX-License-Identifier: Apache-2.0
"""Writes records and knows whether the brokers have all of them.

`produce` only queues. What becomes of a record is told to a callback, and a record that timed out
leaves the queue, so that `flush` returns 0 for it as well. Records are safe when no error came
*and* the queue is empty: neither alone is enough.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.errors import DeliveryFailed
from connectors.kafka.admin import Cluster, read_cluster
from connectors.kafka.clients import LASTING_ERRORS, new_producer
from connectors.kafka.dead_letters import is_dead_letter, truncated
from connectors.kafka.records import Outgoing, Record
from connectors.kafka.settings import KafkaSettings

__all__ = ["Writer"]

_LOG: Final = logging.getLogger(__name__)
_ROOM_SECONDS: Final = 0.05
_SLICE_SECONDS: Final = 0.2
# A record gives up by itself after the delivery timeout; this is for the answer to reach us.
_FLUSH_GRACE_SECONDS: Final = 5.0

_Report = Callable[[KafkaError | None, Message], None]


class Writer:
    """A producer that reports failure as an exception, at the latest in `flush`.

    Args:
        settings: How to reach Kafka.

    Raises:
        KafkaOptionError: librdkafka does not take the configuration.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        """Make the producer; it connects in the background."""
        self._settings = settings
        self._producer: Producer = new_producer(settings, self._on_error)
        self._failed: tuple[str, KafkaError] | None = None
        self._failures = 0
        self._too_large: list[Outgoing] = []

    def connect(self) -> Cluster:
        """Wait until the cluster answers, so that the first record does not have to.

        Raises:
            BrokerUnreachable: No broker answered within `connect_timeout`.
        """
        return read_cluster(self._producer, self._settings)

    def write(self, outgoing: Outgoing) -> None:
        """Queue records; wait for room while the queue is full.

        A dead letter that the brokers refuse as too large is written once more with its value
        cut.

        Raises:
            DeliveryFailed: A record, of this call or an earlier one, cannot be delivered.
        """
        self._raise_failure()
        if is_dead_letter(outgoing):
            for record in outgoing.records:
                self._queue(outgoing, record, partial(self._on_settled, outgoing, record))
        else:
            self._queue_all(outgoing)
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until the brokers have acknowledged everything that was written.

        Raises:
            DeliveryFailed: They did not acknowledge all of it within `delivery_timeout`.
        """
        left = self._flush()
        if self._too_large:
            again, self._too_large = self._too_large, []
            for outgoing in again:
                self._queue(outgoing, outgoing.records[0], self._on_report)
            left = self._flush()
        self._raise_failure()
        if left:
            raise DeliveryFailed(
                f"{left} records were not acknowledged by Kafka at "
                f"{self._settings.bootstrap_servers} in time: check that all brokers are up; "
                "the next start writes them again"
            )

    def close(self) -> None:
        """Drop what is queued and let go of the producer's connections."""
        self._producer.purge()
        self._producer.flush(_ROOM_SECONDS)

    def _flush(self) -> int:
        """Wait in slices, so that signals are seen, and no longer than there is hope."""
        seconds = self._settings.delivery_timeout.total_seconds() + _FLUSH_GRACE_SECONDS
        deadline = time.monotonic() + seconds
        left = self._producer.flush(_SLICE_SECONDS)
        while left and self._failed is None and time.monotonic() < deadline:
            left = self._producer.flush(_SLICE_SECONDS)
        return left

    def _queue_all(self, outgoing: Outgoing) -> None:
        produce, topic, report = self._producer.produce, outgoing.topic, self._on_report
        headers: Any = outgoing.headers or []
        timestamp = outgoing.timestamp
        for key, value in outgoing.records:
            try:
                produce(topic, value, key, -1, report, None, timestamp, headers)
            except (BufferError, KafkaException):
                self._queue(outgoing, (key, value), report)

    def _queue(self, outgoing: Outgoing, record: Record, report: _Report) -> None:
        key, value = record
        while True:
            try:
                self._producer.produce(
                    outgoing.topic,
                    value,
                    key,
                    on_delivery=report,
                    timestamp=outgoing.timestamp,
                    headers=list(outgoing.headers or ()),
                )
            except BufferError:
                self._producer.poll(_ROOM_SECONDS)
                self._raise_failure()
            except KafkaException as error:
                self._on_settled(outgoing, record, error.args[0], None)
                self._raise_failure()
                return
            else:
                return

    def _on_report(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._fail(message.topic() or "", error)

    def _on_settled(
        self, outgoing: Outgoing, record: Record, error: KafkaError | None, _message: object
    ) -> None:
        if error is None:
            return
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            single = Outgoing(outgoing.topic, [record], outgoing.headers, outgoing.timestamp)
            smaller = truncated(single)
            if smaller is not None:
                self._too_large.append(smaller)
                return
        self._fail(outgoing.topic, error)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in LASTING_ERRORS:
            self._fail("", error)
        else:
            _LOG.warning("producer: %s", error.str())

    def _fail(self, topic: str, error: KafkaError) -> None:
        self._failures += 1
        if self._failed is None:
            self._failed = (topic, error)

    def _raise_failure(self) -> None:
        if self._failed is not None:
            topic, error = self._failed
            raise DeliveryFailed(_explain(topic, error, self._failures, self._settings))


def _explain(topic: str, error: KafkaError, count: int, settings: KafkaSettings) -> str:
    where = f"topic {topic}" if topic else f"Kafka at {settings.bootstrap_servers}"
    how_many = "a record was" if count == 1 else f"{count} records were"
    return (
        f"{where}: {how_many} not accepted ({error.str()}): {_remedy(error.code())}; "
        "the next start writes again what is missing"
    )


def _remedy(code: int) -> str:
    if code == KafkaError._MSG_TIMED_OUT:  # noqa: SLF001 - a public constant
        return "check that all brokers are up, or raise kafka.delivery_timeout"
    if code in {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}:
        return "raise max.message.bytes of the topic"
    if code in {KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND}:
        return "bring the topic's replicas up, or lower its min.insync.replicas"
    if code in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}:  # noqa: SLF001
        return "create it with `restock topics create`"
    if code in LASTING_ERRORS:
        return "check the rights to write there, and the credentials in kafka.options"
    return "see the brokers' logs"
