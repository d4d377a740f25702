# SPDX-License-Identifier: Apache-2.0
"""The sink `kafka`: a topic for each channel, for those who deliver by a program of their own.

A record has the profile key as its key, the message's id in the header `restock-message-id`, and
as its value::

    {"message_id": "..", "step": "first", "channel": "EMAIL", "template": "back_in_stock",
     "notifications": [<records as in Kafka>]}

A message is sent when all in-sync replicas have its record. A record that comes twice, because its
acknowledgement was lost, has the same id.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Final, Literal

import msgspec
from confluent_kafka import KafkaError
from confluent_kafka import Message as Report
from pydantic import BaseModel, ConfigDict, Field

from connectors.durations import Duration
from connectors.errors import KafkaOptionError, SinkError
from connectors.kafka.clients import LASTING_ERRORS
from connectors.kafka.served import Outgoing, ServedProducer
from connectors.kafka.settings import KafkaSettings
from connectors.sinks.content import Person, read_notification
from connectors.sinks.contract import Answer, Message, Resolution
from connectors.sinks.outcomes import Outcome, Outcomes
from schemas.fields import Channel
from schemas.identifiers import person_identifiers

__all__ = ["KAFKA_OUTCOMES", "MESSAGE_ID_HEADER", "KafkaSink", "KafkaSinkSettings"]

MESSAGE_ID_HEADER: Final = "restock-message-id"

_INVALID: Final = Outcome(Resolution.FINAL, "invalid_record")
_TOO_LARGE: Final = Outcome(Resolution.FINAL, "too_large")
_TOPIC_MISSING: Final = Outcome(Resolution.RETRY, "topic_missing")

KAFKA_OUTCOMES: Final = Outcomes(
    {
        # Rights and passwords are put right, and nobody is to miss their message for them.
        **dict.fromkeys(LASTING_ERRORS, Outcome(Resolution.RETRY, "authentication")),
        KafkaError.INVALID_RECORD: Outcome(Resolution.FINAL, "refused"),
        KafkaError.MSG_SIZE_TOO_LARGE: _TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE: _TOO_LARGE,
        KafkaError.UNKNOWN_TOPIC_OR_PART: _TOPIC_MISSING,
        KafkaError._MSG_TIMED_OUT: Outcome(Resolution.RETRY, "timeout"),  # noqa: SLF001 - public
        KafkaError._UNKNOWN_PARTITION: _TOPIC_MISSING,  # noqa: SLF001
        KafkaError._UNKNOWN_TOPIC: _TOPIC_MISSING,  # noqa: SLF001
    },
    {
        LookupError: _INVALID,
        ValueError: _INVALID,
        TimeoutError: Outcome(Resolution.RETRY, "timeout"),
    },
    default=Outcome(Resolution.RETRY, "not_acknowledged"),
    prefix="kafka",
)
"""What becomes of a record, by the code of its error."""

_SENT: Final = Answer(Resolution.SENT)
_ROOM_SECONDS: Final = 0.02
_GRACE: Final = timedelta(seconds=2)
"""Reports of records that timed out come up to a second later."""

_Name = Annotated[str, Field(min_length=1)]


class KafkaSinkSettings(BaseModel):
    """Topics to hand messages over in: a `[sinks.NAME]` table of this kind.

    Attributes:
        kind: Always `"kafka"`.
        topics: The topic of each channel, such as `{ EMAIL = "shop.emails" }`.
        timeout: How long brokers may take to acknowledge a record.
        concurrency: How many batches may be under way at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["kafka"] = "kafka"
    topics: dict[Channel, _Name] = Field(min_length=1)
    timeout: Duration = Field(default=timedelta(seconds=30), ge=timedelta(milliseconds=100))
    concurrency: int = Field(default=4, ge=1, le=100)


class KafkaSink:
    """Writes each message as a record.

    Brokers refuse a whole batch for one record that is too large: what was refused is tried again
    by itself before that is believed.

    Args:
        settings: which topics.
        kafka: how to reach Kafka.
    """

    batch_size = 1_000

    def __init__(self, settings: KafkaSinkSettings, kafka: KafkaSettings) -> None:
        self._topics: dict[str, str] = dict(settings.topics.items())
        self._kafka = kafka
        self._timeout = settings.timeout
        self.concurrency = settings.concurrency
        self._batching: ServedProducer | None = None
        self._single: ServedProducer | None = None

    async def open(self) -> None:
        """Get ready to send; the producer connects in the background.

        Raises:
            SinkError: librdkafka does not take the settings.
        """
        try:
            self._batching = self._producer()
            self._single = self._producer(**{"batch.num.messages": 1})
        except KafkaOptionError as error:
            await self.close()
            raise SinkError(str(error)) from None

    async def send(self, messages: Sequence[Message]) -> list[Answer]:
        """Write messages, and wait for what the brokers say.

        Raises:
            SinkError: the sink is not open.
        """
        if self._batching is None or self._single is None:
            raise SinkError("the sink is not open: call open() before send()")
        answers: dict[int, Answer] = {}
        records: dict[int, Outgoing] = {}
        for place, message in enumerate(messages):
            made = self._record(message)
            if isinstance(made, Answer):
                answers[place] = made
            else:
                records[place] = made
        reported = await self._produce(self._batching, records)
        refused = {
            place: records[place]
            for place, answer in reported.items()
            if answer.resolution is Resolution.FINAL
        }
        answers |= reported | await self._produce(self._single, refused)
        return [answers[place] for place in range(len(messages))]

    async def close(self) -> None:
        """Drop what is not acknowledged and let go of the connections."""
        producers = [each for each in (self._batching, self._single) if each is not None]
        self._batching = self._single = None
        await asyncio.gather(*(asyncio.to_thread(producer.close) for producer in producers))

    def _producer(self, **config: Any) -> ServedProducer:  # noqa: ANN401 - librdkafka's values
        milliseconds = self._timeout // timedelta(milliseconds=1)
        return ServedProducer(self._kafka, **{"message.timeout.ms": milliseconds, **config})

    def _record(self, message: Message) -> Outgoing | Answer:
        topic = self._topics.get(message.channel)
        if topic is None:
            detail = f"no topic is set for {message.channel}"
            return _TOPIC_MISSING.answer("", detail)
        try:
            people = [read_notification(value).profile for value in message.notifications]
            key = _profile_key(people[0])
        except (LookupError, ValueError) as error:
            return KAFKA_OUTCOMES.of_exception(error, type(error).__name__)
        return Outgoing(topic, key, _value(message), _headers(message))

    async def _produce(
        self, producer: ServedProducer, records: Mapping[int, Outgoing]
    ) -> dict[int, Answer]:
        if not records:
            return {}
        reports = _Reports(len(records))
        try:
            async with asyncio.timeout((self._timeout + _GRACE).total_seconds()):
                for place, record in records.items():
                    # Nobody is told when there is room again.
                    while not producer.produce(  # noqa: ASYNC110
                        record, partial(reports.on_report, place)
                    ):
                        await asyncio.sleep(_ROOM_SECONDS)
                await reports.complete
        except TimeoutError as error:
            late = KAFKA_OUTCOMES.of_exception(error, "nothing was acknowledged or refused")
            return {place: reports.answers.get(place, late) for place in records}
        return reports.answers


class _Reports:
    """What brokers say of the records of one batch; called by the producer's thread.

    Attributes:
        answers: by place, of those of which something was said.
        complete: done when that is all of them.
    """

    def __init__(self, count: int) -> None:
        self.answers: dict[int, Answer] = {}
        self._count = count
        self._loop = asyncio.get_running_loop()
        self.complete: asyncio.Future[None] = self._loop.create_future()

    def on_report(self, place: int, error: KafkaError | None, _report: Report | None) -> None:
        """Take note of what became of a record; any thread may call."""
        if error is None:
            self.answers[place] = _SENT
        else:
            self.answers[place] = KAFKA_OUTCOMES.of_code(error.code(), f"Kafka: {error.name()}")
        if len(self.answers) == self._count:
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.complete.done():
            self.complete.set_result(None)


class _Value(msgspec.Struct, frozen=True, gc=False):
    message_id: str
    step: str
    channel: str
    template: str
    notifications: list[msgspec.Raw]


_encode = msgspec.json.Encoder().encode


def _profile_key(person: Person) -> bytes:
    identifiers = person_identifiers(
        person.id, person.external_id, person.email, person.phone_number
    )
    return identifiers[0].encode()


def _value(message: Message) -> bytes:
    records = [msgspec.Raw(value) for value in message.notifications]
    return _encode(_Value(message.id, message.step, message.channel, message.template, records))


def _headers(message: Message) -> list[tuple[str, bytes]]:
    return [(MESSAGE_ID_HEADER, message.id.encode())]
