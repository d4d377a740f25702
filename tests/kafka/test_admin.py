# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the cluster or its topics is said before anything runs."""

import uuid

import pytest

from connectors.errors import BrokerUnreachable, ConnectorError, NotCopartitioned, TopicMissing
from connectors.kafka.admin import (
    Cluster,
    CreatedTopics,
    NewTopicSpec,
    check_topics,
    cluster,
    create_topics,
    policy_mismatches,
)
from restock.embedded_broker import EmbeddedBroker
from tests.support.brokers import CreateTopic
from tests.support.kafka import settings_for


def test_lists_brokers_and_topics(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """Every topic comes with its number of partitions."""
    topic = create_topic("listed", partitions=3)
    found = cluster(settings_for(bootstrap_servers, "nobody"))

    assert 3 == found.partitions[topic]
    assert 1 == len(found.brokers)


def test_an_unreachable_cluster_is_named() -> None:
    """Every address stands in the one line, with the time that was waited."""
    servers = "127.0.0.1:1,127.0.0.1:2"
    with pytest.raises(BrokerUnreachable, match=f"at {servers} within 0.2 s") as caught:
        cluster(settings_for(servers, "nobody", connect_timeout="200ms"))

    assert "\n" not in str(caught.value)


def test_missing_topics_are_named_and_not_created(bootstrap_servers: str) -> None:
    """Looking for a topic by name would create it on some brokers."""
    name = f"missing-{uuid.uuid4()}"
    for _ in range(2):
        found = cluster(settings_for(bootstrap_servers, "nobody"))
        with pytest.raises(TopicMissing, match=f"topic {name} does not .*restock topics create"):
            check_topics(found, [name])


def test_partition_counts_that_differ_are_named() -> None:
    """Both numbers stand in the line, and what to do."""
    found = Cluster((), {"a": 4, "b": 6, "c": 4})
    check_topics(found, ["a", "b", "c"], ["a", "c"])
    with pytest.raises(NotCopartitioned, match="a has 4 and b has 6 partitions"):
        check_topics(found, ["a", "b"], ["a", "b"])


def test_creates_what_is_missing_and_leaves_the_rest(real_broker_address: str) -> None:
    """Run twice it creates once; an existing topic keeps its partitions and its policy."""
    settings = settings_for(real_broker_address, "nobody")
    first, second = f"a-{uuid.uuid4()}", f"b-{uuid.uuid4()}"
    specs = [NewTopicSpec(first, "compact"), NewTopicSpec(second, config={"retention.ms": "-1"})]

    assert CreatedTopics((first,), ()) == create_topics(settings, specs[:1], 3, 1)
    assert CreatedTopics((second,), (first,)) == create_topics(settings, specs, 5, 1)
    assert CreatedTopics((), (first, second)) == create_topics(settings, specs, 5, 1)
    found = cluster(settings).partitions
    assert (3, 5) == (found[first], found[second])
    assert [] == policy_mismatches(settings, {first: "compact", second: "delete"})
    (line,) = policy_mismatches(settings, {first: "delete", second: "delete"})
    assert line.startswith(f"topic {first} has cleanup.policy=compact, expected delete")


def test_the_embedded_broker_says_that_it_creates_none(mock_broker: EmbeddedBroker) -> None:
    """One line, after no longer than the timeout."""
    settings = settings_for(mock_broker.bootstrap_servers, "nobody", connect_timeout="200ms")
    with pytest.raises(ConnectorError, match=r"create topic t: .*embedded broker"):
        create_topics(settings, [NewTopicSpec("t")], 1, 1)
    with pytest.raises(ConnectorError, match=r"describe topic t: .*embedded broker"):
        policy_mismatches(settings, {"t": "delete"})


def test_nothing_to_ask_asks_nothing() -> None:
    """No topics, no request, no broker needed."""
    assert [] == policy_mismatches(settings_for("127.0.0.1:1", "nobody"), {})
