# SPDX-License-Identifier: Apache-2.0
"""Writes records and knows whether the brokers have all of them, in their order.

`produce` only queues. What becomes of a record is told to a callback. Records are safe when no
error came *and* the queue is empty: neither alone is enough.

The order in a partition survives every error: the producer is idempotent, no record times out by
itself while those behind it go on (how long to wait is decided here, for all of them), and after
a record that the brokers refuse it sends nothing more (`enable.gapless.guarantee`). Dead letters
have no order to keep, and a refused one is written again in another form: they have a producer of
their own, made with the first of them.
"""

import threading
from collections import Counter
from typing import Any, Final

from confluent_kafka import KafkaException, Producer

from connectors.kafka.admin import Cluster, read_cluster
from connectors.kafka.clients import new_producer
from connectors.kafka.dead_letters import is_dead_letter
from connectors.kafka.delivery import Delivery, Patience
from connectors.kafka.letters import LetterWriter
from connectors.kafka.records import Outgoing, Record
from connectors.kafka.settings import KafkaSettings

__all__ = ["Writer"]

_LETTING_GO_SECONDS: Final = 0.05
_SHORT_QUEUE: Final = 10_000
"""Records on their way at once in a flood: 25 ms at 400,000 a second; 500,000 a second where an
answer takes 20 ms."""


class Writer:
    """A producer that reports failure as an exception, at the latest in `flush`.

    Args:
        settings: How to reach Kafka.
        stop: Set when the program is to end: brokers that do not answer are then not waited for
            longer than `connect_timeout`.

    Attributes:
        written: For each topic how many records were handed over.

    Raises:
        KafkaOptionError: librdkafka does not take the configuration.
    """

    def __init__(self, settings: KafkaSettings, stop: threading.Event | None = None) -> None:
        """Make the producer; it connects in the background."""
        self.written: Counter[str] = Counter()
        self._settled = 0
        self._settings = settings
        self._stop = stop or threading.Event()
        self._delivery = Delivery(settings, self._stop)
        self._producer: Producer = new_producer(settings, self._delivery.on_error)
        self._letters = LetterWriter(settings, self._delivery)

    @property
    def queued(self) -> int:
        """Records that the brokers have not acknowledged yet, or few more; any thread may ask.

        A producer counts errors and log lines that nobody has taken from it as well, hundreds in
        an outage: so no more are told than were written since all was acknowledged.
        """
        settled = self._settled  # before the rest, which may only have grown since
        return min(len(self._producer) + self._letters.queued, self._handed_over() - settled)

    def room(self) -> int:
        """How many more records of a flood are worth handing over now; never negative.

        Whatever is written later stands behind them: with a short queue it waits for milliseconds,
        and the brokers have enough to do nevertheless. To be asked by the thread that writes.
        """
        # What was acknowledged counts as long as nobody has taken the reports.
        self._delivery.serve(self._producer.poll, 0)
        return max(0, _SHORT_QUEUE - len(self._producer))

    @property
    def stopping(self) -> bool:
        """Whether the program is to end."""
        return self._stop.is_set()

    def connect(self) -> Cluster:
        """Wait until the cluster answers, so that the first record does not have to.

        Raises:
            BrokerUnreachable: No broker answered within `connect_timeout`.
        """
        return read_cluster(self._producer, self._settings)

    def write(self, outgoing: Outgoing) -> None:
        """Queue records; wait for room while the queue is full.

        Raises:
            DeliveryFailed: A record, of this call or an earlier one, cannot be delivered, or
                there was no room for `delivery_timeout`.
        """
        self._delivery.raise_failure(self._producer)
        self.written[outgoing.topic] += len(outgoing.records)
        if is_dead_letter(outgoing):
            self._letters.write(outgoing)
        else:
            self._queue_all(outgoing)
        self._delivery.serve(self._producer.poll, 0)

    def flush(self) -> None:
        """Wait until the brokers have acknowledged everything that was written.

        Raises:
            DeliveryFailed: Something was refused, or the brokers acknowledged nothing more for
                `delivery_timeout`.
        """
        self._letters.flush()
        self._delivery.drain(self._producer)
        self._delivery.raise_failure(self._producer)
        self._settled = self._handed_over()

    def close(self) -> None:
        """Drop what is queued and let go of the connections."""
        self._producer.purge()
        self._delivery.serve(self._producer.flush, _LETTING_GO_SECONDS)
        self._letters.close()

    def _handed_over(self) -> int:
        # A list, because another thread may add a topic meanwhile.
        return sum(list(self.written.values()))

    def _queue_all(self, outgoing: Outgoing) -> None:
        produce, topic, report = self._producer.produce, outgoing.topic, self._delivery.on_report
        headers: Any = outgoing.headers or []
        timestamp = outgoing.timestamp
        is_plain = not headers and not timestamp
        for key, value in outgoing.records:
            try:
                if is_plain:  # what is not given is not looked at: a sixth of the time
                    produce(topic, value, key, -1, report)
                else:
                    produce(topic, value, key, -1, report, None, timestamp, headers)
            except (BufferError, KafkaException):
                self._queue(outgoing, (key, value))

    def _queue(self, outgoing: Outgoing, record: Record) -> None:
        key, value = record
        patience = Patience(self._delivery, self._producer)
        while True:
            try:
                self._producer.produce(
                    outgoing.topic,
                    value,
                    key,
                    on_delivery=self._delivery.on_report,
                    timestamp=outgoing.timestamp,
                    headers=list(outgoing.headers or ()),
                )
            except BufferError:
                self._delivery.make_room(self._producer, patience)
            except KafkaException as error:
                size = len(key or b"") + len(value or b"")
                self._delivery.fail(outgoing.topic, error.args[0], size)
                self._delivery.raise_failure(self._producer)
            else:
                return
