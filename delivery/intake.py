# SPDX-License-Identifier: Apache-2.0
"""News from Kafka, as a change to the ledger.

All of it may come a second time after a crash: a notification that the ledger knows, on its way or
settled, is passed over, and of orders, sign-offs and statuses the later one counts.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from delivery.batch import Batch
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
    "SELECT w.value FROM json_each(?) AS w WHERE "
    "EXISTS (SELECT 1 FROM journeys WHERE notification_id = w.value) OR "
    # What has failed may be put back on the topic.
    "EXISTS (SELECT 1 FROM entries WHERE notification_id = w.value AND outcome <> 'failed')"
)
_UNRIPE: Final = (
    "SELECT state FROM journeys WHERE profile_key = ? AND NOT EXISTS "
    "(SELECT 1 FROM tasks WHERE journey = number AND ready = 1)"
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

    def write(self, batch: Batch) -> None:
        """Write all of it."""
        self._write_facts(batch.connection)
        arrived = [piece for piece in self.news if isinstance(piece, Arrived)]
        ids = orjson.dumps([piece.notified.id for piece in arrived]).decode()
        known = {row[0] for row in batch.connection.execute(_KNOWN, (ids,))} if arrived else set()
        gathering: dict[str, int] = {}
        for piece in arrived:
            if piece.notified.id in known:
                self.known += 1
                continue
            known.add(piece.notified.id)
            self.begun += 1
            self._begin(batch, piece, gathering)

    def committed(self) -> None:
        """The event loop is told of all changes of a commit at once."""

    def _write_facts(self, connection: sqlite3.Connection) -> None:
        orders = [
            (identifier, item, piece.order_id, piece.at, piece.cancelled)
            for piece in self.news
            if isinstance(piece, Ordered)
            for identifier in piece.identifiers
            for item in piece.items
        ]
        offs = [
            (piece.variant_id, identifier, piece.at)
            for piece in self.news
            if isinstance(piece, SignedOff)
            for identifier in piece.identifiers
        ]
        statuses = [
            (piece.variant_id, piece.offered, piece.at)
            for piece in self.news
            if isinstance(piece, Stood)
        ]
        for statement, rows in ((_ORDER, orders), (_SIGN_OFF, offs), (_STATUS, statuses)):
            connection.executemany(statement, rows)

    def _begin(self, batch: Batch, arrived: Arrived, gathering: dict[str, int]) -> None:
        notified, now, plan = arrived.notified, self.now, self.plan
        due = None
        if plan.digest:
            due = gathering.get(notified.profile_key)
            if due is None:
                due = _digest_due(batch.connection, notified.profile_key, now)
        journey, settled = begin(notified, now, plan, due)
        if journey is not None:
            gathering[notified.profile_key] = journey.due_at
            number = batch.next_number
            batch.next_number += 1
            text = arrived.value.decode()
            state = journey.to_bytes().hex()
            row = (number, notified.id, notified.profile_key, state, text, *arrived.place)
            batch.journeys.append((*row, arrived.position))
            rank = (notified.triggered_at, arrived.position)
            put_tasks(batch, number, journey, rank, plan, now, self.ready)
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
                first_at=now,
                settled_at=now,
            ).write(batch)


def _digest_due(connection: sqlite3.Connection, profile_key: str, now: int) -> int | None:
    """When the person's digest is due that still gathers; None: there is none."""
    rows = connection.execute(_UNRIPE, (profile_key,))
    journeys = [Journey.from_bytes(bytes.fromhex(state)) for (state,) in rows]
    gathering = [each.due_at for each in journeys if _gathers(each, now)]
    return min(gathering, default=None)


def _gathers(journey: Journey, now: int) -> bool:
    # `now` may be a while ago: what was tried since is a message already, and none may join it.
    untried = all(opened.next_at == journey.due_at for opened in journey.open)
    return journey.sent == ((),) and not journey.closed and untried and journey.due_at > now
