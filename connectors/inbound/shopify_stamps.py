# SPDX-License-Identifier: Apache-2.0
"""When a message of Shopify was true, and what else all its figures bear.

Shopify's times have seconds, so that the levels of one busy second would be in no order. Times are
cut to the second, and when the webhook was triggered (`X-Shopify-Triggered-At`) decides within it;
where that is not known, the milliseconds of its own time. So what is dated by its trigger alone, as
a disconnected level, has its place among the others.
"""

from typing import Final

import msgspec

from connectors.inbound.contract import Message
from connectors.inbound.records import StockEvent
from connectors.inbound.webhook_reading import is_past, moment, short_text
from schemas.timestamps import parse_timestamp

__all__ = ["Stamp", "stamp_of", "to_second"]

_SECOND: Final = 1000
_MILLISECONDS: Final = len("2026-11-20T10:00:00.877")


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """What all figures of a message bear.

    Attributes:
        at: when they were true, in epoch milliseconds, cut to the second.
        sequence: tie-break within the second.
        event_id: of Shopify.
        source: name of the source.
    """

    at: int
    sequence: int
    event_id: str | None
    source: str

    @property
    def key(self) -> tuple[int, int]:
        """What orders messages."""
        return self.at, self.sequence

    def figure(self, variant_id: str, location_id: str | None, quantity: int | None) -> StockEvent:
        """Make the figure of a variant at a location.

        Args:
            variant_id: ours.
            location_id: of the platform; None: of all of them.
            quantity: None: there is none any more.
        """
        return StockEvent(
            variant_id=variant_id,
            quantity=quantity,
            occurred_at=self.at,
            location_id=location_id,
            sequence=self.sequence,
            event_id=self.event_id,
            source=self.source,
        )


def stamp_of(message: Message, updated_at: str | None, source: str) -> Stamp:
    """Return the stamp of a message.

    Args:
        message: as it came.
        updated_at: of what it is about; None: when it was triggered, else when it came.
        source: name of the source.

    Raises:
        Unfit: `updated_at` is no time, or of one that has not come.
    """
    triggered_at = _triggered_at(message)
    if updated_at is not None:
        at = moment(updated_at, "updated_at", message.arrived_at)
    else:
        at = message.arrived_at if triggered_at is None else triggered_at
    sequence = at if triggered_at is None else triggered_at
    return Stamp(
        to_second(at), sequence, short_text(message.headers.get("x-shopify-event-id")), source
    )


def to_second(at: int) -> int:
    """Cut a time in milliseconds to the second."""
    return at - at % _SECOND


def _triggered_at(message: Message) -> int | None:
    text = message.headers.get("x-shopify-triggered-at")
    if text is None:
        return None
    if len(text) > _MILLISECONDS and text.endswith("Z"):
        # Nine digits would be parsed anew each time, three are remembered.
        text = f"{text[:_MILLISECONDS]}Z"
    try:
        triggered_at = parse_timestamp(text)
    except ValueError:
        # The header is not signed: it may help, but nothing depends on it.
        return None
    return triggered_at if is_past(triggered_at, message.arrived_at) else None
