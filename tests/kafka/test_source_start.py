# SPDX-License-Identifier: Apache-2.0
"""The source begins where it is told to, and says when it cannot."""

import threading

import pytest
from bytewax.inputs import AbortExecution

from connectors.errors import BrokerUnreachable, OffsetsLost, TopicMissing
from connectors.failure import Failure
from connectors.kafka.offsets import StartFrom
from connectors.kafka.source import KafkaSource
from tests.support.brokers import CreateTopic
from tests.support.kafka import (
    numbered,
    opened_source,
    produce,
    settings_for,
    source_part,
    take,
    values,
)


def test_starts_at_the_end_when_asked(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """`latest` is resolved at once, so that a crash before the first record loses none."""
    topic = create_topic("latest", partitions=1)
    produce(bootstrap_servers, topic, numbered(0, 3))
    with opened_source(bootstrap_servers, [topic], start=StartFrom("latest")) as source:
        state = source_part(source).snapshot()
    produce(bootstrap_servers, topic, numbered(3, 5))
    with opened_source(bootstrap_servers, [topic], start=StartFrom("latest")) as source:
        messages = take(source_part(source, state), 2)

    assert {(topic, 0): 3} == state
    assert [b"3", b"4"] == values(messages)


def test_some_topics_are_read_whole_wherever_the_rest_begins(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Of a topic of facts everything counts, also from before the others begin."""
    facts, news = create_topic("facts", partitions=1), create_topic("news", partitions=1)
    for topic in (facts, news):
        produce(bootstrap_servers, topic, numbered(0, 3))
    start = StartFrom("latest", whole=frozenset({facts}))
    with opened_source(bootstrap_servers, [facts, news], start=start) as source:
        state = source_part(source).snapshot()

    assert {(facts, 0): 0, (news, 0): 3} == state


def test_starts_at_a_time_when_asked(real_broker_address: str) -> None:
    """Records before the time are left out (the mock cluster has no index of times)."""
    from tests.support.brokers import create_topic  # noqa: PLC0415 - real broker only

    topic = f"timed-{id(object())}"
    create_topic(real_broker_address, topic, 2, {})
    for second in range(3):
        produce(
            real_broker_address, topic, numbered(second, second + 1), 0, None, 1_000_000 + second
        )
    with opened_source(
        real_broker_address, [topic], start=StartFrom("timestamp", 1_000_001)
    ) as source:
        state = source_part(source).snapshot()

    assert {(topic, 0): 1, (topic, 1): 0} == state


def test_new_partitions_start_and_gone_ones_are_tolerated(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """A stored offset of another topic stays in the state; a partition without one is read."""
    topic = create_topic("grown", partitions=2)
    produce(bootstrap_servers, topic, numbered(0, 2), partition=0)
    produce(bootstrap_servers, topic, numbered(2, 4), partition=1)
    with opened_source(bootstrap_servers, [topic]) as source:
        part = source_part(source, {(topic, 0): 2, ("gone", 7): 11})
        messages = take(part, 2)

        assert [b"2", b"3"] == values(messages)
        assert {(topic, 0): 2, (topic, 1): 2, ("gone", 7): 11} == part.snapshot()


def test_a_missing_topic_is_named_and_not_created(bootstrap_servers: str) -> None:
    """The error tells the remedy, and asking has not made the topic."""
    for _ in range(2):
        with (
            opened_source(bootstrap_servers, ["restock.misspelt"]) as source,
            pytest.raises(TopicMissing, match=r"restock\.misspelt .*restock topics create"),
        ):
            source_part(source)


def test_an_offset_beyond_the_end_is_lost(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """A topic that was created anew is noticed at the start, not read from anywhere."""
    topic = create_topic("anew", partitions=1)
    produce(bootstrap_servers, topic, numbered(0, 2))
    with opened_source(bootstrap_servers, [topic]) as source, pytest.raises(OffsetsLost) as caught:
        source_part(source, {(topic, 0): 40})

    assert "\n" not in str(caught.value)
    for fact in (topic, "[0]", "offset 40", "0 to 2", "a start with --from"):
        assert fact in str(caught.value)


def test_lost_offsets_are_overridden_when_asked(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """`--from` starts afresh where the offset is lost, and resumes elsewhere."""
    topic = create_topic("overridden", partitions=2)
    for partition in range(2):
        produce(bootstrap_servers, topic, numbered(0, 3), partition)
    with opened_source(bootstrap_servers, [topic], override_lost=True) as source:
        part = source_part(source, {(topic, 0): 40, (topic, 1): 2})

        assert {(topic, 0): 0, (topic, 1): 2} == part.snapshot()
        assert 4 == len(take(part, 4))


def test_a_failed_build_ends_the_run_through_the_failure(bootstrap_servers: str) -> None:
    """The part that stands in for the one that could not be built aborts at its first batch."""
    failure = Failure()
    with opened_source(bootstrap_servers, ["missing"], failure=failure) as source:
        part = source_part(source, {("missing", 0): 3})
        with pytest.raises(AbortExecution):
            part.next_batch()

        assert {("missing", 0): 3} == part.snapshot()
    assert isinstance(failure.error, TopicMissing)


def test_no_broker_is_a_clear_error() -> None:
    """The address is named within the connect timeout."""
    settings = settings_for("127.0.0.1:1", "nobody", connect_timeout="200ms")
    source = KafkaSource(settings, ["t"], threading.Event())
    with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1:1 within 0\.2 s"):
        source_part(source)
