# SPDX-License-Identifier: Apache-2.0
"""A slot rebuilt from base and redo records is the slot that wrote them."""

import random

import pytest

from tests.hunt import explain
from tests.support.compare import differ_side_by_side, product_record, take_all
from tests.support.cramped import cramped
from tests.support.rebuilding import RandomRebuild
from tests.support.traces import draw_trace
from waitlist.policy import load_policy
from waitlist.slot import Slot

_TRACES_A_TEST = 25
_NOW = 1_795_000_000_000

_seeds = pytest.mark.parametrize("first_seed", range(0, 200, _TRACES_A_TEST))


@_seeds
def test_slot_rebuilt_at_random_moments_behaves_like_the_model(first_seed: int) -> None:
    """Cut anywhere, rebuilt from base and records mixed: equal dumps and the same future."""
    for seed in range(first_seed, first_seed + _TRACES_A_TEST):
        trace, chance = draw_trace(seed), random.Random(seed)
        rebuild = RandomRebuild(trace.policy, chance, 0.25)
        difference = differ_side_by_side(trace, chance, rebuild)
        assert difference is None, explain(trace, difference)


@_seeds
def test_slot_rebuilt_when_cramped_behaves_like_the_model(first_seed: int) -> None:
    """The same with tiny chunks, records, blocks and buckets."""
    with cramped():
        for seed in range(first_seed, first_seed + _TRACES_A_TEST):
            trace, chance = draw_trace(seed, lines=90), random.Random(seed)
            rebuild = RandomRebuild(trace.policy, chance, 0.1)
            difference = differ_side_by_side(trace, chance, rebuild)
            assert difference is None, explain(trace, difference)


def test_wave_survives_a_crash_in_its_middle() -> None:
    """Of a wave handed over in part before the cut, a rebuilt slot hands over the rest, once."""
    slot = _slot_with_a_wave(people=7)
    base = list(slot.dump())
    slot.take_records()
    slot.take_slices(3)
    records = slot.take_records()
    rebuilt = Slot(load_policy({}))
    rebuilt.load(iter(base))
    for record in records:
        rebuilt.apply_record(record)
    rebuilt.start_due_waves(_NOW)
    positions = [value["position"] for _, value in take_all(rebuilt) if isinstance(value, dict)]
    assert [4, 5, 6, 7] == positions


def test_records_alone_rebuild_the_slot() -> None:
    """Without a base, the records since the beginning are enough."""
    slot = _slot_with_a_wave(people=3)
    rebuilt = Slot(load_policy({}))
    for record in slot.take_records():
        rebuilt.apply_record(record)
    assert list(slot.dump()) == list(rebuilt.dump())
    assert take_all(slot) == take_all(rebuilt)


def test_second_take_of_records_is_empty() -> None:
    """Records are handed out once."""
    slot = _slot_with_a_wave(people=1)
    assert slot.take_records()
    assert [] == slot.take_records()


def _slot_with_a_wave(people: int) -> Slot:
    slot = Slot(load_policy({}))
    values: list[tuple[str, object]] = [
        (
            "subscriptions",
            {
                "type": "subscribe",
                "variant_id": "v",
                "profile": {"id": f"P{number}"},
                "occurred_at": _NOW - 100 + number,
                "priority": number % 2,
            },
        )
        for number in range(people)
    ]
    values.append(("inventory", {"variant_id": "v", "quantity": 1, "occurred_at": _NOW}))
    slot.apply([product_record(topic, value, _NOW) for topic, value in values], _NOW)
    slot.start_due_waves(_NOW)
    return slot
