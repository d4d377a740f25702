# SPDX-License-Identifier: Apache-2.0
"""The hot path decides as the contract does, whatever the bytes."""

from collections.abc import Callable

from hypothesis import given, settings

from schemas.decode import MAX_AHEAD, decode_inventory, decode_subscription
from schemas.errors import DeadLetterReason, InvalidRecord
from schemas.events import (
    Event,
    Product,
    Profile,
    StockDetails,
    StockEvent,
    SubscribeEvent,
    UnsubscribeEvent,
)
from schemas.records import Inventory, ProductFields, Subscription, Unsubscribe
from schemas.validation import validate_record
from tests.unit.schemas.record_texts import ARRIVAL, inventory_texts, subscription_texts

Outcome = tuple[str, str]


@settings(max_examples=400, derandomize=True, deadline=None, database=None)
@given(inventory_texts)
def test_inventory(value: bytes) -> None:
    """An inventory record is the same event, or invalid for the same reason, in both ways."""
    expected = _outcome(_contract_inventory, value)
    assert expected == _outcome(decode_inventory, value)


@settings(max_examples=400, derandomize=True, deadline=None, database=None)
@given(subscription_texts)
def test_subscriptions(value: bytes) -> None:
    """A subscription record is the same event, or invalid for the same reason, in both ways."""
    expected = _outcome(_contract_subscription, value)
    assert expected == _outcome(decode_subscription, value)


def _outcome(decode: Callable[[bytes, int], Event], value: bytes) -> Outcome:
    # In text 7 differs from 7.0 and True from 1.
    try:
        return "valid", repr(decode(value, ARRIVAL))
    except InvalidRecord as error:
        return error.reason, error.field


def _contract_inventory(value: bytes, arrival: int) -> Event:
    record = validate_record(Inventory, value)
    details = StockDetails(
        record.policy, record.available, record.published, _product(record.product)
    )
    return StockEvent(
        variant_id=record.variant_id,
        quantity=record.quantity,
        occurred_at=_settled(record.occurred_at, arrival),
        sequence=record.sequence,
        location_id=record.location_id,
        details=None if details == StockDetails() else details,
    )


def _contract_subscription(value: bytes, arrival: int) -> Event:
    record = validate_record(Subscription, value).root
    occurred_at = _settled(record.occurred_at, arrival)
    identifiers = record.profile.identifiers()
    if isinstance(record, Unsubscribe):
        return UnsubscribeEvent(record.variant_id, occurred_at, identifiers)
    return SubscribeEvent(
        variant_id=record.variant_id,
        occurred_at=occurred_at,
        profile=Profile(**record.profile.model_dump()),
        identifiers=identifiers,
        channels=tuple(record.channels),
        priority=record.priority,
        expires_at=record.expires_at,
        consent=tuple(record.consent),
        locale=record.locale,
        market=record.market,
        product=_product(record.product),
    )


def _product(product: ProductFields | None) -> Product | None:
    return None if product is None else product.model_dump(exclude_none=True) or None


def _settled(occurred_at: int, arrival: int) -> int:
    if occurred_at > arrival + MAX_AHEAD:
        raise InvalidRecord(DeadLetterReason.IN_THE_FUTURE, "occurred_at")
    return min(occurred_at, arrival)
