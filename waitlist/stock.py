# SPDX-License-Identifier: Apache-2.0
"""The stock of one variant and the cycles in which it is offered (docs/semantics.md section 2).

Most variants only ever see totals without further fields. They are kept in a few integers, a row
in `waitlist.figures`; what is rarer (locations, removals, policy, product) lies in `Rarities`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, overload

from msgspec import convert
from typing_extensions import override

from waitlist.figures import (
    AT,
    CYCLE,
    CYCLE_ROW,
    FLAGS,
    KIND,
    KNOWN_SINCE,
    LAST_WAVE_AT,
    OPENED_AT,
    RARE,
    ROW,
    SEQUENCE,
    TOTAL,
    WAVES,
    Figures,
)

if TYPE_CHECKING:
    from schemas.events import Product, StockDetails, StockEvent
    from waitlist.policy import Policy

__all__ = ["Applied", "Cell", "Key", "Kind", "RareFacts", "Rarities", "Stock", "StockFacts"]

Key = tuple[int, int]
"""(``occurred_at`` in epoch milliseconds, ``sequence``) of an event."""

NEVER: Key = (-1, 0)


class Kind(IntEnum):
    """The kind of the figures in force."""

    NONE = 0
    TOTAL = 1
    LOCATIONS = 2


class Applied(IntEnum):
    """What became of a stock event."""

    APPLIED = 0
    STALE = 1
    MIXED = 2
    LATE_DIP = 3


StockFacts = tuple[int, int, int, int, int, int | None, int, int, int, object]
"""The plain form of a `Stock`, for the journal; the last member is a `RareFacts` or None."""

RareFacts = tuple[
    Key,
    Key,
    dict[str, tuple[int, Key]],
    dict[str, Key],
    tuple[str, Key],
    tuple[bool, Key],
    tuple[bool, Key],
    dict[str, tuple[str | int | float, Key]],
]


@dataclass(slots=True)
class Rarities:
    """What a variant needs beyond a total: each value with the key of the event that set it.

    Attributes:
        total: sum of the figures in force; of many locations it may need more than 64 bits.
    """

    newest: Key
    removal: Key = NEVER
    locations: dict[str, tuple[int, Key]] = field(default_factory=dict)
    location_keys: dict[str, Key] = field(default_factory=dict)
    policy: tuple[str, Key] = ("deny", NEVER)
    available: tuple[bool, Key] = (True, NEVER)
    published: tuple[bool, Key] = (True, NEVER)
    product: dict[str, tuple[str | int | float, Key]] = field(default_factory=dict)
    total: int = 0

    @property
    def sells(self) -> bool:
        """Whether a figure counts at all: policy deny, available and published."""
        return self.policy[0] == "deny" and self.available[0] and self.published[0]

    def facts(self) -> RareFacts:
        """Everything, as plain values that later changes leave alone."""
        return (
            self.newest, self.removal, dict(self.locations), dict(self.location_keys),
            self.policy, self.available, self.published, dict(self.product),
        )  # fmt: skip


class Cell:
    """An attribute that lies in the variant's row of `Figures.rows`.

    Args:
        place: in the row.
    """

    def __init__(self, place: int) -> None:
        self._place = place

    @overload
    def __get__(self, stock: None, owner: type[Stock]) -> Cell: ...
    @overload
    def __get__(self, stock: Stock, owner: type[Stock]) -> int: ...
    def __get__(self, stock: Stock | None, owner: type[Stock]) -> int | Cell:
        """The number in the row."""
        if stock is None:
            return self
        return stock.figures.rows[stock.number * ROW + self._place]

    def __set__(self, stock: Stock, value: int) -> None:
        """Put a number into the row."""
        stock.figures.rows[stock.number * ROW + self._place] = value


class CycleCell(Cell):
    """The same in `Figures.cycles`."""

    @overload
    def __get__(self, stock: None, owner: type[Stock]) -> Cell: ...
    @overload
    def __get__(self, stock: Stock, owner: type[Stock]) -> int: ...
    @override
    def __get__(self, stock: Stock | None, owner: type[Stock]) -> int | Cell:
        """The number in the row."""
        if stock is None:
            return self
        return stock.figures.cycles[stock.number * CYCLE_ROW + self._place]

    @override
    def __set__(self, stock: Stock, value: int) -> None:
        """Put a number into the row."""
        stock.figures.cycles[stock.number * CYCLE_ROW + self._place] = value


class Stock:
    """Figures, attributes and cycle of one variant.

    Args:
        number: of the variant.
        figures: where its rows are.

    Attributes:
        kind: of the figures in force.
        total: sum of the figures in force (0 without any).
        at: ``occurred_at`` of the newest applied total; -1 before the first.
        sequence: its tie-break.
        cycle: number of the last cycle; 0 before the first.
        opened_at: ``opened_at`` of the open cycle; None while none is open.
        known_since: when the open cycle became known, on the clock.
        waves: waves started in the open cycle.
        last_wave_at: start of the variant's last wave; -1 before the first.
        rare: see `Rarities`; None while only plain totals have come.
    """

    __slots__ = ("figures", "number", "rare")

    kind = Cell(KIND)
    at = Cell(AT)
    sequence = Cell(SEQUENCE)
    flags = Cell(FLAGS)
    cycle = CycleCell(CYCLE)
    known_since = CycleCell(KNOWN_SINCE)
    waves = CycleCell(WAVES)
    last_wave_at = CycleCell(LAST_WAVE_AT)

    def __init__(self, number: int, figures: Figures) -> None:
        self.number = number
        self.figures = figures
        self.rare: Rarities | None = None

    @property
    def total(self) -> int:
        """Sum of the figures in force."""
        if self.rare is not None:
            return self.rare.total
        return self.figures.rows[self.number * ROW + TOTAL]

    @total.setter
    def total(self, value: int) -> None:
        if self.rare is not None:
            self.rare.total = value
        else:
            self.figures.rows[self.number * ROW + TOTAL] = value

    @property
    def opened_at(self) -> int | None:
        """When the open cycle opened."""
        at = self.figures.rows[self.number * ROW + OPENED_AT]
        return None if at < 0 else at

    def apply(self, event: StockEvent, policy: Policy, now: int) -> Applied:
        """Apply one event and open, close or replace the cycle accordingly."""
        if (
            self.rare is not None
            or event.location_id is not None
            or event.details is not None
            or event.quantity is None
        ):
            return self._apply_rare(event, policy, now)
        at = event.occurred_at
        if at < self.at or (at == self.at and event.sequence < self.sequence):
            return self._stale(event, policy, now)
        self.kind = 1
        self.total = event.quantity
        self.at = at
        self.sequence = event.sequence
        offered = event.quantity - policy.safety_stock >= policy.min_quantity
        if offered is (self.opened_at is None):
            self._turn(offered=offered, at=at, now=now)
        return Applied.APPLIED

    def sellable(self, policy: Policy) -> int:
        """The sellable quantity S under ``policy``."""
        if self.rare is not None and not self.rare.sells:
            return 0
        return max(0, self.total - policy.safety_stock)

    def offered(self, policy: Policy) -> bool:
        """Whether the variant is offered: S has reached the minimum."""
        return self.sellable(policy) >= policy.min_quantity

    def product(self) -> Product:
        """The variant's product fields, without their keys."""
        if self.rare is None:
            return {}
        return {name: value for name, (value, _) in self.rare.product.items()}

    def facts(self) -> StockFacts:
        """Everything, as plain values."""
        rare = None if self.rare is None else self.rare.facts()
        return (
            self.kind, self.total, self.at, self.sequence, self.cycle, self.opened_at,
            self.known_since, self.waves, self.last_wave_at, rare,
        )  # fmt: skip

    def restore(self, facts: StockFacts) -> None:
        """Take over what `facts` gave, as it comes back from MessagePack."""
        kind, total, at, sequence, cycle, opened_at, known_since, waves, last_wave_at, rare = facts
        if rare is not None:
            self._become(Rarities(*convert(rare, RareFacts)))
        self.kind, self.total, self.at, self.sequence = kind, total, at, sequence
        self.figures.rows[self.number * ROW + OPENED_AT] = -1 if opened_at is None else opened_at
        self.cycle, self.known_since = cycle, known_since
        self.waves, self.last_wave_at = waves, last_wave_at

    def _become(self, rare: Rarities) -> None:
        self.rare = rare
        self.flags |= RARE
        self.figures.rows[self.number * ROW + TOTAL] = 0  # it lies in `rare` from now on

    def _apply_rare(self, event: StockEvent, policy: Policy, now: int) -> Applied:
        rare = self.rare or Rarities((self.at, self.sequence), total=self.total)
        key = (event.occurred_at, event.sequence)
        removes_all = event.quantity is None and event.location_id is None
        if not removes_all and self._other_kind(event):
            return Applied.MIXED
        if removes_all and key < rare.removal:
            return Applied.STALE
        if not removes_all and self._is_stale(rare, event, key):
            return self._stale(event, policy, now)
        self._become(rare)
        if removes_all:
            self._remove_all(rare, key)
        elif event.location_id is not None:
            self._set_location(rare, event.location_id, event.quantity, key)
        elif event.quantity is not None:
            self.kind = Kind.TOTAL
            self.total, self.at, self.sequence = event.quantity, *key
        rare.newest = max(rare.newest, key)
        if event.details is not None:
            _set_details(rare, event.details, key)
        offered = self.offered(policy)
        if offered is (self.opened_at is None):
            self._turn(offered=offered, at=event.occurred_at, now=now)
        return Applied.APPLIED

    def _other_kind(self, event: StockEvent) -> bool:
        kind = Kind.TOTAL if event.location_id is None else Kind.LOCATIONS
        return self.kind not in (Kind.NONE, kind)

    def _is_stale(self, rare: Rarities, event: StockEvent, key: Key) -> bool:
        if event.location_id is None:
            newest_of_figure = (self.at, self.sequence)
        else:
            newest_of_figure = rare.location_keys.get(event.location_id, NEVER)
        return (
            key < newest_of_figure
            or key < rare.removal
            or (self.kind == Kind.NONE and key < rare.newest)
        )

    def _remove_all(self, rare: Rarities, key: Key) -> None:
        rare.removal = key
        if self.kind == Kind.TOTAL and (self.at, self.sequence) <= key:
            self.kind, self.total = Kind.NONE, 0
        elif self.kind == Kind.LOCATIONS:
            for location, (quantity, set_by) in list(rare.locations.items()):
                if set_by <= key:
                    self.total -= quantity
                    del rare.locations[location]
            if not rare.locations:
                self.kind = Kind.NONE

    def _set_location(self, rare: Rarities, location: str, quantity: int | None, key: Key) -> None:
        rare.location_keys[location] = key
        previous = rare.locations.pop(location, None)
        if previous is not None:
            self.total -= previous[0]
        if quantity is not None:
            rare.locations[location] = (quantity, key)
            self.total += quantity
        self.kind = Kind.LOCATIONS if rare.locations else Kind.NONE

    def _turn(self, *, offered: bool, at: int, now: int) -> None:
        """Open or close the cycle, by an event that occurred ``at`` and is known ``now``."""
        self.figures.turn(self.number, at if offered else -1, now)

    def _stale(self, event: StockEvent, policy: Policy, now: int) -> Applied:
        """A stale figure may show that the stock was gone since the open cycle's opening."""
        if self.opened_at is None or event.quantity is None or event.occurred_at <= self.opened_at:
            return Applied.STALE
        total = event.quantity
        if event.location_id is not None and self.rare is not None:
            replaced = self.rare.locations.get(event.location_id)
            total += self.total - (replaced[0] if replaced else 0)
        if total - policy.safety_stock >= policy.min_quantity:
            return Applied.STALE
        newest_at = self.rare.newest[0] if self.rare is not None else self.at
        self._turn(offered=True, at=newest_at, now=now)
        return Applied.LATE_DIP


def _set_details(rare: Rarities, details: StockDetails, key: Key) -> None:
    if details.policy is not None and key >= rare.policy[1]:
        rare.policy = (details.policy, key)
    if details.available is not None and key >= rare.available[1]:
        rare.available = (details.available, key)
    if details.published is not None and key >= rare.published[1]:
        rare.published = (details.published, key)
    for name, value in (details.product or {}).items():
        previous = rare.product.get(name)
        if previous is None or key >= previous[1]:
            rare.product[name] = (value, key)
