# SPDX-License-Identifier: Apache-2.0
"""Who signs up for what, and when: the second act, and the few who come late."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from random import Random
from typing import Any, Final, Literal

from restock.demo.catalogue import Item
from restock.demo.people import Person, make_people
from schemas.timestamps import format_timestamp

__all__ = ["SignUpPlan", "SignUps", "plan_sign_ups"]

_FROM: Final = 2.4
_UNTIL: Final = 7.6
_SIGN_OFFS_UNTIL: Final = 7.8
_PER_MILLE_SECOND_ITEM: Final = 80
_PER_MILLE_TWICE: Final = 40
_PER_MILLE_SIGN_OFF: Final = 20
_LATE_PEOPLE: Final = 12
_LATE: Final = (16.2, 17.2)
_AGAIN_PEOPLE: Final = 5
_AGAIN: Final = 11.5


@dataclass(frozen=True, slots=True)
class SignUpPlan:
    """One record on the subscriptions topic.

    Attributes:
        at: Seconds of the natural sale.
        kind: Sign-up or sign-off.
        variant_id: The variant.
        person: The person.
    """

    at: float
    kind: Literal["subscribe", "unsubscribe"]
    variant_id: str
    person: Person

    def record(self, occurred_at: int) -> dict[str, Any]:
        """Return the record's value, for a time in epoch milliseconds."""
        record: dict[str, Any] = {
            "type": self.kind,
            "variant_id": self.variant_id,
            "profile": self.person.profile,
            "occurred_at": format_timestamp(occurred_at),
        }
        if self.kind == "subscribe":
            return record | self.person.wish
        # A link in an e-mail knows the address and nothing more.
        email = self.person.profile.get("email")
        return record if email is None else record | {"profile": {"email": email.lower()}}


@dataclass(frozen=True, slots=True)
class SignUps:
    """All records on the subscriptions topic, and how many wait for each variant after act two."""

    plans: tuple[SignUpPlan, ...]
    waiting: Mapping[str, int]


def plan_sign_ups(items: Sequence[Item], people: int, random: Random) -> SignUps:
    """Let people sign up for items, each item by its share.

    Args:
        items: What is for sale.
        people: How many want something; a few of them want a second item, or sign up twice, or
            sign off again. Some more come late.
        random: Chance.
    """
    crowd = make_people(people + _LATE_PEOPLE, random)
    variants = list(chain.from_iterable(repeat(item.variant_id, item.share) for item in items))
    first = [_sign_up(person, random.choice(variants), random) for person in crowd[:people]]
    second = [
        _sign_up(plan.person, other, random)
        for plan in first
        if random.randrange(1000) < _PER_MILLE_SECOND_ITEM
        and (other := random.choice(variants)) != plan.variant_id
    ]
    wishes = first + second
    plans = [*wishes, *_changes_of_mind(wishes, random), *_late(crowd[people:], items, random)]
    plans += _again(wishes, items)
    return SignUps(
        tuple(sorted(plans, key=lambda plan: plan.at)), Counter(plan.variant_id for plan in wishes)
    )


def _sign_up(person: Person, variant_id: str, random: Random) -> SignUpPlan:
    at = _FROM + (_UNTIL - _FROM) * random.betavariate(1.6, 2.2)
    return SignUpPlan(at, "subscribe", variant_id, person)


def _changes_of_mind(wishes: Sequence[SignUpPlan], random: Random) -> list[SignUpPlan]:
    """Some sign up twice, which changes nothing; some sign off."""
    plans = []
    for wish in wishes:
        at = random.uniform(wish.at + 0.05, _SIGN_OFFS_UNTIL)
        dice = random.randrange(1000)
        if dice < _PER_MILLE_SIGN_OFF:
            plans.append(SignUpPlan(at, "unsubscribe", wish.variant_id, wish.person))
        elif dice < _PER_MILLE_SIGN_OFF + _PER_MILLE_TWICE:
            plans.append(SignUpPlan(at, "subscribe", wish.variant_id, wish.person))
    return plans


def _late(people: Sequence[Person], items: Sequence[Item], random: Random) -> list[SignUpPlan]:
    """New people who sign up while the item is in stock."""
    drops = [item.variant_id for item in items if item.course == "drop"]
    return [
        SignUpPlan(random.uniform(*_LATE), "subscribe", random.choice(drops), person)
        for person in people
    ]


def _again(wishes: Sequence[SignUpPlan], items: Sequence[Item]) -> list[SignUpPlan]:
    """People who have been told, and want to be told again."""
    soon_told = next(item.variant_id for item in items if item.course == "everyone")
    of_it = [wish for wish in wishes if wish.variant_id == soon_told]
    return [
        SignUpPlan(_AGAIN + number / 10, "subscribe", soon_told, wish.person)
        for number, wish in enumerate(of_it[:_AGAIN_PEOPLE])
    ]
