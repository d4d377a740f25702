# SPDX-License-Identifier: Apache-2.0
"""From what msgspec has read to events: the rules that a struct's types cannot express.

Nothing here finds out why a record is invalid: whatever is not plainly valid is `Undecided`, and
left to the contract.
"""

from collections.abc import Sequence
from functools import lru_cache
from operator import gt
from typing import Final, Literal

import msgspec
import numpy as np

from schemas.events import (
    Integers,
    Product,
    StockDetails,
    StockEvent,
    SubscribeEvent,
    UnsubscribeEvent,
)
from schemas.fields import CONTROL_CHARACTER
from schemas.identifiers import person_identifiers
from schemas.timestamps import parse_timestamp
from schemas.wire import WireInventory, WireProduct, WireSubscription

__all__ = [
    "MAX_AHEAD",
    "Undecided",
    "check_controls",
    "check_identifiers",
    "details",
    "details_of",
    "settle_time_column",
    "settle_times",
    "settled_subscription",
    "stock_event",
    "subscription_event",
    "without_duplicates",
]

MAX_AHEAD: Final = 600_000
"""How far, in milliseconds, a record may be dated after its arrival."""

_DEFAULT_CHANNELS: Final = ("EMAIL",)
_SIXTY_FOUR_BITS: Final = 2**63


class Undecided(ValueError):  # noqa: N818 - a turn in the road, not a failure
    """A fast tier leaves the record to the next."""


def stock_event(wire: WireInventory, arrival: int) -> StockEvent:
    """Return the event of an inventory record.

    Raises:
        ValueError: it is not plainly valid.
    """
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
    return StockEvent(
        variant_id, wire.quantity, occurred_at, wire.sequence or 0, location_id, details_of(wire)
    )


def subscription_event(wire: WireSubscription, arrival: int) -> SubscribeEvent | UnsubscribeEvent:
    """Return the event of a subscription record.

    Raises:
        ValueError: it is not plainly valid.
    """
    occurred_at = parse_timestamp(wire.occurred_at)
    if occurred_at > arrival:
        occurred_at = _clamped(occurred_at, arrival)
    if not wire.variant_id.isprintable():
        _check_identifier(wire.variant_id)
    return settled_subscription(wire, occurred_at)


def settled_subscription(
    wire: WireSubscription, occurred_at: int
) -> SubscribeEvent | UnsubscribeEvent:
    """Return the event of a subscription record whose time and variant are settled.

    Raises:
        ValueError: it is not plainly valid.
    """
    profile = wire.profile
    identifiers = person_identifiers(
        profile.id, profile.external_id, profile.email, profile.phone_number
    )
    if not identifiers:
        raise Undecided
    product = None if wire.product is None else _product(wire.product)
    if wire.type == "unsubscribe":
        return UnsubscribeEvent(wire.variant_id, occurred_at, identifiers)
    return SubscribeEvent(
        wire.variant_id,
        occurred_at,
        profile,
        identifiers,
        _DEFAULT_CHANNELS if wire.channels is None else without_duplicates(wire.channels),
        wire.priority or 0,
        None if wire.expires_at is None else parse_timestamp(wire.expires_at),
        without_duplicates(wire.consent) if wire.consent else (),
        wire.locale,
        wire.market,
        product,
    )


def settle_times(moments: Sequence[int], arrivals: Sequence[int]) -> Sequence[int]:
    """Return when each of some records occurred, at its arrival at the latest.

    Raises:
        Undecided: one of them is dated more than `MAX_AHEAD` after its arrival.
    """
    if not any(map(gt, moments, arrivals)):
        return moments
    return [
        moment if moment <= arrival else _clamped(moment, arrival)
        for moment, arrival in zip(moments, arrivals, strict=True)
    ]


def settle_time_column(moments: Integers, arrivals: Sequence[int]) -> Integers:
    """Return the same of a column.

    Raises:
        Undecided: as above.
    """
    arrived = np.fromiter(arrivals, np.int64, len(moments))
    if not (moments > arrived).any():
        return moments
    # No moment is so early that this would overflow, but an arrival may be anything.
    if (moments - MAX_AHEAD > arrived).any():
        raise Undecided
    return np.minimum(moments, arrived)


def check_controls(identifiers: Sequence[str | None], values: Sequence[bytes]) -> None:
    """Do as `check_identifiers` does, given the records' values, which are mostly above suspicion.

    Raises:
        Undecided: one of them holds a control character.
    """
    text = b"".join(values)
    # ASCII without an escape holds no control character but DEL: msgspec refuses the others.
    if b"\\" in text or b"\x7f" in text or not text.isascii():
        check_identifiers(identifiers)


def check_identifiers(identifiers: Sequence[str | None]) -> None:
    """Let identifiers of variants and locations pass that hold no control character.

    Raises:
        Undecided: one of them does.
    """
    for identifier in identifiers:
        if identifier is not None and not identifier.isprintable():
            _check_identifier(identifier)


def details_of(wire: WireInventory) -> StockDetails | None:
    """Return what an inventory record says beside its figure; None when that is nothing.

    Raises:
        ValueError: the product is not plainly valid.
    """
    if wire.product is not None:
        return details(wire.policy, wire.available, wire.published, _product(wire.product))
    return _details_without_product(wire.policy, wire.available, wire.published)


def details(
    policy: Literal["deny", "continue"] | None,
    available: bool | None,  # noqa: FBT001 - three states of a field, not a switch
    published: bool | None,  # noqa: FBT001 - the same
    product: Product | None,
) -> StockDetails | None:
    """Return what all these say; None when each is None."""
    if policy is None and available is None and published is None and product is None:
        return None
    return StockDetails(policy, available, published, product)


# There are 27 of them.
@lru_cache(maxsize=32)
def _details_without_product(
    policy: Literal["deny", "continue"] | None,
    available: bool | None,  # noqa: FBT001 - as above
    published: bool | None,  # noqa: FBT001 - as above
) -> StockDetails | None:
    return details(policy, available, published, None)


# Millions of people share a handful of combinations.
@lru_cache(maxsize=256)
def without_duplicates(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return channels in the order given, each once."""
    return tuple(dict.fromkeys(given))


def _clamped(occurred_at: int, arrival: int) -> int:
    if occurred_at - arrival > MAX_AHEAD:
        raise Undecided
    return arrival


def _check_identifier(identifier: str) -> None:
    if CONTROL_CHARACTER.search(identifier):
        raise Undecided


def _product(wire: WireProduct) -> Product | None:
    price = wire.price
    # msgspec reads integers beyond double range, and what orjson shows as so large a float may
    # have been an integer, to be carried as it is.
    if isinstance(price, int | float) and not -_SIXTY_FOUR_BITS < price < _SIXTY_FOUR_BITS:
        raise Undecided
    product: Product = msgspec.to_builtins(wire)
    return product or None
