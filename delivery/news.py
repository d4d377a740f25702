# SPDX-License-Identifier: Apache-2.0
"""What delivery learns from Kafka, as it is handed to the ledger. Times are epoch milliseconds."""

from dataclasses import dataclass

from journey.journey import Notified

__all__ = ["Arrived", "News", "Ordered", "SignedOff", "Stood", "product_item", "variant_item"]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A notification.

    Attributes:
        notified: what the journey needs of it.
        position: its place in its wave.
        value: the record's value.
        place: topic, partition and offset of the record.
    """

    notified: Notified
    position: int
    value: bytes
    place: tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order, or its cancellation.

    Attributes:
        order_id: the shop's number.
        identifiers: of the person.
        items: what was bought, as `variant_item` and `product_item` write it.
        at: when.
        cancelled: whether it does not count any more.
    """

    order_id: str
    identifiers: tuple[str, ...]
    items: tuple[str, ...]
    at: int
    cancelled: bool


@dataclass(frozen=True, slots=True)
class SignedOff:
    """Somebody does not want to hear of a variant.

    Attributes:
        variant_id: which.
        identifiers: of the person.
        at: when.
    """

    variant_id: str
    identifiers: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Stood:
    """Where a variant stands.

    Attributes:
        variant_id: which.
        offered: whether it can be bought.
        at: when this was so.
    """

    variant_id: str
    offered: bool
    at: int


News = Arrived | Ordered | SignedOff | Stood


def variant_item(variant_id: str) -> str:
    """How an order names a variant."""
    return "v:" + variant_id


def product_item(product_id: str) -> str:
    """How an order names a product."""
    return "p:" + product_id
