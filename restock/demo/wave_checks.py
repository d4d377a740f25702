# SPDX-License-Identifier: Apache-2.0
"""Holds the waves of one variant against its rule; part of `restock.demo.checker`."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final

from restock.demo.evidence import Told, Wave
from restock.demo.queue_history import Entry
from restock.demo.rules import Rule, Violation
from restock.demo.stock_history import StockState
from waitlist.policy import Policy

__all__ = ["READING_ALLOWANCE", "WaveChecks", "is_eligible", "person_name", "waiter_name"]

READING_ALLOWANCE: Final = 5_000
"""How long, in milliseconds, a record may take from its topic to a decision."""


class WaveChecks:
    """Judges the waves of one variant.

    Args:
        policy: Its rule.
        waves: In the order of cycle and number; nobody stands in two of them.
        entries: Everybody who waited for it.
        stock: The states of its stock, oldest first.
    """

    def __init__(
        self,
        policy: Policy,
        waves: Sequence[Wave],
        entries: Sequence[Entry],
        stock: Sequence[StockState],
    ) -> None:
        self._policy = policy
        self._waves = waves
        self._entries = entries
        self._stock = stock
        self._by_note = {entry.told.id: entry for entry in entries if entry.told is not None}
        answers = sorted(
            (entry.told.triggered_at, entry.offset) for entry in entries if entry.told is not None
        )
        self._answered_at = [at for at, _ in answers]
        self._read_up_to = list(accumulate((offset for _, offset in answers), max))

    def violations(self) -> Iterator[Violation]:
        """Yield what is wrong, wave by wave."""
        before: Wave | None = None
        state = 0
        for wave in self._waves:
            yield from self._form(wave, before)
            found = self._state_of(wave, state)
            if found is None:
                yield Violation(
                    Rule.SIZE, f"{_name(wave)} counts on {_stock(wave)}, which was not in force"
                )
            else:
                state = found
                yield from self._size(wave, self._stock[found])
            yield from self._order(wave)
            yield from self._people(wave)
            yield from self._passed_over(wave)
            before = wave

    def _form(self, wave: Wave, before: Wave | None) -> Iterator[Violation]:
        shapes = {(note.cycle_opened_at, note.quantity, note.triggered_at) for note in wave.people}
        if len(shapes) > 1:
            yield Violation(Rule.SIZE, f"{_name(wave)} gives different quantities or times")
        last = before.number if before is not None and before.cycle == wave.cycle else 0
        if wave.number != last + 1:
            yield Violation(Rule.SIZE, f"{_name(wave)} follows wave {last}")
        if before is None or self._policy.per_unit is None:
            return
        pause = wave.first.triggered_at - before.first.triggered_at
        if pause < self._policy.wait:
            yield Violation(Rule.SIZE, f"{_name(wave)} came {pause} ms after the wave before it")

    def _state_of(self, wave: Wave, since: int) -> int | None:
        """Return the number of the stock state that the wave counts on, if there is one."""
        note = wave.first
        for number in range(since, len(self._stock)):
            state = self._stock[number]
            replaced = number + 1 < len(self._stock) and (
                self._stock[number + 1].known_from + READING_ALLOWANCE < note.triggered_at
            )
            if (
                state.offered
                and (state.cycle, state.opened_at) == (wave.cycle, note.cycle_opened_at)
                and state.quantity == note.quantity
                and state.known_from <= note.triggered_at
                and not replaced
            ):
                return number
        return None

    def _size(self, wave: Wave, state: StockState) -> Iterator[Violation]:
        limit = self._limit(wave)
        if limit is not None and len(wave.people) > limit:
            yield Violation(
                Rule.SIZE, f"{_name(wave)} told {len(wave.people)}, the rule allows {limit}"
            )
        known_for = wave.first.triggered_at - state.opening_known_from
        if known_for < self._policy.dwell:
            yield Violation(
                Rule.SIZE, f"{_name(wave)} came when its stock was known for {known_for} ms"
            )

    def _order(self, wave: Wave) -> Iterator[Violation]:
        positions = [note.position for note in wave.people]
        if positions != list(range(1, len(positions) + 1)):
            yield Violation(
                Rule.ORDER, f"the positions of {_name(wave)} are not 1 to {len(positions)}"
            )
        places = [
            (self._by_note[note.id].order, note) for note in wave.people if note.id in self._by_note
        ]
        for (place, note), (next_place, _) in pairwise(places):
            if place > next_place:
                yield Violation(
                    Rule.ORDER, f"in {_name(wave)} position {note.position} was not before the next"
                )

    def _people(self, wave: Wave) -> Iterator[Violation]:
        for note in wave.people:
            entry = self._by_note.get(note.id)
            if entry is None:
                continue
            if not is_eligible(entry, wave.cycle, note.cycle_opened_at, self._policy):
                yield Violation(Rule.ENTITLED, f"{person_name(note)} was told in {_name(wave)}")
            signed_off = entry.signed_off
            if signed_off is not None and self._known(*signed_off, note.triggered_at):
                yield Violation(
                    Rule.ENTITLED, f"{person_name(note)} was told in {_name(wave)} all the same"
                )

    def _passed_over(self, wave: Wave) -> Iterator[Violation]:
        now = wave.first.triggered_at
        limit = self._limit(wave)
        room = limit is None or len(wave.people) < limit
        last = max(
            (self._by_note[note.id].order for note in wave.people if note.id in self._by_note),
            default=None,
        )
        for entry in self._entries:
            if entry.signed_off is not None:
                continue
            if entry.told is not None and entry.told.triggered_at <= now:
                continue
            ahead = room or (last is not None and entry.order < last)
            if (
                ahead
                and is_eligible(entry, wave.cycle, wave.first.cycle_opened_at, self._policy)
                and self._known(entry.offset, entry.arrived_at, now)
            ):
                yield Violation(
                    Rule.ORDER, f"{waiter_name(entry)} waited when {_name(wave)} started"
                )

    def _known(self, offset: int, arrived_at: int, now: int) -> bool:
        """Say whether a record of the subscriptions topic had been read at a moment, for sure."""
        if arrived_at + READING_ALLOWANCE < now:
            return True
        answered = bisect_right(self._answered_at, now)
        return answered > 0 and offset < self._read_up_to[answered - 1]

    def _limit(self, wave: Wave) -> int | None:
        per_unit = self._policy.per_unit
        return None if per_unit is None else per_unit * wave.first.quantity


def is_eligible(entry: Entry, cycle: int, opened_at: int, policy: Policy) -> bool:
    """Say whether an entry takes part in a cycle (docs/semantics.md section 3)."""
    return entry.subscribed_at <= opened_at + policy.late_grace and entry.barred_from != cycle


def person_name(note: Told) -> str:
    """Name a person told in a violation."""
    return f"{note.profile_key} for {note.variant_id}"


def waiter_name(entry: Entry) -> str:
    """Name a person waiting in a violation."""
    return f"{entry.profile_key} for {entry.variant_id}"


def _name(wave: Wave) -> str:
    return f"wave {wave.number} of cycle {wave.cycle} of {wave.variant_id}"


def _stock(wave: Wave) -> str:
    return f"a quantity of {wave.first.quantity}"
