# SPDX-License-Identifier: Apache-2.0
"""Shopify's products: what they say of their variants, and what they no longer say."""

import json
from typing import Any

import pytest

from connectors.inbound.contract import Learned, Message
from connectors.inbound.shopify import ShopifySource
from connectors.inbound.shopify_settings import ShopifySettings
from tests.naive.replay import replay
from tests.support.platforms import NOW, ms, reasons, said, sample, values

PRODUCT: dict[str, Any] = json.loads(sample("shopify_products_update.json"))
FIRST, SECOND = ("$shopify:::$default:::42330004445556", "$shopify:::$default:::42330004445557")
ITEMS = ("271878346596884015", "271878346596884016")
PRODUCT_ID = "7790001112223"


def test_by_location_a_product_brings_no_figure_but_all_the_rest() -> None:
    """As the figure 0 of a location that no shop has."""
    source = _source(storefront="https://shop.example/", currency="EUR")
    first, second = values(source.map(_webhook(PRODUCT)))
    assert {
        "variant_id": FIRST,
        "quantity": 0,
        "occurred_at": ms("2026-11-20T09:00:00Z"),
        "location_id": "products",
        "sequence": ms("2026-11-20T09:00:00Z"),
        "policy": "deny",
        "published": True,
        "product": {
            "product_id": PRODUCT_ID,
            "title": "Winter coat",
            "variant_title": "M",
            "url": "https://shop.example/products/winter-coat?variant=42330004445556",
            "image_url": "https://cdn.example.com/coat-m.jpg",
            "price": "129.00",
            "currency": "EUR",
        },
        "source": "shopify",
    } == first
    assert ("continue", "https://cdn.example.com/coat.jpg") == (
        second["policy"],
        second["product"]["image_url"],
    )


def test_with_totals_a_product_brings_the_sum() -> None:
    """Levels are ignored then, and a variant without the sum is refused: null would remove it."""
    source = _source(figures="totals")
    found = values(source.map(_webhook(PRODUCT)))
    assert [(3, None), (-2, None)] == [(v["quantity"], v.get("location_id")) for v in found]
    level = {"inventory_item_id": int(ITEMS[0]), "location_id": 1, "available": 1}
    assert "levels" == source.map(said(level, x_shopify_topic="inventory_levels/update")).ignored
    assert ["no_figure"] == reasons(source.map(_webhook(_product(inventory_quantity=None))))


@pytest.mark.parametrize(
    ("fields", "policy"),
    [
        ({}, "deny"),
        ({"inventory_policy": "CONTINUE"}, "continue"),
        ({"inventory_management": None}, "continue"),
        ({"inventory_policy": None}, None),
    ],
)
def test_policy(fields: dict[str, object], policy: str | None) -> None:
    """What nobody counts can always be bought, whatever its policy."""
    [value] = values(_source().map(_webhook(_product(**fields))))
    assert policy == value.get("policy")


def test_an_unknown_policy_is_refused() -> None:
    """Rather than sold as if it were deny."""
    assert ["unknown_policy"] == reasons(_source().map(_webhook(_product(inventory_policy="ask"))))


@pytest.mark.parametrize(
    ("fields", "published"),
    [
        ({"published_scope": "web"}, True),
        ({"published_at": None}, False),
        ({"status": "draft"}, False),
        ({"status": "archived"}, False),
        ({"status": None}, True),
    ],
)
def test_published(fields: dict[str, object], published: object) -> None:
    """By both its date and its status; either scope has the shop online."""
    [value, _] = values(_source().map(_webhook(PRODUCT | fields)))
    assert published is value["published"]


def test_what_a_subscription_leaves_out_says_nothing() -> None:
    """With `include_fields` there may be nothing but ids."""
    source = _source()
    source.map(_webhook(PRODUCT))
    bare = {"id": 1, "variants": [{"id": 2}]}
    [value] = values(source.map(_webhook(bare)))
    assert {"product": {"product_id": "1"}} == {
        name: value[name] for name in ("policy", "published", "product") if name in value
    }
    without_variants = {"id": PRODUCT["id"], "updated_at": "2026-11-21T09:00:00Z"}
    assert "empty" == source.map(_webhook(without_variants)).ignored


def test_an_old_variant_does_not_make_a_newer_unpublishing_old() -> None:
    """The message shows the product at the later of both times."""
    old = _product(updated_at="2023-01-01T00:00:00Z") | {"updated_at": "2026-11-20T10:00:00+01:00"}
    assert ms("2026-11-20T09:00:00Z") == values(_source().map(_webhook(old)))[0]["occurred_at"]
    new = _product(updated_at="2026-11-20T12:00:00.500Z")
    assert ms("2026-11-20T12:00:00Z") == values(_source().map(_webhook(new)))[0]["occurred_at"]


def test_a_product_teaches_which_item_is_which_variant() -> None:
    """Each time, so that what was not kept is learned again."""
    source = _source()
    expected = (
        Learned(ITEMS[0], FIRST, PRODUCT_ID),
        Learned(ITEMS[1], SECOND, PRODUCT_ID),
    )
    for _ in range(2):
        assert expected == source.map(_webhook(PRODUCT)).learned


def test_a_variant_that_is_missing_later_loses_all_figures() -> None:
    """And its item is known to be no more: what still comes of it is ignored."""
    source = _source()
    source.map(_webhook(PRODUCT))
    later = _without_second() | {"updated_at": "2026-11-21T09:00:00Z"}
    mapped = source.map(_webhook(later))
    removal = values(mapped)[-1]
    assert (SECOND, None, ms("2026-11-21T09:00:00Z")) == (
        removal["variant_id"],
        removal["quantity"],
        removal["occurred_at"],
    )
    assert "location_id" not in removal
    assert Learned(ITEMS[1], None, PRODUCT_ID) in mapped.learned
    level = {"inventory_item_id": int(ITEMS[1]), "location_id": 1, "available": 1}
    assert "gone_item" == source.map(said(level)).ignored


def test_an_older_message_removes_and_teaches_nothing() -> None:
    """Its variants are those of another time."""
    source = _source()
    source.map(_webhook(PRODUCT))
    older = _without_second() | {"updated_at": "2026-11-19T09:00:00Z"}
    mapped = source.map(_webhook(older))
    assert ([FIRST], ()) == ([record.variant_id for record in mapped.records], mapped.learned)


@pytest.mark.parametrize("ids", ["variant_gids", "variant_ids", None])
def test_variants_beyond_the_hundred_that_are_shown_have_not_vanished(ids: str | None) -> None:
    """Their ids are in a list of their own; without it nothing is concluded."""
    source = _source()
    source.learn(Learned("99", SECOND, "5"))
    variants = [{"id": number, "inventory_item_id": number + 1000} for number in range(100)]
    body: dict[str, object] = {"id": 5, "variants": variants}
    external = SECOND.rpartition(":")[2]
    if ids == "variant_ids":
        body[ids] = [{"id": int(external)}]
    elif ids is not None:
        body[ids] = [{"admin_graphql_api_id": f"gid://shopify/ProductVariant/{external}"}]
    assert SECOND not in {record.variant_id for record in source.map(_webhook(body)).records}


def test_a_deleted_product_takes_its_variants_with_it() -> None:
    """As of when the webhook was triggered; what was learned before a restart is enough."""
    source = _source()
    for item, variant in zip(ITEMS, (FIRST, SECOND), strict=True):
        source.learn(Learned(item, variant, PRODUCT_ID))
    message = said(
        {"id": int(PRODUCT_ID)},
        x_shopify_topic="products/delete",
        x_shopify_triggered_at="2026-11-21T10:00:00.5Z",
    )
    mapped = source.map(message)
    assert [(FIRST, None), (SECOND, None)] == [
        (value["variant_id"], value["quantity"]) for value in values(mapped)
    ]
    assert {ms("2026-11-21T10:00:00Z")} == {value["occurred_at"] for value in values(mapped)}
    assert {None} == {learned.variant_id for learned in mapped.learned}


@pytest.mark.parametrize(
    ("topic", "body", "gone"),
    [
        ("products/delete", {"id": int(PRODUCT_ID)}, [FIRST, SECOND]),
        ("inventory_items/delete", {"id": ITEMS[0]}, [FIRST]),
        ("products/update", None, [SECOND]),
    ],
)
def test_a_removal_is_said_again_when_its_message_is_repeated(
    topic: str, body: object, gone: list[str]
) -> None:
    """Its records may not have been written: the variants would be offered for ever."""
    later = "2026-11-21T09:00:00Z"
    source = _source()
    source.map(_webhook(PRODUCT))
    message = said(
        body or _without_second() | {"updated_at": later},
        x_shopify_topic=topic,
        x_shopify_triggered_at=later,
    )
    first = source.map(message)
    assert gone == [value["variant_id"] for value in values(first) if value["quantity"] is None]
    newer = _webhook(_without_second() | {"updated_at": "2026-11-21T09:30:00Z"})
    assert first == source.map(message)
    if body is None:
        # An older message teaches nothing, but says what it took away.
        source.map(newer)
        again = source.map(message)
        assert {record.value for record in first.records} == {
            record.value for record in again.records
        }


def test_a_variant_that_came_back_is_not_taken_away_by_the_message_that_did_so() -> None:
    """A newer message has named it since."""
    source = _source()
    source.map(_webhook(PRODUCT))
    without = _webhook(_without_second() | {"updated_at": "2026-11-21T09:00:00Z"})
    source.map(without)
    source.map(_webhook(PRODUCT | {"updated_at": "2026-11-21T09:30:00Z"}))
    again = source.map(without)
    assert ([FIRST], ()) == ([value["variant_id"] for value in values(again)], again.learned)


def test_a_level_of_an_item_that_was_taken_for_gone_waits_for_its_product() -> None:
    """An older message that came to a process which knew of no newer one has said so."""
    source = _source()
    source.learn(Learned(ITEMS[1], SECOND, PRODUCT_ID))
    source.map(_webhook(_without_second()))
    level = {"inventory_item_id": int(ITEMS[1]), "location_id": 1, "available": 7}
    assert "gone_item" == source.map(said(level)).ignored
    found = values(source.map(_webhook(PRODUCT | {"updated_at": "2026-11-21T09:00:00Z"})))
    assert [(SECOND, 7)] == [
        (value["variant_id"], value["quantity"])
        for value in found
        if value["location_id"] != "products"
    ]


def test_a_deleted_product_that_nobody_knows_is_refused() -> None:
    """Something of it may still be offered: somebody should look."""
    message = said({"id": 5}, x_shopify_topic="products/delete")
    assert ["unknown_product"] == reasons(_source().map(message))


@pytest.mark.parametrize("figures", ["locations", "totals"])
@pytest.mark.parametrize("is_deleted", [True, False])
def test_what_is_gone_does_not_come_back_with_an_older_message(
    *, is_deleted: bool, figures: str
) -> None:
    """The first that is heard of a product may be its end, or a variant's: nobody is told."""
    source = _source(figures=figures)
    gone = said(
        {"id": int(PRODUCT_ID)} if is_deleted else PRODUCT | {"variants": [], "variant_gids": None},
        x_shopify_topic="products/delete" if is_deleted else "products/update",
        x_shopify_triggered_at="2026-11-20T09:00:00.9Z",
    )
    source.map(gone)
    older = said(
        PRODUCT,
        x_shopify_topic="products/update",
        x_shopify_triggered_at="2026-11-20T09:00:00.1Z",
    )
    mapped = source.map(older)
    assert ((), (), "empty") == (mapped.records, mapped.learned, mapped.ignored)


def test_a_deleted_item_takes_its_variant_with_it() -> None:
    """An unknown one does not matter: all that waited for it is forgotten."""
    source = _source()
    source.map(_webhook(PRODUCT))
    message = said({"id": ITEMS[0]}, x_shopify_topic="inventory_items/delete")
    mapped = source.map(message)
    assert [(FIRST, None)] == [(v["variant_id"], v["quantity"]) for v in values(mapped)]
    assert (Learned(ITEMS[0], None),) == mapped.learned
    unknown = said({"id": 404}, x_shopify_topic="inventory_items/delete")
    assert "gone_item" == source.map(unknown).ignored


def test_a_bad_variant_does_not_hold_up_the_others() -> None:
    """It is refused by itself."""
    variants = [{"id": "\x00"}, {"id": 2, "inventory_item_id": ""}, {"id": 3}]
    mapped = _source().map(_webhook({"id": 1, "variants": variants}))
    assert ["unfit_id"] == reasons(mapped)
    assert ["$shopify:::$default:::2", "$shopify:::$default:::3"] == [
        value["variant_id"] for value in values(mapped)
    ]


@pytest.mark.parametrize("level_first", [True, False])
def test_the_first_figure_of_a_new_variant_counts_though_older_than_its_product(
    *, level_first: bool
) -> None:
    """Whichever comes first: people who wait are told.

    While a variant has no figure, whatever is older than its newest event is stale; the 0 of the
    product's location is in force, so that each location is compared with itself.
    """
    level = {
        "inventory_item_id": int(ITEMS[0]),
        "location_id": 1,
        "available": 2,
        "updated_at": "2026-11-20T09:59:58+01:00",
    }
    messages = [said(level), _webhook(PRODUCT)]
    assert [FIRST] == _told(messages if level_first else messages[::-1])


def test_an_unpublished_product_tells_nobody_until_it_is_published() -> None:
    """However much of it there is at its locations."""
    level = {
        "inventory_item_id": int(ITEMS[0]),
        "location_id": 1,
        "available": 2,
        "updated_at": "2026-11-20T12:00:00Z",
    }
    hidden = _webhook(PRODUCT | {"published_at": None})
    assert [] == _told([hidden, said(level)])
    shown = _webhook(PRODUCT | {"updated_at": "2026-11-20T13:00:00Z"})
    assert [FIRST] == _told([hidden, said(level), shown])


def test_a_deleted_product_tells_nobody() -> None:
    """Also when an older message of it comes later."""
    level = {"inventory_item_id": int(ITEMS[0]), "location_id": 1, "available": 2}
    deleted = said(
        {"id": int(PRODUCT_ID)},
        x_shopify_topic="products/delete",
        x_shopify_triggered_at="2026-11-21T10:00:00Z",
    )
    late = said(level | {"updated_at": "2026-11-21T09:00:00Z"})
    assert [] == _told([_webhook(PRODUCT), deleted, late, _webhook(PRODUCT)])


def _told(messages: list[Message]) -> list[object]:
    """Which variants somebody is told of, by the model, after all records of the messages."""
    source = _source()
    inventory = [value for message in messages for value in values(source.map(message))]
    wish = {"type": "subscribe", "profile": {"id": "p"}, "occurred_at": "2026-11-19T00:00:00Z"}
    lines: list[dict[str, object]] = [
        {"at": NOW, "topic": "subscriptions", "value": wish | {"variant_id": FIRST}}
    ]
    lines += [{"at": NOW + 1, "topic": "inventory", "value": value} for value in inventory]
    return [value["variant_id"] for _, value in replay(lines, {}).notifications]


def _source(**settings: object) -> ShopifySource:
    return ShopifySource(ShopifySettings.model_validate(settings), "shopify")


def _webhook(body: object) -> Message:
    return said(body, x_shopify_topic="products/update")


def _product(**fields: object) -> dict[str, object]:
    """The product with one variant, changed."""
    changed = PRODUCT["variants"][0] | fields
    return PRODUCT | {"variants": [changed], "variant_gids": None}


def _without_second() -> dict[str, object]:
    return PRODUCT | {"variants": PRODUCT["variants"][:1], "variant_gids": None}
