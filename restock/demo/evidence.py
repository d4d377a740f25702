# SPDX-License-Identifier: Apache-2.0
"""What the demo's summary and checks are made of: the topics, read from their beginning."""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from schemas.identifiers import person_identifiers
from schemas.timestamps import parse_timestamp

__all__ = [
    "Delivered",
    "Evidence",
    "LoggedRecord",
    "Told",
    "Wave",
    "read_delivered",
    "read_told",
    "waves_of",
]


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
    orders: tuple[LoggedRecord, ...]
    notifications: tuple[LoggedRecord, ...]
    deliveries: tuple[LoggedRecord, ...]
    dead_letters: tuple[LoggedRecord, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A notification: somebody is told. Times are epoch milliseconds.

    The fields are those of docs/semantics.md section 1, but `profile_key`, which is the record's
    key, `written_at`, its timestamp, and `identifiers`, the person's, normalised.
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
    channels: tuple[str, ...]
    identifiers: tuple[str, ...]
    product_id: str | None


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a message: the fields of a record of the deliveries topic that count here.

    `settled_at` is its ``occurred_at``, in epoch milliseconds; `reason` is empty where it was sent.
    """

    notification_id: str
    variant_id: str
    profile_key: str
    step: str
    channel: str
    outcome: str
    reason: str
    settled_at: int

    @property
    def message_id(self) -> str:
        """The id that the message carries: each channel of the demo has a receiver of its own."""
        return (
            self.notification_id if self.step == "first" else f"{self.notification_id}.{self.step}"
        )


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


def read_delivered(records: Iterable[LoggedRecord]) -> list[Delivered]:
    """Return the outcomes of records, in the same order."""
    return [_delivered(record) for record in records]


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
        channels=tuple(fields["channels"]),
        identifiers=person_identifiers(**fields["profile"]),
        product_id=fields["product"].get("product_id"),
    )


def _delivered(record: LoggedRecord) -> Delivered:
    fields = orjson.loads(record.value or b"{}")
    return Delivered(
        notification_id=fields["notification_id"],
        variant_id=fields["variant_id"],
        profile_key=fields["profile_key"],
        step=fields["step"],
        channel=fields["channel"],
        outcome=fields["outcome"],
        reason=fields["reason"] or "",
        settled_at=parse_timestamp(fields["occurred_at"]),
    )
