# SPDX-License-Identifier: Apache-2.0
"""Centra's webhooks, which have ids only, and its products."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.inbound.centra import CentraSettings, CentraSource
from tests.support.platforms import NOW, reasons, said, sample, values

ONE: dict[str, Any] = json.loads(sample("centra_product.json"))
PRODUCT: dict[str, Any] = ONE["product"]


def test_a_size_is_a_variant_of_each_market() -> None:
    """As Centra multiplies them for back in stock; as of its arrival."""
    found = values(_source(markets=["SE_00", "US_CA"]).map(said(ONE)))
    assert {
        "variant_id": "$custom:::$default:::12366_SE_00_23400",
        "quantity": 4,
        "occurred_at": NOW,
        "available": True,
        "product": {
            "product_id": "12366_SE_00",
            "title": "Winter coat",
            "variant_title": "M",
        },
        "source": "centra",
    } == found[0]
    assert [("12366_US_CA_23400", 4), ("12366_SE_00_23401", 0), ("12366_US_CA_23401", 0)] == [
        (value["variant_id"].rpartition(":")[2], value["quantity"]) for value in found[1:]
    ]


@pytest.mark.parametrize("body", [ONE, PRODUCT, {"products": [PRODUCT]}])
def test_a_product_comes_alone_or_with_others(body: object) -> None:
    """As the Checkout API answers."""
    assert 2 == len(_source().map(said(body)).records)


def test_that_there_is_some_is_no_figure() -> None:
    """Unless the settings say what it counts as."""
    body = {"items": [{"item": "1-2", "stock": "yes"}]}
    assert ["no_figure"] == reasons(_source().map(said(body)))
    assert [1] == [value["quantity"] for value in values(_source(yes=1).map(said(body)))]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"item": "12366-1"}, "no_figure"),
        ({"item": "12366-1", "stock": "some"}, "wrong_shape"),
        ({"item": "12366", "stock": 1}, "no_variant"),
        ({"item": "-1", "stock": 1}, "no_variant"),
        ({"item": "1-", "stock": 1}, "no_variant"),
        ({"item": "1\n-1", "stock": 1}, "unfit_id"),
    ],
)
def test_a_size_that_is_wrong_is_refused_by_itself(item: dict[str, object], reason: str) -> None:
    """The others are taken."""
    mapped = _source().map(said(PRODUCT | {"items": [item, *PRODUCT["items"]]}))
    assert ([reason], 2) == (reasons(mapped), len(mapped.records))


@pytest.mark.parametrize("name", ["products", "DisplayItems", "warehouses"])
def test_ids_of_products_must_be_fetched(name: str) -> None:
    """A webhook has nothing else."""
    body = urlencode({"payload": json.dumps({name: ["1", "2"], "categories": ["3"]})})
    assert ["must_be_fetched"] == reasons(_source().map(said(body.encode())))


@pytest.mark.parametrize(
    "changed", [{"categories": ["1"]}, {"products": []}, {"events": [{"id": 1}]}]
)
def test_changes_of_other_things_are_ignored(changed: object) -> None:
    """Categories have no stock, nor have shipments."""
    body = urlencode({"payload": json.dumps(changed)}).encode()
    assert "other_topic" == _source().map(said(body)).ignored


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"payload=%7B", "not_json"),
        (b"payload=5", "wrong_shape"),
        (b"payload=&&", "undecodable"),
        (b"payload=\xff", "undecodable"),
        (b"payload=" + b"%5B" * 50_000, "wrong_shape"),
        (b"payload=%7B%22a%22%3A" + b"%5B" * 50_000, "too_deep"),
        (b"{}", "wrong_shape"),
    ],
)
def test_a_body_that_is_neither_is_refused(body: bytes, reason: str) -> None:
    """With the reason."""
    assert [reason] == reasons(_source().map(said(body)))


def test_a_webhook_is_signed_with_its_time() -> None:
    """By one of the secrets; the body as it came."""
    source, body = _source(secrets=["old", "new"]), b"payload=%7B%22products%22%3A%5B%221%22%5D%7D"

    def sign(secret: str, content: bytes) -> str:
        return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()

    for secret, known in [("old", True), ("new", True), ("other", False)]:
        header = f"t=1676025421,v1={sign(secret, b'1676025421.' + body)}"
        assert known is source.is_authentic(said(body, x_centra_signature=header))
    for header in (
        "",
        "t=1",
        "v1=",
        "v1=zz",
        "é",
        f"t=2,v1={sign('old', b'1.' + body)}",
        "t=\ud800,v1=",
    ):
        assert not source.is_authentic(said(body, x_centra_signature=header))
    assert _source().is_authentic(said(body, host="h"))


def _source(**settings: object) -> CentraSource:
    return CentraSource(CentraSettings.model_validate({"markets": ["SE_00"]} | settings), "centra")
