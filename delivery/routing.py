# SPDX-License-Identifier: Apache-2.0
"""Brings what is on its way in line with routes that were changed while nothing ran."""

import sqlite3

from delivery.batch import Batch
from delivery.settling import Entry, Update
from delivery.tasks import Ready
from journey.journey import Journey, settle, suppressed
from journey.plan import Plan
from journey.reasons import Reason

__all__ = ["reroute"]


def reroute(connection: sqlite3.Connection, plan: Plan, now: int) -> None:
    """Give every task to the sink that serves its channel now.

    One whose channel no sink serves any more is settled: there is no channel.

    Args:
        connection: the writing one, with no transaction open.
        plan: the plan in force.
        now: epoch milliseconds.
    """
    connection.execute("BEGIN IMMEDIATE")
    for channel, sink in connection.execute("SELECT DISTINCT channel, sink FROM tasks").fetchall():
        now_served_by = plan.routes.get(channel)
        if now_served_by is None:
            _settle_all(connection, channel, plan, now)
        elif now_served_by != sink:
            connection.execute(
                "UPDATE tasks SET sink = ? WHERE channel = ? AND sink = ?",
                (now_served_by, channel, sink),
            )
    connection.execute("COMMIT")


def _settle_all(connection: sqlite3.Connection, channel: str, plan: Plan, now: int) -> None:
    batch = Batch(connection, 0)
    rows = connection.execute(
        "SELECT journey, wave_at, tasks.position, state FROM tasks "
        "JOIN journeys ON number = journey WHERE channel = ?",
        (channel,),
    ).fetchall()
    for number, wave_at, position, state in rows:
        before = Journey.from_bytes(bytes.fromhex(state))
        opened = next(each for each in before.open if each.channel == channel)
        outcome = suppressed(Reason.NO_CHANNEL)
        after, _ = settle(before, opened.channel, outcome, now, plan)
        Update(number, (wave_at, position), before, after).write(batch, plan, now, Ready())
        notified = before.notified
        Entry(
            notified.id,
            before.step,
            channel,
            notified.variant_id,
            notified.profile_key,
            outcome.kind,
            Reason.NO_CHANNEL,
            attempts=opened.attempts,
            first_at=now if opened.first_attempt_at is None else opened.first_attempt_at,
            settled_at=now,
        ).write(batch)
    batch.write()
