# SPDX-License-Identifier: Apache-2.0
"""Figures that come by the column bring about what they would one by one."""

import random

import numpy as np
import pytest

from schemas.events import Event, Profile, StockBlock, StockEvent, SubscribeEvent, WaitlistStatus
from tests.support.compare import as_block, take_all
from waitlist.blocks import runs
from waitlist.columns import PackedColumn, pack_column, unpack_column
from waitlist.policy import load_policy
from waitlist.slot import Slot

_NOW = 1_795_000_000_000
_POLICY = {"min_quantity": 2, "override": [{"variants": ["*7"], "per_unit": 1, "wait": "1s"}]}


def _slot() -> Slot:
    """One with some of everything: who waits, what is rare, what is open."""
    slot = Slot(load_policy(_POLICY))
    slot.apply([_sign_up(number % 50, number) for number in range(200)], _NOW)
    slot.apply([StockEvent(f"v{one}", 1, _NOW, 0, "shop") for one in range(0, 60, 9)], _NOW)
    slot.apply([StockEvent(f"v{one}", one % 5, _NOW) for one in range(100)], _NOW)
    slot.start_due_waves(_NOW)
    take_all(slot)
    slot.take_records()
    slot.take_statuses(_NOW)
    return slot


def _sign_up(variant: int, person: int) -> SubscribeEvent:
    name = f"p{person}"
    return SubscribeEvent(f"v{variant}", _NOW - 1000 + person, Profile(id=name), (f"id:{name}",))


def _figures(chance: random.Random, count: int, variants: int) -> list[Event]:
    """Some late, some at the same time, many of the same variants, some of new ones."""
    return [
        StockEvent(
            f"v{chance.randrange(variants)}",
            chance.randint(-1, 6),
            _NOW + number + chance.choice((0, 0, 0, -3, -900)),
            chance.choice((0, 0, 0, 1)),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("variants", [3, 120, 5000])
@pytest.mark.parametrize("count", [1, 47, 48, 2000])
def test_a_block_does_what_its_figures_do_one_by_one(count: int, variants: int) -> None:
    """The same state, people told, statuses, records and counts, from the same beginning."""
    for seed in range(10):
        one_by_one, at_once = _slot(), _slot()
        for step in range(1, 4):
            now = _NOW + step * 5000
            events = _figures(random.Random(seed * 10 + step), count, variants)
            one_by_one.apply(events, now)
            at_once.apply([as_block(events)], now)
            for slot in (one_by_one, at_once):
                slot.start_due_waves(now)
            assert take_all(one_by_one) == take_all(at_once)
            assert _named(one_by_one.take_statuses(now)) == _named(at_once.take_statuses(now))
            assert one_by_one.next_due() == at_once.next_due()
        assert one_by_one.counts == at_once.counts
        assert list(one_by_one.dump()) == list(at_once.dump())
        assert _rebuilt(one_by_one) == _rebuilt(at_once) == list(at_once.dump())


@pytest.mark.parametrize("is_block", [False, True])
def test_stock_that_suffices_by_a_new_policy_starts_the_wave(is_block: bool) -> None:  # noqa: FBT001
    """A cycle stays open when a restart raises the minimum; the wave comes with enough stock."""
    before = Slot(load_policy({"dwell": "1s"}))
    before.apply([_sign_up(1, 1), StockEvent("v1", 3, _NOW)], _NOW)
    slot = Slot(load_policy({"min_quantity": 5}))
    slot.load(before.dump())
    slot.start_due_waves(_NOW + 5000)
    assert not slot.pending()
    figures: list[Event] = [
        StockEvent(f"v{number}", 5, _NOW + 5000) for number in range(1, 100 if is_block else 2)
    ]
    slot.apply([as_block(figures)] if is_block else figures, _NOW + 6000)
    slot.start_due_waves(_NOW + 6000)
    assert 1 == slot.pending()


def test_what_is_between_blocks_keeps_its_place() -> None:
    """A sign-up after a block joins the cycle that the block has opened."""
    blocks = [as_block([StockEvent("v1", quantity, _NOW + quantity)]) for quantity in (1, 2)]
    sign_ups = [_sign_up(1, person) for person in range(3)]
    mixed: list[Event | StockBlock] = [sign_ups[0], blocks[0], *sign_ups[1:], blocks[1]]
    assert [[sign_ups[0]], blocks[0], sign_ups[1:], blocks[1]] == list(runs(mixed))


@pytest.mark.parametrize(
    "values",
    [[], [7], [5, 5, 5], [0, 255], [-1, 300], [-(2**53), 2**53], [1_795_000_000_000, -1, 0]],
)
def test_a_column_comes_back_as_it_was(values: list[int]) -> None:
    """Whatever it spans; no byte is spent on a column that is the same throughout."""
    packed = pack_column(np.array(values, np.int64))
    assert values == unpack_column(packed, len(values)).tolist()
    assert (len(packed[2]) == 0) is (len(set(values)) <= 1)


@pytest.mark.parametrize("packed", [(0, 3, b"123"), (0, 1, b"12"), (0, 0, b"1"), (0, 8, b"1")])
def test_a_column_that_was_never_packed_is_refused(packed: PackedColumn) -> None:
    """Of another width, or of more or fewer integers than there are variants."""
    with pytest.raises(ValueError):  # noqa: PT011 - numpy's own texts among them
        unpack_column(packed, 3)


def _named(statuses: list[WaitlistStatus]) -> dict[str, WaitlistStatus]:
    return {status.variant_id: status for status in statuses}


def _rebuilt(slot: Slot) -> list[bytes]:
    """The dump of a slot made of the beginning and of this one's records."""
    rebuilt = Slot(load_policy(_POLICY))
    rebuilt.load(_slot().dump())
    for record in slot.take_records():
        rebuilt.apply_record(record)
    return list(rebuilt.dump())
