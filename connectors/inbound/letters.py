# SPDX-License-Identifier: Apache-2.0
"""Dead letters of sources: messages of which no record can be made, untouched, with the reason."""

import re
from collections.abc import Sequence
from typing import Final

from confluent_kafka import Message as KafkaMessage

from connectors.inbound.contract import Message, Refusal
from connectors.kafka.dead_letters import CONNECTOR_HEADER, REASON_HEADER
from connectors.kafka.records import headers_of
from schemas.topics import dead_letter_topic

__all__ = ["UNKNOWN_ITEM", "Letter", "read_letter", "refused_letter"]

UNKNOWN_ITEM: Final = "unknown_item"
"""The reason of a refusal that ends when the source learns which variant an item is."""

_PREFIX: Final = "__connect.errors."
_CONNECTOR: Final = "restock-ingest-"
_PLACE_HEADER: Final = "restock-ingest-place"
_LONGEST_DETAIL: Final = 4_096
_KEPT: Final = re.compile(r"content-type|(ce|x)-(?!forwarded|real-ip)[a-z0-9-]+", re.ASCII)
"""Headers of a request by which a source reads it; none that open doors or say who called."""

Letter = tuple[str, bytes, bytes, tuple[tuple[str, bytes], ...]]
"""Topic, key, value and headers of a record."""


def refused_letter(
    topic: str, source: str, message: Message, refusals: Sequence[Refusal]
) -> Letter:
    """Write the dead letter of a message.

    Args:
        topic: of stock, to whose dead letters it goes.
        source: name of the source's table; the letter's key.
        message: as it came.
        refusals: why, at least one; the first names the reason, unless one of them may end.
    """
    first = next((each for each in refusals if each.reason == UNKNOWN_ITEM), refusals[0])
    detail = "; ".join(dict.fromkeys(refusal.detail for refusal in refusals))
    headers = {
        **{name: text for name, text in message.headers.items() if _KEPT.fullmatch(name)},
        _PLACE_HEADER: message.place,
        _PREFIX + "topic": topic,
        CONNECTOR_HEADER: f"{_CONNECTOR}{source}",
        _PREFIX + "stage": "VALUE_CONVERTER",
        _PREFIX + "class.name": "connectors.inbound",
        _PREFIX + "exception.message": detail[:_LONGEST_DETAIL],
        REASON_HEADER: first.reason,
    }
    written = tuple(
        (name, text.encode("utf-8", "backslashreplace")) for name, text in headers.items()
    )
    return dead_letter_topic(topic), source.encode(), message.body, written


def read_letter(record: KafkaMessage) -> tuple[str, str, Message] | None:
    """Read a dead letter that `refused_letter` wrote.

    Returns:
        The source's name, the reason, and the message as it came; None: another program's letter.
    """
    headers = {name: (text or b"").decode("utf-8", "replace") for name, text in headers_of(record)}
    connector, body = headers.get(CONNECTOR_HEADER, ""), record.value()
    if not connector.startswith(_CONNECTOR) or _PLACE_HEADER not in headers or body is None:
        return None
    message = Message(
        body,
        record.timestamp()[1],
        {name: text for name, text in headers.items() if _KEPT.fullmatch(name)},
        headers[_PLACE_HEADER],
    )
    return connector.removeprefix(_CONNECTOR), headers.get(REASON_HEADER, ""), message
