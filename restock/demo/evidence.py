# SPDX-License-Identifier: Apache-2.0
"""What the demo's summary and checks are made of: the topics, read from their beginning."""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from schemas.timestamps import parse_timestamp

__all__ = ["Evidence", "LoggedRecord", "Told", "Wave", "read_told", "waves_of"]


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """A record as it stands on a topic.

    Attributes:
        partition: Its partition.
        offset: Its place there.
        timestamp: The record's timestamp, in epoch milliseconds.
        key: Its key.
        value: Its value; None: a tombstone.
    """

    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The topics that matter, each in the order of partition and offset."""

    inventory: tuple[LoggedRecord, ...]
    subscriptions: tuple[LoggedRecord, ...]
    notifications: tuple[LoggedRecord, ...]
    dead_letters: tuple[LoggedRecord, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A notification: somebody is told. Times are epoch milliseconds.

    The fields are those of docs/semantics.md section 1, but `profile_key`, which is the record's
    key, and `written_at`, its timestamp.
    """

    id: str
    variant_id: str
    profile_key: str
    cycle: int
    cycle_opened_at: int
    wave: int
    position: int
    quantity: int
    subscribed_at: int
    triggered_at: int
    written_at: int


@dataclass(frozen=True, slots=True)
class Wave:
    """The notifications that give the same variant, cycle and wave, in the order of position."""

    variant_id: str
    cycle: int
    number: int
    people: tuple[Told, ...]

    @property
    def first(self) -> Told:
        """The notification whose quantity and times stand for those of the wave."""
        return self.people[0]


def read_told(records: Iterable[LoggedRecord]) -> list[Told]:
    """Return the notifications of records, in the same order."""
    return [_told(record) for record in records]


def waves_of(told: Iterable[Told]) -> dict[str, list[Wave]]:
    """Return the waves of each variant, in the order of cycle and number."""
    groups: dict[tuple[str, int, int], list[Told]] = {}
    for person in told:
        groups.setdefault((person.variant_id, person.cycle, person.wave), []).append(person)
    waves: dict[str, list[Wave]] = {}
    for (variant_id, cycle, number), people in sorted(groups.items()):
        people.sort(key=lambda person: person.position)
        waves.setdefault(variant_id, []).append(Wave(variant_id, cycle, number, tuple(people)))
    return waves


def _told(record: LoggedRecord) -> Told:
    fields = orjson.loads(record.value or b"{}")
    return Told(
        id=fields["id"],
        variant_id=fields["variant_id"],
        profile_key=record.key.decode(),
        cycle=fields["cycle"],
        cycle_opened_at=parse_timestamp(fields["cycle_opened_at"]),
        wave=fields["wave"],
        position=fields["position"],
        quantity=fields["quantity"],
        subscribed_at=parse_timestamp(fields["subscribed_at"]),
        triggered_at=parse_timestamp(fields["triggered_at"]),
        written_at=record.timestamp,
    )
