# SPDX-License-Identifier: Apache-2.0
"""Lines of a trace as msgspec reads them, and what their values say: for the tiers of a replay.

Nothing here finds out what is wrong with a line: what is not plainly valid is a `ValueError`.
"""

from collections.abc import Iterator, Sequence
from itertools import compress
from operator import attrgetter
from typing import Annotated, Any, Final

import orjson
from msgspec import Meta, Struct
from msgspec.json import Decoder

from schemas.events import Event, StockEvent
from schemas.parsing import MAX_DEPTH
from schemas.settling import check_identifiers, settle_times, stock_event, subscription_event
from schemas.timestamps import MAX_TIMESTAMP, MIN_TIMESTAMP, parse_timestamps
from schemas.wire import LenientInventory, PlainInventory, WireInventory, WireSubscription

__all__ = [
    "AnyRecord",
    "event_of",
    "read_all",
    "read_beside_unknown",
    "read_one",
    "read_plain",
]

_At = str | Annotated[int, Meta(ge=MIN_TIMESTAMP, le=MAX_TIMESTAMP)]


class _Line(Struct, tag_field="topic", forbid_unknown_fields=True, gc=False):
    at: _At


class _PlainLine(_Line, tag="inventory"):
    value: PlainInventory


class _InventoryLine(_Line, tag="inventory"):
    value: WireInventory | None


class _WishLine(_Line, tag="subscriptions"):
    value: WireSubscription


class _SubscriptionLine(_Line, tag="subscriptions"):
    value: WireSubscription | None


class _LenientInventoryLine(_InventoryLine, tag="inventory", forbid_unknown_fields=False):
    value: LenientInventory | None


class _LenientSubscriptionLine(_SubscriptionLine, tag="subscriptions", forbid_unknown_fields=False):
    pass


AnyRecord = _InventoryLine | _SubscriptionLine
"""A line that has been read; what its value says is still to be found out."""

_PLAIN: Final = Decoder(_PlainLine | _WishLine)
_ANY: Final[Decoder[AnyRecord]] = Decoder(AnyRecord)
_BESIDE_UNKNOWN: Final[Decoder[AnyRecord]] = Decoder(
    _LenientInventoryLine | _LenientSubscriptionLine
)


def read_plain(portion: bytes, count: int) -> tuple[list[Event], list[int]]:
    """Return the events and arrivals of lines that are all plain: no details, no tombstones.

    Args:
        portion: Whole lines.
        count: How many they are.

    Raises:
        ValueError: not all of them are plainly valid.
    """
    records, arrivals = _read(_PLAIN, portion, count)
    return _settled(records, arrivals, portion), arrivals


def read_all(portion: bytes, count: int) -> tuple[list[AnyRecord], list[int]]:
    """Return the records and arrivals of lines that hold nothing unknown.

    Args:
        portion: Whole lines.
        count: How many they are.

    Raises:
        ValueError: some do, or are not plainly valid.
    """
    return _read(_ANY, portion, count)


def read_one(text: bytes) -> AnyRecord | None:
    """Return a line that holds nothing unknown; None: it does, or is not plainly valid."""
    try:
        return _ANY.decode(text)
    except (ValueError, RecursionError):
        return None


def read_beside_unknown(text: bytes) -> AnyRecord | None:
    """Return a line as `read_one` does, also if it or its stock figure has fields of its own."""
    # As in `schemas.decode`: the contract's limit on nesting is not orjson's, which checks all
    # that msgspec then passes over.
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH:
        return None
    try:
        orjson.loads(text)
        return _BESIDE_UNKNOWN.decode(text)
    except (ValueError, RecursionError):
        return None


def event_of(record: AnyRecord, at: int) -> Event | None:
    """Return what a record says; None: it is a tombstone.

    Raises:
        ValueError: it is not plainly valid.
    """
    if record.value is None:
        return None
    if isinstance(record, _InventoryLine):
        return stock_event(record.value, at)
    return subscription_event(record.value, at)


def _read(decoder: Decoder[Any], portion: bytes, count: int) -> tuple[list[Any], list[int]]:
    try:
        records = decoder.decode_lines(portion)
    except RecursionError as error:
        raise ValueError from error
    # For msgspec an object may go over several lines, and blank lines are none.
    if len(records) != count:
        raise ValueError
    arrivals = list(map(_at, records))
    if type(arrivals[0]) is str:
        arrivals = parse_timestamps(arrivals)
    try:
        in_order = sorted(arrivals) == arrivals
    except TypeError as error:  # some are texts, some numbers
        raise ValueError from error
    if not in_order:
        raise ValueError
    return records, arrivals


def _settled(
    records: Sequence[_PlainLine | _WishLine], arrivals: list[int], portion: bytes
) -> list[Event]:
    is_figure = [type(record) is _PlainLine for record in records]
    values: list[Any] = list(map(_value, records))
    # ASCII without an escape holds no control character but DEL: msgspec refuses the others.
    is_clean = b"\\" not in portion and b"\x7f" not in portion and portion.isascii()
    if all(is_figure):
        return list(_figures(values, arrivals, is_clean=is_clean))
    figures = _figures(
        list(compress(values, is_figure)), list(compress(arrivals, is_figure)), is_clean=is_clean
    )
    return [
        next(figures) if plain else subscription_event(value, arrival)
        for plain, value, arrival in zip(is_figure, values, arrivals, strict=True)
    ]


def _figures(
    values: list[PlainInventory], arrivals: list[int], *, is_clean: bool
) -> Iterator[StockEvent]:
    variant_ids = list(map(_variant_id, values))
    location_ids = list(map(_location_id, values))
    if not is_clean:
        check_identifiers(variant_ids)
        check_identifiers(location_ids)
    return map(
        StockEvent,
        variant_ids,
        map(_quantity, values),
        settle_times(parse_timestamps(list(map(_occurred_at, values))), arrivals),
        map(_sequence, values),
        location_ids,
    )


_at: Final = attrgetter("at")
_value: Final = attrgetter("value")
_variant_id: Final = attrgetter("variant_id")
_quantity: Final = attrgetter("quantity")
_occurred_at: Final = attrgetter("occurred_at")
_sequence: Final = attrgetter("sequence")
_location_id: Final = attrgetter("location_id")
