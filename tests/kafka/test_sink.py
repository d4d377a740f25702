# SPDX-License-Identifier: Apache-2.0
"""The sink writes what it is given, and vouches for it in its snapshot."""

from connectors.kafka.records import Outgoing
from restock.embedded_broker import ApiKey, EmbeddedBroker
from tests.support.brokers import CreateTopic
from tests.support.kafka import (
    expected_ids,
    ids,
    opened_sink,
    read,
    settings_for,
    sink_part,
    told,
    value_id,
)


def test_writes_chunks_with_keys_headers_and_timestamp(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """A record arrives as it was given; an empty chunk writes nothing."""
    topic = create_topic("plain", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    with opened_sink(settings, {}) as sink:
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
    with opened_sink(settings, {}) as sink:
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
        with opened_sink(settings, {}) as sink:
            part = sink_part(sink)
            broker.set_round_trip_time(1, 100)
            part.write_batch([told("t", 0, 10)])
            part.snapshot()
            broker.set_round_trip_time(1, 0)

            assert expected_ids(0, 10) == ids(settings, "t")


def test_passing_errors_are_ridden_out_without_duplicates() -> None:
    """Retries of the idempotent producer write once."""
    with EmbeddedBroker(3) as broker:
        broker.create_topic("t", 1)
        settings = settings_for(broker.bootstrap_servers, "t")
        with opened_sink(settings, {"t": value_id}) as sink:
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
    with opened_sink(settings, {topic: value_id}) as sink:
        part = sink_part(sink)
        part.write_batch([told(topic, 0, 300)])
        part.snapshot()

        assert expected_ids(0, 300) == ids(settings, topic)


def test_a_flood_can_be_held_back_before_the_queue_is_long() -> None:
    """What is not acknowledged takes room until it is, and more than fits is taken nevertheless."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        settings = settings_for(broker.bootstrap_servers, "t")
        with opened_sink(settings, {}) as sink:
            assert 0 == sink.room()
            part = sink_part(sink)
            all_of_it = sink.room()
            broker.set_down()
            part.write_batch([told("t", 0, 4_000)])
            assert all_of_it - 4_000 >= sink.room() > 0
            part.write_batch([told("t", 4_000, 4_000 + all_of_it)])
            assert 0 == sink.room()
            broker.set_up()
            part.snapshot()
            assert sink.room() > all_of_it - 4_000
