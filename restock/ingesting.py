# SPDX-License-Identifier: Apache-2.0
"""The life of `restock ingest`: where messages come from, and what is done with them."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import orjson
import structlog

from connectors.errors import InboundError
from connectors.inbound.contract import Source
from connectors.inbound.feed import FeedSource
from connectors.inbound.reconcile import Counts
from connectors.kafka.admin import check_topics, read_cluster
from connectors.kafka.clients import new_admin
from connectors.kafka.writer import Writer
from restock.clock import now
from restock.ingesting_feeds import FeedRun, Origin, StreamReader, from_file, from_url
from restock.ingesting_files import are_lines, moment_of_file, read_messages
from restock.ingesting_items import SharedItems
from restock.ingesting_observing import Ingestion, observed
from restock.ingesting_progress import feed_for_people, for_people, shown
from restock.ingesting_taking import Receiver, Shown, Taker, Tally, Written
from restock.ingesting_topics import Letters, TopicRun, group_of, show_topic
from restock.ingesting_waiting import take_again
from restock.ingesting_wanted import Wanted, check_feed_call, check_file_call, topic_to_read
from restock.settings import Settings
from restock.signals import told_by_signals
from restock.sources import SourceSettings, build_plain, build_source, open_wire
from schemas.topics import dead_letter_topic

__all__ = ["ingest"]

_Built = tuple[Source, Callable[[bytes], None] | None]

_SHOW_EVERY = 1_000


def ingest(settings: Settings, source: SourceSettings, wanted: Wanted) -> None:
    """Read what is asked for, and write what comes of it.

    Args:
        settings: all settings.
        source: the table of the source.
        wanted: what is asked for.

    Raises:
        RestockError: the settings or the call make no sense, or something outside is not as it
            must be.
    """
    with ExitStack() as stack:
        run = _Run(settings, source, wanted, stack)
        if source.kind == "feed":
            run.feeds()
        elif wanted.files:
            run.files()
        else:
            run.topic()


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
        check_feed_call(wanted)
        source = build_plain(self._source)
        if not isinstance(source, FeedSource):  # kinds and classes are a table
            raise TypeError(name)
        writer = self._writer()
        stream = StreamReader(self._settings.kafka, self._inventory)
        run = FeedRun(source, stream, self._receiver(writer))
        if wanted.every is not None:
            self._follow(
                run, partial(from_url, source, name, None, now), wanted.every.total_seconds()
            )
            return
        for file in wanted.files:
            try:
                self._feed(run, str(file), partial(from_file, file, wanted.at, now), Tally())
            except InboundError as error:
                raise InboundError(f"{file}: {error}") from error
        if not wanted.files:
            self._feed(run, name, partial(from_url, source, name, wanted.at, now), Tally())

    def files(self) -> None:
        """Take the messages of files."""
        wanted = self._wanted
        check_file_call(wanted)
        built = self._built()
        taker = self._taker(built, self._writer(), with_items=not wanted.dry_run)
        with shown(sys.stderr, taker.tally) as advance:
            for file in wanted.files:
                moment = moment_of_file(file, wanted.at, now)
                for message in read_messages(file, moment, lines=are_lines(file, wanted.lines)):
                    taker.take(message)
                    if not taker.tally.messages % _SHOW_EVERY:
                        advance()
            taker.flush()
        self._tell(taker)

    def topic(self) -> None:
        """Take the messages of a topic until told to stop; of a dry run those that it holds."""
        kafka, name = self._settings.kafka, self._source.name
        topic = topic_to_read(self._wanted, self._source, self._settings.topics)
        built = self._built()
        writer = self._writer(topic)
        taker = self._taker(built, writer, with_items=True)
        if writer is None:
            show_topic(kafka, topic, taker)
        else:
            self._read(topic, taker, Letters(writer, self._inventory, group_of(kafka, name)))
        self._tell(taker)

    def _read(self, topic: str, taker: Taker, letters: Letters) -> None:
        kafka, name = self._settings.kafka, self._source.name
        log = structlog.get_logger()
        ingestion = Ingestion(name, taker.tally)
        self._stack.enter_context(told_by_signals(ingestion.stop.set))
        self._stack.enter_context(observed(self._settings, ingestion))
        advance = self._stack.enter_context(shown(sys.stderr, taker.tally))
        log.info("ingesting", source=name, topic=topic, group=letters.group)
        if self._source.learns:
            waiting = take_again(kafka, self._inventory, letters.group, taker)
            log.info("messages whose item was unknown were taken again", messages=waiting)
        ingestion.running = True
        TopicRun(kafka, name, topic, taker, letters, advance).run(ingestion.stop)
        log.info("stopped", source=name)

    def _follow(self, run: FeedRun, read: Callable[[], Origin], seconds: float) -> None:
        """Take a feed again and again; the first must be in order."""
        name, log = self._source.name, structlog.get_logger()
        ingestion = Ingestion(name, Tally())
        self._stack.enter_context(told_by_signals(ingestion.stop.set))
        self._stack.enter_context(observed(self._settings, ingestion))
        log.info("ingesting", source=name, every=seconds)
        ingestion.snapshot = self._feed(run, name, read, ingestion.tally)
        ingestion.running = True
        while not ingestion.stop.wait(seconds):
            try:
                ingestion.snapshot = self._feed(run, name, read, ingestion.tally)
            except InboundError as error:
                # The next one may be whole again.
                ingestion.feed_trouble = str(error)
                ingestion.tally.refuse("not_applied")
                structlog.get_logger().error("feed not applied", source=name, reason=str(error))
            else:
                ingestion.feed_trouble = None
        log.info("stopped", source=name)

    def _feed(self, run: FeedRun, title: str, read: Callable[[], Origin], tally: Tally) -> Counts:
        taken = run.take(read())
        tally.include(taken.tally, taken.records, now())
        if self._wanted.as_json:
            _print_json({"feed": title, **taken.as_dict()})
        else:
            sys.stderr.write(feed_for_people(title, taken, written=not self._wanted.dry_run))
        return taken.counts

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

    def _built(self) -> _Built:
        """Make the source, and with it see that the files that it names are in order."""
        schemas = open_wire(self._source)
        return build_source(self._source, schemas), None if schemas is None else schemas.prepare

    def _taker(self, built: _Built, writer: Writer | None, *, with_items: bool) -> Taker:
        """Make what takes messages.

        Args:
            built: the source and what sees messages before it does.
            writer: to Kafka; None: nothing is to be written.
            with_items: whether Kafka is to be asked what was learned before.
        """
        source, prepare = built
        items = self._items(writer) if with_items and self._source.learns else None
        return Taker(source, self._receiver(writer), now, prepare, items)

    def _items(self, writer: Writer | None) -> SharedItems:
        kafka, topic = self._settings.kafka, self._settings.topics.items
        check_topics(read_cluster(new_admin(kafka), kafka), [topic])
        write = None if writer is None else writer.write
        return self._stack.enter_context(SharedItems(kafka, topic, self._source.name, write))


def _print_json(content: object) -> None:
    sys.stdout.write(orjson.dumps(content).decode() + "\n")
    sys.stdout.flush()
