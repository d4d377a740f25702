# SPDX-License-Identifier: Apache-2.0
"""The source reads its shard, resumes exactly, shows its progress, and says what it has lost."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import NoneType
from typing import Any

import pytest
from bytewax.inputs import AbortExecution
from confluent_kafka import KafkaError, Message

from connectors.errors import BrokerUnreachable, ConsumerFailed, OffsetsLost, TopicMissing
from connectors.failure import Failure
from connectors.kafka.offsets import StartFrom
from connectors.kafka.records import Partition, RawBatch
from connectors.kafka.resume import record_error
from connectors.kafka.source import KafkaSource, Offsets
from restock.embedded_broker import ApiKey, EmbeddedBroker
from tests.support.brokers import CreateTopic
from tests.support.kafka import (
    committed,
    produce,
    settings_for,
    source_part,
    take,
    until,
    values,
)

GROUP_AUTHORIZATION_FAILED = 30


@contextmanager
def opened(
    bootstrap_servers: str,
    topics: list[str],
    **arguments: Any,  # noqa: ANN401 - KafkaSource's own
) -> Iterator[KafkaSource]:
    """A source that is closed in the end."""
    arguments.setdefault("stop", threading.Event())
    settings = settings_for(bootstrap_servers, topics[0])
    source = KafkaSource(settings, topics, **arguments)
    try:
        yield source
    finally:
        source.close()


def numbered(first: int, end: int) -> list[tuple[None, bytes]]:
    """Records that tell each other apart."""
    return [(None, b"%d" % number) for number in range(first, end)]


def test_reads_every_partition_of_every_topic(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """One consumer reads all partitions of both topics, each in its order."""
    topics = [create_topic("inventory", partitions=3), create_topic("subscriptions", partitions=3)]
    for topic in topics:
        for partition in range(3):
            produce(bootstrap_servers, topic, numbered(0, 20), partition)
    with opened(bootstrap_servers, topics) as source:
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
    with opened(bootstrap_servers, [topic], shard=(1, 3)) as source:
        part = source_part(source)
        messages = take(part, 2)

        assert [b"1", b"4"] == sorted(value or b"" for value in values(messages))
        assert {(topic, 1): 1, (topic, 4): 1} == part.snapshot()


def test_resumes_exactly_after_the_snapshot(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Whatever was taken when the snapshot was made is not taken again, and nothing is missed."""
    topic = create_topic("resumed", partitions=1)
    produce(bootstrap_servers, topic, numbered(0, 3000))
    seen: list[bytes | None] = []
    state: Offsets | None = None
    while len(seen) < 3000:
        with opened(bootstrap_servers, [topic]) as source:
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
    with opened(bootstrap_servers, [topic]) as source:
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
    with opened(bootstrap_servers, [topic]) as source:
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
    with opened(bootstrap_servers, [topic]) as source:
        part = source_part(source)
        seen = []
        for _ in range(2):
            seen += [list(part.next_batch()) for _ in range(3)]
            part.snapshot()

    opening = [RawBatch([], opens_epoch=True)]
    assert [opening, [], [], opening, [], []] == seen


def test_the_first_batch_after_a_snapshot_makes_it_durable(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Only then is the callback told, and only then does the consumer group move."""
    topic = create_topic("durable", partitions=2)
    produce(bootstrap_servers, topic, numbered(0, 5), partition=1)
    told: list[Mapping[Partition, int]] = []
    with opened(bootstrap_servers, [topic], on_durable=told.append) as source:
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
    with opened(bootstrap_servers, [topic]) as source:
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
    with opened(bootstrap_servers, [topic]) as source:
        part = source_part(source)
        take(part, 4)
        part.snapshot()
        source.commit_final()
        source.commit_final()

        assert {(topic, 0): 4} == committed(source._settings, [(topic, 0)])


def test_stop_ends_the_flow_after_the_epoch_was_opened(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Stopped from the start, it still wakes everybody once, and reads nothing."""
    topic = create_topic("stopped", partitions=1)
    produce(bootstrap_servers, topic, numbered(0, 4))
    stop = threading.Event()
    stop.set()
    with opened(bootstrap_servers, [topic], stop=stop) as source:
        part = source_part(source)

        assert [RawBatch([], opens_epoch=True)] == part.next_batch()
        with pytest.raises(StopIteration):
            part.next_batch()
        assert {(topic, 0): 0} == part.snapshot()


def test_starts_at_the_end_when_asked(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """`latest` is resolved at once, so that a crash before the first record loses none."""
    topic = create_topic("latest", partitions=1)
    produce(bootstrap_servers, topic, numbered(0, 3))
    with opened(bootstrap_servers, [topic], start=StartFrom("latest")) as source:
        state = source_part(source).snapshot()
    produce(bootstrap_servers, topic, numbered(3, 5))
    with opened(bootstrap_servers, [topic], start=StartFrom("latest")) as source:
        messages = take(source_part(source, state), 2)

    assert {(topic, 0): 3} == state
    assert [b"3", b"4"] == values(messages)


def test_starts_at_a_time_when_asked(real_broker_address: str) -> None:
    """Records before the time are left out (the mock cluster has no index of times)."""
    from tests.support.brokers import create_topic  # noqa: PLC0415 - real broker only

    topic = f"timed-{id(object())}"
    create_topic(real_broker_address, topic, 2, {})
    for second in range(3):
        produce(
            real_broker_address, topic, numbered(second, second + 1), 0, None, 1_000_000 + second
        )
    with opened(real_broker_address, [topic], start=StartFrom("timestamp", 1_000_001)) as source:
        state = source_part(source).snapshot()

    assert {(topic, 0): 1, (topic, 1): 0} == state


def test_new_partitions_start_and_gone_ones_are_tolerated(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """A stored offset of another topic stays in the state; a partition without one is read."""
    topic = create_topic("grown", partitions=2)
    produce(bootstrap_servers, topic, numbered(0, 2), partition=0)
    produce(bootstrap_servers, topic, numbered(2, 4), partition=1)
    with opened(bootstrap_servers, [topic]) as source:
        part = source_part(source, {(topic, 0): 2, ("gone", 7): 11})
        messages = take(part, 2)

        assert [b"2", b"3"] == values(messages)
        assert {(topic, 0): 2, (topic, 1): 2, ("gone", 7): 11} == part.snapshot()


def test_a_missing_topic_is_named_and_not_created(bootstrap_servers: str) -> None:
    """The error tells the remedy, and asking has not made the topic."""
    for _ in range(2):
        with (
            opened(bootstrap_servers, ["restock.misspelt"]) as source,
            pytest.raises(TopicMissing, match=r"restock\.misspelt .*restock topics create"),
        ):
            source_part(source)


def test_an_offset_beyond_the_end_is_lost(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """A topic that was created anew is noticed at the start, not read from anywhere."""
    topic = create_topic("anew", partitions=1)
    produce(bootstrap_servers, topic, numbered(0, 2))
    with opened(bootstrap_servers, [topic]) as source, pytest.raises(OffsetsLost) as caught:
        source_part(source, {(topic, 0): 40})

    assert "\n" not in str(caught.value)
    for fact in (topic, "[0]", "offset 40", "0 to 2", "restock run --from"):
        assert fact in str(caught.value)


def test_lost_offsets_are_overridden_when_asked(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """`--from` starts afresh where the offset is lost, and resumes elsewhere."""
    topic = create_topic("overridden", partitions=2)
    for partition in range(2):
        produce(bootstrap_servers, topic, numbered(0, 3), partition)
    with opened(bootstrap_servers, [topic], override_lost=True) as source:
        part = source_part(source, {(topic, 0): 40, (topic, 1): 2})

        assert {(topic, 0): 0, (topic, 1): 2} == part.snapshot()
        assert 4 == len(take(part, 4))


def test_retention_that_passes_while_reading_is_an_error() -> None:
    """The consumer never jumps: the offsets it wanted and those there are stand in the error."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        produce(broker.bootstrap_servers, "t", numbered(0, 10))
        with opened(broker.bootstrap_servers, ["t"]) as source:
            part = source_part(source, {("t", 0): 1})
            broker.delete_records("t", 0, 4)
            with pytest.raises(OffsetsLost, match=r"t \[0\]: .* offset 1, .* 4 to 10"):
                take(part, 100)


def test_transient_errors_are_ridden_out() -> None:
    """Fetches that fail for a moment neither end the flow nor move or repeat an offset."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        produce(broker.bootstrap_servers, "t", numbered(0, 50))
        broker.push_request_errors(ApiKey.FETCH, [6, 7, 13])
        with opened(broker.bootstrap_servers, ["t"]) as source:
            messages = take(source_part(source), 50)

    assert [b"%d" % number for number in range(50)] == values(messages)


def test_an_error_ends_the_run_through_the_failure() -> None:
    """With a failure to leave the error in, Bytewax only sees an abort, which it takes calmly."""
    failure = Failure()
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        produce(broker.bootstrap_servers, "t", numbered(0, 10))
        with opened(broker.bootstrap_servers, ["t"], failure=failure) as source:
            part = source_part(source, {("t", 0): 1})
            broker.delete_records("t", 0, 4)
            with pytest.raises(AbortExecution):
                take(part, 100)
            with pytest.raises(AbortExecution):
                part.next_batch()

    assert isinstance(failure.error, OffsetsLost)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, ConsumerFailed),
        (KafkaError.SASL_AUTHENTICATION_FAILED, ConsumerFailed),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, TopicMissing),
        (KafkaError._PARTITION_EOF, NoneType),
        (KafkaError._TRANSPORT, NoneType),
        (KafkaError.NOT_LEADER_FOR_PARTITION, NoneType),
    ],
)
def test_errors_in_the_place_of_records(code: int, expected: type[object]) -> None:
    """What does not pass by itself ends the run and names the place; the rest is skipped."""
    error = KafkaError(code)
    message = Message(topic="t", partition=3, offset=5, error=error)
    result = record_error(message, error, settings_for("127.0.0.1:1", "nobody"))

    assert expected is type(result)
    assert result is None or "topic t [3]" in str(result)


def test_a_failed_build_ends_the_run_through_the_failure(bootstrap_servers: str) -> None:
    """The part that stands in for the one that could not be built aborts at its first batch."""
    failure = Failure()
    with opened(bootstrap_servers, ["missing"], failure=failure) as source:
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


def test_group_commit_errors_are_not_fatal() -> None:
    """Offsets that the group refuses are logged; reading goes on and the next epoch commits."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        produce(broker.bootstrap_servers, "t", numbered(0, 4))
        broker.push_request_errors(ApiKey.OFFSET_COMMIT, [GROUP_AUTHORIZATION_FAILED])
        with opened(broker.bootstrap_servers, ["t"]) as source:
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
