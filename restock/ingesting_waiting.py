# SPDX-License-Identifier: Apache-2.0
"""Figures whose item nobody knew when they came: dead letters that are taken again.

A source keeps such a figure until it learns which variant the item is, and gives it out then; but
what it keeps ends with the process. Each of them is a dead letter as well. So those of the group
are taken again at every start: they wait again, or become records where the item is known by now.
They have the time of their figures, so that one that is outdated changes nothing.
"""

from dataclasses import replace

from confluent_kafka import Message as KafkaMessage

from connectors.inbound.contract import Message
from connectors.kafka.dead_letters import (
    CONNECTOR_HEADER,
    REASON_HEADER,
    TIMESTAMP_HEADER,
    TRUNCATED_HEADER,
)
from connectors.kafka.reading import read_through, whole_topics
from connectors.kafka.records import headers_of
from connectors.kafka.settings import KafkaSettings
from restock.ingesting_taking import Taker
from restock.ingesting_topics import WAITING, message_of
from schemas.topics import dead_letter_topic

__all__ = ["take_again"]


def take_again(settings: KafkaSettings, topic: str, group: str, taker: Taker) -> int:
    """Take the messages that wait for an item again; return how many there are.

    Args:
        settings: how to reach Kafka.
        topic: of stock, to whose dead letters they went.
        group: the consumer group that read them.
        taker: takes them; what is refused is no dead letter again.

    Raises:
        BrokerUnreachable: no record came in time.
        TopicMissing: there is no topic of dead letters.
        ConnectorError: a record cannot be written, or a schema not be had.
    """
    count = 0

    def take(letter: KafkaMessage) -> None:
        nonlocal count
        # Of what has been a dead letter before, the last headers are the newest.
        headers = headers_of(letter)
        found = dict(headers)
        mine = found.get(CONNECTOR_HEADER) == group.encode()
        if not mine or found.get(REASON_HEADER) != WAITING.encode() or TRUNCATED_HEADER in found:
            return
        message = message_of(letter, headers)
        if message is not None:
            taker.take_again(_dated(message, found.get(TIMESTAMP_HEADER)))
            count += 1

    read_through(settings, whole_topics(settings, [dead_letter_topic(topic)]), take)
    taker.flush()
    return count


def _dated(message: Message, kept: bytes | None) -> Message:
    """Give a message the time of its record where its letter could not keep that."""
    if kept is None or not kept.isdigit():
        return message
    return replace(message, arrived_at=int(kept))
