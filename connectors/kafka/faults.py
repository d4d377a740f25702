# SPDX-License-Identifier: Apache-2.0
"""Errors in the place of records: what passes is ridden out, what does not ends the run.

Nothing may be skipped. Where the consumer itself would go on behind a record that it could not
read, the run ends; where it has stopped although the record is there, it is sent back to it.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from connectors.errors import (
    BrokerUnreachable,
    ConnectorError,
    ConsumerFailed,
    OffsetsLost,
    TopicMissing,
)
from connectors.kafka.admin import read_cluster
from connectors.kafka.clients import LASTING_ERRORS, new_admin
from connectors.kafka.offsets import Watermarks, watermarks
from connectors.kafka.records import Partition
from connectors.kafka.repeats import Warnings
from connectors.kafka.resume import lost_message
from connectors.kafka.settings import KafkaSettings

__all__ = ["FetchFaults"]

_LOG: Final = logging.getLogger(__name__)
_RETRY_SECONDS: Final = 0.2
_LOOK_AGAIN_SECONDS: Final = 0.5
_REWINDS: Final = 10
_GONE: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - public constants, named so by the library
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    }
)
# librdkafka reports these and goes on behind the records.
_SKIPPED: Final = frozenset(
    {
        KafkaError._BAD_COMPRESSION,  # noqa: SLF001 - public constants, named so by the library
        KafkaError._BAD_MSG,  # noqa: SLF001
        KafkaError._NOT_IMPLEMENTED,  # noqa: SLF001
        KafkaError._UNDERFLOW,  # noqa: SLF001
    }
)


class FetchFaults:
    """Judges the errors that a consumer returns in the place of records.

    Args:
        settings: How to reach Kafka.
        consumer: Sent back to a record that is there after all.
        clock: Seconds that only grow.
        pause: Waits for so many seconds.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        consumer: Consumer,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Start with no partition under suspicion."""
        self._settings = settings
        self._consumer = consumer
        self._clock = clock
        self._pause = pause
        self._warnings = Warnings(_LOG, clock)
        self._missing: dict[Partition, float] = {}
        self._look_at = 0.0
        self._rewinds: Counter[Partition] = Counter()

    @property
    def suspicious(self) -> bool:
        """Whether a partition seems to be gone, so that `look_again` is to be called."""
        return bool(self._missing)

    def suspect(self, error: KafkaError, places: Iterable[Partition]) -> bool:
        """Take note of an error that belongs to no record, if it says that a topic is gone.

        Args:
            error: What librdkafka says; it tells the topic in words only.
            places: All that is read: each of them will be looked for.

        Returns:
            Whether it says so.
        """
        if error.code() not in _GONE:
            return False
        for place in places:
            self._missing.setdefault(place, self._deadline())
        return True

    def sift(self, messages: list[Message]) -> tuple[list[Message], dict[Partition, int]]:
        """Take the errors out of a list of messages.

        Returns:
            The records, and the partitions that will be read again from an offset.

        Raises:
            ConnectorError: An error that must end the run.
        """
        good: list[Message] = []
        again: dict[Partition, int] = {}
        for message in messages:
            place = (message.topic() or "", message.partition() or 0)
            error = message.error()
            if place in again:
                continue  # it comes again, after what is missing before it
            if error is None:
                good.append(message)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - a public constant
                again[place] = self._offset_there(place, message.offset() or 0)
            elif error.code() in _GONE:
                self._missing.setdefault(place, self._deadline())
            else:
                self._judge(place, message, error)
        for (topic, number), offset in again.items():
            # A consumer that was told that an offset is not there has given the partition up, and
            # takes no `seek` for it.
            self._consumer.incremental_unassign([TopicPartition(topic, number)])
            self._consumer.incremental_assign([TopicPartition(topic, number, offset)])
        for message in good if self._rewinds else ():
            self._rewinds.pop((message.topic() or "", message.partition() or 0), None)
        return good, again

    def look_again(self) -> None:
        """Ask the cluster whether partitions that seem to be gone are there.

        A topic may be unknown for a moment to a broker that has just become its leader.

        Raises:
            TopicMissing: One is not there for `connect_timeout`.
        """
        if self._clock() < self._look_at:
            return
        self._look_at = self._clock() + _LOOK_AGAIN_SECONDS
        try:
            # Asked through the consumer, which so learns who leads the partition now.
            found = read_cluster(self._consumer, self._settings).partitions
        except BrokerUnreachable:
            return  # nobody says that it is gone
        for place, deadline in list(self._missing.items()):
            topic, number = place
            if number < found.get(topic, 0):
                del self._missing[place]
            elif self._clock() > deadline:
                raise TopicMissing(
                    f"topic {topic} [{number}] is gone: it was deleted, or may not be seen any "
                    "more; give the rights back, or create it with `restock topics create`"
                )

    def _deadline(self) -> float:
        return self._clock() + self._settings.connect_timeout.total_seconds()

    def _offset_there(self, place: Partition, offset: int) -> int:
        """Return the offset when it is in the topic, as after a false alarm."""
        topic, number = place
        known = self._watermarks(place)
        first, end = known[place]
        self._rewinds[place] += 1
        if not first <= offset <= end or self._rewinds[place] > _REWINDS:
            raise OffsetsLost(lost_message(place, offset, known, 1))
        self._warnings.warn(
            f"range {topic} {number}",
            f"topic {topic} [{number}]: a broker denied offset {offset}, which is there: "
            "asking again",
        )
        return offset

    def _watermarks(self, place: Partition) -> Watermarks:
        """Ask until the answer comes: a leader may just be moving."""
        admin = new_admin(self._settings)
        deadline = self._deadline()
        while True:
            try:
                return watermarks(admin, self._settings, [place])
            except BrokerUnreachable:
                if self._clock() > deadline:
                    raise
            self._pause(_RETRY_SECONDS)

    def _judge(self, place: Partition, message: Message, error: KafkaError) -> None:
        topic, number = place
        where, code = f"topic {topic} [{number}]", error.code()
        lasting: ConnectorError | None = None
        if code in _SKIPPED:
            lasting = ConsumerFailed(
                f"{where}: records from offset {message.offset()} on came damaged "
                f"({error.str()}): the next start asks for them again; if they come damaged "
                "again, they are so on the broker's disk: restore the replica, or give them up "
                "with kafka-delete-records and start with --from earliest"
            )
        elif error.fatal() or code in LASTING_ERRORS:
            lasting = ConsumerFailed(
                f"{where} cannot be read: {error.str()}: check the rights of group "
                f"{self._settings.group_id} and the properties in kafka.options"
            )
        if lasting is not None:
            raise lasting
        if code != KafkaError._PARTITION_EOF:  # noqa: SLF001 - a public constant
            self._warnings.warn(
                f"fetch {topic} {number} {code}", f"{where} is not read for now: {error.str()}"
            )
