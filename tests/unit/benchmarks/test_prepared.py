# SPDX-License-Identifier: Apache-2.0
"""States that benchmarks make without Kafka are what the program would have made."""

from functools import partial
from pathlib import Path

import pytest

from benchmarks import timers, wide_state
from benchmarks.options import TimerSizes, WideSizes
from benchmarks.prepared import SLOTS, adopt, belongs, prepare
from dataflows.folding import FACTORY, SlotState
from journal.journal import Journal
from schemas.decode import decode_inventory
from waitlist.policy import PolicyBook, load_policy
from waitlist.slot import Slot

NOW = 1_795_000_000_000
DAY = 86_400_000
WIDE = WideSizes(variants=60, queued=20, each=3, rate=1, seconds=1)
TIMERS = TimerSizes(variants=30, each=4, events=200)


@pytest.mark.parametrize(("waiting", "people"), [(True, 60), (False, 0)])
def test_a_wide_state_holds_what_was_asked_for(*, waiting: bool, people: int) -> None:
    """All variants have a figure, and people wait where they should, each variant in its slot."""
    slots = [
        wide_state.fill_slot(wide_state.Plan(WIDE, NOW, waiting), number) for number in range(SLOTS)
    ]

    assert (60, people) == totals(slots)
    assert {slot.next_due() for slot in slots} == {None}


@pytest.mark.parametrize(
    ("name", "waves", "expiries"),
    [(timers.NOBODY, 0, False), (timers.PEOPLE, 0, False), (timers.TIMERS, 30, True)],
)
def test_only_the_last_state_has_timers(name: str, waves: int, *, expiries: bool) -> None:
    """Every variant pauses between two waves and everybody expires in that state alone."""
    plan = timers.Plan(name, TIMERS, NOW)
    slots = [timers.fill_slot(plan, number) for number in range(SLOTS)]

    assert (34, plan.waiting) == totals(slots)
    assert waves == sum(slot.counts.waves for slot in slots)
    assert [NOW + DAY if waves else None] * SLOTS == [slot.next_due() for slot in slots]
    assert any(slot.next_expiry() for slot in slots) is expiries


@pytest.mark.parametrize("name", [timers.NOBODY, timers.PEOPLE, timers.TIMERS])
def test_the_stream_tells_nobody(name: str) -> None:
    """Whatever waits, the stream of stock events opens no cycle and starts no wave."""
    plan = timers.Plan(name, TIMERS, NOW)
    trace = timers.stock_trace(TIMERS, NOW - 1000)
    slot = Slot(load_policy({"per_unit": 1, "wait": "1d"}))
    slot.load(timers.fill_slot(plan, 0).dump())
    before = slot.waiting(NOW)

    events = [decode_inventory(value, NOW) for _, value in trace.inventory_records()]
    slot.apply([event for event in events if belongs(event.variant_id, 0)], NOW)
    slot.start_due_waves(NOW)

    assert slot.counts.stock_applied > 0
    assert 0 == slot.counts.waves
    assert before == slot.waiting(NOW)


def test_a_prepared_base_is_adopted_by_its_slot(tmp_path: Path) -> None:
    """A journal that is given the marker of a prepared base loads exactly that state."""
    plan = wide_state.Plan(WIDE, NOW, waiting=True)
    written = prepare(tmp_path / "prepared", partial(wide_state.fill_slot, plan))
    found = []
    for number in range(SLOTS):
        marker = adopt(tmp_path / "prepared", number, tmp_path / "slots" / str(number))
        slot = Slot(PolicyBook())
        journal = Journal.open(
            tmp_path / "slots" / str(number),
            number,
            marker,
            SlotState(slot),
            token="a1",
            factory=FACTORY,
        )
        assert marker == journal.sync()
        journal.close()
        found.append(b"".join(slot.dump()))

    assert [b"".join(wide_state.fill_slot(plan, number).dump()) for number in range(SLOTS)] == found
    assert written > sum(map(len, found))


def totals(slots: list[Slot]) -> tuple[int, int]:
    """Variants and people of all slots."""
    sizes = [slot.size() for slot in slots]
    return sum(variants for variants, _ in sizes), sum(people for _, people in sizes)
