# SPDX-License-Identifier: Apache-2.0
"""What comes and goes leaves nothing behind but what the rules need. Nothing is timed."""

from schemas.events import Profile, StockEvent, SubscribeEvent, UnsubscribeEvent
from tests.support.people import NOW
from waitlist.policy import load_policy
from waitlist.slot import Slot

_HOUR = 3_600_000
_PEOPLE = 100
_FAR = 10**15


def _sign_up(variant: str, person: int, at: int, expires_at: int | None = None) -> SubscribeEvent:
    return SubscribeEvent(
        variant, at, Profile(id=f"p{person}"), (f"id:p{person}",), expires_at=expires_at
    )


def _size(slot: Slot) -> int:
    return sum(map(len, slot.dump()))


def _hour_of_sales(slot: Slot, hour: int) -> None:
    """A hundred new people sign up and are told, then everything is sold again."""
    now = NOW + hour * _HOUR
    first = hour * _PEOPLE
    slot.apply([StockEvent("v", 0, now)], now)
    slot.apply([_sign_up("v", first + n, now) for n in range(_PEOPLE)], now)
    slot.start_due_waves(now)
    slot.apply([StockEvent("v", 1, now + 1)], now + 1)
    slot.start_due_waves(now + 1)
    slot.take_slices(_PEOPLE)
    slot.take_records()


def test_forgotten_markers_do_not_pile_up() -> None:
    """Told people who are forgotten after an hour: a thousand hours need no more than fifty."""
    slot = Slot(load_policy({"remember": "1h", "remember_sign_offs": "1h"}))
    for hour in range(50):
        _hour_of_sales(slot, hour)
    before = _size(slot)
    for hour in range(50, 1000):
        _hour_of_sales(slot, hour)

    assert 1000 * _PEOPLE == slot.counts.told
    assert _size(slot) <= 1.5 * before


def test_sign_offs_of_strangers_do_not_pile_up() -> None:
    """Sign-offs by people who never waited are forgotten as well."""
    slot = Slot(load_policy({"remember": "1h", "remember_sign_offs": "1h"}))

    def hour_of_sign_offs(hour: int) -> None:
        now = NOW + hour * _HOUR
        people = range(hour * _PEOPLE, (hour + 1) * _PEOPLE)
        slot.apply([UnsubscribeEvent("v", now, (f"id:p{n}",)) for n in people], now)
        slot.start_due_waves(now)
        slot.take_records()

    for hour in range(50):
        hour_of_sign_offs(hour)
    before = _size(slot)
    for hour in range(50, 1000):
        hour_of_sign_offs(hour)

    assert _size(slot) <= 1.5 * before


def test_calendar_of_expiries_forgets_who_has_left() -> None:
    """People who could have stayed for ages, but were told, take up no room in the calendar."""
    slot = Slot(load_policy({}))
    slot.apply([_sign_up("v", 0, NOW, NOW + _FAR)], NOW)
    for person in range(1, 5000):
        slot.apply([_sign_up("v", person, NOW + person, NOW + _FAR + person)], NOW + person)
        slot.apply([UnsubscribeEvent("v", NOW + person, (f"id:p{person}",))], NOW + person)
    found = slot._state.variant("v").queue

    assert found is not None
    assert 1 == len(found)
    assert found._expiries is not None
    assert len(found._expiries) <= 100


def test_calendar_that_forgot_still_knows_who_stays() -> None:
    """Those who stay expire in their time after many others came and went."""
    slot = Slot(load_policy({}))
    stay = [_sign_up("v", person, NOW, NOW + _HOUR * person) for person in range(1, 11)]
    slot.apply(stay, NOW)
    for person in range(100, 1000):
        slot.apply([_sign_up("v", person, NOW, NOW + _FAR)], NOW)
        slot.apply([UnsubscribeEvent("v", NOW, (f"id:p{person}",))], NOW)

    assert list(range(10, -1, -1)) == [slot.waiting(NOW + _HOUR * hour) for hour in range(11)]
