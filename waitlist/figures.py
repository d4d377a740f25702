# SPDX-License-Identifier: Apache-2.0
"""Stock figures applied to variants, one after the other: where a slot spends most of its time.

Nearly all of them are plain (a total and nothing else) and newer than what is known. They are
applied here as `Stock.apply` would, spelled out, because a call costs as much as all the rest; and
what they change is noted with flags and lists, because dictionaries of all variants would not stay
in the processor's cache. 600,000 events over 100,000 variants: 7.8 us of CPU each for the whole
path with calls and dictionaries, 6.4 us so, side by side.
"""

from collections.abc import Callable, Iterator

from schemas.events import Event, StockEvent
from waitlist.redo import RedoLog
from waitlist.state import State
from waitlist.stock import Applied
from waitlist.variant import Variant

__all__ = ["Notes", "apply_figures"]

_APPLIED = Applied.APPLIED


class Notes:
    """What has to be looked at because stock changed.

    Attributes:
        log: has the stock written down.
        change: has a variant's status written; each is then `Variant.is_changed`.
        touched: variants of which a wave may be due.
        is_ignored: counts what became of an event that was not simply applied; whether it left
            everything as it was.
    """

    __slots__ = ("change", "is_ignored", "log", "touched")

    def __init__(
        self,
        log: RedoLog,
        change: Callable[[Variant], object],
        touched: dict[Variant, None],
        is_ignored: Callable[[Applied], bool],
    ) -> None:
        self.log = log
        self.change = change
        self.touched = touched
        self.is_ignored = is_ignored


def apply_figures(
    state: State, notes: Notes, events: Iterator[Event], now: int
) -> tuple[int, Event | None]:
    """Apply figures up to the first event that is something else.

    Args:
        state: of the slot.
        notes: where changes are noted.
        events: taken from until there are no more, or another event has come.
        now: on the clock.

    Returns:
        How many were applied, and the other event.
    """
    known, note, change = state.variants.get, notes.log.stock.append, notes.change
    touched = notes.touched
    applied = 0
    for event in events:
        if type(event) is not StockEvent:
            return applied, event
        variant = known(event.variant_id) or state.variant(event.variant_id)
        at, quantity = event.occurred_at, event.quantity
        if (
            at > variant.at
            and quantity is not None
            and event.details is None
            and event.location_id is None
            and variant.rare is None
        ):
            variant.kind = 1
            variant.total = quantity
            variant.at = at
            variant.sequence = event.sequence
            if (quantity >= variant.least) is (variant.opened_at is None):
                variant.turn(offered=quantity >= variant.least, at=at, now=now)
        else:
            outcome = variant.apply(event, variant.policy, now)
            if outcome is not _APPLIED and notes.is_ignored(outcome):
                continue
        applied += 1
        if not variant.is_logged:
            variant.is_logged = True
            note(variant)
        queue = variant.queue
        if queue is not None:
            if not variant.is_changed:
                variant.is_changed = True
                change(variant)
            if variant.opened_at is not None and (queue.lines or queue.parked):
                touched[variant] = None
    return applied, None
