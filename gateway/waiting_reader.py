# SPDX-License-Identifier: Apache-2.0
"""Reads the topics that say who waits into the list."""

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from connectors.errors import BrokerUnreachable
from connectors.kafka.admin import check_topics, read_cluster
from connectors.kafka.clients import new_admin, new_consumer
from connectors.kafka.faults import FetchFaults
from connectors.kafka.offsets import LATEST, list_offsets, watermarks
from connectors.kafka.records import Partition
from connectors.kafka.settings import KafkaSettings
from gateway.waiting_store import Rules, WaitingStore
from gateway.waiting_tables import forget, list_file, open_list
from schemas.decode import decode_subscription
from schemas.errors import InvalidRecord
from schemas.events import SubscribeEvent
from schemas.told import read_told

__all__ = ["Reader", "Standing", "Task"]

_LOG: Final = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.05
_LOOK_EVERY_SECONDS: Final = 0.5
_HIDE_EVERY_MILLISECONDS: Final = 1_000
_REST: Final = 3.0
"""So many times as long as it has worked it rests: it takes a quarter of a core at most."""
_LONGEST_REST_SECONDS: Final = 1.0
_LOOK_PATIENCE_SECONDS: Final = 2.0
_PRUNE_EVERY_SECONDS: Final = 600.0
_LAYOUT: Final = 1
"""Of the tables and of what is in them: another, and the list is built anew."""

_UNREAD_FOR: Final = 86_400_000
"""Milliseconds by which a record may be late when the list has caught up: a flow that was down
while it told people tells the rest when it is back."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the process does.

    Attributes:
        kafka: how to reach Kafka.
        directory: where the list is kept.
        subscriptions: the topic of sign-ups.
        notifications: the topic of who was told.
        rules: the policy.
    """

    kafka: KafkaSettings
    directory: Path
    subscriptions: str
    notifications: str
    rules: Rules


@dataclass(frozen=True, slots=True)
class Standing:
    """What the process says of itself.

    Attributes:
        as_of: all that Kafka had then is in the list, epoch milliseconds; None: not known yet.
        behind: records that were to be read when last looked.
        trouble: why it cannot go on; None: it goes on.
    """

    as_of: int | None
    behind: int
    trouble: str | None = None


class Reader:
    """Reads both topics into the list.

    Args:
        task: what to read, and where to.
        tell: takes how it stands.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        task: Task,
        tell: Callable[[Standing], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._task = task
        self._tell = tell
        self._clock = clock
        self._admin = new_admin(task.kafka)
        self._ends: Mapping[Partition, int] = {}
        self._looked_at = 0
        self._as_of: int | None = None
        self._hidden_at = 0
        self._next: dict[Partition, int] = {}

    def run(self, is_over: Callable[[], bool]) -> None:
        """Read until it is over.

        Raises:
            ConnectorError: a topic cannot be read.
        """
        task = self._task
        errors: list[KafkaError] = []
        consumer = new_consumer(task.kafka, errors.append, **{"enable.partition.eof": True})
        with closing(consumer):
            cluster = read_cluster(consumer, task.kafka)
            topics = (task.subscriptions, task.notifications)
            check_topics(cluster, topics)
            places = [(name, each) for name in topics for each in range(cluster.partitions[name])]
            connection = self._open(places)
            with closing(connection):
                store = WaitingStore(connection, task.rules)
                consumer.assign([TopicPartition(*place, self._next[place]) for place in places])
                self._read(consumer, store, errors, is_over)

    def _open(self, places: list[Partition]) -> sqlite3.Connection:
        """Open the list, and find out where to go on."""
        file = list_file(self._task.directory)
        identity = _identity(self._task)
        connection = open_list(file, identity)
        stored = WaitingStore(connection, self._task.rules).offsets()
        known = watermarks(self._admin, self._task.kafka, places)
        if any(stored.get(place, 0) > end for place, (_, end) in known.items()):
            # The topic is another one than that which the list was made from.
            connection.close()
            forget(file)
            connection = open_list(file, identity)
            stored = {}
        # What retention took before it was read is missed; whoever waits all the same stays.
        self._next = {
            place: max(stored.get(place, 0), first) for place, (first, _) in known.items()
        }
        return connection

    def _read(
        self,
        consumer: Consumer,
        store: WaitingStore,
        errors: list[KafkaError],
        is_over: Callable[[], bool],
    ) -> None:
        settings = self._task.kafka
        faults = FetchFaults(settings, consumer)
        looked = pruned = -_PRUNE_EVERY_SECONDS
        while not is_over():
            begun = time.process_time()
            messages = consumer.consume(settings.batch_size, _POLL_SECONDS)
            for error in errors:
                faults.suspect(error, self._next)
            errors.clear()
            if faults.suspicious:
                faults.look_again()
            records, _ = faults.sift(self._without_ends(messages))
            self._apply(store, records)
            now = time.monotonic()
            if now - looked >= _LOOK_EVERY_SECONDS:
                self._look()
                looked = time.monotonic()
            if self._as_of is not None and now - pruned >= _PRUNE_EVERY_SECONDS:
                store.prune(self._as_of - _UNREAD_FOR)
                pruned = now
            if self._as_of is not None:
                # Whoever signs up comes first: in a flood the list falls behind, and says so.
                time.sleep(min(_REST * (time.process_time() - begun), _LONGEST_REST_SECONDS))

    def _without_ends(self, messages: list[Message]) -> list[Message]:
        """Take note of the ends of partitions, behind which no record need be."""
        rest = []
        for message in messages:
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - public
                place = (message.topic() or "", message.partition() or 0)
                self._next[place] = max(self._next[place], message.offset() or 0)
            else:
                rest.append(message)
        return rest

    def _apply(self, store: WaitingStore, records: list[Message]) -> None:
        now = int(self._clock() * 1000)
        for message in records:
            self._apply_one(store, message, now)
            place = (message.topic() or "", message.partition() or 0)
            self._next[place] = (message.offset() or 0) + 1
        if records:
            store.commit(self._next, now)
        elif now - self._hidden_at >= _HIDE_EVERY_MILLISECONDS:
            store.hide_expired(now)
            self._hidden_at = now

    def _apply_one(self, store: WaitingStore, message: Message, now: int) -> None:
        value = message.value()
        if value is None or len(value) > self._task.kafka.max_record_bytes:
            return
        if message.topic() == self._task.notifications:
            told = read_told(value)
            if told is not None:
                store.tell(told, now)
            return
        _, arrival = message.timestamp()
        try:
            event = decode_subscription(value, arrival)
        except InvalidRecord:
            return  # a dead letter, which the flow tells of
        if isinstance(event, SubscribeEvent):
            store.sign_up(event, arrival, now)
        else:
            store.sign_off(event, now)

    def _look(self) -> None:
        """Find out how far behind the topics the list is, and say so."""
        if self._behind() == 0 and self._ends:
            self._as_of = self._looked_at
        asked_at = int(self._clock() * 1000)
        try:
            self._ends = list_offsets(
                self._admin, self._task.kafka, self._next.keys(), LATEST, _LOOK_PATIENCE_SECONDS
            )
            self._looked_at = asked_at
        except BrokerUnreachable:
            _LOG.debug("the list cannot be compared with its topics for now")
        behind = self._behind()
        if behind == 0 and self._ends:
            self._as_of = self._looked_at
        self._tell(Standing(self._as_of, behind))

    def _behind(self) -> int:
        return sum(max(0, end - self._next[place]) for place, end in self._ends.items())


def _identity(task: Task) -> str:
    rules = task.rules
    return msgspec.json.encode(
        [
            _LAYOUT,
            task.subscriptions,
            task.notifications,
            rules.expires_after,
            rules.remember,
            rules.remember_sign_offs,
        ]
    ).decode()
