# SPDX-License-Identifier: Apache-2.0
"""After a crash the sink writes only what is missing."""

import logging

import pytest

from connectors.errors import BrokerUnreachable
from connectors.kafka.delivered import decode_state, encode_state
from connectors.kafka.records import Identify, Outgoing
from connectors.kafka.sink import KafkaSink
from restock.embedded_broker import ApiKey, EmbeddedBroker
from tests.support.brokers import CreateTopic
from tests.support.kafka import (
    expected_ids,
    ids,
    opened_sink,
    produce,
    settings_for,
    sink_part,
    told,
    value_id,
)


def test_after_a_crash_only_what_is_missing_is_written(
    bootstrap_servers: str, create_topic: CreateTopic, caplog: pytest.LogCaptureFixture
) -> None:
    """The replay produces the epoch again, cut differently: every id is there exactly once."""
    topic = create_topic("once", partitions=3)
    settings = settings_for(bootstrap_servers, topic)
    identify: dict[str, Identify] = {topic: value_id}
    with opened_sink(settings, identify) as sink:
        part = sink_part(sink)
        part.write_batch([told(topic, 0, 50)])
        durable = part.snapshot()
        part.write_batch([told(topic, 50, 90)])
        part.snapshot()  # never committed: the process is killed between the two
        part.write_batch([told(topic, 90, 100)])
        sink.prepare().flush()
    with opened_sink(settings, identify) as sink, caplog.at_level(logging.INFO):
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
    with opened_sink(settings, identify) as sink:
        part = sink_part(sink)
        state = part.snapshot()
        part.write_batch([told(topic, 0, 10)])
        sink.prepare().flush()
    for first, left in ((0, 7), (3, 4), (6, 1)):
        with opened_sink(settings, identify) as sink:
            part = sink_part(sink, state)
            part.write_batch([told(topic, first, first + 3)])
            part.write_batch([Outgoing(topic, [])])
            state = part.snapshot()

            assert left == len(decode_state(state).unclaimed[topic])
    with opened_sink(settings, identify) as sink:
        part = sink_part(sink, state)
        part.write_batch([told(topic, 9, 12)])
        part.snapshot()

        assert expected_ids(0, 12) == ids(settings, topic)


def test_a_first_start_remembers_nothing(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """Output of an earlier life is not ours to compare with: the state was removed on purpose."""
    topic = create_topic("first", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    produce(bootstrap_servers, topic, [(None, b"id0 "), (None, b"id1 ")])
    with opened_sink(settings, {topic: value_id}) as sink:
        part = sink_part(sink)
        state = part.snapshot()
        part.write_batch([told(topic, 0, 2)])
        part.snapshot()

        assert sorted([b"id0", b"id1"] * 2) == ids(settings, topic)
    assert [(topic, 0, 2)] == decode_state(state).ends


def test_what_never_comes_again_is_reported_once(
    bootstrap_servers: str, create_topic: CreateTopic, caplog: pytest.LogCaptureFixture
) -> None:
    """The state knows it from then on: further starts keep it, and say nothing."""
    topic = create_topic("once", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    with opened_sink(settings, {topic: value_id}) as sink:
        state = sink_part(sink).snapshot()
    produce(bootstrap_servers, topic, [(None, b"id1")])
    for _ in range(3):
        with opened_sink(settings, {topic: value_id}) as sink, caplog.at_level("INFO"):
            state = sink_part(sink, state).snapshot()
        assert {topic: [b"id1"]} == decode_state(state).unclaimed
    assert 1 == caplog.text.count("found 1 records in the output")


def test_records_of_others_are_not_remembered(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Other producers may write to the topic: what has no id of ours is passed over."""
    topic = create_topic("shared", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    with opened_sink(settings, {topic: value_id}) as sink:
        state = sink_part(sink).snapshot()
    produce(bootstrap_servers, topic, [(None, b"foreign"), (b"k", None), (None, b"id1 ")])
    with opened_sink(settings, {topic: value_id}) as sink:
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
    with opened_sink(settings, {topic: value_id}) as sink:
        part = sink_part(sink, encode_state({(topic, 0): 0}, {}))

        assert {topic: [b"id1"]} == decode_state(part.snapshot()).unclaimed


def test_a_topic_that_is_new_is_not_compared(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Another output topic in the settings: what it held before is not from the lost epochs."""
    topic = create_topic("renamed", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    produce(bootstrap_servers, topic, [(None, b"id1 ")])
    with opened_sink(settings, {topic: value_id}) as sink:
        part = sink_part(sink, encode_state({("before", 0): 0}, {}))

        assert {} == decode_state(part.snapshot()).unclaimed


def test_retention_between_the_snapshot_and_the_restart_does_not_hurt() -> None:
    """What is gone cannot be compared; what is left is."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        settings = settings_for(broker.bootstrap_servers, "t")
        produce(broker.bootstrap_servers, "t", told("t", 0, 10).records)
        broker.delete_records("t", 0, 7)
        with opened_sink(settings, {"t": value_id}) as sink:
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
            opened_sink(settings, {"t": value_id}) as sink,
            pytest.raises(BrokerUnreachable, match="read back"),
        ):
            sink_part(sink, encode_state({("t", 0): 2}, {}))
