# SPDX-License-Identifier: Apache-2.0
"""What is durable, and only that, is told and shown as the progress of a consumer group."""

import threading
from typing import TYPE_CHECKING

from connectors.kafka.source import KafkaSource
from restock.embedded_broker import ApiKey, EmbeddedBroker
from tests.support.brokers import CreateTopic
from tests.support.kafka import (
    committed,
    numbered,
    opened_source,
    produce,
    settings_for,
    source_part,
    take,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.kafka.records import Partition

ENOUGH_SECONDS = 20
GROUP_AUTHORIZATION_FAILED = 30
REBALANCE_IN_PROGRESS = 27


def test_the_first_batch_after_a_snapshot_makes_it_durable(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Only then is the callback told, and only then does the consumer group move."""
    topic = create_topic("durable", partitions=2)
    produce(bootstrap_servers, topic, numbered(0, 5), partition=1)
    told: list[Mapping[Partition, int]] = []
    with opened_source(bootstrap_servers, [topic], on_durable=told.append) as source:
        part = source_part(source)
        take(part, 5)
        state = part.snapshot()
        before = list(told)
        until(lambda: bool(part.next_batch() or told))
        places = [(topic, 0), (topic, 1)]
        until(lambda: not part.next_batch() and committed(source._settings, places) == state)

    assert ([], [{(topic, 0): 0, (topic, 1): 5}]) == (before, told)


def test_the_restored_offsets_are_committed_at_the_start(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """What Bytewax resumes from is durable: the group shows it although nothing new comes."""
    topic = create_topic("restored", partitions=1)
    produce(bootstrap_servers, topic, numbered(0, 9))
    with opened_source(bootstrap_servers, [topic]) as source:
        part = source_part(source, {(topic, 0): 9})
        until(lambda: bool(part.next_batch() or True))
        until(
            lambda: (
                not part.next_batch()
                and committed(source._settings, [(topic, 0)]) == {(topic, 0): 9}
            )
        )


def test_the_last_snapshot_is_committed_in_the_end(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """After the flow has ended no batch is asked for any more: the program commits."""
    topic = create_topic("final", partitions=1)
    produce(bootstrap_servers, topic, numbered(0, 4))
    with opened_source(bootstrap_servers, [topic]) as source:
        part = source_part(source)
        take(part, 4)
        part.snapshot()
        source.commit_final()
        source.commit_final()

        assert {(topic, 0): 4} == committed(source._settings, [(topic, 0)])


def test_group_commit_errors_are_not_fatal() -> None:
    """Offsets that the group refuses are logged; reading goes on and the next epoch commits."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        produce(broker.bootstrap_servers, "t", numbered(0, 4))
        broker.push_request_errors(ApiKey.OFFSET_COMMIT, [GROUP_AUTHORIZATION_FAILED])
        with opened_source(broker.bootstrap_servers, ["t"]) as source:
            part = source_part(source)
            take(part, 4)
            part.snapshot()
            part.next_batch()
            until(lambda: not part.next_batch() and not part._progress._in_flight)  # type: ignore[attr-defined]
            part.snapshot()
            part.next_batch()
            until(
                lambda: (
                    not part.next_batch()
                    and committed(source._settings, [("t", 0)]) == {("t", 0): 4}
                )
            )


def test_the_last_commit_is_repeated_when_it_fails() -> None:
    """A coordinator that moves at the very end does not leave the group behind."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        produce(broker.bootstrap_servers, "t", numbered(0, 4))
        with opened_source(broker.bootstrap_servers, ["t"]) as source:
            part = source_part(source)
            take(part, 4)
            part.snapshot()
            broker.push_request_errors(ApiKey.OFFSET_COMMIT, [REBALANCE_IN_PROGRESS])
            source.commit_final()

            assert {("t", 0): 4} == committed(source._settings, [("t", 0)])


def test_a_commit_that_is_not_answered_does_not_keep_the_source_open() -> None:
    """With the broker gone, closing waits for `connect_timeout` only."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        produce(broker.bootstrap_servers, "t", numbered(0, 4))
        settings = settings_for(broker.bootstrap_servers, "t", connect_timeout="1s")
        source = KafkaSource(settings, ["t"], threading.Event())
        part = source_part(source)
        take(part, 4)
        part.snapshot()
        broker.set_down()
        closing = threading.Thread(target=source.commit_final)
        closing.start()
        closing.join(ENOUGH_SECONDS)
        still_open = closing.is_alive()
        broker.set_up()
        closing.join()

        assert not still_open
