# SPDX-License-Identifier: Apache-2.0
"""Holds who was told, and who was not, against what orders, sign-offs and stock give reason for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import orjson

from restock.demo.evidence import Delivered, Evidence, LoggedRecord, Told
from restock.demo.journeys import CHANNELS, Journeys
from restock.demo.rules import Rule, Violation
from restock.demo.stock_history import StockState
from restock.demo.wave_checks import READING_ALLOWANCE, person_name
from schemas.identifiers import person_identifiers
from schemas.timestamps import parse_timestamp

__all__ = ["ReasonChecks"]

_Facts = dict[tuple[str, str], list[tuple[int, int]]]
"""By identifier and thing: when it occurred, and when its record arrived."""


class ReasonChecks:
    """Judges outcomes one by one.

    Args:
        evidence: The topics.
        rejected: Values that are no valid records.
        stock: The states of each variant's stock.
        journeys: All outcomes.
    """

    def __init__(
        self,
        evidence: Evidence,
        rejected: frozenset[bytes],
        stock: Mapping[str, Sequence[StockState]],
        journeys: Journeys,
    ) -> None:
        self._orders = _ordered(_values(evidence.orders, rejected))
        self._sign_offs = _signed_off(_values(evidence.subscriptions, rejected))
        self._stock = stock
        self._sent: dict[str, list[Delivered]] = {}
        for journey in journeys.by_id.values():
            for found in journey.outcomes.values():
                if found.outcome == "sent":
                    self._sent.setdefault(found.profile_key, []).append(found)
        self._reasons: Mapping[str, Callable[[Told, Delivered], bool]] = {
            "ordered": lambda note, found: _before(self._orders_of(note), found.settled_at),
            "unsubscribed": lambda note, found: _before(self._offs_of(note), found.settled_at),
            "sold_out": self._was_sold_out,
            "recently_told": self._was_told,
            "no_address": lambda note, found: found.channel == "EMAIL" and not _has_email(note),
            "no_channel": lambda _, found: found.channel not in CHANNELS,
        }

    def violations(self, note: Told, found: Delivered) -> Iterator[Violation]:
        """Yield what is wrong with an outcome of a notification."""
        if found.outcome == "suppressed":
            holds = self._reasons.get(found.reason, _never)
            if not holds(note, found):
                yield _violation(note, found, "the topics do not show why")
        elif found.outcome == "sent":
            for_sure = found.settled_at - READING_ALLOWANCE
            if _before(self._orders_of(note), for_sure):
                yield _violation(note, found, "although they had ordered it")
            if _before(self._offs_of(note), for_sure):
                yield _violation(note, found, "although they had signed off")
            if found.step == "first" and self._was_told(note, found):
                yield _violation(note, found, "although they had just been told of another")

    def _orders_of(self, note: Told) -> list[tuple[int, int]]:
        return _since(note, self._orders, (note.variant_id, note.product_id or ""))

    def _offs_of(self, note: Told) -> list[tuple[int, int]]:
        return _since(note, self._sign_offs, (note.variant_id,))

    def _was_sold_out(self, note: Told, found: Delivered) -> bool:
        """Whether the stock that the wave counted on may have been gone, as far as was known."""
        states = self._stock.get(note.variant_id, ())
        return any(
            not state.offered
            # What was known before the stock came back says nothing of it.
            and state.cycle >= note.cycle
            and state.known_from <= found.settled_at
            and (after is None or after.known_from + READING_ALLOWANCE >= found.settled_at)
            for state, after in zip_longest(states, states[1:])
        )

    def _was_told(self, note: Told, found: Delivered) -> bool:
        return any(
            other.notification_id != note.id and other.settled_at <= found.settled_at
            for other in self._sent.get(note.profile_key, ())
        )


def _values(
    records: Iterable[LoggedRecord], rejected: frozenset[bytes]
) -> Iterator[tuple[Any, int]]:
    """Yield what valid records say, and when they arrived."""
    for record in records:
        if record.value is not None and record.value not in rejected:
            yield orjson.loads(record.value), record.timestamp


def _ordered(orders: Iterable[tuple[Any, int]]) -> _Facts:
    facts: _Facts = {}
    for fields, arrival in orders:
        things = {
            item[name]
            for item in fields["items"]
            for name in ("variant_id", "product_id")
            if item.get(name)
        }
        _note(facts, fields, things, arrival)
    return facts


def _signed_off(subscriptions: Iterable[tuple[Any, int]]) -> _Facts:
    facts: _Facts = {}
    for fields, arrival in subscriptions:
        if fields["type"] == "unsubscribe":
            _note(facts, fields, [fields["variant_id"]], arrival)
    return facts


def _note(facts: _Facts, fields: Any, things: Iterable[str], arrival: int) -> None:  # noqa: ANN401 - any record
    at = (parse_timestamp(fields["occurred_at"]), arrival)
    for thing in things:
        for identifier in person_identifiers(**fields["profile"]):
            facts.setdefault((identifier, thing), []).append(at)


def _since(note: Told, facts: _Facts, things: Iterable[str]) -> list[tuple[int, int]]:
    """Return what a person did about something since they signed up for it."""
    return [
        at
        for thing in things
        for identifier in note.identifiers
        for at in facts.get((identifier, thing), ())
        if at[0] >= note.subscribed_at
    ]


def _before(facts: Iterable[tuple[int, int]], moment: int) -> bool:
    return any(arrival <= moment for _, arrival in facts)


def _has_email(note: Told) -> bool:
    return any(identifier.startswith("email:") for identifier in note.identifiers)


def _never(_note: Told, _found: Delivered) -> bool:
    return False


def _violation(note: Told, found: Delivered, text: str) -> Violation:
    what = f"{found.outcome} {found.reason}".rstrip()
    return Violation(
        Rule.REASONS, f"{found.step} by {found.channel} to {person_name(note)}: {what}, {text}"
    )
