# SPDX-License-Identifier: Apache-2.0
"""The sink vouches for what it wrote, and after a crash writes only what is missing."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from bytewax.outputs import StatefulSinkPartition

from connectors.errors import BrokerUnreachable, ConnectorError, DeliveryFailed, TopicMissing
from connectors.failure import Failure
from connectors.kafka.delivered import decode_state, encode_state
from connectors.kafka.records import Headers, Identify, Outgoing
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.sink import KafkaSink
from restock.embedded_broker import ApiKey, EmbeddedBroker
from tests.support.brokers import CreateTopic
from tests.support.kafka import produce, read, settings_for, values

Part = StatefulSinkPartition[Outgoing, bytes]
INVALID_REQUIRED_ACKS = 21


def value_id(_key: bytes | None, value: bytes | None, _headers: Headers | None) -> bytes | None:
    """Records of ours start with `id`; the rest of the value may differ in a replay."""
    return value.split(b" ")[0] if value is not None and value.startswith(b"id") else None


@contextmanager
def opened(
    settings: KafkaSettings, identify: dict[str, Identify], failure: Failure | None = None
) -> Iterator[KafkaSink]:
    """A sink that is closed in the end, as a process that ends."""
    sink = KafkaSink(settings, identify, failure=failure)
    try:
        yield sink
    finally:
        sink.close()


def sink_part(sink: KafkaSink, state: bytes | None = None) -> Part:
    """Builds the part of a sink as Bytewax would."""
    return sink.build_part("flow.sink", "all", state)


def told(topic: str, first: int, end: int, rest: bytes = b"") -> Outgoing:
    """A chunk of records with ids."""
    return Outgoing(topic, [(b"%d" % n, b"id%d %s" % (n, rest)) for n in range(first, end)])


def ids(settings: KafkaSettings, topic: str) -> list[bytes]:
    """The ids in a topic, sorted, duplicates included."""
    found = values(read(settings, topic))
    return sorted((value or b"").split(b" ")[0] for value in found)


def expected_ids(first: int, end: int) -> list[bytes]:
    """The ids of `told`, sorted."""
    return sorted(b"id%d" % n for n in range(first, end))


def test_writes_chunks_with_keys_headers_and_timestamp(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """A record arrives as it was given; an empty chunk writes nothing."""
    topic = create_topic("plain", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    with opened(settings, {}) as sink:
        part = sink_part(sink)
        part.write_batch([Outgoing(topic, []), Outgoing(topic, [(b"k", b"v"), (None, None)])])
        part.write_batch([Outgoing(topic, [(b"k", b"w")], [("h", b"1"), ("h", None)], 1234567)])
        part.snapshot()
        found = read(settings, topic)

    assert [(b"k", b"v"), (None, None), (b"k", b"w")] == [(m.key(), m.value()) for m in found]
    assert [("h", b"1"), ("h", None)] == found[2].headers()
    assert 1234567 == found[2].timestamp()[1]


def test_keys_fall_where_java_puts_them(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """The partitioner is murmur2: the values are those of Kafka's own unit tests."""
    topic = create_topic("murmur", partitions=97)
    settings = settings_for(bootstrap_servers, topic)
    with opened(settings, {}) as sink:
        part = sink_part(sink)
        part.write_batch([Outgoing(topic, [(b"21", b"x"), (b"foobar", b"x")])])
        part.snapshot()
        found = {m.key(): m.partition() for m in read(settings, topic)}

    # Kafka's UtilsTest: murmur2("21") = -973932308, murmur2("foobar") = -790332482; sign cut off.
    expected = {
        b"21": (-973932308 & 0x7FFFFFFF) % 97,
        b"foobar": (-790332482 & 0x7FFFFFFF) % 97,
    }
    assert expected == found


def test_the_snapshot_waits_for_the_acknowledgement() -> None:
    """When it returns, everything is in the topic, however slow the broker is."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        settings = settings_for(broker.bootstrap_servers, "t")
        with opened(settings, {}) as sink:
            part = sink_part(sink)
            broker.set_round_trip_time(1, 100)
            part.write_batch([told("t", 0, 10)])
            part.snapshot()
            broker.set_round_trip_time(1, 0)

            assert expected_ids(0, 10) == ids(settings, "t")


def test_a_refused_record_fails_the_snapshot() -> None:
    """The broker's permanent error names the topic and what the broker said."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        with opened(settings_for(broker.bootstrap_servers, "t"), {}) as sink:
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
        with opened(settings_for(broker.bootstrap_servers, "t"), {}) as sink:
            part = sink_part(sink)
            broker.push_request_errors(ApiKey.PRODUCE, [INVALID_REQUIRED_ACKS])
            part.write_batch([told("t", 0, 1)])
            sink.prepare()._flush()
            with pytest.raises(DeliveryFailed):
                part.write_batch([told("t", 1, 2)])


def test_with_a_failure_only_the_snapshot_raises() -> None:
    """Writing leaves the error for the source, which ends the run; no snapshot is ever given."""
    failure = Failure()
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        with opened(settings_for(broker.bootstrap_servers, "t"), {}, failure) as sink:
            part = sink_part(sink)
            broker.push_request_errors(ApiKey.PRODUCE, [INVALID_REQUIRED_ACKS])
            part.write_batch([told("t", 0, 1)])
            sink.prepare()._flush()
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
        with opened(settings, {}) as sink:
            part = sink_part(sink)
            broker.set_down()
            part.write_batch([told("t", 0, 1)])
            with pytest.raises(DeliveryFailed, match="delivery_timeout"):
                part.snapshot()


def test_passing_errors_are_ridden_out_without_duplicates() -> None:
    """Retries of the idempotent producer write once."""
    with EmbeddedBroker(3) as broker:
        broker.create_topic("t", 1)
        settings = settings_for(broker.bootstrap_servers, "t")
        with opened(settings, {"t": value_id}) as sink:
            part = sink_part(sink)
            broker.push_request_errors(ApiKey.PRODUCE, [20, 20, 6])
            part.write_batch([told("t", 0, 100)])
            broker.set_leader("t", 0, 3)
            part.snapshot()

            assert expected_ids(0, 100) == ids(settings, "t")


def test_a_full_queue_holds_the_flow_back(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Far more records than the queue holds are written, none lost, none raised."""
    topic = create_topic("full", partitions=1)
    options = {"queue.buffering.max.messages": 10}
    settings = settings_for(bootstrap_servers, topic, options=options)
    with opened(settings, {topic: value_id}) as sink:
        part = sink_part(sink)
        part.write_batch([told(topic, 0, 300)])
        part.snapshot()

        assert expected_ids(0, 300) == ids(settings, topic)


def test_a_record_of_ours_that_is_too_large_is_an_error(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """It is not a dead letter, so it must not be cut: the error says what to raise."""
    topic = create_topic("large", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    with opened(settings, {}) as sink:
        part = sink_part(sink)
        with pytest.raises(DeliveryFailed, match=rf"{topic}: .*max\.message\.bytes"):
            part.write_batch([Outgoing(topic, [(b"k", b"x" * 16_000_001)])])


def test_after_a_crash_only_what_is_missing_is_written(
    bootstrap_servers: str, create_topic: CreateTopic, caplog: pytest.LogCaptureFixture
) -> None:
    """The replay produces the epoch again, cut differently: every id is there exactly once."""
    topic = create_topic("once", partitions=3)
    settings = settings_for(bootstrap_servers, topic)
    identify: dict[str, Identify] = {topic: value_id}
    with opened(settings, identify) as sink:
        part = sink_part(sink)
        part.write_batch([told(topic, 0, 50)])
        durable = part.snapshot()
        part.write_batch([told(topic, 50, 90)])
        part.snapshot()  # never committed: the process is killed between the two
        part.write_batch([told(topic, 90, 100)])
        sink.prepare().flush()
    with opened(settings, identify) as sink, caplog.at_level(logging.INFO):
        part = sink_part(sink, durable)
        part.write_batch([told(topic, 50, 70, b"replayed")])
        part.write_batch([told(topic, 70, 130, b"replayed")])
        state = part.snapshot()

        assert expected_ids(0, 130) == ids(settings, topic)
    assert {} == decode_state(state).unclaimed
    assert "50 records" in caplog.text


def test_ids_that_do_not_come_again_are_kept(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """The replay cut short by another crash, or a wave that comes much later, still tells once."""
    topic = create_topic("kept", partitions=2)
    settings = settings_for(bootstrap_servers, topic)
    identify: dict[str, Identify] = {topic: value_id}
    with opened(settings, identify) as sink:
        part = sink_part(sink)
        state = part.snapshot()
        part.write_batch([told(topic, 0, 10)])
        sink.prepare().flush()
    for first, left in ((0, 7), (3, 4), (6, 1)):
        with opened(settings, identify) as sink:
            part = sink_part(sink, state)
            part.write_batch([told(topic, first, first + 3)])
            part.write_batch([Outgoing(topic, [])])
            state = part.snapshot()

            assert left == len(decode_state(state).unclaimed[topic])
    with opened(settings, identify) as sink:
        part = sink_part(sink, state)
        part.write_batch([told(topic, 9, 12)])
        part.snapshot()

        assert expected_ids(0, 12) == ids(settings, topic)


def test_a_first_start_remembers_nothing(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """Output of an earlier life is not ours to compare with: the state was removed on purpose."""
    topic = create_topic("first", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    produce(bootstrap_servers, topic, [(None, b"id0 "), (None, b"id1 ")])
    with opened(settings, {topic: value_id}) as sink:
        part = sink_part(sink)
        state = part.snapshot()
        part.write_batch([told(topic, 0, 2)])
        part.snapshot()

        assert sorted([b"id0", b"id1"] * 2) == ids(settings, topic)
    assert [(topic, 0, 2)] == decode_state(state).ends


def test_records_of_others_are_not_remembered(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Other producers may write to the topic: what has no id of ours is passed over."""
    topic = create_topic("shared", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    with opened(settings, {topic: value_id}) as sink:
        state = sink_part(sink).snapshot()
    produce(bootstrap_servers, topic, [(None, b"foreign"), (b"k", None), (None, b"id1 ")])
    with opened(settings, {topic: value_id}) as sink:
        resumed = decode_state(sink_part(sink, state).snapshot())

    assert {topic: [b"id1"]} == resumed.unclaimed
    assert [(topic, 0, 3)] == resumed.ends


def test_records_of_other_shards_are_not_remembered(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Each shard recognises what it has written itself, and nothing of the others."""
    topic = create_topic("shards", partitions=2)
    settings = settings_for(bootstrap_servers, topic)
    states = {}
    for origin, first in (("0/2", 0), ("1/2", 10)):
        sink = KafkaSink(settings, {topic: value_id}, origin=origin)
        part = sink_part(sink)
        states[origin] = part.snapshot()
        part.write_batch([told(topic, first, first + 5)])
        part.snapshot()
        sink.close()
    resumed = {}
    for origin, state in states.items():
        sink = KafkaSink(settings, {topic: value_id}, origin=origin)
        resumed[origin] = decode_state(sink_part(sink, state).snapshot()).unclaimed[topic]
        sink.close()

    assert expected_ids(0, 5) == sorted(resumed["0/2"])
    assert expected_ids(10, 15) == sorted(resumed["1/2"])


def test_a_partition_that_is_new_is_read_from_its_beginning(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """It was added after the snapshot, so all of it was written after the snapshot."""
    topic = create_topic("grown", partitions=2)
    settings = settings_for(bootstrap_servers, topic)
    produce(bootstrap_servers, topic, [(None, b"id1 ")], partition=1)
    with opened(settings, {topic: value_id}) as sink:
        part = sink_part(sink, encode_state({(topic, 0): 0}, {}))

        assert {topic: [b"id1"]} == decode_state(part.snapshot()).unclaimed


def test_a_topic_that_is_new_is_not_compared(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Another output topic in the settings: what it held before is not from the lost epochs."""
    topic = create_topic("renamed", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    produce(bootstrap_servers, topic, [(None, b"id1 ")])
    with opened(settings, {topic: value_id}) as sink:
        part = sink_part(sink, encode_state({("before", 0): 0}, {}))

        assert {} == decode_state(part.snapshot()).unclaimed


def test_retention_between_the_snapshot_and_the_restart_does_not_hurt() -> None:
    """What is gone cannot be compared; what is left is."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        settings = settings_for(broker.bootstrap_servers, "t")
        produce(broker.bootstrap_servers, "t", told("t", 0, 10).records)
        broker.delete_records("t", 0, 7)
        with opened(settings, {"t": value_id}) as sink:
            part = sink_part(sink, encode_state({("t", 0): 2}, {}))
            state = decode_state(part.snapshot())

    assert expected_ids(7, 10) == sorted(state.unclaimed["t"])


def test_output_that_cannot_be_read_back_is_an_error() -> None:
    """Without it records would be written twice: better not to start, within the timeout."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        settings = settings_for(broker.bootstrap_servers, "t", connect_timeout="500ms")
        produce(broker.bootstrap_servers, "t", told("t", 0, 10).records)
        broker.push_request_errors(ApiKey.FETCH, [-1] * 1000)
        with (
            opened(settings, {"t": value_id}) as sink,
            pytest.raises(BrokerUnreachable, match="read back"),
        ):
            sink_part(sink, encode_state({("t", 0): 2}, {}))


def test_a_missing_topic_stops_the_start(bootstrap_servers: str) -> None:
    """It is found while the program prepares, and left in the failure when the flow is built."""
    settings = settings_for(bootstrap_servers, "nobody")
    failure = Failure()
    with opened(settings, {"restock.nowhere": value_id}, failure) as sink:
        with pytest.raises(TopicMissing, match=r"restock\.nowhere"):
            sink.prepare()
        part = sink_part(sink)
        part.write_batch([told("restock.nowhere", 0, 1)])
        with pytest.raises(TopicMissing):
            part.snapshot()

    assert isinstance(failure.error, TopicMissing)


@pytest.mark.parametrize(
    ("state", "message"), [(b"\xc1", "cannot be read"), (b"\x93\x02\x90\x80", "version 2")]
)
def test_a_state_of_another_version_is_refused(state: bytes, message: str) -> None:
    """A downgrade is told what to do instead of guessing."""
    with pytest.raises(ConnectorError, match=message):
        decode_state(state)


def test_the_layout_of_the_state_is_fixed() -> None:
    """State written by this version must be read by every later one."""
    golden = bytes.fromhex("93 01 91 93 a1 74 03 05 81 a1 74 91 c4 01 61")

    assert golden == encode_state({("t", 3): 5}, {"t": {b"a"}, "empty": set()})
    state = decode_state(golden)
    assert (1, [("t", 3, 5)], {"t": [b"a"]}) == (state.version, state.ends, state.unclaimed)
