# SPDX-License-Identifier: Apache-2.0
"""Where reading resumes."""

import logging
from collections.abc import Collection, Mapping
from typing import Final

from confluent_kafka.admin import AdminClient

from connectors.errors import OffsetsLost
from connectors.kafka.offsets import StartFrom, Watermarks, starting_offsets, watermarks
from connectors.kafka.records import Partition
from connectors.kafka.settings import KafkaSettings

__all__ = ["lost_message", "resume_offsets"]

_LOG: Final = logging.getLogger(__name__)


def resume_offsets(
    admin: AdminClient,
    settings: KafkaSettings,
    partitions: Collection[Partition],
    stored: Mapping[Partition, int],
    start: StartFrom,
    *,
    override_lost: bool,
) -> dict[Partition, int]:
    """Decide at which offset reading starts in each partition.

    Args:
        admin: The client to ask with.
        settings: How to reach Kafka.
        partitions: What will be read.
        stored: Offsets of the snapshot that is resumed from; empty at the first start.
        start: Where to start in topics without a stored offset.
        override_lost: Start there as well where the stored offset is lost.

    Returns:
        An offset for each of the partitions, never a symbolic one.

    Raises:
        OffsetsLost: A stored offset is no longer in its partition, or beyond its end.
        BrokerUnreachable: There was no answer in time.
    """
    known = watermarks(admin, settings, partitions)
    lost = [
        partition
        for partition, (first, end) in known.items()
        if partition in stored and not first <= stored[partition] <= end
    ]
    if lost and not override_lost:
        raise OffsetsLost(lost_message(lost[0], stored[lost[0]], known, len(lost)))
    topics = {topic for topic, _ in stored}
    fresh = [partition for partition in known if partition not in stored or partition in lost]
    # What was added to a topic that is read already is unread, wherever reading began.
    added = {place for place in fresh if place[0] in topics and place not in lost}
    asked = {place: known[place] for place in fresh if place not in added}
    starts = starting_offsets(admin, settings, start, asked)
    from_beginning = added | {place for place in asked if place[0] in start.whole}
    starts |= {place: known[place][0] for place in from_beginning}
    for topic, number in lost:
        partition = (topic, number)
        _LOG.warning(
            "offset %d of %s [%d] is lost: reading goes on at %d",
            stored[partition],
            topic,
            number,
            starts[partition],
        )
    return {
        partition: starts[partition] if partition in starts else stored[partition]
        for partition in partitions
    }


def lost_message(partition: Partition, offset: int, known: Watermarks, count: int) -> str:
    """Say that the next record is not there, what is, and what can be done.

    Args:
        partition: Where.
        offset: Of the record.
        known: What the partitions hold.
        count: How many partitions there are of which this could be said.
    """
    topic, number = partition
    first, end = known[partition]
    others = f" (and {count - 1} more partitions)" if count > 1 else ""
    return (
        f"topic {topic} [{number}]: the next record to read has offset {offset}, but the topic "
        f"holds {first} to {end}{others}: its retention has passed, or it was created anew, or "
        "its brokers lost records; "
        "accept the gap by a start with --from earliest|latest|<timestamp>"
    )
