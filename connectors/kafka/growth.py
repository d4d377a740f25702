# SPDX-License-Identifier: Apache-2.0
"""Notices partitions that are added to a topic while it is read.

Nobody tells a consumer that chose its partitions itself. Records in a new partition would lie
there unread until the next start, so the cluster is asked now and then, from a thread of its own:
brokers that do not answer must not hold up those who wait to be told.
"""

import logging
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from confluent_kafka.admin import AdminClient

from connectors.errors import BrokerUnreachable, NotCopartitioned
from connectors.kafka.admin import read_cluster
from connectors.kafka.offsets import EARLIEST, list_offsets
from connectors.kafka.records import Partition
from connectors.kafka.settings import KafkaSettings

__all__ = ["Growth", "Share", "check_growth", "partitions_of", "refresh_seconds"]

_LOG: Final = logging.getLogger(__name__)
_REFRESH_OPTION: Final = "topic.metadata.refresh.interval.ms"
_REFRESH_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Share:
    """Which partitions a process reads.

    Attributes:
        shard: number of its shard and how many there are.
        whole: topics that every shard reads all partitions of, as tables.
    """

    shard: tuple[int, int] = (0, 1)
    whole: frozenset[str] = frozenset()

    def of(self, topic: str) -> tuple[int, int]:
        """Number and count of the shard, as far as a topic is concerned."""
        return (0, 1) if topic in self.whole else self.shard


def refresh_seconds(settings: KafkaSettings) -> float:
    """Return how often to ask: a minute, or librdkafka's option for it, if it is set."""
    given = settings.options.get(_REFRESH_OPTION)
    return _REFRESH_SECONDS if given is None else float(given) / 1000


def partitions_of(
    counts: Mapping[str, int], topics: Collection[str], share: Share
) -> list[Partition]:
    """Return the partitions of a shard: of each topic the `p` with `p % count == number`."""
    found = []
    for topic in topics:
        number, count = share.of(topic)
        found += [(topic, partition) for partition in range(number, counts.get(topic, 0), count)]
    return found


def check_growth(topic: str, before: int, after: int, shard: tuple[int, int]) -> None:
    """Check that partitions may be added under the shards that there are.

    A variant's partition is its hash modulo their number. Its shard stays the same as long as
    the number of shards divides both numbers of partitions; else its state is in another shard.

    Args:
        topic: For the message.
        before: How many partitions there were.
        after: How many there are.
        shard: Number of this shard and how many there are.

    Raises:
        NotCopartitioned: Variants have moved between shards.
    """
    count = shard[1]
    if before % count or after % count:
        message = (
            f"topic {topic} has {after} partitions now, {before} before, and {count} shards do "
            "not divide both numbers: variants have moved to shards that do not know them; copy "
            f"its records into a new topic with {before} partitions and read that"
        )
        raise NotCopartitioned(message)


class Growth:
    """Asks for the numbers of partitions until it is closed, and says which are new.

    Args:
        settings: How to reach Kafka, and how often to ask.
        admin: The client to ask with.
        counts: How many partitions each topic has.
        share: Which partitions are ours.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        admin: AdminClient,
        counts: Mapping[str, int],
        share: Share,
    ) -> None:
        """Begin to ask."""
        self._settings = settings
        self._admin = admin
        self._counts = dict(counts)
        self._share = share
        self._latest: Mapping[str, int] = self._counts
        self._closed = threading.Event()
        threading.Thread(target=self._ask, name="partitions", daemon=True).start()

    def take(self) -> dict[Partition, int]:
        """Return the partitions that are new since the last call, with their first offsets.

        All of a new partition is unread, wherever reading began in the others.

        Raises:
            NotCopartitioned: Variants have moved between shards.
            BrokerUnreachable: A new partition is not served yet; it will be returned later.
        """
        latest = self._latest
        grown = {
            topic: (self._counts[topic], count)
            for topic, count in latest.items()
            if count > self._counts[topic]
        }
        if not grown:
            return {}
        for topic, (before, after) in grown.items():
            check_growth(topic, before, after, self._share.of(topic))
        old = set(partitions_of(self._counts, grown, self._share))
        new = [place for place in partitions_of(latest, grown, self._share) if place not in old]
        first = list_offsets(self._admin, self._settings, new, EARLIEST)
        for topic, (before, after) in grown.items():
            self._counts[topic] = after
            _LOG.warning(
                "topic %s has %d partitions now, %d before: the new ones are read from their "
                "beginning",
                topic,
                after,
                before,
            )
        return first

    def close(self) -> None:
        """Ask no more. A question that is being asked is not waited for."""
        self._closed.set()

    def _ask(self) -> None:
        while not self._closed.wait(refresh_seconds(self._settings)):
            try:
                found = read_cluster(self._admin, self._settings).partitions
            except BrokerUnreachable as error:
                _LOG.debug("%s", error)
                continue
            self._latest = {topic: found[topic] for topic in self._counts if topic in found}
