# SPDX-License-Identifier: Apache-2.0
"""Exactly once into Kafka: which records a replay produces again, and must not write again.

The sink's state is the end of every output partition at the last durable epoch. Whatever an
earlier run wrote beyond it belongs to epochs that are about to be replayed. Its ids are read back
when the run resumes, and a record whose id is among them is dropped when it comes again. Ids are
a function of facts in the input alone, so this holds however the replay is cut into epochs.

An id that never comes again (the replay saw a sign-off in time, say) is kept in later snapshots,
because the same subscription may still be told in a later wave; where somebody takes the records
for facts (`connectors.kafka.tail`), until those are durable. There are at most as many as records
were written in epochs that a crash cut short.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from msgspec import DecodeError, Raw, Struct, msgpack

from connectors.errors import BrokerUnreachable, ConnectorError
from connectors.kafka.clients import new_consumer
from connectors.kafka.records import Identify, Outgoing, Partition, Record, headers_of
from connectors.kafka.settings import KafkaSettings

__all__ = [
    "ORIGIN_HEADER",
    "Delivered",
    "OnFound",
    "SinkState",
    "decode_state",
    "encode_state",
    "read_delivered",
]

ORIGIN_HEADER: Final = "restock-origin"
"""Names the writer of a record where several write to one topic."""

_LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 5_000
_WAIT_SECONDS: Final = 0.1


class SinkState(Struct, frozen=True, array_like=True):
    """What the sink's snapshot holds.

    Attributes:
        version: Of this layout.
        ends: Topic, partition and the offset after its last record.
        unclaimed: For each topic the ids of records that are there, but were not produced again.
        since: Topic, partition and the offset from which on records may be of epochs that a crash
            cut short, as long as what follows from them is not durable.
    """

    version: int
    ends: list[tuple[str, int, int]]
    unclaimed: dict[str, list[bytes]]
    since: list[tuple[str, int, int]] = []


OnFound = Callable[[Message], None]
"""Called with a record of our own."""


def _ignore(_message: Message) -> None:
    """Stand in where only the ids are wanted."""


_VERSION: Final = 1
_READER: Final = msgpack.Decoder(SinkState)


def encode_state(ends: Mapping[Partition, int], unclaimed: Mapping[str, set[bytes]]) -> bytes:
    """Pack the state of the sink."""
    return _join(ends, _pack(unclaimed))


def decode_state(state: bytes) -> SinkState:
    """Unpack the state of the sink.

    Raises:
        ConnectorError: It was written by a later version of this program.
    """
    try:
        unpacked = _READER.decode(state)
    except DecodeError as error:
        message = f"the sink's part of the recovery store cannot be read ({error})"
        raise ConnectorError(message) from None
    if unpacked.version != _VERSION:
        message = (
            f"the sink's part of the recovery store has version {unpacked.version}, this program "
            f"reads {_VERSION}: run the version that wrote it"
        )
        raise ConnectorError(message)
    return unpacked


def _pack(unclaimed: Mapping[str, set[bytes]]) -> Raw:
    return Raw(msgpack.encode({topic: list(ids) for topic, ids in unclaimed.items() if ids}))


def _join(
    ends: Mapping[Partition, int], packed: Raw, since: Mapping[Partition, int] | None = None
) -> bytes:
    """Pack a `SinkState` around ids that are packed already."""
    fields: tuple[object, ...] = (_VERSION, _listed(ends), packed)
    return msgpack.encode((*fields, _listed(since)) if since else fields)


def _listed(offsets: Mapping[Partition, int]) -> list[tuple[str, int, int]]:
    return [(topic, number, offset) for (topic, number), offset in offsets.items()]


class Delivered:
    """The ids of records that are in their topics already.

    Args:
        identify: For each topic that is written exactly once, how its records are identified.
        ids: The ids found in each topic.
    """

    def __init__(self, identify: Mapping[str, Identify], ids: Mapping[str, set[bytes]]) -> None:
        """Take over what was found."""
        self._identify = identify
        self.unclaimed: dict[str, set[bytes]] = {
            topic: found for topic, found in ids.items() if found and topic in identify
        }
        self._dropped = 0
        self._packed = (-1, Raw())

    @property
    def topics(self) -> Collection[str]:
        """The topics that are written exactly once."""
        return self._identify

    def state(
        self, ends: Mapping[Partition, int], since: Mapping[Partition, int] | None = None
    ) -> bytes:
        """Pack the state of the sink: the ids only when some were claimed since the last time."""
        if self._packed[0] != self._dropped:
            self._packed = (self._dropped, _pack(self.unclaimed))
        return _join(ends, self._packed[1], since)

    def forget(self, topic: str, ids: Collection[bytes]) -> None:
        """Forget ids that cannot be produced again."""
        left = self.unclaimed.pop(topic, set()).difference(ids)
        if left:
            self.unclaimed[topic] = left
        self._packed = (-1, Raw())

    def without(self, outgoing: Outgoing) -> Outgoing:
        """Return what has to be written of a chunk, and forget the ids of the rest."""
        ids = self.unclaimed.get(outgoing.topic)
        if ids is None:
            return outgoing
        identify, headers = self._identify[outgoing.topic], outgoing.headers
        fresh: list[Record] = []
        for record in outgoing.records:
            found = identify(record[0], record[1], headers)
            if found is not None and found in ids:
                ids.remove(found)
            else:
                fresh.append(record)
        self._dropped += len(outgoing.records) - len(fresh)
        if not ids:
            del self.unclaimed[outgoing.topic]
            self._report()
        return Outgoing(outgoing.topic, fresh, headers, outgoing.timestamp)

    def _report(self) -> None:
        if not self.unclaimed:
            _LOG.info(
                "the replay has produced everything that was written before the restart: %d "
                "records were not written again",
                self._dropped,
            )


def read_delivered(
    settings: KafkaSettings,
    ranges: Mapping[Partition, tuple[int, int]],
    identify: Mapping[str, Identify],
    origin: bytes | None = None,
    found: OnFound = _ignore,
) -> dict[str, set[bytes]]:
    """Read back which ids lie in ranges of output partitions.

    Args:
        settings: How to reach Kafka.
        ranges: For each partition the first offset and the one after the last.
        identify: For each topic how its records are identified.
        origin: Take only records with this value in the header `restock-origin`; None: take all.
        found: Called with each of the records.

    Raises:
        BrokerUnreachable: No record came for as long as `connect_timeout`.
    """
    left = {partition: span for partition, span in ranges.items() if span[0] < span[1]}
    if not left:
        return {}
    errors: list[str] = []
    consumer = new_consumer(
        settings,
        lambda error: errors.append(error.str()),
        **{
            # Control records fill offsets without being delivered: only the end of the partition
            # is a sure sign of having read it. Open transactions must not hold it back.
            "enable.partition.eof": True,
            "isolation.level": "read_uncommitted",
            # Retention may pass while we read; what it takes cannot be told twice by us.
            "auto.offset.reset": "earliest",
        },
    )
    try:
        consumer.assign([TopicPartition(*place, first) for place, (first, _) in left.items()])
        return _Reader(settings, left, identify, origin, found).read(consumer, errors)
    finally:
        consumer.close()


class _Reader:
    """Collects ids until every range has been read."""

    def __init__(
        self,
        settings: KafkaSettings,
        ranges: Mapping[Partition, tuple[int, int]],
        identify: Mapping[str, Identify],
        origin: bytes | None,
        found: OnFound,
    ) -> None:
        self._settings = settings
        self._origin = origin
        self._found = found
        self._ends = {partition: end for partition, (_, end) in ranges.items()}
        self._identify = identify
        self._ids: dict[str, set[bytes]] = {}

    def read(self, consumer: Consumer, errors: list[str]) -> dict[str, set[bytes]]:
        patience = self._settings.connect_timeout.total_seconds()
        deadline = time.monotonic() + patience
        while self._ends:
            messages = consumer.consume(_BATCH, _WAIT_SECONDS)
            for message in messages:
                self._take(message)
            if any(message.error() is None for message in messages):
                deadline = time.monotonic() + patience
            elif self._ends and time.monotonic() > deadline:
                raise BrokerUnreachable(self._stuck(errors[-1] if errors else "no records came"))
        return self._ids

    def _take(self, message: Message) -> None:
        topic = message.topic() or ""
        place = (topic, message.partition() or 0)
        error, offset = message.error(), message.offset() or 0
        if place not in self._ends:
            return
        if error is None and offset < self._ends[place]:
            found = self._id_of(topic, message)
            if found is not None:
                self._ids.setdefault(topic, set()).add(found)
                self._found(message)
        at_end = error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001
        if at_end or (error is None and offset + 1 >= self._ends[place]):
            del self._ends[place]

    def _id_of(self, topic: str, message: Message) -> bytes | None:
        headers = headers_of(message)
        if self._origin is not None and (ORIGIN_HEADER, self._origin) not in headers:
            return None
        return self._identify[topic](message.key(), message.value(), headers)

    def _stuck(self, reason: str) -> str:
        topics = ", ".join(sorted({topic for topic, _ in self._ends}))
        return (
            f"what an earlier run wrote to {topics} cannot be read back from Kafka at "
            f"{self._settings.bootstrap_servers} ({reason}): check that all brokers are up"
        )
