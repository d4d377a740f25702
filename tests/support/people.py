# SPDX-License-Identifier: Apache-2.0
"""Made-up people by number, as the decoded records of a long queue."""

from schemas.events import Profile, SubscribeEvent, UnsubscribeEvent

__all__ = ["NOW", "sign_off", "sign_up"]

NOW = 1_795_100_000_000
"""Epoch milliseconds after every ordinary sign-up here."""

_FIRST = 1_795_000_000_000
_GAP = 37


def sign_up(number: int, later: int = 0, like: int | None = None) -> SubscribeEvent:
    """A sign-up for variant ``v`` by id and email.

    Args:
        number: Who.
        later: Milliseconds after the person's usual time.
        like: At the usual time of this person instead.
    """
    profile, identifiers = _person(number)
    occurred_at = _FIRST + _GAP * (number if like is None else like) + later
    return SubscribeEvent("v", occurred_at, profile, identifiers)


def sign_off(number: int) -> UnsubscribeEvent:
    """A sign-off by the email alone."""
    return UnsubscribeEvent("v", NOW, _person(number)[1][1:])


def _person(number: int) -> tuple[Profile, tuple[str, str]]:
    person_id, email = f"01HXQ{number:021d}", f"person{number}@example.com"
    return Profile(id=person_id, email=email), (f"id:{person_id}", f"email:{email}")
