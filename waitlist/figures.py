# SPDX-License-Identifier: Apache-2.0
"""Events applied to variants, one after the other: where a slot spends most of its time.

Nearly all of them are plain figures (a total and nothing else), newer than what is known. They are
applied here as `Stock.apply` would, spelled out, because a call costs as much as all the rest; and
what they change is noted with flags and lists, because dictionaries of all variants would not stay
in the processor's cache. 600,000 events over 100,000 variants: 7.8 us of CPU each for the whole
path with calls and dictionaries, 6.4 us so, side by side.
"""

from collections.abc import Callable, Iterable

from schemas.events import Event, StockEvent
from waitlist.redo import RedoLog
from waitlist.state import State
from waitlist.stock import Applied
from waitlist.variant import Variant

__all__ = ["Notes", "apply_events"]

_APPLIED = Applied.APPLIED


class Notes:
    """Where it is noted what events bring about, and who sees to those that are not figures.

    Attributes:
        log: has the stock written down.
        change: has a variant's status written; each is then `Variant.is_changed`.
        touched: variants of which a wave may be due.
        due: times at which a wave may fall due, the earliest first, as of a heap.
        is_ignored: counts what became of a figure that was not simply applied; whether it left
            everything as it was.
        apply_wish: applies a sign-up or a sign-off at a time.
    """

    __slots__ = ("apply_wish", "change", "due", "is_ignored", "log", "touched")

    def __init__(
        self,
        log: RedoLog,
        change: Callable[[Variant], object],
        touched: dict[Variant, None],
        due: list[tuple[int, str]],
        is_ignored: Callable[[Applied], bool],
        apply_wish: Callable[[Event, int], object],
    ) -> None:
        self.log = log
        self.change = change
        self.touched = touched
        self.due = due
        self.is_ignored = is_ignored
        self.apply_wish = apply_wish

    def ignores(self, variant: Variant, event: StockEvent, now: int) -> bool:
        """Apply a figure that is not plain or not newer; whether it left everything as it was."""
        outcome = variant.apply(event, variant.policy, now)
        return outcome is not _APPLIED and self.is_ignored(outcome)


def apply_events(
    state: State, notes: Notes, arrivals: Iterable[tuple[Event, int]], now: int
) -> tuple[int, int]:
    """Apply events, each at its moment, until a wave may have to start before the next.

    Args:
        state: of the slot.
        notes: where consequences are noted.
        arrivals: events in their order, each with its moment, never decreasing; epoch
            milliseconds.
        now: the first moment.

    Returns:
        How many were seen, and how many figures among them were applied. If not all were seen,
        the next one's moment is later.
    """
    known, note, change = state.variants.get, notes.log.stock.append, notes.change
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
        elif notes.ignores(variant, event, now):
            continue
        applied += 1
        if not variant.is_logged:
            variant.is_logged = True
            note(variant)
        queue = variant.queue
        if queue is None:
            continue
        if not variant.is_changed:
            variant.is_changed = True
            change(variant)
        if variant.opened_at is not None and (queue.lines or queue.parked):
            touched[variant] = None
    return seen, applied
