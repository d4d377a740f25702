# SPDX-License-Identifier: Apache-2.0
"""Product and reference model on the same trace: the first thing they do not agree about."""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

import msgspec
import numpy as np

from restock.replay import Replay
from restock.replay_lines import Line, Topic
from schemas.decode import decode_inventory, decode_subscription
from schemas.encode import encode_slice
from schemas.errors import InvalidRecord, RestockError
from schemas.events import Event, StockBlock, StockEvent, WaitlistStatus
from tests.naive.model import Model, Variant
from tests.naive.records import BadRecordError, read_record
from tests.naive.replay import replay
from tests.naive.times import read_time
from tests.support.traces import Trace
from waitlist.policy import load_policy
from waitlist.slot import Slot

__all__ = [
    "DisagreementError",
    "Rebuild",
    "as_block",
    "differ_in_replay",
    "differ_side_by_side",
    "expected_status",
    "in_blocks",
    "product_record",
    "shrink",
    "take_all",
]

_Record = tuple[str, object, int]
"""Topic, parsed value, arrival."""

_AFTERWARDS = 100 * 86_400_000
"""How long the clock runs on after the last line, in milliseconds."""

Rebuild = Callable[[Slot], Slot]
"""Gives a slot to carry on with: the same, or one rebuilt from what the slot wrote down."""


class DisagreementError(Exception):
    """Product and model do not agree."""


def differ_in_replay(trace: Trace) -> str | None:
    """What the product's replay and the reference model's do not agree about; None for nothing."""
    expected = replay(trace.lines, trace.policy, trace.until)
    slot = Slot(load_policy(trace.policy))
    run = Replay(slot, trace.until)
    lines = []
    for line in trace.lines:
        at = read_time(line["at"])
        if trace.until is not None and at > trace.until:
            break
        topic: Topic = "inventory" if line["topic"] == "inventory" else "subscriptions"
        lines.append(Line(at, topic, json.dumps(line["value"]).encode()))
    told = [json.loads(value) for value in run.run(lines)]
    wanted = [value for _, value in expected.notifications]
    if wanted != told:
        return _first_difference("notification", wanted, told)
    summary = run.summary().as_dict()
    if expected.summary != summary:
        return f"summary: expected {expected.summary}, got {summary}"
    model, counts = expected.model, slot.counts
    left_out = (model.stale - model.late_dips, model.late_dips, model.mixed)
    counted = (counts.stock_stale, counts.late_dips, counts.stock_mixed)
    if left_out != counted:
        return f"stale, late dips, mixed: expected {left_out}, got {counted}"
    return None


def differ_side_by_side(
    trace: Trace, chance: random.Random, rebuild: Rebuild = lambda slot: slot
) -> str | None:
    """Drive a slot and the model step by step and compare all that can be seen after each.

    The slot's people are taken in random portions, now and then late, and the slot is rebuilt at
    random moments. Notifications are compared with their keys, and the variants' statuses.
    """
    try:
        _Pair(trace, chance, rebuild).drive(trace)
    except DisagreementError as disagreement:
        return str(disagreement)
    return None


def take_all(slot: Slot) -> list[tuple[str, object]]:
    """Everything that is pending, as pairs of profile key and notification value."""
    taken: list[tuple[str, object]] = []
    while slot.pending():
        taken += _take(slot, 1000)
    return taken


def product_record(topic: str, value: object, arrival: int) -> Event:
    """The event the product makes of a value.

    Raises:
        InvalidRecord: It is not valid.
    """
    decode = decode_inventory if topic == "inventory" else decode_subscription
    return decode(json.dumps(value).encode(), arrival)


def in_blocks(events: Iterable[Event], chance: random.Random) -> Iterator[Event | StockBlock]:
    """The same, with many of the plain figures that follow one another in blocks."""
    for is_plain, group in groupby(events, _is_plain):
        run = list(group)
        while run:
            count = chance.randint(1, len(run))
            some, run = run[:count], run[count:]
            if is_plain and chance.randrange(4):
                yield as_block(some)
            else:
                yield from some


def as_block(events: Sequence[Event]) -> StockBlock:
    """Plain figures as a block."""
    figures = [event for event in events if isinstance(event, StockEvent)]
    sequences = np.array([one.sequence for one in figures], np.int64)
    return StockBlock(
        [one.variant_id for one in figures],
        np.array([one.quantity for one in figures], np.int64),
        np.array([one.occurred_at for one in figures], np.int64),
        sequences if sequences.any() else None,
    )


def expected_status(variant: Variant, now: int, told: int) -> WaitlistStatus:
    """The status of a variant, from the model."""
    return WaitlistStatus(
        variant_id=variant.variant_id,
        quantity=variant.figures_sum() if variant.figures else None,
        offered=variant.cycle is not None,
        cycle=variant.cycles,
        cycle_opened_at=None if variant.cycle is None else variant.cycle.opened_at,
        waiting=len(variant.waiting(now)),
        told=told,
        next_wave_at=None,
        updated_at=now,
        product=variant.product(),  # type: ignore[arg-type]  # its values are checked when read
    )


def shrink(trace: Trace, differs: Callable[[Trace], str | None]) -> Trace:
    """A trace as short as removal of lines, settings and fields makes it, that still differs."""
    changed = True
    while changed:
        changed = False
        for smaller in _smaller(trace):
            if _fails(smaller, differs):
                trace, changed = smaller, True
                break
    return trace


def _fails(trace: Trace, differs: Callable[[Trace], str | None]) -> bool:
    try:
        return differs(trace) is not None
    except (ValueError, RestockError):  # the policy or a line became invalid
        return False


def _smaller(trace: Trace) -> Iterator[Trace]:
    size = len(trace.lines)
    span = size // 2
    while span:
        for start in range(0, size, span):
            lines = trace.lines[:start] + trace.lines[start + span :]
            yield Trace(trace.seed, trace.policy, lines, trace.until)
        span //= 2
    if trace.until is not None:
        yield Trace(trace.seed, trace.policy, trace.lines, None)
    for name in trace.policy:
        policy = {key: value for key, value in trace.policy.items() if key != name}
        yield Trace(trace.seed, policy, trace.lines, trace.until)
    for place, line in enumerate(trace.lines):
        value = line["value"]
        if not isinstance(value, dict):
            continue
        for name in value:
            lines = list(trace.lines)
            lines[place] = line | {"value": {key: value[key] for key in value if key != name}}
            yield Trace(trace.seed, trace.policy, lines, trace.until)


def _is_plain(event: Event) -> bool:
    return (
        isinstance(event, StockEvent)
        and event.quantity is not None
        and event.location_id is None
        and event.details is None
    )


class _Pair:
    """Slot and model side by side."""

    def __init__(self, trace: Trace, chance: random.Random, rebuild: Rebuild) -> None:
        self.model = Model(trace.policy)
        self.slot = Slot(load_policy(trace.policy))
        self.chance = chance
        self.rebuild = rebuild
        self.taken: list[tuple[str, object]] = []

    def drive(self, trace: Trace) -> None:
        """Go through the trace and compare after each step."""
        for now, records in self._steps(trace):
            self._step(now, records)
        self.taken += take_all(self.slot)
        _compare_told(self.model, self.slot, self.taken)

    def _step(self, now: int, records: list[_Record]) -> None:
        for events in _in_pieces(records, self.chance):
            decoded = [product_record(*record) for record in events]
            self.slot.apply(in_blocks(decoded, self.chance), now)
            self.slot = self.rebuild(self.slot)
        for topic, value, arrival in records:
            self.model.apply(read_record(topic, value, arrival), now)
        self.slot.start_due_waves(now)
        self.model.start_waves(now)
        self.slot = self.rebuild(self.slot)
        if self.chance.randrange(3):
            self.taken += _take(self.slot, self.chance.choice((1, 2, 1000)))
            self.slot = self.rebuild(self.slot)
        # A rebuilt slot knows what falls due only once it was asked to start it.
        self.slot.start_due_waves(now)
        _compare_told(self.model, self.slot, self.taken)
        _compare_state(self.model, self.slot, now, self.chance)

    def _steps(self, trace: Trace) -> Iterator[tuple[int, list[_Record]]]:
        """Every moment at which something happens, with the valid records that arrive at it."""
        clock = 0
        for at, group in groupby(trace.lines, key=lambda line: read_time(line["at"])):
            if clock:
                yield from self._dues(clock, at - 1)
            clock = at
            values = [(str(line["topic"]), line["value"], at) for line in group]
            yield at, [value for value in values if value[1] is not None and _is_valid(*value)]
        if clock:
            yield from self._dues(clock, clock + _AFTERWARDS)

    def _dues(self, clock: int, end: int) -> Iterator[tuple[int, list[_Record]]]:
        """The moments at which either side means that a wave is due, without records."""
        while True:
            dues = (self.model.next_wave(clock), self.slot.next_due())
            due = min((due for due in dues if due is not None), default=None)
            if due is None or due > end:
                return
            if due <= clock:
                raise DisagreementError(f"a wave due at {due} was not dealt with at {clock}")
            clock = due
            yield clock, []


def _compare_told(model: Model, slot: Slot, taken: list[tuple[str, object]]) -> None:
    told = len(model.notifications)
    if told != len(taken) + slot.pending():
        raise DisagreementError(f"{told} told, got {len(taken)} and {slot.pending()} pending")
    if taken != model.notifications[: len(taken)]:
        raise DisagreementError(_first_difference("notification", model.notifications, taken))


def _is_valid(topic: str, value: object, at: int) -> bool:
    """Whether the record is valid; both sides have to agree."""
    try:
        read_record(topic, value, at)
    except BadRecordError:
        valid = False
    else:
        valid = True
    try:
        product_record(topic, value, at)
    except InvalidRecord as error:
        if valid:
            raise DisagreementError(f"refused: {value}: {error}") from error
    else:
        if not valid:
            raise DisagreementError(f"accepted: {value}")
    return valid


def _in_pieces(records: list[_Record], chance: random.Random) -> Iterator[list[_Record]]:
    start = 0
    while start < len(records):
        size = chance.choice((1, 2, 1000))
        yield records[start : start + size]
        start += size


def _take(slot: Slot, limit: int) -> list[tuple[str, object]]:
    return [
        (key.decode(), json.loads(value))
        for wave_slice in slot.take_slices(limit)
        for key, value in encode_slice(wave_slice)
    ]


def _compare_state(model: Model, slot: Slot, now: int, chance: random.Random) -> None:
    if not chance.randrange(3) and model.waiting(now) != slot.waiting(now):
        expected, got = model.waiting(now), slot.waiting(now)
        raise DisagreementError(f"waiting at {now}: expected {expected}, got {got}")
    if chance.randrange(3):
        return
    for status in slot.take_statuses(now):
        variant = model.variants[status.variant_id]
        told = sum(value["variant_id"] == status.variant_id for _, value in model.notifications)
        expected_one = expected_status(variant, now, told)
        seen = msgspec.structs.replace(status, next_wave_at=None)
        if expected_one != seen:
            raise DisagreementError(f"status: expected {expected_one}, got {seen}")
        due = variant.next_wave(now)
        if due is not None and (status.next_wave_at is None or status.next_wave_at > due):
            raise DisagreementError(f"a wave is due at {due}, got {status}")


def _first_difference(what: str, expected: Sequence[object], got: Sequence[object]) -> str:
    for place in range(max(len(expected), len(got))):
        wanted = expected[place] if place < len(expected) else "nothing"
        given = got[place] if place < len(got) else "nothing"
        if wanted != given:
            return f"{what} {place}: expected {wanted}, got {given}"
    return f"{what}s differ"
