# SPDX-License-Identifier: Apache-2.0
"""From raw records to what delivery learns from them, and dead letters for the rest."""

from collections.abc import Callable
from typing import Final

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message
from msgspec import MsgspecError, Struct

from connectors.kafka.records import Outgoing, RawBatch
from connectors.sinks.content import read_notification
from dataflows.decoding import DecodingCounts
from delivery.news import Arrived, News, Ordered, SignedOff, Stood, product_item, variant_item
from journey.notified import notified_of
from schemas.decode import decode_subscription
from schemas.errors import DeadLetterReason, InvalidRecord
from schemas.events import UnsubscribeEvent
from schemas.records import Notification, Order, WaitlistStatus
from schemas.validation import validate_record

__all__ = ["DeliveryTopics", "Portion", "Sorter"]

_SIGN_OFF: Final = b"unsubscribe"
_ESCAPE: Final = b"\\u"


class DeliveryTopics(Struct, frozen=True):
    """The names of what is read.

    Attributes:
        notifications: who is told.
        orders: purchases.
        subscriptions: sign-ups and sign-offs; only the latter count here.
        waitlist: where each variant stands.
    """

    notifications: str
    orders: str
    subscriptions: str
    waitlist: str


class Portion(Struct, frozen=True, gc=False):
    """What a batch of records says.

    Attributes:
        news: for the ledger.
        letters: for the dead-letter topics.
    """

    news: list[News]
    letters: list[Outgoing]


class Sorter:
    """Turns each `RawBatch` into a `Portion`.

    Args:
        topics: their names.
        max_record_bytes: a longer value is a dead letter.
        dead_letter: makes the record for the dead-letter topic.
        clock: epoch milliseconds, for records that carry no timestamp.
    """

    def __init__(
        self,
        topics: DeliveryTopics,
        max_record_bytes: int,
        dead_letter: Callable[[Message, InvalidRecord], Outgoing],
        clock: Callable[[], int],
    ) -> None:
        """Count from nothing."""
        self.counts = DecodingCounts()
        self._max_record_bytes = max_record_bytes
        self._dead_letter = dead_letter
        self._clock = clock
        self._read = {
            topics.notifications: _notification,
            topics.orders: _order,
            topics.subscriptions: _sign_off,
            topics.waitlist: _status,
        }
        # Of these the first flow has made dead letters already, or they are its own.
        self._passed_over = {topics.subscriptions, topics.waitlist}

    def __call__(self, batch: RawBatch) -> Portion:
        """What the batch says."""
        counts = self.counts
        counts.records += len(batch.messages)
        portion = Portion([], [])
        for message in batch.messages:
            value = message.value()
            if value is None:
                counts.tombstones += 1
                continue
            try:
                self._sort(message, value, portion)
            except InvalidRecord as error:
                if message.topic() not in self._passed_over:
                    counts.dead_lettered += 1
                    portion.letters.append(self._dead_letter(message, error))
        return portion

    def _sort(self, message: Message, value: bytes, portion: Portion) -> None:
        if len(value) > self._max_record_bytes:
            raise InvalidRecord(
                DeadLetterReason.TOO_LARGE,
                detail=f"{len(value)} bytes, more than the {self._max_record_bytes} that are read",
            )
        kind, stamp = message.timestamp()
        arrival = self._clock() if kind == TIMESTAMP_NOT_AVAILABLE else stamp
        news = self._read[message.topic() or ""](message, value, arrival)
        if news is not None:
            self.counts.events += 1
            portion.news.append(news)


def _notification(message: Message, value: bytes, _arrival: int) -> News:
    record = validate_record(Notification, value)
    _check_what_follows(record, value)
    place = (message.topic() or "", message.partition() or 0, message.offset() or 0)
    return Arrived(notified_of(record), record.position, value, place)


def _check_what_follows(record: Notification, value: bytes) -> None:
    """Check what ledger and sinks need beyond the contract: later nobody could refuse it."""
    try:
        read_notification(value)
    except MsgspecError as error:
        raise InvalidRecord(DeadLetterReason.WRONG_TYPE, detail=str(error)) from None
    names = (*record.profile.identifiers(), record.product.product_id or "")
    if any("\0" in name for name in names):
        # SQLite ends a text of JSON there: it would be another person's name.
        raise InvalidRecord(DeadLetterReason.INVALID_VALUE, "profile", "has a NUL character")


def _order(_message: Message, value: bytes, _arrival: int) -> News:
    order = validate_record(Order, value)
    items = [
        name
        for item in order.items
        for name in (
            item.variant_id and variant_item(item.variant_id),
            item.product_id and product_item(item.product_id),
        )
        if name
    ]
    return Ordered(
        order.order_id,
        order.profile.identifiers(),
        tuple(dict.fromkeys(items)),
        order.occurred_at,
        order.cancelled,
    )


def _sign_off(_message: Message, value: bytes, arrival: int) -> News | None:
    # Nearly all are sign-ups, which need not be read at all.
    if _SIGN_OFF not in value and _ESCAPE not in value:
        return None
    event = decode_subscription(value, arrival)
    if not isinstance(event, UnsubscribeEvent):
        return None
    return SignedOff(event.variant_id, event.identifiers, event.occurred_at)


def _status(_message: Message, value: bytes, _arrival: int) -> News:
    status = validate_record(WaitlistStatus, value)
    return Stood(status.variant_id, status.offered, status.updated_at)
