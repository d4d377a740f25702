# SPDX-License-Identifier: Apache-2.0
"""What is written at speed is, byte for byte, what is written plainly."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.encode import encode_status, encode_statuses, profile_key
from schemas.events import (
    Product,
    Profile,
    SubscribeEvent,
    WaitlistStatus,
    WaveHeader,
)
from schemas.identifiers import person_identifiers
from schemas.timestamps import MAX_TIMESTAMP, MIN_TIMESTAMP
from tests.support.telling import notifications_for, slices_of
from tests.unit.schemas.plain_encoding import plain_notification, plain_status
from tests.unit.schemas.record_texts import STEADY

_AT = 1_795_000_000_000

_ODD = st.sampled_from(
    ["%", "%b", "%%d", "%(a)s", '"', "\\", "\0", "\x7f", "\u2028", "ß€😀", "\r\n"]
)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8) | _ODD
_TIME = st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP) | st.integers(_AT, _AT + 2_000)
_CHANNELS = st.lists(st.sampled_from(["EMAIL", "SMS", "PUSH", "WHATSAPP"]), unique=True).map(tuple)
_PRICE = (
    _TEXT
    | st.sampled_from([1, 1.0, 0, 0.0, -0.0])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(10**30), 10**30)
)
_PRODUCT = st.fixed_dictionaries(
    {}, optional={"title": _TEXT, "url": _TEXT, "currency": _TEXT, "price": _PRICE}
)
_COUNT = st.integers(1, 2**53 - 1)
_HEADERS = st.builds(
    WaveHeader,
    variant_id=_TEXT,
    cycle=_COUNT,
    cycle_opened_at=_TIME,
    wave=_COUNT,
    quantity=_COUNT,
    triggered_at=_TIME,
    product=_PRODUCT,
)
_PROFILES = st.fixed_dictionaries(
    {},
    optional={
        "id": _TEXT,
        "external_id": _TEXT,
        "email": _TEXT.map(" Ä{}@Example.COM\t".format) | _TEXT.map("P{}@EXAMPLE.com".format),
        "phone_number": _TEXT.map("+49 (0) {}".format),
    },
).filter(bool)
_STATUSES = st.builds(
    WaitlistStatus,
    variant_id=_TEXT,
    quantity=st.none() | st.integers(-(2**53), 2**53),
    offered=st.booleans(),
    cycle=st.integers(0, 2**40),
    cycle_opened_at=st.none() | _TIME,
    waiting=st.integers(0, 2**40),
    told=st.integers(0, 2**40),
    next_wave_at=st.none() | _TIME,
    updated_at=_TIME,
    product=_PRODUCT,
)


@st.composite
def _sign_ups(draw: st.DrawFn) -> list[SubscribeEvent]:
    """People of whom several wish the same, or nearly."""
    locales = draw(st.lists(st.none() | _TEXT, min_size=1, max_size=2))
    products = draw(st.lists(st.none() | _PRODUCT.filter(bool), min_size=1, max_size=3))
    return [
        SubscribeEvent(
            "not looked at",
            draw(_TIME),
            Profile(**given_fields),
            person_identifiers(**given_fields),
            draw(st.just(()) | _CHANNELS) or ("EMAIL",),
            draw(st.sampled_from([0, 0, 9])),
            draw(st.none() | _TIME),
            draw(st.just(()) | _CHANNELS),
            draw(st.sampled_from(locales)),
            draw(st.sampled_from(locales)),
            draw(st.sampled_from(products)),
        )
        for given_fields in draw(st.lists(_PROFILES, max_size=5))
    ]


@settings(STEADY, max_examples=150)
@given(_HEADERS, st.integers(1, 2**40), _sign_ups())
def test_notifications(header: WaveHeader, first: int, sign_ups: list[SubscribeEvent]) -> None:
    """Whatever people gave and wish, packed and unpacked: their records are the plain ones."""
    expected = [plain_notification(header, at, who) for at, who in enumerate(sign_ups, first)]
    assert expected == notifications_for(header, first, sign_ups)


@settings(STEADY, max_examples=30)
@given(_HEADERS, _sign_ups())
def test_profile_keys(header: WaveHeader, sign_ups: list[SubscribeEvent]) -> None:
    """The profile key of whoever is told is the first of the sign-up's identifiers."""
    people = [who for one in slices_of(header, 1, sign_ups) for who in one.people]
    assert [event.identifiers[0] for event in sign_ups] == list(map(profile_key, people))


@pytest.mark.parametrize(
    "products",
    [
        [{"price": 1}, {"price": 1.0}, {"price": "1"}, None],
        [{"title": "a", "price": 0.0}, {"price": -0.0, "title": "a"}],
        [{"price": 2**64}, {"price": float(2**64)}],
    ],
)
def test_products_that_are_equal_but_not_the_same(products: list[Product | None]) -> None:
    """Each person's product is written as they gave it, although Python finds them equal."""
    header = WaveHeader("v", 1, _AT, 1, 1, _AT, {"currency": "EUR"})
    sign_ups = [
        SubscribeEvent("v", _AT, Profile(id="p"), ("id:p",), product=product)
        for product in products
    ]
    expected = [plain_notification(header, at, who) for at, who in enumerate(sign_ups, 1)]
    written = {value.partition(b'"product":')[2].partition(b"}")[0] for _, value in expected}
    assert len(products) == len(written)
    assert expected == notifications_for(header, 1, sign_ups)


@settings(STEADY, max_examples=60)
@given(st.lists(_STATUSES, max_size=3))
def test_statuses(statuses: list[WaitlistStatus]) -> None:
    """Waitlist records are the plain ones, one by one and many at a time."""
    expected = [plain_status(status) for status in statuses]
    assert expected == [encode_status(status) for status in statuses]
    assert expected == encode_statuses(statuses)
