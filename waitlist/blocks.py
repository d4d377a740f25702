# SPDX-License-Identifier: Apache-2.0
"""Many stock figures at once, with the result of applying one after the other.

The figures are put in order by variant, each variant's in theirs. Of a variant whose figures are
each newer than the one before, only the last counts, and how often they opened a cycle: no wave
starts before all have been applied. The others are few, and go one by one through
`waitlist.applying`.
"""

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.events import Event, Integers, StockBlock
from waitlist.applying import Notes, apply_events
from waitlist.figures import (
    AT,
    CHANGED,
    CYCLE,
    FLAGS,
    KIND,
    KNOWN_SINCE,
    LEAST,
    LOGGED,
    OPENED_AT,
    QUEUED,
    RARE,
    SEQUENCE,
    TOTAL,
    TURNED,
    WAITING,
    WAVES,
    Table,
)

__all__ = ["apply_block", "runs"]

_WORTH_IT: Final = 48
"""Fewer are applied sooner one by one."""


def apply_block(notes: Notes, block: StockBlock, now: int) -> int:
    """Apply figures; how many were applied.

    Args:
        notes: where consequences are noted.
        block: the figures.
        now: on the clock.
    """
    if len(block) < _WORTH_IT:
        return apply_events(notes, zip(block.events(), repeat(now)), now)[1]
    numbers = notes.state.variants.numbers_of(block.variant_ids)
    others = _apply_plain(notes, block, numbers, now)
    if not len(others):
        return len(block)
    return (
        len(block)
        - len(others)
        + apply_events(notes, zip(_cut(block, others).events(), repeat(now)), now)[1]
    )


def runs(events: Iterable[Event | StockBlock]) -> Iterator[StockBlock | list[Event]]:
    """Blocks, and consecutive events between them, in their order."""
    run: list[Event] = []
    for event in events:
        if not isinstance(event, StockBlock):
            run.append(event)
            continue
        if run:
            yield run
            run = []
        yield event
    if run:
        yield run


class _Groups(NamedTuple):
    """Figures by variant, each variant's in their order.

    Attributes:
        order: the place of each in the block.
        first: where each variant begins in that order.
        last: where it ends.
        variant: of each figure, counted in that order.
    """

    order: Integers
    first: Integers
    last: Integers
    variant: Integers


def _grouped(numbers: Integers) -> _Groups:
    order = numbers.argsort(kind="stable")
    number = numbers[order]
    begins = np.empty(len(number), bool)
    begins[0] = True
    np.not_equal(number[1:], number[:-1], out=begins[1:])
    first = begins.nonzero()[0]
    last = np.append(first[1:], len(number)) - 1
    return _Groups(order, first, last, begins.cumsum() - 1)


def _apply_plain(notes: Notes, block: StockBlock, numbers: Integers, now: int) -> Integers:
    """Apply those that can be applied together; the places of the others, in their order."""
    order, first, last, variant = _grouped(numbers)
    number, moment, quantity = numbers[order], block.moments[order], block.quantities[order]
    table = notes.state.variants.figures.table()
    rows = table[number[first]]

    before = np.empty_like(moment)
    before[1:] = moment[:-1]
    before[first] = rows[:, AT]
    offered = quantity >= rows[variant, LEAST]
    was_offered = np.empty(len(number), bool)
    was_offered[1:] = offered[:-1]
    was_offered[first] = rows[:, OPENED_AT] >= 0
    odd = np.logical_or.reduceat(moment <= before, first) | (rows[:, FLAGS] & RARE != 0)

    opens = offered & ~was_offered
    turned = np.logical_or.reduceat(offered != was_offered, first)
    # Of a cycle that is open, only by a policy that has changed since.
    was_short = rows[:, TOTAL] < rows[:, LEAST]
    opened = np.add.reduceat(opens, first)
    opening = np.maximum.reduceat(opens * np.arange(len(opens)), first)
    rows[:, OPENED_AT] = np.where(opened > 0, moment[opening], rows[:, OPENED_AT])
    rows[~offered[last], OPENED_AT] = -1
    rows[:, AT] = moment[last]
    rows[:, TOTAL] = quantity[last]
    rows[:, SEQUENCE] = 0 if block.sequences is None else block.sequences[order[last]]
    rows[:, KIND] = 1
    rows[:, FLAGS] |= turned * TURNED

    plain = ~odd
    changed = number[first[plain]]
    table[changed] = _noted(notes, changed, rows[plain], (turned | was_short)[plain])
    _begin_cycles(notes, changed, opened[plain], now)
    return np.sort(order[odd[variant]])


def _begin_cycles(notes: Notes, numbers: Integers, opened: Integers, now: int) -> None:
    """Count the cycles that have been opened, of which only the last may still be open."""
    begun = opened > 0
    cycles, numbers = notes.state.variants.figures.cycle_table(), numbers[begun]
    cycles[numbers, CYCLE] += opened[begun]
    cycles[numbers, KNOWN_SINCE] = now
    cycles[numbers, WAVES] = 0


def _noted(notes: Notes, numbers: Integers, rows: Table, may_start: NDArray[np.bool_]) -> Table:
    """Note that the stock of these variants has changed; their rows, with the flags that say so.

    While a variant is offered, more or less stock changes nothing about when a wave is due.
    """
    flags = rows[:, FLAGS]
    notes.log.stock.extend(numbers[flags & LOGGED == 0].tolist())
    queued = flags & QUEUED != 0
    notes.changed.extend(numbers[queued & (flags & CHANGED == 0)].tolist())
    rows[:, FLAGS] = flags | LOGGED | queued * CHANGED
    variants = notes.state.variants
    may_start = may_start & (rows[:, OPENED_AT] >= 0) & (rows[:, WAITING] > 0)
    for number in numbers[may_start].tolist():
        notes.touched[variants.at(number)] = None
    return rows


def _cut(block: StockBlock, places: Integers) -> StockBlock:
    ids, sequences = block.variant_ids, block.sequences
    return StockBlock(
        [ids[place] for place in places.tolist()],
        block.quantities[places],
        block.moments[places],
        None if sequences is None else sequences[places],
    )
