# SPDX-License-Identifier: Apache-2.0
"""Where reading resumes, and what an error in the place of a record means."""

import logging
from collections.abc import Collection, Mapping
from typing import Final

from confluent_kafka import KafkaError, Message
from confluent_kafka.admin import AdminClient

from connectors.errors import ConnectorError, ConsumerFailed, OffsetsLost, TopicMissing
from connectors.kafka.clients import LASTING_ERRORS, new_admin
from connectors.kafka.offsets import StartFrom, Watermarks, starting_offsets, watermarks
from connectors.kafka.records import Partition
from connectors.kafka.settings import KafkaSettings

__all__ = ["record_error", "resume_offsets"]

_LOG: Final = logging.getLogger(__name__)
_GONE: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - public constants, named so by the library
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    }
)


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
        start: Where to start in partitions without a stored offset.
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
        raise OffsetsLost(_lost_message(lost[0], stored[lost[0]], known, len(lost)))
    fresh = [partition for partition in known if partition not in stored or partition in lost]
    starts = starting_offsets(admin, settings, start, {key: known[key] for key in fresh})
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


def record_error(
    message: Message, error: KafkaError, settings: KafkaSettings
) -> ConnectorError | None:
    """Say what an error that came in the place of a record means.

    Args:
        message: Where it happened: topic, partition, offset.
        error: What librdkafka says.
        settings: How to reach Kafka, to find out which offsets there are.

    Returns:
        The error that must end the run; None when librdkafka tries again by itself.
    """
    topic, number = message.topic() or "", message.partition() or 0
    code = error.code()
    if code == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - a public constant
        try:
            known = watermarks(new_admin(settings), settings, [(topic, number)])
        except ConnectorError as unreachable:
            return unreachable
        return OffsetsLost(_lost_message((topic, number), message.offset() or 0, known, 1))
    if code in _GONE:
        return TopicMissing(
            f"topic {topic} [{number}] is gone ({error.str()}): create it with `restock topics "
            "create`, or correct the names in [topics]"
        )
    if error.fatal() or code in LASTING_ERRORS:
        return ConsumerFailed(
            f"topic {topic} [{number}] cannot be read: {error.str()}: check the rights of group "
            f"{settings.group_id} and the properties in kafka.options"
        )
    return None


def _lost_message(partition: Partition, offset: int, known: Watermarks, count: int) -> str:
    topic, number = partition
    first, end = known[partition]
    others = f" (and {count - 1} more partitions)" if count > 1 else ""
    return (
        f"topic {topic} [{number}]: the next record to read has offset {offset}, but the topic "
        f"holds {first} to {end}{others}: its retention has passed, or it was created anew; "
        "accept the gap with `restock run --from earliest|latest|<timestamp>`"
    )
