# SPDX-License-Identifier: Apache-2.0
"""What sources have learned as rows of a compacted topic, which all processes share.

A row's key is `NAME item_id`, its value a `schemas.records.Item`; a row without a value says that
the item is no more.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec

from connectors.inbound.contract import Learned

__all__ = ["Row", "Rows"]

Row = tuple[bytes, bytes | None]
"""Key and value."""


class _Item(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """As in `schemas.records.Item`."""

    source: str
    item_id: str
    variant_id: str
    product_id: str | None = None


_UNKNOWN: Final = object()

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Item).decode


class Rows:
    """Knows what the topic says, so that what is in it is neither written nor told again.

    Args:
        names: of the tables whose rows matter.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)
        self._known: dict[bytes, int] = {}

    def news(self, name: str, learned: Sequence[Learned]) -> Iterator[Row]:
        """Make the rows that the topic does not have yet; whoever has written one `note`s it.

        Args:
            name: of the table of the source.
            learned: what it has learned.
        """
        for each in learned:
            key = f"{name} {each.item_id}".encode()
            value = None
            if each.variant_id is not None:
                value = _encode(_Item(name, each.item_id, each.variant_id, each.product_id))
            if self._is_new(key, value):
                yield key, value

    def note(self, row: Row) -> None:
        """Know that the topic has a row."""
        key, value = row
        self._known[key] = hash(value)

    def read(self, row: Row) -> tuple[str, Learned] | None:
        """Read a row of the topic, and know that it has it.

        Returns:
            The name of the table and what its source has learned; None: it was known, or is of no
            such table, or no row of an item.
        """
        key, value = row
        name, _, item_id = key.decode("utf-8", "replace").partition(" ")
        if name not in self._names or not self._is_new(key, value):
            return None
        learned = Learned(item_id, None)
        if value is not None:
            try:
                item = _decode(value)
            except msgspec.MsgspecError:
                return None
            learned = Learned(item.item_id, item.variant_id, item.product_id)
        self.note(row)
        return name, learned

    def _is_new(self, key: bytes, value: bytes | None) -> bool:
        return self._known.get(key, _UNKNOWN) != hash(value)
