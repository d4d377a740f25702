# SPDX-License-Identifier: Apache-2.0
"""Seeded event traces that reach ugly corners.

A trace is drawn in two steps. First its *weather*: how many variants, people and places there are,
on which grid of time everything happens, and how often each kind of trouble occurs, many of them
never (a trace that has everything everywhere rarely stays long enough in one corner). Then its
lines. Few names, small figures and a coarse grid make collisions the rule: equal instants, equal
keys, shared identifiers, expiry at the very moment of a wave.
"""

import random
from dataclasses import dataclass

from tests.naive.times import write_time
from tests.support.trace_policies import draw_policy
from tests.support.trace_spoils import spoil

__all__ = ["Trace", "Weather", "draw_trace", "draw_weather"]

_START = 1_795_000_000_000
_AHEAD = 600_000
_VARIANTS = (
    "DROP-1",
    "DROP-22",
    "$custom:::$default:::SKU",
    "Größe L/ünï",
    "a*b",
    "\U0001f9e5",
    "\uffee",
)
_PLACES = ("A", "B", "C")
_CHANNELS = ("EMAIL", "SMS", "PUSH", "WHATSAPP")


@dataclass(frozen=True)
class Weather:
    """How dense a trace is and how often what happens in it."""

    variants: int
    people: int
    places: int
    biggest: int
    """How far a figure goes beyond the least that is offered, in the ordinary way."""
    tick: int
    """The grid of time in milliseconds."""
    pauses: tuple[int, ...]
    """Ticks between lines, drawn with equal chance; 0 keeps the instant."""
    lags: tuple[int, ...]
    """Ticks an ``occurred_at`` lies behind its arrival."""
    stock: float
    """Share of inventory records."""
    sign_off: float
    early: float
    sequence: float
    total: float
    """Share of figures that are totals when there are places."""
    removal: float
    settings: float
    negative: float
    late: float
    """Share of figures that come late and low: candidates for a late dip."""
    expires: float
    priority: float
    many_identifiers: float
    again: float
    """Share of lines that repeat an earlier value, exactly or nearly."""
    bad: float
    finery: float
    """Share of values written in an unusual but valid way."""


@dataclass(frozen=True)
class Trace:
    """Input of one replay: ``{"at", "topic", "value"}`` lines under a ``[policy]`` table."""

    seed: int
    policy: dict[str, object]
    lines: list[dict[str, object]]
    until: int | None


def draw_trace(seed: int, lines: int = 60) -> Trace:
    """The trace of a seed, always the same."""
    chance = random.Random(seed)
    weather = draw_weather(chance)
    policy = draw_policy(chance, weather.tick)
    least = int(str(policy.get("min_quantity", 1))) + int(str(policy.get("safety_stock", 0)))
    drawn = _Writer(chance, weather, least).write(lines)
    until = None
    if drawn and chance.random() < 0.2:
        span = sum(weather.pauses) / len(weather.pauses) * lines
        until = _START + int(span * chance.uniform(0.5, 1.5)) * weather.tick
    return Trace(seed, policy, drawn, until)


def draw_weather(chance: random.Random) -> Weather:
    """One kind of trouble with all its frequencies."""

    def often(*shares: float) -> float:
        return chance.choice((0.0, *shares))

    return Weather(
        variants=chance.choice((1, 1, 1, 2, 3, len(_VARIANTS))),
        people=chance.choice((2, 3, 4, 6, 12)),
        places=chance.choice((0, 1, 2, 3)),
        biggest=chance.choice((0, 1, 3)),
        tick=chance.choice((1, 250, 1000, 60_000, 60_000, 200_000)),
        pauses=chance.choice(((0, 1), (0, 0, 0, 1), (1,), (0, 1, 2, 5), (0, 0, 3, 20), (0, 1, 60))),
        lags=chance.choice(((0,), (0, 0, 0, 1), (0, 1, 2, 3), (0, 0, 2, 5, 10), (0, 0, 0, 30, 90))),
        stock=chance.choice((0.25, 0.4, 0.5, 0.6, 0.85)),
        sign_off=often(0.05, 0.15, 0.3),
        early=often(0.1, 0.4),
        sequence=often(0.3, 0.9),
        total=chance.choice((0.0, 0.1, 0.5)),
        removal=often(0.1, 0.25),
        settings=often(0.2, 0.6),
        negative=often(0.1),
        late=often(0.2, 0.4),
        expires=often(0.3, 0.8),
        priority=often(0.3, 0.8),
        many_identifiers=often(0.3, 0.9),
        again=often(0.1, 0.4),
        bad=often(0.05),
        finery=often(0.2),
    )


class _Writer:
    """Draws the lines of one trace."""

    def __init__(self, chance: random.Random, weather: Weather, least: int) -> None:
        self.chance = chance
        self.weather = weather
        self.least = least
        self.variants = chance.sample(_VARIANTS, weather.variants)
        self.now = _START
        self.lines: list[dict[str, object]] = []

    def write(self, count: int) -> list[dict[str, object]]:
        for _ in range(count):
            self.now += self.chance.choice(self.weather.pauses) * self.weather.tick
            topic, value = self._value()
            at: object = self.now if self._is(0.2) else write_time(self.now)
            self.lines.append({"at": at, "topic": topic, "value": value})
        return self.lines

    def _is(self, share: float) -> bool:
        return self.chance.random() < share

    def _value(self) -> tuple[str, object]:
        if self.lines and self._is(self.weather.again):
            return self._repeat()
        if self._is(self.weather.stock):
            topic, value = "inventory", self._stock()
        else:
            topic, value = "subscriptions", self._person_record()
        if self._is(self.weather.bad):
            return topic, spoil(self.chance, value, self.now)
        if self._is(self.weather.finery):
            value = self._dress(value)
        return topic, value

    def _repeat(self) -> tuple[str, object]:
        line = self.chance.choice(self.lines[-20:])
        topic, value = str(line["topic"]), line["value"]
        if isinstance(value, dict) and self._is(0.4):
            value = dict(value)
            change = self.chance.choice(("occurred_at", "variant_id", "quantity", "priority"))
            if change == "occurred_at":
                value["occurred_at"] = self._occurred_at()
            elif change in value:
                value[change] = {
                    "variant_id": self.chance.choice(self.variants),
                    "quantity": self._quantity(),
                    "priority": self.chance.randrange(10),
                }[change]
        return topic, value

    def _occurred_at(self) -> object:
        point = self.now - self.chance.choice(self.weather.lags) * self.weather.tick
        if self._is(self.weather.early):
            ahead = (self.weather.tick, 3 * self.weather.tick, _AHEAD, 1)
            point = min(self.now + self.chance.choice(ahead), self.now + _AHEAD)
        if self._is(self.weather.finery):
            return self._write_time(point)
        return write_time(point)

    def _write_time(self, point: int) -> object:
        text = write_time(point)
        return self.chance.choice(
            (
                point,
                float(point),
                text.replace("Z", "999Z"),
                text.lower(),
                write_time(point + 19_800_000).replace("Z", "+05:30"),
                write_time(point - 86_340_000).replace("Z", "000-23:59"),
                text.replace("Z", "-00:00"),
            )
        )

    def _quantity(self) -> int | None:
        if self._is(self.weather.removal):
            return None
        if self._is(self.weather.negative):
            return -self.chance.randrange(1, 4)
        high = self.least + self.chance.randrange(self.weather.biggest + 1)
        return self.chance.choice((0, self.least - 1, high, high, high))

    def _stock(self) -> dict[str, object]:
        value: dict[str, object] = {
            "variant_id": self.chance.choice(self.variants),
            "quantity": self._quantity(),
            "occurred_at": self._occurred_at(),
        }
        total = self.weather.total
        if value["quantity"] is None:
            total = max(total, 0.4)
        elif self._is(self.weather.late):
            value["quantity"] = self.chance.choice((0, self.least - 1, self.least - 1))
            lag = self.chance.randint(1, 6) * self.weather.tick
            value["occurred_at"] = write_time(self.now - lag)
        if self.weather.places and not self._is(total):
            value["location_id"] = self.chance.choice(_PLACES[: self.weather.places])
        if self._is(self.weather.sequence):
            value["sequence"] = self.chance.choice((-1, 0, 1, 2, 2**53 - 1))
        if self._is(self.weather.settings):
            value["policy"] = self.chance.choice(("deny", "deny", "deny", "continue"))
        for field in ("available", "published"):
            if self._is(self.weather.settings / 2):
                value[field] = self.chance.choice((True, True, True, False))
        if self._is(self.weather.settings / 2):
            value["product"] = self._product()
        return value

    def _product(self) -> dict[str, object]:
        choices = {
            "title": f"T{self.chance.randrange(3)}",
            "url": f"https://shop.example/{self.chance.randrange(3)}",
            "price": self.chance.choice(("9.90", 9.9, 90, 90.0, 0, -1)),
            "currency": "SEK",
            "product_id": "p1",
            "variant_title": "M",
            "image_url": "https://shop.example/i.png",
            "unheard_of": 7,
        }
        return {name: value for name, value in choices.items() if self._is(0.3)}

    def _profile(self) -> dict[str, object]:
        person = self.chance.randrange(self.weather.people)
        forms: dict[str, object] = {
            "id": f"P{person}",
            "external_id": f"x{person // 2}",
            "email": self.chance.choice(
                (f"u{person // 2}@example.com", f" U{person // 2}@Example.COM\t")
            ),
            "phone_number": self.chance.choice((f"+46 {person // 3}", f"+46-(){person // 3}")),
        }
        if not self._is(self.weather.many_identifiers):
            name = "id" if self._is(0.9) else self.chance.choice(tuple(forms))
            return {name: forms[name]}
        names = [name for name in forms if self._is(0.5)] or ["email"]
        return {name: forms[name] for name in names}

    def _person_record(self) -> dict[str, object]:
        value: dict[str, object] = {
            "type": "unsubscribe" if self._is(self.weather.sign_off) else "subscribe",
            "variant_id": self.chance.choice(self.variants),
            "profile": self._profile(),
            "occurred_at": self._occurred_at(),
        }
        if self._is(self.weather.priority):
            value["priority"] = self.chance.choice((0, 1, 1, 9))
        if self._is(self.weather.expires):
            ahead = self.chance.choice((-3, 0, 0, 1, 2, 3, 5, 10)) * self.weather.tick
            value["expires_at"] = write_time(self.now + ahead)
        if self._is(0.1):
            value["channels"] = self.chance.choices(_CHANNELS, k=3)
            value["consent"] = self.chance.choices(_CHANNELS, k=self.chance.randrange(4))
        if self._is(0.1):
            value["locale"], value["market"] = "sv", "SE"
        if self._is(0.1):
            value["product"] = self._product()
        return value

    def _dress(self, value: dict[str, object]) -> dict[str, object]:
        """The same record, written with nulls, floats and unknown fields."""
        value = {"unheard_of": [None, {"a": 1}], **value}
        for name in ("sequence", "priority"):
            if isinstance(value.get(name), int) and value[name] != 2**53 - 1:
                value[name] = float(str(value[name]))
        optional = ("location_id", "sequence", "policy", "available", "published", "product")
        if "type" in value:
            optional = ("channels", "priority", "expires_at", "consent", "locale", "product")
        for name in optional:
            if self._is(0.3):
                value.setdefault(name, None)
        if value.get("type") == "unsubscribe":
            value |= {"channels": 7, "priority": "high", "expires_at": False, "product": []}
        return value
