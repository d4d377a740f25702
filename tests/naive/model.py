# SPDX-License-Identifier: Apache-2.0
"""The decisions of the reference model: docs/semantics.md sections 2 to 4, word for word.

Nothing is fast here. Everything that ever happened to a variant stays in a list, and every question
is answered by looking through the whole list.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.naive.policy import Policy, policy_for
from tests.naive.records import SignOff, SignUp, Stock
from tests.naive.times import write_time

__all__ = ["Cycle", "Entry", "Marker", "Model", "Variant"]


@dataclass
class Cycle:
    """An open cycle."""

    number: int
    opened_at: int
    known_since: int
    waves: int = 0


@dataclass
class Entry:
    """Somebody who waits."""

    sign_up: SignUp
    arrival: int
    """Position in the input."""
    not_in_cycle: int | None
    """The cycle it never takes part in."""


@dataclass
class Marker:
    """What is remembered about an identifier: a sign-off, or being told (then in which cycle)."""

    identifier: str
    at: int
    told_in: int | None


@dataclass
class Variant:
    """All that is known of one variant."""

    variant_id: str
    policy: Policy
    applied: list[Stock] = field(default_factory=list)
    figures: dict[str | None, Stock] = field(default_factory=dict)
    """The figures in force by location; None stands for the total."""
    queue: list[Entry] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    cycle: Cycle | None = None
    cycles: int = 0
    last_opened_at: int | None = None
    """When the last cycle opened, whether or not it is still open."""
    last_wave_at: int | None = None

    # -- stock

    def setting(self, name: str) -> object:
        """The value in force: set by the latest to be applied of those with the highest key."""
        value: object = {"policy": "deny", "available": True, "published": True}.get(name)
        key = None
        for event in self.applied:
            if name in event.settings and (key is None or event.key >= key):
                value, key = event.settings[name], event.key
        return value

    def product(self) -> dict[str, object]:
        """The product fields that were ever set."""
        names = {name for event in self.applied for name in event.settings}
        return {
            name.removeprefix("product."): self.setting(name)
            for name in names
            if name.startswith("product.")
        }

    def figures_sum(self) -> int:
        """The sum of the figures in force."""
        return sum(stock.quantity or 0 for stock in self.figures.values())

    def sellable(self) -> int:
        """S of docs/semantics.md section 2."""
        if self.setting("policy") != "deny":
            return 0
        if not self.setting("available") or not self.setting("published"):
            return 0
        if not self.figures:
            return 0
        return max(0, self.figures_sum() - self.policy.safety_stock)

    def is_mixed(self, event: Stock) -> bool:
        """Whether the event is of the other kind than the figures in force."""
        if not self.figures or is_removal_of_all(event):
            return False
        return (None in self.figures) != (event.location_id is None)

    def is_stale(self, event: Stock) -> bool:
        """Whether something newer of the same figure, or of all figures, was applied before."""
        compared = [other for other in self.applied if is_removal_of_all(other)]
        if not is_removal_of_all(event):
            compared += [
                other
                for other in self.applied
                if other.location_id == event.location_id and not is_removal_of_all(other)
            ]
            if not self.figures:
                compared += self.applied
        return any(event.key < other.key for other in compared)

    def is_late_dip(self, event: Stock) -> bool:
        """Whether a stale event shows that the stock was gone after the open cycle's opening."""
        if self.cycle is None or event.quantity is None:
            return False
        if event.occurred_at <= self.cycle.opened_at:
            return False
        replaced = self.figures.get(event.location_id)
        instead = self.figures_sum() - (replaced.quantity or 0 if replaced else 0) + event.quantity
        return instead - self.policy.safety_stock < self.policy.min_quantity

    def apply(self, event: Stock) -> None:
        """Take over the figure and remember the event, with the settings it carries."""
        self.applied.append(event)
        if event.quantity is not None:
            self.figures[event.location_id] = event
        elif event.location_id is not None:
            self.figures.pop(event.location_id, None)
        else:
            self.figures = {
                place: stock for place, stock in self.figures.items() if stock.key > event.key
            }

    def open_cycle(self, opened_at: int, now: int) -> None:
        """The next cycle, known since now, without waves."""
        self.cycles += 1
        self.cycle = Cycle(self.cycles, opened_at, now)
        self.last_opened_at = opened_at

    # -- waiting

    def expiry(self, sign_up: SignUp) -> int | None:
        """When an entry expires; None for never."""
        ends = [] if sign_up.expires_at is None else [sign_up.expires_at]
        if self.policy.expires_after is not None:
            ends.append(sign_up.occurred_at + self.policy.expires_after)
        return min(ends) if ends else None

    def is_expired(self, sign_up: SignUp, now: int) -> bool:
        """Whether the entry counts as absent."""
        expiry = self.expiry(sign_up)
        return expiry is not None and now >= expiry

    def is_remembered(self, marker: Marker, now: int) -> bool:
        """Whether a marker is not forgotten."""
        kept = self.policy.remember_sign_offs if marker.told_in is None else self.policy.remember
        return now - marker.at <= kept

    def markers_of(self, identifiers: list[str], now: int) -> list[Marker]:
        """Every marker, not forgotten, of any of the identifiers."""
        return [
            marker
            for marker in self.markers
            if marker.identifier in identifiers and self.is_remembered(marker, now)
        ]

    def waiting(self, now: int) -> list[Entry]:
        """The entries that are not expired, in queue order."""
        return sorted(
            (entry for entry in self.queue if not self.is_expired(entry.sign_up, now)),
            key=lambda entry: (
                -entry.sign_up.priority,
                entry.sign_up.occurred_at,
                entry.arrival,
            ),
        )

    def eligible(self, now: int) -> list[Entry]:
        """Those who may take part in the open cycle, in queue order."""
        cycle = self.cycle
        if cycle is None:
            return []
        return [
            entry
            for entry in self.waiting(now)
            if entry.sign_up.occurred_at <= cycle.opened_at + self.policy.late_grace
            and entry.not_in_cycle != cycle.number
        ]

    # -- waves

    def earliest_wave(self) -> int | None:
        """Before when no wave may start, whoever waits; None without an open cycle."""
        if self.cycle is None or self.sellable() < self.policy.min_quantity:
            return None
        earliest = self.cycle.known_since + self.policy.dwell
        if self.policy.per_unit is not None and self.last_wave_at is not None:
            earliest = max(earliest, self.last_wave_at + self.policy.wait)
        return earliest

    def next_wave(self, now: int) -> int | None:
        """When the next wave starts if nothing else happens, not before now; None for never."""
        earliest = self.earliest_wave()
        if earliest is None:
            return None
        due = max(earliest, now)
        return due if self.eligible(due) else None


@dataclass
class Model:
    """All variants of one replay, what was decided, and what was left out."""

    policy: Mapping[str, object]
    variants: dict[str, Variant] = field(default_factory=dict)
    notifications: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    """Pairs of profile key and notification value, in order."""
    arrivals: int = 0
    stale: int = 0
    late_dips: int = 0
    """How many of the stale events opened a cycle."""
    mixed: int = 0

    def apply(self, record: Stock | SignUp | SignOff, now: int) -> None:
        """Apply one valid record that arrives now; starts no wave."""
        self.arrivals += 1
        variant = self.variants.get(record.variant_id)
        if variant is None:
            policy = policy_for(self.policy, record.variant_id)
            variant = self.variants[record.variant_id] = Variant(record.variant_id, policy)
        if isinstance(record, Stock):
            self._apply_stock(variant, record, now)
        elif isinstance(record, SignUp):
            self._sign_up(variant, record, now)
        else:
            _sign_off(variant, record)

    def next_wave(self, now: int) -> int | None:
        """When the next wave of any variant starts if nothing else happens; None for never."""
        dues = [variant.next_wave(now) for variant in self.variants.values()]
        return min((due for due in dues if due is not None), default=None)

    def start_waves(self, now: int) -> None:
        """Start every wave that is due, in the order of the variants' ids."""
        for variant_id in sorted(self.variants):
            variant = self.variants[variant_id]
            if variant.next_wave(now) == now:
                self._start_wave(variant, now)

    def waiting(self, now: int) -> int:
        """How many entries are not expired."""
        return sum(len(variant.waiting(now)) for variant in self.variants.values())

    def _apply_stock(self, variant: Variant, event: Stock, now: int) -> None:
        if variant.is_mixed(event):
            self.mixed += 1
            return
        if variant.is_stale(event):
            self.stale += 1
            if variant.is_late_dip(event):
                self.late_dips += 1
                variant.open_cycle(max(other.key for other in variant.applied)[0], now)
            return
        variant.apply(event)
        offered = variant.sellable() >= variant.policy.min_quantity
        if not offered:
            variant.cycle = None
        elif variant.cycle is None:
            variant.open_cycle(event.occurred_at, now)

    def _sign_up(self, variant: Variant, sign_up: SignUp, now: int) -> None:
        if variant.is_expired(sign_up, now):
            return
        markers = variant.markers_of(sign_up.identifiers, now)
        if any(marker.at >= sign_up.occurred_at for marker in markers):
            return
        for entry in variant.waiting(now):
            if entry.sign_up.identifiers[0] == sign_up.identifiers[0]:
                if sign_up.occurred_at >= entry.sign_up.occurred_at:
                    return
                variant.queue.remove(entry)
        cycle = variant.cycle
        told_in_it = cycle is not None and any(m.told_in == cycle.number for m in markers)
        not_in_cycle = cycle.number if cycle is not None and told_in_it else None
        variant.queue.append(Entry(sign_up, self.arrivals, not_in_cycle))

    def _start_wave(self, variant: Variant, now: int) -> None:
        cycle = variant.cycle
        assert cycle is not None
        quantity = variant.sellable()
        told = variant.eligible(now)
        if variant.policy.per_unit is not None:
            told = told[: variant.policy.per_unit * quantity]
        cycle.waves += 1
        variant.last_wave_at = now
        for position, entry in enumerate(told, start=1):
            variant.queue.remove(entry)
            sign_up = entry.sign_up
            for identifier in sign_up.identifiers:
                variant.markers.append(Marker(identifier, now, cycle.number))
            value: dict[str, object] = {
                "id": _notification_id(sign_up),
                "variant_id": sign_up.variant_id,
                "profile": sign_up.profile,
                "channels": sign_up.channels,
                "consent": sign_up.consent,
                "product": sign_up.product | variant.product(),
                "locale": sign_up.locale,
                "market": sign_up.market,
                "priority": sign_up.priority,
                "cycle": cycle.number,
                "cycle_opened_at": write_time(cycle.opened_at),
                "wave": cycle.waves,
                "position": position,
                "quantity": quantity,
                "subscribed_at": write_time(sign_up.occurred_at),
                "triggered_at": write_time(now),
            }
            self.notifications.append((sign_up.identifiers[0], value))


def is_removal_of_all(event: Stock) -> bool:
    """Whether the event removes every figure: no quantity, no location."""
    return event.quantity is None and event.location_id is None


def _sign_off(variant: Variant, sign_off: SignOff) -> None:
    variant.queue = [
        entry
        for entry in variant.queue
        if entry.sign_up.occurred_at > sign_off.occurred_at
        or not set(entry.sign_up.identifiers) & set(sign_off.identifiers)
    ]
    for identifier in sign_off.identifiers:
        variant.markers.append(Marker(identifier, sign_off.occurred_at, None))


def _notification_id(sign_up: SignUp) -> str:
    parts = (sign_up.variant_id, sign_up.identifiers[0], str(sign_up.occurred_at))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
