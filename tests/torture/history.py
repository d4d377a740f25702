# SPDX-License-Identifier: Apache-2.0
"""What happened, variant by variant, as far as the input topics alone tell it.

Written from docs/semantics.md, with nothing of the program. Understood is what the scenario makes:
totals without locations or settings, the default thresholds, people with any identifiers.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from tests.torture.contents import Contents, TopicRecord
from tests.torture.facts import NEVER, Entry, SignOff, Variant

__all__ = ["History", "UnknownRecordError"]

_EARLIEST: Final = 978_307_200_000
_MISDATED: Final = 600_000
_SOON: Final = 7 * 86_400_000
_ASCII: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


_NOT_UNDERSTOOD: Final = frozenset({"location_id", "policy", "available", "published"})


class UnknownRecordError(Exception):
    """The topics hold something that this check does not understand."""


class History:
    """Reads the input topics.

    Attributes:
        variants: by id.
        broken: the records that are not valid, with the role of their topic.

    Raises:
        UnknownRecordError: a variant's records lie in more than one partition of a topic, or a
            record is of a kind that is not understood here.
    """

    def __init__(self, contents: Contents) -> None:
        self.variants: dict[str, Variant] = {}
        self.broken: list[tuple[str, TopicRecord]] = []
        self._read("inventory", contents.inventory)
        self._read("subscriptions", contents.subscriptions)
        for variant in self.variants.values():
            if len({role for role, _ in variant.partitions}) < len(variant.partitions):
                message = f"{variant.name} lies in several partitions: {variant.partitions}"
                raise UnknownRecordError(message)

    def _read(self, role: str, records: Iterable[TopicRecord]) -> None:
        take = self._figure if role == "inventory" else self._subscription
        for record in records:
            if record.value is None:
                continue
            try:
                value = json.loads(record.value.decode())
                at = _occurred_at(value, record.timestamp)
                name, barrier = _text(value["variant_id"]), _barrier(value)
                take(name, value, at, barrier, record)
            except (ValueError, KeyError, TypeError):
                self.broken.append((role, record))
            else:
                variant = self.variants[name]
                variant.partitions.add((role, record.partition))
                start = variant.starts.get(barrier, record.timestamp)
                variant.starts[barrier] = min(start, record.timestamp)

    def _variant(self, name: str) -> Variant:
        variant = self.variants.get(name)
        if variant is None:
            variant = self.variants[name] = Variant(name)
        return variant

    def _figure(
        self, name: str, value: dict[str, Any], at: int, barrier: int, record: TopicRecord
    ) -> None:
        if value["quantity"] is None or not _NOT_UNDERSTOOD.isdisjoint(value):
            message = f"inventory [{record.partition}] {record.offset}: not only a total"
            raise UnknownRecordError(message)
        quantity, sequence = value["quantity"], value.get("sequence", 0)
        if type(quantity) is not int or type(sequence) is not int:
            raise ValueError(quantity)
        self._variant(name).figure(quantity, at, sequence, barrier, record.timestamp)

    def _subscription(
        self, name: str, value: dict[str, Any], at: int, barrier: int, record: TopicRecord
    ) -> None:
        known = _identifiers(value["profile"])
        if value["type"] == "unsubscribe":
            self._variant(name).sign_off(SignOff(known, at, record.offset, barrier))
        elif value["type"] == "subscribe":
            expires = value.get("expires_at", NEVER) < record.timestamp + _SOON
            priority = value.get("priority", 0)
            entry = Entry(known, at, priority, record, barrier, expires=expires)
            self._variant(name).sign_up(entry)
        else:
            raise ValueError(value["type"])


def _identifiers(profile: dict[str, str]) -> tuple[str, ...]:
    """A person's identifiers, normalised, the profile key first.

    Raises:
        ValueError: there is none.
    """
    found = []
    if "id" in profile:
        found.append("id:" + profile["id"])
    if "external_id" in profile:
        found.append("external:" + profile["external_id"])
    if "email" in profile:
        found.append("email:" + profile["email"].strip("\t\n\v\f\r ").translate(_ASCII))
    if "phone_number" in profile:
        found.append("phone:" + re.sub(r"[^+0-9]", "", profile["phone_number"]))
    if not found:
        message = "nobody"
        raise ValueError(message)
    return tuple(found)


def _occurred_at(value: dict[str, Any], arrival: int) -> int:
    at = value["occurred_at"]
    if type(at) is not int or at < _EARLIEST or at > arrival + _MISDATED:
        raise ValueError(at)
    return min(at, arrival)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(value)
    return value


def _barrier(value: dict[str, Any]) -> int:
    """The barrier; 0, which is always true, without one."""
    event_id = value.get("event_id")
    if not event_id or event_id[0] != "b":
        return 0
    return int(event_id[1 : event_id.index(".")])
