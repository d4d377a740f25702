# SPDX-License-Identifier: Apache-2.0
"""Dead letters of sources: messages of which no record can be made, untouched, with the reason."""

from collections.abc import Sequence

from connectors.inbound.contract import Message, Refusal
from connectors.kafka.dead_letters import REASON_HEADER
from schemas.topics import dead_letter_topic

__all__ = ["Letter", "refused_letter"]

_PREFIX = "__connect.errors."
_LONGEST_DETAIL = 4_096

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
        refusals: why, at least one; the first names the reason.
    """
    detail = "; ".join(dict.fromkeys(refusal.detail for refusal in refusals))
    headers = {
        _PREFIX + "topic": topic,
        _PREFIX + "connector.name": f"restock-ingest-{source}",
        _PREFIX + "stage": "VALUE_CONVERTER",
        _PREFIX + "class.name": "connectors.inbound",
        _PREFIX + "exception.message": detail[:_LONGEST_DETAIL],
        REASON_HEADER: refusals[0].reason,
    }
    written = tuple(
        (name, text.encode("utf-8", "backslashreplace")) for name, text in headers.items()
    )
    return dead_letter_topic(topic), source.encode(), message.body, written
