# SPDX-License-Identifier: Apache-2.0
"""Messages from a topic: mapped, written, and only then marked as read.

A process that is killed in between reads again what it has written before: records that come twice
change nothing, since their time decides.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec
from confluent_kafka import Consumer, KafkaError
from confluent_kafka import Message as KafkaMessage

from connectors.errors import ConsumerFailed
from connectors.inbound.contract import Mapped, Message, Refusal
from connectors.kafka.clients import LASTING_ERRORS, close_within, new_consumer
from connectors.kafka.dead_letters import REASON_HEADER, dead_letter
from connectors.kafka.progress import GroupProgress
from connectors.kafka.reading import read_through, whole_topics
from connectors.kafka.records import Headers, Partition, headers_of
from connectors.kafka.repeats import Warnings
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.writer import Writer
from restock.ingesting_taking import Taker
from schemas.errors import DeadLetterReason, InvalidRecord
from schemas.topics import dead_letter_topic

__all__ = ["WAITING", "Letters", "TopicRun", "group_of", "message_of", "show_topic"]

_LOG: Final = logging.getLogger(__name__)
_WAIT_SECONDS: Final = 0.1
_LONGEST_DETAIL: Final = 4_096
WAITING: Final = "unknown_item"
"""The reason of refusals that end when a platform's item becomes known."""

_TOMBSTONE: Final = Mapped(ignored="tombstone")


def group_of(settings: KafkaSettings, name: str) -> str:
    """Return the consumer group of a source."""
    return f"{settings.group_id}-ingest-{name}"


def message_of(record: KafkaMessage, headers: Headers) -> Message | None:
    """Return a record with its headers as a source reads it; None: it is a tombstone."""
    value = record.value()
    if value is None:
        return None
    texts = {name.lower(): (text or b"").decode(errors="replace") for name, text in headers}
    key = (record.key() or b"").decode(errors="replace")
    return Message(value, record.timestamp()[1], texts, key)


def _first_of(refusals: Sequence[Refusal]) -> Refusal:
    """The refusal that names the reason of a dead letter: one that may end, if there is one."""
    return next((each for each in refusals if each.reason == WAITING), refusals[0])


@dataclass(frozen=True, slots=True)
class Letters:
    """Writes dead letters.

    Attributes:
        writer: to Kafka.
        topic: of stock, to whose dead letters they go.
        group: the consumer group that read the records.
    """

    writer: Writer
    topic: str
    group: str

    def write(self, record: KafkaMessage, headers: Headers, refusals: Sequence[Refusal]) -> None:
        """Keep a record of which a part or the whole could not be taken, as it came.

        Args:
            record: as it came.
            headers: of the record.
            refusals: why, at least one.

        Raises:
            DeliveryFailed: an earlier record cannot be delivered.
        """
        detail = "; ".join(dict.fromkeys(refusal.detail for refusal in refusals))
        error = InvalidRecord(DeadLetterReason.INVALID_VALUE, detail=detail[:_LONGEST_DETAIL])
        letter = dead_letter(record, error, self.group, "0", headers)
        told = (letter.headers or [])[:-1]  # the last is the reason
        told.append((REASON_HEADER, _first_of(refusals).reason.encode()))
        topic = dead_letter_topic(self.topic)
        self.writer.write(msgspec.structs.replace(letter, topic=topic, headers=told))


class TopicRun:
    """Reads a topic in a consumer group until told to stop.

    Args:
        settings: how to reach Kafka.
        name: of the source.
        topic: what to read.
        taker: takes each message.
        letters: takes what is refused.
        on_batch: called after each batch that was taken, for those who look on.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        name: str,
        topic: str,
        taker: Taker,
        letters: Letters,
        on_batch: Callable[[], None] | None = None,
    ) -> None:
        self._settings = settings.model_copy(update={"group_id": group_of(settings, name)})
        self._topic = topic
        self._taker = taker
        self._letters = letters
        self._on_batch = on_batch
        self._warnings = Warnings(_LOG)
        self._broken: KafkaError | None = None
        self._progress = GroupProgress()
        self._offsets: dict[Partition, int] = {}

    def run(self, stop: threading.Event) -> None:
        """Read until `stop` is set; what was read by then is written and marked as read.

        Raises:
            ConsumerFailed: Kafka refuses to be read.
            ConnectorError: a record cannot be written, or a schema not be had.
        """
        consumer = new_consumer(
            self._settings,
            self._on_error,
            on_commit=self._progress.on_commit,
            # Who starts to read a topic wants all of it; figures that are outdated do no harm.
            **{"auto.offset.reset": "earliest"},
        )
        try:
            consumer.subscribe([self._topic])
            while not stop.is_set():
                self._take(consumer, self._poll(consumer))
            self._settle(consumer)
        finally:
            close_within(consumer, self._settings.connect_timeout.total_seconds())

    def _poll(self, consumer: Consumer) -> list[KafkaMessage]:
        records = consumer.consume(1, _WAIT_SECONDS)
        if records:
            records += consumer.consume(self._settings.batch_size, 0)
        for record in records:
            error = record.error()
            if error is not None:
                self._broken = error
        if self._broken is not None:
            raise ConsumerFailed(
                f"topic {self._topic} cannot be read any more ({self._broken.str()}): check that "
                "it exists, the rights of the group "
                f"{self._settings.group_id}, and kafka.options; the next start goes on"
            )
        return records

    def _take(self, consumer: Consumer, records: list[KafkaMessage]) -> None:
        if not records:
            return
        ends: dict[Partition, int] = {}
        for record in records:
            headers = headers_of(record)
            message = message_of(record, headers)
            if message is None:
                self._taker.tally.add(_TOMBSTONE)
            else:
                mapped = self._taker.take(message)
                if mapped.refusals:
                    self._letters.write(record, headers, mapped.refusals)
            ends[record.topic() or "", record.partition() or 0] = (record.offset() or 0) + 1
        self._taker.flush()
        self._offsets |= ends
        self._progress.commit(consumer, ends)
        if self._on_batch is not None:
            self._on_batch()

    def _settle(self, consumer: Consumer) -> None:
        assigned = consumer.assignment()
        ours = {
            (place.topic, place.partition): self._offsets[place.topic, place.partition]
            for place in assigned
            if (place.topic, place.partition) in self._offsets
        }
        consumer.pause(assigned)
        self._progress.settle(
            partial(consumer.poll, _WAIT_SECONDS),
            partial(self._progress.commit, consumer, ours),
            self._settings.connect_timeout.total_seconds(),
        )

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in LASTING_ERRORS:
            self._broken = error
        else:
            self._warnings.warn(f"consumer: {error.code()}", f"consumer: {error.str()}")


def show_topic(settings: KafkaSettings, topic: str, taker: Taker) -> None:
    """Take all that a topic holds now, in no group, so that nothing is marked as read.

    Raises:
        BrokerUnreachable: no record came in time.
        TopicMissing: there is no such topic.
    """

    def take(record: KafkaMessage) -> None:
        message = message_of(record, headers_of(record))
        if message is None:
            taker.tally.add(_TOMBSTONE)
        else:
            taker.take(message)

    read_through(settings, whole_topics(settings, [topic]), take)
    taker.flush()
