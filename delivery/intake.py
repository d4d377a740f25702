# SPDX-License-Identifier: Apache-2.0
"""News from Kafka, as a change to the ledger.

All of it may come a second time after a crash: a notification that the ledger knows, on its way or
settled, is passed over, and of orders, sign-offs and statuses the later one counts.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from delivery.news import Arrived, News, Ordered, SignedOff, Stood
from delivery.settling import Entry
from delivery.tasks import Ready, put_tasks
from journey.journey import Journey, begin
from journey.plan import Plan

__all__ = ["Intake"]

_ORDER: Final = (
    "INSERT INTO orders VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "ordered_at = excluded.ordered_at, cancelled = excluded.cancelled "
    "WHERE excluded.ordered_at >= ordered_at"
)
_SIGN_OFF: Final = (
    "INSERT INTO sign_offs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "
    "signed_off_at = max(signed_off_at, excluded.signed_off_at)"
)
_STATUS: Final = (
    "INSERT INTO statuses VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "
    "offered = excluded.offered, updated_at = excluded.updated_at "
    "WHERE excluded.updated_at >= updated_at"
)
_KNOWN: Final = (
    "SELECT 1 FROM journeys WHERE notification_id = ?1 "
    "UNION ALL SELECT 1 FROM entries WHERE notification_id = ?1 LIMIT 1"
)
_BEGIN: Final = (
    "INSERT INTO journeys (notification_id, profile_key, state, value, topic, partition, offset, "
    "position) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(slots=True)
class Intake:
    """A portion of news.

    Attributes:
        plan: what journeys follow.
        now: epoch milliseconds.
        news: in the order in which it came.
        ready: tasks that have become ready by it.
        begun: how many journeys have begun.
        known: how many notifications were known.
    """

    plan: Plan
    now: int
    news: Sequence[News]
    ready: Ready = field(default_factory=Ready)
    begun: int = 0
    known: int = 0

    def write(self, connection: sqlite3.Connection) -> None:
        """Write all of it."""
        for piece in self.news:
            match piece:
                case Arrived():
                    self._arrived(connection, piece)
                case Stood():
                    row = (piece.variant_id, piece.offered, piece.at)
                    connection.execute(_STATUS, row)
                case Ordered():
                    rows = [
                        (identifier, item, piece.order_id, piece.at, piece.cancelled)
                        for identifier in piece.identifiers
                        for item in piece.items
                    ]
                    connection.executemany(_ORDER, rows)
                case SignedOff():
                    offs = [(piece.variant_id, who, piece.at) for who in piece.identifiers]
                    connection.executemany(_SIGN_OFF, offs)

    def committed(self) -> None:
        """The event loop is told of all changes of a commit at once."""

    def _arrived(self, connection: sqlite3.Connection, arrived: Arrived) -> None:
        notified = arrived.notified
        if connection.execute(_KNOWN, (notified.id,)).fetchone():
            self.known += 1
            return
        self.begun += 1
        due = _digest_due(connection, notified.profile_key, self.now) if self.plan.digest else None
        journey, settled = begin(notified, self.now, self.plan, due)
        if journey is not None:
            row = (notified.id, notified.profile_key, journey.to_bytes(), arrived.value)
            number = connection.execute(_BEGIN, (*row, *arrived.place, arrived.position)).lastrowid
            rank = (notified.triggered_at, arrived.position)
            put_tasks(connection, number or 0, journey, rank, self.plan, self.now, self.ready)
        for each in settled:
            Entry(
                notified.id,
                each.step,
                each.channel,
                notified.variant_id,
                notified.profile_key,
                each.outcome.kind,
                each.outcome.reason or "",
                attempts=0,
                first_at=self.now,
                settled_at=self.now,
            ).write(connection)


def _digest_due(connection: sqlite3.Connection, profile_key: str, now: int) -> int | None:
    """When the person's digest is due that still gathers; None: there is none."""
    rows = connection.execute("SELECT state FROM journeys WHERE profile_key = ?", (profile_key,))
    journeys = [Journey.from_bytes(state) for (state,) in rows]
    gathering = [each.due_at for each in journeys if len(each.sent) == 1 and each.due_at > now]
    return min(gathering, default=None)
