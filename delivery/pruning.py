# SPDX-License-Identifier: Apache-2.0
"""What is forgotten in the ledger, so that it does not grow for ever."""

import sqlite3
from dataclasses import dataclass
from typing import Final

__all__ = ["Pruning"]

_AT_ONCE: Final = 5_000
# Table, its key, and its time.
_AGEING: Final = (
    ("entries", "notification_id, step, channel", "settled_at"),
    ("orders", "identifier, item, order_id", "ordered_at"),
    ("sign_offs", "variant_id, identifier", "signed_off_at"),
)


@dataclass(slots=True)
class Pruning:
    """A change: some thousand lines that are too old are deleted.

    Attributes:
        before: epoch milliseconds; what is older goes.
        deleted: how many lines.
    """

    before: int
    deleted: int = 0

    def write(self, connection: sqlite3.Connection) -> None:
        """Delete them; whoever has asked asks again while there were any."""
        for table, key, time in _AGEING:
            # What Kafka does not know yet is not too old, see `delivery.announcing`.
            known = " AND announced = 1" if table == "entries" else ""
            statement = (
                f"DELETE FROM {table} WHERE ({key}) IN ("  # noqa: S608 - constants
                f"SELECT {key} FROM {table} WHERE {time} < ?{known} ORDER BY {time} LIMIT ?)"
            )
            self.deleted += connection.execute(statement, (self.before, _AT_ONCE)).rowcount

    def committed(self) -> None:
        """Nobody waits for it."""
