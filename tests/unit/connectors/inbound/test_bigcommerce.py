# SPDX-License-Identifier: Apache-2.0
"""BigCommerce's inventory hooks: absolute figures, and relative ones where that is safe."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from connectors.inbound.bigcommerce import BigCommerceSettings, BigCommerceSource
from connectors.inbound.contract import Learned, Mapped, Message
from tests.support.platforms import NOW, ms, reasons, said, sample, values

VARIANT = "$bigcommerce:::$default:::742"
BASE = 1_763_630_400


@pytest.mark.parametrize(
    "name",
    ["bigcommerce_store_sku_inventory_updated", "bigcommerce_store_sku_inventory_order_updated"],
)
def test_an_absolute_value_is_the_figure_of_a_variant(name: str) -> None:
    """By the variant's id, never the SKU's; at the hook's second."""
    [value] = values(_source().map(said(sample(f"{name}.json"))))
    assert {
        "variant_id": VARIANT,
        "quantity": 5,
        "occurred_at": BASE * 1000,
        "event_id": "3f1c9a0b7d5e2468ace013579bdf02468ace1357",
        "source": "bigcommerce",
    } == value


@pytest.mark.parametrize(
    "name",
    [
        "bigcommerce_store_product_inventory_updated",
        "bigcommerce_store_product_inventory_order_updated",
    ],
)
def test_a_hook_of_a_product_needs_to_know_its_variant(name: str) -> None:
    """From a file, or because such variants go by the product's id."""
    message = said(sample(f"{name}.json"))
    assert ["no_variant"] == reasons(_source().map(message))
    [value] = values(_source(products="id").map(message))
    assert "$bigcommerce:::$default:::311" == value["variant_id"]
    source = _source()
    source.learn(Learned("311", VARIANT))
    assert [VARIANT] == [record.variant_id for record in source.map(message).records]
    source.learn(Learned("311", None))
    assert ["no_variant"] == reasons(source.map(message))


def test_a_hook_of_a_sku_without_its_variant_is_refused() -> None:
    """Its id is the SKU's, and would be somebody else's variant."""
    hook = json.loads(sample("bigcommerce_store_sku_inventory_updated.json"))
    del hook["data"]["inventory"]["variant_id"]
    assert ["no_variant"] == reasons(_source(products="id").map(said(hook)))


def test_ids_alone_must_be_fetched() -> None:
    """The channel's hook has no figure."""
    hook = {
        "scope": "store/channel/1/inventory/product/stock_changed",
        "data": {"variant_id": 742, "product_id": 311, "location_id": 1},
    }
    assert ["must_be_fetched"] == reasons(_source().map(said(hook)))


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        ({"scope": "store/sku/inventory/updated", "data": {}, "created_at": BASE}, "no_figure"),
        ({"scope": "store/sku/inventory/updated", "data": 5, "created_at": BASE}, "wrong_shape"),
        ({"scope": 5}, "wrong_shape"),
        ({}, "wrong_shape"),
    ],
)
def test_a_hook_of_another_shape_is_refused(hook: object, reason: str) -> None:
    """With what is wrong about it."""
    assert [reason] == reasons(_source().map(said(hook)))


@pytest.mark.parametrize("scope", ["store/order/created", "store/sku/inventory/updated/x"])
def test_other_hooks_are_ignored(scope: str) -> None:
    """Whatever their shape."""
    assert "other_topic" == _source().map(said({"scope": scope, "data": [1]})).ignored


def test_the_hash_alone_does_not_tell_repeats() -> None:
    """It is that of the content: the same when a variant has the same figure again."""
    source = _source()
    first, again = _hook(5, 0), _hook(5, 60)
    assert source.event_id(first) == source.event_id(_hook(5, 0))
    assert source.event_id(first) != source.event_id(again)
    assert source.event_id(first) != source.event_id(_hook(5, 0, scope="order/updated"))
    assert source.event_id(_hook(5, 0, digest=None)) is None
    assert source.event_id(said(b"[")) is None


def test_a_secret_header_shows_who_sends() -> None:
    """BigCommerce signs nothing; either secret is good, and the header's name is a setting."""
    secrets = [SecretStr("old"), SecretStr("new")]
    source = BigCommerceSource(BigCommerceSettings(header="X-Shop", secrets=secrets), "shop")
    body = sample("bigcommerce_store_sku_inventory_updated.json")
    assert [True, True, False, False, False] == [
        source.is_authentic(said(body, host="h", **headers))
        for headers in (
            {"x_shop": "old"},
            {"x_shop": "new"},
            {"x_shop": "ne"},
            {"x_shop": "\ud800"},
            {},
        )
    ]
    assert source.is_authentic(said(body))
    assert _source().is_authentic(said(body, host="h"))


def test_relative_values_are_refused_unless_they_may_be_added() -> None:
    """A relative value is never a total."""
    assert ["relative"] == reasons(_source().map(_hook(-1, 1, method="relative")))
    assert ["unknown_method"] == reasons(_source().map(_hook(-1, 1, method="guess")))


def test_relative_values_are_added_to_the_last_figure() -> None:
    """Each as of its own second."""
    source = _adding()
    assert [(5, 0), (4, 1), (2, 2)] == [
        _figure(source.map(message))
        for message in (_hook(5, 0), _change(-1, 1, "a"), _change(-2, 2, "b"))
    ]


def test_a_change_is_added_once() -> None:
    """Told by hash and second: the same change in another second is another."""
    source = _adding()
    source.map(_hook(5, 0))
    source.map(_change(-1, 1, "a"))
    for _ in range(2):  # the first time it may not have been written
        assert (4, 1) == _figure(source.map(_change(-1, 1, "a")))
    assert (3, 2) == _figure(source.map(_change(-1, 2, "a")))


def test_a_late_change_counts_at_once() -> None:
    """The figure is as of the latest of all, or it would be stale; a tie-break keeps the order."""
    source = _adding()
    source.map(_hook(5, 0))
    before = values(source.map(_change(-1, 9, "b")))[0]
    late = values(source.map(_change(-1, 3, "a")))[0]
    assert (3, (BASE + 9) * 1000) == (late["quantity"], late["occurred_at"])
    assert late["sequence"] > before["sequence"]


def test_a_late_figure_keeps_the_changes_after_it() -> None:
    """And takes the place of those before it."""
    source = _adding()
    source.map(_hook(5, 0))
    source.map(_change(-1, 2, "a"))
    source.map(_change(-1, 8, "b"))
    assert (9, 8) == _figure(source.map(_hook(10, 5)))
    # Of a time before the known figure: written as what it was, and nothing else.
    assert (77, 1) == _figure(source.map(_hook(77, 1)))
    assert (8, 9) == _figure(source.map(_change(-1, 9, "c")))


@pytest.mark.parametrize(
    ("second", "digest", "reason"),
    [(0, "a", "before_base"), (-5, "a", "before_base"), (1, None, "no_hash"), (1, "", "no_hash")],
)
def test_a_change_that_cannot_be_added_safely_is_refused(
    second: int, digest: str | None, reason: str
) -> None:
    """In the figure's own second it may be part of it."""
    source = _adding()
    source.map(_hook(5, 0))
    assert [reason] == reasons(source.map(_change(-1, second, digest)))


def test_without_a_figure_there_is_nothing_to_add_to() -> None:
    """As after a restart, until the next absolute one."""
    assert ["no_base"] == reasons(_adding().map(_change(-1, 1, "a")))


def test_a_figure_that_is_dated_ahead_is_no_base() -> None:
    """Or every later one would look old."""
    source = _adding()
    ahead = said(json.loads(_hook(5, 0).body) | {"created_at": NOW // 1000 + 3600})
    assert ["in_the_future"] == reasons(source.map(ahead))
    assert (5, 0) == _figure(source.map(_hook(5, 0)))


def test_too_many_changes_need_a_new_figure() -> None:
    """What is remembered has an end."""
    source = _adding()
    source.map(_hook(5, 0))
    for number in range(10_000):
        source.map(_change(-1, 1, str(number)))
    for digest in ("x", "y"):
        assert ["no_base"] == reasons(source.map(_change(-1, 1, digest)))


@settings(deadline=None, derandomize=True, database=None)
@given(st.permutations(range(6)), st.data())
def test_changes_in_any_order_and_repeated_lead_to_the_same_figure(
    order: list[int], data: st.DataObject
) -> None:
    """After the figure that they are to be added to."""
    source = _adding()
    source.map(_hook(100, 0))
    changes = [_change(-(number + 1), number + 1, f"h{number}") for number in range(6)]
    repeated = data.draw(st.lists(st.sampled_from(order)))
    found = [source.map(changes[number]) for number in [*order, *repeated]]
    last = [mapped for mapped in found if mapped.records][-1]
    assert (79, 6) == _figure(last)


def test_seconds_are_no_milliseconds() -> None:
    """A time that is none of an epoch's seconds is refused."""
    hook = json.loads(_hook(5, 0).body)
    for created_at in (BASE * 1000, 0, -1, 10**30):
        assert reasons(_source().map(said(hook | {"created_at": created_at})))


def _source(**settings: Any) -> BigCommerceSource:  # noqa: ANN401 - as in a file
    return BigCommerceSource(BigCommerceSettings.model_validate(settings), "bigcommerce")


def _adding() -> BigCommerceSource:
    return _source(relative="add")


def _hook(
    value: int,
    second: int,
    *,
    method: str = "absolute",
    digest: str | None = "h",
    scope: str = "updated",
) -> Message:
    inventory = {"product_id": 311, "variant_id": 742, "method": method, "value": value}
    return said(
        {
            "scope": f"store/sku/inventory/{scope}",
            "data": {"type": "sku", "id": 615, "inventory": inventory},
            "hash": digest,
            "created_at": BASE + second,
        }
    )


def _change(value: int, second: int, digest: str | None) -> Message:
    return _hook(value, second, method="relative", digest=digest)


def _figure(mapped: Mapped) -> tuple[int, int]:
    """Its quantity, and its second after the base."""
    [value] = values(mapped)
    assert ms("2001-01-01T00:00:00Z") < value["occurred_at"]
    return value["quantity"], value["occurred_at"] // 1000 - BASE
