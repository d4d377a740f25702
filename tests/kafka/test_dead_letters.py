# SPDX-License-Identifier: Apache-2.0
"""Dead letters keep the record as it was and say what was wrong with it."""

import threading
from unittest.mock import Mock

import pytest
from confluent_kafka import Message

from connectors.errors import DeliveryFailed
from connectors.kafka.dead_letters import dead_letter, dead_letter_id, truncated
from connectors.kafka.records import Outgoing, headers_of
from connectors.kafka.sink import KafkaSink
from connectors.kafka.source import KafkaSource
from restock.embedded_broker import ApiKey, EmbeddedBroker
from schemas.errors import DeadLetterReason, InvalidRecord
from tests.support.brokers import CreateTopic
from tests.support.kafka import produce, read, settings_for, source_part, take

MSG_SIZE_TOO_LARGE = 10


def invalid() -> InvalidRecord:
    """An error as decoding raises it."""
    return InvalidRecord(DeadLetterReason.WRONG_TYPE, "quantity", "expected an integer")


def letter(
    value: bytes = b"{}",
    key: bytes = b"k",
    headers: list[tuple[str, str | bytes | None]] | None = None,
) -> Outgoing:
    """A dead letter of record 7 of partition 2 of topic `t`."""
    message = Message(
        topic="t", partition=2, offset=7, key=key, value=value, timestamp=(1, 99),
        headers=headers or [],
    )  # fmt: skip
    return dead_letter(message, invalid(), "restock", "0/1")


def test_the_record_is_untouched_and_explained(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Key, value, timestamp and headers survive; the headers of Kafka Connect say the rest."""
    topic = create_topic("inventory", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    headers: list[tuple[str, str | bytes | None]] = [("a", b"\xff"), ("a", None)]
    produce(bootstrap_servers, topic, [(b"\x00k", b"\xfe not json")], 0, headers, 1_700_000_000_123)
    source = KafkaSource(settings, [topic], threading.Event())
    (message,) = take(source_part(source), 1)
    source.close()
    outgoing = dead_letter(message, invalid(), "restock", "3/16")

    assert f"{topic}.dlq" == outgoing.topic
    assert [(b"\x00k", b"\xfe not json")] == outgoing.records
    assert 1_700_000_000_123 == outgoing.timestamp
    assert outgoing.headers is not None
    assert [("a", b"\xff"), ("a", None)] == outgoing.headers[:2]
    stack = dict(outgoing.headers).pop("__connect.errors.exception.stacktrace") or b""
    assert stack.endswith(b"InvalidRecord: quantity: expected an integer\n")
    assert {
        "__connect.errors.topic": topic.encode(),
        "__connect.errors.partition": b"0",
        "__connect.errors.offset": b"0",
        "__connect.errors.connector.name": b"restock",
        "__connect.errors.task.id": b"3/16",
        "__connect.errors.stage": b"VALUE_CONVERTER",
        "__connect.errors.class.name": b"schemas.decode",
        "__connect.errors.exception.class.name": b"schemas.errors.InvalidRecord",
        "__connect.errors.exception.message": b"quantity: expected an integer",
        "__connect.errors.exception.stacktrace": stack,
        "restock-dlq-reason": b"wrong_type",
    } == dict(outgoing.headers[2:])


def test_the_place_of_the_record_identifies_the_dead_letter() -> None:
    """The same record always gets the same id; of a second set of headers the newest counts."""
    outgoing = letter()
    again = [("__connect.errors.offset", b"1"), *(outgoing.headers or [])]

    assert b"t:2:7" == dead_letter_id(b"k", b"v", outgoing.headers)
    assert b"t:2:7" == dead_letter_id(None, None, again)


def test_headers_that_cannot_be_read_are_left_out() -> None:
    """A header whose name is not UTF-8 (confluent-kafka 2.16 raises this) is no poison."""
    message = Mock(**{"headers.side_effect": SystemError("returned a result with an exception")})

    assert [] == headers_of(message)


@pytest.mark.parametrize("headers", [None, [], [("__connect.errors.topic", b"t")]])
def test_records_of_others_have_no_id(headers: list[tuple[str, bytes | None]] | None) -> None:
    """Somebody else's record in a dead-letter topic is not mistaken for one of ours."""
    assert dead_letter_id(b"k", b"v", headers) is None


def test_a_dead_letter_that_the_client_refuses_is_cut(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """A record just below the limit is too large with the headers: it is cut, and says so."""
    create_topic("any", partitions=1)
    topic = create_topic("cut", partitions=1)
    outgoing = letter(b"x" * 16_000_000)
    outgoing = Outgoing(topic, outgoing.records, outgoing.headers, outgoing.timestamp)
    settings = settings_for(bootstrap_servers, topic)
    sink = KafkaSink(settings, {topic: dead_letter_id})
    part = sink.build_part("flow.sink", "all", None)
    part.write_batch([outgoing])
    part.snapshot()
    sink.close()
    (found,) = read(settings, topic)

    assert b"x" * 65_536 == found.value()
    assert [*(outgoing.headers or []), ("restock-dlq-truncated", b"true")] == found.headers()
    assert 99 == found.timestamp()[1]


def test_a_dead_letter_that_the_broker_refuses_is_cut() -> None:
    """Its answer comes later: the snapshot writes the cut one before it returns."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t.dlq", 1)
        settings = settings_for(broker.bootstrap_servers, "t")
        sink = KafkaSink(settings, {})
        part = sink.build_part("flow.sink", "all", None)
        broker.push_request_errors(ApiKey.PRODUCE, [MSG_SIZE_TOO_LARGE])
        part.write_batch([letter(b"x" * 100_000)])
        part.snapshot()
        sink.close()
        (found,) = read(settings, "t.dlq")

    assert b"x" * 65_536 == found.value()


@pytest.mark.parametrize(
    "large",
    [
        letter(b"x" * 100_000, key=b"k" * 900_000),
        letter(b"x", key=b"k" * 900_000),
        letter(b"x", headers=[("a", b"h" * 900_000)]),
        letter(b"x", headers=[("h" * 9_000, None)] * 100),
    ],
)
def test_a_dead_letter_is_cut_wherever_it_is_large(large: Outgoing) -> None:
    """A large key or large headers are no poison either; what says where it was stays."""
    cut = truncated(large)

    assert cut is not None
    assert cut is truncated(cut)
    ((key, value),) = cut.records
    own = sum(len(name) + len(content or b"") for name, content in cut.headers or ())
    assert 200_000 > len(key or b"") + len(value or b"") + own
    assert b"t:2:7" == dead_letter_id(None, None, cut.headers)
    assert ("restock-dlq-truncated", b"true") in (cut.headers or [])


def test_a_dead_letter_that_stays_too_large_is_an_error() -> None:
    """Brokers that refuse even the cut one are not asked for ever."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t.dlq", 1)
        sink = KafkaSink(settings_for(broker.bootstrap_servers, "t"), {})
        part = sink.build_part("flow.sink", "all", None)
        broker.push_request_errors(ApiKey.PRODUCE, [MSG_SIZE_TOO_LARGE] * 2)
        part.write_batch([letter(b"x" * 100_000)])
        with pytest.raises(DeliveryFailed, match=r"t\.dlq: .*max\.message\.bytes"):
            part.snapshot()
        sink.close()


def test_only_dead_letters_are_cut() -> None:
    """A notification with half of its value would be worse than none."""
    small = letter(b"x")

    assert truncated(Outgoing("t", [(None, b"x" * 100_000)])) is None
    assert small is truncated(small)
