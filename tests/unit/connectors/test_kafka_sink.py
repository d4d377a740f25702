# SPDX-License-Identifier: Apache-2.0
"""Messages become records, and an answer is what the brokers say of each of them."""

import asyncio
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from confluent_kafka import KafkaError
from pydantic import ValidationError

from connectors.errors import SinkError
from connectors.kafka.settings import KafkaSettings, Option
from connectors.sinks.contract import Answer, Message, Resolution
from connectors.sinks.kafka import KafkaSink, KafkaSinkSettings
from restock.embedded_broker import ApiKey, EmbeddedBroker
from tests.support.fake_klaviyo import message, notification
from tests.support.kafka import read, settings_for

SENT = Answer(Resolution.SENT)
INVALID_REQUIRED_ACKS = 21


@dataclass(frozen=True)
class Site:
    """Two topics of a broker that may be told to fail."""

    broker: EmbeddedBroker
    emails: str
    texts: str

    @property
    def settings(self) -> KafkaSettings:
        """How to reach it."""
        return settings_for(self.broker.bootstrap_servers, "g")


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    """The broker of these tests; starting one takes a second."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def site(broker: EmbeddedBroker) -> Iterator[Site]:
    """Topics of a single test."""
    unique = uuid.uuid4().hex
    site = Site(broker, f"emails-{unique}", f"texts-{unique}")
    broker.create_topic(site.emails, 4)
    broker.create_topic(site.texts, 1)
    yield site
    broker.clear_request_errors(ApiKey.PRODUCE)
    broker.set_up()


def sink_of(
    site: Site, timeout: str = "5s", options: Mapping[str, Option] | None = None
) -> KafkaSink:
    """A sink that writes there."""
    topics = {"EMAIL": site.emails, "SMS": site.texts, "PUSH": "missing"}
    settings = KafkaSinkSettings.model_validate({"topics": topics, "timeout": timeout})
    kafka = settings_for(site.broker.bootstrap_servers, "g", options={**(options or {})})
    return KafkaSink(settings, kafka)


def send(sink: KafkaSink, *batches: Sequence[Message]) -> list[list[Answer]]:
    """Opens a sink, sends batches and closes it."""

    async def main() -> list[list[Answer]]:
        await sink.open()
        answers = [await sink.send(batch) for batch in batches]
        await sink.close()
        return answers

    return asyncio.run(main())


async def send_until_sent(sink: KafkaSink, wanted: Message) -> None:
    """Sends a message again for as long as the sink says so."""
    answer = Answer(Resolution.RETRY)
    while answer.resolution is Resolution.RETRY:
        [answer] = await sink.send([wanted])
    assert SENT == answer


def records_of(site: Site, topic: str) -> list[dict[str, Any]]:
    """What a topic holds: key, value and headers of each record."""
    found = read(site.settings, topic)
    return [
        {
            "key": record.key(),
            "value": json.loads(record.value() or b""),
            "headers": record.headers(),
        }
        for record in found
    ]


def test_a_message_is_a_record(site: Site) -> None:
    """Keyed by the person, with the message's id in a header, and the records as they were."""
    assert [[SENT]] == send(sink_of(site), [message(1, notification(1), notification(2))])
    assert [
        {
            "key": b"id:P1",
            "value": {
                "message_id": f"{1:032x}",
                "step": "first",
                "channel": "EMAIL",
                "template": "back_in_stock",
                "notifications": [json.loads(notification(number)) for number in (1, 2)],
            },
            "headers": [("restock-message-id", f"{1:032x}".encode())],
        }
    ] == records_of(site, site.emails)


def test_a_key_is_the_normalised_profile_key(site: Site) -> None:
    """All of a person's messages lie in one partition, however the address was written."""
    told = [
        notification(profile={"email": email})
        for email in (" Ann@Shop.example", "ann@shop.example")
    ]
    send(sink_of(site), [message(number, value) for number, value in enumerate(told)])
    assert [b"email:ann@shop.example"] * 2 == [
        record["key"] for record in records_of(site, site.emails)
    ]


def test_each_channel_has_its_topic(site: Site) -> None:
    """A channel without one is tried again: somebody may set it."""
    batch = [replace(message(number), channel=name) for number, name in enumerate(("EMAIL", "SMS"))]
    [answers] = send(sink_of(site), [*batch, replace(message(3), channel="WHATSAPP")])
    assert [SENT, SENT] == answers[:2]
    assert (Resolution.RETRY, "topic_missing") == (answers[2].resolution, answers[2].reason)
    assert 1 == len(records_of(site, site.emails)) == len(records_of(site, site.texts))


def test_a_large_batch_is_acknowledged_whole(site: Site) -> None:
    """Every record has its report, and they come in the order of the messages."""
    messages = [message(number) for number in range(KafkaSink.batch_size)]
    assert [[SENT] * 1_000] == send(sink_of(site), messages)
    written = {record["value"]["message_id"] for record in records_of(site, site.emails)}
    assert {each.id for each in messages} == written


def test_a_full_queue_is_waited_for(site: Site) -> None:
    """More than the producer holds at once is queued as there is room."""
    sink = sink_of(site, options={"queue.buffering.max.messages": 10})
    assert [[SENT] * 100] == send(sink, [message(number) for number in range(100)])


def test_calls_at_once_do_not_mix(site: Site) -> None:
    """Each call has the answers of its own messages."""

    async def main() -> None:
        sink = sink_of(site)
        await sink.open()
        answers = await asyncio.gather(
            *(sink.send([message(number), message(100, b"{")]) for number in range(20))
        )
        assert [[Resolution.SENT, Resolution.FINAL]] * 20 == [
            [answer.resolution for answer in each] for each in answers
        ]
        await sink.close()

    asyncio.run(main())


@pytest.mark.parametrize("value", [b"{", notification(profile={}), notification(profile=None)])
def test_what_is_no_record_is_given_up(site: Site, value: bytes) -> None:
    """It is an answer; the other messages are written."""
    [[broken, whole]] = send(sink_of(site), [message(1, value), message(2)])
    assert (Resolution.FINAL, "invalid_record") == (broken.resolution, broken.reason)
    assert SENT == whole


def test_a_missing_topic_is_a_reason_to_retry(site: Site) -> None:
    """It is not made by writing to it, and nobody waits longer for it than set."""
    options = {"topic.metadata.propagation.max.ms": 100}
    [[answer]] = send(sink_of(site, options=options), [replace(message(1), channel="PUSH")])
    assert (Resolution.RETRY, "topic_missing") == (answer.resolution, answer.reason)


def test_brokers_that_are_gone_are_a_reason_to_retry(site: Site) -> None:
    """A record that was not acknowledged in time is written again with the same id."""

    async def main() -> None:
        sink = sink_of(site, timeout="300ms")
        await sink.open()
        await send_until_sent(sink, message(1))
        site.broker.set_down()
        [answer] = await sink.send([message(2)])
        assert (Resolution.RETRY, "timeout") == (answer.resolution, answer.reason)
        site.broker.set_up()
        await send_until_sent(sink, message(2))
        await sink.close()

    asyncio.run(main())
    ids = {record["value"]["message_id"] for record in records_of(site, site.emails)}
    assert {f"{1:032x}", f"{2:032x}"} == ids


def test_a_refusal_is_the_answer_of_its_record(site: Site) -> None:
    """The sink goes on after it."""

    async def main() -> None:
        sink = sink_of(site)
        await sink.open()
        site.broker.push_request_errors(ApiKey.PRODUCE, [INVALID_REQUIRED_ACKS])
        [answer] = await sink.send([message(1)])
        assert (Resolution.RETRY, "not_acknowledged") == (answer.resolution, answer.reason)
        assert "Kafka: INVALID_REQUIRED_ACKS" == answer.detail
        assert [SENT] == await sink.send([message(1)])
        await sink.close()

    asyncio.run(main())


def test_what_is_too_large_is_given_up_when_it_is_alone(site: Site) -> None:
    """Brokers refuse a batch for one of its records: the others are written after all."""
    texts = [replace(message(number), channel="SMS") for number in range(3)]
    too_large = KafkaError.MSG_SIZE_TOO_LARGE
    # The batch, and then the second of those that are tried again by themselves.
    site.broker.push_request_errors(ApiKey.PRODUCE, [too_large, 0, too_large, 0])
    [answers] = send(sink_of(site, options={"linger.ms": 200, "max.in.flight": 1}), texts)
    assert [Resolution.SENT, Resolution.FINAL, Resolution.SENT] == [
        answer.resolution for answer in answers
    ]
    assert "too_large" == answers[1].reason
    written = [record["value"]["message_id"] for record in records_of(site, site.texts)]
    assert [texts[0].id, texts[2].id] == written


def test_what_librdkafka_would_not_queue_is_given_up(site: Site) -> None:
    """A record beyond the client's own limit never reaches a broker."""
    sink = sink_of(site, options={"message.max.bytes": 2_000})
    [[large, small]] = send(
        sink, [message(1, notification(product={"title": "x" * 2_000})), message(2)]
    )
    assert (Resolution.FINAL, "too_large") == (large.resolution, large.reason)
    assert SENT == small


def test_a_producer_that_broke_is_replaced(site: Site) -> None:
    """After a fatal error nothing is accepted any more: records go by a new producer."""

    async def main() -> None:
        sink = sink_of(site)
        await sink.open()
        assert sink._batching is not None
        sink._batching._broken.set()
        await send_until_sent(sink, message(1))
        await sink.close()

    asyncio.run(main())


def test_settings_that_librdkafka_refuses_are_an_error_at_open(site: Site) -> None:
    """The line names them."""
    with pytest.raises(SinkError, match=r"no\.such\.option"):
        send(sink_of(site, options={"no.such.option": 1}))


def test_a_sink_that_is_not_open_says_so() -> None:
    """Sending before `open` is an error of the caller; making it connects to nobody."""
    sink = KafkaSink(KafkaSinkSettings(topics={"EMAIL": "emails"}), KafkaSettings())
    with pytest.raises(SinkError, match="call open"):
        asyncio.run(sink.send([message(1)]))


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"topics": {}},
        {"topics": {"EMAIL": ""}},
        {"topics": {"MAIL": "t"}},
        {"topics": {"EMAIL": "t"}, "x": 1},
    ],
)
def test_settings_that_cannot_work_are_refused(table: dict[str, Any]) -> None:
    """There is a topic at least, and each of a channel that there is."""
    with pytest.raises(ValidationError):
        KafkaSinkSettings.model_validate(table)
