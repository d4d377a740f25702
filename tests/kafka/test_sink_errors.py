# SPDX-License-Identifier: Apache-2.0
"""What the sink could not write is never taken for written."""

import pytest

from connectors.errors import DeliveryFailed, TopicMissing
from connectors.failure import Failure
from connectors.kafka.records import Outgoing
from connectors.kafka.sink import KafkaSink
from restock.embedded_broker import ApiKey, EmbeddedBroker
from tests.support.brokers import CreateTopic
from tests.support.kafka import opened_sink, settings_for, sink_part, told, value_id

INVALID_REQUIRED_ACKS = 21


def drain(sink: KafkaSink) -> None:
    """Waits for the answers to what was written, without looking at them."""
    writer = sink.prepare()
    writer._delivery.drain(writer._producer)


def test_a_refused_record_fails_the_snapshot() -> None:
    """The broker's permanent error names the topic and what the broker said."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        with opened_sink(settings_for(broker.bootstrap_servers, "t"), {}) as sink:
            part = sink_part(sink)
            broker.push_request_errors(ApiKey.PRODUCE, [INVALID_REQUIRED_ACKS])
            part.write_batch([told("t", 0, 1)])
            with pytest.raises(DeliveryFailed, match=r"topic t: .* required acks") as caught:
                part.snapshot()

    assert "\n" not in str(caught.value)


def test_a_refused_record_fails_the_next_write() -> None:
    """A long epoch does not go on producing what can never become durable."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        with opened_sink(settings_for(broker.bootstrap_servers, "t"), {}) as sink:
            part = sink_part(sink)
            broker.push_request_errors(ApiKey.PRODUCE, [INVALID_REQUIRED_ACKS])
            part.write_batch([told("t", 0, 1)])
            drain(sink)
            with pytest.raises(DeliveryFailed):
                part.write_batch([told("t", 1, 2)])


def test_with_a_failure_only_the_snapshot_raises() -> None:
    """Writing leaves the error for the source, which ends the run; no snapshot is ever given."""
    failure = Failure()
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        with opened_sink(settings_for(broker.bootstrap_servers, "t"), {}, failure) as sink:
            part = sink_part(sink)
            broker.push_request_errors(ApiKey.PRODUCE, [INVALID_REQUIRED_ACKS])
            part.write_batch([told("t", 0, 1)])
            drain(sink)
            part.write_batch([told("t", 1, 2)])
            part.write_batch([told("t", 2, 3)])

            assert isinstance(failure.error, DeliveryFailed)
            with pytest.raises(DeliveryFailed):
                part.snapshot()


def test_a_broker_that_is_gone_fails_the_snapshot() -> None:
    """After the delivery timeout the records have left the queue, and still it is no success."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        settings = settings_for(broker.bootstrap_servers, "t", delivery_timeout="400ms")
        with opened_sink(settings, {}) as sink:
            part = sink_part(sink)
            broker.set_down()
            part.write_batch([told("t", 0, 1)])
            with pytest.raises(DeliveryFailed, match="delivery_timeout"):
                part.snapshot()


def test_a_record_of_ours_that_is_too_large_is_an_error(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """It is not a dead letter, so it must not be cut: the error says what to raise."""
    topic = create_topic("large", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    with opened_sink(settings, {}) as sink:
        part = sink_part(sink)
        with pytest.raises(DeliveryFailed, match=rf"{topic}: .*max\.message\.bytes"):
            part.write_batch([Outgoing(topic, [(b"k", b"x" * 16_000_001)])])


def test_a_missing_topic_stops_the_start(bootstrap_servers: str) -> None:
    """It is found while the program prepares, and left in the failure when the flow is built."""
    settings = settings_for(bootstrap_servers, "nobody")
    failure = Failure()
    with opened_sink(settings, {"restock.nowhere": value_id}, failure) as sink:
        with pytest.raises(TopicMissing, match=r"restock\.nowhere"):
            sink.prepare()
        part = sink_part(sink)
        part.write_batch([told("restock.nowhere", 0, 1)])
        with pytest.raises(TopicMissing):
            part.snapshot()

    assert isinstance(failure.error, TopicMissing)
