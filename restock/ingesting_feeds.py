# SPDX-License-Identifier: Apache-2.0
"""Whole feeds: read, compared with the stream, and what differs written."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from confluent_kafka import Message as KafkaMessage

from connectors.inbound.feed import FeedSource
from connectors.inbound.feed_fetching import fetch, moment_of
from connectors.inbound.reconcile import Counts, Stream, reconcile
from connectors.kafka.reading import read_through, whole_topics
from connectors.kafka.records import Partition
from connectors.kafka.settings import KafkaSettings
from restock.errors import UsageError
from restock.ingesting_files import moment_of_file, read_whole
from restock.ingesting_taking import Receiver, Tally

__all__ = ["FeedRun", "Origin", "StreamReader", "Taken", "from_file", "from_url"]

_Ends = dict[Partition, int]


@dataclass(frozen=True, slots=True)
class Origin:
    """A feed as it came.

    Attributes:
        body: the document.
        taken_at: the time of its figures, in epoch milliseconds.
    """

    body: bytes
    taken_at: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What has become of a feed.

    Attributes:
        counts: how it compares with the stream.
        records: so many were written.
        tally: has its refusals.
    """

    counts: Counts
    records: int
    tally: Tally

    def as_dict(self) -> dict[str, object]:
        """Return the counts by their names."""
        return {
            **self.counts.as_dict(),
            "records": self.records,
            "refusals": dict(self.tally.refusals),
        }


class KeepsUp(Protocol):
    """Knows what the stream says."""

    def current(self) -> Stream:
        """Read what has come since, and return all."""
        ...


class StreamReader:
    """Reads the topic of stock once, and then what has come since.

    Args:
        settings: how to reach Kafka.
        topic: of stock.
    """

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._stream = Stream()
        self._ends: _Ends = {}

    def current(self) -> Stream:
        """Read to the current end, and return all that was said.

        Raises:
            BrokerUnreachable: no record came in time.
            TopicMissing: there is no such topic.
        """
        spans = whole_topics(self._settings, [self._topic])
        ranges = {
            place: (max(first, self._ends.get(place, 0)), end)
            for place, (first, end) in spans.items()
        }
        read_through(self._settings, ranges, self._add)
        self._ends = {place: end for place, (_, end) in spans.items()}
        return self._stream

    def _add(self, message: KafkaMessage) -> None:
        value = message.value()
        if value is not None:
            self._stream.add(value, message.timestamp()[1])


class FeedRun:
    """Takes feeds of one source.

    Args:
        source: reads them.
        stream: knows what was said before.
        receiver: takes what differs.
    """

    def __init__(self, source: FeedSource, stream: KeepsUp, receiver: Receiver) -> None:
        self._source = source
        self._stream = stream
        self._receiver = receiver

    def take(self, origin: Origin) -> Taken:
        """Take one feed, whole or not at all.

        Raises:
            InboundError: the feed cannot be applied: nothing of it was.
            ConnectorError: Kafka cannot be read or written.
        """
        settings = self._source.settings
        feed = self._source.read(origin.body, origin.taken_at)
        sold_out = self._source.sold_out if settings.absent == "sold_out" else None
        done = reconcile(feed, self._stream.current(), sold_out, settings.max_absent)
        self._receiver.write(done.records)
        self._receiver.flush()
        tally = Tally()
        tally.note(feed.refusals)
        return Taken(done.counts, len(done.records), tally)


def from_file(file: Path, at: int | None, now: Callable[[], int]) -> Origin:
    """Read a feed from a file.

    Raises:
        UsageError: it cannot be read.
    """
    return Origin(read_whole(file), moment_of_file(file, at, now))


def from_url(source: FeedSource, name: str, at: int | None, now: Callable[[], int]) -> Origin:
    """Fetch a feed; its time is the one that was given, else when it was made by its server.

    Raises:
        UsageError: the settings do not say where it is.
        InboundError: it cannot be fetched.
    """
    settings = source.settings
    if settings.url is None:
        raise UsageError(f"ingest.{name}.url is not set: set it, or name a file")
    fetched = asyncio.run(fetch(f"the feed {name}", settings.url, settings, settings.max_bytes))
    made_at = moment_of(fetched.headers)
    # Servers whose clock is ahead must not outdate what others say in the meantime.
    fetched_at = now() if made_at is None else min(made_at, now())
    return Origin(fetched.body, fetched_at if at is None else at)
