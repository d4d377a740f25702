# SPDX-License-Identifier: Apache-2.0
"""A compacted topic as a table."""

from unittest.mock import Mock

import pytest
from confluent_kafka import KafkaError, TopicPartition

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


class Marked:
    """A consumer of a partition with one record, and behind it the mark of a transaction's end."""

    def __init__(self) -> None:
        record = Mock()
        record.configure_mock(
            **{"partition.return_value": 0, "offset.return_value": 0, "error.return_value": None},
            **{"key.return_value": b"a", "value.return_value": b"1"},
        )
        end = Mock()
        end.configure_mock(**{"partition.return_value": 0, "offset.return_value": 2})
        end.error.return_value.code.return_value = KafkaError._PARTITION_EOF
        self.coming = [[record], [end]]

    def assign(self, places: list[TopicPartition]) -> None:
        """Read from the beginning."""
        assert [0] == [place.offset for place in places]

    def consume(self, _count: int, _seconds: float) -> list[Mock]:
        """What is there, in two portions."""
        return self.coming.pop(0) if self.coming else []

    def close(self) -> None:
        """Nothing to let go of."""


def test_waiting_ends_where_no_record_is_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction leaves a mark of its end behind its records, as compaction leaves holes."""
    place = "connectors.kafka.table."
    monkeypatch.setattr(f"{place}new_consumer", lambda *_, **__: Marked())
    monkeypatch.setattr(f"{place}new_admin", Mock())
    monkeypatch.setattr(f"{place}read_cluster", Mock(return_value=Mock(partitions={"t": 1})))
    monkeypatch.setattr(f"{place}watermarks", Mock(return_value={("t", 0): (0, 2)}))
    rows: dict[bytes, bytes | None] = {}
    with Table(settings_for("127.0.0.1:1", "g"), "t", rows.__setitem__) as table:
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
