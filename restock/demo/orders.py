# SPDX-License-Identifier: Apache-2.0
"""Orders: of those who do not wait to be told, and how a record of one looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from restock.demo.sign_ups import SignUpPlan
from schemas.timestamps import format_timestamp

__all__ = ["OrderPlan", "order_record", "plan_orders"]

_UNTIL: Final = 7.8
_PER_MILLE: Final = 40


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """Somebody who waits for a variant buys the product in another one.

    Attributes:
        at: Seconds of the natural sale.
        wish: What they wait for.
    """

    at: float
    wish: SignUpPlan


def plan_orders(plans: Sequence[SignUpPlan], random: Random) -> list[OrderPlan]:
    """Let some of those who have signed up buy before they are told.

    Args:
        plans: All sign-ups and sign-offs.
        random: Chance.
    """
    return [
        OrderPlan(random.uniform(wish.at + 0.1, _UNTIL), wish)
        for wish in plans
        if wish.kind == "subscribe"
        and wish.at < _UNTIL - 0.1
        and random.randrange(1000) < _PER_MILLE
    ]


def order_record(
    order_id: str, profile: Mapping[str, str], item: Mapping[str, str], occurred_at: int
) -> dict[str, Any]:
    """Return the value of a record of the orders topic.

    Args:
        order_id: The order.
        profile: Whose it is.
        item: What was bought, by `variant_id` or `product_id`.
        occurred_at: When, in epoch milliseconds.
    """
    return {
        "order_id": order_id,
        "profile": dict(profile),
        "items": [{**item, "quantity": 1}],
        "occurred_at": format_timestamp(occurred_at),
    }
