# SPDX-License-Identifier: Apache-2.0
"""A state that is lost at a random moment and rebuilt from the records and notifications so far."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from schemas.encode import encode_slice
from schemas.errors import InvalidRecord
from schemas.events import Event
from schemas.told import read_told
from tests.naive.times import read_time
from tests.support.compare import product_record
from tests.support.traces import Trace
from waitlist.past import Past
from waitlist.policy import load_policy
from waitlist.recall import RecallingSlot
from waitlist.slot import Slot

__all__ = ["Outcome", "run_with_a_loss"]

Group = tuple[int, list[tuple[int, Event]]]
"""What arrives at one time: (that time, events with it)."""

_AFTERWARDS = 100 * 86_400_000
"""How long the clock runs on after the last line, in milliseconds."""


@dataclass
class Outcome:
    """What was told by a state that was never lost, and by one that was.

    Attributes:
        before: notifications written before the loss.
        kept: what is told afterwards by the state that lives on.
        rebuilt: what is told afterwards by the rebuilt state.
        people_cut: people of a started wave who had not been handed over when the state was lost.
    """

    before: list[dict[str, Any]] = field(default_factory=list)
    kept: list[dict[str, Any]] = field(default_factory=list)
    rebuilt: list[dict[str, Any]] = field(default_factory=list)
    people_cut: int = 0


def run_with_a_loss(trace: Trace, chance: random.Random, *, in_a_wave: bool = False) -> Outcome:
    """Go through a trace, losing the state once.

    Args:
        trace: its ``until`` is not looked at.
        chance: decides when.
        in_a_wave: whether people may be lost who count as told, but are not written yet.
    """
    groups = [(at, list(events)) for at, events in groupby(_events(trace), key=lambda one: one[0])]
    outcome = Outcome()
    if not groups:
        return outcome
    cut = chance.randrange(len(groups))
    slot = Slot(load_policy(trace.policy))
    clock = groups[0][0]
    for at, events in groups[: cut + 1]:
        outcome.before += _dues(slot, clock, at - 1)
        clock = at
        slot.apply([event for _, event in events], at)
        if at != groups[cut][0] or not in_a_wave:
            outcome.before += _start_and_take(slot, at)
    if in_a_wave:
        slot.start_due_waves(clock)
        outcome.before += _take(slot, chance.choice((0, 1, 2)))
        outcome.people_cut = slot.pending()
    rebuilt = _rebuild(trace, groups[: cut + 1], outcome.before)
    outcome.kept = _go_on(slot, clock, groups[cut + 1 :])
    outcome.rebuilt = _go_on(rebuilt, clock, groups[cut + 1 :])
    return outcome


def _go_on(slot: Slot, clock: int, groups: list[Group]) -> list[dict[str, Any]]:
    told = _start_and_take(slot, clock)
    for at, events in groups:
        told += _dues(slot, clock, at - 1)
        clock = at
        slot.apply([event for _, event in events], at)
        told += _start_and_take(slot, at)
    return told + _dues(slot, clock, clock + _AFTERWARDS)


def _events(trace: Trace) -> Iterator[tuple[int, Event]]:
    for line in trace.lines:
        at = read_time(line["at"])
        if line["value"] is None:
            continue
        try:
            yield at, product_record(str(line["topic"]), line["value"], at)
        except InvalidRecord:
            continue


def _rebuild(
    trace: Trace,
    groups: list[Group],
    notifications: list[dict[str, Any]],
) -> Slot:
    past = Past()
    for notification in notifications:
        told = read_told(json.dumps(notification).encode())
        assert told is not None
        past.add(told)
    policies = load_policy(trace.policy)
    recalling = RecallingSlot(policies, past)
    for at, events in groups:
        recalling.recall([event for _, event in events], [at] * len(events))
    # What was written down in between is what a crash leaves.
    records = recalling.take_records()
    for _ in range(2):
        for variant_id, history in past.histories.items():
            recalling.continue_after(variant_id, history)
    records += recalling.take_records()
    slot = Slot(policies)
    for record in records:
        slot.apply_record(record)
    assert list(slot.dump()) == list(recalling.dump())
    return slot


def _dues(slot: Slot, clock: int, end: int) -> list[dict[str, Any]]:
    told = []
    while (due := slot.next_due()) is not None and due <= end:
        clock = max(clock, due)
        told += _start_and_take(slot, clock)
    return told


def _start_and_take(slot: Slot, now: int) -> list[dict[str, Any]]:
    slot.start_due_waves(now)
    told = []
    while slot.pending():
        told += _take(slot, 1000)
    return told


def _take(slot: Slot, limit: int) -> list[dict[str, Any]]:
    return [
        json.loads(value) for part in slot.take_slices(limit) for _, value in encode_slice(part)
    ]
