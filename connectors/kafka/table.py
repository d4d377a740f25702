# SPDX-License-Identifier: Apache-2.0
"""Reads a compacted topic from its beginning, and goes on: a table that others write too."""

import logging
import threading
from collections.abc import Callable
from typing import Final, Self

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from connectors.errors import ConnectorError
from connectors.kafka.admin import read_cluster
from connectors.kafka.clients import new_admin, new_consumer
from connectors.kafka.offsets import watermarks
from connectors.kafka.repeats import Warnings
from connectors.kafka.settings import KafkaSettings

__all__ = ["OnRow", "Table"]

_LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 10_000
_READ_SECONDS: Final = 0.1

OnRow = Callable[[bytes, bytes | None], None]
"""Called in the table's thread with a key and its new value; None: the row is gone."""


class Table:
    """Keeps telling of rows while the context lasts.

    Args:
        settings: how to reach Kafka.
        topic: the topic; records without a key are passed over.
        on_row: is told; called for rows that have not changed as well.

    Raises:
        KafkaOptionError: librdkafka does not take the settings.
    """

    def __init__(self, settings: KafkaSettings, topic: str, on_row: OnRow) -> None:
        self._settings = settings
        self._topic = topic
        self._on_row = on_row
        self._warnings = Warnings(_LOG)
        self._stop = threading.Event()
        self._complete = threading.Event()
        self._failure: ConnectorError | None = None
        self._thread = threading.Thread(target=self._run, name="kafka-table", daemon=True)

    def __enter__(self) -> Self:
        """Start reading."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join(2 * _READ_SECONDS + 1)

    def wait(self) -> None:
        """Return when all rows that were there at the start have been told of.

        Raises:
            BrokerUnreachable: the brokers do not answer.
        """
        self._complete.wait()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        consumer = new_consumer(self._settings, self._on_error, **{"enable.partition.eof": True})
        try:
            left = self._begin(consumer)
            while not self._stop.is_set():
                if not left:
                    self._complete.set()
                for message in consumer.consume(_BATCH, _READ_SECONDS):
                    place, offset = message.partition() or 0, message.offset() or 0
                    if self._is_row(message):
                        offset += 1
                    # The last offset may be that of no record: of a transaction's end, of a row
                    # that was compacted away. The end of a partition says so.
                    if left.get(place, 0) <= offset:
                        left.pop(place, None)
        except ConnectorError as error:
            self._failure = error
        finally:
            self._complete.set()
            consumer.close()

    def _is_row(self, message: Message) -> bool:
        """Tell of a record; say whether it is one."""
        error = message.error()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - public
                self._on_error(error)
            return False
        key, value = message.key(), message.value()
        if isinstance(key, bytes) and not isinstance(value, str):
            self._on_row(key, value)
        return True

    def _begin(self, consumer: Consumer) -> dict[int, int]:
        """Assign all partitions; return for those that hold something the offset of their end."""
        count = read_cluster(consumer, self._settings).partitions.get(self._topic, 0)
        places = [(self._topic, number) for number in range(count)]
        known = watermarks(new_admin(self._settings), self._settings, places)
        consumer.assign([TopicPartition(*place, first) for place, (first, _) in known.items()])
        return {number: end for (_, number), (first, end) in known.items() if end > first}

    def _on_error(self, error: KafkaError) -> None:
        self._warnings.warn(f"table {error.code()}", f"topic {self._topic}: {error.str()}")
