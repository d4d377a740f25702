# SPDX-License-Identifier: Apache-2.0
"""The decisions of docs/semantics.md sections 2 to 4 for the variants of one slot.

A caller applies everything at hand, then lets the waves start that are due, then takes
the people told in portions::

    slot.apply(events, now)
    slot.start_due_waves(now)
    while slices := slot.take_slices(5000): ...

All times are epoch milliseconds. ``now`` must never go back. The slot consults no clock
and does no I/O; what has to survive a crash is in `take_records` and `dump`, and comes
back through `load` and `apply_record`.

Cost: a stock event is a dictionary look-up and a few comparisons; a sign-up, a
duplicate, a sign-off and the start of a wave do not depend on how many wait
(`waitlist.queue`, `waitlist.index`); a person told costs at `take_slices`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from heapq import heappop, heappush
from itertools import repeat

from schemas.events import (
    Event,
    StockBlock,
    SubscribeEvent,
    UnsubscribeEvent,
    WaitlistStatus,
    WaveHeader,
    WaveSlice,
)
from waitlist import entries, tags
from waitlist.applying import Notes, apply_events
from waitlist.blocks import apply_block, runs
from waitlist.counts import Counts
from waitlist.figures import CHANGED
from waitlist.image import dump_state, load_state
from waitlist.index import Record, fingerprints
from waitlist.policy import Policy, PolicyBook
from waitlist.redo import RedoLog, redo
from waitlist.state import State
from waitlist.stock import Applied
from waitlist.told import taken_by
from waitlist.variant import Variant, expired, expiry_of
from waitlist.variants import Variants

__all__ = ["Slot", "empty_slot"]

_ADDITIONS_A_BUCKET = 6
"""Half of what a bucket holds: at most half of the index is forgotten. (Above 12 it never ends.)"""


class Slot:
    """Variants, queues and waves of one slot; see the module's docstring."""

    def __init__(self, policies: PolicyBook, log: Callable[[Variants], RedoLog] = RedoLog) -> None:
        self.counts = Counts()
        self._policies = policies
        self._memory = policies.longest_memory()
        self._state = State(policies.for_variant)
        self._log = log(self._state.variants)
        self._notes = Notes(self._state, self._log, self._is_ignored, self._apply_wish)
        self._expiries: list[tuple[int, str]] = []
        self._swept_at = 0
        self._is_settled = True

    def apply(self, events: Iterable[Event | StockBlock], now: int) -> None:
        """Apply events in their order. No wave starts."""
        self._settle()
        for part in runs(events):
            if isinstance(part, StockBlock):
                self.counts.stock_applied += apply_block(self._notes, part, now)
            else:
                self._apply(zip(part, repeat(now)), now)

    def start_due_waves(self, now: int) -> None:
        """Start every wave that is due, in the order of the variants' ids.

        The people of a started wave have left the queue and count as told, whether or
        not `take_slices` has handed them over.
        """
        self._settle()
        self._expire_due(now)
        self._sweep(now)
        notes = self._notes
        candidates, notes.touched = notes.touched, {}
        while notes.due and notes.due[0][0] <= now:
            due, variant_id = heappop(notes.due)
            variant = self._state.variant(variant_id)
            if variant.due == due:
                variant.due = None
                candidates[variant] = None
        for variant in sorted(candidates, key=_variant_id):
            self._consider(variant, now)

    def next_due(self) -> int | None:
        """When a wave may fall due next; None when none will without a further event."""
        due = self._notes.due
        return due[0][0] if due else None

    def next_expiry(self) -> int | None:
        """When an entry may expire next; `start_due_waves` takes care of it."""
        return self._expiries[0][0] if self._expiries else None

    def take_slices(self, limit: int, share: int | None = None) -> list[WaveSlice]:
        """The next people of started waves, at most ``limit``.

        Args:
            limit: at most so many people.
            share: at most so many of one wave before another variant's has its turn;
                None: one wave after the other, in the order of their starts.
        """
        if not self._state.running:
            return []
        self._log.handed_over(limit, share)
        parts = self._state.hand_over(limit, share)
        return [one for part in parts for one in part.slices()]

    def pending(self) -> int:
        """How many people of started waves are still to be taken."""
        return sum(map(len, self._state.running))

    def waiting(self, now: int) -> int:
        """Entries of all variants that have not expired by ``now``, which may not go back."""
        self._settle()
        for variant in self._notes.touched:
            self._expire(variant, now)
        self._expire_due(now)
        return self._state.waiting

    def effects(self) -> int:
        """What redoing all since the slot was new or loaded would cost: see `State.effects`."""
        return self._state.effects

    def size(self) -> tuple[int, int]:
        """How many variants there are, and entries, expired ones included; any thread may ask."""
        return len(self._state.variants), self._state.waiting

    def take_statuses(self, now: int, limit: int | None = None) -> list[WaitlistStatus]:
        """The status of variants somebody has waited for, the longest changed first.

        Args:
            now: on the clock.
            limit: at most so many; None: all that changed since they were last taken.
        """
        self._settle()
        changed, variants = self._notes.changed, self._state.variants
        count = len(changed) if limit is None else min(limit, len(changed))
        taken = [variants.at(changed.popleft()) for _ in range(count)]
        for variant in taken:
            variant.flags &= ~CHANGED
            self._expire(variant, now)
        return [variant.status(now) for variant in taken]

    def changes(self) -> int:
        """How many statuses `take_statuses` would give."""
        self._settle()
        return len(self._notes.changed)

    def take_records(self, stock: int | None = None) -> list[bytes]:
        """Redo records of everything since the last call, for the journal.

        Args:
            stock: the stock of so many more changed variants may be written down, the longest
                changed first, many at a time; None: of all. A state restored from the records is
                complete only after a call with None.
        """
        return self._log.take(stock)

    def dump(self) -> Iterator[bytes]:
        """The whole state in chunks; equal states give equal dumps."""
        return dump_state(self._state)

    def load(self, chunks: Iterator[bytes]) -> None:
        """Take over the state that gave these chunks. The slot must be new."""
        load_state(self._state, chunks)
        self._restored_some()

    def apply_record(self, record: bytes) -> None:
        """Do again what `take_records` wrote down."""
        redo(self._state, record)
        self._restored_some()

    def _apply(self, arrivals: Iterable[tuple[Event, int]], now: int) -> int:
        """See `apply_events`; how many were seen."""
        seen, applied = apply_events(self._notes, arrivals, now)
        self.counts.stock_applied += applied
        return seen

    def _apply_wish(self, event: Event, now: int) -> None:
        if isinstance(event, SubscribeEvent):
            self._subscribe(event, now)
        elif isinstance(event, UnsubscribeEvent):
            self._unsubscribe(event)

    def _is_ignored(self, outcome: Applied) -> bool:
        """Count what became of a stock event that was not simply applied."""
        if outcome is Applied.LATE_DIP:
            self.counts.late_dips += 1
            return False
        if outcome is Applied.STALE:
            self.counts.stock_stale += 1
        else:
            self.counts.stock_mixed += 1
        return True

    def _subscribe(self, event: SubscribeEvent, now: int) -> None:
        variant = self._state.variant(event.variant_id)
        time, priority = event.occurred_at, event.priority
        expiry = expiry_of(time, event.expires_at, variant)
        if expiry is not None and now >= expiry:
            self.counts.expired_on_arrival += 1
            return
        keys, payload = fingerprints(event.variant_id, event.identifiers), entries.pack(event)
        parked_in: int | None = self._parked_in(variant, frozenset())
        if parked_in or not self._state.join_stranger(variant, time, priority, payload, keys):
            parked_in = self._join_known(variant, event, keys, payload, now)
        if parked_in is None:
            return
        self._log.joined(variant, time, priority, payload, parked_in, keys)
        self.counts.joined += 1
        self._notes.change(variant)
        if variant.opened_at is not None:
            self._touch(variant)
        if expiry is not None and (variant.expiry is None or expiry < variant.expiry):
            self._schedule_expiry(variant, expiry)

    def _join_known(
        self, variant: Variant, event: SubscribeEvent, keys: list[bytes], payload: bytes, now: int
    ) -> int | None:
        """Let somebody join of whom something is known: see `_parked_in`; None: they did not."""
        known = list(map(self._state.index.find, keys))
        markers = [one for records in known for one in self._markers(variant, records, now)]
        if any(at >= event.occurred_at for at, _ in markers):
            self.counts.refused_by_marker += 1
            return None
        waiting = self._state.waiting_among(variant, known[0])
        if waiting is not None and self._is_duplicate(variant, event, waiting, now):
            self.counts.duplicates += 1
            return None
        told_in = {tags.cycle_of(kind) for _, kind in markers if tags.is_told(kind)}
        parked_in = self._parked_in(variant, told_in)
        if waiting is not None:
            self._state.leave(variant, *waiting)
        time, priority = event.occurred_at, event.priority
        self._state.join(variant, time, priority, payload, parked_in, keys)
        return parked_in

    def _is_duplicate(
        self, variant: Variant, event: SubscribeEvent, waiting: Record, now: int
    ) -> bool:
        """Whether the person waits already, since as early or earlier, and not in vain."""
        if waiting[0] > event.occurred_at:
            return False
        payload = self._state.payload(variant, *waiting) or b""
        return not expired(waiting[0], entries.expires_at(payload), variant, now)

    def _markers(
        self, variant: Variant, records: Iterable[Record], now: int
    ) -> Iterator[tuple[int, int]]:
        """(time, tag) of the markers among an identifier's records that are not forgotten."""
        for time, tag in records:
            at, kind = time, tag
            if tags.is_waiting(tag):
                if self._state.is_queued(variant, time, tag):
                    continue
                wave = taken_by(variant.taken, time, tag)
                if wave is None:
                    continue
                at, kind = wave.triggered_at, tags.told(wave.cycle)
            if self._counts(kind, now - at, variant.policy):
                yield at, kind

    def _counts(self, kind: int, age: int, policy: Policy) -> bool:
        """Whether a marker of that kind and age (milliseconds) is not forgotten."""
        return age <= (policy.remember if tags.is_told(kind) else policy.remember_sign_offs)

    def _parked_in(self, variant: Variant, told_in: Collection[int]) -> int:
        """The cycle in which an entry that joins takes no part; 0: there is none."""
        return variant.cycle if variant.opened_at is not None and variant.cycle in told_in else 0

    def _unsubscribe(self, event: UnsubscribeEvent) -> None:
        variant = self._state.variant(event.variant_id)
        left = self._state.sign_off(variant, event.occurred_at, event.identifiers)
        self._log.signed_off(variant, event.occurred_at, event.identifiers)
        self.counts.signed_off += left
        if left:
            self._notes.change(variant)

    def _consider(self, variant: Variant, now: int) -> None:
        """Start the variant's waves that are due; schedule the next."""
        self._expire(variant, now)
        while (due := variant.next_wave()) is not None and due <= now:
            self._start_wave(variant, now)
        if due is not None and (variant.due is None or due < variant.due):
            variant.due = due
            heappush(self._notes.due, (due, variant.variant_id))

    def _start_wave(self, variant: Variant, now: int) -> None:
        sellable = variant.sellable(variant.policy)
        per_unit = variant.policy.per_unit
        header = WaveHeader(
            variant.variant_id,
            variant.cycle,
            variant.opened_at or 0,
            variant.waves + 1,
            sellable,
            now,
            variant.product(),
        )
        until = variant.eligible_until()
        # More than there are would be the same, but may need more bits than a record has.
        limit = None
        if per_unit is not None:
            limit = min(self._quota(variant, per_unit * sellable), len(variant.queue or ()))
        self._log.wave_started(header, until, limit)
        self.counts.told += self._state.start_wave(variant, header, until, limit)
        self.counts.waves += 1
        self._log.note(variant)
        self._notes.change(variant)

    def _quota(self, _variant: Variant, allowed: int) -> int:
        """How many people the variant's next wave may take of those that it is allowed."""
        return allowed

    def _expire(self, variant: Variant, now: int) -> None:
        """Let expired entries leave; nobody of a variant expires before ``variant.expiry``."""
        if variant.expiry is not None and variant.expiry > now:
            return
        variant.expiry = None
        if not variant.queue:
            return
        expires_after = variant.policy.expires_after
        expired_before = None if expires_after is None else now - expires_after
        gone = self._state.expire(variant, now, expired_before)
        if gone:
            self._log.expired(variant, now, expired_before)
            self.counts.expired += gone
            self._notes.change(variant)
        self._schedule_expiry(variant, variant.queue.next_expiry(expires_after))

    def _expire_due(self, now: int) -> None:
        while self._expiries and self._expiries[0][0] <= now:
            at, variant_id = heappop(self._expiries)
            variant = self._state.variant(variant_id)
            if variant.expiry == at:
                variant.expiry = None
                self._expire(variant, now)

    def _schedule_expiry(self, variant: Variant, at: int | None) -> None:
        if at is not None and (variant.expiry is None or at < variant.expiry):
            variant.expiry = at
            heappush(self._expiries, (at, variant.variant_id))

    def _sweep(self, now: int) -> None:
        added = len(self._state.index) - self._swept_at
        buckets = added // _ADDITIONS_A_BUCKET
        if buckets > 0:
            told_before, signed_off_before = (now - remembered for remembered in self._memory)
            self._state.sweep(buckets, told_before, signed_off_before)
            self._log.swept(buckets, told_before, signed_off_before)
        if buckets > 0 or added < 0:
            self._swept_at = len(self._state.index)

    def _touch(self, variant: Variant) -> None:
        self._notes.touched[variant] = None

    def _restored_some(self) -> None:
        self._is_settled = False
        self._log.named = len(self._state.variants)
        self._swept_at = len(self._state.index)

    def _settle(self) -> None:
        """Look at every variant that somebody has waited for, after a restart."""
        if self._is_settled:
            return
        self._is_settled = True
        self._state.settle()
        for variant in self._state.variants:
            if variant.queue is not None:
                self._restored(variant)

    def _restored(self, variant: Variant) -> None:
        """Look at it at once: until then, all that is known is that nobody expired before 0."""
        variant.expiry = 0
        self._notes.touched[variant] = None
        self._notes.change(variant)


def empty_slot() -> Slot:
    """A new slot with the default policy, for folding a journal: records need no policy."""
    return Slot(PolicyBook())


def _variant_id(variant: Variant) -> str:
    return variant.variant_id
