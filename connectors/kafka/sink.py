# SPDX-License-Identifier: Apache-2.0
"""The Bytewax sink for every outgoing topic.

There is one part, and the flow wakes it in every epoch (with an empty `Outgoing`, when there is
nothing else), so that its snapshot is always of the epoch at hand: an epoch is durable only when
the brokers have acknowledged its output. How the output is written exactly once is told in
`connectors.kafka.delivered`.
"""

import logging
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import Message
from confluent_kafka.admin import AdminClient
from msgspec import structs
from typing_extensions import override

from connectors.errors import BrokerUnreachable, ConnectorError
from connectors.failure import Failure
from connectors.kafka.admin import check_topics, read_cluster
from connectors.kafka.clients import new_admin
from connectors.kafka.delivered import (
    ORIGIN_HEADER,
    Delivered,
    SinkState,
    decode_state,
    read_delivered,
)
from connectors.kafka.guard import Guard, read_stragglers
from connectors.kafka.offsets import LATEST, Watermarks, list_offsets, watermarks
from connectors.kafka.records import Headers, Identify, Outgoing, Partition
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.tail import Tail, TailBounds
from connectors.kafka.writer import Writer

__all__ = ["KafkaSink", "Outgoing"]

_LOG: Final = logging.getLogger(__name__)
_ONLY_PART: Final = "all"
_FIRST_ANSWER_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.2


class KafkaSink(FixedPartitionedSink[Outgoing, bytes]):
    """Writes `Outgoing` items, under any key.

    Args:
        settings: How to reach Kafka.
        identify: The topics that are written exactly once, each with the function that returns
            the id of one of our records there, and None for records of anybody else. Other topics
            are written at least once.
        origin: The name of this writer, when several (the shards of one flow) write to the same
            topics. Records that are written exactly once then carry it in a header, because a
            restart must not take those of the others for its own and wait for them for ever. A
            header costs about half a microsecond a record.
        failure: Where to leave an error; without it errors are raised into Bytewax.
        stop: Set when the flow is to end: brokers that do not answer are then not waited for
            longer than `connect_timeout`.
        read_back: Topics of which a sink without a state takes all records for its own, because
            the state that wrote them is lost.
        lease: Says before every write whether it is still ours to make; None: it always is.
        tail: Wants to know, before anything is read, which records of a topic were written by
            epochs that never became durable; None: it is enough not to write them again.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        identify: Mapping[str, Identify],
        *,
        origin: str | None = None,
        failure: Failure | None = None,
        stop: threading.Event | None = None,
        lease: Guard | None = None,
        read_back: Collection[str] = (),
        tail: Tail | None = None,
    ) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._identify = dict(identify)
        self._origin = None if origin is None else origin.encode()
        self._failure = failure
        self._stop = stop or threading.Event()
        self._lease = lease
        self._read_back = frozenset(read_back)
        self._tail = tail
        self._writer: Writer | None = None
        self._delivered: Delivered | None = None

    @property
    def queued(self) -> int:
        """Records that the brokers have not acknowledged yet; any thread may ask."""
        writer = self._writer
        return 0 if writer is None else writer.queued

    def room(self) -> int:
        """How many more records of a flood are worth writing now; see `Writer.room`.

        `write_batch` takes whatever it is given. To be called in the flow's thread.
        """
        return 0 if self._writer is None else self._writer.room()

    @property
    def unclaimed(self) -> int:
        """Ids of records that are there, but were not produced again; any thread may ask."""
        delivered = self._delivered
        return 0 if delivered is None else sum(map(len, list(delivered.unclaimed.values())))

    @property
    def written(self) -> Mapping[str, int]:
        """For each topic how many records were handed to the producer; any thread may ask."""
        writer = self._writer
        return {} if writer is None else writer.written.copy()

    def prepare(self) -> Writer:
        """Make the producer, unless it is there, wait for the cluster, and check the topics.

        Without it the producer is made when the flow is built. An idempotent producer needs half
        a second for its first record, which is better spent while the program starts.

        Raises:
            BrokerUnreachable: No broker answered within `connect_timeout`.
            KafkaOptionError: librdkafka does not take the configuration.
            TopicMissing: A topic that is written exactly once does not exist.
        """
        if self._writer is None:
            writer = Writer(self._settings, self._stop)
            check_topics(writer.connect(), self._identify)
            self._writer = writer
        return self._writer

    def close(self) -> None:
        """Close the producer. A second call does nothing."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    @override
    def list_parts(self) -> list[str]:
        """Return the name of the only part."""
        return [_ONLY_PART]

    @override
    def part_fn(self, item_key: str) -> int:
        """Route every item to the only part."""
        return 0

    @override
    def build_part(
        self, step_id: str, for_part: str, resume_state: bytes | None
    ) -> StatefulSinkPartition[Outgoing, bytes]:
        """Read back what was written after the snapshot that is resumed from.

        Raises:
            ConnectorError: Without a `failure` to leave it in: the cluster does not answer, or a
                topic is missing.
        """
        try:
            return self._resume(self.prepare(), resume_state)
        except ConnectorError as error:
            if self._failure is None:
                raise
            self._failure.record(error)
            return _FailedPart(error)

    def _resume(
        self, writer: Writer, resume_state: bytes | None
    ) -> StatefulSinkPartition[Outgoing, bytes]:
        admin = new_admin(self._settings)
        brokers = read_cluster(admin, self._settings)
        check_topics(brokers, self._identify)
        partitions = [
            (topic, partition)
            for topic in self._identify
            for partition in range(brokers.partitions[topic])
        ]
        known = watermarks(admin, self._settings, partitions)
        ends = {partition: end for partition, (_, end) in known.items()}
        ids: dict[str, set[bytes]] = {}
        bounds = TailBounds(None, {}, ())
        if resume_state is not None:
            state = decode_state(resume_state)
            since = self._since(state, known)
            ranges = _ranges(known, {(t, p): offset for t, p, offset in state.ends} | since)
            found = self._found
            ids = read_delivered(self._settings, ranges, self._identify, self._origin, found)
            if self._lease is not None and self._lease.after_crash:
                ends = read_stragglers(
                    admin, self._settings, ends, self._identify, self._origin, ids, found
                )
            if self._tail is not None:
                own = ids.get(self._tail.topic, set())
                bounds = TailBounds(self._tail, since if own else {}, frozenset(own))
            _report_found(ids, state.unclaimed)
            for topic, unclaimed in state.unclaimed.items():
                ids.setdefault(topic, set()).update(unclaimed)
        elif self._read_back:
            spans = {place: span for place, span in known.items() if place[0] in self._read_back}
            ids = read_delivered(self._settings, spans, self._identify, self._origin)
            _report_found(ids, {})
        if self._tail is not None:
            self._tail.complete()
        self._delivered = delivered = Delivered(self._identify, ids)
        return _Part(
            self._settings,
            writer,
            admin,
            _Past(delivered, ends, bounds),
            self._origin,
            self._failure,
            self._lease,
        )

    def _since(self, state: SinkState, known: Watermarks) -> dict[Partition, int]:
        """Return where the tail begins that is still of interest."""
        tail = self._tail
        if tail is None or all(topic != tail.topic for topic, _, _ in state.ends):
            return {}
        noted = {(topic, number): offset for topic, number, offset in state.ends}
        noted |= {(topic, number): offset for topic, number, offset in state.since}
        # A partition that is new is read from its beginning.
        return {
            place: noted.get(place, first)
            for place, (first, _) in known.items()
            if place[0] == tail.topic
        }

    def _found(self, message: Message) -> None:
        if self._tail is not None and message.topic() == self._tail.topic:
            self._tail.found(message)


def _ranges(
    known: Mapping[Partition, tuple[int, int]], stored: Mapping[Partition, int]
) -> dict[Partition, tuple[int, int]]:
    """Return where records lie that were written after the snapshot `stored` is of."""
    topics = {topic for topic, _ in stored}
    ranges = {}
    for partition, (first, end) in known.items():
        # A topic that was not written exactly once before has nothing to compare with; a
        # partition that is new in one that was, or one made anew, is read from its beginning.
        start = stored.get(partition, first if partition[0] in topics else end)
        ranges[partition] = (start if first <= start <= end else first, end)
    return ranges


def _report_found(
    ids: Mapping[str, Collection[bytes]], known: Mapping[str, Collection[bytes]]
) -> None:
    """Say how many records the state does not know: once, for it knows them from then on."""
    found = sum(len(set(new).difference(known.get(topic, ()))) for topic, new in ids.items())
    if found:
        _LOG.info(
            "found %d records in the output that the state does not know: they will not be "
            "written again",
            found,
        )


def _nothing() -> None:
    """Stand in for the check of a lease where there is none."""


@dataclass(frozen=True, slots=True)
class _Past:
    """What was written before the run.

    Attributes:
        delivered: The ids that are there already.
        ends: How far the output has been read for them.
        bounds: Where the tail begins that somebody wants to know of.
    """

    delivered: Delivered
    ends: Mapping[Partition, int]
    bounds: TailBounds


class _FailedPart(StatefulSinkPartition[Outgoing, bytes]):
    """Stands in for a part that could not be built, until the source ends the run."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    @override
    def write_batch(self, values: list[Outgoing]) -> None:
        """Drop the items: their epoch never becomes durable."""

    @override
    def snapshot(self) -> bytes:
        raise self._error


class _Part(StatefulSinkPartition[Outgoing, bytes]):
    """Writes, and at the end of an epoch vouches for what was written."""

    def __init__(
        self,
        settings: KafkaSettings,
        writer: Writer,
        admin: AdminClient,
        past: _Past,
        origin: bytes | None,
        failure: Failure | None,
        lease: Guard | None,
    ) -> None:
        self._settings = settings
        self._bounds = past.bounds
        self._writer = writer
        self._admin = admin
        self._delivered = past.delivered
        self._ends = dict(past.ends)
        self._origin: Headers = [] if origin is None else [(ORIGIN_HEADER, origin)]
        self._failure = failure
        self._check_lease = _nothing if lease is None else lease.check
        self._error: Exception | None = None
        self._written = False
        self._state: bytes | None = None

    @override
    def write_batch(self, values: list[Outgoing]) -> None:
        if self._error is not None:
            return  # the source ends the run; this epoch never becomes durable
        try:
            for outgoing in values:
                self._write(outgoing)
        except Exception as error:  # noqa: BLE001 - whatever it is, Bytewax would panic
            self._fail(error)

    @override
    def snapshot(self) -> bytes:
        if self._error is not None:
            raise self._error
        try:
            self._check_lease()
            self._writer.flush()
            if self._written:
                self._ends = self._current_ends()
                self._written = False
            # What was acknowledged after the lease had lapsed is not vouched for.
            self._check_lease()
        except Exception as error:
            self._fail(error)
            raise
        tail = self._bounds.tail
        if tail is not None and self._bounds.is_over():
            self._delivered.forget(tail.topic, self._bounds.ids)
            self._state = None
        if self._state is None:
            self._state = self._delivered.state(self._ends, self._bounds.since)
        return self._state

    def _write(self, outgoing: Outgoing) -> None:
        if not outgoing.records:
            return
        if outgoing.topic in self._delivered.topics:
            outgoing = self._delivered.without(outgoing)
            if self._origin:
                headers = [*(outgoing.headers or ()), *self._origin]
                outgoing = structs.replace(outgoing, headers=headers)
            self._written = True
            self._state = None
        self._check_lease()
        self._writer.write(outgoing)

    def _current_ends(self) -> dict[Partition, int]:
        """Ask as long as records may wait as well: a leader may just be moving.

        Patience grows with each question: one that is lost with its broker is worth no long
        wait, brokers that are only slow are.
        """
        most = self._settings.connect_timeout.total_seconds()
        patience = min(_FIRST_ANSWER_SECONDS, most)
        deadline = time.monotonic() + self._settings.delivery_timeout.total_seconds()
        failed = False
        while True:
            try:
                if failed:
                    # The client would otherwise go on asking the leader it knows.
                    read_cluster(self._admin, self._settings)
                asked = self._ends.keys()
                return list_offsets(self._admin, self._settings, asked, LATEST, patience)
            except BrokerUnreachable:
                if self._writer.stopping or time.monotonic() > deadline:
                    raise
                failed = True
                patience = min(2 * patience, most)
                time.sleep(_RETRY_SECONDS)

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            raise error
        self._error = error
        self._failure.record(error)
