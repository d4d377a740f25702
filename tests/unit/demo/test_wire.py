# SPDX-License-Identifier: Apache-2.0
"""The demo's own Kafka clients, against the embedded broker."""

from collections.abc import Iterator

import pytest

from restock.demo.errors import DemoError
from restock.demo.script import Cue, broken_order, broken_webhook
from restock.demo.wire import PARTITIONS, Feeder, Follower, create_topics, read_evidence
from restock.embedded_broker import EmbeddedBroker
from restock.settings import TopicSettings
from restock.topic_plan import planned_topics

TOPICS = TopicSettings()
SIGN_UP = Cue(0, "subscriptions", b"v", b"{}", "v")
TOMBSTONE = Cue(0, "subscriptions", b"v", None)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A broker with all topics."""
    with EmbeddedBroker() as running:
        create_topics(running, TOPICS)
        yield running


def test_what_is_sent_is_read_back(broker: EmbeddedBroker) -> None:
    """Records come back from their topics with key, value and order; tombstones too."""
    with Feeder(broker.bootstrap_servers, TOPICS) as feeder:
        for cue in (SIGN_UP, TOMBSTONE, broken_webhook(), broken_order()):
            feeder.send(cue)
    evidence = read_evidence(broker.bootstrap_servers, TOPICS)
    assert [(b"v", b"{}", 0), (b"v", None, 1)] == [
        (record.key, record.value, record.offset) for record in evidence.subscriptions
    ]
    assert [broken_webhook().value] == [record.value for record in evidence.inventory]
    assert () == evidence.notifications == evidence.deliveries == evidence.dead_letters
    assert [broken_order().value] == [record.value for record in evidence.orders]


def test_a_follower_reads_on(broker: EmbeddedBroker) -> None:
    """What is written after the first reading is read as well."""
    follower = Follower(broker.bootstrap_servers, [TOPICS.subscriptions])
    try:
        for _ in range(2):
            with Feeder(broker.bootstrap_servers, TOPICS) as feeder:
                feeder.send(SIGN_UP)
            while not (found := follower.poll(0.1)):
                pass
            assert [TOPICS.subscriptions] == [topic for topic, _ in found]
    finally:
        follower.close()


def test_records_that_the_broker_has_dropped_are_an_error(broker: EmbeddedBroker) -> None:
    """A summary of half a topic would be wrong: it is refused, with a remedy."""
    with Feeder(broker.bootstrap_servers, TOPICS) as feeder:
        feeder.send(SIGN_UP)
    (partition,) = {
        record.partition for record in read_evidence(broker.bootstrap_servers, TOPICS).subscriptions
    }
    broker.delete_records(TOPICS.subscriptions, partition, 1)
    with pytest.raises(DemoError, match=r"has dropped the first 1 records .* fewer --people"):
        read_evidence(broker.bootstrap_servers, TOPICS)


def test_every_topic_of_the_plan_is_created(broker: EmbeddedBroker) -> None:
    """The program finds all topics that it asks for, with equal numbers of partitions."""
    names = [spec.name for spec in planned_topics(TOPICS)]
    follower = Follower(broker.bootstrap_servers, names)
    try:
        assert {name: [] for name in names} == follower.read_all()
    finally:
        follower.close()
    assert PARTITIONS > 1
