# SPDX-License-Identifier: Apache-2.0
"""The stock of all variants of a slot: a row of integers each, in two tables.

An object with a boxed number in each attribute costs several reads of memory for every event, once
there are more variants than the processor's cache holds. A row of the first table is one, and a
batch of figures can be applied to many rows at once (`waitlist.blocks`). What only changes with a
cycle or a wave lies in the second.
"""

from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AT",
    "CHANGED",
    "CYCLE",
    "CYCLE_ROW",
    "FLAGS",
    "KIND",
    "KNOWN_SINCE",
    "LAST_WAVE_AT",
    "LEAST",
    "LOGGED",
    "OPENED_AT",
    "QUEUED",
    "RARE",
    "ROW",
    "SEQUENCE",
    "TOTAL",
    "TURNED",
    "WAITING",
    "WAVES",
    "Figures",
    "Table",
]

AT, TOTAL, SEQUENCE, OPENED_AT, LEAST, WAITING, FLAGS, KIND = range(8)
"""Places in a row of ``rows``; for their meaning see `Figures`."""

CYCLE, KNOWN_SINCE, WAVES, LAST_WAVE_AT = range(4)
"""Places in a row of ``cycles``."""

ROW: Final = 8
CYCLE_ROW: Final = 4

RARE, QUEUED, LOGGED, TURNED, CHANGED = (1 << bit for bit in range(5))
"""Flags: see `Figures`."""

_BLANK: Final = array("q", (-1, 0, 0, -1, 0, 0, 0, 0)).tobytes()
_BLANK_CYCLE: Final = array("q", (0, 0, 0, -1)).tobytes()
_LARGEST_LEAST: Final = 1 << 62

Table = NDArray[np.int64]


class Figures:
    """Stock, by the number of the variant.

    A row of ``rows`` holds

    * AT, SEQUENCE: the key of the newest applied total; AT is -1 before the first,
    * TOTAL: sum of the figures in force, KIND: their kind (`waitlist.stock.Kind`),
    * OPENED_AT: of the open cycle; -1 while none is open,
    * LEAST: the smallest total with which it is offered,
    * WAITING: entries in its queue,
    * FLAGS: RARE, what it sells depends on more than a total; QUEUED, somebody has waited for
      it; LOGGED, its stock is to be written down, TURNED, with its cycle; CHANGED, its status is
      to be written.

    A row of ``cycles`` holds CYCLE, the number of the last cycle; KNOWN_SINCE, when it became
    known; WAVES that started in it; LAST_WAVE_AT, the start of the variant's last wave, -1 before
    the first.
    """

    __slots__ = ("cycles", "rows")

    def __init__(self) -> None:
        self.rows = array("q")
        self.cycles = array("q")

    def __len__(self) -> int:
        return len(self.rows) // ROW

    def add(self, leasts: Sequence[int]) -> None:
        """Add a blank row for each variant that is offered from so many on."""
        place = len(self.rows) + LEAST
        self.rows.frombytes(_BLANK * len(leasts))
        self.cycles.frombytes(_BLANK_CYCLE * len(leasts))
        for least in leasts:
            self.rows[place] = min(least, _LARGEST_LEAST)
            place += ROW

    def turn(self, number: int, opened_at: int, now: int) -> None:
        """Open a cycle that is known since ``now``; -1: close the one that is open."""
        self.rows[number * ROW + OPENED_AT] = opened_at
        self.rows[number * ROW + FLAGS] |= TURNED
        if opened_at >= 0:
            row = number * CYCLE_ROW
            self.cycles[row + CYCLE] += 1
            self.cycles[row + KNOWN_SINCE] = now
            self.cycles[row + WAVES] = 0

    def table(self) -> Table:
        """``rows`` as a table. While it is held, no row can be added."""
        return np.frombuffer(self.rows, np.int64).reshape(-1, ROW)

    def cycle_table(self) -> Table:
        """``cycles`` as a table. While it is held, no row can be added."""
        return np.frombuffer(self.cycles, np.int64).reshape(-1, CYCLE_ROW)
