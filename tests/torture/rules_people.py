# SPDX-License-Identifier: Apache-2.0
"""Who had to be told, who might be, and who must not.

Two topics are read beside each other, and an epoch that a crash cut short is decided anew, with
other batches at a later time, while the records of the first attempt remain. What the topics
leave open is allowed; everything else is required or forbidden:

* Somebody is *surely told before* a barrier when a cycle for which the person is eligible was open
  while both the sign-up and the opening were durable, and closed only after that barrier.
* Somebody may be told in a cycle unless it had closed before the sign-up was written, or opened
  after a sign-off was durable.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, Literal

from tests.torture.facts import LATE_GRACE, NEVER, Cycle, Entry, SignOff, Variant
from tests.torture.told import Note
from tests.torture.verdict import Problem

__all__ = ["PeopleRules"]

_CLOCKS: Final = 1_000
"""Milliseconds by which clocks of one machine may differ."""


class PeopleRules:
    """Judges the people of one variant.

    Args:
        variant: what was sent.
        notes: who was told.
        policy: "all" or "waves": with waves, time decides who is told before a cycle closes.
        complete: whether everything that is due has been done.
    """

    def __init__(
        self,
        variant: Variant,
        notes: list[Note],
        policy: Literal["all", "waves"],
        *,
        complete: bool,
    ) -> None:
        self._variant = variant
        self._notes = notes
        self._all = policy == "all"
        self._complete = complete
        self._note_of = {note.entry: note for note in notes}
        self._closings = [cycle.closed for cycle in variant.cycles]
        self.required = 0
        self.allowed = 0

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong; the counts are final after it."""
        read_by: dict[tuple[int, int, int], int] = {}
        for note in self._notes:
            read_by[note.wave] = max(read_by.get(note.wave, -1), note.entry.offset)
        for note in self._notes:
            reason = self._objection(note, read_by[note.wave])
            if reason is not None:
                yield Problem("ineligible", f"{self._variant.name}: {note}: {reason}")
        groups: dict[str, list[Entry]] = {}
        for entry in self._variant.entries.values():
            if self.is_simple(entry):
                yield from self._one(entry, self._surely_told(entry, NEVER) is not None)
            else:
                groups.setdefault(entry.person, []).append(entry)
        for entries in groups.values():
            yield from self._several(entries)

    def is_simple(self, entry: Entry) -> bool:
        """Whether nothing but this one sign-up is known of the person."""
        variant = self._variant
        return not entry.expires and all(
            len(variant.owners[identifier]) == 1 and identifier not in variant.sign_offs
            for identifier in entry.identifiers
        )

    def _objection(self, note: Note, read_by: int) -> str | None:
        """Why the note must not be, if so."""
        entry = note.entry
        cycles = self._variant.cycles
        cycle = cycles[note.cycle - 1] if 1 <= note.cycle <= len(cycles) else None
        if cycle is None or cycle.opened_at != note.opened_at:
            return f"there is no such cycle with opening at {note.opened_at}"
        if entry.occurred_at > cycle.opened_at + LATE_GRACE:
            return f"signed up at {entry.occurred_at}, after the opening at {cycle.opened_at}"
        if entry.barrier > cycle.closed:
            return "signed up after the cycle had closed"
        if note.triggered_at + _CLOCKS < max(entry.timestamp, cycle.known):
            return f"told at {note.triggered_at}, before it could be known"
        for sign_off in self._sign_offs(entry):
            if sign_off.covers(entry) and (
                sign_off.offset < max(entry.offset, read_by) or sign_off.barrier < cycle.opened
            ):
                return f"had signed off at offset {sign_off.offset}"
        return None

    def _one(self, entry: Entry, required: bool) -> Iterator[Problem]:  # noqa: FBT001 - computed
        if required:
            self.required += 1
            if self._complete and entry not in self._note_of:
                yield self._lost(entry, "never told")
        elif self._may_be_told(entry):
            self.allowed += 1

    def _several(self, entries: list[Entry]) -> Iterator[Problem]:
        """Sign-ups under one profile key, of people who came again, signed off or may expire."""
        sign_offs = [sign_off for entry in entries for sign_off in self._sign_offs(entry)]
        owners = {
            owner
            for entry in entries
            for identifier in entry.identifiers
            for owner in self._variant.owners[identifier]
        }
        yield from self._twice(entries, sign_offs)
        if len(owners) == 1:
            entry = entries[0]
            covering = [sign_off for sign_off in sign_offs if sign_off.covers(entry)]
            until = min((sign_off.barrier for sign_off in covering), default=NEVER)
            if any(sign_off.offset < entry.offset for sign_off in covering):
                until = -1
            told = None if entry.expires else self._surely_told(entry, until)
            yield from self._one(entry, told is not None)
            return
        certain: set[Entry] = set()
        if len(owners) == len(entries) and not sign_offs and not any(e.expires for e in entries):
            certain = self._certain(entries)
            answered = any(entry in self._note_of for entry in entries)
            if (
                self._complete
                and not certain
                and not answered
                and any(self._surely_told(entry, NEVER) for entry in entries)
            ):
                yield self._lost(entries[0], f"not told for any of {len(entries)} sign-ups")
        for entry in entries:
            yield from self._one(entry, entry in certain)

    def _certain(self, entries: list[Entry]) -> set[Entry]:
        """Those of a person's several sign-ups each of which must have been answered."""
        first, second, *more = sorted(entries, key=lambda entry: entry.offset)
        if not self._all or more:
            return set()
        told = self._surely_told(first, second.barrier)
        if told is None:
            return set()
        # Durable with all before the next barrier, at which this clock already runs.
        durable = max(told.opened, first.barrier) + 1
        start = min(
            (at for barrier, at in self._variant.starts.items() if barrier >= durable),
            default=NEVER,
        )
        again = self._surely_told(second, NEVER, after=told.number)
        return {first, second} if second.occurred_at >= start and again else {first}

    def _twice(self, entries: list[Entry], sign_offs: list[SignOff]) -> Iterator[Problem]:
        notes = [self._note_of[entry] for entry in entries if entry in self._note_of]
        notes.sort(key=lambda note: note.offset)
        for number, later in enumerate(notes[1:], start=1):
            earlier = notes[number - 1]
            low, high = sorted((earlier.entry.offset, later.entry.offset))
            if any(low < sign_off.offset < high for sign_off in sign_offs):
                continue
            if later.entry.occurred_at <= earlier.triggered_at:
                reason = f"signed up at {later.entry.occurred_at} and told before"
            elif later.cycle == earlier.cycle and not self._may_be_told(
                earlier.entry, before=earlier.cycle
            ):
                reason = "twice in one cycle"
            else:
                continue
            yield Problem("duplicated", f"{self._variant.name}: {reason}: {earlier}; {later}")

    def _surely_told(self, entry: Entry, before: int, after: int = 0) -> Cycle | None:
        """The first cycle with a number above `after` in which that is so."""
        cycles = self._variant.cycles
        if not self._all and (before < NEVER or self._variant.open is None):
            # Waves of a cycle that closed may have left anybody behind.
            return None
        number = max(after, bisect_right(self._closings, entry.barrier))
        if not self._all:
            number = max(number, len(cycles) - 1)
        for cycle in cycles[number:]:
            known = max(cycle.opened, entry.barrier)
            if known >= before:
                return None
            if known < cycle.closed and entry.occurred_at <= cycle.opened_at + LATE_GRACE:
                return cycle
        return None

    def _may_be_told(self, entry: Entry, before: int = NEVER) -> bool:
        """Whether there is a cycle, with a number below `before`, in which that may be."""
        covering = [s for s in self._sign_offs(entry) if s.covers(entry)]
        if any(sign_off.offset < entry.offset for sign_off in covering):
            return False
        until = min((sign_off.barrier for sign_off in covering), default=NEVER)
        first = max(0, bisect_right(self._closings, entry.barrier - 1))
        return any(
            entry.occurred_at <= cycle.opened_at + LATE_GRACE
            for cycle in self._variant.cycles[first : before - 1]
            if cycle.opened <= until
        )

    def _sign_offs(self, entry: Entry) -> list[SignOff]:
        found = self._variant.sign_offs
        return [s for name in entry.identifiers for s in found.get(name, ())] if found else []

    def _lost(self, entry: Entry, reason: str) -> Problem:
        return Problem(
            "lost",
            f"{self._variant.name}: {entry.person}, signed up at offset {entry.offset} for "
            f"{entry.occurred_at}: {reason}",
        )
