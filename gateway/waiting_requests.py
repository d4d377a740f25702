# SPDX-License-Identifier: Apache-2.0
"""The sign-ups in the list's file: found by person, chosen among, shown or not, and counted."""

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from connectors.sinks.content import Person
from gateway.waiting_crowds import Crowds
from gateway.waiting_rules import Candidate, is_expired, who_waits
from gateway.waiting_tables import DIGEST_BYTES, Content
from schemas.encode import notification_id
from schemas.events import SubscribeEvent

__all__ = ["Request", "Requests", "marks"]

_LOWEST_RANK: Final = 9
_MOST_OF_ONE: Final = 32
"""Sign-ups of a person for a variant that are kept because it is not known yet which one counts."""

_encode: Final = msgspec.msgpack.Encoder().encode

_COLUMNS: Final = "r.number, r.occurred_at, r.arrival, r.expires_at, r.ended, r.people, r.waiting"
_SHARING: Final = (
    f"SELECT DISTINCT {_COLUMNS} FROM people p JOIN requests r ON r.number = p.request "  # noqa: S608
    "WHERE p.variant = ? AND p.person IN (%s) ORDER BY r.number"
)


@dataclass(frozen=True, slots=True)
class Request(Candidate):
    """A candidate in the file.

    Attributes:
        people: digests of their identifiers, that of the profile key first.
        waiting: whether they are shown as waiting; 0 or 1.
    """

    people: bytes
    waiting: int


class Requests:
    """Keeps the sign-ups.

    Args:
        connection: of the list.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._run = connection.execute
        self._crowds = Crowds(connection)

    def add(
        self, variant: int, people: list[bytes], event: SubscribeEvent, new: Candidate, now: int
    ) -> None:
        """Add a sign-up that no marker stands against.

        Args:
            variant: its number.
            people: digests of the identifiers.
            event: the sign-up.
            new: the same, by its times.
            now: the time.
        """
        # Nearly always the first of this person.
        alone = not self._of_key(variant, people[0])
        waiting = alone and not is_expired(new.expires_at, now)
        rank = _LOWEST_RANK - event.priority
        self._run(
            "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?)",
            (
                new.number, variant, b"".join(people), rank, new.occurred_at, new.arrival,
                new.expires_at, waiting, _notification(event), _content(event),
            ),
        )  # fmt: skip
        self._connection.executemany(
            "INSERT INTO people VALUES (?, ?, ?)",
            [(person, variant, new.number) for person in people],
        )
        if waiting:
            self._crowds.count(variant, rank, new.occurred_at, 1)
        if not alone:
            self._choose(variant, people[0], now)

    def end(self, variant: int, requests: Collection[Request], number: int, now: int) -> None:
        """Note that a sign-off ended sign-ups.

        Args:
            variant: their number.
            requests: which.
            number: that of the sign-off among sign-ups: they are told apart from later ones by it.
            now: the time.
        """
        self._connection.executemany(
            "UPDATE requests SET ended = ? WHERE number = ?",
            [(number, request.number) for request in requests],
        )
        self._choose_all(variant, requests, now)

    def remove(self, variant: int, requests: Collection[Request], now: int) -> None:
        """Take sign-ups out as if they had never been."""
        self._delete(variant, requests)
        self._choose_all(variant, requests, now)

    def write(self, now: int) -> None:
        """Hide whoever has expired, and write the numbers."""
        expired = self._run(
            "UPDATE requests SET waiting = 0 WHERE expires_at <= ? AND waiting = 1 "
            "RETURNING variant, rank, occurred_at",
            (now,),
        )
        for variant, rank, occurred_at in expired:
            self._crowds.count(variant, rank, occurred_at, -1)
        self._crowds.write()

    def prune(self, horizon: int) -> None:
        """Forget who had expired at a time before which nothing comes any more."""
        expired = self._run("SELECT variant, people FROM requests WHERE expires_at < ?", (horizon,))
        for variant, people in expired.fetchall():
            requests = self._of_key(variant, people[:DIGEST_BYTES])
            winner = who_waits(requests)
            self._delete(
                variant,
                [
                    each
                    for each in requests
                    if each is not winner or is_expired(each.expires_at, horizon)
                ],
            )

    def sharing(self, variant: int, people: Collection[bytes]) -> list[Request]:
        """Return what shares an identifier, in order."""
        requests = self._run(_SHARING % marks(people), (variant, *people))
        return [Request(*request) for request in requests]

    def _of_key(self, variant: int, key: bytes) -> list[Request]:
        return [
            request for request in self.sharing(variant, [key]) if request.people.startswith(key)
        ]

    def _choose_all(self, variant: int, requests: Iterable[Request], now: int) -> None:
        for key in {request.people[:DIGEST_BYTES] for request in requests}:
            self._choose(variant, key, now)

    def _choose(self, variant: int, key: bytes, now: int) -> None:
        """Decide anew by which of their sign-ups a person waits."""
        requests = self._of_key(variant, key)
        winner = who_waits(requests)
        for request in requests:
            waiting = request is winner and not is_expired(request.expires_at, now)
            if waiting != request.waiting:
                changed = self._run(
                    "UPDATE requests SET waiting = ? WHERE number = ? RETURNING rank",
                    (waiting, request.number),
                )
                ((rank,),) = changed.fetchall()
                self._crowds.count(variant, rank, request.occurred_at, 1 if waiting else -1)
        if all(request.ended is not None for request in requests):
            self._delete(variant, requests)
        elif len(requests) > _MOST_OF_ONE:
            # Nearly the latest: if it should have counted, the latest is there to wait for them.
            self._delete(
                variant, [request for request in requests[:-1] if request is not winner][-1:]
            )

    def _delete(self, variant: int, requests: Iterable[Request]) -> None:
        for request in requests:
            deleted = self._run(
                "DELETE FROM requests WHERE number = ? RETURNING waiting, rank, occurred_at",
                (request.number,),
            )
            for waiting, rank, occurred_at in deleted.fetchall():
                self._crowds.count(variant, rank, occurred_at, -waiting)
            self._connection.executemany(
                "DELETE FROM people WHERE person = ? AND variant = ? AND request = ?",
                [
                    (request.people[start : start + DIGEST_BYTES], variant, request.number)
                    for start in range(0, len(request.people), DIGEST_BYTES)
                ],
            )


def marks(values: Collection[bytes]) -> str:
    """Return as many question marks for a statement."""
    return ",".join("?" * len(values))


def _notification(event: SubscribeEvent) -> bytes:
    key = event.identifiers[0]
    return bytes.fromhex(notification_id(event.variant_id, key, event.occurred_at))


def _content(event: SubscribeEvent) -> bytes:
    given = event.profile
    person = Person(given.id, given.external_id, given.email, given.phone_number)
    return _encode(Content(person, event.channels, event.locale, event.market))  # type: ignore[arg-type]
