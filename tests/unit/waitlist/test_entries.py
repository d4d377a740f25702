# SPDX-License-Identifier: Apache-2.0
"""Waiting people as packed bytes."""

import pytest

from schemas.events import Addressee, Profile, SubscribeEvent
from waitlist.entries import expires_at, identifiers, pack, unpack_all

FULL = SubscribeEvent(
    "shoe", 1,
    Profile("p1", "x/1", " Ada@Example.com ", "+49 30"),
    ("id:p1", "external:x/1", "email:ada@example.com", "phone:+4930"),
    ("SMS", "EMAIL"), 3, 9, ("SMS",), "de-DE", "EU", {"title": "Schuh", "price": 2**70},
)  # fmt: skip
BARE = SubscribeEvent("shoe", 2, Profile(email="b@example.com"), ("email:b@example.com",))
PACKED = {
    b"\x8a\xa1i\xa2p1\xa1x\xa3x/1\xa1e\xb1 Ada@Example.com \xa1p\xa6+49 30"
    b"\xa1c\x92\xa3SMS\xa5EMAIL\xa1n\x91\xa3SMS\xa1u\t\xa1l\xa5de-DE\xa1m\xa2EU"
    b"\xa1d\x82\xa5title\xa5Schuh\xa5price\xc7\x16\x011180591620717411303424": FULL,
    b"\x81\xa1e\xadb@example.com": BARE,
}


@pytest.mark.parametrize(("payload", "event"), PACKED.items())
def test_the_packed_bytes(payload: bytes, event: SubscribeEvent) -> None:
    """They are in every journal: byte for byte those of the first release."""
    assert payload == pack(event)
    assert event.identifiers == identifiers(payload)
    assert event.expires_at == expires_at(payload)


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize("count", [0, 1, 2, 16, 1_000])
def test_many_at_a_time(kind: type[bytes | bytearray], count: int) -> None:
    """Payloads one behind the other are so many people in that order, however many they are."""
    people = [
        Addressee(
            "p1", "x/1", " Ada@Example.com ", "+49 30", ("SMS", "EMAIL"), ("SMS",), 9,
            "de-DE", "EU", {"title": "Schuh", "price": 2**70},
        ),
        Addressee(email="b@example.com"),
    ]  # fmt: skip
    payloads = kind(b"".join(list(PACKED) * (count // 2) + list(PACKED)[: count % 2]))
    assert people * (count // 2) + people[: count % 2] == unpack_all(payloads, count)


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_people(count: int) -> None:
    """Nobody is dropped or made up where payloads and count do not agree."""
    with pytest.raises(ValueError, match=r"MessagePack data is malformed|Input data was truncated"):
        unpack_all(b"".join(PACKED), count)
