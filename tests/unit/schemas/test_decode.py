# SPDX-License-Identifier: Apache-2.0
"""Decoding input records: every rule of docs/semantics.md section 1, one by one."""

import json

import pytest

from schemas import decode
from schemas.decode import decode_inventory, decode_subscription
from schemas.errors import DeadLetterReason, InvalidRecord
from schemas.events import (
    Product,
    Profile,
    StockDetails,
    StockEvent,
    SubscribeEvent,
    UnsubscribeEvent,
)

ARRIVAL = 1_795_000_364_460
MINUTES = 60_000
EMOJI = "\U0001f600"

Json = dict[str, object]

STOCK: Json = {"variant_id": "V", "quantity": 7, "occurred_at": ARRIVAL}
SIGN_UP: Json = {
    "type": "subscribe",
    "variant_id": "V",
    "profile": {"id": "P1"},
    "occurred_at": ARRIVAL,
}
SIGN_OFF: Json = {**SIGN_UP, "type": "unsubscribe"}


def _stock(**fields: object) -> StockEvent:
    return decode_inventory(json.dumps({**STOCK, **fields}).encode(), ARRIVAL)


def _sign_up(**fields: object) -> SubscribeEvent | UnsubscribeEvent:
    return decode_subscription(json.dumps({**SIGN_UP, **fields}).encode(), ARRIVAL)


def _without(record: Json, field: str) -> bytes:
    return json.dumps({name: value for name, value in record.items() if name != field}).encode()


def test_inventory_with_defaults() -> None:
    """The three required fields make a total without details."""
    expected = StockEvent(variant_id="V", quantity=7, occurred_at=ARRIVAL)
    assert expected == _stock()
    assert (expected.sequence, expected.location_id, expected.details) == (0, None, None)


def test_inventory_with_everything() -> None:
    """All known fields are taken, tracing fields and unknown ones are dropped."""
    product: Product = {"product_id": "p", "title": "Jacket", "price": "90.00", "currency": "SEK"}
    expected = StockEvent(
        variant_id="Größe L/ünï",
        quantity=-3,
        occurred_at=ARRIVAL - 5,
        sequence=-9,
        location_id="A",
        details=StockDetails(policy="continue", available=False, published=True, product=product),
    )
    assert expected == _stock(
        variant_id="Größe L/ünï",
        quantity=-3,
        occurred_at="2026-11-18T12:12:44.455+01:00",
        sequence=-9,
        location_id="A",
        policy="continue",
        available=False,
        published=True,
        product={**product, "url": None, "colour": {"deep": ["\ud800"]}},
        event_id="e",
        source="s",
        warehouse=[1, 2, {}],
    )


def test_subscribe_with_defaults() -> None:
    """One identifier makes a sign-up by email, at priority 0, without an end."""
    expected = SubscribeEvent(
        variant_id="V", occurred_at=ARRIVAL, profile=Profile(id="P1"), identifiers=("id:P1",)
    )
    assert expected == _sign_up()
    assert (expected.channels, expected.consent, expected.priority) == (("EMAIL",), (), 0)
    assert expected.expires_at is None
    assert expected.product is None


def test_subscribe_with_everything() -> None:
    """All known fields are taken; the profile stays as given beside its normalised form."""
    expected = SubscribeEvent(
        variant_id="V",
        occurred_at=ARRIVAL,
        profile=Profile(external_id="X", email=" A@B.example", phone_number="+46 70"),
        identifiers=("external:X", "email:a@b.example", "phone:+4670"),
        channels=("SMS", "EMAIL"),
        priority=9,
        expires_at=ARRIVAL + 86_400_000,
        consent=("WHATSAPP", "SMS"),
        locale="sv",
        market="SE",
        product={"price": 90.5},
    )
    assert expected == _sign_up(
        profile={"external_id": "X", "email": " A@B.example", "phone_number": "+46 70", "age": 7},
        channels=["SMS", "EMAIL", "SMS"],
        priority=9,
        expires_at="2026-11-19T11:12:44.460Z",
        consent=["WHATSAPP", "WHATSAPP", "SMS"],
        locale="sv",
        market="SE",
        product={"price": 90.5},
        event_id="e",
    )


def test_unsubscribe_looks_at_four_fields() -> None:
    """Of a sign-off the other fields may be anything."""
    expected = UnsubscribeEvent(variant_id="V", occurred_at=ARRIVAL, identifiers=("id:P1",))
    assert expected == _sign_up(type="unsubscribe")
    assert expected == _sign_up(
        type="unsubscribe", channels=[], priority="high", expires_at="never", product=7, locale=""
    )


@pytest.mark.parametrize("field", ["location_id", "sequence", "policy", "available", "published",
                                   "product", "event_id", "source"])  # fmt: skip
def test_null_is_the_default_of_inventory(field: str) -> None:
    """Null stands for the default of every optional field."""
    assert _stock() == _stock(**{field: None})


@pytest.mark.parametrize("field", ["channels", "priority", "expires_at", "consent", "locale",
                                   "market", "product", "event_id"])  # fmt: skip
def test_null_is_the_default_of_subscriptions(field: str) -> None:
    """Null stands for the default of every optional field."""
    assert _sign_up() == _sign_up(**{field: None})


@pytest.mark.parametrize("field", STOCK)
def test_required_of_inventory(field: str) -> None:
    """Each of the three required fields must be there."""
    assert (DeadLetterReason.MISSING_FIELD, field) == _verdict_of_stock(_without(STOCK, field))


@pytest.mark.parametrize("field", SIGN_UP)
@pytest.mark.parametrize("record", [SIGN_UP, SIGN_OFF])
def test_required_of_subscriptions(record: Json, field: str) -> None:
    """Each of the four required fields must be there, for sign-ups and for sign-offs."""
    verdict = _verdict_of_subscription(_without(record, field))
    assert (DeadLetterReason.MISSING_FIELD, field) == verdict


@pytest.mark.parametrize("field", ["variant_id", "occurred_at"])
def test_null_is_no_value_of_a_required_field(field: str) -> None:
    """A required field other than the quantity may not be null."""
    value = json.dumps({**STOCK, field: None}).encode()
    assert (DeadLetterReason.WRONG_TYPE, field) == _verdict_of_stock(value)


def test_null_quantity() -> None:
    """A null quantity says that there is no such figure any more."""
    assert _stock(quantity=None).quantity is None


@pytest.mark.parametrize("number", ["7", "7.0", "70e-1", "0.7E+1"])
def test_integers_however_written(number: str) -> None:
    """JSON has one kind of number: 7.0 is the integer 7, in any field."""
    value = b'{"variant_id":"V","quantity":%b,"sequence":%b,"occurred_at":1795000364460.0}'
    event = decode_inventory(value % (number.encode(), number.encode()), ARRIVAL)
    assert repr(StockEvent("V", 7, ARRIVAL, 7)) == repr(event)


@pytest.mark.parametrize("figure", [2**53 - 1, 1 - 2**53, -0.0])
def test_integers_within_range(figure: float) -> None:
    """Integers lie within plus and minus 2^53 - 1."""
    assert repr(int(figure)) == repr(_stock(quantity=figure).quantity)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("variant_id", "", DeadLetterReason.OUT_OF_RANGE),
        ("variant_id", "a" * 256, DeadLetterReason.OUT_OF_RANGE),
        ("variant_id", 7, DeadLetterReason.WRONG_TYPE),
        ("variant_id", "a\nb", DeadLetterReason.INVALID_VALUE),
        ("variant_id", "a\x7f", DeadLetterReason.INVALID_VALUE),
        ("variant_id", "\x9f", DeadLetterReason.INVALID_VALUE),
        ("variant_id", "\ud800", DeadLetterReason.INVALID_VALUE),
        ("location_id", "", DeadLetterReason.OUT_OF_RANGE),
        ("location_id", "a" * 256, DeadLetterReason.OUT_OF_RANGE),
        ("location_id", "\0", DeadLetterReason.INVALID_VALUE),
        ("quantity", "7", DeadLetterReason.WRONG_TYPE),
        ("quantity", True, DeadLetterReason.WRONG_TYPE),
        ("quantity", 7.5, DeadLetterReason.WRONG_TYPE),
        ("quantity", [], DeadLetterReason.WRONG_TYPE),
        ("quantity", 2**53, DeadLetterReason.OUT_OF_RANGE),
        ("quantity", -(2.0**53), DeadLetterReason.OUT_OF_RANGE),
        ("quantity", 2**80, DeadLetterReason.OUT_OF_RANGE),
        ("sequence", False, DeadLetterReason.WRONG_TYPE),
        ("sequence", 2**53, DeadLetterReason.OUT_OF_RANGE),
        ("occurred_at", "2026-11-18T11:12:44", DeadLetterReason.BAD_TIMESTAMP),
        ("occurred_at", ARRIVAL // 1000, DeadLetterReason.BAD_TIMESTAMP),
        ("occurred_at", ARRIVAL + 0.5, DeadLetterReason.WRONG_TYPE),
        ("occurred_at", True, DeadLetterReason.WRONG_TYPE),
        ("policy", "Deny", DeadLetterReason.INVALID_VALUE),
        ("policy", True, DeadLetterReason.INVALID_VALUE),
        ("available", 1, DeadLetterReason.WRONG_TYPE),
        ("published", "true", DeadLetterReason.WRONG_TYPE),
        ("product", "Jacket", DeadLetterReason.WRONG_TYPE),
        ("product", [], DeadLetterReason.WRONG_TYPE),
        ("event_id", "", DeadLetterReason.OUT_OF_RANGE),
        ("event_id", 7, DeadLetterReason.WRONG_TYPE),
        ("source", "\udc00", DeadLetterReason.INVALID_VALUE),
    ],
)
def test_invalid_inventory(field: str, value: object, reason: DeadLetterReason) -> None:
    """A known field that breaks its rule makes the record invalid, and is named."""
    verdict = _verdict_of_stock(json.dumps({**STOCK, field: value}).encode())
    assert (reason, field) == verdict


@pytest.mark.parametrize(
    ("field", "value", "reason", "blamed"),
    [
        ("type", "Subscribe", DeadLetterReason.INVALID_VALUE, "type"),
        ("type", None, DeadLetterReason.INVALID_VALUE, "type"),
        ("type", ["subscribe"], DeadLetterReason.INVALID_VALUE, "type"),
        ("profile", "P1", DeadLetterReason.WRONG_TYPE, "profile"),
        ("profile", {}, DeadLetterReason.MISSING_FIELD, "profile"),
        ("profile", {"id": None}, DeadLetterReason.MISSING_FIELD, "profile"),
        ("profile", {"name": "P1"}, DeadLetterReason.MISSING_FIELD, "profile"),
        ("profile", {"id": ""}, DeadLetterReason.OUT_OF_RANGE, "profile.id"),
        ("profile", {"id": 7}, DeadLetterReason.WRONG_TYPE, "profile.id"),
        ("profile", {"id": "P", "email": " \t"}, DeadLetterReason.OUT_OF_RANGE, "profile.email"),
        ("profile", {"phone_number": "x"}, DeadLetterReason.OUT_OF_RANGE, "profile.phone_number"),
        ("channels", [], DeadLetterReason.OUT_OF_RANGE, "channels"),
        ("channels", "EMAIL", DeadLetterReason.WRONG_TYPE, "channels"),
        ("channels", ["EMAIL", "email"], DeadLetterReason.INVALID_VALUE, "channels[1]"),
        ("channels", [None], DeadLetterReason.INVALID_VALUE, "channels[0]"),
        ("consent", ["FAX"], DeadLetterReason.INVALID_VALUE, "consent[0]"),
        ("consent", {}, DeadLetterReason.WRONG_TYPE, "consent"),
        ("priority", -1, DeadLetterReason.OUT_OF_RANGE, "priority"),
        ("priority", 10, DeadLetterReason.OUT_OF_RANGE, "priority"),
        ("priority", "1", DeadLetterReason.WRONG_TYPE, "priority"),
        ("expires_at", "tomorrow", DeadLetterReason.BAD_TIMESTAMP, "expires_at"),
        ("locale", "", DeadLetterReason.OUT_OF_RANGE, "locale"),
        ("market", 46, DeadLetterReason.WRONG_TYPE, "market"),
        ("product", {"title": ""}, DeadLetterReason.OUT_OF_RANGE, "product.title"),
        ("product", {"url": 7}, DeadLetterReason.WRONG_TYPE, "product.url"),
        ("product", {"price": ""}, DeadLetterReason.OUT_OF_RANGE, "product.price"),
        ("product", {"price": True}, DeadLetterReason.WRONG_TYPE, "product.price"),
        ("product", {"price": "\ud800"}, DeadLetterReason.INVALID_VALUE, "product.price"),
    ],
)
def test_invalid_subscription(
    field: str, value: object, reason: DeadLetterReason, blamed: str
) -> None:
    """A known field that breaks its rule makes the record invalid, and its path is named."""
    verdict = _verdict_of_subscription(json.dumps({**SIGN_UP, field: value}).encode())
    assert (reason, blamed) == verdict


@pytest.mark.parametrize("identifier", ["a" * 255, EMOJI * 255, " ", "\u2028", "\u200b", "\u00a0"])
def test_identifiers_are_taken_as_they_are(identifier: str) -> None:
    """Any string of 1 to 255 code points without control characters identifies a variant."""
    event = _stock(variant_id=identifier, location_id=identifier)
    assert (identifier, identifier) == (event.variant_id, event.location_id)


@pytest.mark.parametrize("field", ["event_id", "source"])
def test_control_characters_elsewhere(field: str) -> None:
    """Only the identifiers of variants and locations must be free of control characters."""
    assert _stock() == _stock(**{field: "a\x00b\x9f"})


@pytest.mark.parametrize(
    "price", ["90.00", "\x00", 90, 90.5, -1, 0, 1e22, 2**64, -(2**63) - 1, 2**63, 10**300]
)
@pytest.mark.parametrize("unknown", [{}, {"x": 1}])
def test_price_is_carried_as_it_is(price: float | str, unknown: Json) -> None:
    """A price keeps its type and every digit, however large, beside unknown fields or not."""
    details = _stock(product={"price": price}, **unknown).details
    assert details is not None
    assert repr({"price": price}) == repr(details.product)


@pytest.mark.parametrize("product", [{}, {"title": None}, {"colour": "red"}])
def test_a_product_of_which_nothing_is_known(product: Json) -> None:
    """An object without a known field says nothing about the product."""
    assert _stock(product=product).details is None
    assert _stock() == _stock(product=product)


@pytest.mark.parametrize("value", [b"null", b"7", b'"text"', b"[]", b"true"])
def test_not_an_object(value: bytes) -> None:
    """JSON that is not an object is no record."""
    assert (DeadLetterReason.NOT_AN_OBJECT, "") == _verdict_of_stock(value)
    assert (DeadLetterReason.NOT_AN_OBJECT, "") == _verdict_of_subscription(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", DeadLetterReason.NOT_JSON),
        (b"{", DeadLetterReason.NOT_JSON),
        (b'{"x":NaN}', DeadLetterReason.NOT_JSON),
        (b'{"x":"\xff"}', DeadLetterReason.UNDECODABLE),
        (b'{"x":1e999}', DeadLetterReason.OUT_OF_RANGE),
    ],
)
def test_not_json(value: bytes, reason: DeadLetterReason) -> None:
    """What is not strict JSON is no record, not even where it would be ignored."""
    whole = value.replace(b"{", json.dumps(STOCK).encode()[:-1] + b",")
    assert (reason, "") == _verdict_of_stock(whole)


def test_the_last_duplicate_counts() -> None:
    """Of duplicate members the last is looked at, even when the first is of another type."""
    value = b'{"quantity":"x","profile":1,' + json.dumps(STOCK).encode()[1:]
    assert _stock() == decode_inventory(value, ARRIVAL)
    value = json.dumps(STOCK).encode()[:-1] + b',"quantity":"x"}'
    assert (DeadLetterReason.WRONG_TYPE, "quantity") == _verdict_of_stock(value)


@pytest.mark.parametrize("ahead", [0, 1, 10 * MINUTES])
def test_slightly_ahead_is_the_arrival(ahead: int) -> None:
    """A record dated up to ten minutes after its arrival counts as dated at its arrival."""
    assert ARRIVAL == _stock(occurred_at=ARRIVAL + ahead).occurred_at
    assert ARRIVAL == _sign_up(occurred_at=ARRIVAL + ahead).occurred_at
    assert ARRIVAL == _sign_up(type="unsubscribe", occurred_at=ARRIVAL + ahead).occurred_at


def test_further_ahead_is_invalid() -> None:
    """A record dated more than ten minutes after its arrival is invalid, of either kind."""
    late: Json = {"occurred_at": ARRIVAL + 10 * MINUTES + 1}
    expected = (DeadLetterReason.IN_THE_FUTURE, "occurred_at")
    assert expected == _verdict_of_stock(json.dumps({**STOCK, **late}).encode())
    assert expected == _verdict_of_subscription(json.dumps({**SIGN_UP, **late}).encode())
    assert expected == _verdict_of_subscription(json.dumps({**SIGN_OFF, **late}).encode())


def test_the_past_stays_as_it_is() -> None:
    """A record may be dated any time before its arrival, and expire at any time."""
    event = _sign_up(occurred_at="2001-01-01T00:00:00Z", expires_at="9999-12-31T23:59:59.999Z")
    assert isinstance(event, SubscribeEvent)
    assert (978_307_200_000, 253_402_300_799_999) == (event.occurred_at, event.expires_at)


def test_common_records_need_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Valid records as producers write them, with unknown fields too, never take the slow way."""
    monkeypatch.setattr(decode, "validate_record", None)
    unknown = {"trace": {"id": "x"}, "tags": ["a", 1.5, None]}
    product = {"title": "Jacket", "price": 90.5, "colour": "red"}
    assert _stock(**unknown, product=product).details == StockDetails(
        product={"title": "Jacket", "price": 90.5}
    )
    assert _sign_up() == _sign_up(**unknown)
    assert _sign_up(type="unsubscribe") == _sign_up(type="unsubscribe", **unknown, priority="x")


def _verdict_of_stock(value: bytes) -> tuple[DeadLetterReason, str]:
    with pytest.raises(InvalidRecord) as raised:
        decode_inventory(value, ARRIVAL)
    return raised.value.reason, raised.value.field


def _verdict_of_subscription(value: bytes) -> tuple[DeadLetterReason, str]:
    with pytest.raises(InvalidRecord) as raised:
        decode_subscription(value, ARRIVAL)
    return raised.value.reason, raised.value.field
