# SPDX-License-Identifier: Apache-2.0
"""A compacted topic as a table."""

import pytest
from confluent_kafka import Producer

from connectors.errors import BrokerUnreachable
from connectors.kafka.table import Table
from tests.support.brokers import CreateTopic
from tests.support.kafka import produce, settings_for, until


def test_rows_of_before_and_of_later(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """`wait` returns when all that was there has been told of; what comes later follows."""
    topic = create_topic("table", partitions=2)
    produce(bootstrap_servers, topic, [(b"a", b"1"), (b"b", b"1"), (b"a", b"2")], partition=0)
    produce(bootstrap_servers, topic, [(b"c", b"1"), (None, b"of nobody")], partition=1)
    rows: dict[bytes, bytes | None] = {}
    with Table(settings_for(bootstrap_servers, "g"), topic, rows.__setitem__) as table:
        table.wait()
        assert {b"a": b"2", b"b": b"1", b"c": b"1"} == rows
        produce(bootstrap_servers, topic, [(b"b", None), (b"d", b"1")], partition=0)
        until(lambda: b"d" in rows)
    assert {b"a": b"2", b"b": None, b"c": b"1", b"d": b"1"} == rows


@pytest.mark.timeout(150)
@pytest.mark.parametrize("bootstrap_servers", ["real"], indirect=True)
def test_waiting_ends_where_no_record_is_last(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """A transaction leaves a mark of its end behind its records, as compaction leaves holes."""
    topic = create_topic("transaction", partitions=1)
    producer = Producer({"bootstrap.servers": bootstrap_servers, "transactional.id": topic})
    # A broker that has had no transaction yet makes a topic for them first.
    producer.init_transactions(90)
    producer.begin_transaction()
    producer.produce(topic, b"1", b"a")
    producer.commit_transaction()
    rows: dict[bytes, bytes | None] = {}
    with Table(settings_for(bootstrap_servers, "g"), topic, rows.__setitem__) as table:
        table.wait()
        assert {b"a": b"1"} == rows


def test_an_empty_table_is_read_at_once(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """There is nothing to wait for."""
    topic = create_topic("empty", partitions=1)
    rows: dict[bytes, bytes | None] = {}
    with Table(settings_for(bootstrap_servers, "g"), topic, rows.__setitem__) as table:
        table.wait()
    assert {} == rows


def test_without_kafka_waiting_ends() -> None:
    """With the error."""
    settings = settings_for("127.0.0.1:1", "g", connect_timeout="200ms")
    table = Table(settings, "t", lambda _key, _value: None)
    with table, pytest.raises(BrokerUnreachable):
        table.wait()
