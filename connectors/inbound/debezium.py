# SPDX-License-Identifier: Apache-2.0
"""Changes of a stock table, as Debezium tells them.

A figure's time is that at which the change was committed (`source.ts_ms`). A row that is deleted
takes its figure with it; so does one that turns to another variant or location.
"""

from typing import Final

from connectors.inbound.contract import Learned, Mapped, Message, Refusal
from connectors.inbound.debezium_settings import DebeziumSettings
from connectors.inbound.debezium_shapes import (
    Change,
    Row,
    key_row,
    read_change,
    sequence_of,
    unscaled,
)
from connectors.inbound.mapping_values import (
    to_flag,
    to_id,
    to_number,
    to_policy,
    to_product,
    to_time,
)
from connectors.inbound.pointers import MISSING
from connectors.inbound.records import StockEvent, StockRecord, Unfit, write_record
from connectors.inbound.webhook_reading import check_not_ahead

__all__ = ["DebeziumSettings", "DebeziumSource"]

_ROWS: Final = frozenset({"c", "u", "r"})
_Place = tuple[str, str | None]
"""A variant and a location."""


class DebeziumSource:
    """Reads the changes of one table.

    Args:
        settings: which, and what its columns mean.
        name: of the source.
    """

    def __init__(self, settings: DebeziumSettings, name: str = "debezium") -> None:
        self._settings = settings
        self._columns = settings.columns
        self._product: dict[str, str] = settings.columns.product.model_dump(exclude_none=True)
        self._source = name if name == settings.kind else f"{settings.kind}:{name}"

    def is_authentic(self, _message: Message) -> bool:
        """Take every message: Debezium does not sign."""
        return True

    def event_id(self, _message: Message) -> str | None:
        """Return None: Debezium's messages have no ids."""
        return None

    def map(self, message: Message) -> Mapped:
        """Turn a change into records: none, one, or one for the old and one for the new place."""
        try:
            change = read_change(message.body)
            if change is None:
                return Mapped(ignored="tombstone")
            if not self._is_of_table(change):
                return Mapped(ignored="other_table")
            return self._map(change, message)
        except Unfit as error:
            return Mapped(refusals=(Refusal(error.reason, str(error)),))

    def learn(self, _learned: Learned) -> None:
        """Learn nothing: rows say themselves which variant they are of."""

    def _is_of_table(self, change: Change) -> bool:
        source = change.source
        table = source.get("table", source.get("collection"))
        spaces = (source.get("schema"), source.get("db"))
        # No set: what stands there may be a list.
        names = [table, *(f"{space}.{table}" for space in spaces)]
        return self._settings.table in names

    def _map(self, change: Change, message: Message) -> Mapped:
        if change.operation == "m":
            return Mapped(ignored="not_a_row")
        if change.operation == "t":
            raise Unfit(
                "truncated", "the table was emptied, which says not of what: write a new snapshot"
            )
        if change.operation == "d":
            gone = change.before or key_row(message.place)
            return Mapped((self._removal(self._place(gone, "before"), change, message),))
        if change.operation not in _ROWS:
            raise Unfit("unknown_operation", "op: none of c, u, d, r, t and m")
        record = self._figure(change, message)
        moved = self._moved_from(change)
        if moved is None:
            return Mapped((record,))
        return Mapped((self._removal(moved, change, message), record))

    def _moved_from(self, change: Change) -> _Place | None:
        """Where the figure was, if it is elsewhere now; old rows may hold a part of the columns."""
        if change.operation != "u" or not change.before:
            return None
        try:
            before = self._place(change.before, "before")
        except Unfit:
            return None
        return None if before == self._place(change.after, "after") else before

    def _place(self, row: Row | None, name: str) -> _Place:
        if row is None:
            raise Unfit("missing_field", f"{name}: there is no row")
        columns = self._columns
        variant = to_id(row.get(columns.variant_id), f"{name}.{columns.variant_id}")
        location = columns.location_id
        return (
            self._settings.variant_prefix + variant,
            None if location is None else to_id(row.get(location), f"{name}.{location}"),
        )

    def _removal(self, place: _Place, change: Change, message: Message) -> StockRecord:
        variant_id, location_id = place
        return write_record(
            StockEvent(
                variant_id=variant_id,
                quantity=None,
                location_id=location_id,
                occurred_at=_committed_at(change, message),
                sequence=sequence_of(change.source),
                source=self._source,
            )
        )

    def _figure(self, change: Change, message: Message) -> StockRecord:
        variant_id, location_id = self._place(change.after, "after")
        row = change.after or {}
        settings, columns = self._settings, self._columns
        return write_record(
            StockEvent(
                variant_id=variant_id,
                quantity=self._quantity(row, change),
                location_id=location_id,
                occurred_at=self._occurred_at(row, change, message),
                sequence=sequence_of(change.source),
                policy=to_policy(_value(row, columns.policy), settings.policy_values),
                available=to_flag(
                    _value(row, columns.available), settings.available_values, "available"
                ),
                published=to_flag(
                    _value(row, columns.published), settings.published_values, "published"
                ),
                product=to_product(
                    {name: row.get(column) for name, column in self._product.items()}
                ),
                source=self._source,
            )
        )

    def _quantity(self, row: Row, change: Change) -> int | None:
        column = self._columns.quantity
        value = row.get(column, MISSING)
        if value is None:
            return None
        scale = change.scales.get(column, self._settings.scale)
        if type(value) is str and scale is not None:
            value = unscaled(value, scale, column)
        return to_number(value, column, in_text=True)

    def _occurred_at(self, row: Row, change: Change, message: Message) -> int:
        column = self._columns.occurred_at
        if column is None:
            return _committed_at(change, message)
        return to_time(
            row.get(column), self._settings.time_format, column, message.arrived_at, in_text=True
        )


def _value(row: Row, column: str | None) -> object:
    return None if column is None else row.get(column)


def _committed_at(change: Change, message: Message) -> int:
    """When a change was committed; when Debezium saw it, where the database says not.

    Raises:
        Unfit: that has not come.
    """
    moment = change.source.get("ts_ms")
    if type(moment) is not int or moment <= 0:
        moment = change.told_at or message.arrived_at
    check_not_ahead(moment, message.arrived_at)
    return moment
