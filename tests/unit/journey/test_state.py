# SPDX-License-Identifier: Apache-2.0
"""The bytes of a journey's state: what they are, and what else is refused."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.errors import StateError
from journey.journey import FAILED, SENT, Journey, begin, retry, settle
from tests.unit.journey.people import NOON, PERSON, SERVED, begun

# Version 1 must be readable for ever: this is never to be written anew.
GOLDEN = bytes.fromhex(
    "97019bd9203031323334353637383961626364656630313233343536373839616263646566a7534b"
    "552d4d4544a3534b55a469643a3794a5454d41494ca3534d53a450555348a8574841545341505091"
    "a3534d53c3c2a25345cf000001a1e960d600cf000001a1ee873200a872656d696e646572cf000001"
    "a1f3ad8e019294a5454d41494c01cf000001a1ee873203cf000001a1ee87320994a3534d5300c0cf"
    "000001a1f3ad8e019293a5454d41494ca3534d53a8574841545341505091a8574841545341505091"
    "a450555348"
)


def golden_journey() -> Journey:
    """A journey in which every field is set."""
    person = replace(PERSON, consent=("SMS",), has_phone=False, market="SE")
    journey: Journey | None = begin(person, NOON, SERVED, None)[0]
    for channel, outcome in (("EMAIL", SENT), ("PUSH", FAILED), ("SMS", SENT), ("WHATSAPP", SENT)):
        assert journey is not None
        journey, _ = settle(journey, channel, outcome, NOON + 1, SERVED)  # type: ignore[arg-type]
    assert journey is not None
    sent, _ = settle(journey, "WHATSAPP", SENT, NOON + 2, SERVED)
    assert sent is not None
    return retry(sent, "EMAIL", NOON + 9, NOON + 3)


def test_the_bytes_of_version_1() -> None:
    """They are written as ever, and read as ever."""
    assert golden_journey().to_bytes().hex() == GOLDEN.hex()
    assert Journey.from_bytes(GOLDEN) == golden_journey()


def test_what_is_unknown_is_kept_as_unknown() -> None:
    """No product, no market, no attempt."""
    journey = begun(product_id=None, market=None, channels=("EMAIL",), consent=())
    assert Journey.from_bytes(journey.to_bytes()) == journey


def test_the_bytes_are_few() -> None:
    """A million journeys that wait are some hundred bytes each."""
    assert len(begun(channels=("EMAIL",), consent=()).to_bytes()) <= 120


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"\xc1",
        b"\xc0",
        b"\x91\x01",
        b"{}",
        b"\x91" * 100_000,
        GOLDEN[:-1],
        GOLDEN + b"\0",
        GOLDEN.replace(b"EMAIL", b"EMAIK"),
        GOLDEN.replace(b"reminder", b"r\xffminder"),
        # No channel is open, or no step was ever on.
        msgspec.msgpack.encode((*msgspec.msgpack.decode(GOLDEN)[:4], [], [[]], [])),
        msgspec.msgpack.encode((*msgspec.msgpack.decode(GOLDEN)[:5], [], [])),
        # There never was a version 0.
        msgspec.msgpack.encode((0, *msgspec.msgpack.decode(GOLDEN)[1:])),
    ],
)
def test_other_bytes_are_refused(state: bytes) -> None:
    """They are an error of ours, in one line."""
    with pytest.raises(StateError, match=r"^[0-9]+ bytes are not the state of a journey$"):
        Journey.from_bytes(state)


@pytest.mark.parametrize("fields", [(2,), (2, *msgspec.msgpack.decode(GOLDEN)[1:])])
def test_a_later_version_is_named(fields: tuple[object, ...]) -> None:
    """Whoever goes back to an earlier release is told so, whatever the version holds."""
    with pytest.raises(StateError, match=r"of version 2, and this release reads up to 1"):
        Journey.from_bytes(msgspec.msgpack.encode(fields))


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(place=st.integers(0, len(GOLDEN) - 1), value=st.integers(0, 255))
def test_damage_is_an_error_or_a_state(place: int, value: int) -> None:
    """No damaged byte raises anything else."""
    damaged = bytearray(GOLDEN)
    damaged[place] = value
    try:
        journey = Journey.from_bytes(bytes(damaged))
    except StateError:
        return
    assert Journey.from_bytes(journey.to_bytes()) == journey
