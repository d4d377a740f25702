# SPDX-License-Identifier: Apache-2.0
"""Encoding notifications and waitlist records."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.encode import encode_slice, encode_status, notification_id, notification_id_of
from schemas.events import (
    Profile,
    SubscribeEvent,
    WaitlistStatus,
    WaveHeader,
    WaveSlice,
)
from schemas.identifiers import person_identifiers
from schemas.parsing import parse_json
from schemas.records import Notification
from schemas.records import WaitlistStatus as WaitlistRecord
from schemas.timestamps import MAX_TIMESTAMP, MIN_TIMESTAMP, format_timestamp
from schemas.validation import validate_record
from tests.support.telling import notifications_for
from tests.unit.schemas.record_texts import STEADY

VARIANT = "$custom:::$default:::SKU-MED"
OPENED = 1_795_000_364_460
HEADER = WaveHeader(
    variant_id=VARIANT,
    cycle=2,
    cycle_opened_at=OPENED,
    wave=3,
    quantity=12,
    triggered_at=OPENED + 1,
    product={"title": "Jacket", "price": "90.00"},
)
ENTRY = SubscribeEvent(
    variant_id=VARIANT,
    occurred_at=OPENED - 60_000,
    profile=Profile(id="P1"),
    identifiers=("id:P1",),
)

_SAFE = st.characters(exclude_categories=["Cs"])
_TEXT = st.text(_SAFE, min_size=1, max_size=8)
_IDENTIFIER = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=255)
_TIME = st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP)
_CHANNELS = st.lists(st.sampled_from(["EMAIL", "SMS", "PUSH", "WHATSAPP"]), unique=True)
_PRICE = (
    _TEXT
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(10**300), 10**300)
    | st.integers(-(2**64), 2**65)
)
_PRODUCT = st.fixed_dictionaries(
    {}, optional={"title": _TEXT, "image_url": _TEXT, "currency": _TEXT, "price": _PRICE}
)
_COUNT = st.integers(1, 2**53 - 1)
_HEADERS = st.builds(
    WaveHeader,
    variant_id=_IDENTIFIER,
    cycle=_COUNT,
    cycle_opened_at=_TIME,
    wave=_COUNT,
    quantity=_COUNT | st.just(2**70),
    triggered_at=_TIME,
    product=_PRODUCT,
)
_PROFILES = st.builds(Profile, id=_TEXT, email=st.none() | _TEXT.map(lambda text: text + "@x"))


@st.composite
def _entries(draw: st.DrawFn) -> SubscribeEvent:
    profile = draw(_PROFILES)
    return SubscribeEvent(
        variant_id="not looked at",
        occurred_at=draw(_TIME),
        profile=profile,
        identifiers=person_identifiers(id=profile.id, email=profile.email),
        channels=tuple(draw(_CHANNELS)) or ("EMAIL",),
        priority=draw(st.integers(0, 9)),
        consent=tuple(draw(_CHANNELS)),
        locale=draw(st.none() | _TEXT),
        market=draw(st.none() | _TEXT),
        product=draw(_PRODUCT) or None,
    )


@settings(STEADY, max_examples=150)
@given(_HEADERS, st.integers(1, 2**40), st.lists(_entries(), max_size=4))
def test_notifications(header: WaveHeader, first: int, entries: list[SubscribeEvent]) -> None:
    """Each person gets one valid record with every field, in order, under the profile key."""
    records = notifications_for(header, first, entries)
    assert len(entries) == len(records)
    for place, (entry, (key, value)) in enumerate(zip(entries, records, strict=True)):
        expected = _plain_notification(header, entry, first + place)
        assert entry.identifiers[0].encode() == key
        assert repr(expected) == repr(_ordered(parse_json(value), expected))
        assert expected["id"] == validate_record(Notification, value).id
        assert expected["id"] == notification_id_of(value)


def test_a_notification_in_full() -> None:
    """Every field is present, null included; times are written in UTC with milliseconds."""
    [(key, value)] = notifications_for(HEADER, 5, [ENTRY])
    assert key == b"id:P1"
    assert json.loads(value) == {
        "id": notification_id(VARIANT, "id:P1", OPENED - 60_000),
        "variant_id": VARIANT,
        "profile": {"id": "P1"},
        "product": {"title": "Jacket", "price": "90.00"},
        "channels": ["EMAIL"],
        "consent": [],
        "locale": None,
        "market": None,
        "priority": 0,
        "cycle": 2,
        "cycle_opened_at": "2026-11-18T11:12:44.460Z",
        "wave": 3,
        "position": 5,
        "quantity": 12,
        "subscribed_at": "2026-11-18T11:11:44.460Z",
        "triggered_at": "2026-11-18T11:12:44.461Z",
    }


def test_ids_are_a_function_of_the_subscription() -> None:
    """The id is the documented digest, which any other program can compute."""
    # printf '$custom:::$default:::SKU-MED\0id:P1\0001795000364460' | sha256sum | cut -c -32
    assert notification_id(VARIANT, "id:P1", OPENED) == "deaeaf4f998e82b084defa118e1c895e"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'{ "id" : "abc" }', "abc"),
        (b'{"variant_id":"V","id":"abc"}', "abc"),
        (b"", None),
        (b"null", None),
        (b'{"id":7}', None),
        (b'{"variant_id":"V"}', None),
        (b'{"id":"abc"', None),
        (b'{"x":' + b"[" * 100_000, None),
    ],
)
def test_ids_of_foreign_values(value: bytes, expected: str | None) -> None:
    """The id is found however the record is written, and a value without one has none."""
    assert expected == notification_id_of(value)


@pytest.mark.parametrize("price", [2**64, -(2**63) - 1, 10**300])
def test_huge_prices(price: int) -> None:
    """A price beyond 64 bits is carried as it is, from the variant and from the sign-up."""
    entry = SubscribeEvent(VARIANT, OPENED, Profile(id="P"), ("id:P",), product={"price": price})
    bare = WaveHeader(VARIANT, 1, OPENED, 1, 1, OPENED, {})
    priced = WaveHeader(VARIANT, 1, OPENED, 1, 1, OPENED, {"price": price})
    for header, person in [(bare, entry), (priced, ENTRY)]:
        [(_, value)] = notifications_for(header, 1, [person])
        assert {"price": price} == json.loads(value)["product"]


def test_an_empty_slice() -> None:
    """Nobody to tell is no record."""
    assert encode_slice(WaveSlice(HEADER, 1, 0, [], [])) == []


@pytest.mark.parametrize("known", [True, False])
def test_waitlist_record(*, known: bool) -> None:
    """A status is a valid waitlist record under the variant's id, unknown times being null."""
    status = WaitlistStatus(
        variant_id="Größe L",
        quantity=7 if known else None,
        offered=known,
        cycle=int(known),
        cycle_opened_at=OPENED if known else None,
        waiting=3,
        told=100,
        next_wave_at=OPENED + 1 if known else None,
        updated_at=OPENED,
        product={"price": 2**64, "title": "Jacke"} if known else {},
    )
    key, value = encode_status(status)
    assert key.decode() == "Größe L"
    record = validate_record(WaitlistRecord, value).model_dump(exclude_defaults=True)
    assert record == {name: getattr(status, name) for name in status.__struct_fields__}
    assert list(status.__struct_fields__) == list(json.loads(value))


def _plain_notification(
    header: WaveHeader, entry: SubscribeEvent, position: int
) -> dict[str, object]:
    key = entry.identifiers[0]
    profile = {name: getattr(entry.profile, name) for name in Profile.__struct_fields__}
    return {
        "id": notification_id(header.variant_id, key, entry.occurred_at),
        "variant_id": header.variant_id,
        "profile": {name: value for name, value in profile.items() if value is not None},
        "product": {**(entry.product or {}), **header.product},
        "channels": list(entry.channels),
        "consent": list(entry.consent),
        "locale": entry.locale,
        "market": entry.market,
        "priority": entry.priority,
        "cycle": header.cycle,
        "cycle_opened_at": format_timestamp(header.cycle_opened_at),
        "wave": header.wave,
        "position": position,
        "quantity": header.quantity,
        "subscribed_at": format_timestamp(entry.occurred_at),
        "triggered_at": format_timestamp(header.triggered_at),
    }


def _ordered(record: object, like: dict[str, object]) -> dict[str, object]:
    assert isinstance(record, dict)
    assert record.keys() == like.keys()
    return {name: record[name] for name in like}
