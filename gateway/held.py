# SPDX-License-Identifier: Apache-2.0
"""Figures of items that nobody knew: what waited for them when the gateway ended waits again.

A source keeps a figure until it learns which variant the item is, but only as long as it lives.
Each of them is a dead letter as well, so these are taken again at the start. They have the time of
their figures: what is outdated changes nothing.
"""

import logging
from collections import deque
from collections.abc import Collection
from typing import Final

from confluent_kafka import Message as KafkaMessage

from connectors.errors import ConnectorError
from connectors.inbound.contract import Message
from connectors.inbound.letters import UNKNOWN_ITEM, read_letter
from connectors.kafka.reading import read_through, whole_topics
from connectors.kafka.settings import KafkaSettings
from gateway.webhooks import StockDesk
from schemas.topics import dead_letter_topic

__all__ = ["held_messages", "take_held"]

_LOG: Final = logging.getLogger(__name__)
_MOST: Final = 20_000
"""The newest count; a source holds no more anyway."""


def held_messages(
    settings: KafkaSettings, topic: str, names: Collection[str]
) -> list[tuple[str, Message]]:
    """Read the messages that wait for an item, the oldest first; it may take a while.

    Args:
        settings: how to reach Kafka.
        topic: of stock.
        names: of the sources that are there.

    Raises:
        BrokerUnreachable: no record came in time.
        TopicMissing: there is no topic of dead letters.
    """
    found: deque[tuple[str, Message]] = deque(maxlen=_MOST)

    def take(record: KafkaMessage) -> None:
        letter = read_letter(record)
        if letter is not None and letter[1] == UNKNOWN_ITEM and letter[0] in names:
            found.append((letter[0], letter[2]))

    read_through(settings, whole_topics(settings, [dead_letter_topic(topic)]), take)
    return sorted(found, key=lambda each: each[1].arrived_at)


async def take_held(desk: StockDesk, messages: Collection[tuple[str, Message]]) -> None:
    """Hand the messages to their sources again."""
    try:
        for name, message in messages:
            await desk.take_again(name, message)
    except ConnectorError as error:
        _LOG.warning("figures that waited for their item are not taken again: %s", error)
        return
    if messages:
        _LOG.info("%d messages that waited for an item were taken again", len(messages))
