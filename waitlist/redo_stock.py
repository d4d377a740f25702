# SPDX-License-Identifier: Apache-2.0
"""What redo records say about stock: many variants at once, by their numbers, column by column.

A variant of which only the figure has moved takes some 12 bytes. Variants with more than a total
are written one by one.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from waitlist.columns import PackedColumn, pack_column, unpack_column
from waitlist.entries import encode_number
from waitlist.figures import (
    AT,
    CYCLE_ROW,
    FLAGS,
    KIND,
    LOGGED,
    OPENED_AT,
    RARE,
    SEQUENCE,
    TOTAL,
    TURNED,
    Figures,
)
from waitlist.variants import Variants

if TYPE_CHECKING:
    from schemas.events import Integers
    from waitlist.state import State
    from waitlist.stock import StockFacts

__all__ = [
    "CYCLES",
    "MOVED",
    "NAMED",
    "PLAIN_STOCK",
    "STOCK",
    "PackedRows",
    "name_operations",
    "pack_facts",
    "pack_rows",
    "redo_cycles",
    "redo_moved",
    "redo_named",
    "redo_plain_stock",
    "redo_stock",
    "stock_operations",
    "unpack_rows",
]

STOCK: Final = 0
PLAIN_STOCK: Final = 10
"""No longer written."""
NAMED: Final = 11
MOVED: Final = 12
CYCLES: Final = 13

_NAMES_AN_OPERATION: Final = 2_000
_MOVED: Final = (AT, TOTAL, SEQUENCE)
_ROW: Final = (AT, TOTAL, SEQUENCE, OPENED_AT, KIND)

PackedRows = list[PackedColumn]
"""`_ROW` of `Figures.rows`, then the whole of `Figures.cycles`."""


def name_operations(variants: Variants, first: int) -> Iterator[tuple[object, ...]]:
    """The operations that name variants, from a number on."""
    for begin in range(first, len(variants), _NAMES_AN_OPERATION):
        yield NAMED, begin, variants.ids[begin : begin + _NAMES_AN_OPERATION]


def stock_operations(variants: Variants, changed: Sequence[int]) -> Iterator[tuple[object, ...]]:
    """The operations that say what the stock of some variants is; they are `LOGGED` no more."""
    if not changed:
        return
    numbers = np.array(changed, np.int64)
    table = variants.figures.table()
    flags = table[numbers, FLAGS]
    table[numbers, FLAGS] = flags & ~(LOGGED | TURNED)
    is_rare = flags & RARE != 0
    is_turned = (flags & TURNED != 0) & ~is_rare
    moved, turned = numbers[~is_rare & ~is_turned], numbers[is_turned]
    if len(moved):
        rows = table[moved]
        yield MOVED, len(moved), pack_column(moved), [pack_column(rows[:, at]) for at in _MOVED]
    if len(turned):
        yield CYCLES, len(turned), pack_column(turned), pack_rows(variants.figures, turned)
    for number in numbers[is_rare].tolist():
        yield STOCK, variants.ids[number], pack_facts(variants.at(number).facts())


def pack_rows(figures: Figures, numbers: "Integers | slice") -> PackedRows:
    """The rows of some variants."""
    rows, cycles = figures.table()[numbers], figures.cycle_table()[numbers]
    return [
        *(pack_column(rows[:, at]) for at in _ROW),
        *(pack_column(cycles[:, at]) for at in range(CYCLE_ROW)),
    ]


def unpack_rows(
    figures: Figures, numbers: "Integers | slice", count: int, packed: PackedRows
) -> None:
    """Take over the rows of some variants."""
    table, cycles = figures.table(), figures.cycle_table()
    for at, column in zip(_ROW, packed, strict=False):
        table[numbers, at] = unpack_column(column, count)
    for at, column in enumerate(packed[len(_ROW) :]):
        cycles[numbers, at] = unpack_column(column, count)


def pack_facts(facts: "StockFacts") -> tuple[object, ...]:
    """A stock's facts, fit for MessagePack."""
    rare = facts[-1]
    if not isinstance(rare, tuple):
        return facts
    product = {name: (encode_number(value), key) for name, (value, key) in rare[-1].items()}
    kind, total, *others = facts[:-1]
    return kind, encode_number(total), *others, (*rare[:-1], product)


def redo_stock(state: "State", variant_id: str, facts: list[Any]) -> None:
    """A variant's whole stock."""
    whole = cast("StockFacts", tuple(facts))
    if whole[-1] is None:
        # Of an earlier version: what follows may be by the column, and must come later.
        state.variant(variant_id).restore(whole)
    else:
        # From then on it is always written as a whole, so that only the last counts.
        state.variants.number(variant_id)
        state.unsettled[variant_id] = whole


def redo_plain_stock(state: "State", variants: list[list[Any]]) -> None:
    """The same of many that have but a total, as earlier versions wrote it."""
    for variant_id, *facts in variants:
        redo_stock(state, variant_id, [*facts, None])


def redo_named(state: "State", first: int, ids: list[str]) -> None:
    """New variants.

    Raises:
        ValueError: they are not the next.
    """
    if first != len(state.variants):
        raise ValueError(f"variant {first} named after {len(state.variants)}")
    state.variants.name(ids)


def redo_moved(
    state: "State", count: int, numbers: PackedColumn, columns: list[PackedColumn]
) -> None:
    """Figures that left cycles as they were."""
    places = unpack_column(numbers, count)
    table = state.variants.figures.table()
    for at, column in zip(_MOVED, columns, strict=True):
        table[places, at] = unpack_column(column, count)
    table[places, KIND] = 1


def redo_cycles(state: "State", count: int, numbers: PackedColumn, columns: PackedRows) -> None:
    """Figures with their cycles."""
    unpack_rows(state.variants.figures, unpack_column(numbers, count), count, columns)
