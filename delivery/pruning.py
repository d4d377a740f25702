# SPDX-License-Identifier: Apache-2.0
"""What is forgotten in the ledger, so that it does not grow for ever."""

from dataclasses import dataclass
from typing import Final

from delivery.batch import Batch

__all__ = ["Pruning"]

_AT_ONCE: Final = 5_000
_ENTRIES: Final = (
    # Entries lie in the order of their time; what Kafka does not know yet is kept.
    "DELETE FROM entries WHERE number <= (SELECT number FROM announced) AND number IN ("
    "SELECT number FROM (SELECT number, settled_at FROM entries ORDER BY number LIMIT ?2) "
    "WHERE settled_at < ?1)"
)
_ORDERS: Final = (
    "DELETE FROM orders WHERE (identifier, item, order_id) IN ("
    "SELECT identifier, item, order_id FROM orders WHERE ordered_at < ?1 "
    "ORDER BY ordered_at LIMIT ?2)"
)
_SIGN_OFFS: Final = (
    "DELETE FROM sign_offs WHERE (variant_id, identifier) IN ("
    "SELECT variant_id, identifier FROM sign_offs WHERE signed_off_at < ?1 "
    "ORDER BY signed_off_at LIMIT ?2)"
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

    def write(self, batch: Batch) -> None:
        """Delete them; whoever has asked asks again while there were any."""
        for statement in (_ENTRIES, _ORDERS, _SIGN_OFFS):
            self.deleted += batch.connection.execute(statement, (self.before, _AT_ONCE)).rowcount

    def committed(self) -> None:
        """Nobody waits for it."""
