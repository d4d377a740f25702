# SPDX-License-Identifier: Apache-2.0
"""Reads the topics of a site from the beginning, and keeps what was read."""

import gzip
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from schemas.topics import dead_letter_topic
from tests.torture.contents import Contents, TopicRecord
from tests.torture.site import Site

__all__ = ["Reader"]

_BATCH: Final = 10_000
_WAIT_SECONDS: Final = 0.1
_ANSWER_SECONDS: Final = 15.0
_PATIENCE_SECONDS: Final = 60.0

Place = tuple[str, int]


class Reader:
    """What the topics hold; each reading goes on where the last one ended.

    Args:
        site: the topics, which exist.
        partitions: of each topic.
    """

    def __init__(self, site: Site, partitions: int) -> None:
        self._site = site
        self._records: dict[Place, list[TopicRecord]] = {
            (topic, number): [] for topic in site.checked for number in range(partitions)
        }
        self._next: dict[Place, int] = dict.fromkeys(self._records, 0)
        self._consumer = Consumer(
            {
                "bootstrap.servers": site.bootstrap_servers,
                "group.id": f"{site.name}-reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.queue.backoff.ms": 5,
                "isolation.level": "read_uncommitted",
                "log_level": 0,
                "reconnect.backoff.max.ms": 500,
            }
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()

    def told(self) -> int:
        """The number of notifications there are now, read or not."""
        topic = self._site.topics.notifications
        return sum(self._end(place) for place in self._next if place[0] == topic)

    def read(self, committed: Mapping[Place, int], stored: Mapping[Place, int]) -> Contents:
        """Read what has been added since, and give everything.

        Args:
            committed: offsets of the program's group.
            stored: offsets in the recovery store.

        Raises:
            TimeoutError: the brokers do not give what they have.
        """
        ends = {place: self._end(place) for place in self._next}
        left = {place for place, end in ends.items() if self._next[place] < end}
        self._consumer.assign([TopicPartition(*place, self._next[place]) for place in left])
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while left:
            messages = self._consumer.consume(_BATCH, _WAIT_SECONDS)
            for message in messages:
                self._take(message)
            left = {place for place in left if self._next[place] < ends[place]}
            if messages:
                deadline = time.monotonic() + _PATIENCE_SECONDS
            elif left and time.monotonic() > deadline:
                place = min(left)
                got = f"{self._next[place]} of {ends[place]} were read"
                raise TimeoutError(f"{place[0]} [{place[1]}]: {got}")
        self._consumer.unassign()
        topics = self._site.topics
        letters = [self._all(dead_letter_topic(topic)) for topic in self._site.inputs]
        return Contents(
            inventory=self._all(topics.inventory),
            subscriptions=self._all(topics.subscriptions),
            notifications=self._all(topics.notifications),
            dead_letters=[record for found in letters for record in found],
            committed=dict(committed),
            stored=dict(stored),
        )

    def _take(self, message: Message) -> None:
        if message.error() is not None:
            return
        place = (message.topic() or "", message.partition() or 0)
        offset = message.offset() or 0
        self._next[place] = offset + 1
        self._records[place].append(
            TopicRecord(
                partition=place[1],
                offset=offset,
                timestamp=message.timestamp()[1],
                key=_bytes(message.key()),
                value=_bytes(message.value()),
            )
        )

    def _all(self, topic: str) -> list[TopicRecord]:
        return [
            record for place, found in self._records.items() if place[0] == topic
            for record in found
        ]  # fmt: skip

    def _end(self, place: Place) -> int:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                found = self._consumer.get_watermark_offsets(
                    TopicPartition(*place), timeout=_ANSWER_SECONDS
                )
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
            else:
                end: int = found[1]
                return end


def keep(contents: Contents, folder: Path) -> None:
    """Write everything that was read into a folder, a line for each record."""
    for name in ("inventory", "subscriptions", "notifications", "dead_letters"):
        with gzip.open(folder / f"{name}.jsonl.gz", "wt", compresslevel=1) as lines:
            for record in getattr(contents, name):
                lines.write(_line(record) + "\n")
    offsets = {
        kind: {f"{topic} [{number}]": offset for (topic, number), offset in found.items()}
        for kind, found in (("committed", contents.committed), ("stored", contents.stored))
    }
    (folder / "offsets.json").write_text(json.dumps(offsets, indent=2) + "\n")


def _line(record: TopicRecord) -> str:
    def text(value: bytes | None) -> str | None:
        return None if value is None else value.decode("utf-8", "backslashreplace")

    return json.dumps(
        {
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": record.timestamp,
            "key": text(record.key),
            "value": text(record.value),
        }
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
