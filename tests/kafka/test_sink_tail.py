# SPDX-License-Identifier: Apache-2.0
"""Whoever wants to know what lies behind the last durable epoch is told before anything is read."""

import threading

from confluent_kafka import Message

from connectors.kafka.delivered import decode_state
from connectors.kafka.sink import KafkaSink
from connectors.kafka.source import KafkaSource
from dataflows.aftermath import Aftermath
from tests.support.brokers import CreateTopic
from tests.support.kafka import opened_sink, settings_for, sink_part, told, value_id


class Listener:
    """A tail that remembers what it was told."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.is_over = False
        self.values: set[bytes | None] = set()
        self.completed = 0

    def found(self, message: Message) -> None:
        """A record."""
        self.values.add(message.value())

    def complete(self) -> None:
        """That was all."""
        self.completed += 1


def _values(*chunks: tuple[int, int]) -> set[bytes | None]:
    return {value for first, end in chunks for _, value in told("any", first, end).records}


def test_a_second_crash_finds_what_the_first_has_found(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Until what follows from it is durable; then only what came later."""
    topic = create_topic("tail", partitions=2)
    settings = settings_for(bootstrap_servers, topic)
    identify = {topic: value_id}
    with opened_sink(settings, {topic: value_id}) as sink:
        part = sink_part(sink)
        part.write_batch([told(topic, 0, 5)])
        durable = part.snapshot()
        part.write_batch([told(topic, 5, 9)])
        part.snapshot()
    listener = Listener(topic)
    sink = KafkaSink(settings, identify, tail=listener)
    part = sink_part(sink, durable)
    assert (_values((5, 9)), 1) == (listener.values, listener.completed)
    part.write_batch([told(topic, 20, 22)])
    durable = part.snapshot()
    sink.close()
    assert {b"id5", b"id6", b"id7", b"id8"} == set(decode_state(durable).unclaimed[topic])

    listener = Listener(topic)
    sink = KafkaSink(settings, identify, tail=listener)
    part = sink_part(sink, durable)
    assert _values((5, 9), (20, 22)) == listener.values
    listener.is_over = True
    durable = part.snapshot()
    sink.close()
    assert {} == decode_state(durable).unclaimed
    assert [] == decode_state(durable).since

    listener = Listener(topic)
    sink = KafkaSink(settings, identify, tail=listener)
    sink_part(sink, durable)
    sink.close()
    assert (set(), 1) == (listener.values, listener.completed)


def test_a_fresh_sink_has_no_tail(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """What was in the topic before belongs to somebody else; reading may begin."""
    topic = create_topic("fresh", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    with opened_sink(settings, {topic: value_id}) as sink:
        sink_part(sink).write_batch([told(topic, 0, 3)])
    listener = Listener(topic)
    sink = KafkaSink(settings, {topic: value_id}, tail=listener)
    sink_part(sink)
    sink.close()
    assert (set(), 1) == (listener.values, listener.completed)


def test_nothing_is_read_before_the_gate_opens(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """One empty batch that opens the epoch wakes everybody; the records come after."""
    topic = create_topic("gate", partitions=1)
    settings = settings_for(bootstrap_servers, topic)
    with opened_sink(settings, {}) as sink:
        sink.prepare().write(told(topic, 0, 3))
        sink.prepare().flush()
    source = KafkaSource(settings, [topic], threading.Event())
    is_open = False
    source.wait_for(lambda: is_open)
    part = source.build_part("kafka-in", "all", None)
    (first,) = part.next_batch()
    assert (True, []) == (first.opens_epoch, list(first.messages))
    assert [] == part.next_batch()
    is_open = True
    (second,) = part.next_batch()
    assert second.opens_epoch
    count = len(second.messages)
    while count < 3:
        count += sum(len(batch.messages) for batch in part.next_batch())
    source.close()


def test_it_is_over_when_all_is_read_and_handed_over() -> None:
    """Both, of every slot, and only where there was something to begin with."""
    nothing = Aftermath("told", 2)
    nothing.complete()
    assert nothing.is_over
    some = Aftermath("told", 2)
    some._told[0] = []
    some.complete()
    some.caught_up()
    some.handed_over(0)
    assert not some.is_over
    some.handed_over(1)
    assert some.is_over
