# SPDX-License-Identifier: Apache-2.0
"""Magento's stock items, and source items of Multi-Source Inventory."""

import json
from typing import Any

import pytest

from connectors.inbound.contract import Learned
from connectors.inbound.magento import MagentoSettings, MagentoSource
from tests.support.platforms import NOW, ms, reasons, said, sample, values

STOCK_ITEM: dict[str, Any] = json.loads(sample("magento_stock_item.json"))
VARIANT = "$magento_two:::2-2:::123"


@pytest.mark.parametrize("body", [STOCK_ITEM, {"stockItem": STOCK_ITEM}, [STOCK_ITEM]])
def test_a_stock_item_is_a_total(body: object) -> None:
    """Alone, as `stockItem`, or in a list; without a time it is as of its arrival."""
    [value] = values(_source().map(said(body)))
    assert {
        "variant_id": VARIANT,
        "quantity": 100,
        "occurred_at": NOW,
        "policy": "deny",
        "available": True,
        "source": "magento",
    } == value


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"qty": 0, "backorders": 1}, (0, "continue", True)),
        ({"qty": "0.0000", "backorders": "2", "is_in_stock": "1"}, (0, "continue", True)),
        ({"qty": 3, "manage_stock": False}, (3, "continue", True)),
        ({"qty": 5, "is_in_stock": False}, (5, "deny", False)),
        ({"qty": 5, "min_qty": 3}, (2, "deny", True)),
        ({"qty": 5, "min_qty": -10, "backorders": 1}, (5, "continue", True)),
        ({"qty": 2.75, "is_qty_decimal": True}, (2, "deny", True)),
        ({"manage_stock": None, "backorders": None, "is_in_stock": None}, (100, None, None)),
    ],
)
def test_what_is_for_sale(fields: dict[str, object], expected: tuple[object, ...]) -> None:
    """With backorders `is_in_stock` is true also for nothing: the policy holds it back."""
    [value] = values(_source().map(said(STOCK_ITEM | fields)))
    assert expected == (value["quantity"], value.get("policy"), value.get("available"))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"qty": None}, "no_figure"),
        ({"product_id": None}, "no_variant"),
        ({"backorders": 7}, "wrong_shape"),
        ({"is_in_stock": "yes"}, "wrong_shape"),
        ({"qty": {}}, "wrong_shape"),
    ],
)
def test_what_is_wrong_is_refused(fields: dict[str, object], reason: str) -> None:
    """With the reason."""
    assert [reason] == reasons(_source().map(said(STOCK_ITEM | fields)))


@pytest.mark.parametrize("body", [5, "text", None, [5], {"items": [None]}])
def test_what_is_no_item_is_refused(body: object) -> None:
    """Of whatever type."""
    assert ["wrong_shape"] == reasons(_source().map(said(body)))


def test_by_sku_a_stock_item_has_it_or_its_address_does() -> None:
    """The last part of `stockItems/{sku}`; the table's name, which may stand there, is none."""
    source = _source(variant="sku")
    for message in (said(STOCK_ITEM | {"sku": "COAT-M"}), said(STOCK_ITEM, place="COAT-M")):
        assert "$magento_two:::2-2:::COAT-M" == values(source.map(message))[0]["variant_id"]
    for place in ("", "magento"):
        assert ["no_variant"] == reasons(source.map(said(STOCK_ITEM, place=place)))


def test_source_items_are_figures_of_locations() -> None:
    """One whose status is 0 has nothing to sell."""
    source = _source(variant="sku", figures="sources")
    found = values(source.map(said(sample("magento_source_items.json"))))
    assert [("berlin", 4), ("malmo", 0)] == [(v["location_id"], v["quantity"]) for v in found]
    assert {"$magento_two:::2-2:::COAT-M"} == {value["variant_id"] for value in found}


def test_an_unassigned_source_has_no_figure() -> None:
    """By the address of the request; elsewhere one without a quantity is refused."""
    source = _source(variant="sku", figures="sources")
    body = {"sourceItems": [{"sku": "COAT-M", "source_code": "berlin"}]}
    [value] = values(source.map(said(body, place="source-items-delete")))
    assert (None, "berlin") == (value["quantity"], value["location_id"])
    assert ["no_figure"] == reasons(source.map(said(body)))


def test_source_items_need_to_know_the_variant_of_a_sku() -> None:
    """From a file, or from a stock item that has both its names."""
    source = _source(figures="sources")
    items = said(sample("magento_source_items.json"))
    assert ["unknown_item"] * 2 == reasons(source.map(items))
    mapped = source.map(said(STOCK_ITEM | {"sku": "COAT-M"}))
    assert (Learned("COAT-M", VARIANT),) == mapped.learned
    assert {VARIANT} == {value["variant_id"] for value in values(source.map(items))}
    source.learn(Learned("COAT-M", None))
    assert ["unknown_item"] * 2 == reasons(source.map(items))


@pytest.mark.parametrize("is_told", [True, False])
def test_a_source_item_waits_for_its_variant(*, is_told: bool) -> None:
    """With its time, and until a newer one has come; another process may have learned it."""
    source = _source(figures="sources")
    source.map(said(sample("magento_source_items.json")))
    stock_item = said(STOCK_ITEM | {"sku": "COAT-M"})
    if is_told:
        source.learn(Learned("COAT-M", VARIANT))
        stock_item = said({"sku": "OTHER", "product_id": 5, "qty": 1})
    found = values(source.map(stock_item))[1:]
    expected = [(VARIANT, "berlin", 4, NOW), (VARIANT, "malmo", 0, NOW)]
    assert expected == [
        (each["variant_id"], each["location_id"], each["quantity"], each["occurred_at"])
        for each in found
    ]
    source.map(said(sample("magento_source_items.json")))
    assert 1 == len(source.map(said(STOCK_ITEM | {"sku": "COAT-M"})).records)


def test_only_one_kind_of_figures_is_taken() -> None:
    """With sources, a stock item brings its policy, and 0 of a place of its own."""
    ignored = _source().map(said(sample("magento_source_items.json")))
    assert ("sources", ()) == (ignored.ignored, ignored.records)
    [value] = values(_source(figures="sources").map(said(STOCK_ITEM | {"backorders": 1})))
    assert ("stock_item", 0, "continue") == (
        value["location_id"],
        value["quantity"],
        value["policy"],
    )


@pytest.mark.parametrize(
    "time", ["2026-11-20 09:00:00", "2026-11-20T10:00:00+01:00", ms("2026-11-20T09:00:00Z")]
)
def test_a_time_is_read_from_the_field_that_the_settings_name(time: object) -> None:
    """Magento's own form is UTC."""
    [value] = values(_source(time="updated_at").map(said(STOCK_ITEM | {"updated_at": time})))
    assert ms("2026-11-20T09:00:00Z") == value["occurred_at"]


@pytest.mark.parametrize("time", [None, "", "2026-11-20", True, 1.5, "2026-13-20 09:00:00"])
def test_a_time_that_is_none_is_refused(time: object) -> None:
    """Two clocks would make nonsense of the order."""
    body = STOCK_ITEM | {"updated_at": time}
    assert ["bad_timestamp"] == reasons(_source(time="updated_at").map(said(body)))


def _source(**settings: object) -> MagentoSource:
    return MagentoSource(MagentoSettings.model_validate({"catalog": "2-2"} | settings), "magento")
