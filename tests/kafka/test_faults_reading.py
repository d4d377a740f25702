# SPDX-License-Identifier: Apache-2.0
"""What brokers answer to a fetch: nothing is skipped, and only what lasts ends the run."""

import logging
import threading
from collections.abc import Iterator

import pytest
from bytewax.inputs import AbortExecution
from confluent_kafka import KafkaError, Message
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from connectors.errors import ConsumerFailed, NotCopartitioned, OffsetsLost, TopicMissing
from connectors.failure import Failure
from connectors.kafka.admin import read_cluster
from connectors.kafka.growth import check_growth
from connectors.kafka.repeats import Warnings
from connectors.kafka.source import KafkaSource
from restock.embedded_broker import ApiKey, EmbeddedBroker
from tests.support.kafka import (
    numbered,
    opened_source,
    produce,
    settings_for,
    source_part,
    take,
    until,
    values,
)

OFFSET_OUT_OF_RANGE = 1
CORRUPT_MESSAGE = 2
UNKNOWN_TOPIC_OR_PARTITION = 3
TOPIC_AUTHORIZATION_FAILED = 29

TRANSIENT = [3, 5, 6, 7, 13, 56, 74, 78]


# By default librdkafka itself waits 30 s before it says that a topic is unknown.
AT_ONCE = {"topic.metadata.propagation.max.ms": 100, "topic.metadata.refresh.interval.ms": 100}


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A broker of the test's own, with a topic `t` of one partition that holds ten records."""
    with EmbeddedBroker() as started:
        started.create_topic("t", 1)
        produce(started.bootstrap_servers, "t", numbered(0, 10))
        yield started


def test_an_offset_that_is_there_after_all_is_read(broker: EmbeddedBroker) -> None:
    """A broker that denies an offset in error costs a warning; no record is lost or repeated."""
    with opened_source(broker.bootstrap_servers, ["t"]) as source:
        part = source_part(source)
        found = take(part, 10)
        broker.push_partition_errors("t", 0, ApiKey.FETCH, [OFFSET_OUT_OF_RANGE] * 3)
        until(lambda: bool(part.next_batch() or part._faults._rewinds))  # type: ignore[attr-defined]
        before = part.snapshot()
        produce(broker.bootstrap_servers, "t", numbered(10, 15))
        found += take(part, 5)
        after = part.snapshot()

    assert [b"%d" % number for number in range(15)] == values(found)
    assert ({("t", 0): 10}, {("t", 0): 15}) == (before, after)


def test_an_offset_that_is_denied_for_ever_is_lost(broker: EmbeddedBroker) -> None:
    """Brokers that contradict themselves are not asked for ever."""
    with opened_source(broker.bootstrap_servers, ["t"]) as source:
        part = source_part(source)
        take(part, 10)
        broker.push_partition_errors("t", 0, ApiKey.FETCH, [OFFSET_OUT_OF_RANGE] * 100)
        with pytest.raises(OffsetsLost, match=r"t \[0\]: .* offset 10"):
            take(part, 1)


def test_passing_errors_neither_lose_nor_repeat(broker: EmbeddedBroker) -> None:
    """Whatever a broker answers for a while, all records come, once each and in order."""
    broker.push_partition_errors("t", 0, ApiKey.FETCH, TRANSIENT)
    with opened_source(broker.bootstrap_servers, ["t"]) as source:
        found = take(source_part(source), 10)

    assert [b"%d" % number for number in range(10)] == values(found)


def test_a_broker_with_a_damaged_record_is_told_of(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """What a broker cannot read itself stops the partition; that is warned of, but not often."""
    broker.push_partition_errors("t", 0, ApiKey.FETCH, [CORRUPT_MESSAGE] * 3)
    with opened_source(broker.bootstrap_servers, ["t"]) as source:
        found = take(source_part(source), 10)

    assert 10 == len(found)
    assert 1 == caplog.text.count("topic t [0] is not read for now")


@pytest.mark.parametrize(
    "code", [KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError._UNDERFLOW]
)
def test_a_damaged_record_is_never_skipped(broker: EmbeddedBroker, code: int) -> None:
    """The client reports it and would go on behind it: the run ends instead, with both remedies."""
    with opened_source(broker.bootstrap_servers, ["t"]) as source:
        part = source_part(source)
        damaged = Message(topic="t", partition=0, offset=4, error=KafkaError(code))
        with pytest.raises(ConsumerFailed, match=r"t \[0\]: records from offset 4 .* damaged"):
            part._faults.sift([damaged])  # type: ignore[attr-defined]


def test_a_topic_that_is_unknown_for_a_moment_is_read_on(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that has not heard of it yet does not end the run; the next record is read."""
    settings = settings_for(broker.bootstrap_servers, "t", options=AT_ONCE)
    source = KafkaSource(settings, ["t"], threading.Event())
    part = source_part(source)
    found = take(part, 10)
    broker.topic_error("t", UNKNOWN_TOPIC_OR_PARTITION)
    until(lambda: bool(part.next_batch() or part._faults.suspicious))  # type: ignore[attr-defined]
    broker.topic_error("t", 0)
    until(lambda: bool(part.next_batch() or not part._faults.suspicious))  # type: ignore[attr-defined]
    produce(broker.bootstrap_servers, "t", numbered(10, 12))
    found += take(part, 2)
    source.close()

    assert [b"%d" % number for number in range(12)] == values(found)
    assert "t [0]: topic does not exist" in caplog.text


def test_a_topic_that_stays_away_ends_the_run(broker: EmbeddedBroker) -> None:
    """Deleted underneath, it is named after `connect_timeout`, with the remedy."""
    failure = Failure()
    settings = settings_for(broker.bootstrap_servers, "t", connect_timeout="1s", options=AT_ONCE)
    source = KafkaSource(settings, ["t"], threading.Event(), failure=failure)
    part = source_part(source)
    take(part, 10)
    broker.delete_topic("t")
    with pytest.raises(AbortExecution):
        take(part, 1)
    source.close()

    assert isinstance(failure.error, TopicMissing)
    assert "topic t [0] is gone" in str(failure.error)
    assert "restock topics create" in str(failure.error)


def test_rights_that_are_withdrawn_end_the_run(broker: EmbeddedBroker) -> None:
    """It is one line that names brokers and group."""
    settings = settings_for(broker.bootstrap_servers, "t", options=AT_ONCE)
    source = KafkaSource(settings, ["t"], threading.Event())
    part = source_part(source)
    take(part, 10)
    broker.topic_error("t", TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(ConsumerFailed, match=r"refuses to be read: t \[0\]: .* rights of group t"):
        take(part, 1)
    source.close()


def test_group_offsets_that_are_refused_are_warned_of_once(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """The run goes on, and says it once for a minute of refusals, and that it is over."""
    with opened_source(broker.bootstrap_servers, ["t"]) as source, caplog.at_level(logging.INFO):
        part = source_part(source)
        take(part, 10)
        broker.push_request_errors(ApiKey.OFFSET_COMMIT, [30] * 3)
        for number in range(4):
            produce(broker.bootstrap_servers, "t", numbered(number, number + 1))
            take(part, 1)
            part.snapshot()
            part.next_batch()
            until(lambda: not part.next_batch() and not part._progress._in_flight)  # type: ignore[attr-defined]

    assert 1 == caplog.text.count("group offsets were not committed")
    assert 1 == caplog.text.count("committed again")


def test_warnings_come_now_and_again(caplog: pytest.LogCaptureFixture) -> None:
    """After a minute the next one says how many were kept back; another kind is not held up."""
    times = iter([0.0, 1.0, 2.0, 3.0, 61.0])
    warnings = Warnings(logging.getLogger("test"), lambda: next(times))
    for kind in ("a", "a", "b", "a", "a"):
        warnings.warn(kind, f"of {kind}")
    with caplog.at_level(logging.INFO):
        warnings.passed("a", "over")
        warnings.passed("a", "over")

    assert ["of a", "of b", "of a (2 more since)", "over"] == caplog.messages


@pytest.mark.parametrize(
    ("before", "after", "count", "safe"),
    [(4, 6, 1, True), (4, 8, 4, True), (4, 6, 2, True), (4, 6, 4, False), (5, 8, 4, False)],
)
def test_growth_must_leave_variants_in_their_shards(
    before: int, after: int, count: int, *, safe: bool
) -> None:
    """It does when the number of shards divides both numbers; else the line names them."""
    if safe:
        check_growth("t", before, after, (0, count))
        for number in range(10_000):
            assert number % before % count == number % after % count or count == 1
    else:
        with pytest.raises(NotCopartitioned, match=f"t has {after} partitions now, {before} be"):
            check_growth("t", before, after, (0, count))


def test_partitions_that_are_added_are_read(real_broker_address: str) -> None:
    """From their first record on, wherever reading began, and with an offset in the snapshot."""
    from tests.support.brokers import create_topic  # noqa: PLC0415 - real broker only

    topic = f"grown-{id(object())}"
    create_topic(real_broker_address, topic, 1, {})
    produce(real_broker_address, topic, numbered(0, 3))
    settings = settings_for(
        real_broker_address, topic, options={"topic.metadata.refresh.interval.ms": 200}
    )
    source = KafkaSource(settings, [topic], threading.Event())
    part = source_part(source)
    found = take(part, 3)
    admin = AdminClient({"bootstrap.servers": real_broker_address})
    for future in admin.create_partitions([NewPartitions(topic, 3)]).values():
        future.result(10)
    until(lambda: 3 == read_cluster(admin, settings).partitions[topic])
    for partition in (1, 2):
        produce(real_broker_address, topic, numbered(6 + partition, 7 + partition), partition)
    while len(found) < 5:
        part.snapshot()
        found += [message for batch in part.next_batch() for message in batch.messages]
    state = part.snapshot()
    source.close()

    assert [b"0", b"1", b"2", b"7", b"8"] == sorted(value or b"" for value in values(found))
    assert {(topic, 0): 3, (topic, 1): 1, (topic, 2): 1} == state
