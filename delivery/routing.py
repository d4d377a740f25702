# SPDX-License-Identifier: Apache-2.0
"""Brings what is on its way in line with routes that were changed while nothing ran."""

import sqlite3

from delivery.batch import Batch
from delivery.lookup import Lookup
from delivery.parcels import settled
from delivery.tasks import Ready
from journey.journey import suppressed
from journey.plan import Plan
from journey.reasons import Reason
from schemas.fields import Channel

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


def _settle_all(connection: sqlite3.Connection, channel: Channel, plan: Plan, now: int) -> None:
    batch = Batch(connection, 0)
    tasks = connection.execute("SELECT journey FROM tasks WHERE channel = ?", (channel,))
    for stored in Lookup(connection).journeys(number for (number,) in tasks).values():
        outcome = suppressed(Reason.NO_CHANNEL)
        update, entry = settled(stored, channel, outcome, Reason.NO_CHANNEL, now, plan)
        update.write(batch, plan, now, Ready())
        entry.write(batch)
    batch.write()
