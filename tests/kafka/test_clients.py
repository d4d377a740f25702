# SPDX-License-Identifier: Apache-2.0
"""What clients say of a connection that cannot be made: once, and not in two forms."""

import logging

import pytest
from confluent_kafka import KafkaError, TopicPartition

from connectors.kafka.clients import new_admin, new_consumer, new_producer
from tests.support.kafka import settings_for, until

# Nobody listens there.
SETTINGS = settings_for("127.0.0.1:1", "g", connect_timeout="100ms")


def refused(said: list[KafkaError]) -> bool:
    """Whether a refused connection is among the errors."""
    return any("refused" in error.str() for error in said)


def test_a_refused_connection_is_told_to_the_callback_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever is called back words the warning: the client's own log line would be the second."""
    said: list[KafkaError] = []
    consumer = new_consumer(SETTINGS, said.append)
    consumer.assign([TopicPartition("t", 0, 0)])
    with caplog.at_level(logging.DEBUG):
        # librdkafka hands the line over before the error, and both to the same call.
        until(lambda: not consumer.consume(1, 0.05) and refused(said))
        consumer.close()
        said.clear()
        producer = new_producer(SETTINGS, said.append)
        until(lambda: producer.poll(0.05) >= 0 and refused(said))
    assert [] == [line for line in caplog.messages if "refused" in line]


def test_without_a_callback_a_refused_connection_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An admin client has nobody else to tell."""
    with caplog.at_level(logging.DEBUG):
        admin = new_admin(SETTINGS)
        until(lambda: admin.poll(0.05) >= 0 and bool(caplog.messages))
    (line, *_) = caplog.messages
    assert line.startswith("FAIL ")
    assert "refused" in line
