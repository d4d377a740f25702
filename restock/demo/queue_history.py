# SPDX-License-Identifier: Apache-2.0
"""Who waited, by the subscriptions topic: a second opinion, as in `restock.demo.stock_history`.

It covers what the demo uses of docs/semantics.md section 3: first sign-ups count, sign-offs reach a
person by any identifier, and who has been told may join again but not for the same cycle. It leaves
out expiry, which no demo lasts long enough for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from restock.demo.evidence import LoggedRecord, Told
from schemas.identifiers import person_identifiers
from schemas.timestamps import parse_timestamp

__all__ = ["Entry", "waiting_entries"]


@dataclass(slots=True)
class Entry:
    """One person's place in the queue of one variant. Times are epoch milliseconds.

    Attributes:
        variant_id: The variant.
        identifiers: The person, profile key first.
        subscribed_at: When the person asked.
        priority: Higher is told first.
        offset: Of the sign-up; all of a variant's are in the same partition.
        arrived_at: When the sign-up arrived.
        barred_from: The cycle in which the person was told before, and takes no part again.
        signed_off: Offset and arrival of the sign-off that ended the wait.
        told: The notification that ended it.
    """

    variant_id: str
    identifiers: tuple[str, ...]
    subscribed_at: int
    priority: int
    offset: int
    arrived_at: int
    barred_from: int | None = None
    signed_off: tuple[int, int] | None = None
    told: Told | None = None

    @property
    def order(self) -> tuple[int, int, int]:
        """The place in the queue: lower is told first."""
        return (-self.priority, self.subscribed_at, self.offset)

    @property
    def profile_key(self) -> str:
        """The person's first identifier."""
        return self.identifiers[0]


def waiting_entries(
    subscriptions: Iterable[LoggedRecord], rejected: frozenset[bytes], told: Iterable[Told]
) -> dict[str, list[Entry]]:
    """Return everybody who has waited, by variant, in the order of arrival.

    Args:
        subscriptions: The topic, in the order of partition and offset.
        rejected: Values that are no valid records.
        told: The notifications; each ends the wait of the sign-up that it answers.
    """
    answers = {(note.variant_id, note.profile_key, note.subscribed_at): note for note in told}
    queues: dict[str, _Queue] = {}
    for record in subscriptions:
        if record.value is None or record.value in rejected:
            continue
        fields = orjson.loads(record.value)
        queue = queues.setdefault(fields["variant_id"], _Queue(answers))
        if fields["type"] == "subscribe":
            queue.subscribe(fields, record)
        else:
            queue.unsubscribe(fields, record)
    return {variant_id: queue.entries for variant_id, queue in queues.items()}


@dataclass(slots=True)
class _Queue:
    answers: Mapping[tuple[str, str, int], Told]
    entries: list[Entry] = field(default_factory=list)
    current: dict[str, Entry] = field(default_factory=dict)
    reachable: dict[str, list[Entry]] = field(default_factory=dict)
    sign_offs: dict[str, int] = field(default_factory=dict)

    def subscribe(self, fields: Mapping[str, Any], record: LoggedRecord) -> None:
        entry = _entry(fields, record)
        if any(self.sign_offs.get(name, -1) >= entry.subscribed_at for name in entry.identifiers):
            return
        earlier = self.current.get(entry.profile_key)
        if earlier is not None and earlier.signed_off is None:
            if earlier.told is not None and earlier.told.triggered_at < entry.subscribed_at:
                entry.barred_from = earlier.told.cycle
            elif earlier.told is not None or earlier.subscribed_at <= entry.subscribed_at:
                return
            else:
                self.entries.remove(earlier)
        entry.told = self.answers.get((entry.variant_id, entry.profile_key, entry.subscribed_at))
        self.entries.append(entry)
        self.current[entry.profile_key] = entry
        for name in entry.identifiers:
            self.reachable.setdefault(name, []).append(entry)

    def unsubscribe(self, fields: Mapping[str, Any], record: LoggedRecord) -> None:
        occurred_at = min(parse_timestamp(fields["occurred_at"]), record.timestamp)
        for name in person_identifiers(**fields["profile"]):
            self.sign_offs[name] = max(occurred_at, self.sign_offs.get(name, occurred_at))
            for entry in self.reachable.get(name, ()):
                if entry.signed_off is None and entry.subscribed_at <= occurred_at:
                    entry.signed_off = (record.offset, record.timestamp)


def _entry(fields: Mapping[str, Any], record: LoggedRecord) -> Entry:
    return Entry(
        variant_id=fields["variant_id"],
        identifiers=person_identifiers(**fields["profile"]),
        subscribed_at=min(parse_timestamp(fields["occurred_at"]), record.timestamp),
        priority=fields.get("priority") or 0,
        offset=record.offset,
        arrived_at=record.timestamp,
    )
