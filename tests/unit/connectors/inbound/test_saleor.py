# SPDX-License-Identifier: Apache-2.0
"""Saleor's webhooks: figures less allocations, and signatures."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import ValidationError

from connectors.inbound.contract import Message
from connectors.inbound.saleor import SaleorSettings, SaleorSource
from tests.naive.replay import replay
from tests.support.platforms import NOW, ms, reasons, said, sample, values

EVENT: dict[str, Any] = json.loads(sample("saleor_stock_updated.json"))
VARIANT = "$custom:::$default:::UHJvZHVjdFZhcmlhbnQ6MQ=="
KEY, OTHER = (generate_private_key(65_537, 2048) for _ in range(2))


def test_the_figure_of_a_warehouse_is_what_is_not_allocated() -> None:
    """What is ordered but not yet sent is still in the warehouse, and sold."""
    first, second, _ = values(_source().map(said(EVENT)))
    assert {
        "variant_id": VARIANT,
        "quantity": 6,
        "occurred_at": ms("2026-11-20T09:00:00.250Z"),
        "location_id": "V2FyZWhvdXNlOjE=",
        "sequence": 1,
        "policy": "deny",
        "product": {"product_id": "UHJvZHVjdDo3", "title": "Winter coat", "variant_title": "M"},
        "source": "saleor",
    } == first
    assert 3 == second["quantity"]


@pytest.mark.parametrize("wrapped", [{"event": EVENT}, {"data": {"event": EVENT}}])
def test_an_event_may_be_wrapped(wrapped: object) -> None:
    """As GraphQL answers."""
    assert _source().map(said(EVENT)) == _source().map(said(wrapped))


def test_nobody_makes_it_read_a_message_a_thousand_times() -> None:
    """GraphQL has two wrappers: what is in more of them is no event."""
    body = b'{"data":' * 500 + json.dumps(EVENT).encode() + b"}" * 500
    assert ["missing_field"] == reasons(_source().map(said(body)))


@pytest.mark.parametrize(("left", "told"), [([0], 0), ([], 0), ([1], 1)])
def test_a_warehouse_that_is_not_listed_any_more_has_nothing(left: list[int], told: int) -> None:
    """Its figure would be offered for ever; the others are not interrupted by its removal."""
    stocks = [
        {"quantity": quantity, "quantityAllocated": 0, "warehouse": {"id": name}}
        for name, quantity in (("A", 0), ("B", 4), ("C", 5))
    ]
    later = {"issuedAt": "2026-11-20T10:00:00Z"}
    both = said(EVENT | {"productVariant": EVENT["productVariant"] | {"stocks": stocks[:2]}})
    rest = EVENT["productVariant"] | {"stocks": [stocks[number] for number in left]}
    source = _source()
    stock = [
        values(source.map(each)) for each in (both, said(EVENT | later | {"productVariant": rest}))
    ]
    wish = {"type": "subscribe", "variant_id": VARIANT, "profile": {"id": "p"}}
    lines: list[dict[str, object]] = [
        {"at": NOW + number, "topic": "inventory", "value": value}
        for number, value in enumerate([*stock[0], *stock[1]])
    ]
    lines.append(
        {
            "at": NOW + 100,
            "topic": "subscriptions",
            "value": wish | {"occurred_at": "2026-11-19T00:00:00Z"},
        }
    )
    # The cycle is still the first: at no time was nothing left.
    found = [value["cycle"] for _, value in replay(lines, {}).notifications]
    assert [1] * told == found


def test_where_a_warehouse_is_refused_nothing_is_removed() -> None:
    """It may be the one."""
    stocks = [*EVENT["productVariant"]["stocks"][:1], {"quantity": 1, "warehouse": {"id": "X"}}]
    found = _source().map(_variant(stocks=stocks))
    assert (["no_figure"], [6]) == (reasons(found), [each["quantity"] for each in values(found)])


def test_with_totals_it_is_what_is_available() -> None:
    """And variants may go by their SKU."""
    [value] = values(_source(figures="totals", variant="sku").map(said(EVENT)))
    assert (9, "$custom:::$default:::COAT-M") == (value["quantity"], value["variant_id"])
    assert "location_id" not in value


@pytest.mark.parametrize(("tracked", "policy"), [(True, "deny"), (False, "continue"), (None, None)])
def test_what_is_not_tracked_can_always_be_bought(tracked: object, policy: str | None) -> None:
    """So its policy is to continue."""
    value, *_ = values(_source().map(_variant(trackInventory=tracked)))
    assert policy == value.get("policy")


@pytest.mark.parametrize(
    ("fields", "figures"),
    [
        ({"stocks": None}, "warehouses"),
        ({"stocks": [{"quantity": 10, "warehouse": {"id": "W"}}]}, "warehouses"),
        ({"stocks": [{"quantity": 10, "quantityAllocated": 0, "warehouse": {}}]}, "warehouses"),
        ({"quantityAvailable": None}, "totals"),
    ],
)
def test_a_subscription_that_asks_for_too_little_is_refused(
    fields: dict[str, object], figures: str
) -> None:
    """Without the allocations, what is sold would be offered."""
    assert ["no_figure"] == reasons(_source(figures=figures).map(_variant(**fields)))


@pytest.mark.parametrize("missing", ["issuedAt", "productVariant"])
def test_an_event_needs_its_time_and_its_variant(missing: str) -> None:
    """The reason says what the subscription must ask for."""
    assert ["missing_field"] == reasons(_source().map(said(EVENT | {missing: None})))


@pytest.mark.parametrize(
    ("event", "ignored"),
    [
        ("product_variant_back_in_stock", "ignores_allocations"),
        ("ProductVariantBackInStockInChannel", "ignores_allocations"),
        ("ProductVariantBackInStockForClickAndCollect", "ignores_allocations"),
        ("product_variant_out_of_stock", "other_topic"),
        ("order_created", "other_topic"),
    ],
)
def test_other_events_are_ignored(event: str, ignored: str) -> None:
    """Named by their type, or by the header where the subscription does not ask for it."""
    assert ignored == _source().map(said(EVENT | {"__typename": event})).ignored
    assert ignored == _source().map(said(EVENT | {"__typename": None}, saleor_event=event)).ignored


def test_a_deleted_variant_loses_all_figures() -> None:
    """As of when it was told."""
    [value] = values(_source().map(said(EVENT | {"__typename": "ProductVariantDeleted"})))
    assert (VARIANT, None) == (value["variant_id"], value["quantity"])
    assert "location_id" not in value


def test_a_secret_key_signs_in_hexadecimal_digits() -> None:
    """As Saleor did before it signed with keys of its own."""
    source, body = _source(secrets=["old", "new"]), json.dumps(EVENT).encode()
    for secret, known in [("old", True), ("new", True), ("other", False)]:
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        assert known is source.is_authentic(said(body, saleor_signature=signature))
    assert not source.is_authentic(said(body, host="h"))


@pytest.mark.parametrize("plain", [True, False])
def test_a_detached_signature_is_verified(*, plain: bool) -> None:
    """With the payload as it is (RFC 7797), or encoded (RFC 7515)."""
    source, body = _source(keys=_key_set(KEY)), json.dumps(EVENT).encode()
    good = _signature(
        KEY, body, {"alg": "RS256", "b64": False, "crit": ["b64"]} if plain else {"alg": "RS256"}
    )
    assert source.is_authentic(said(body, saleor_signature=good))
    assert not source.is_authentic(said(body + b" ", saleor_signature=good))
    assert not _source(keys=_key_set(OTHER)).is_authentic(said(body, saleor_signature=good))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS256", "crit": ["exp"]},
        {"alg": "RS256", "crit": 5},
        {},
        [],
    ],
)
def test_a_header_of_another_kind_is_no_signature(header: object) -> None:
    """Least of all one that names another algorithm."""
    body = json.dumps(EVENT).encode()
    message = said(body, saleor_signature=_signature(KEY, body, header))
    assert not _source(keys=_key_set(KEY)).is_authentic(message)


@pytest.mark.parametrize(
    "signature", ["", ".", "..", "a.b.c", "é..é", "e30..", "\ud800..", "W1tb" * 9000 + ".."]
)
def test_what_is_no_signature_is_none(signature: str) -> None:
    """Whatever is in the header."""
    source = _source(keys=_key_set(KEY), secrets=["secret"])
    assert not source.is_authentic(said(EVENT, saleor_signature=signature))


def test_without_keys_everything_is_authentic() -> None:
    """As the settings' docstring warns."""
    assert _source().is_authentic(said(EVENT, host="h"))


@pytest.mark.parametrize(
    "keys", ["", "[]", '{"keys": []}', '{"keys": [{"kty": "RSA", "n": "AQ"}]}']
)
def test_keys_must_be_a_key_set(keys: str) -> None:
    """With a key that can be used."""
    with pytest.raises(ValidationError, match="keys "):
        _source(keys=keys)


def _source(**settings: object) -> SaleorSource:
    return SaleorSource(SaleorSettings.model_validate(settings), "saleor")


def _variant(**fields: object) -> Message:
    return said(EVENT | {"productVariant": EVENT["productVariant"] | fields})


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _key_set(key: RSAPrivateKey) -> str:
    numbers = key.public_key().public_numbers()
    n, e = (
        _encoded(number.to_bytes((number.bit_length() + 7) // 8))
        for number in (numbers.n, numbers.e)
    )
    return json.dumps({"keys": [{"kty": "EC"}, {"kty": "RSA", "use": "sig", "n": n, "e": e}]})


def _signature(key: RSAPrivateKey, body: bytes, header: object) -> str:
    head = _encoded(json.dumps(header).encode())
    plain = isinstance(header, dict) and header.get("b64") is False
    payload = body if plain else _encoded(body).encode()
    raw = key.sign(head.encode() + b"." + payload, PKCS1v15(), SHA256())
    return f"{head}..{_encoded(raw)}"
