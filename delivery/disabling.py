# SPDX-License-Identifier: Apache-2.0
"""Sinks whose receiver wants nothing more from us, remembered until they lead to another."""

import sqlite3
from dataclasses import dataclass

from delivery.batch import Batch

__all__ = ["Disabling", "disabled_sinks"]


@dataclass(frozen=True, slots=True)
class Disabling:
    """A change: a receiver wants nothing more.

    Attributes:
        sink: name of the sink.
        receiver: what it leads to.
        now: epoch milliseconds.
    """

    sink: str
    receiver: str
    now: int

    def write(self, batch: Batch) -> None:
        """Remember it."""
        batch.connection.execute(
            "INSERT OR REPLACE INTO disabled VALUES (?, ?, ?)",
            (self.sink, self.receiver, self.now),
        )

    def committed(self) -> None:
        """Nobody waits for it."""


def disabled_sinks(connection: sqlite3.Connection) -> dict[str, str]:
    """For each disabled sink the receiver that it was disabled by."""
    return dict(connection.execute("SELECT sink, receiver FROM disabled").fetchall())
