# SPDX-License-Identifier: Apache-2.0
"""What brokers answer to a write: what passes is ridden out, what does not loses nothing."""

import threading
from collections.abc import Iterator

import pytest

from connectors.errors import DeliveryFailed
from connectors.kafka.delivered import decode_state
from connectors.kafka.records import Outgoing
from restock.embedded_broker import ApiKey, EmbeddedBroker
from tests.support.kafka import (
    opened_sink,
    read,
    settings_for,
    sink_part,
    told,
    value_id,
    values,
)

# The mock cluster does not check sequence numbers: with several requests in flight it would take
# the second although it refused the first, which no broker does.
ONE_AT_A_TIME = {"max.in.flight.requests.per.connection": 1}

PASSING = {
    "UNKNOWN_TOPIC_OR_PARTITION": 3,
    "LEADER_NOT_AVAILABLE": 5,
    "NOT_LEADER_OR_FOLLOWER": 6,
    "REQUEST_TIMED_OUT": 7,
    "BROKER_NOT_AVAILABLE": 8,
    "REPLICA_NOT_AVAILABLE": 9,
    "COORDINATOR_LOAD_IN_PROGRESS": 14,
    "COORDINATOR_NOT_AVAILABLE": 15,
    "NOT_COORDINATOR": 16,
    "CORRUPT_MESSAGE": 2,
    "NOT_ENOUGH_REPLICAS": 19,
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": 20,
    "KAFKA_STORAGE_ERROR": 56,
}
LASTING = {
    "MESSAGE_TOO_LARGE": (10, "raise max.message.bytes of the topic"),
    "NETWORK_EXCEPTION": (13, "see the brokers' logs"),
    "RECORD_LIST_TOO_LARGE": (18, "raise max.message.bytes of the topic"),
    "INVALID_REQUIRED_ACKS": (21, "see the brokers' logs"),
    "TOPIC_AUTHORIZATION_FAILED": (29, "check the rights to write there"),
    "CLUSTER_AUTHORIZATION_FAILED": (31, "check the rights to write there"),
    "INVALID_TIMESTAMP": (32, "message.timestamp.before.max.ms"),
    "POLICY_VIOLATION": (44, "whoever runs the cluster"),
    "OUT_OF_ORDER_SEQUENCE_NUMBER": (45, "see the brokers' logs"),
    "INVALID_PRODUCER_EPOCH": (47, "see the brokers' logs"),
    "INVALID_RECORD": (87, "cleanup.policy"),
}


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A broker of the test's own, with a topic `t` of one partition."""
    with EmbeddedBroker() as started:
        started.create_topic("t", 1)
        yield started


def places(found: list[bytes | None]) -> list[int]:
    """The numbers of records that `told` made, in the order of the topic."""
    return [int((value or b"").split(b" ")[0].removeprefix(b"id")) for value in found]


def test_passing_errors_neither_lose_repeat_nor_reorder(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """Each kind of error that passes, in turn, leaves every record there once and in order."""
    settings = settings_for(broker.bootstrap_servers, "t", options=ONE_AT_A_TIME)
    with opened_sink(settings, {"t": value_id}) as sink:
        part = sink_part(sink)
        broker.push_request_errors(ApiKey.PRODUCE, list(PASSING.values()))
        for number in range(20):
            part.write_batch([told("t", 10 * number, 10 * number + 10)])
        part.snapshot()

    assert list(range(200)) == places(values(read(settings, "t")))
    assert not [record for record in caplog.records if record.levelname not in {"WARNING", "DEBUG"}]


@pytest.mark.parametrize("name", LASTING)
def test_lasting_errors_are_one_line_and_nothing_is_vouched_for(
    broker: EmbeddedBroker, name: str
) -> None:
    """The line names topic, reason and remedy; no snapshot is given, and nothing more is sent."""
    code, remedy = LASTING[name]
    settings = settings_for(broker.bootstrap_servers, "t", options=ONE_AT_A_TIME)
    with opened_sink(settings, {"t": value_id}) as sink:
        part = sink_part(sink)
        part.write_batch([told("t", 0, 10)])
        durable = part.snapshot()
        broker.push_request_errors(ApiKey.PRODUCE, [code])
        part.write_batch([told("t", 10, 20)])
        with pytest.raises(DeliveryFailed) as caught:
            part.snapshot()
        with pytest.raises(DeliveryFailed):
            part.write_batch([told("t", 20, 30)])
        with pytest.raises(DeliveryFailed):
            part.snapshot()
    line = str(caught.value)

    assert "\n" not in line
    assert "next start writes" in line
    for fact in ("topic t", remedy) if name != "OUT_OF_ORDER_SEQUENCE_NUMBER" else (remedy,):
        assert fact in line
    assert [("t", 0, 10)] == decode_state(durable).ends
    assert list(range(10)) == places(values(read(settings, "t")))


def test_the_next_start_makes_up_for_what_was_refused(broker: EmbeddedBroker) -> None:
    """Resumed from the last snapshot, the repeated epoch writes what is missing, in order."""
    settings = settings_for(broker.bootstrap_servers, "t", options=ONE_AT_A_TIME)
    with opened_sink(settings, {"t": value_id}) as sink:
        part = sink_part(sink)
        part.write_batch([told("t", 0, 10)])
        durable = part.snapshot()
        broker.push_request_errors(ApiKey.PRODUCE, [0, 10])
        part.write_batch([told("t", 10, 20)])
        sink.prepare()._delivery.drain(sink.prepare()._producer)
        part.write_batch([told("t", 20, 30)])
        with pytest.raises(DeliveryFailed):
            part.snapshot()
    with opened_sink(settings, {"t": value_id}) as sink:
        part = sink_part(sink, durable)
        part.write_batch([told("t", 10, 40)])
        part.snapshot()

    assert list(range(40)) == places(values(read(settings, "t")))


def test_what_lies_behind_a_refused_record_does_not_overtake_it(real_broker_address: str) -> None:
    """With many requests in flight, the topic ends with a record before the refused one."""
    from tests.support.brokers import create_topic  # noqa: PLC0415 - real broker only

    topic = f"behind-{id(object())}"
    create_topic(real_broker_address, topic, 1, {"max.message.bytes": "2000"})
    small = {"batch.num.messages": 1, "linger.ms": 0, "compression.type": "none"}
    settings = settings_for(real_broker_address, topic, options=small)
    with opened_sink(settings, {topic: value_id}) as sink:
        part = sink_part(sink)
        large = Outgoing(topic, [(b"k", b"id50 " + b"x" * 3000)])
        part.write_batch([told(topic, 0, 50), large, told(topic, 51, 400)])
        with pytest.raises(DeliveryFailed, match=r"max\.message\.bytes .* 3006 bytes"):
            part.snapshot()

    assert list(range(50)) == places(values(read(settings, topic)))


@pytest.mark.parametrize("stopping", [False, True])
def test_brokers_that_are_gone_are_given_up(broker: EmbeddedBroker, *, stopping: bool) -> None:
    """Nothing acknowledged for `delivery_timeout` ends the run, sooner when it is to stop."""
    waits = {"delivery_timeout": "30s", "connect_timeout": "400ms"}
    settings = settings_for(
        broker.bootstrap_servers,
        "t",
        **(waits if stopping else {"delivery_timeout": "400ms"}),
    )
    stop = threading.Event()
    with opened_sink(settings, {}) as sink:
        sink._stop = stop
        part = sink_part(sink)
        broker.set_down()
        part.write_batch([told("t", 0, 3)])
        if stopping:
            stop.set()
        with pytest.raises(DeliveryFailed) as caught:
            part.snapshot()

    for fact in (
        "3 records were not acknowledged",
        broker.bootstrap_servers,
        "for 0.4 s",
        "kafka.delivery_timeout",
    ):
        assert fact in str(caught.value)


def test_a_full_queue_is_given_up_as_well(broker: EmbeddedBroker) -> None:
    """A long epoch does not wait for ever for room behind brokers that are gone."""
    settings = settings_for(
        broker.bootstrap_servers,
        "t",
        delivery_timeout="400ms",
        options={"queue.buffering.max.messages": 10},
    )
    with opened_sink(settings, {}) as sink:
        part = sink_part(sink)
        broker.set_down()
        with pytest.raises(DeliveryFailed, match="10 records were not acknowledged"):
            part.write_batch([told("t", 0, 100)])


def test_brokers_that_come_back_get_everything(broker: EmbeddedBroker) -> None:
    """An outage shorter than `delivery_timeout` costs nothing but time."""
    settings = settings_for(broker.bootstrap_servers, "t", options=ONE_AT_A_TIME)
    with opened_sink(settings, {"t": value_id}) as sink:
        part = sink_part(sink)
        part.write_batch([told("t", 0, 10)])
        part.snapshot()
        broker.set_down()
        part.write_batch([told("t", 10, 500)])
        threading.Timer(1.0, broker.set_up).start()
        part.snapshot()

    assert list(range(500)) == places(values(read(settings, "t")))


def test_the_leader_moves_while_records_are_written() -> None:
    """Wherever the leader goes, and with one broker of three down, the order holds."""
    with EmbeddedBroker(3) as cluster:
        cluster.create_topic("t", 1)
        settings = settings_for(
            cluster.bootstrap_servers, "t", options=ONE_AT_A_TIME, delivery_timeout="45s"
        )
        with opened_sink(settings, {"t": value_id}) as sink:
            part = sink_part(sink)
            for number in range(12):
                part.write_batch([told("t", 50 * number, 50 * number + 50)])
                cluster.set_leader("t", 0, 1 + number % 2)
                if number == 6:
                    cluster.set_down(3)
            part.snapshot()
        cluster.set_up(3)

        assert list(range(600)) == places(values(read(settings, "t")))


def test_slow_brokers_only_cost_time(broker: EmbeddedBroker) -> None:
    """With a round trip of a second each epoch still ends, with everything acknowledged."""
    settings = settings_for(broker.bootstrap_servers, "t")
    with opened_sink(settings, {"t": value_id}) as sink:
        part = sink_part(sink)
        part.write_batch([told("t", 0, 1)])
        part.snapshot()
        broker.set_round_trip_time(1, 1000)
        part.write_batch([told("t", 1, 1000)])
        state = decode_state(part.snapshot())
        broker.set_round_trip_time(1, 0)

    assert [("t", 0, 1000)] == state.ends
    assert list(range(1000)) == places(values(read(settings, "t")))


def test_a_topic_that_is_deleted_is_named(broker: EmbeddedBroker) -> None:
    """A topic that disappears while it is written ends the run, and is not made anew."""
    options = {"topic.metadata.propagation.max.ms": 500}  # by default 30 s
    settings = settings_for(broker.bootstrap_servers, "t", options=options)
    with opened_sink(settings, {}) as sink:
        part = sink_part(sink)
        part.write_batch([told("t", 0, 1)])
        part.snapshot()
        broker.delete_topic("t")
        part.write_batch([told("t", 1, 2)])
        with pytest.raises(DeliveryFailed, match=r"topic t: .*restock topics create"):
            part.snapshot()
