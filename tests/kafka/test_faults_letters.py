# SPDX-License-Identifier: Apache-2.0
"""Dead letters find a form that their topic takes, or end the run in one line."""

import pytest
from confluent_kafka import Message

from connectors.errors import DeliveryFailed
from connectors.kafka.dead_letters import (
    TIMESTAMP_HEADER,
    dead_letter,
    dead_letter_id,
    undated,
)
from connectors.kafka.records import Outgoing, headers_of
from restock.embedded_broker import ApiKey, EmbeddedBroker
from schemas.errors import DeadLetterReason, InvalidRecord
from tests.support import brokers
from tests.support.kafka import opened_sink, read, settings_for, sink_part, told, value_id, values

LONG_AGO = 1_000_000_000_000
MESSAGE_TOO_LARGE, TOPIC_AUTHORIZATION_FAILED, INVALID_TIMESTAMP = 10, 29, 32


def letter(topic: str, value: bytes = b"{}", timestamp: int = LONG_AGO) -> Outgoing:
    """A dead letter of a record of a topic without `.dlq`."""
    error = InvalidRecord(DeadLetterReason.NOT_JSON)
    message = Message(
        topic=topic.removesuffix(".dlq"), partition=2, offset=7, key=b"k", value=value,
        timestamp=(1, timestamp), headers=[],
    )  # fmt: skip
    return dead_letter(message, error, "restock", "0/1")


def test_a_topic_that_refuses_old_records_gets_the_time_of_writing(
    real_broker_address: str,
) -> None:
    """The record's own timestamp moves into a header; the id of the dead letter stays."""
    topic = f"old-{id(object())}.dlq"
    brokers.create_topic(
        real_broker_address, topic, 1, {"message.timestamp.before.max.ms": "60000"}
    )
    settings = settings_for(real_broker_address, topic)
    with opened_sink(settings, {topic: dead_letter_id}) as sink:
        part = sink_part(sink)
        part.write_batch([letter(topic)])
        part.snapshot()
        (found,) = read(settings, topic)
    headers = headers_of(found)

    assert b"{}" == found.value()
    assert LONG_AGO < found.timestamp()[1]
    assert str(LONG_AGO).encode() == dict(headers)[TIMESTAMP_HEADER]
    assert f"{topic.removesuffix('.dlq')}:2:7".encode() == dead_letter_id(None, None, headers)


def test_a_letter_without_a_timestamp_has_no_other_form() -> None:
    """There is nothing to leave out: the refusal is an error."""
    assert undated(letter("t", timestamp=0)) is None


@pytest.mark.parametrize(
    "codes",
    [
        [INVALID_TIMESTAMP, MESSAGE_TOO_LARGE],
        [MESSAGE_TOO_LARGE, INVALID_TIMESTAMP],
    ],
)
def test_a_letter_may_be_refused_for_two_reasons(codes: list[int]) -> None:
    """Each change is kept when the next is made."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t.dlq", 1)
        settings = settings_for(broker.bootstrap_servers, "t")
        with opened_sink(settings, {}) as sink:
            part = sink_part(sink)
            broker.push_request_errors(ApiKey.PRODUCE, codes)
            part.write_batch([letter("t.dlq", b"x" * 100_000)])
            part.snapshot()
        (found,) = read(settings, "t.dlq")

    assert b"x" * 65_536 == found.value()
    assert LONG_AGO < found.timestamp()[1]


@pytest.mark.parametrize("codes", [[INVALID_TIMESTAMP] * 2, [TOPIC_AUTHORIZATION_FAILED]])
def test_a_letter_that_is_refused_in_every_form_ends_the_run(codes: list[int]) -> None:
    """Brokers are not asked for ever; the line names the dead-letter topic."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t.dlq", 1)
        with opened_sink(settings_for(broker.bootstrap_servers, "t"), {}) as sink:
            part = sink_part(sink)
            broker.push_request_errors(ApiKey.PRODUCE, codes)
            part.write_batch([letter("t.dlq")])
            with pytest.raises(DeliveryFailed, match=r"topic t\.dlq: a record was not accepted"):
                part.snapshot()


def test_a_refused_letter_does_not_hold_up_notifications() -> None:
    """It has a producer of its own: what is written in order goes on."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        broker.create_topic("t.dlq", 1)
        settings = settings_for(broker.bootstrap_servers, "t")
        with opened_sink(settings, {"t": value_id}) as sink:
            part = sink_part(sink)
            part.write_batch([letter("t.dlq")])
            part.snapshot()
            broker.push_partition_errors("t.dlq", 0, ApiKey.PRODUCE, [INVALID_TIMESTAMP])
            part.write_batch([told("t", 0, 5), letter("t.dlq"), told("t", 5, 10)])
            part.snapshot()

        assert [b"id%d " % number for number in range(10)] == values(read(settings, "t"))
        assert 2 == len(read(settings, "t.dlq"))
