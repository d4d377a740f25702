# SPDX-License-Identifier: Apache-2.0
"""The people of a scenario, and what they send."""

from random import Random
from typing import Final

__all__ = ["People", "Person"]

_FAR: Final = 4_102_444_800_000
_REMEMBERED: Final = 2_000
_HESITATION: Final = 1_500


class Person:
    """Somebody who wants one variant.

    Attributes:
        variant: its id.
        key: of the person's records.
        profile: as JSON, with every identifier.
        contact: as JSON, with one of them: what a sign-off may name.
        wish: further fields of a sign-up, as JSON with a comma before.
        occurred_at: of the last sign-up.
    """

    __slots__ = ("contact", "key", "occurred_at", "profile", "variant", "wish")

    def __init__(self, variant: str, key: bytes, profile: str, contact: str, wish: str) -> None:
        self.variant = variant
        self.key = key
        self.profile = profile
        self.contact = contact
        self.wish = wish
        self.occurred_at = 0


class People:
    """Makes people, and remembers some for a while: they come again.

    Args:
        random: where chance comes from.
        prefix: what everybody's name begins with.
    """

    def __init__(self, random: Random, prefix: str) -> None:
        self._random = random
        self._prefix = prefix
        self._count = 0
        self._known: list[Person] = []

    def new(self, variant: str, key: bytes, *, keep: bool = True) -> Person:
        """Somebody whom nobody has seen before; `keep`: and who may come again."""
        self._count += 1
        name = f"{self._prefix}-{self._count}"
        chance = self._random.random()
        if chance < 0.7:
            profile = contact = f'{{"id":"{name}"}}'
        elif chance < 0.85:
            contact = f'{{"email":"{name}@example.com"}}'
            profile = f'{{"id":"{name}","email":" {name.upper()}@Example.com"}}'
        else:
            profile = contact = f'{{"email":"{name}@example.com","phone_number":"+{self._count}"}}'
        wish = ""
        if chance * 100 % 1 < 0.15:
            wish = f',"priority":{self._random.randrange(1, 4)}'
        elif chance * 100 % 1 < 0.17:
            wish = f',"expires_at":{_FAR}'
        person = Person(variant, key, profile, contact, wish)
        if not keep:
            return person
        if len(self._known) < _REMEMBERED:
            self._known.append(person)
        else:
            self._known[self._random.randrange(_REMEMBERED)] = person
        return person

    def anybody(self) -> Person | None:
        """Somebody who has signed up before; None before the first."""
        return self._random.choice(self._known) if self._known else None

    def sign_up(self, person: Person, now: int, event_id: str) -> str:
        """A sign-up a moment ago, never at the very time of the person's last one."""
        at = now - int(self._random.random() * _HESITATION)
        person.occurred_at = at if at != person.occurred_at else at + 1
        return self.repeat(person, event_id)

    def repeat(self, person: Person, event_id: str) -> str:
        """The person's last sign-up once more."""
        return (
            f'{{"type":"subscribe","variant_id":"{person.variant}","profile":{person.profile},'
            f'"occurred_at":{person.occurred_at}{person.wish},"event_id":"{event_id}"}}'
        )

    def sign_off(self, person: Person, now: int, event_id: str) -> str:
        """A sign-off, mostly after the last sign-up."""
        at = now - int(self._random.random() * _HESITATION)
        return (
            f'{{"type":"unsubscribe","variant_id":"{person.variant}","profile":{person.contact},'
            f'"occurred_at":{at},"event_id":"{event_id}"}}'
        )
