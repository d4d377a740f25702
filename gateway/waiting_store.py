# SPDX-License-Identifier: Apache-2.0
"""Writes the list of who waits: one record after the other, and the offsets they came from."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connectors.kafka.records import Partition
from gateway.waiting_requests import Requests, marks
from gateway.waiting_rules import Candidate, answers, is_expired
from gateway.waiting_tables import digest
from schemas.events import SubscribeEvent, UnsubscribeEvent
from schemas.told import Told

__all__ = ["Rules", "WaitingStore"]

_OTHER_KEY: Final = -1


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy, as far as it says who waits; in milliseconds.

    Attributes:
        expires_after: how long somebody waits at most; None: for ever.
        remember: how long it counts that somebody was told.
        remember_sign_offs: how long it counts that somebody signed off.
    """

    expires_after: int | None
    remember: int
    remember_sign_offs: int


class WaitingStore:
    """Applies records to the list. What belongs together is committed by `commit`.

    Args:
        connection: made by `open_list`.
        rules: the policy.
    """

    def __init__(self, connection: sqlite3.Connection, rules: Rules) -> None:
        self._connection = connection
        self._rules = rules
        self._run = connection.execute
        ((self._next,),) = self._run("SELECT next_number FROM facts")
        self._variants: dict[str, int] = {}
        self._requests = Requests(connection)

    def offsets(self) -> dict[Partition, int]:
        """Return for each partition the offset of the record to be read next."""
        rows = self._run("SELECT topic, partition, next FROM offsets")
        return {(topic, partition): after for topic, partition, after in rows}

    def commit(self, offsets: Mapping[Partition, int], now: int) -> None:
        """Make what was applied durable, with the offsets behind it.

        Args:
            offsets: of the records to be read next.
            now: whoever has expired by then waits no longer.
        """
        self._requests.write(now)
        self._connection.executemany(
            "INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)",
            [(*place, after) for place, after in offsets.items()],
        )
        self._run("UPDATE facts SET next_number = ?", (self._next,))
        self._connection.commit()

    def hide_expired(self, now: int) -> None:
        """Let nobody be shown as waiting who has expired by now, though nothing was read."""
        self._requests.write(now)
        self._connection.commit()

    def prune(self, horizon: int) -> None:
        """Forget what no record that may still come asks for.

        Args:
            horizon: nothing arrives any more that is from before this time.
        """
        self._run("DELETE FROM told WHERE told_at < ?", (horizon - self._rules.remember,))
        before = horizon - self._rules.remember_sign_offs
        self._run("DELETE FROM signed_off WHERE at < ?", (before,))
        self._requests.prune(horizon)

    def sign_up(self, event: SubscribeEvent, arrival: int, now: int) -> None:
        """Apply a `subscribe`.

        Args:
            event: what it says.
            arrival: when Kafka got it, in epoch milliseconds.
            now: the time; whoever has expired by then is not shown.
        """
        expires_at = self._expires_at(event)
        candidate = Candidate(self._next, event.occurred_at, arrival, expires_at, None)
        people = [digest(identifier) for identifier in event.identifiers]
        variant = self._variant(event.variant_id)
        if is_expired(expires_at, arrival) or self._is_marked(variant, people, candidate):
            return
        self._next += 1
        self._requests.add(variant, people, event, candidate, now)

    def sign_off(self, event: UnsubscribeEvent, now: int) -> None:
        """Apply an `unsubscribe`."""
        people = [digest(identifier) for identifier in event.identifiers]
        variant = self._variant(event.variant_id)
        self._connection.executemany(
            "INSERT INTO signed_off VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
            [(person, variant, event.occurred_at) for person in people],
        )
        ended = [
            row
            for row in self._requests.sharing(variant, people)
            if row.ended is None and row.occurred_at <= event.occurred_at
        ]
        self._requests.end(variant, ended, self._next, now)
        self._next += 1

    def tell(self, told: Told, now: int) -> None:
        """Apply a notification."""
        people = [digest(identifier) for identifier in told.identifiers]
        variant = self._variant(told.variant_id)
        self._connection.executemany(
            "INSERT OR IGNORE INTO told VALUES (?, ?, ?, ?)",
            [
                (person, variant, told.triggered_at, _OTHER_KEY if place else told.subscribed_at)
                for place, person in enumerate(people)
            ],
        )
        gone = []
        for row in self._requests.sharing(variant, people):
            own = told.subscribed_at if row.people.startswith(people[0]) else None
            if answers(told.triggered_at, own, row, remember=self._rules.remember):
                gone.append(row)
        self._requests.remove(variant, gone, now)

    def _expires_at(self, event: SubscribeEvent) -> int | None:
        ends = [] if event.expires_at is None else [event.expires_at]
        if self._rules.expires_after is not None:
            ends.append(event.occurred_at + self._rules.expires_after)
        return min(ends, default=None)

    def _variant(self, variant_id: str) -> int:
        number = self._variants.get(variant_id)
        if number is None:
            self._run("INSERT OR IGNORE INTO variants (id) VALUES (?)", (variant_id,))
            found = self._run("SELECT number FROM variants WHERE id = ?", (variant_id,))
            number = self._variants[variant_id] = int(found.fetchone()[0])
        return number

    def _is_marked(self, variant: int, people: list[bytes], candidate: Candidate) -> bool:
        among = marks(people)
        for (at,) in self._run(
            f"SELECT at FROM signed_off WHERE variant = ? AND person IN ({among})",  # noqa: S608
            (variant, *people),
        ):
            kept = candidate.arrival - at <= self._rules.remember_sign_offs
            if kept and candidate.occurred_at <= at:
                return True
        rows = self._run(
            "SELECT person, told_at, subscribed_at FROM told "  # noqa: S608
            f"WHERE variant = ? AND person IN ({among})",
            (variant, *people),
        )
        return any(
            answers(
                told_at,
                None if subscribed_at == _OTHER_KEY or person != people[0] else subscribed_at,
                candidate,
                remember=self._rules.remember,
            )
            for person, told_at, subscribed_at in rows
        )
