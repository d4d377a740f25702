# SPDX-License-Identifier: Apache-2.0
"""Plain figures straight into columns: nothing is made of each of them but its identifier.

The structs and the checks are those of `schemas.batches`, which goes its own ways wherever not
nearly all of the records are plain figures, or one of them is in doubt.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import numpy as np

from schemas.decode import read_inventory_beside_unknown
from schemas.events import StockBlock, StockEvent
from schemas.settling import check_controls, settle_time_column
from schemas.timestamps import parse_timestamp_column
from schemas.wire import PlainInventory, TotalInventory, WireInventory

__all__ = ["Sorted", "are_plain", "join", "part_of", "sample_of", "sort_out"]

_SELDOM: Final = 16
_SAMPLE: Final = 16

_Thing = TypeVar("_Thing")


class Sorted(NamedTuple):
    """Some values, sorted out.

    Attributes:
        block: the plain figures among them, checked.
        odd: places of all the others, ascending.
    """

    block: StockBlock
    odd: list[int]


class _Reader(NamedTuple):
    """One way to read values.

    Attributes:
        read: raises `ValueError` for what it cannot read.
        odd: where among records those are that are no plain figures.
        has_sequences: records may have a sequence.
    """

    read: Callable[[bytes], Any]
    odd: Callable[[Sequence[Any]], list[int]]
    has_sequences: bool = True


class _Read(NamedTuple):
    """What has been read, and the places of what could not be read."""

    records: list[Any]
    odd: list[int]


def sort_out(values: Sequence[bytes], arrivals: Sequence[int]) -> Sorted | None:
    """Return the plain figures among the values of inventory records.

    Args:
        values: values of records, not null.
        arrivals: when each of them arrived, in epoch milliseconds.

    Returns:
        None unless nearly all of them are plain figures, none of which is in doubt.
    """
    reader = _fitting(sample_of(values))
    read = None if reader is None else _read_plain(reader, values)
    if reader is None or read is None:
        return None
    if read.odd:
        odd = {*read.odd}
        arrivals = [arrival for place, arrival in enumerate(arrivals) if place not in odd]
    try:
        # That there is an escape among the odd ones does no harm.
        block = _block(read.records, values, arrivals)
    except ValueError:
        return None
    if reader.has_sequences:
        sequences = [record.sequence or 0 for record in read.records]
        if any(sequences):
            block = msgspec.structs.replace(block, sequences=np.array(sequences, np.int64))
    return Sorted(block, read.odd)


def join(
    block: StockBlock, events: Sequence[tuple[int, StockEvent]]
) -> list[StockEvent | StockBlock]:
    """Return a block and events in their order; events that are plain figures join the block.

    Args:
        block: figures.
        events: how many of the figures come before each event, ascending, and the event.
    """
    plain = [(at, event) for at, event in events if _is_plain(event)]
    if plain:
        block = _with_figures(block, plain)
    pieces = list[StockEvent | StockBlock]()
    begin = joined = 0
    for at, event in events:
        if _is_plain(event):
            joined += 1
            continue
        if begin < at + joined:
            pieces.append(part_of(block, begin, at + joined))
        pieces.append(event)
        begin = at + joined
    if begin < len(block):
        pieces.append(part_of(block, begin, len(block)))
    return pieces


def sample_of(things: Sequence[_Thing]) -> Sequence[_Thing]:
    """Return some of many things, from all over them."""
    # What alternates has mostly an even period.
    return things[:: len(things) // _SAMPLE | 1]


def are_plain(values: Sequence[bytes]) -> bool:
    """Whether nearly all values of inventory records, of which there may be few, are plain."""
    return _fitting(values) is not None


def part_of(block: StockBlock, begin: int, end: int) -> StockBlock:
    """Return the figures of a block from one place to another."""
    own = slice(begin, end)
    return StockBlock(
        block.variant_ids[own],
        block.quantities[own],
        block.moments[own],
        None if block.sequences is None else block.sequences[own],
    )


def _is_plain(event: StockEvent) -> bool:
    return event.location_id is None and event.details is None and event.quantity is not None


def _with_figures(block: StockBlock, figures: Sequence[tuple[int, StockEvent]]) -> StockBlock:
    places = [at for at, _ in figures]
    variant_ids = block.variant_ids.copy()
    for at, event in reversed(figures):
        variant_ids.insert(at, event.variant_id)
    own = [event.sequence for _, event in figures]
    sequences = block.sequences
    if sequences is None and any(own):
        sequences = np.zeros_like(block.moments)
    return StockBlock(
        variant_ids,
        np.insert(block.quantities, places, [event.quantity or 0 for _, event in figures]),
        np.insert(block.moments, places, [event.occurred_at for _, event in figures]),
        None if sequences is None else np.insert(sequences, places, own),
    )


def _fitting(sample: Sequence[bytes]) -> _Reader | None:
    for reader in _READERS:
        if _read(reader, sample) is not None:
            return reader if _read_plain(reader, sample) is not None else None
    return None


def _read_plain(reader: _Reader, values: Sequence[bytes]) -> _Read | None:
    """Read plain figures; None when too many are not."""
    read = _read(reader, values)
    if read is None:
        return None
    odd = {*reader.odd(read.records)}
    if not odd:
        return read
    if not _are_few(len(odd) + len(read.odd), values):
        return None
    unread = {*read.odd}
    places = [place for place in range(len(values)) if place not in unread]
    return _Read(
        [record for at, record in enumerate(read.records) if at not in odd],
        sorted([*unread, *(places[at] for at in odd)]),
    )


def _read(reader: _Reader, values: Sequence[bytes]) -> _Read | None:
    """Read whatever can be read; None when too many cannot."""
    source = iter(values)
    read = _Read([], [])
    while _are_few(len(read.odd), values):
        try:
            # What has been read when an error comes is kept, and the value at fault is taken.
            read.records.extend(map(reader.read, source))
        except ValueError:
            read.odd.append(len(read.records) + len(read.odd))
        else:
            return read
    return None


def _are_few(odd: int, values: Sequence[bytes]) -> bool:
    # One among a sample says nothing yet.
    return odd <= max(1, len(values) // _SELDOM)


def _block(records: Sequence[Any], values: Sequence[bytes], arrivals: Sequence[int]) -> StockBlock:
    # A comprehension takes half the time of an attrgetter.
    variant_ids = [record.variant_id for record in records]
    check_controls(variant_ids, values)
    moments = parse_timestamp_column([record.occurred_at for record in records])
    quantities = np.fromiter([record.quantity for record in records], np.int64, len(records))
    return StockBlock(variant_ids, quantities, settle_time_column(moments, arrivals))


def _odd_totals(records: Sequence[TotalInventory]) -> list[int]:
    return [at for at, record in enumerate(records) if record.quantity is None]


def _odd_plain(records: Sequence[PlainInventory]) -> list[int]:
    return [
        at
        for at, record in enumerate(records)
        if record.quantity is None or record.location_id is not None
    ]


def _odd_detailed(records: Sequence[WireInventory]) -> list[int]:
    return [
        at
        for at, record in enumerate(records)
        if record.quantity is None
        or record.location_id is not None
        or record.policy is not None
        or record.available is not None
        or record.published is not None
        or record.product is not None
    ]


_READERS: Final = (
    _Reader(msgspec.json.Decoder(TotalInventory).decode, _odd_totals, has_sequences=False),
    _Reader(msgspec.json.Decoder(PlainInventory).decode, _odd_plain),
    _Reader(msgspec.json.Decoder(WireInventory).decode, _odd_detailed),
    _Reader(read_inventory_beside_unknown, _odd_detailed),
)
