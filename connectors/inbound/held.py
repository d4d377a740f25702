# SPDX-License-Identifier: Apache-2.0
"""Figures of items that nobody knows yet.

Platforms that speak of stock by item say elsewhere which variant that is. A figure of an item that
nothing has named so far is kept, the newest of each location, until something does. It is given out
with every message that names the item, until a newer one has come in the usual way: so nothing is
lost when the records of one such message could not be written. What is kept is lost when the
process ends; the message was refused then, and is a dead letter.
"""

from collections import OrderedDict
from typing import Final

from msgspec.structs import replace

from connectors.inbound.records import StockEvent

__all__ = ["MOST_HELD", "HeldFigures"]

MOST_HELD: Final = 10_000
"""So many figures are kept for a source."""


class HeldFigures:
    """Figures of items that nobody knows yet.

    Args:
        most: how many at most; of more, the items that were first in line are forgotten.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._items: OrderedDict[str, dict[str | None, StockEvent]] = OrderedDict()

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def hold(self, item_id: str, event: StockEvent) -> None:
        """Keep a figure, of whatever variant, unless a newer one of its location is kept."""
        figures = self._items.setdefault(item_id, {})
        before = figures.get(event.location_id)
        if before is not None and _key_of(before) > _key_of(event):
            return
        figures[event.location_id] = event
        self._count += before is None
        while self._count > self._most:
            _, dropped = self._items.popitem(last=False)
            self._count -= len(dropped)

    def of(self, item_id: str, variant_id: str) -> list[StockEvent]:
        """The figures of an item that is a variant now; it may be forgotten first from here on."""
        if item_id not in self._items:
            return []
        self._items.move_to_end(item_id, last=False)
        return [replace(each, variant_id=variant_id) for each in self._items[item_id].values()]

    def forget(self, item_id: str, location_id: str | None = None) -> None:
        """Forget the figure of a location, or all of an item."""
        figures = self._items.get(item_id)
        if figures is None:
            return
        self._count -= len(figures)
        if location_id is not None:
            figures.pop(location_id, None)
            self._count += len(figures)
        if location_id is None or not figures:
            del self._items[item_id]


def _key_of(event: StockEvent) -> tuple[int, int]:
    return event.occurred_at, event.sequence
