# SPDX-License-Identifier: Apache-2.0
"""The script of the demo: which record is produced when. A function of its seed and its start."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any, Final, Literal

from restock.demo.catalogue import Item
from restock.demo.configuration import NATURAL_SECONDS
from restock.demo.courses import Figure, restocks, sell_out
from restock.demo.orders import order_record, plan_orders
from restock.demo.sign_ups import SignUps, plan_sign_ups
from schemas.identifiers import person_identifiers
from schemas.timestamps import format_timestamp

__all__ = ["ACTS", "Act", "Cue", "Role", "Script", "broken_order", "broken_webhook", "write_script"]

Role = Literal["inventory", "subscriptions", "orders"]
"""A topic that the shop's platform writes."""


@dataclass(frozen=True, slots=True)
class Act:
    """A part of the sale: when it begins (seconds of the natural sale) and what is to be seen."""

    at: float
    title: str
    text: str


ACTS: Final = (
    Act(0.0, "Sold out", "The doors open, and within two seconds everything is gone."),
    Act(2.3, "Sign-ups", "Those who came too late ask to be told. Some change their minds."),
    Act(8.0, "Restock in portions", "So much stock, so many people: a wave, a pause, a wave."),
    Act(13.0, "Second restock", "More arrives. Who was told and has not bought is reminded."),
    Act(16.9, "All told", "The last are reminded. Who signs up now waits for the next restock."),
)
_FAULT: Final = 10.8
_FAULT_LASTS: Final = 1.0
_END: Final = 18.0


@dataclass(frozen=True, slots=True)
class Cue:
    """One record to produce.

    Attributes:
        at: When, in milliseconds from the start.
        role: The topic.
        key: The record's key.
        value: The record's value; None: a tombstone.
        variant_id: The variant, if the record is to change what the table shows.
        quantity: The variant's total from now on; None where the record is no stock figure.
        note: One line for people, or empty.
    """

    at: int
    role: Role
    key: bytes
    value: bytes | None
    variant_id: str = ""
    quantity: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that is produced.

    Attributes:
        cues: In the order of time.
        rejected: The values among them that are no valid records.
        fault_at: When the webhook receiver begins to fail, in milliseconds from the start.
        fault_seconds: For how long.
        end: Milliseconds from the start to the end of the last act.
        seconds: The length that was asked for.
    """

    cues: tuple[Cue, ...]
    rejected: frozenset[bytes]
    fault_at: int
    fault_seconds: float
    end: int
    seconds: float

    def act_at(self, elapsed: int) -> tuple[int, Act]:
        """Return number (from 1) and act at a time in milliseconds from the start."""
        natural = elapsed / 1000 * NATURAL_SECONDS / self.seconds
        number = max(1, sum(act.at <= natural for act in ACTS))
        return number, ACTS[number - 1]


def broken_webhook() -> Cue:
    """Return a record cut off in its middle: the program must set it aside and go on."""
    return Cue(0, "inventory", b"webhook", b'{"variant_id": "$shopify:::$default:::44100')


def broken_order() -> Cue:
    """Return an order that names nothing: whoever delivers must set it aside and go on."""
    return Cue(0, "orders", b"id:nobody", b'{"order_id": "1", "profile": {"id": "nobody"}}')


def write_script(
    items: Sequence[Item], *, start: int, seconds: float, people: int, seed: int
) -> Script:
    """Write the script of a sale.

    Args:
        items: What is for sale.
        start: When it starts, in epoch milliseconds: the records are dated from there.
        seconds: How long it takes.
        people: How many people want something.
        seed: Of everything that is left to chance.
    """
    random = Random(seed)  # noqa: S311 - a play, not a secret
    clock = _Clock(start, seconds / NATURAL_SECONDS)
    sign_ups = plan_sign_ups(items, people, random)
    cues = _stock_cues(items, sign_ups, random, clock)
    cues += [
        _record_cue(clock.offset(plan.at), "subscriptions", plan.record(clock.moment(plan.at)))
        for plan in sign_ups.plans
    ]
    cues += _order_cues(items, sign_ups, random, clock)
    broken = _broken_records(items[0].variant_id, clock)
    cues += broken
    cues.append(Cue(clock.offset(6.5), "subscriptions", items[0].variant_id.encode(), None))
    unsound = (broken_webhook(), broken_order(), *broken)
    rejected = frozenset(cue.value for cue in unsound if cue.value is not None)
    cues.sort(key=lambda cue: cue.at)
    fault_at, end = clock.offset(_FAULT), clock.offset(_END)
    return Script(tuple(cues), rejected, fault_at, _FAULT_LASTS * clock.pace, end, seconds)


@dataclass(frozen=True, slots=True)
class _Clock:
    """Seconds of the natural sale to times of this one, in milliseconds."""

    start: int
    pace: float

    def offset(self, natural: float) -> int:
        return round(natural * 1000 * self.pace)

    def moment(self, natural: float) -> int:
        return self.start + self.offset(natural)


def _stock_cues(
    items: Sequence[Item], sign_ups: SignUps, random: Random, clock: _Clock
) -> list[Cue]:
    cues: list[Cue] = []
    of_course: Counter[str] = Counter()
    for item in items:
        waiting = sign_ups.waiting[item.variant_id]
        figures = restocks(item.course, waiting, of_course[item.course])
        of_course[item.course] += 1
        for figure in (*sell_out(random), *figures):
            cues += _figure_cues(item, figure, clock)
        cues += _redelivered(item, figures, clock)
    return cues


def _figure_cues(item: Item, figure: Figure, clock: _Clock) -> list[Cue]:
    offset = clock.offset(figure.at)
    records = item.report(figure.quantity, clock.moment(figure.at))
    cues = [_record_cue(offset, "inventory", record) for record in records[:-1]]
    # The last of several locations completes the total.
    note = f"{item.label}: {figure.note}" if figure.note else ""
    last = _record_cue(offset, "inventory", records[-1], figure.quantity, note)
    return [*cues, last]


def _redelivered(item: Item, figures: Sequence[Figure], clock: _Clock) -> list[Cue]:
    """A webhook comes again, long after newer ones: a stale figure that must change nothing."""
    for old, new in pairwise(figures):
        before, after = clock.moment(old.at), clock.moment(new.at)
        # Shopify's and BigCommerce's times are whole seconds.
        if old.quantity == 0 and before // 1000 < after // 1000:
            return [
                _record_cue(clock.offset(new.at + 0.6), "inventory", record)
                for record in item.report(old.quantity, before)
            ]
    return []


def _order_cues(
    items: Sequence[Item], sign_ups: SignUps, random: Random, clock: _Clock
) -> list[Cue]:
    products = {
        item.variant_id: item.report(0, clock.start)[0]["product"]["product_id"] for item in items
    }
    cues: list[Cue] = []
    for number, plan in enumerate(plan_orders(sign_ups.plans, random)):
        profile = plan.wish.person.profile
        item = {"product_id": products[plan.wish.variant_id]}
        record = order_record(f"order-{number}", profile, item, clock.moment(plan.at))
        key, value = person_identifiers(**profile)[0].encode(), json.dumps(record).encode()
        note = "" if cues else "some buy another variant meanwhile: they need no message"
        cues.append(Cue(clock.offset(plan.at), "orders", key, value, note=note))
    return cues


def _broken_records(variant_id: str, clock: _Clock) -> list[Cue]:
    def cue(at: float, role: Role, record: object) -> Cue:
        return Cue(
            clock.offset(at), role, variant_id.encode(), json.dumps(record).encode(), note=_ASIDE
        )

    when = format_timestamp(clock.moment(4))
    return [
        cue(4, "inventory", {"variant_id": variant_id, "quantity": "7", "occurred_at": when}),
        cue(5, "subscriptions", {"type": "subscribe", "variant_id": variant_id}),
        cue(
            6,
            "subscriptions",
            {
                "type": "subscribe",
                "variant_id": variant_id,
                "profile": {"email": "  "},
                "occurred_at": when,
            },
        ),
        cue(
            7,
            "inventory",
            {"variant_id": variant_id, "quantity": 7, "occurred_at": clock.start // 1000},
        ),
    ]


_ASIDE: Final = "a record that makes no sense goes to the dead letters"


def _record_cue(
    offset: int,
    role: Role,
    record: dict[str, Any],
    quantity: int | None = None,
    note: str = "",
) -> Cue:
    variant_id: str = record["variant_id"]
    value = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    return Cue(offset, role, variant_id.encode(), value, variant_id, quantity, note)
