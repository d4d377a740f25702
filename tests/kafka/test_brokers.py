# SPDX-License-Identifier: Apache-2.0
"""The brokers that the suite runs against serve what a test asks of them."""

from confluent_kafka import Consumer, Producer, TopicPartition

from tests.support.brokers import CreateTopic


def test_a_record_comes_back(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """A record produced to a fresh topic is read back from it, on either kind of broker."""
    topic = create_topic("there-and-back", partitions=2, cleanup_policy="compact")
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    producer.produce(topic, b"value", b"key", partition=1)

    assert 0 == producer.flush(10)

    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": topic})
    consumer.assign([TopicPartition(topic, 1, 0)])
    try:
        message = consumer.poll(10)
    finally:
        consumer.close()

    assert message is not None
    assert (b"key", b"value") == (message.key(), message.value())


def test_names_are_unique(create_topic: CreateTopic) -> None:
    """The same word gives two topics."""
    assert create_topic("twice") != create_topic("twice")
