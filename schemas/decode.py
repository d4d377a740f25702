# SPDX-License-Identifier: Apache-2.0
"""Bytes of input records to compact events: the hot path.

Three tiers, tried in turn. The first two may only accept, and only what the contract accepts, with
the same result; whatever they do not accept is decided by the third:

1. msgspec straight into structs that know every field. It does not check what it skips, so unknown
   fields are not for it.
2. orjson, which checks everything, then the known fields into the same structs.
3. `schemas.records`: the contract itself. It also finds the reason why a record is invalid.

A property test holds the tiers to the same results for generated and damaged records.
"""

from functools import lru_cache
from typing import Final, Literal, TypeVar

import msgspec
import orjson

from schemas.errors import DeadLetterReason, InvalidRecord
from schemas.events import (
    Product,
    Profile,
    StockDetails,
    StockEvent,
    SubscribeEvent,
    UnsubscribeEvent,
)
from schemas.fields import CONTROL_CHARACTER
from schemas.identifiers import person_identifiers
from schemas.parsing import MAX_DEPTH
from schemas.records import Inventory, ProductFields, Subscribe, Subscription, Unsubscribe
from schemas.timestamps import parse_timestamp
from schemas.validation import validate_record
from schemas.wire import WireInventory, WireProduct, WireSubscription

__all__ = ["MAX_AHEAD", "decode_inventory", "decode_subscription"]

MAX_AHEAD: Final = 600_000
"""How far, in milliseconds, a record may be dated after its arrival."""

_Wire = TypeVar("_Wire", WireInventory, WireSubscription)

_DEFAULT_CHANNELS: Final = ("EMAIL",)
_UNSUBSCRIBE_FIELDS: Final = ("type", "variant_id", "profile", "occurred_at")
_NESTED: Final = {
    "profile": Profile.__struct_fields__,
    "product": WireProduct.__struct_fields__,
}
_SIXTY_FOUR_BITS: Final = 2**63

_read_inventory: Final = msgspec.json.Decoder(WireInventory).decode
_read_subscription: Final = msgspec.json.Decoder(WireSubscription).decode


class _Undecided(ValueError):  # noqa: N818 - a turn in the road, not a failure
    """A fast tier leaves the record to the next."""


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
        return _stock_event(_read_inventory(value), arrival)
    except ValueError:
        pass
    try:
        return _stock_event(_convert(value, WireInventory), arrival)
    except ValueError:
        return _contract_inventory(value, arrival)


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
        return _subscription_event(_read_subscription(value), arrival)
    except ValueError:
        pass
    try:
        return _subscription_event(_convert(value, WireSubscription), arrival)
    except ValueError:
        return _contract_subscription(value, arrival)


def _convert(value: bytes, kind: type[_Wire]) -> _Wire:
    # The contract's limit on nesting is not orjson's.
    if value.count(b"[") + value.count(b"{") > MAX_DEPTH:
        raise _Undecided
    record = orjson.loads(value)
    if not isinstance(record, dict):
        raise _Undecided
    names = kind.__struct_fields__
    if kind is WireSubscription and record.get("type") == "unsubscribe":
        names = _UNSUBSCRIBE_FIELDS
    known = {name: record[name] for name in names if name in record}
    for field, members in _NESTED.items():
        nested = known.get(field)
        if isinstance(nested, dict):
            known[field] = {name: nested[name] for name in members if name in nested}
    return msgspec.convert(known, kind)


def _stock_event(wire: WireInventory, arrival: int) -> StockEvent:
    occurred_at = parse_timestamp(wire.occurred_at)
    if occurred_at > arrival:
        occurred_at = _clamped(occurred_at, arrival)
    variant_id = wire.variant_id
    location_id = wire.location_id
    # Most identifiers are printable; only of the others some are invalid.
    if not variant_id.isprintable():
        _check_identifier(variant_id)
    if location_id is not None and not location_id.isprintable():
        _check_identifier(location_id)
    details = None
    if wire.product is not None or not (
        wire.policy is None and wire.available is None and wire.published is None
    ):
        details = _details(wire.policy, wire.available, wire.published, _product(wire.product))
    return StockEvent(
        variant_id, wire.quantity, occurred_at, wire.sequence or 0, location_id, details
    )


def _subscription_event(wire: WireSubscription, arrival: int) -> SubscribeEvent | UnsubscribeEvent:
    occurred_at = parse_timestamp(wire.occurred_at)
    if occurred_at > arrival:
        occurred_at = _clamped(occurred_at, arrival)
    variant_id = wire.variant_id
    if not variant_id.isprintable():
        _check_identifier(variant_id)
    profile = wire.profile
    identifiers = person_identifiers(
        profile.id, profile.external_id, profile.email, profile.phone_number
    )
    if not identifiers:
        raise _Undecided
    product = _product(wire.product)
    if wire.type == "unsubscribe":
        return UnsubscribeEvent(variant_id, occurred_at, identifiers)
    return SubscribeEvent(
        variant_id,
        occurred_at,
        profile,
        identifiers,
        _DEFAULT_CHANNELS if wire.channels is None else _channels(wire.channels),
        wire.priority or 0,
        None if wire.expires_at is None else parse_timestamp(wire.expires_at),
        _channels(wire.consent) if wire.consent else (),
        wire.locale,
        wire.market,
        product,
    )


def _clamped(occurred_at: int, arrival: int) -> int:
    if occurred_at - arrival > MAX_AHEAD:
        raise _Undecided
    return arrival


def _check_identifier(identifier: str) -> None:
    if CONTROL_CHARACTER.search(identifier):
        raise _Undecided


def _product(wire: WireProduct | None) -> Product | None:
    if wire is None:
        return None
    price = wire.price
    # msgspec reads integers beyond double range, and what orjson shows as so large a float may
    # have been an integer, to be carried as it is.
    if isinstance(price, int | float) and not -_SIXTY_FOUR_BITS < price < _SIXTY_FOUR_BITS:
        raise _Undecided
    product: Product = msgspec.to_builtins(wire)
    return product or None


def _details(
    policy: Literal["deny", "continue"] | None,
    available: bool | None,  # noqa: FBT001 - three states of a field, not a switch
    published: bool | None,  # noqa: FBT001 - the same
    product: Product | None,
) -> StockDetails | None:
    if policy is None and available is None and published is None and product is None:
        return None
    return StockDetails(policy, available, published, product)


# Millions of people share a handful of combinations.
@lru_cache(maxsize=256)
def _channels(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(given))


def _contract_inventory(value: bytes, arrival: int) -> StockEvent:
    record = validate_record(Inventory, value)
    product = _contract_product(record.product)
    return StockEvent(
        variant_id=record.variant_id,
        quantity=record.quantity,
        occurred_at=_contract_clamped(record.occurred_at, arrival),
        sequence=record.sequence,
        location_id=record.location_id,
        details=_details(record.policy, record.available, record.published, product),
    )


def _contract_subscription(value: bytes, arrival: int) -> SubscribeEvent | UnsubscribeEvent:
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
        channels=_channels(tuple(record.channels)),
        priority=record.priority,
        expires_at=record.expires_at,
        consent=_channels(tuple(record.consent)),
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
