# SPDX-License-Identifier: Apache-2.0
"""Shopify's webhooks: who sent them, what they are about, and what follows."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from connectors.inbound.contract import Learned, Message
from connectors.inbound.shopify import ShopifySource
from connectors.inbound.shopify_settings import ShopifySettings
from tests.support.platforms import ms, reasons, said, sample, values

VARIANT = "$shopify:::$default:::42330004445556"
ITEM = 271878346596884015
LEVEL: dict[str, Any] = {
    "inventory_item_id": ITEM,
    "location_id": 655441491,
    "available": 4,
    "updated_at": "2026-11-20T10:00:00+01:00",
}


def test_a_level_is_the_figure_of_a_location() -> None:
    """With the time of the payload, and ids beyond 2^53 with all their digits."""
    source = _source()
    source.learn(Learned("271878346596884015", VARIANT))
    [value] = values(source.map(_webhook("inventory_levels/update", LEVEL, event="e-1")))
    assert {
        "variant_id": VARIANT,
        "quantity": 4,
        "location_id": "655441491",
        "occurred_at": ms("2026-11-20T09:00:00Z"),
        "sequence": ms("2026-11-20T09:00:00Z"),
        "event_id": "e-1",
        "source": "shopify",
    } == value


@pytest.mark.parametrize("available", [None, -3, "12", 0])
def test_what_is_available(available: object) -> None:
    """Null: not counted there, so no figure; oversold is negative; text is a number too."""
    source = _known()
    [value] = values(
        source.map(_webhook("INVENTORY_LEVELS/UPDATE", LEVEL | {"available": available}))
    )
    assert (None if available is None else int(str(available))) == value["quantity"]


def test_a_level_without_its_figure_is_refused() -> None:
    """It would look like one that was disconnected."""
    body = {name: LEVEL[name] for name in ("inventory_item_id", "location_id", "updated_at")}
    assert ["no_figure"] == reasons(_known().map(_webhook("inventory_levels/connect", body)))


def test_a_disconnected_location_has_no_figure_as_of_its_trigger() -> None:
    """It has no time of its own; without the header it is as of its arrival."""
    body = {"inventory_item_id": ITEM, "location_id": 655441491}
    message = _webhook(
        "inventory_levels/disconnect", body, triggered="2026-11-20T09:00:00.877041743Z"
    )
    [value] = values(_known().map(message))
    assert (None, "655441491") == (value["quantity"], value["location_id"])
    assert ms("2026-11-20T09:00:00Z") == value["occurred_at"]
    assert ms("2026-11-20T09:00:00.877Z") == value["sequence"]
    [value] = values(_known().map(_webhook("inventory_levels/disconnect", body)))
    assert ms("2026-11-21T12:00:00Z") == value["occurred_at"]


@pytest.mark.parametrize("triggered", ["yesterday", "2026-12-24T00:00:00Z", ""])
def test_a_trigger_that_is_no_time_is_left_out(triggered: str) -> None:
    """The header is not signed: nothing may depend on it."""
    [value] = values(_known().map(_webhook("inventory_levels/update", LEVEL, triggered=triggered)))
    assert value["occurred_at"] == value["sequence"]


def test_within_a_second_the_trigger_decides() -> None:
    """A disconnected level has its place among updates of the same second."""
    source = _known()
    keys = []
    for topic, triggered in [("update", "100"), ("disconnect", "500"), ("connect", "900")]:
        message = _webhook(
            f"inventory_levels/{topic}", LEVEL, triggered=f"2026-11-20T09:00:00.{triggered}Z"
        )
        [value] = values(source.map(message))
        keys.append((value["occurred_at"], value["sequence"]))
    assert sorted(keys) == keys
    assert 3 == len(set(keys))


def test_what_is_dated_ahead_is_refused_and_teaches_nothing() -> None:
    """Or all that is true later would look old."""
    source = _source()
    product = json.loads(sample("shopify_products_update.json"))
    ahead = product | {"updated_at": "2099-01-01T00:00:00Z"}
    refused = source.map(_webhook("products/update", ahead))
    assert (["in_the_future"], ()) == (reasons(refused), refused.learned)
    assert 2 == len(source.map(_webhook("products/update", product)).learned)


def test_an_unknown_item_waits_for_its_product() -> None:
    """It is refused, but kept: the newest of each location comes with the product."""
    source = _source()
    older = LEVEL | {"available": 9, "updated_at": "2026-11-20T08:00:00+01:00"}
    for level in (LEVEL, older, LEVEL | {"location_id": 7, "available": 1}):
        assert ["unknown_item"] == reasons(source.map(_webhook("inventory_levels/update", level)))
    told = source.map(
        said(sample("shopify_products_update.json"), x_shopify_topic="products/update")
    )
    assert [("655441491", 4), ("7", 1)] == [
        (value["location_id"], value["quantity"])
        for value in values(told)
        if value["location_id"] != "products"
    ]
    assert Learned(str(ITEM), VARIANT, "7790001112223") in told.learned


def test_what_waits_comes_again_until_a_newer_one_has_come() -> None:
    """Had the records of the first answer not been written, nothing would be lost."""
    source = _source()
    source.map(_webhook("inventory_levels/update", LEVEL))
    product = said(sample("shopify_products_update.json"), x_shopify_topic="products/update")
    assert [3, 3] == [len(source.map(product).records) for _ in range(2)]
    source.map(_webhook("inventory_levels/update", LEVEL))
    assert 2 == len(source.map(product).records)


def test_what_another_process_has_learned_lets_it_go() -> None:
    """With the next message, whatever that is."""
    source = _source()
    source.map(_webhook("inventory_levels/update", LEVEL))
    source.learn(Learned(str(ITEM), VARIANT))
    mapped = source.map(_webhook("orders/create", {}))
    assert ([4], None) == ([value["quantity"] for value in values(mapped)], mapped.ignored)
    assert "other_topic" == source.map(_webhook("orders/create", {})).ignored


def test_no_more_than_ten_thousand_figures_wait() -> None:
    """The items that were first in line are forgotten."""
    source = _source()
    for number in range(10_001):
        source.map(_webhook("inventory_levels/update", LEVEL | {"inventory_item_id": number}))
    for item in ("0", "1"):
        source.learn(Learned(item, VARIANT))
    assert 1 == len(source.map(_webhook("orders/create", {})).records)


@pytest.mark.parametrize(
    ("topic", "body"), [("orders/create", {}), ("inventory_items/update", {"id": 1})]
)
def test_other_topics_are_ignored(topic: str, body: object) -> None:
    """They are right, but nothing follows from them."""
    assert "other_topic" == _source().map(_webhook(topic, body)).ignored


def test_webhooks_of_other_shops_are_refused() -> None:
    """Where the shop is set; the header's letters may be large."""
    source = _source(shop="example.myshopify.com")
    source.learn(Learned(str(ITEM), VARIANT))
    for shop, expected in [("Example.myshopify.com", []), ("other", ["other_shop"])]:
        message = said(LEVEL, x_shopify_topic="inventory_levels/update", x_shopify_shop_domain=shop)
        assert expected == reasons(source.map(message))


def test_in_a_file_the_shape_says_what_it_is() -> None:
    """A level, one that was disconnected, a product; an id alone is none of them."""
    source = _source()
    assert 2 == len(source.map(said(sample("shopify_products_update.json"))).records)
    assert [4] == [value["quantity"] for value in values(source.map(said(LEVEL)))]
    gone = {"inventory_item_id": ITEM, "location_id": 655441491}
    assert [None] == [value["quantity"] for value in values(source.map(said(gone)))]
    assert ["unknown_topic"] == reasons(source.map(said({"id": 7})))


def test_lists_of_rest_are_read_in_files() -> None:
    """Each of their members by itself; the sample is what `GET inventory_levels` answers."""
    source = _source()
    source.learn(Learned("49148385", VARIANT))
    mapped = source.map(said(sample("shopify_inventory_levels.json")))
    assert ([2], ["unknown_item"]) == (
        [value["quantity"] for value in values(mapped)],
        reasons(mapped),
    )
    product = json.loads(sample("shopify_products_update.json"))
    assert 2 == len(source.map(said({"products": [product]})).records)
    assert "empty" == source.map(said({"products": []})).ignored


def _sign(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def test_a_webhook_is_signed_by_one_of_the_secrets() -> None:
    """While a secret is replaced by another, either is good; after that, the old one is not."""
    body = json.dumps(LEVEL).encode()
    both, new = _source(secrets=["old", "new"]), _source(secrets=["new"])
    for secret, known in [("old", (True, False)), ("new", (True, True)), ("x", (False, False))]:
        message = said(body, x_shopify_hmac_sha256=_sign(secret, body), host="h")
        assert known == (both.is_authentic(message), new.is_authentic(message))


@pytest.mark.parametrize("signature", ["", "?", "é", "AAAA", "a" * 43, "\ud800"])
def test_a_wrong_signature_is_none(signature: str) -> None:
    """Whatever is in the header, and if it is missing."""
    source = _source(secrets=["secret"])
    assert not source.is_authentic(said(LEVEL, x_shopify_hmac_sha256=signature))
    assert not source.is_authentic(said(LEVEL, host="h"))
    body = json.dumps(LEVEL).encode()
    other = said(body + b" ", x_shopify_hmac_sha256=_sign("secret", body))
    assert not source.is_authentic(other)


def test_without_a_secret_or_in_a_file_everything_is_authentic() -> None:
    """A file has no headers at all."""
    assert _source().is_authentic(said(LEVEL, host="h"))
    assert _source(secrets=["secret"]).is_authentic(said(LEVEL))


def test_an_empty_secret_is_no_secret() -> None:
    """Everybody could sign by it; and no error shows one."""
    with pytest.raises(ValidationError, match="at least 1"):
        _source(secrets=[""])
    assert "hush" not in repr(ShopifySettings(secrets=[SecretStr("hush")]))


def test_repeats_are_told_by_event_topic_and_body() -> None:
    """One event has several webhooks: one of each topic, and of each location."""
    source = _source()
    first = _webhook("inventory_levels/update", LEVEL, event="e")
    messages = [
        first,
        _webhook("inventory_levels/connect", LEVEL, event="e"),
        _webhook("inventory_levels/update", LEVEL | {"location_id": 1}, event="e"),
        _webhook("inventory_levels/update", LEVEL, event="f"),
    ]
    assert 4 == len({source.event_id(message) for message in messages})
    again = _webhook("inventory_levels/update", LEVEL, event="e", triggered="2026-11-20T09:00:00Z")
    assert source.event_id(first) == source.event_id(again)
    assert source.event_id(_webhook("inventory_levels/update", LEVEL)) is None


def test_the_table_names_the_source() -> None:
    """Two shops can be told apart."""
    source = ShopifySource(ShopifySettings(), "shop_de")
    source.learn(Learned(str(ITEM), VARIANT))
    assert "shopify:shop_de" == values(source.map(said(LEVEL)))[0]["source"]


def _source(**settings: object) -> ShopifySource:
    return ShopifySource(ShopifySettings.model_validate(settings), "shopify")


def _known() -> ShopifySource:
    source = _source()
    source.learn(Learned(str(ITEM), VARIANT))
    return source


def _webhook(
    topic: str, body: object, event: str | None = None, triggered: str | None = None
) -> Message:
    headers = {"x_shopify_topic": topic}
    if event is not None:
        headers["x_shopify_event_id"] = event
    if triggered is not None:
        headers["x_shopify_triggered_at"] = triggered
    return said(body, **headers)
