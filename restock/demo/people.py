# SPDX-License-Identifier: Apache-2.0
"""The people of the demo: invented, seeded, and at addresses that cannot exist."""

from dataclasses import dataclass
from random import Random
from typing import Any

__all__ = ["Person", "make_people"]

_FIRST_NAMES = (
    "Aino Amara Anders Bea Carlos Chloe Dario Elif Emil Fatima Freja Giulia Hana Hugo Ines Ivar "
    "Jonas Kaia Keiko Lars Leila Luca Mateo Maya Milan Nadia Noor Oscar Priya Rosa Sami Sofia "
    "Tariq Tess Theo Uma Viktor Wren Yara Zoe"
)
_LAST_NAMES = (
    "Almeida Berg Bianchi Costa Dahl Eriksen Fischer Garcia Haddad Hansen Ivanova Jansen Kaya "
    "Keller Kowalska Larsen Lindqvist Marino Meyer Moreau Nakamura Novak Okafor Olsen Patel "
    "Peeters Rahman Ricci Rossi Sato Schmidt Silva Sundberg Tanaka Virtanen Weber Wolff Yilmaz"
)
_LOCALES = (("en-GB", "GB"), ("sv-SE", "SE"), ("de-DE", "DE"), ("fr-FR", "FR"), ("it-IT", "IT"))

_VIP_PRIORITY = 5
_PER_MILLE_VIP = 30
_PER_MILLE_TEXT = 20
_PER_MILLE_NO_EMAIL = 15
_PER_MILLE_PUSH = 430
_PER_MILLE_BOTH = 100
# Ofcom keeps this range free for works of fiction.
_FICTION_NUMBERS = 1000


@dataclass(frozen=True, slots=True)
class Person:
    """One person.

    Attributes:
        profile: The profile of their sign-ups: an id, nearly always an email, some with a phone
            number.
        wish: The further fields of their sign-ups: channels, consent, priority, language.
    """

    profile: dict[str, str]
    wish: dict[str, Any]


def make_people(count: int, random: Random) -> list[Person]:
    """Return so many people, no two of whom share an identifier."""
    first_names, last_names = _FIRST_NAMES.split(), _LAST_NAMES.split()
    return [
        _person(number, random.choice(first_names), random.choice(last_names), random)
        for number in range(count)
    ]


def _person(number: int, first: str, last: str, random: Random) -> Person:
    profile = {
        "id": f"cus_{random.getrandbits(24):06x}{number:05d}",
        "email": f"{first}.{last}{number}@example.com",
    }
    locale, market = random.choice(_LOCALES)
    wish: dict[str, Any] = {"channels": ["EMAIL"], "locale": locale, "market": market}
    _choose_channels(number, profile, wish, random.randrange(1000))
    if random.randrange(1000) < _PER_MILLE_VIP:
        wish["priority"] = _VIP_PRIORITY
    return Person(profile, wish)


def _choose_channels(number: int, profile: dict[str, str], wish: dict[str, Any], dice: int) -> None:
    """Most want mail, others the shop's app (which webhooks tell), a few something else."""
    if dice < _PER_MILLE_TEXT:
        if number < _FICTION_NUMBERS:
            # The demo has no way to send text messages: that is one of the reasons it shows.
            profile["phone_number"] = f"+44 7700 900{number:03d}"
            wish |= {"channels": ["SMS", "EMAIL"], "consent": ["SMS"]}
        return
    dice -= _PER_MILLE_TEXT
    if dice < _PER_MILLE_NO_EMAIL:
        # They were signed in, and the shop does not know their address.
        del profile["email"]
    elif dice < _PER_MILLE_NO_EMAIL + _PER_MILLE_PUSH:
        wish["channels"] = ["PUSH"]
    elif dice < _PER_MILLE_NO_EMAIL + _PER_MILLE_PUSH + _PER_MILLE_BOTH:
        wish["channels"] = ["EMAIL", "PUSH"]
