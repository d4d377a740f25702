# SPDX-License-Identifier: Apache-2.0
"""What a slot remembers, and the few ways in which it changes.

Every method of `State` is the effect of a decision that has been made: it consults
neither policy nor clock, so that the same calls in the same order give the same state.
`waitlist.slot` decides and calls them; `waitlist.redo` writes them down and calls them
again.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from schemas.events import WaveHeader
from waitlist import entries, tags
from waitlist.arrivals import Arrivals, day_of
from waitlist.index import IdentifierIndex, Record, fingerprint
from waitlist.line import Person
from waitlist.policy import Policy
from waitlist.told import TakenWave
from waitlist.variant import HandedOver, Variant, Wave
from waitlist.variants import Variants

if TYPE_CHECKING:
    from waitlist.stock import StockFacts

__all__ = ["State"]

_TOLD_AN_EFFECT = 64
"""Handing over so many again costs about as much as one who joins again."""

_BUCKETS_A_CHUNK = 64
"""A chunk of a thousand arrivals has some two hundred buckets of the index."""


class State:
    """Variants with their queues, the identifier index and the waves on their way out.

    Attributes:
        variants: all that are known.
        index: entries that joined, and markers, by identifier.
        standing: what became of those entries.
        arrivals: number of the last entry that joined.
        forgotten_before: of whoever was told earlier the index has no record any more.
        sweeps_before: the same, once all of the index has been swept again.
        waiting: entries in all queues, expired ones that have not left yet included.
        running: waves still to be handed over, in the order of their starts.
        effects: what doing again would cost all that was done since the state was made or
            loaded: 1 for each who joined or left, and for some who were told.
        unsettled: stock that redo records gave and `settle` has not taken over yet, by id.
    """

    def __init__(self, policy_of: Callable[[str], Policy]) -> None:
        self.variants = Variants(policy_of)
        self.index = IdentifierIndex()
        self.standing = Arrivals()
        self.arrivals = 0
        self.forgotten_before = 0
        self.sweeps_before = 0
        self.waiting = 0
        self.running: deque[Wave] = deque()
        self.effects = 0
        self.unsettled: dict[str, StockFacts] = {}

    def variant(self, variant_id: str) -> Variant:
        """The variant, made when it is new."""
        return self.variants.get(variant_id)

    def settle(self) -> None:
        """Take over the stock that redo records gave.

        Of a variant's many stock records only the last counts, and no other effect looks
        at stock: so redoing them is a dictionary entry each.
        """
        for variant_id, facts in self.unsettled.items():
            self.variant(variant_id).restore(facts)
        self.unsettled = {}

    def waiting_entry(self, variant: Variant, key: bytes) -> Record | None:
        """The record of the entry in the queue whose profile key has this fingerprint."""
        return self.waiting_among(variant, self.index.find(key))

    def waiting_among(self, variant: Variant, records: Iterable[Record]) -> Record | None:
        """Of the records under a profile key that of an entry in the queue."""
        for time, tag in records:
            if tags.is_waiting(tag) and tags.is_primary(tag) and self.is_queued(variant, time, tag):
                return time, tag
        return None

    def is_queued(self, variant: Variant, time: int, tag: int) -> bool:
        """Whether the entry is in the queue (and not in a running wave)."""
        return variant.queue is not None and variant.queue.holds(
            tags.priority_of(tag), time, tags.arrival_of(tag)
        )

    def payload(self, variant: Variant, time: int, tag: int) -> bytes | None:
        """The queued entry's payload."""
        if variant.queue is None:
            return None
        return variant.queue.get(tags.priority_of(tag), time, tags.arrival_of(tag))

    def join(
        self,
        variant: Variant,
        time: int,
        priority: int,
        payload: bytes,
        parked_in: int,
        keys: Sequence[bytes],
    ) -> None:
        """An entry joins; one that waited under the same profile key has made room (`leave`).

        Args:
            variant: what it waits for.
            time: its ``occurred_at``.
            priority: 0 to 9.
            payload: see `waitlist.entries`.
            parked_in: see `Queue.put`.
            keys: the fingerprints of its identifiers, the profile key's first.
        """
        self.index.add_each(keys, time, tags.waiting_pair(priority, self.arrivals + 1, parked_in))
        self._enter(variant, priority, time, payload, parked_in)

    def join_stranger(
        self, variant: Variant, time: int, priority: int, payload: bytes, keys: Sequence[bytes]
    ) -> bool:
        """Do as `join`, but only when nothing is known under any of the identifiers, as of most.

        Returns:
            Whether that was so.
        """
        pair = tags.waiting_pair(priority, self.arrivals + 1)
        if not self.index.add_strangers(keys, time, pair):
            return False
        self._enter(variant, priority, time, payload, 0)
        return True

    def leave(self, variant: Variant, time: int, tag: int) -> None:
        """The queued entry leaves untold."""
        if variant.queue is None:
            return
        priority, number = tags.priority_of(tag), tags.arrival_of(tag)
        payload = variant.queue.remove(priority, time, number)
        if payload is not None:
            self._forget(variant, priority, (time, number, payload))

    def sign_off(self, variant: Variant, occurred_at: int, identifiers: Sequence[str]) -> int:
        """Everybody with one of the identifiers who asked by then leaves; how many did."""
        left = 0
        self.effects += len(identifiers)
        for identifier in identifiers:
            key = fingerprint(variant.variant_id, identifier)
            for time, tag in self.index.find(key):
                asked_by_then = tags.is_waiting(tag) and time <= occurred_at
                if asked_by_then and self.is_queued(variant, time, tag):
                    self.leave(variant, time, tag)
                    left += 1
            self.index.mark(key, occurred_at, tags.SIGNED_OFF)
        return left

    def answer(self, keys: Sequence[bytes], triggered_at: int, cycle: int) -> None:
        """A sign-up was answered, of which only the notification is left.

        Args:
            keys: the fingerprints of its identifiers.
            triggered_at: when it was told.
            cycle: in which it was told.
        """
        self.effects += 1
        for key in keys:
            self.index.mark(key, triggered_at, tags.told(cycle))

    def recall(self, variant: Variant, key: bytes, triggered_at: int, cycle: int) -> None:
        """Somebody was told by an epoch that a crash cut short.

        Args:
            variant: what they waited for.
            key: the fingerprint of their profile key.
            triggered_at: when they were told; an entry that asked by then leaves.
            cycle: in which they were told.
        """
        waiting = self.waiting_entry(variant, key)
        if waiting is not None and waiting[0] <= triggered_at:
            self.leave(variant, *waiting)
        self.index.mark(key, triggered_at, tags.told(cycle))
        variant.told += 1

    def count_told(self, variant: Variant, told: int) -> None:
        """So many people at least have been told, by this and by earlier states."""
        variant.told = max(variant.told, told)

    def expire(self, variant: Variant, now: int, expired_before: int | None) -> int:
        """Expired entries leave; how many did."""
        if variant.queue is None:
            return 0
        gone = 0
        for priority, person in variant.queue.take_expired(now, expired_before):
            self._forget(variant, priority, person)
            gone += 1
        return gone

    def start_wave(
        self, variant: Variant, header: WaveHeader, until: int, limit: int | None
    ) -> int:
        """The first ``limit`` eligible entries are told; how many they are."""
        if variant.queue is None:
            return 0
        queue = variant.queue
        queue.unpark(header.cycle)
        wave = Wave(header, queue.take(until, limit), 1)
        variant.waves = header.wave
        variant.last_wave_at = header.triggered_at
        told = len(wave)
        if told:
            variant.told += told
            variant.waiting -= told
            self.waiting -= told
            self.run(variant, wave)
            self._remember(variant, wave, queue.parked_from if queue.parked else 0)
        return told

    def run(self, variant: Variant, wave: Wave) -> None:
        """Queue a wave for handing over."""
        variant.running = (*variant.running, wave)
        self.running.append(wave)

    def restore_turns(self) -> None:
        """Put each variant's waves in the order of their starts, after they were run in another.

        The waves of different variants take turns, so they may stand in any order among all.
        """
        for variant_id in {wave.header.variant_id for wave in self.running}:
            variant = self.variant(variant_id)
            variant.running = tuple(sorted(variant.running, key=_start))

    def told_in(self, variant: Variant, time: int, tag: int) -> WaveHeader | None:
        """The running wave in which a waiting record's entry has been told."""
        for wave in variant.running:
            if wave.holds(tags.priority_of(tag), time, tags.arrival_of(tag)):
                return wave.header
        return None

    def hand_over(self, limit: int, share: int | None) -> list[HandedOver]:
        """The next ``limit`` people of the running waves.

        Args:
            limit: at most so many people.
            share: at most so many of one wave before the next has its turn; None: the
                waves in the order of their starts. Either way the waves of one variant
                follow one another.
        """
        parts: list[HandedOver] = []
        running = self.running
        while limit > 0 and running:
            wave = running[0]
            variant = self.variant(wave.header.variant_id)
            if variant.running[0] is wave:
                part = self._hand_over_part(wave, min(limit, share or limit))
                parts.append(part)
                limit -= len(part.people)
            if not wave.lines:
                running.popleft()
                variant.running = variant.running[1:]
            elif share is not None or variant.running[0] is not wave:
                running.rotate(-1)
        return parts

    def sweep(self, buckets: int, told_before: int, signed_off_before: int) -> None:
        """Drop some of the records and markers that are forgotten everywhere."""
        standing = self.standing

        def forgotten(times: NDArray[np.uint64], kinds: NDArray[np.uint64]) -> NDArray[np.bool_]:
            goes = standing.are_forgotten(tags.arrivals_of(kinds), told_before)
            if tags.are_waiting(kinds).all():
                return goes
            earliest = np.where(tags.are_told(kinds), told_before, signed_off_before)
            return np.where(tags.are_waiting(kinds), goes, times.astype(np.int64) < earliest)

        if self.index.sweep(buckets, forgotten):
            self.forgotten_before, self.sweeps_before = self.sweeps_before, day_of(told_before)
        standing.sweep(1 + buckets // _BUCKETS_A_CHUNK, told_before)

    def remembered(self, variant: Variant) -> tuple[TakenWave, ...]:
        """What the variant's waves took, without those of whom no record is left."""
        taken = variant.taken
        if taken and taken[0].triggered_at < self.forgotten_before:
            taken = tuple(wave for wave in taken if wave.triggered_at >= self.forgotten_before)
        return taken

    def _remember(self, variant: Variant, wave: Wave, parked_from: int) -> None:
        header = wave.header
        cuts = tuple((priority, *line.last()) for priority, line in wave.lines)
        taken = TakenWave(header.cycle, header.triggered_at, self.arrivals, parked_from, cuts)
        variant.taken = (*self.remembered(variant), taken)

    def _hand_over_part(self, wave: Wave, limit: int) -> HandedOver:
        first = wave.position
        priority, people = wave.take(limit)
        self.effects += 1 + len(people) // _TOLD_AN_EFFECT
        at = wave.header.triggered_at
        for numbers in people.numbers():
            self.standing.tell(numbers, at)
        return HandedOver(wave.header, first, priority, people)

    def _enter(
        self, variant: Variant, priority: int, time: int, payload: bytes, parked_in: int
    ) -> None:
        self.arrivals = number = self.arrivals + 1
        self.waiting += 1
        variant.waiting += 1
        variant.open_queue().put(priority, (time, number, payload), parked_in)
        self.standing.wait(number)
        self.effects += 1

    def _forget(self, variant: Variant, priority: int, person: Person) -> None:
        self.waiting -= 1
        variant.waiting -= 1
        self.effects += 1
        time, number, payload = person
        self.standing.leave(number)
        primary = True
        for key in _fingerprints(variant, payload):
            tag = tags.waiting(priority, number, primary=primary)
            if not self.index.remove(key, time, tag):
                parked = tags.waiting(priority, number, primary=primary, parked=True)
                self.index.remove(key, time, parked)
            primary = False


def _start(wave: Wave) -> tuple[int, int]:
    return wave.header.cycle, wave.header.wave


def _fingerprints(variant: Variant, payload: bytes) -> list[bytes]:
    return [
        fingerprint(variant.variant_id, identifier) for identifier in entries.identifiers(payload)
    ]
