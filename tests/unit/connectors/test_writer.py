# SPDX-License-Identifier: Apache-2.0
"""What the writer says of itself to whoever looks on."""

import pytest

from connectors.kafka.records import Outgoing
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.writer import Writer


class Client:
    """A producer that acknowledges, and loses its events, when it is told to.

    Attributes:
        records: that wait for an answer.
        events: errors and log lines that nobody has taken.
    """

    def __init__(self) -> None:
        self.records = 0
        self.events = 0

    def __len__(self) -> int:
        """As the real one counts."""
        return self.records + self.events

    def produce(self, *_: object) -> None:
        """Queue a record."""
        self.records += 1

    def poll(self, _seconds: float) -> int:
        """Take nothing from it."""
        return 0

    def flush(self, _seconds: float) -> int:
        """Acknowledge everything."""
        self.records = self.events = 0
        return 0


@pytest.fixture
def client() -> Client:
    """With nothing in it."""
    return Client()


@pytest.fixture
def writer(client: Client, monkeypatch: pytest.MonkeyPatch) -> Writer:
    """Writes with the client."""
    monkeypatch.setattr("connectors.kafka.writer.new_producer", lambda *_: client)
    return Writer(KafkaSettings())


def chunk(records: int) -> Outgoing:
    """So many records."""
    return Outgoing("t", [(None, b"{}")] * records)


def test_records_are_counted_without_the_events_of_the_client(
    writer: Writer, client: Client
) -> None:
    """In an outage errors pile up beside the records that wait; only the latter count."""
    client.events = 206
    assert 0 == writer.queued
    writer.write(chunk(1))
    assert 1 == writer.queued
    writer.flush()
    client.events = 206
    assert 0 == writer.queued
    writer.write(chunk(3))
    assert 3 == writer.queued


def test_what_is_acknowledged_meanwhile_counts_no_more(writer: Writer, client: Client) -> None:
    """The epoch need not end for that."""
    writer.write(chunk(5))
    client.records = 2
    assert 2 == writer.queued
