# SPDX-License-Identifier: Apache-2.0
"""The source reads its shard, keeps its position, and opens every epoch."""

import threading
from itertools import count
from typing import TYPE_CHECKING

import pytest

from connectors.kafka.growth import Share
from connectors.kafka.records import RawBatch
from tests.support.brokers import CreateTopic
from tests.support.kafka import numbered, opened_source, produce, source_part, take, values

if TYPE_CHECKING:
    from connectors.kafka.source import Offsets


def test_reads_every_partition_of_every_topic(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """One consumer reads all partitions of both topics, each in its order."""
    topics = [create_topic("inventory", partitions=3), create_topic("subscriptions", partitions=3)]
    for topic in topics:
        for partition in range(3):
            produce(bootstrap_servers, topic, numbered(0, 20), partition)
    with opened_source(bootstrap_servers, topics) as source:
        part = source_part(source)
        messages = take(part, 120)
        state = part.snapshot()

    assert {(topic, number): 20 for topic in topics for number in range(3)} == state
    for place in state:
        of_place = [m for m in messages if (m.topic(), m.partition()) == place]
        assert [b"%d" % number for number in range(20)] == values(of_place)


def test_a_shard_reads_its_partitions_only(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Shard 1 of 3 reads partitions 1 and 4 of five."""
    topic = create_topic("sharded", partitions=5)
    for partition in range(5):
        produce(bootstrap_servers, topic, [(None, b"%d" % partition)], partition)
    with opened_source(bootstrap_servers, [topic], share=Share((1, 3))) as source:
        part = source_part(source)
        messages = take(part, 2)

        assert [b"1", b"4"] == sorted(value or b"" for value in values(messages))
        assert {(topic, 1): 1, (topic, 4): 1} == part.snapshot()


def test_a_table_is_read_whole_by_every_shard(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Beside its part of one topic a shard may read all partitions of another."""
    shared, table = create_topic("shared", partitions=2), create_topic("table", partitions=2)
    for topic in (shared, table):
        for partition in range(2):
            produce(bootstrap_servers, topic, [(None, b"x")], partition)
    share = Share((1, 2), frozenset({table}))
    with opened_source(bootstrap_servers, [shared, table], share=share) as source:
        part = source_part(source)
        take(part, 3)

        assert {(shared, 1): 1, (table, 0): 1, (table, 1): 1} == part.snapshot()


def test_resumes_exactly_after_the_snapshot(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Whatever was taken when the snapshot was made is not taken again, and nothing is missed."""
    topic = create_topic("resumed", partitions=1)
    produce(bootstrap_servers, topic, numbered(0, 3000))
    seen: list[bytes | None] = []
    state: Offsets | None = None
    while len(seen) < 3000:
        with opened_source(bootstrap_servers, [topic]) as source:
            part = source_part(source, state)
            seen += values(take(part, 700 if len(seen) < 2100 else 3000 - len(seen)))
            state = part.snapshot()
            take(part, 0)

    assert [b"%d" % number for number in range(3000)] == seen


def test_the_position_is_exact_after_every_poll(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """A snapshot after any batch holds the offset after the last record of that batch."""
    topic = create_topic("position", partitions=1)
    produce(bootstrap_servers, topic, numbered(0, 500))
    with opened_source(bootstrap_servers, [topic]) as source:
        source._settings = source._settings.model_copy(update={"batch_size": 7})
        part = source_part(source)
        taken = 0
        while taken < 500:
            batch = take(part, 1)
            taken += len(batch)

            assert {(topic, 0): (batch[-1].offset() or 0) + 1} == part.snapshot()


def test_a_snapshot_does_not_change_afterwards(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Bytewax pickles snapshots late: what is read meanwhile must not get into them."""
    topic = create_topic("copied", partitions=1)
    produce(bootstrap_servers, topic, numbered(0, 1))
    with opened_source(bootstrap_servers, [topic]) as source:
        part = source_part(source)
        before = part.snapshot()
        take(part, 1)
        after = part.snapshot()

    assert ({(topic, 0): 0}, {(topic, 0): 1}) == (before, after)


def test_every_epoch_is_opened_even_when_nothing_comes(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """The first batch and the first after each snapshot say so; an idle topic gives no others."""
    topic = create_topic("idle", partitions=1)
    with opened_source(bootstrap_servers, [topic]) as source:
        part = source_part(source)
        seen = []
        for _ in range(2):
            seen += [list(part.next_batch()) for _ in range(3)]
            part.snapshot()

    opening = [RawBatch([], opens_epoch=True)]
    assert [opening, [], [], opening, [], []] == seen


def test_stop_ends_the_flow_after_the_epoch_was_opened(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Stopped from the start, it still wakes everybody once, and reads nothing."""
    topic = create_topic("stopped", partitions=1)
    produce(bootstrap_servers, topic, numbered(0, 4))
    stop = threading.Event()
    stop.set()
    with opened_source(bootstrap_servers, [topic], stop=stop) as source:
        part = source_part(source)

        assert [RawBatch([], opens_epoch=True)] == part.next_batch()
        with pytest.raises(StopIteration):
            part.next_batch()
        assert {(topic, 0): 0} == part.snapshot()


def test_while_others_are_busy_it_reads_without_waiting(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """They are asked before every read, each read is counted, and no record is missed."""
    topic = create_topic("busy", partitions=2)
    for partition in range(2):
        produce(bootstrap_servers, topic, numbered(0, 50), partition)
    asked = count(1)
    with opened_source(bootstrap_servers, [topic]) as source:
        source.hurry_while(lambda: bool(next(asked)))
        assert 0 == source.polls
        messages = take(source_part(source), 100)

        assert 100 == len(messages)
        assert next(asked) - 1 == source.polls > 0
