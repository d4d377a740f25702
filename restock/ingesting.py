# SPDX-License-Identifier: Apache-2.0
"""The life of `restock ingest`: where messages come from, and what is done with them."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import orjson
import structlog

from connectors.errors import InboundError
from connectors.inbound.contract import Learned
from connectors.inbound.feed import FeedSource
from connectors.inbound.wire import Schemas, open_schemas
from connectors.kafka.admin import check_topics, read_cluster
from connectors.kafka.clients import new_admin
from connectors.kafka.writer import Writer
from restock.clock import now
from restock.errors import ConfigError, UsageError
from restock.ingesting_feeds import FeedRun, Origin, StreamReader, from_file, from_url
from restock.ingesting_files import are_lines, moment_of_file, read_messages
from restock.ingesting_progress import feed_for_people, for_people, shown
from restock.ingesting_taking import Receiver, Shown, Taker, Written
from restock.ingesting_topics import Letters, TopicRun, group_of, show_topic
from restock.settings import Settings
from restock.sources import SourceSettings, build_plain, build_source
from schemas.topics import dead_letter_topic

__all__ = ["Wanted", "ingest"]

_SHOW_EVERY = 1_000


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


def ingest(
    settings: Settings,
    source: SourceSettings,
    wanted: Wanted,
    on_learned: Callable[[Learned], None] | None = None,
) -> None:
    """Read what is asked for, and write what comes of it.

    Args:
        settings: all settings.
        source: the table of the source.
        wanted: what is asked for.
        on_learned: told what the source learns, for whoever keeps it beyond this run.

    Raises:
        RestockError: the settings or the call make no sense, or something outside is not as it
            must be.
    """
    with ExitStack() as stack:
        run = _Run(settings, source, wanted, stack)
        if source.kind == "feed":
            _check_feed_call(wanted)
            run.feeds()
        elif wanted.files:
            run.files(on_learned)
        else:
            run.topic(on_learned)


class _Run:
    """One call of the command.

    Args:
        settings: all settings.
        source: the table of the source.
        wanted: what is asked for.
        stack: closes what is opened.
    """

    def __init__(
        self, settings: Settings, source: SourceSettings, wanted: Wanted, stack: ExitStack
    ) -> None:
        self._settings = settings
        self._source = source
        self._wanted = wanted
        self._stack = stack
        self._inventory = settings.topics.inventory

    def feeds(self) -> None:
        """Take feeds from files or from their URL."""
        wanted, name = self._wanted, self._source.name
        source = build_plain(self._source)
        if not isinstance(source, FeedSource):  # kinds and classes are a table
            raise TypeError(name)
        origins: list[tuple[str, Callable[[], Origin]]] = [
            (str(file), partial(from_file, file, wanted.at, now)) for file in wanted.files
        ] or [(name, partial(from_url, source, name, wanted.at, now))]
        stream = StreamReader(self._settings.kafka, self._inventory)
        run = FeedRun(source, stream, self._receiver(self._writer()))
        for title, read in origins:
            self._feed(run, title, read)
        if wanted.every is None:
            return
        stop = self._stack.enter_context(_stopped_by_signals())
        while not stop.wait(wanted.every.total_seconds()):
            try:
                self._feed(run, *origins[0])
            except InboundError as error:
                # The next one may be whole again.
                structlog.get_logger().error("feed not applied", source=name, reason=str(error))

    def files(self, on_learned: Callable[[Learned], None] | None) -> None:
        """Take the messages of files."""
        wanted = self._wanted
        if wanted.topic is not None:
            raise UsageError("--topic and files: give one of them")
        _check_no_every(wanted)
        writer = self._writer()
        taker = self._taker(writer, on_learned)
        with shown(sys.stderr, taker.tally) as advance:
            for file in wanted.files:
                moment = moment_of_file(file, wanted.at, now)
                for message in read_messages(file, moment, lines=are_lines(file, wanted.lines)):
                    taker.take(message)
                    if not taker.tally.messages % _SHOW_EVERY:
                        advance()
            taker.flush()
        self._tell(taker)

    def topic(self, on_learned: Callable[[Learned], None] | None) -> None:
        """Take the messages of a topic until told to stop; of a dry run those that it holds."""
        wanted, name = self._wanted, self._source.name
        topic = wanted.topic or self._source.common.topic
        if topic is None:
            raise UsageError(
                f"there is nothing to read: name files (- is standard input), or a topic by "
                f"--topic or ingest.{name}.topic"
            )
        if wanted.at is not None or wanted.lines is not None:
            raise UsageError("--at and --lines are for files: a record of a topic has its time")
        _check_no_every(wanted)
        kafka = self._settings.kafka
        writer = self._writer(topic)
        taker = self._taker(writer, on_learned)
        if writer is None:
            show_topic(kafka, topic, taker)
        else:
            letters = Letters(writer, self._inventory, group_of(kafka, name))
            stop = self._stack.enter_context(_stopped_by_signals())
            advance = self._stack.enter_context(shown(sys.stderr, taker.tally))
            log = structlog.get_logger()
            log.info("ingesting", source=name, topic=topic, group=letters.group)
            TopicRun(kafka, name, topic, taker, letters, advance).run(stop)
            log.info("stopped", source=name)
        self._tell(taker)

    def _feed(self, run: FeedRun, title: str, read: Callable[[], Origin]) -> None:
        taken = run.take(read())
        if self._wanted.as_json:
            _print_json({"feed": title, **taken.as_dict()})
        else:
            sys.stderr.write(feed_for_people(title, taken, written=not self._wanted.dry_run))

    def _tell(self, taker: Taker) -> None:
        if self._wanted.as_json:
            _print_json(taker.tally.as_dict())
        else:
            sys.stderr.write(for_people(taker.tally, written=not self._wanted.dry_run))

    def _writer(self, *topics: str) -> Writer | None:
        """Connect to Kafka, see that the topics are there; None: nothing is to be written."""
        if self._wanted.dry_run:
            return None
        kafka = self._settings.kafka
        needed = [self._inventory, *topics]
        if topics:
            needed.append(dead_letter_topic(self._inventory))
        check_topics(read_cluster(new_admin(kafka), kafka), needed)
        writer = Writer(kafka)
        self._stack.callback(writer.close)
        return writer

    def _receiver(self, writer: Writer | None) -> Receiver:
        return Shown(sys.stdout) if writer is None else Written(writer, self._inventory)

    def _taker(self, writer: Writer | None, on_learned: Callable[[Learned], None] | None) -> Taker:
        schemas = _open_schemas(self._source)
        source = build_source(self._source, schemas)
        prepare = None if schemas is None else schemas.prepare
        return Taker(source, self._receiver(writer), prepare, on_learned)


def _open_schemas(source: SourceSettings) -> Schemas | None:
    registry = source.common.registry
    if registry is None:
        return None
    try:
        return open_schemas(registry)
    except OSError as error:
        raise ConfigError(
            f"ingest.{source.name}.registry.descriptors: {registry.descriptors} cannot be read: "
            f"{error.strerror}"
        ) from error


def _check_feed_call(wanted: Wanted) -> None:
    if wanted.topic is not None:
        raise UsageError("--topic: a feed is read from files or from its url")
    if wanted.lines is not None:
        raise UsageError("--lines: a feed is one document")
    if wanted.every is not None and wanted.files:
        raise UsageError("--every and files: only a feed's url is fetched again")
    if wanted.every is not None and wanted.at is not None:
        raise UsageError("--every and --at: each feed has a time of its own")


def _check_no_every(wanted: Wanted) -> None:
    if wanted.every is not None:
        raise UsageError("--every is for feeds: a topic is read all the time, a file once")


def _print_json(content: object) -> None:
    sys.stdout.write(orjson.dumps(content).decode() + "\n")
    sys.stdout.flush()


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """The first SIGTERM or SIGINT ends the work at hand, the second the process."""
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def on_signal(*_: object) -> None:
        stop.set()
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
