# SPDX-License-Identifier: Apache-2.0
"""SCAYLE's events."""

import json
from typing import Any

import pytest

from connectors.inbound.contract import Message
from connectors.inbound.scayle import ScayleSettings, ScayleSource
from tests.support.platforms import ms, reasons, said, sample, values

EVENT: dict[str, Any] = json.loads(sample("scayle_stock_updated.json"))


def test_an_event_is_the_figure_of_a_warehouse() -> None:
    """Of one merchant: others may have stock in the same one."""
    [value] = values(_source().map(said(EVENT)))
    assert {
        "variant_id": "$custom:::$default:::31",
        "quantity": 40,
        "occurred_at": ms("2026-11-20T09:00:00.250Z"),
        "location_id": "own:1",
        "policy": "deny",
        "product": {"product_id": "7"},
        "event_id": EVENT["key"],
        "source": "scayle",
    } == value


def test_variants_may_go_by_the_shops_own_keys() -> None:
    """And so do warehouses."""
    [value] = values(_source(variant="referenceKey", prefix="s:").map(said(EVENT)))
    assert ("s:COAT-M", "own:berlin") == (value["variant_id"], value["location_id"])


@pytest.mark.parametrize(
    ("sells_on", "policy"), [(True, "continue"), (False, "deny"), (None, None)]
)
def test_what_is_sold_without_stock_is_never_out_of_it(
    sells_on: object, policy: str | None
) -> None:
    """Its flag is the policy."""
    [value] = values(_source().map(_event(sellableWithoutStock=sells_on)))
    assert policy == value.get("policy")


def test_without_a_merchant_or_a_warehouse() -> None:
    """The warehouse alone is the location; without one the figure is a total."""
    alone, total = (
        _source().map(_event(merchantReferenceKey=None, warehouse=warehouse))
        for warehouse in (EVENT["payload"]["warehouse"], None)
    )
    assert "1" == values(alone)[0]["location_id"]
    assert "location_id" not in values(total)[0]


def test_a_deleted_variant_loses_all_figures() -> None:
    """As of when it was deleted."""
    body = EVENT | {"type": "product-variant-deleted", "payload": {"productVariant": {"id": 31}}}
    [value] = values(_source().map(said(body)))
    assert (None, ms("2026-11-20T09:00:00.250Z")) == (value["quantity"], value["occurred_at"])
    assert "location_id" not in value


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"quantity": None}, "no_figure"),
        ({"quantity": "much"}, "wrong_shape"),
        ({"productVariant": {}}, "no_variant"),
        ({"productVariant": 5}, "wrong_shape"),
        ({"productVariant": {"id": "\x00"}}, "unfit_id"),
    ],
)
def test_what_is_wrong_is_refused(payload: dict[str, object], reason: str) -> None:
    """With the reason."""
    assert [reason] == reasons(_source().map(_event(**payload)))


def test_a_time_without_an_offset_is_refused() -> None:
    """It could be anywhere's."""
    body = EVENT | {"occurredAt": "2026-11-20T09:00:00"}
    assert ["bad_timestamp"] == reasons(_source().map(said(body)))


@pytest.mark.parametrize("payload", [EVENT["payload"], {"prices": []}])
def test_other_events_are_ignored(payload: object) -> None:
    """Whatever their payload."""
    body = EVENT | {"type": "product-variant-prices-updated", "payload": payload}
    assert "other_topic" == _source().map(said(body)).ignored


def test_repeats_are_told_by_the_key() -> None:
    """Of what is an event."""
    assert EVENT["key"] == _source().event_id(said(EVENT))
    assert _source().event_id(said(EVENT | {"key": ""})) is None
    assert _source().event_id(said(b"{")) is None


def _source(**settings: object) -> ScayleSource:
    return ScayleSource(ScayleSettings.model_validate(settings), "scayle")


def _event(**payload: object) -> Message:
    return said(EVENT | {"payload": EVENT["payload"] | payload})
