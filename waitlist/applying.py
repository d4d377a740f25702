# SPDX-License-Identifier: Apache-2.0
"""Events applied to variants, one after the other.

Nearly all of them are plain figures (a total and nothing else), newer than what is known. They are
applied here as `Stock.apply` would, spelled out, because a call costs as much as all the rest.
"""

from collections import deque
from collections.abc import Callable, Iterable

from schemas.events import Event, StockEvent
from waitlist.figures import (
    AT,
    CHANGED,
    FLAGS,
    KIND,
    LEAST,
    LOGGED,
    OPENED_AT,
    QUEUED,
    RARE,
    ROW,
    SEQUENCE,
    TOTAL,
    TURNED,
    WAITING,
)
from waitlist.redo import RedoLog
from waitlist.state import State
from waitlist.stock import Applied
from waitlist.variant import Variant

__all__ = ["Notes", "apply_events"]

_APPLIED = Applied.APPLIED

_NOTED = frozenset(
    flags for flags in range(64) if flags & LOGGED and (flags & CHANGED or not flags & QUEUED)
)
"""Flags of a variant of which nothing further is to be noted when its stock has changed."""


class Notes:
    """Where it is noted what events bring about, and who sees to those that are not figures.

    Attributes:
        state: of the slot.
        log: has the stock written down.
        changed: the numbers of variants whose status is to be written; each is `CHANGED`.
        touched: variants of which a wave may be due.
        due: when waves may fall due, of which variants: a heap.
        is_ignored: counts what became of a figure that was not simply applied; whether it left
            everything as it was.
        apply_wish: applies a sign-up or a sign-off at a time.
    """

    __slots__ = ("apply_wish", "changed", "due", "is_ignored", "log", "state", "touched")

    def __init__(
        self,
        state: State,
        log: RedoLog,
        is_ignored: Callable[[Applied], bool],
        apply_wish: Callable[[Event, int], object],
    ) -> None:
        self.state = state
        self.log = log
        self.changed: deque[int] = deque()
        self.touched: dict[Variant, None] = {}
        self.due: list[tuple[int, str]] = []
        self.is_ignored = is_ignored
        self.apply_wish = apply_wish

    def change(self, variant: Variant) -> None:
        """Have a variant's status written."""
        flags = variant.flags
        if not flags & CHANGED:
            variant.flags = flags | CHANGED
            self.changed.append(variant.number)

    def ignores(self, number: int, event: StockEvent, now: int) -> bool:
        """Apply a figure that is not plain or not newer; whether it left everything as it was."""
        variant = self.state.variants.at(number)
        outcome = variant.apply(event, variant.policy, now)
        if outcome is not _APPLIED and self.is_ignored(outcome):
            return True
        variant.flags |= TURNED
        return False

    def applied(self, number: int, *, may_start: bool) -> None:
        """Note that a variant's stock has changed, and that a wave may be due for it."""
        rows, row = self.state.variants.figures.rows, number * ROW
        flags = rows[row + FLAGS]
        if not flags & LOGGED:
            self.log.stock.append(number)
        if not flags & QUEUED:
            rows[row + FLAGS] = flags | LOGGED
            return
        if not flags & CHANGED:
            self.changed.append(number)
        rows[row + FLAGS] = flags | LOGGED | CHANGED
        if may_start:
            self.touched[self.state.variants.at(number)] = None


def apply_events(notes: Notes, arrivals: Iterable[tuple[Event, int]], now: int) -> tuple[int, int]:
    """Apply events, each at its moment, until a wave may have to start before the next.

    Args:
        notes: where consequences are noted.
        arrivals: events in their order, each with its moment, never decreasing; epoch
            milliseconds.
        now: the first moment.

    Returns:
        How many were seen, and how many figures among them were applied. If not all were seen,
        the next one's moment is later.
    """
    variants = notes.state.variants
    figures = variants.figures
    known, rows = variants.numbers.get, figures.rows
    touched, due = notes.touched, notes.due
    seen = applied = 0
    for event, moment in arrivals:
        if moment != now and (touched or (due and due[0][0] < moment)):
            break
        now = moment
        seen += 1
        if type(event) is not StockEvent:
            notes.apply_wish(event, now)
            continue
        number = known(event.variant_id)
        if number is None:
            number = variants.number(event.variant_id)
        row = number * ROW
        at, quantity = event.occurred_at, event.quantity
        if (
            at > rows[row + AT]
            and quantity is not None
            and event.details is None
            and event.location_id is None
            and not rows[row + FLAGS] & RARE
        ):
            # Of a cycle that is open, only by a policy that has changed since.
            was_short = rows[row + TOTAL] < rows[row + LEAST]
            rows[row + AT] = at
            rows[row + TOTAL] = quantity
            rows[row + SEQUENCE] = event.sequence
            rows[row + KIND] = 1
            offered = quantity >= rows[row + LEAST]
            if offered is (rows[row + OPENED_AT] < 0):
                figures.turn(number, at if offered else -1, now)
                was_short = True
        elif notes.ignores(number, event, now):
            continue
        else:
            was_short = True  # or not: it is looked at anyway
        applied += 1
        # While it is offered, more or less stock changes nothing about when a wave is due.
        may_start = was_short and rows[row + WAITING] > 0 and rows[row + OPENED_AT] >= 0
        if may_start or rows[row + FLAGS] not in _NOTED:
            notes.applied(number, may_start=may_start)
    return seen, applied
