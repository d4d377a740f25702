# SPDX-License-Identifier: Apache-2.0
"""Writes dead letters, each in a form that its topic accepts."""

from collections.abc import Callable
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.kafka.clients import new_producer
from connectors.kafka.dead_letters import truncated, undated
from connectors.kafka.delivery import Delivery, Patience
from connectors.kafka.records import Outgoing, Record
from connectors.kafka.settings import KafkaSettings

__all__ = ["LetterWriter"]

_LETTING_GO_SECONDS: Final = 0.05

_OTHER_FORM: Final[dict[int, Callable[[Outgoing], Outgoing | None]]] = {
    KafkaError.INVALID_TIMESTAMP: undated,
    KafkaError.MSG_SIZE_TOO_LARGE: truncated,
}
"""What to do with a dead letter that is refused: None means that there is no other form."""


class LetterWriter:
    """A producer for dead letters, made when the first of them is written.

    What a broker refuses for its size is cut, for its age gets the time of writing. Anything else
    is a failure as of any other record.

    Args:
        settings: How to reach Kafka.
        delivery: Told of what cannot be delivered.
    """

    def __init__(self, settings: KafkaSettings, delivery: Delivery) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._delivery = delivery
        self._producer: Producer | None = None
        self._again: list[tuple[Outgoing, frozenset[int]]] = []

    @property
    def queued(self) -> int:
        """Dead letters that the brokers have not acknowledged yet; any thread may ask."""
        producer = self._producer
        return 0 if producer is None else len(producer)

    def write(self, letters: Outgoing) -> None:
        """Queue dead letters; wait for room while the queue is full.

        Raises:
            DeliveryFailed: A record cannot be delivered.
            KafkaOptionError: librdkafka does not take the configuration.
        """
        producer = self._producer = self._producer or self._new()
        for record in letters.records:
            self._queue(producer, letters, record, frozenset())
        self._delivery.serve(producer.poll, 0)

    def flush(self) -> None:
        """Wait until every dead letter has been acknowledged, in whichever form.

        Raises:
            DeliveryFailed: One was refused in every form, or none was acknowledged any more for
                `delivery_timeout`.
        """
        if self._producer is None:
            return
        self._delivery.drain(self._producer)
        while self._again and not self._delivery.failed:
            again, self._again = self._again, []
            for letter, refusals in again:
                # Each by itself: brokers refuse whole batches for one record.
                self._queue(self._producer, letter, letter.records[0], refusals)
                self._delivery.drain(self._producer)
        self._delivery.raise_failure(self._producer)

    def close(self) -> None:
        """Drop what is queued and let go of the connections."""
        if self._producer is not None:
            self._producer.purge()
            self._delivery.serve(self._producer.flush, _LETTING_GO_SECONDS)
            self._producer = None

    def _new(self) -> Producer:
        config = {"enable.gapless.guarantee": False}
        return new_producer(self._settings, self._delivery.on_error, **config)

    def _queue(
        self, producer: Producer, letters: Outgoing, record: Record, refusals: frozenset[int]
    ) -> None:
        key, value = record
        single = Outgoing(letters.topic, [record], letters.headers, letters.timestamp)
        patience = Patience(self._delivery, producer)
        while True:
            try:
                producer.produce(
                    letters.topic,
                    value,
                    key,
                    on_delivery=partial(self._on_settled, single, refusals),
                    timestamp=letters.timestamp,
                    headers=list(letters.headers or ()),
                )
            except BufferError:
                self._delivery.make_room(producer, patience)
            except KafkaException as error:
                self._on_settled(single, refusals, error.args[0], None)
                self._delivery.raise_failure(producer)
                return
            else:
                return

    def _on_settled(
        self,
        letter: Outgoing,
        refusals: frozenset[int],
        error: KafkaError | None,
        _message: Message | None,
    ) -> None:
        if error is None:
            return
        code = error.code()
        change = None if code in refusals else _OTHER_FORM.get(code)
        other = None if change is None else change(letter)
        if other is not None:
            self._again.append((other, refusals | {code}))
        else:
            ((key, value),) = letter.records
            self._delivery.fail(letter.topic, error, len(key or b"") + len(value or b""))
