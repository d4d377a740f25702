# SPDX-License-Identifier: Apache-2.0
"""The Bytewax source: one consumer over every partition of a shard.

There is exactly one Bytewax partition, because several drift apart in their epochs until each
yields one batch an epoch. Its state is the offset of the next record of each Kafka partition. The
recovery store holds the truth; what is durable there is also committed to a consumer group, so
that the usual tools show progress and lag.
"""

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final, NoReturn

from bytewax.inputs import AbortExecution, FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from typing_extensions import override

from connectors.errors import BrokerUnreachable, ConnectorError, ConsumerFailed
from connectors.failure import Failure
from connectors.kafka.admin import check_topics, read_cluster
from connectors.kafka.clients import LASTING_ERRORS, close_within, new_admin, new_consumer
from connectors.kafka.epochs import EpochListener, Epochs, Offsets, OnDurable
from connectors.kafka.faults import FetchFaults
from connectors.kafka.growth import Growth, Share, check_growth, partitions_of
from connectors.kafka.offsets import LATEST, StartFrom, list_offsets
from connectors.kafka.progress import GroupProgress
from connectors.kafka.records import Partition, RawBatch
from connectors.kafka.repeats import Warnings
from connectors.kafka.resume import resume_offsets
from connectors.kafka.settings import KafkaSettings

__all__ = ["KafkaSource", "Offsets", "OnDurable"]

_LOG: Final = logging.getLogger(__name__)
_WAIT_FOR_FIRST_SECONDS: Final = 0.005
_ONLY_PART: Final = "all"


def _open() -> bool:
    """Stand in for a gate where there is none."""
    return True


class KafkaSource(FixedPartitionedSource[RawBatch, Offsets]):
    """Reads the partitions of one shard of some topics.

    Args:
        settings: How to reach Kafka.
        topics: What to read.
        stop: Set it to end the flow after the epoch at hand. The batch that opens an epoch is
            still emitted, so a run with `stop` set from the start makes the initial state durable
            without reading a record.
        share: Which partitions of these to read; None: all.
        start: Where to start in partitions without a stored offset.
        override_lost: Start there as well in partitions whose stored offset is lost.
        on_durable: Called when a snapshot has become durable.
        failure: Where to leave an error; without it errors are raised into Bytewax.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Sequence[str],
        stop: threading.Event,
        *,
        share: Share | None = None,
        start: StartFrom | None = None,
        override_lost: bool = False,
        on_durable: OnDurable | None = None,
        failure: Failure | None = None,
    ) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._topics = tuple(topics)
        self._stop = stop
        self._share = share or Share()
        self._start = start or StartFrom()
        self._override_lost = override_lost
        self._epochs = Epochs(on_durable)
        self._failure = failure
        self._gate = _open
        self._busy: Callable[[], bool] = bool  # nobody is: it returns False
        self._part: _Part | None = None
        self.ends_at_start: Offsets = {}

    @override
    def list_parts(self) -> list[str]:
        """Return the name of the only part."""
        return [_ONLY_PART]

    @override
    def build_part(
        self, step_id: str, for_part: str, resume_state: Offsets | None
    ) -> StatefulSourcePartition[RawBatch, Offsets]:
        """Start reading after the snapshot that is resumed from.

        Raises:
            ConnectorError: Without a `failure` to leave it in: the cluster does not answer, a
                topic is missing, or stored offsets are lost.
        """
        stored = resume_state or {}
        try:
            admin = new_admin(self._settings)
            counts = self._counts(admin)
            positions = self._positions(admin, counts, stored)
            self.ends_at_start = list_offsets(admin, self._settings, positions.keys(), LATEST)
            growth = Growth(self._settings, admin, counts, self._share)
            self._part = _Part(
                self._settings,
                positions,
                stored,
                self._stop,
                self._epochs,
                self._failure,
                growth,
                self._gate,
            )
            self._part.busy = self._busy
        except ConnectorError as error:
            if self._failure is None:
                raise
            self._failure.record(error)
            return _FailedPart(stored)
        return self._part

    def tell(self, listener: EpochListener) -> None:
        """Let somebody know of epochs; to be called before the flow runs."""
        self._epochs.listener = listener

    def wait_for(self, gate: Callable[[], bool]) -> None:
        """Read nothing until `gate`, which is asked over and over, says so.

        To be called before the flow runs. An empty batch that opens the epoch comes before.
        """
        self._gate = gate

    def hurry_while(self, busy: Callable[[], bool]) -> None:
        """Do not wait for records while `busy`, asked before every read, says that there is work.

        To be called before the flow runs.
        """
        self._busy = busy

    @property
    def polls(self) -> int:
        """How often the flow has asked for records: between two portions of work it should.

        While an epoch ends Bytewax lets a step act some twenty times, and reads nothing.
        """
        part = self._part
        return 0 if part is None else part.polls

    @property
    def assigned(self) -> list[Partition]:
        """The partitions that are read; none before the flow is built. Any thread may ask."""
        part = self._part
        return [] if part is None else part.assigned

    def commit_final(self) -> None:
        """Commit the last snapshot to the consumer group and close the consumer.

        To be called after the flow has ended cleanly, which made that snapshot durable. It waits
        for the brokers, but never longer than `connect_timeout`; failure is only logged.
        """
        if self._part is not None:
            self._part.commit_final()
        self.close()

    def close(self) -> None:
        """Close the consumer, without committing anything. A second call does nothing."""
        if self._part is not None:
            self._part.close_consumer()
            self._part = None

    def _counts(self, admin: AdminClient) -> dict[str, int]:
        found = read_cluster(admin, self._settings)
        check_topics(found, self._topics)
        return {topic: found.partitions[topic] for topic in self._topics}

    def _positions(
        self, admin: AdminClient, counts: Mapping[str, int], stored: Mapping[Partition, int]
    ) -> Offsets:
        places = partitions_of(counts, self._topics, self._share)
        self._check_growth(counts, places, stored)
        return resume_offsets(
            admin,
            self._settings,
            places,
            stored,
            self._start,
            override_lost=self._override_lost,
        )

    def _check_growth(
        self, counts: Mapping[str, int], places: Sequence[Partition], stored: Collection[Partition]
    ) -> None:
        """Refuse partitions that were added meanwhile in a way that moved variants."""
        for topic in {topic for topic, number in places if (topic, number) not in stored}:
            before = [number for name, number in stored if name == topic]
            if before:
                number, count = self._share.of(topic)
                least = max(before) - number + 1
                check_growth(topic, -(-least // count) * count, counts[topic], (number, count))


class _FailedPart(StatefulSourcePartition[RawBatch, Offsets]):
    """Stands in for a part that could not be built, and ends the run."""

    def __init__(self, stored: Mapping[Partition, int]) -> None:
        self._stored = dict(stored)

    @override
    def next_batch(self) -> NoReturn:
        raise AbortExecution

    @override
    def snapshot(self) -> Offsets:
        return self._stored


class _Part(StatefulSourcePartition[RawBatch, Offsets]):
    """The consumer, and the offsets it has reached."""

    def __init__(
        self,
        settings: KafkaSettings,
        positions: Offsets,
        stored: Mapping[Partition, int],
        stop: threading.Event,
        epochs: Epochs,
        failure: Failure | None,
        growth: Growth,
        gate: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._stop = stop
        self._epochs = epochs
        self._failure = failure
        self._growth = growth
        self._gate = gate
        self.busy: Callable[[], bool] = bool
        self.polls = 0
        self._woken = False
        self._warnings = Warnings(_LOG)
        self._assigned = [TopicPartition(*partition) for partition in positions]
        # A superset is kept: a partition that is gone may only be gone from this configuration.
        self._offsets: Offsets = {**stored, **positions}
        self._opens_epoch = True
        self._awaiting: Offsets | None = None
        self._progress = GroupProgress()
        self._broken: Exception | None = None
        self._consumer: Consumer | None = new_consumer(
            settings, self._on_error, on_commit=self._progress.on_commit
        )
        self._consumer.assign([TopicPartition(*p, offset) for p, offset in positions.items()])
        self._faults = FetchFaults(settings, self._consumer)
        if stored:
            self._commit(self._consumer, self._offsets)

    @override
    def next_batch(self) -> list[RawBatch]:
        self.polls += 1
        if self._failure is not None and self._failure.error is not None:
            raise AbortExecution
        if not self._gate():
            # Bytewax makes the parts of a sink with their first item, and the gate may be theirs.
            woken, self._woken = self._woken, True
            return [] if woken else [RawBatch([], opens_epoch=True)]
        try:
            return self._next_batch()
        except (AbortExecution, StopIteration):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, Bytewax would panic
            self._fail(error)

    def _next_batch(self) -> list[RawBatch]:
        opens_epoch = self._opens_epoch
        if opens_epoch:
            self._opens_epoch = False
            self._announce_durable()
            self._grow()
        if self._stop.is_set():
            if not opens_epoch:
                raise StopIteration
            return [RawBatch([], opens_epoch=True)]
        messages = self._poll()
        return [RawBatch(messages, opens_epoch)] if messages or opens_epoch else []

    @property
    def assigned(self) -> list[Partition]:
        return [(place.topic, place.partition) for place in self._assigned]

    @override
    def snapshot(self) -> Offsets:
        self._epochs.ended()
        if self._consumer is not None:
            for place in self._consumer.position(self._assigned):
                # Negative until the first record has been taken.
                if place.offset >= 0:
                    self._offsets[place.topic, place.partition] = place.offset
        self._opens_epoch = True
        self._awaiting = self._offsets.copy()
        return self._offsets.copy()

    def commit_final(self) -> None:
        if self._consumer is None or self._awaiting is None:
            return
        durable = self._awaiting
        self._announce_durable()
        self._consumer.pause(self._assigned)
        self._progress.settle(
            partial(self._consumer.consume, 1, _WAIT_FOR_FIRST_SECONDS),
            partial(self._commit, self._consumer, durable),
            self._settings.connect_timeout.total_seconds(),
        )

    def close_consumer(self) -> None:
        if self._consumer is not None:
            self._growth.close()
            close_within(self._consumer, self._settings.connect_timeout.total_seconds())
            self._consumer = None

    def _poll(self) -> list[Message]:
        if self._consumer is None:
            raise StopIteration
        messages = self._consumer.consume(1, 0 if self.busy() else _WAIT_FOR_FIRST_SECONDS)
        if messages:
            messages += self._consumer.consume(self._settings.batch_size, 0)
        if self._faults.suspicious or any(map(Message.error, messages)):
            messages = self._without_errors(messages)
        if self._broken is not None:
            self._fail(self._broken)
        return messages

    def _without_errors(self, messages: list[Message]) -> list[Message]:
        try:
            good, again = self._faults.sift(messages)
            if self._faults.suspicious:
                self._faults.look_again()
        except ConnectorError as error:
            self._fail(error)
        # The consumer has no position there before the next record has come.
        self._offsets.update(again)
        return good

    def _grow(self) -> None:
        if self._consumer is None:
            return
        try:
            new = self._growth.take()
        except BrokerUnreachable as error:
            _LOG.debug("%s", error)
            return
        except ConnectorError as error:
            self._fail(error)
        if new:
            self._assigned += [TopicPartition(*place) for place in new]
            self._offsets.update(new)
            self._consumer.incremental_assign(
                [TopicPartition(*place, offset) for place, offset in new.items()]
            )

    def _announce_durable(self) -> None:
        """Bytewax asks for the next batch only once the snapshot is in the recovery store."""
        if self._awaiting is None:
            return
        durable, self._awaiting = self._awaiting, None
        if self._consumer is not None:
            self._commit(self._consumer, durable)
        self._epochs.durable(durable)

    def _commit(self, consumer: Consumer, offsets: Offsets) -> None:
        places = [(place.topic, place.partition) for place in self._assigned]
        self._progress.commit(consumer, {place: offsets[place] for place in places})

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in LASTING_ERRORS:
            self._broken = ConsumerFailed(
                f"Kafka at {self._settings.bootstrap_servers} refuses to be read: {error.str()}: "
                "check the credentials and TLS properties in kafka.options, and the rights of "
                f"group {self._settings.group_id}"
            )
        else:
            places = [(place.topic, place.partition) for place in self._assigned]
            self._faults.suspect(error, places)
            self._warnings.warn(f"consumer: {error.code()}", f"consumer: {error.str()}")

    def _fail(self, error: Exception) -> NoReturn:
        if self._failure is None:
            raise error
        self._failure.record(error)
        raise AbortExecution
