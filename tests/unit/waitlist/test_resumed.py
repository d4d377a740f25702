# SPDX-License-Identifier: Apache-2.0
"""Whom an epoch that a crash cut short has told, is told: however the epoch is decided again."""

from collections.abc import Iterable

import pytest

from schemas.encode import encode_slice
from schemas.events import Event, Profile, StockEvent, SubscribeEvent
from schemas.told import Told, read_told
from waitlist.policy import PolicyBook, load_policy
from waitlist.resumed import ResumedSlot
from waitlist.slot import Slot, empty_slot

_AT = 1_795_000_000_000
_MINUTE = 60_000


def sign_up(person: str, occurred_at: int, email: str | None = None) -> SubscribeEvent:
    """A sign-up for the shoe."""
    known = (f"id:{person}",) if email is None else (f"id:{person}", f"email:{email}")
    return SubscribeEvent(
        "shoe", occurred_at, Profile(person, None, email, None), known, ("EMAIL",), 0,
        None, (), None, None, None,
    )  # fmt: skip


def stock(quantity: int, occurred_at: int) -> StockEvent:
    """A figure of the shoe."""
    return StockEvent("shoe", quantity, occurred_at, 0, None, None)


def turn(slot: Slot, events: Iterable[Event], now: int) -> list[Told]:
    """Apply events, start what is due, and return whom that tells."""
    slot.apply(events, now)
    slot.start_due_waves(now)
    values = [value for part in slot.take_slices(1_000) for _, value in encode_slice(part)]
    return [told for told in map(read_told, values) if told is not None]


def people(told: Iterable[Told]) -> list[str]:
    """Their names, in order."""
    return [one.identifiers[0].removeprefix("id:") for one in told]


class Run:
    """A slot whose state at one moment is durable, and what it told after that.

    Args:
        policies: who is told when.
        durable: events of the durable epochs.
        lost: events of the epoch that the crash cuts short.
    """

    def __init__(self, policies: PolicyBook, durable: list[Event], lost: list[Event]) -> None:
        slot = Slot(policies)
        turn(slot, durable, _AT)
        slot.take_records()
        self._image = list(slot.dump())
        self._policies = policies
        self.told = turn(slot, lost, _AT + 1_000)

    def resumed(self, told: Iterable[Told] | None = None) -> ResumedSlot:
        """The slot after the crash; of what it told, the topic holds ``told`` (None: all)."""
        slot = ResumedSlot(self._policies)
        slot.load(iter(self._image))
        slot.recall(self.told if told is None else told)
        return slot


ALL = PolicyBook()
WAVES = load_policy({"per_unit": 2, "wait": "1m"})


@pytest.mark.parametrize("durable", [True, False])
def test_who_was_told_does_not_wait_any_more(*, durable: bool) -> None:
    """Whether the sign-up was durable or is read again; also when the stock is gone meanwhile."""
    asked: list[Event] = [sign_up("P1", _AT - 5_000)]
    run = Run(ALL, asked if durable else [], [*([] if durable else asked), stock(1, _AT)])
    assert ["P1"] == people(run.told)
    slot = run.resumed()
    again: list[Event] = [] if durable else [*asked]
    assert [] == turn(slot, [*again, stock(1, _AT), stock(0, _AT + 1)], _AT + 2_000)
    assert slot.waiting(_AT + 2_000) == 0
    assert [] == turn(slot, [stock(1, _AT + 2_500)], _AT + 3_000)


def test_who_signed_up_again_after_being_told_is_told_again() -> None:
    """Even while the program was down: it is a new sign-up, for the next cycle."""
    run = Run(ALL, [sign_up("P1", _AT - 5_000)], [stock(1, _AT)])
    slot = run.resumed()
    later: list[Event] = [stock(1, _AT), stock(0, _AT + 10), sign_up("P1", _AT + 1_500)]
    assert [] == turn(slot, later, _AT + 2_000)
    assert [_AT + 1_500] == [
        one.subscribed_at for one in turn(slot, [stock(1, _AT + 2_500)], _AT + 3_000)
    ]


def test_of_two_sign_ups_of_one_person_only_one_is_answered() -> None:
    """The second, dated earlier, had made room: the first alone must not be answered as well."""
    first, second = sign_up("P1", _AT - 1_000), sign_up("P1", _AT - 2_000)
    run = Run(ALL, [], [first, second, stock(1, _AT)])
    assert [_AT - 2_000] == [one.subscribed_at for one in run.told]
    slot = run.resumed()
    assert [] == turn(slot, [first, stock(1, _AT)], _AT + 2_000)
    assert [] == turn(slot, [second], _AT + 2_100)
    assert slot.waiting(_AT + 2_100) == 0


def test_places_in_a_wave_that_were_taken_stay_taken() -> None:
    """Of four places two are written: the repeated wave has two more, not four."""
    queue: list[Event] = [sign_up(f"P{number}", _AT - 9_000 + number) for number in range(9)]
    run = Run(WAVES, queue, [stock(2, _AT)])
    assert ["P0", "P1", "P2", "P3"] == people(run.told)
    slot = run.resumed([run.told[0], run.told[2]])
    assert ["P1", "P3"] == people(turn(slot, [stock(2, _AT)], _AT + 2_000))
    assert [] == turn(slot, [], _AT + 2_000 + _MINUTE - 1)
    assert ["P4", "P5", "P6", "P7"] == people(turn(slot, [], _AT + 2_000 + _MINUTE))


def test_a_wave_that_was_written_whole_is_not_repeated() -> None:
    """The next one comes after the pause."""
    queue: list[Event] = [sign_up(f"P{number}", _AT - 9_000 + number) for number in range(9)]
    run = Run(WAVES, queue, [stock(2, _AT)])
    slot = run.resumed()
    assert [] == turn(slot, [stock(2, _AT)], _AT + 2_000)
    assert ["P4", "P5", "P6", "P7"] == people(turn(slot, [], _AT + 2_000 + _MINUTE))


def test_people_of_a_running_wave_are_handed_over_as_before() -> None:
    """Their wave was durable: they are produced again, for the sink to drop what is there."""
    slot = Slot(ALL)
    queue = [sign_up(f"P{number}", _AT - 9_000 + number) for number in range(4)]
    slot.apply([*queue, stock(1, _AT)], _AT)
    slot.start_due_waves(_AT)
    slot.take_slices(1)
    image = list(slot.dump())
    values = [value for part in slot.take_slices(2) for _, value in encode_slice(part)]
    told = [one for one in map(read_told, values) if one is not None]
    resumed = ResumedSlot(ALL)
    resumed.load(iter(image))
    resumed.recall(told)
    assert ["P1", "P2", "P3"] == people(turn(resumed, [], _AT + 2_000))


def test_who_shares_an_address_with_somebody_told_is_not_lost() -> None:
    """Both had signed up before; only one was written: the other is told now."""
    both: list[Event] = [sign_up(f"P{n}", _AT - 5_000 + n, "home@example.com") for n in (1, 2)]
    run = Run(ALL, [], [*both, stock(1, _AT)])
    assert ["P1", "P2"] == people(run.told)
    slot = run.resumed(run.told[:1])
    assert ["P2"] == people(turn(slot, [*both, stock(1, _AT)], _AT + 2_000))
    slot.forget()
    assert [] == turn(slot, [sign_up("P3", _AT - 100, "home@example.com")], _AT + 3_000)


def test_the_pause_after_a_wave_that_emptied_the_queue_is_kept() -> None:
    """Late sign-ups wait for it, as they would have without the crash."""
    queue: list[Event] = [sign_up(f"P{number}", _AT - 9_000 + number) for number in range(4)]
    slot = Run(WAVES, queue, [stock(2, _AT)]).resumed()
    assert [] == turn(slot, [stock(2, _AT)], _AT + 2_000)
    slot.forget()
    assert [] == turn(slot, [sign_up("Q", _AT - 50)], _AT + 3_000)
    assert [] == turn(slot, [], _AT + 1_000 + _MINUTE - 1)
    (late,) = turn(slot, [], _AT + 1_000 + _MINUTE)
    assert (1, 2) == (late.cycle, late.wave)


def test_the_pause_is_kept_in_another_cycle_as_well() -> None:
    """The repeated epoch sees at once that the stock went and came back in between."""
    queue: list[Event] = [sign_up(f"P{number}", _AT - 9_000 + number) for number in range(9)]
    slot = Run(WAVES, queue, [stock(2, _AT)]).resumed()
    merged: list[Event] = [stock(2, _AT), stock(0, _AT + 1_100), stock(2, _AT + 1_200)]
    assert [] == turn(slot, merged, _AT + 2_000)
    told = turn(slot, [], _AT + 1_000 + _MINUTE)
    assert ["P4", "P5", "P6", "P7"] == people(told)
    assert {2} == {one.cycle for one in told}


def test_it_says_when_running_waves_are_handed_over() -> None:
    """Until then the sink must know who of them is there already."""
    slot = Slot(ALL)
    queue: list[Event] = [sign_up(f"P{number}", _AT - 9_000 + number) for number in range(4)]
    slot.apply([*queue, stock(1, _AT)], _AT)
    slot.start_due_waves(_AT)
    resumed = ResumedSlot(ALL)
    resumed.load(iter(list(slot.dump())))
    resumed.recall([])
    resumed.take_slices(3)
    assert not resumed.is_handed_over()
    resumed.take_slices(1)
    assert resumed.is_handed_over()


def test_it_follows_from_the_journal_as_well() -> None:
    """A second crash finds what the first resume took note of in the redo records."""
    run = Run(ALL, [sign_up("P1", _AT - 5_000)], [sign_up("P2", _AT - 4_000), stock(1, _AT)])
    slot = run.resumed()
    turn(slot, [sign_up("P2", _AT - 4_000)], _AT + 2_000)
    records = slot.take_records()
    again = empty_slot()
    again.load(iter(run._image))
    for record in records:
        again.apply_record(record)
    assert list(slot.dump()) == list(again.dump())


def test_forgotten_the_markers_are_enough() -> None:
    """Once nothing can be repeated, a sign-up that comes again meets the marker."""
    asked = sign_up("P1", _AT - 5_000)
    slot = Run(ALL, [asked], [stock(1, _AT)]).resumed()
    slot.forget()
    assert [] == turn(slot, [asked, stock(1, _AT)], _AT + 2_000)
    assert 1 == slot.counts.refused_by_marker
