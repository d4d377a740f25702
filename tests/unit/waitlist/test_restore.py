# SPDX-License-Identifier: Apache-2.0
"""A slot rebuilt from base and redo records is the slot that wrote them."""

import random

import pytest

from schemas.encode import profile_key
from schemas.events import StockEvent, WaveSlice
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


def test_running_waves_of_one_variant_keep_their_order_in_a_base() -> None:
    """Two waves on their way out at once: after a base, the people still to come are the same."""
    slot = _slot_with_two_waves()
    rebuilt = Slot(_TWO_WAVES)
    rebuilt.load(slot.dump())
    assert list(slot.dump()) == list(rebuilt.dump())
    expected = _told(slot.take_slices(2, 2))
    assert [(1, "id:P2"), (2, "id:P3")] == expected
    assert expected == _told(rebuilt.take_slices(2, 2))


def test_waves_taken_one_after_the_other_after_taking_turns() -> None:
    """A taker that stops asking for shares gets the rest of every wave."""
    slot = _slot_with_two_waves()
    assert [(1, "id:P2"), (2, "id:P3"), (2, "id:P4"), (2, "id:P5")] == _told(slot.take_slices(9))


def test_numbers_beyond_64_bits_are_written_down() -> None:
    """Figures of many locations, and people per unit of a huge figure, do not fit 64 bits."""
    largest, locations = 2**53 - 1, 2_050
    book = load_policy({"per_unit": 10**18, "wait": "1m"})
    slot = Slot(book)
    slot.apply(
        [
            product_record("subscriptions", _sign_up("P1", _NOW - 1), _NOW),
            *(
                StockEvent("v", sign * largest, _NOW, 0, f"{sign} {number}")
                for sign in (-1, 1, 1)
                for number in range(locations)
            ),
            *(StockEvent("w", -largest, _NOW, 0, str(number)) for number in range(locations)),
            *(StockEvent("v", 0, _NOW, 0, f"-1 {number}") for number in range(locations)),
        ],
        _NOW,
    )
    slot.start_due_waves(_NOW)
    rebuilt, copied = Slot(book), Slot(book)
    for record in slot.take_records():
        rebuilt.apply_record(record)
    copied.load(slot.dump())
    assert list(slot.dump()) == list(rebuilt.dump()) == list(copied.dump())
    (wave,) = rebuilt.take_slices(1)
    assert locations * largest == wave.header.quantity


def test_who_waited_before_a_restart_expires_though_others_sign_up_at_once() -> None:
    """A sign-up in the first batch after a restart does not hide when earlier ones expire."""
    slot = Slot(load_policy({}))
    early = {**_sign_up("P1", _NOW), "expires_at": _NOW + 1000}
    slot.apply([product_record("subscriptions", early, _NOW)], _NOW)
    rebuilt, copied = Slot(load_policy({})), Slot(load_policy({}))
    copied.load(slot.dump())
    for record in slot.take_records():
        rebuilt.apply_record(record)
    for restored in (rebuilt, copied):
        restored.apply([product_record("subscriptions", _sign_up("P2", _NOW), _NOW)], _NOW)
        restored.start_due_waves(_NOW)
        restored.apply([StockEvent("v", 5, _NOW + 2000)], _NOW + 2000)
        restored.start_due_waves(_NOW + 2000)
        assert [(1, "id:P2")] == _told(restored.take_slices(9))


def test_rebuilt_slot_reports_only_variants_with_a_queue() -> None:
    """A status record is for variants that somebody has waited for, after a start as before."""
    slot = Slot(load_policy({}))
    slot.apply([StockEvent("never", 3, _NOW)], _NOW)
    slot.apply([product_record("subscriptions", _sign_up("P1", _NOW), _NOW)], _NOW)
    rebuilt = Slot(load_policy({}))
    for record in slot.take_records():
        rebuilt.apply_record(record)
    assert ["v"] == [status.variant_id for status in rebuilt.take_statuses(_NOW)]


_TWO_WAVES = load_policy({"per_unit": 1, "wait": "1s"})


def _slot_with_two_waves() -> Slot:
    """The second wave of three people has started while the first is handed over."""
    slot = Slot(_TWO_WAVES)
    events = [
        product_record("subscriptions", _sign_up(f"P{number}", _NOW - 100 + number), _NOW)
        for number in range(6)
    ]
    slot.apply([*events, StockEvent("v", 3, _NOW)], _NOW)
    slot.start_due_waves(_NOW)
    assert [(1, "id:P0")] == _told(slot.take_slices(1, 1))
    slot.start_due_waves(_NOW + 1000)
    assert [(1, "id:P1")] == _told(slot.take_slices(1, 1))
    return slot


def _told(slices: list[WaveSlice]) -> list[tuple[int, str]]:
    return [(part.header.wave, profile_key(person)) for part in slices for person in part.people]


def _sign_up(person: str, occurred_at: int) -> dict[str, object]:
    return {
        "type": "subscribe",
        "variant_id": "v",
        "profile": {"id": person},
        "occurred_at": occurred_at,
    }


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
