# SPDX-License-Identifier: Apache-2.0
"""What shops send to Klaviyo's catalogue."""

import json
from typing import Any

import pytest

from connectors.inbound.contract import Message
from connectors.inbound.klaviyo_catalog import KlaviyoCatalogSettings, KlaviyoCatalogSource
from tests.support.platforms import NOW, reasons, said, sample, values

PATCH: dict[str, Any] = json.loads(sample("klaviyo_catalog_variant_patch.json"))
VARIANT = "$custom:::$default:::SKU-MED"


def test_a_patch_is_a_total_as_of_its_arrival() -> None:
    """There is no time in it; inventory_policy is about visibility and changes no policy."""
    [value] = values(_source().map(said(PATCH)))
    assert {
        "variant_id": VARIANT,
        "quantity": 25,
        "occurred_at": NOW,
        "published": True,
        "product": {
            "variant_title": "Coat M",
            "url": "https://shop.example/coat",
            "image_url": "https://shop.example/coat.jpg",
            "price": 129.5,
        },
        "source": "klaviyo",
    } == value


@pytest.mark.parametrize(
    ("quantity", "expected"), [(25.5, 25), (-0.5, -1), ("7", 7), ("7.9", 7), (0, 0), (1e15, 10**15)]
)
def test_a_quantity_is_whole_units(quantity: object, expected: int) -> None:
    """Of 25.5 there are 25 to be sold."""
    [value] = values(_source().map(_patch(inventory_quantity=quantity)))
    assert expected == value["quantity"]


@pytest.mark.parametrize(
    ("quantity", "reason"),
    [
        ("many", "wrong_shape"),
        ("1e3", "wrong_shape"),
        ("", "wrong_shape"),
        (True, "wrong_shape"),
        ([1], "wrong_shape"),
        (1e300, "out_of_range"),
        (2**53, "out_of_range"),
    ],
)
def test_what_is_no_quantity_is_refused(quantity: object, reason: str) -> None:
    """With the reason."""
    assert [reason] == reasons(_source().map(_patch(inventory_quantity=quantity)))


def test_without_a_quantity_there_is_no_figure() -> None:
    """Null would remove the one that is known, and an older one be taken for new."""
    assert "no_figure" == _source().map(_patch(inventory_quantity=None)).ignored
    job = _job("update", [{"id": VARIANT, "attributes": {"published": False}}])
    assert "no_figure" == _source().map(said(job)).ignored


def test_with_a_location_what_is_said_without_a_figure_is_taken() -> None:
    """As the figure 0 of a place of its own, which adds nothing."""
    source = _source(location="shop")
    places = [
        (value["location_id"], value["quantity"], value["published"])
        for message in (_patch(), _patch(inventory_quantity=None, published=False))
        for value in values(source.map(message))
    ]
    assert [("shop", 25, True), ("attributes", 0, False)] == places


@pytest.mark.parametrize("kind", ["update", "create"])
def test_a_bulk_job_has_many_variants(kind: str) -> None:
    """One that is wrong does not hold up the others."""
    attributes = {"inventory_quantity": 1}
    variants = [
        {"type": "catalog-variant", "id": f"v{number}", "attributes": attributes}
        for number in range(100)
    ]
    variants[7]["id"] = "\n"
    mapped = _source().map(said(_job(kind, variants)))
    assert (99, ["unfit_id"]) == (len(values(mapped)), reasons(mapped))


def test_a_new_variant_has_its_id_in_parts() -> None:
    """As in `POST /api/catalog-variants`."""
    body = {
        "data": {
            "type": "catalog-variant",
            "attributes": {
                "external_id": "SKU-MED",
                "integration_type": "$custom",
                "catalog_type": "$default",
                "inventory_quantity": 3,
            },
        }
    }
    assert VARIANT == values(_source().map(said(body)))[0]["variant_id"]
    del body["data"]["attributes"]["external_id"]  # type: ignore[attr-defined]  # a dict
    assert ["no_variant"] == reasons(_source().map(said(body)))


@pytest.mark.parametrize("kind", ["catalog-item", "catalog-item-bulk-update-job"])
def test_other_resources_are_ignored(kind: str) -> None:
    """Items have no stock."""
    body = {"data": {"type": kind, "attributes": {"items": {}}}}
    assert "other_topic" == _source().map(said(body)).ignored


def test_a_price_that_readers_would_not_agree_on_is_left_out() -> None:
    """As are other fields that are empty or endless."""
    [value] = values(
        _source().map(_patch(price=10**400, title="", url="x" * 10_001, image_full_url=None))
    )
    assert "product" not in value


def test_the_key_is_in_klaviyos_header() -> None:
    """Whole, as Klaviyo's own clients send it."""
    source = _source(secrets=["Klaviyo-API-Key pk_1"])
    assert source.is_authentic(said(PATCH, authorization="Klaviyo-API-Key pk_1"))
    assert not source.is_authentic(said(PATCH, authorization="Klaviyo-API-Key pk_2"))


def _source(**settings: object) -> KlaviyoCatalogSource:
    return KlaviyoCatalogSource(KlaviyoCatalogSettings.model_validate(settings), "klaviyo")


def _patch(**attributes: object) -> Message:
    data = PATCH["data"]
    return said({"data": data | {"attributes": data["attributes"] | attributes}})


def _job(kind: str, variants: list[dict[str, Any]]) -> dict[str, object]:
    return {
        "data": {
            "type": f"catalog-variant-bulk-{kind}-job",
            "attributes": {"variants": {"data": variants}},
        }
    }
