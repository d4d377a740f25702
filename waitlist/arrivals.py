# SPDX-License-Identifier: Apache-2.0
"""What became of each arrival number: waiting, told on some day, or gone.

Two bytes an arrival, in chunks of a thousand that are dropped when nobody of them waits and all
who were told are forgotten. So the identifier index can tell, without knowing the variant, whether
a record of somebody who joined is still needed.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Arrivals", "day_of"]

_SHIFT = 10
_CHUNK = 1 << _SHIFT
_MASK = _CHUNK - 1
_DAY = 86_400_000
_FIRST_DAY = 978_307_200_000 // _DAY
"""That of 2001-01-01, before which there are no timestamps."""

_WAITING = 0xFFFF
_GONE = 0
_LAST_DAY = _WAITING - 1
_CHUNKS_A_DUMP = 4096
_NOTHING = bytes(_CHUNK)
"""A chunk that has been dropped: everybody is gone."""


class Arrivals:
    """The standing of every entry that ever joined, by its arrival number."""

    __slots__ = ("_chunks", "_visited")

    def __init__(self) -> None:
        self._chunks: dict[int, array[int]] = {}
        self._visited = -1

    def wait(self, number: int) -> None:
        """An entry joined."""
        chunk = self._chunks.get(number >> _SHIFT)
        if chunk is None:
            chunk = self._chunks[number >> _SHIFT] = array("H", bytes(2 * _CHUNK))
        chunk[number & _MASK] = _WAITING

    def leave(self, number: int) -> None:
        """An entry left untold."""
        self._chunks[number >> _SHIFT][number & _MASK] = _GONE

    def tell(self, numbers: Iterable[int], time: int) -> None:
        """Entries were told at a time, in epoch milliseconds."""
        day = _day(time)
        chunks = self._chunks
        for number in numbers:
            chunks[number >> _SHIFT][number & _MASK] = day

    def are_forgotten(self, numbers: "NDArray[np.uint64]", told_before: int) -> "NDArray[np.bool_]":
        """Whether entries do not wait, and were not told at or after that time.

        Days are counted: for up to a day more they are not forgotten.
        """
        get, nothing = self._chunks.get, _NOTHING
        chunks, places = (numbers >> np.uint64(_SHIFT)).tolist(), numbers & np.uint64(_MASK)
        standings = [
            get(chunk, nothing)[place] for chunk, place in zip(chunks, places.tolist(), strict=True)
        ]
        return np.array(standings, np.uint16) < _day(told_before)

    def sweep(self, chunks: int, told_before: int) -> None:
        """Visit the next chunks in turn, and drop those that hold nothing but the forgotten."""
        day = _day(told_before)
        for _ in range(chunks):
            if not self._chunks:
                return
            number = self._next()
            if max(self._chunks.get(number, (_WAITING,))) < day:
                del self._chunks[number]

    @property
    def swept(self) -> int:
        """Number of the chunk that `sweep` visited last."""
        return self._visited

    def dump(self) -> Iterator[list[tuple[int, bytes]]]:
        """The chunks by number, in this machine's byte order, some thousand at a time."""
        numbers = list(self._chunks)
        for start in range(0, len(numbers), _CHUNKS_A_DUMP):
            some = numbers[start : start + _CHUNKS_A_DUMP]
            yield [(number, self._chunks[number].tobytes()) for number in some]

    def load(self, chunks: Iterable[tuple[int, bytes]], swept: int) -> None:
        """Take over what `dump` gave."""
        self._visited = swept
        for number, content in chunks:
            self._chunks[number] = array("H", content)

    def _next(self) -> int:
        """The number after the one visited last, in a circle; there may be no chunk any more."""
        self._visited += 1
        if not self._visited <= next(reversed(self._chunks)):
            self._visited = next(iter(self._chunks))
        return self._visited


def day_of(time: int) -> int:
    """The beginning of the day of a time, both in epoch milliseconds."""
    return time - time % _DAY


def _day(time: int) -> int:
    """Number of a day, from 1: 0 and the highest stand for something else."""
    day = time // _DAY - _FIRST_DAY + 1
    return day if 0 < day <= _LAST_DAY else min(max(day, 1), _LAST_DAY)
