# SPDX-License-Identifier: Apache-2.0
"""Reads ranges of partitions from their beginning to their end, outside of the flow."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from connectors.errors import BrokerUnreachable
from connectors.kafka.admin import check_topics, read_cluster
from connectors.kafka.clients import new_admin, new_consumer
from connectors.kafka.offsets import watermarks
from connectors.kafka.records import Partition
from connectors.kafka.settings import KafkaSettings

__all__ = ["Span", "ends_of_records", "read_through", "whole_topics"]

Span = tuple[int, int]
"""The first offset, and the one after the last."""

_BATCH: Final = 5_000
_WAIT_SECONDS: Final = 0.1
_LAST_OFFSETS: Final = 64
_MORE_OFFSETS: Final = 64


def whole_topics(settings: KafkaSettings, topics: Collection[str]) -> dict[Partition, Span]:
    """Ask which offsets all partitions of some topics hold.

    Raises:
        BrokerUnreachable: There was no answer in time.
        TopicMissing: A topic does not exist.
    """
    admin = new_admin(settings)
    found = read_cluster(admin, settings)
    check_topics(found, topics)
    partitions = [(topic, number) for topic in topics for number in range(found.partitions[topic])]
    return watermarks(admin, settings, partitions)


def read_through(
    settings: KafkaSettings,
    ranges: Mapping[Partition, Span],
    take: Callable[[Message], None],
    **config: str,
) -> None:
    """Read every record of some ranges, each partition in its order.

    Args:
        settings: How to reach Kafka.
        ranges: What to read; offsets that retention takes meanwhile are left out.
        take: Called with each record.
        config: Further properties of the consumer.

    Raises:
        BrokerUnreachable: No record came for as long as `connect_timeout`.
    """
    left = {place: span for place, span in ranges.items() if span[0] < span[1]}
    if not left:
        return
    errors: list[str] = []
    consumer = new_consumer(
        settings,
        lambda error: errors.append(error.str()),
        **{
            # Control records fill offsets without being delivered: only the end of the partition
            # is a sure sign of having read it.
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            **config,
        },
    )
    try:
        consumer.assign([TopicPartition(*place, first) for place, (first, _) in left.items()])
        _read(consumer, {place: end for place, (_, end) in left.items()}, settings, take, errors)
    finally:
        consumer.close()


def ends_of_records(
    settings: KafkaSettings, ranges: Mapping[Partition, Span]
) -> dict[Partition, int]:
    """Find out where the last record of each range lies.

    The end of a partition will not do for whoever waits until all has been read: transactions
    leave offsets there that no consumer is ever given.

    Returns:
        For each partition the offset after its last record; 0 where there is none.

    Raises:
        BrokerUnreachable: No record came for as long as `connect_timeout`.
    """
    found = dict.fromkeys(ranges, 0)

    def take(message: Message) -> None:
        place = (message.topic() or "", message.partition() or 0)
        found[place] = max(found[place], (message.offset() or 0) + 1)

    step = _LAST_OFFSETS
    left = {place: span for place, span in ranges.items() if span[0] < span[1]}
    while left:
        tails = {place: (max(first, end - step), end) for place, (first, end) in left.items()}
        read_through(settings, tails, take)
        left = {
            place: (left[place][0], start)
            for place, (start, _) in tails.items()
            if not found[place] and start > left[place][0]
        }
        step *= _MORE_OFFSETS
    return found


def _read(
    consumer: Consumer,
    ends: dict[Partition, int],
    settings: KafkaSettings,
    take: Callable[[Message], None],
    errors: list[str],
) -> None:
    patience = settings.connect_timeout.total_seconds()
    deadline = time.monotonic() + patience
    while ends:
        messages = consumer.consume(_BATCH, _WAIT_SECONDS)
        came = False
        for message in messages:
            place = (message.topic() or "", message.partition() or 0)
            error, offset = message.error(), message.offset() or 0
            if place not in ends:
                continue
            if error is None:
                came = True
                if offset < ends[place]:
                    take(message)
            at_end = error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001
            if at_end or (error is None and offset + 1 >= ends[place]):
                del ends[place]
        if came:
            deadline = time.monotonic() + patience
        elif ends and time.monotonic() > deadline:
            topics = ", ".join(sorted({topic for topic, _ in ends}))
            reason = errors[-1] if errors else "no records came"
            raise BrokerUnreachable(
                f"{topics} cannot be read from Kafka at {settings.bootstrap_servers} ({reason}): "
                "check that all brokers are up"
            )
