# SPDX-License-Identifier: Apache-2.0
"""The record models that no hot path stands beside."""

import json
from typing import TypeVar

import pytest
from pydantic import BaseModel, ValidationError

from schemas.errors import DeadLetterReason, InvalidRecord
from schemas.records import Delivery, Inventory, Order, OrderItem, ProfileFields
from schemas.topics import TOPICS
from schemas.validation import validate_record

Model = TypeVar("Model", bound=BaseModel)

MOMENT = 1_795_000_364_460

ORDER: dict[str, object] = {
    "order_id": "1001",
    "profile": {"email": "jane@shop.example"},
    "items": [{"variant_id": "V", "quantity": 2}],
    "occurred_at": "2026-11-18T11:12:44.460Z",
}
DELIVERY: dict[str, object] = {
    "notification_id": "bc7b4ae7c1ceca2965adecd83be7d6b1",
    "variant_id": "V",
    "profile_key": "id:P1",
    "step": "first",
    "channel": "EMAIL",
    "outcome": "suppressed",
    "reason": "already ordered",
    "attempts": 0,
    "occurred_at": MOMENT,
}


def test_order() -> None:
    """An order names the person and what they bought; it stands unless it says otherwise."""
    expected = Order(
        order_id="1001",
        profile=ProfileFields(email="jane@shop.example"),
        items=[OrderItem(variant_id="V", quantity=2)],
        occurred_at=MOMENT,
        cancelled=False,
    )
    assert expected == _read(Order, ORDER)
    assert expected == _read(Order, {**ORDER, "cancelled": None, "shop": "x"})
    assert expected != _read(Order, {**ORDER, "cancelled": True})
    by_product = _read(Order, {**ORDER, "items": [{"product_id": "P"}]})
    assert by_product.items == [OrderItem(product_id="P", quantity=1)]


def test_delivery() -> None:
    """A delivery says what became of one step."""
    delivery = _read(Delivery, DELIVERY)
    assert DELIVERY == delivery.model_dump()
    assert delivery.model_dump(mode="json")["occurred_at"] == "2026-11-18T11:12:44.460Z"


@pytest.mark.parametrize(
    ("model", "record", "reason", "field"),
    [
        (Order, {**ORDER, "items": []}, DeadLetterReason.OUT_OF_RANGE, "items"),
        (
            Order,
            {**ORDER, "items": [{"quantity": 1}]},
            DeadLetterReason.MISSING_FIELD,
            "items[0]",
        ),
        (
            Order,
            {**ORDER, "items": [{"variant_id": "V", "quantity": 0}]},
            DeadLetterReason.OUT_OF_RANGE,
            "items[0].quantity",
        ),
        (Order, {**ORDER, "cancelled": 0}, DeadLetterReason.WRONG_TYPE, "cancelled"),
        (Delivery, {**DELIVERY, "outcome": "lost"}, DeadLetterReason.INVALID_VALUE, "outcome"),
        (Delivery, {**DELIVERY, "attempts": -1}, DeadLetterReason.OUT_OF_RANGE, "attempts"),
    ],
)
def test_invalid(
    model: type[BaseModel], record: dict[str, object], reason: DeadLetterReason, field: str
) -> None:
    """The first violation is reported with its path, in one line."""
    with pytest.raises(InvalidRecord, match=r"^\S+: [^\n]+$") as raised:
        _read(model, record)
    assert (reason, field) == (raised.value.reason, raised.value.field)


def test_records_do_not_change() -> None:
    """A record that was read stays as it is."""
    record = Inventory(variant_id="V", quantity=1, occurred_at=MOMENT)
    with pytest.raises(ValidationError, match="frozen"):
        record.quantity = 2  # type: ignore[misc]


@pytest.mark.parametrize("role", TOPICS)
def test_every_model_is_described(role: str) -> None:
    """Every model says what it is for and what its record key is."""
    description = TOPICS[role].model.__doc__ or ""
    key = TOPICS[role].key
    assert f"Key: `{key}`" in description or f"Key: the {key}" in description


def _read(model: type[Model], record: dict[str, object]) -> Model:
    return validate_record(model, json.dumps(record).encode())
