# SPDX-License-Identifier: Apache-2.0
"""What a call of `restock ingest` asks for, and whether that makes sense."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from restock.errors import UsageError
from restock.settings import TopicSettings
from restock.sources import SourceSettings
from schemas.topics import dead_letter_topic

__all__ = ["Wanted", "check_feed_call", "check_file_call", "topic_to_read"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a call of the command asks for.

    Attributes:
        files: to be read; none: the feed's URL, or the topic.
        topic: to be read instead of that of the settings.
        at: the time of messages that have none, in epoch milliseconds.
        every: a feed is fetched again after so long; None: once.
        lines: whether files hold a message in each line; None: by their names.
        dry_run: show what would be written, and write nothing.
        as_json: print summaries as JSON on standard output.
    """

    files: Sequence[Path] = ()
    topic: str | None = None
    at: int | None = None
    every: timedelta | None = None
    lines: bool | None = None
    dry_run: bool = False
    as_json: bool = False


def check_feed_call(wanted: Wanted) -> None:
    """Check a call for a feed.

    Raises:
        UsageError: it makes no sense.
    """
    if wanted.topic is not None:
        raise UsageError("--topic: a feed is read from files or from its url")
    if wanted.lines is not None:
        raise UsageError("--lines: a feed is one document")
    if wanted.every is not None and wanted.files:
        raise UsageError("--every and files: only a feed's url is fetched again")
    if wanted.every is not None and wanted.at is not None:
        raise UsageError("--every and --at: each feed has a time of its own")


def check_file_call(wanted: Wanted) -> None:
    """Check a call for files of messages.

    Raises:
        UsageError: it makes no sense.
    """
    if wanted.topic is not None:
        raise UsageError("--topic and files: give one of them")
    _check_no_every(wanted)


def topic_to_read(wanted: Wanted, source: SourceSettings, topics: TopicSettings) -> str:
    """Return the topic that a call asks for.

    Raises:
        UsageError: there is none, or the call makes no sense.
    """
    topic = wanted.topic or source.common.topic
    if topic is None:
        raise UsageError(
            f"there is nothing to read: name files (- is standard input), or a topic by "
            f"--topic or ingest.{source.name}.topic"
        )
    ours = {topics.inventory, dead_letter_topic(topics.inventory), topics.items}
    if topic in ours and not wanted.dry_run:
        raise UsageError(
            f"topic {topic}: what is read would be written there again, without end: name another"
        )
    if wanted.at is not None or wanted.lines is not None:
        raise UsageError("--at and --lines are for files: a record of a topic has its time")
    _check_no_every(wanted)
    return topic


def _check_no_every(wanted: Wanted) -> None:
    if wanted.every is not None:
        raise UsageError("--every is for feeds: a topic is read all the time, a file once")
