# SPDX-License-Identifier: Apache-2.0
"""`restock run --rebuild`: lost state is made again from the topics (docs/upgrading.md).

Inventory and subscriptions are read from their beginning to where they ended when the rebuild was
begun; whom a notification answers is not told again. A small file in the state directory
remembers how far that is, until it is done: whatever ends the program before, the next start goes
on.
"""

import json
import logging
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, Self

from confluent_kafka import Message
from typing_extensions import override

from connectors.kafka.delivered import ORIGIN_HEADER
from connectors.kafka.reading import Span, ends_of_records, read_through, whole_topics
from connectors.kafka.records import Partition, headers_of
from dataflows.recalling import Recall
from journal.directory import StateDirectory
from journal.files import sync_directory, write_atomically
from restock.errors import StartupError
from restock.settings import Settings
from restock.shards import Shard
from schemas.told import read_told
from schemas.topics import dead_letter_topic
from waitlist.past import Past

__all__ = ["Rebuilding", "announce", "check_empty", "check_not_rebuilding", "is_announced"]

_LOG: Final = logging.getLogger(__name__)
_FILE: Final = "rebuilding.json"
_VERSION: Final = 1
_REPORT_SECONDS: Final = 5.0


class Rebuilding:
    """A rebuild under way.

    Attributes:
        recall: what the slots share while they read the past.
        dead_letter_topics: what they hold is not written again.
    """

    def __init__(
        self, settings: Settings, shard: Shard, file: Path, spans: Mapping[Partition, Span]
    ) -> None:
        """Take over what is to be read; use `begin`."""
        self._settings = settings
        self._shard = shard
        self._file = file
        self._spans = dict(spans)
        self._stop: threading.Event = threading.Event()
        self._reported_at = 0.0
        self.recall = Recall(Past(), settings.state.slots)
        topics = settings.topics
        self.dead_letter_topics: Collection[str] = tuple(
            map(dead_letter_topic, (topics.inventory, topics.subscriptions))
        )

    @classmethod
    def begin(
        cls, settings: Settings, shard: Shard, state: StateDirectory, *, wanted: bool
    ) -> Self | None:
        """Begin a rebuild, or go on with one that was begun before.

        It must be certain that no other process serves the shard any more.

        Args:
            settings: all settings.
            shard: the shard whose state is lost.
            state: the new state directory; see `check_empty`.
            wanted: whether to begin one.

        Returns:
            The rebuild; None when there is none.

        Raises:
            StartupError: what is left of a rebuild cannot be read.
            ConnectorError: Kafka does not answer, or a topic is missing.
            JournalFailed: the operating system refuses.
        """
        file = state.path / _FILE
        spans = _read(file) if file.exists() else {}
        if spans:
            _LOG.info("a rebuild was begun before and goes on")
            return cls(settings, shard, file, spans)
        if not wanted and not file.exists():
            return None
        topics = settings.topics
        known = {
            place: span
            for place, span in whole_topics(
                settings.kafka, (topics.inventory, topics.subscriptions)
            ).items()
            if place[1] % shard.count == shard.index
        }
        ends = ends_of_records(settings.kafka, known)
        spans = {place: (first, ends[place]) for place, (first, _) in known.items()}
        _write(file, spans)
        return cls(settings, shard, file, spans)

    def read_past(self) -> None:
        """Read who was told.

        To be called when the sink has a durable state: what is written after the ends noted there
        (records of the lost process may still have been on their way) it finds by itself.

        Raises:
            ConnectorError: Kafka does not answer, or the topic is missing.
        """
        topic = self._settings.topics.notifications
        spans = whole_topics(self._settings.kafka, (topic,))
        gone = sum(first for first, _ in spans.values())
        if gone:
            _LOG.warning(
                "%s no longer holds its first %d records: whom they told may be told again",
                topic,
                gone,
            )
        past, unreadable = Past(), 0

        def take(message: Message) -> None:
            nonlocal unreadable
            told = read_told(message.value()) if self._is_ours(message) else None
            if told is not None:
                past.add(told)
            else:
                unreadable += 1

        _LOG.info("reading who was told: %d records", sum(end - at for at, end in spans.values()))
        # Open transactions of others must not hold it back.
        isolation = {"isolation.level": "read_uncommitted"}
        read_through(self._settings.kafka, spans, take, **isolation)
        _LOG.info(
            "%d people were told of %d variants (%d records are of other shards, or no "
            "notifications)", len(past), len(past.histories), unreadable,
        )  # fmt: skip
        self.recall = Recall(past, self._settings.state.slots)

    def ends_with(self, stop: threading.Event) -> threading.Event:
        """Return what ends the flow that reads the past: set when all was read, or `stop` is.

        Args:
            stop: set when the program is to end.
        """
        self._stop = _Either(stop)
        return self._stop

    def on_durable(self, offsets: Mapping[Partition, int]) -> None:
        """Take note of what has been read durably.

        Args:
            offsets: for each partition the offset of the next record to be read.
        """
        if self.recall.caught_up:
            return
        spans = self._spans.items()
        total = sum(max(0, end - first) for _, (first, end) in spans)
        left = sum(max(0, end - offsets.get(place, first)) for place, (first, end) in spans)
        now = time.monotonic()
        if now >= self._reported_at + _REPORT_SECONDS or not left:
            self._reported_at = now
            _LOG.info("rebuilding: %d of %d records read", total - left, total)
        if not left:
            self.recall.caught_up = True
            self._stop.set()

    def finish(self) -> bool:
        """Forget the rebuild if it is complete; to be called after the flow has ended.

        Returns:
            Whether it is: otherwise the program was told to stop, and the next start goes on.
        """
        if not self.recall.complete:
            return False
        self._file.unlink()
        sync_directory(self._file.parent)
        _LOG.info("rebuilt: waves start again")
        return True

    def _is_ours(self, message: Message) -> bool:
        """Whether a notification may be of this shard: not if it bears the name of its sibling."""
        if self._shard.count == 1:
            return True
        origins = [value for name, value in headers_of(message) if name == ORIGIN_HEADER]
        own, siblings = str(self._shard).encode(), f"/{self._shard.count}".encode()
        return own in origins or not any(
            origin is not None and origin.endswith(siblings) for origin in origins
        )


def announce(state: StateDirectory) -> None:
    """Let every start from now on rebuild, before the directory becomes that of the shard.

    Otherwise a rebuild that fails before it begins would leave an empty directory which the next
    start could take for a new one.

    Raises:
        JournalFailed: the operating system refuses.
    """
    if not is_announced(state):
        _write(state.path / _FILE, {})


def is_announced(state: StateDirectory) -> bool:
    """Whether a rebuild was asked for in this directory, and is not complete."""
    return (state.path / _FILE).exists()


def check_empty(state: StateDirectory) -> None:
    """See to it that a rebuild does not meet state that counts.

    Raises:
        StartupError: the directory holds some, other than that of a rebuild under way.
    """
    if state.was_durable and not is_announced(state):
        raise StartupError(
            f"{state.path} holds state: --rebuild makes it anew from the topics and needs an empty "
            "state directory; run without --rebuild, or move the state away"
        )


def check_not_rebuilding(directory: Path) -> None:
    """Keep those from a state directory who would not go on with its rebuild.

    Raises:
        StartupError: a rebuild was begun there.
    """
    if (directory / _FILE).exists():
        raise StartupError(
            f"{directory} is being rebuilt from the topics: let `restock run` complete it first"
        )


class _Either(threading.Event):
    """Set by itself, or when another is."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    @override
    def is_set(self) -> bool:
        return super().is_set() or self._other.is_set()


def _write(file: Path, spans: Mapping[Partition, Span]) -> None:
    listed = [[*place, *span] for place, span in spans.items()]
    write_atomically(file, json.dumps({"version": _VERSION, "spans": listed}).encode() + b"\n")


def _read(file: Path) -> dict[Partition, Span]:
    try:
        content = json.loads(file.read_bytes())
        version, listed = content["version"], content["spans"]
        spans = {
            (str(topic), int(number)): (int(first), int(end))
            for topic, number, first, end in listed
        }
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StartupError(
            f"{file} cannot be read ({error}): empty the state directory and run --rebuild again"
        ) from error
    if version != _VERSION:
        raise StartupError(
            f"{file} has version {version}, this program reads {_VERSION}: go on with the release "
            "that began the rebuild, or empty the state directory and run --rebuild again"
        )
    return spans
