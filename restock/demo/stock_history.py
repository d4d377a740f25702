# SPDX-License-Identifier: Apache-2.0
"""What the inventory topic says of each variant, figure by figure: a second opinion.

It shares no code with the `waitlist` package, which it is there to check. It knows what the demo
uses of docs/semantics.md section 2: absolute figures by location or as totals, stale figures,
thresholds, safety stock, policy and publication. It knows no removals and no late dips, and refuses
to judge a removal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from restock.demo.evidence import LoggedRecord
from schemas.timestamps import parse_timestamp
from waitlist.policy import Policy, PolicyBook

__all__ = ["StockState", "stock_histories"]


@dataclass(frozen=True, slots=True)
class StockState:
    """A variant's stock from one figure to the next.

    Attributes:
        known_from: When the figure arrived, in epoch milliseconds.
        quantity: The sellable quantity.
        cycle: Number of the last cycle; 0 before the first.
        opened_at: When that cycle opened, in event time.
        opening_known_from: When the figure that opened it arrived.
        offered: Whether that cycle is open.
    """

    known_from: int
    quantity: int = 0
    cycle: int = 0
    opened_at: int = 0
    opening_known_from: int = 0
    offered: bool = False


def stock_histories(
    inventory: Iterable[LoggedRecord], rejected: frozenset[bytes], policies: PolicyBook
) -> dict[str, list[StockState]]:
    """Return the states that each variant went through, oldest first.

    Args:
        inventory: The topic, in the order of partition and offset.
        rejected: Values that are no valid records.
        policies: The rules.
    """
    variants: dict[str, _Variant] = {}
    for record in inventory:
        if record.value is None or record.value in rejected:
            continue
        fields = orjson.loads(record.value)
        variant_id = fields["variant_id"]
        if variant_id not in variants:
            variants[variant_id] = _Variant(policies.for_variant(variant_id))
        variants[variant_id].apply(fields, record.timestamp)
    return {variant_id: variant.states for variant_id, variant in variants.items()}


@dataclass(slots=True)
class _Variant:
    policy: Policy
    figures: dict[str | None, tuple[int, int, int]] = field(default_factory=dict)
    sells_on: bool = False
    visible: dict[str, bool] = field(default_factory=dict)
    states: list[StockState] = field(default_factory=list)

    def apply(self, fields: Mapping[str, Any], arrival: int) -> None:
        location = fields.get("location_id")
        occurred_at = min(parse_timestamp(fields["occurred_at"]), arrival)
        key = (occurred_at, fields.get("sequence") or 0)
        if self.figures and (location is None) != (None in self.figures):
            return
        if location in self.figures and key < self.figures[location][:2]:
            return
        self.figures[location] = (*key, fields["quantity"])
        if fields.get("policy") is not None:
            self.sells_on = fields["policy"] == "continue"
        for name in ("available", "published"):
            if fields.get(name) is not None:
                self.visible[name] = fields[name]
        self.states.append(self._next(occurred_at, arrival))

    def _next(self, occurred_at: int, arrival: int) -> StockState:
        total = sum(figure[2] for figure in self.figures.values()) - self.policy.safety_stock
        hidden = self.sells_on or not all(self.visible.values())
        quantity = 0 if hidden else max(0, total)
        offered = quantity >= self.policy.min_quantity
        last = self.states[-1] if self.states else StockState(arrival)
        if offered and not last.offered:
            return StockState(arrival, quantity, last.cycle + 1, occurred_at, arrival, offered)
        return StockState(
            arrival, quantity, last.cycle, last.opened_at, last.opening_known_from, offered
        )
