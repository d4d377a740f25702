# SPDX-License-Identifier: Apache-2.0
"""In which order people were told, and how many at once.

An epoch that a crash cut short is decided anew, and of its first attempt the beginning of each
partition remains. Two claims hold all the same:

* Of each attempt at a wave (equal variant, cycle, wave and start) the positions follow the queue.
* When y was told in a cycle, everybody before y in the queue whose sign-up had surely been read by
  then, and who was eligible, was told before y in the same attempt, or earlier: in the same
  partition with a lower offset. Surely read are sign-ups that lie before y's, and those that were
  durable when the cycle opened.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise
from typing import Final

from tests.torture.facts import LATE_GRACE, Cycle, Entry, Variant
from tests.torture.told import Note
from tests.torture.verdict import Problem

__all__ = ["order_problems", "wave_problems"]

_CYCLES_BACK: Final = 16
"""Cycles before its own to which a note is compared; each costs."""

_Rank = tuple[int, int, int]


def wave_problems(
    variant: Variant, notes: Iterable[Note], per_unit: int | None
) -> Iterator[Problem]:
    """Judge each attempt at a wave by itself."""
    waves: dict[tuple[int, int, int], list[Note]] = {}
    for note in notes:
        waves.setdefault(note.wave, []).append(note)
    for (number, _, _), told in waves.items():
        for one, other in pairwise(told):
            if one.partition == other.partition and one.position >= other.position:
                text = f"{variant.name}: a later position before an earlier one: {one}; {other}"
                yield Problem("reordered", text)
        told.sort(key=lambda note: note.position)
        for one, other in pairwise(told):
            if one.position == other.position:
                text = f"{variant.name}: a position twice: {one}; {other}"
                yield Problem("reordered", text)
            elif not _follows(one.entry, other.entry):
                text = f"{variant.name}: against the queue within a wave: {one}; {other}"
                yield Problem("reordered", text)
        yield from _size_problems(variant, number, told, per_unit)


def order_problems(
    variant: Variant, notes: Iterable[Note], is_simple: Callable[[Entry], bool]
) -> Iterator[Problem]:
    """Compare the notes of each partition, whichever attempt they are from.

    Args:
        variant: what was sent.
        notes: in the order of partition and offset.
        is_simple: whether a person signed up once and nothing else.
    """
    partition = -1
    told: dict[int, _ToldInCycle] = {}
    numbers: list[int] = []
    for note in notes:
        if note.partition != partition:
            partition, told, numbers = note.partition, {}, []
        if is_simple(note.entry):
            for cycle in islice(reversed(numbers), _CYCLES_BACK):
                found = told[cycle]
                if note.entry.barrier > found.cycle.closed:
                    break
                sooner = found.sooner(note.entry)
                if sooner is not None:
                    text = f"{variant.name}: told too late: {note}; after {sooner}"
                    yield Problem("reordered", text)
                    break
        if 1 <= note.cycle <= len(variant.cycles):
            if note.cycle not in told:
                insort(numbers, note.cycle)
                told[note.cycle] = _ToldInCycle(variant.cycles[note.cycle - 1])
            told[note.cycle].add(note)


class _ToldInCycle:
    """Those told in a cycle so far, in one partition.

    Kept are only those that somebody later could wrongly come after: nobody of them signed up
    before another and stands before that one in the queue.
    """

    __slots__ = ("_edge", "_last", "cycle")

    def __init__(self, cycle: Cycle) -> None:
        self.cycle = cycle
        self._last: Note | None = None
        self._edge: list[tuple[_Rank, Note]] = []

    def add(self, note: Note) -> None:
        rank, offset = note.entry.rank, note.entry.offset
        if self._last is None or rank > self._last.entry.rank:
            self._last = note
        edge = self._edge
        if any(known > rank and other.entry.offset > offset for known, other in edge):
            return
        if edge and edge[-1][0] < rank and edge[-1][1].entry.offset < offset and len(edge) == 1:
            edge[0] = (rank, note)
            return
        self._edge = [pair for pair in edge if pair[0] > rank or pair[1].entry.offset > offset]
        self._edge.append((rank, note))

    def sooner(self, entry: Entry) -> Note | None:
        """Somebody told already who should have come after this entry."""
        cycle = self.cycle
        if entry.occurred_at > cycle.opened_at + LATE_GRACE:
            return None
        rank = entry.rank
        if entry.barrier < cycle.opened:
            last = self._last
            return last if last is not None and last.entry.rank > rank else None
        for known, note in self._edge:
            if known > rank and note.entry.offset > entry.offset:
                return note
        return None


def _follows(one: Entry, other: Entry) -> bool:
    """Whether the queue allows `other` after `one`; a repeated sign-up may stand for the first."""
    if one.times > 1 or other.times > 1:
        return one.rank[:2] <= other.rank[:2]
    return one.rank < other.rank


def _size_problems(
    variant: Variant, number: int, told: list[Note], per_unit: int | None
) -> Iterator[Problem]:
    first, last = told[0], told[-1]
    if any((n.quantity, n.opened_at) != (first.quantity, first.opened_at) for n in told):
        yield Problem("oversized", f"{variant.name}: a wave with different figures: {first}")
    if 1 <= number <= len(variant.cycles):
        quantities = variant.cycles[number - 1].quantities
        if first.quantity not in quantities:
            text = f"{variant.name}: {first}: there never were {first.quantity} units"
            yield Problem("oversized", text)
    if per_unit is not None and max(len(told), last.position) > per_unit * first.quantity:
        most = per_unit * first.quantity
        text = f"{variant.name}: {len(told)} told, {most} at most: last {last}"
        yield Problem("oversized", text)
