# SPDX-License-Identifier: Apache-2.0
"""Reads the list of who waits."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from connectors.sinks.content import Person
from gateway.waiting_crowds import place_of
from gateway.waiting_tables import Content, digest, reading
from schemas.fields import Channel

__all__ = ["ListUnreadable", "Waiting", "find", "of_person"]

_LOWEST_RANK: Final = 9

_COLUMNS: Final = (
    "SELECT v.id, r.variant, r.rank, r.occurred_at, r.number, r.expires_at, "
    "r.notification, r.content FROM "
)
_ONE: Final = (
    _COLUMNS + "requests r JOIN variants v ON v.number = r.variant "
    "WHERE r.notification = ? AND r.waiting = 1 AND ifnull(r.expires_at > ?, 1)"
)
_OF_PERSON: Final = (
    _COLUMNS + "people p JOIN requests r ON r.number = p.request "
    "JOIN variants v ON v.number = r.variant WHERE p.person = ? AND r.waiting = 1 "
    "AND ifnull(r.expires_at > ?, 1) AND (r.occurred_at, r.notification) > (?, ?) "
    "ORDER BY r.occurred_at, r.notification LIMIT ?"
)
_decode: Final = msgspec.msgpack.Decoder(Content).decode


class ListUnreadable(Exception):  # noqa: N818 - it passes
    """The list is not there, or is being made anew."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who waits for a variant.

    Attributes:
        id: of the notification that will answer them: 32 hexadecimal digits.
        variant_id: what they wait for.
        profile: who, as given.
        channels: how they want to be told.
        locale: as given.
        market: as given.
        priority: 0 to 9; higher is told first.
        subscribed_at: when they asked, in epoch milliseconds.
        expires_at: from when on they wait no longer; None: never by itself.
        position: their place in the queue, from 1.
        waiting: how many wait for the variant in all.
    """

    id: str
    variant_id: str
    profile: Person
    channels: tuple[Channel, ...]
    locale: str | None
    market: str | None
    priority: int
    subscribed_at: int
    expires_at: int | None
    position: int
    waiting: int


_Row = tuple[str, int, int, int, int, int | None, bytes, bytes]


def find(file: Path, identity: str, now: int) -> Waiting | None:
    """Look somebody up by the id of their notification.

    Args:
        file: of the list.
        identity: 32 hexadecimal digits.
        now: whoever has expired by then is not found.

    Raises:
        ListUnreadable: there is no list to be read.
    """
    found = _read(file, _ONE, (bytes.fromhex(identity), now))
    return found[0] if found else None


def of_person(
    file: Path, identifier: str, now: int, *, after: tuple[int, str], limit: int
) -> list[Waiting]:
    """List what somebody waits for, in the order in which they asked.

    Args:
        file: of the list.
        identifier: normalised, as `schemas.identifiers.person_identifiers` returns them.
        now: what has expired by then is left out.
        after: time and id behind which the page begins.
        limit: how many at most.

    Raises:
        ListUnreadable: there is no list to be read.
    """
    since, identity = after
    values = (digest(identifier), now, since, bytes.fromhex(identity), limit)
    return _read(file, _OF_PERSON, values)


def _read(file: Path, statement: str, values: Iterable[object]) -> list[Waiting]:
    try:
        with reading(file) as connection:
            connection.execute("BEGIN")  # all that follows is of one moment
            rows = connection.execute(statement, tuple(values)).fetchall()
            return [_waiting(connection, row) for row in rows]
    except sqlite3.DatabaseError as error:
        raise ListUnreadable(str(error)) from None


def _waiting(connection: sqlite3.Connection, row: _Row) -> Waiting:
    variant_id, variant, rank, occurred_at, number, expires_at, notification, content = row
    position, waiting = place_of(connection, variant, rank, occurred_at, number)
    shown = _decode(content)
    return Waiting(
        id=notification.hex(),
        variant_id=variant_id,
        profile=shown.profile,
        channels=shown.channels,
        locale=shown.locale,
        market=shown.market,
        priority=_LOWEST_RANK - rank,
        subscribed_at=occurred_at,
        expires_at=expires_at,
        position=position,
        waiting=waiting,
    )
