# SPDX-License-Identifier: Apache-2.0
"""Bytes of input records to compact events: the hot path.

Three tiers, tried in turn. The first two may only accept, and only what the contract accepts, with
the same result; whatever they do not accept is decided by the third:

1. msgspec straight into structs that know every field. It does not check what it skips, so unknown
   fields are not for it.
2. orjson, which checks everything; then the known fields into the same structs, by msgspec, which
   may now skip the others.
3. `schemas.records`: the contract itself. It also finds the reason why a record is invalid.

`schemas.batches` does the same for many records at once. Property tests hold all of them to the
same results for generated and damaged records.
"""

from typing import Final

import msgspec
import orjson

from schemas.errors import DeadLetterReason, InvalidRecord
from schemas.events import Product, Profile, StockEvent, SubscribeEvent, UnsubscribeEvent
from schemas.parsing import MAX_DEPTH
from schemas.records import Inventory, ProductFields, Subscribe, Subscription, Unsubscribe
from schemas.settling import (
    MAX_AHEAD,
    Undecided,
    details,
    stock_event,
    subscription_event,
    without_duplicates,
)
from schemas.validation import validate_record
from schemas.wire import LenientInventory, WireInventory, WireProduct, WireSubscription

__all__ = [
    "MAX_AHEAD",
    "contract_inventory",
    "contract_subscription",
    "decode_inventory",
    "decode_subscription",
    "read_inventory_beside_unknown",
    "read_subscription_beside_unknown",
]

_UNSUBSCRIBE_FIELDS: Final = ("type", "variant_id", "profile", "occurred_at")
_NESTED: Final = {
    "profile": Profile.__struct_fields__,
    "product": WireProduct.__struct_fields__,
}

_read_inventory: Final = msgspec.json.Decoder(WireInventory).decode
_read_lenient: Final = msgspec.json.Decoder(LenientInventory).decode
_read_subscription: Final = msgspec.json.Decoder(WireSubscription).decode


def decode_inventory(value: bytes, arrival: int) -> StockEvent:
    """Return the stock figure that an inventory record holds.

    Args:
        value: the record's value, not null.
        arrival: when the record arrived, in epoch milliseconds.

    Raises:
        InvalidRecord: the value does not satisfy the contract, or is dated more than `MAX_AHEAD`
            after its arrival.
    """
    try:
        return stock_event(_read_inventory(value), arrival)
    except ValueError:
        pass
    try:
        return stock_event(read_inventory_beside_unknown(value), arrival)
    except ValueError:
        return contract_inventory(value, arrival)


def decode_subscription(value: bytes, arrival: int) -> SubscribeEvent | UnsubscribeEvent:
    """Return the sign-up or sign-off that a subscription record holds.

    Args:
        value: the record's value, not null.
        arrival: when the record arrived, in epoch milliseconds.

    Raises:
        InvalidRecord: the value does not satisfy the contract, or is dated more than `MAX_AHEAD`
            after its arrival.
    """
    try:
        return subscription_event(_read_subscription(value), arrival)
    except ValueError:
        pass
    try:
        return subscription_event(read_subscription_beside_unknown(value), arrival)
    except ValueError:
        return contract_subscription(value, arrival)


def read_inventory_beside_unknown(value: bytes) -> WireInventory:
    """Return the fields of an inventory record that may have unknown ones as well.

    Raises:
        ValueError: it is not plainly valid.
    """
    # The contract's limit on nesting is not orjson's.
    if len(value) > MAX_DEPTH and value.count(b"[") + value.count(b"{") > MAX_DEPTH:
        raise Undecided
    orjson.loads(value)
    try:
        return _read_lenient(value)
    except RecursionError as error:
        raise Undecided from error


def read_subscription_beside_unknown(value: bytes) -> WireSubscription:
    """Return the fields of a subscription record that may have unknown ones as well.

    Raises:
        ValueError: it is not plainly valid.
    """
    if value.count(b"[") + value.count(b"{") > MAX_DEPTH:
        raise Undecided
    record = orjson.loads(value)
    if not isinstance(record, dict):
        raise Undecided
    names = WireSubscription.__struct_fields__
    if record.get("type") == "unsubscribe":
        names = _UNSUBSCRIBE_FIELDS
    known = {name: record[name] for name in names if name in record}
    for field, members in _NESTED.items():
        nested = known.get(field)
        if isinstance(nested, dict):
            known[field] = {name: nested[name] for name in members if name in nested}
    return msgspec.convert(known, WireSubscription)


def contract_inventory(value: bytes, arrival: int) -> StockEvent:
    """Return what the contract says that an inventory record holds; slow.

    Raises:
        InvalidRecord: as `decode_inventory` does.
    """
    record = validate_record(Inventory, value)
    product = _contract_product(record.product)
    return StockEvent(
        variant_id=record.variant_id,
        quantity=record.quantity,
        occurred_at=_contract_clamped(record.occurred_at, arrival),
        sequence=record.sequence,
        location_id=record.location_id,
        details=details(record.policy, record.available, record.published, product),
    )


def contract_subscription(value: bytes, arrival: int) -> SubscribeEvent | UnsubscribeEvent:
    """Return what the contract says that a subscription record holds; slow.

    Raises:
        InvalidRecord: as `decode_subscription` does.
    """
    record: Subscribe | Unsubscribe = validate_record(Subscription, value).root
    occurred_at = _contract_clamped(record.occurred_at, arrival)
    identifiers = record.profile.identifiers()
    if isinstance(record, Unsubscribe):
        return UnsubscribeEvent(record.variant_id, occurred_at, identifiers)
    return SubscribeEvent(
        variant_id=record.variant_id,
        occurred_at=occurred_at,
        profile=Profile(**record.profile.model_dump()),
        identifiers=identifiers,
        channels=without_duplicates(tuple(record.channels)),
        priority=record.priority,
        expires_at=record.expires_at,
        consent=without_duplicates(tuple(record.consent)),
        locale=record.locale,
        market=record.market,
        product=_contract_product(record.product),
    )


def _contract_product(product: ProductFields | None) -> Product | None:
    return None if product is None else product.model_dump(exclude_none=True) or None


def _contract_clamped(occurred_at: int, arrival: int) -> int:
    if occurred_at - arrival > MAX_AHEAD:
        detail = "more than 10 minutes after its arrival"
        raise InvalidRecord(DeadLetterReason.IN_THE_FUTURE, "occurred_at", detail)
    return min(occurred_at, arrival)
