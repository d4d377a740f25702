# SPDX-License-Identifier: Apache-2.0
"""What the ledger knows, looked up right before messages are sent, for many of them at once.

A statement for each would wait for Python's lock each time, see `delivery.batch`.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import orjson

from connectors.sinks.content import read_notification
from delivery.news import product_item, variant_item
from journey.facts import Facts
from journey.journey import Journey
from schemas.identifiers import person_identifiers

__all__ = ["Lookup", "Stored"]

_JOURNEYS: Final = (
    "SELECT number, state, j.value, topic, partition, offset, position "
    "FROM json_each(?) AS w CROSS JOIN journeys AS j ON number = w.value"
)
_OF_PERSON: Final = (
    "SELECT number, state, value, topic, partition, offset, position FROM journeys "
    "WHERE profile_key = ?"
)
_SIGN_OFFS: Final = (
    "SELECT w.value ->> 0, max(signed_off_at) FROM json_each(?) AS w CROSS JOIN sign_offs "
    "ON variant_id = w.value ->> 1 AND identifier = w.value ->> 2 GROUP BY 1"
)
_ORDERS: Final = (
    "SELECT w.value ->> 0, max(ordered_at) FROM json_each(?) AS w CROSS JOIN orders "
    "ON identifier = w.value ->> 1 AND item = w.value ->> 2 AND cancelled = 0 GROUP BY 1"
)
_STATUSES: Final = (
    "SELECT variant_id, offered, updated_at FROM json_each(?) CROSS JOIN statuses "
    "ON variant_id = value"
)
_SENT: Final = (
    "SELECT profile_key, notification_id, max(settled_at) FROM json_each(?) CROSS JOIN entries "
    "ON outcome = 'sent' AND profile_key = value GROUP BY 1, 2"
)


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


class Lookup:
    """Asks a reading connection.

    Args:
        connection: to the ledger.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Ask nothing yet."""
        self._connection = connection

    def journeys(self, numbers: Iterable[int]) -> dict[int, Stored]:
        """Journeys by their numbers; those that are over are left out."""
        # All at once: between two rows another thread may take Python's lock.
        rows = self._connection.execute(_JOURNEYS, (_json(list(numbers)),)).fetchall()
        return {row[0]: _stored(*row) for row in rows}

    def of_person(self, profile_key: str) -> list[Stored]:
        """All journeys of a person."""
        rows = self._connection.execute(_OF_PERSON, (profile_key,))
        return [_stored(*row) for row in rows]

    def facts(self, messages: Sequence[Sequence[Stored]]) -> list[list[Facts]]:
        """What is known now.

        Args:
            messages: for each message the journeys that it would tell of; all of one person.

        Returns:
            For each message the facts of each of its journeys.
        """
        everything = [each for message in messages for each in message]
        who = [_identifiers(each) for each in everything]
        signed_off, ordered = self._signed_off(everything, who), self._ordered(everything, who)
        offered, sent = self._offered(everything), self._sent(everything)
        found: list[list[Facts]] = []
        place = 0
        for message in messages:
            together = {each.journey.notified.id for each in message}
            facts = []
            for each in message:
                notified = each.journey.notified
                told = _latest(sent[notified.profile_key], together)
                status, updated_at = offered.get(notified.variant_id, (None, 0))
                if updated_at < notified.triggered_at:
                    # Statuses come now and then: this one is from before the wave.
                    status = None
                facts.append(Facts(signed_off.get(place), ordered.get(place), status, told))
                place += 1
            found.append(facts)
        return found

    def next_due(self) -> int | None:
        """When the next task that is not ready falls due, in epoch milliseconds; None: never."""
        found = self._connection.execute("SELECT min(due_at) FROM tasks WHERE ready = 0").fetchone()
        return None if found is None else found[0]

    def _signed_off(
        self, everything: Sequence[Stored], who: Sequence[tuple[str, ...]]
    ) -> dict[int, int]:
        wanted = [
            (place, each.journey.notified.variant_id, identifier)
            for place, each in enumerate(everything)
            for identifier in who[place]
        ]
        return dict(self._connection.execute(_SIGN_OFFS, (_json(wanted),)).fetchall())

    def _ordered(
        self, everything: Sequence[Stored], who: Sequence[tuple[str, ...]]
    ) -> dict[int, int]:
        wanted = [
            (place, identifier, item)
            for place, each in enumerate(everything)
            for item in _items(each)
            for identifier in who[place]
        ]
        return dict(self._connection.execute(_ORDERS, (_json(wanted),)).fetchall())

    def _offered(self, everything: Sequence[Stored]) -> dict[str, tuple[bool, int]]:
        variants = list({each.journey.notified.variant_id for each in everything})
        rows = self._connection.execute(_STATUSES, (_json(variants),))
        return {variant_id: (bool(offered), at) for variant_id, offered, at in rows}

    def _sent(self, everything: Sequence[Stored]) -> Mapping[str, list[tuple[str, int]]]:
        people = list({each.journey.notified.profile_key for each in everything})
        found: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        for profile_key, notification_id, at in self._connection.execute(_SENT, (_json(people),)):
            found[profile_key].append((notification_id, at))
        return found


def _json(wanted: object) -> str:
    return orjson.dumps(wanted).decode()


def _identifiers(stored: Stored) -> tuple[str, ...]:
    person = read_notification(stored.value).profile
    return person_identifiers(person.id, person.external_id, person.email, person.phone_number)


def _items(stored: Stored) -> list[str]:
    notified = stored.journey.notified
    items = [variant_item(notified.variant_id)]
    if notified.product_id is not None:
        items.append(product_item(notified.product_id))
    return items


def _latest(sent: Iterable[tuple[str, int]], together: Collection[str]) -> int | None:
    return max(
        (at for notification_id, at in sent if notification_id not in together), default=None
    )


def _stored(
    number: int,
    state: str,
    value: str,
    topic: str,
    partition: int,
    offset: int,
    position: int,
) -> Stored:
    journey = Journey.from_bytes(bytes.fromhex(state))
    rank = (journey.notified.triggered_at, position)
    return Stored(number, journey, value.encode(), (topic, partition, offset), rank)
