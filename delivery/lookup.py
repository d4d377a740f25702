# SPDX-License-Identifier: Apache-2.0
"""What the ledger knows, looked up right before a send."""

import sqlite3
from collections.abc import Collection
from typing import NamedTuple

from connectors.sinks.content import read_notification
from delivery.news import product_item, variant_item
from journey.facts import Facts
from journey.journey import Journey
from schemas.identifiers import person_identifiers

__all__ = ["Lookup", "Stored"]


class Stored(NamedTuple):
    """A journey with its record.

    Attributes:
        number: in the ledger.
        journey: where it stands.
        value: the notification record's value.
        place: topic, partition and offset of the record.
        rank: when its wave started, and its place in it.
    """

    number: int
    journey: Journey
    value: bytes
    place: tuple[str, int, int]
    rank: tuple[int, int]


_COLUMNS = "number, state, value, topic, partition, offset, position"


class Lookup:
    """Asks a reading connection.

    Args:
        connection: to the ledger.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Ask nothing yet."""
        self._connection = connection

    def journey(self, number: int) -> Stored | None:
        """A journey by its number; None: it is over."""
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM journeys WHERE number = ?",  # noqa: S608 - a constant
            (number,),
        ).fetchone()
        return None if row is None else _stored(*row)

    def of_person(self, profile_key: str) -> list[Stored]:
        """All journeys of a person."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM journeys WHERE profile_key = ?",  # noqa: S608 - a constant
            (profile_key,),
        )
        return [_stored(*row) for row in rows]

    def facts(self, stored: Stored, together: Collection[str]) -> Facts:
        """What is known now.

        Args:
            stored: the journey that is to be judged.
            together: ids of all notifications that its message would tell of.
        """
        notified = stored.journey.notified
        person = read_notification(stored.value).profile
        who = person_identifiers(person.id, person.external_id, person.email, person.phone_number)
        variant_id, product_id = notified.variant_id, notified.product_id
        items = [variant_item(variant_id)]
        if product_id is not None:
            items.append(product_item(product_id))
        return Facts(
            signed_off_at=self._signed_off_at(variant_id, who),
            ordered_at=self._ordered_at(who, items),
            offered=self._offered(variant_id),
            told_at=self._told_at(notified.profile_key, together),
        )

    def next_due(self) -> int | None:
        """When the next task that is not ready falls due, in epoch milliseconds; None: never."""
        found = self._connection.execute("SELECT min(due_at) FROM tasks WHERE ready = 0").fetchone()
        return None if found is None else found[0]

    def _signed_off_at(self, variant_id: str, who: Collection[str]) -> int | None:
        return self._greatest(
            "SELECT max(signed_off_at) FROM sign_offs WHERE variant_id = ? AND identifier IN ({})",
            [variant_id],
            who,
        )

    def _ordered_at(self, who: Collection[str], items: list[str]) -> int | None:
        found = [
            self._greatest(
                "SELECT max(ordered_at) FROM orders WHERE cancelled = 0 AND item = ? "
                "AND identifier IN ({})",
                [item],
                who,
            )
            for item in items
        ]
        return max((at for at in found if at is not None), default=None)

    def _offered(self, variant_id: str) -> bool | None:
        row = self._connection.execute(
            "SELECT offered FROM statuses WHERE variant_id = ?", (variant_id,)
        ).fetchone()
        return None if row is None else bool(row[0])

    def _told_at(self, profile_key: str, together: Collection[str]) -> int | None:
        return self._greatest(
            "SELECT max(settled_at) FROM entries WHERE outcome = 'sent' AND profile_key = ? "
            "AND notification_id NOT IN ({})",
            [profile_key],
            together,
        )

    def _greatest(self, query: str, first: list[str], among: Collection[str]) -> int | None:
        marks = ",".join("?" * len(among))
        row = self._connection.execute(query.format(marks), (*first, *among)).fetchone()
        found: int | None = row[0]
        return found


def _stored(
    number: int,
    state: bytes,
    value: bytes,
    topic: str,
    partition: int,
    offset: int,
    position: int,
) -> Stored:
    journey = Journey.from_bytes(state)
    rank = (journey.notified.triggered_at, position)
    return Stored(number, journey, value, (topic, partition, offset), rank)
