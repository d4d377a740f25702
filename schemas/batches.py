# SPDX-License-Identifier: Apache-2.0
"""Many records at once: the results of `schemas.decode`, at a fraction of its cost.

The tiers are those of `schemas.decode`, with two before them for figures without details. Each
value is read by a call of its own, so that no value can lean on its neighbours, but what drives
these calls is C, and so it is with what follows: fields are taken as columns, and a column is
checked or converted at once. Where one of these fails, the records are halved until it is clear
which of them are to be decided one by one.

Plain figures can be left in their columns, as most of them are to be applied: nothing is then made
of each of them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from schemas.columns import Sorted, join, sort_out
from schemas.decode import (
    contract_inventory,
    contract_subscription,
    decode_inventory,
    decode_subscription,
    read_inventory_beside_unknown,
    read_subscription_beside_unknown,
)
from schemas.errors import InvalidRecord
from schemas.events import StockBlock, StockEvent, SubscribeEvent, UnsubscribeEvent
from schemas.settling import check_controls, details_of, settle_times, settled_subscription
from schemas.timestamps import parse_timestamps
from schemas.wire import PlainInventory, TotalInventory, WireInventory, WireSubscription

__all__ = [
    "Refuse",
    "decode_inventory_batch",
    "decode_inventory_columns",
    "decode_subscription_batch",
]

_PIECE: Final = 256
_COLUMN: Final = 2048
_COLUMN_AT_LEAST: Final = 128
_FEW: Final = 8
_SELDOM: Final = 8

_Event = TypeVar("_Event")
_Inventory = TotalInventory | PlainInventory | WireInventory

Refuse = Callable[[int, InvalidRecord], object]
"""Told of each invalid record, in their order: its place in the batch, from 0, and what is wrong.

It must not keep the error, which holds the frames of whoever decodes, and they what it is kept in.
"""


class _Part(NamedTuple):
    """Consecutive values, their arrivals, and the place of the first in the batch."""

    values: Sequence[bytes]
    arrivals: Sequence[int]
    first: int

    def cut(self, begin: int, end: int) -> "_Part":
        """Those from one place in the part to another."""
        return _Part(self.values[begin:end], self.arrivals[begin:end], self.first + begin)


class _Tier(NamedTuple, Generic[_Event]):
    """One way to read records, and to settle what has been read; both raise `ValueError`."""

    read: Callable[[bytes], Any]
    settle: Callable[[list[Any], Sequence[bytes], Sequence[int]], list[_Event]]


class _Kind(NamedTuple, Generic[_Event]):
    """How the records of a topic are decoded.

    Attributes:
        tiers: the ways to read many; each can read what those before it can.
        decode: decides about one record.
        contract: the same, for what none of the tiers can read.
    """

    tiers: tuple[_Tier[_Event], ...]
    decode: Callable[[bytes, int], _Event]
    contract: Callable[[bytes, int], _Event]


def decode_inventory_batch(
    values: Sequence[bytes], arrivals: Sequence[int], refuse: Refuse
) -> list[StockEvent]:
    """Return the events that `decode_inventory` returns for the values; some may be invalid.

    Args:
        values: values of records, not null.
        arrivals: when each of them arrived, in epoch milliseconds.
        refuse: told of the invalid ones.
    """
    return _decode(_INVENTORY, _Part(values, arrivals, 0), refuse)


def decode_inventory_columns(
    values: Sequence[bytes], arrivals: Sequence[int], refuse: Refuse
) -> list[StockEvent | StockBlock]:
    """Return the same events in the same order, with the plain figures in blocks where possible.

    Args:
        values: values of records, not null.
        arrivals: when each of them arrived, in epoch milliseconds.
        refuse: told of the invalid ones.
    """
    pieces = list[StockEvent | StockBlock]()
    for first in range(0, len(values), _COLUMN):
        last = first + _COLUMN
        part = _Part(values[first:last], arrivals[first:last], first)
        found = None
        if len(part.values) >= _COLUMN_AT_LEAST:
            found = sort_out(part.values, part.arrivals)
        if found is None:
            events = _decode(_INVENTORY, part, refuse)
            pieces += events
        else:
            pieces += _joined(found, part, refuse)
    return pieces


def decode_subscription_batch(
    values: Sequence[bytes], arrivals: Sequence[int], refuse: Refuse
) -> list[SubscribeEvent | UnsubscribeEvent]:
    """Return the events that `decode_subscription` returns for the values; some may be invalid.

    Args:
        values: values of records, not null.
        arrivals: when each of them arrived, in epoch milliseconds.
        refuse: told of the invalid ones.
    """
    return _decode(_SUBSCRIPTIONS, _Part(values, arrivals, 0), refuse)


def _joined(found: Sorted, part: _Part, refuse: Refuse) -> list[StockEvent | StockBlock]:
    """The figures, and the odd ones among them, which are decided one by one."""
    events: list[tuple[int, StockEvent]] = []
    for before, place in enumerate(found.odd):
        decided: list[StockEvent] = []
        _decide_each(part.cut(place, place + 1), decode_inventory, decided, refuse)
        events += zip(repeat(place - before), decided)
    return join(found.block, events)


def _decode(kind: _Kind[_Event], part: _Part, refuse: Refuse) -> list[_Event]:
    events: list[_Event] = []
    count = len(part.values)
    if count <= _FEW:
        _decide_each(part, kind.decode, events, refuse)
        return events
    # A piece and what is made of it stay in the processor's cache.
    for first in range(0, count, _PIECE):
        _decode_piece(kind, part.cut(first, first + _PIECE), events, refuse)
    return events


def _decode_piece(kind: _Kind[_Event], piece: _Part, events: list[_Event], refuse: Refuse) -> None:
    source = iter(piece.values)
    tiers: Sequence[_Tier[_Event]] = kind.tiers
    begin, unread, records = 0, 0, list[Any]()
    while True:
        complete = _read_on(tiers[0], source, records)
        end = begin + len(records)
        if records:
            _settle(kind, tiers[0], records, piece.cut(begin, end), events, refuse)
        if complete:
            return
        begin, unread, records = end, unread + 1, []
        decide = kind.decode
        if unread * _SELDOM > begin:
            wider = _wider(tiers, piece.values[begin], records)
            if wider:
                tiers = wider
                continue
            decide = kind.contract
        _decide_each(piece.cut(begin, begin + 1), decide, events, refuse)
        begin += 1


def _read_on(tier: _Tier[_Event], source: Iterator[bytes], records: list[Any]) -> bool:
    try:
        # What has been read when an error comes is kept, and the value at fault is taken.
        records.extend(map(tier.read, source))
    except ValueError:
        return False
    return True


def _wider(
    tiers: Sequence[_Tier[_Event]], value: bytes, records: list[Any]
) -> Sequence[_Tier[_Event]]:
    """The tiers from the next that can read a value, which it has then read; else none."""
    # What the last of them cannot read, none can.
    if not _read_on(tiers[-1], iter([value]), []):
        return []
    for number in range(1, len(tiers)):
        if _read_on(tiers[number], iter([value]), records):
            return tiers[number:]
    return []


def _settle(
    kind: _Kind[_Event],
    tier: _Tier[_Event],
    records: list[Any],
    part: _Part,
    events: list[_Event],
    refuse: Refuse,
) -> None:
    count = len(records)
    if count <= _FEW:
        _decide_each(part, kind.decode, events, refuse)
        return
    try:
        events.extend(tier.settle(records, part.values, part.arrivals))
    except ValueError:
        half = count // 2
        _settle(kind, tier, records[:half], part.cut(0, half), events, refuse)
        _settle(kind, tier, records[half:], part.cut(half, count), events, refuse)


def _decide_each(
    part: _Part, decode: Callable[[bytes, int], _Event], events: list[_Event], refuse: Refuse
) -> None:
    for place, (value, arrival) in enumerate(zip(part.values, part.arrivals, strict=True)):
        try:
            events.append(decode(value, arrival))
        except InvalidRecord as error:
            refuse(part.first + place, error)


def _settle_total(
    records: list[TotalInventory], values: Sequence[bytes], arrivals: Sequence[int]
) -> list[StockEvent]:
    return list(map(StockEvent, *_figures(records, values, arrivals)))


def _settle_plain(
    records: list[PlainInventory], values: Sequence[bytes], arrivals: Sequence[int]
) -> list[StockEvent]:
    figures, places = _figures(records, values, arrivals), _places(records, values)
    return list(map(StockEvent, *figures, *places))


def _settle_detailed(
    records: list[WireInventory], values: Sequence[bytes], arrivals: Sequence[int]
) -> list[StockEvent]:
    figures, places = _figures(records, values, arrivals), _places(records, values)
    return list(map(StockEvent, *figures, *places, map(details_of, records)))


def _figures(
    records: Sequence[_Inventory], values: Sequence[bytes], arrivals: Sequence[int]
) -> tuple[Iterable[Any], ...]:
    """The first three fields of `StockEvent`, checked."""
    variant_ids = list(map(_variant_id, records))
    check_controls(variant_ids, values)
    moments = settle_times(parse_timestamps(list(map(_occurred_at, records))), arrivals)
    return variant_ids, map(_quantity, records), moments


def _places(
    records: Sequence[PlainInventory | WireInventory], values: Sequence[bytes]
) -> tuple[Iterable[Any], ...]:
    """The next two."""
    location_ids = list(map(_location_id, records))
    check_controls(location_ids, values)
    sequences = list(map(_sequence, records))
    if None in sequences:
        sequences = [sequence or 0 for sequence in sequences]
    return sequences, location_ids


def _settle_subscriptions(
    records: list[WireSubscription], values: Sequence[bytes], arrivals: Sequence[int]
) -> list[SubscribeEvent | UnsubscribeEvent]:
    check_controls(list(map(_variant_id, records)), values)
    moments = settle_times(parse_timestamps(list(map(_occurred_at, records))), arrivals)
    return list(map(settled_subscription, records, moments))


_variant_id: Final = attrgetter("variant_id")
_quantity: Final = attrgetter("quantity")
_occurred_at: Final = attrgetter("occurred_at")
_location_id: Final = attrgetter("location_id")
_sequence: Final = attrgetter("sequence")

_INVENTORY: Final = _Kind(
    (
        _Tier(msgspec.json.Decoder(TotalInventory).decode, _settle_total),
        _Tier(msgspec.json.Decoder(PlainInventory).decode, _settle_plain),
        _Tier(msgspec.json.Decoder(WireInventory).decode, _settle_detailed),
        _Tier(read_inventory_beside_unknown, _settle_detailed),
    ),
    decode_inventory,
    contract_inventory,
)
_SUBSCRIPTIONS: Final = _Kind(
    (
        _Tier(msgspec.json.Decoder(WireSubscription).decode, _settle_subscriptions),
        _Tier(read_subscription_beside_unknown, _settle_subscriptions),
    ),
    decode_subscription,
    contract_subscription,
)
