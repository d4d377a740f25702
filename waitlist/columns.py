# SPDX-License-Identifier: Apache-2.0
"""Columns of integers as few bytes: for the journal, where most columns span little.

Each is (least value, bytes for each, what they lie above it), in little-endian order.
"""

from typing import Final

import numpy as np

from schemas.events import Integers

__all__ = ["PackedColumn", "pack_column", "unpack_column"]

PackedColumn = tuple[int, int, bytes]

_TYPES: Final = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}


def pack_column(values: Integers) -> PackedColumn:
    """Pack integers, of which none lies 2^63 above another."""
    if not len(values):
        return 0, 0, b""
    least = int(values.min())
    span = int(values.max()) - least
    if not span:
        return least, 0, b""
    width = next(width for width in _TYPES if not span >> 8 * width)
    return least, width, (values - least).astype(_TYPES[width]).tobytes()


def unpack_column(packed: PackedColumn, count: int) -> Integers:
    """Return the integers that were packed.

    Args:
        packed: as `pack_column` gave it.
        count: how many they are.

    Raises:
        ValueError: they are not as many, or it is no packed column.
    """
    least, width, contents = packed
    if width not in _TYPES:
        if width or contents:
            raise ValueError(f"a column of {width} bytes each")
        return np.full(count, least, np.int64)
    values = np.frombuffer(contents, _TYPES[width])
    if len(values) != count:
        raise ValueError(f"a column of {len(values)} integers for {count}")
    return values.astype(np.int64) + least
