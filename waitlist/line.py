# SPDX-License-Identifier: Apache-2.0
"""A line of people in order of (``occurred_at``, arrival number), packed in blocks.

A block of at most 1024 people holds two arrays and a list of payloads: 16 bytes a
person beside the payload, no Python object but the payload's bytes. Insertion,
look-up and removal bisect the blocks, then the block: with a million people that is
11 + 10 steps and a move of at most a few kilobytes. The first n people leave as
whole blocks, so that taking them does not cost by the person.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

__all__ = ["Line", "Person"]

Person = tuple[int, int, bytes]
"""(``occurred_at`` in epoch milliseconds, arrival number, packed entry)."""

_FULL = 512


class _Block:
    __slots__ = ("numbers", "payloads", "times")

    def __init__(self, times: "array[int]", numbers: "array[int]", payloads: list[bytes]) -> None:
        self.times = times
        self.numbers = numbers
        self.payloads = payloads

    def last(self) -> tuple[int, int]:
        return self.times[-1], self.numbers[-1]

    def position(self, time: int, number: int) -> int:
        """Where (time, number) stands or would stand."""
        low = bisect_left(self.times, time)
        return bisect_left(self.numbers, number, low, bisect_right(self.times, time, low))

    def cut(self, position: int) -> "_Block":
        """Take away and return what is before ``position``."""
        head = _Block(self.times[:position], self.numbers[:position], self.payloads[:position])
        del self.times[:position], self.numbers[:position], self.payloads[:position]
        return head


def _last_of(block: _Block) -> tuple[int, int]:
    return block.last()


class Line:
    """People in order; see the module's docstring for what operations cost."""

    __slots__ = ("_blocks", "_length")

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Person]:
        for block in self._blocks:
            yield from zip(block.times, block.numbers, block.payloads, strict=True)

    def first_time(self) -> int:
        """``occurred_at`` of the first person. The line must not be empty."""
        return self._blocks[0].times[0]

    def insert(self, time: int, number: int, payload: bytes) -> None:
        """Put a person in their place."""
        self._length += 1
        blocks = self._blocks
        if not blocks or (time, number) > blocks[-1].last():
            if not blocks or len(blocks[-1].payloads) >= _FULL:
                blocks.append(_Block(array("q"), array("Q"), []))
            block, position = blocks[-1], len(blocks[-1].payloads)
        else:
            at = bisect_left(blocks, (time, number), key=_last_of)
            if len(blocks[at].payloads) >= 2 * _FULL:
                blocks.insert(at, blocks[at].cut(_FULL))
                at += (time, number) > blocks[at].last()
            block, position = blocks[at], blocks[at].position(time, number)
        block.times.insert(position, time)
        block.numbers.insert(position, number)
        block.payloads.insert(position, payload)

    def get(self, time: int, number: int) -> bytes | None:
        """The payload of that person, or None."""
        found = self._find(time, number)
        return None if found is None else self._blocks[found[0]].payloads[found[1]]

    def remove(self, time: int, number: int) -> bytes | None:
        """Take that person out and return the payload, or None."""
        found = self._find(time, number)
        if found is None:
            return None
        at, position = found
        block = self._blocks[at]
        payload = block.payloads.pop(position)
        block.times.pop(position)
        block.numbers.pop(position)
        if not block.payloads:
            del self._blocks[at]
        self._length -= 1
        return payload

    def take(self, until: int, limit: int | None = None) -> "Line":
        """Take the first people, at most ``limit``, whose time is at most ``until``."""
        taken = Line()
        blocks = self._blocks
        room = self._length if limit is None else min(limit, self._length)
        whole = 0
        for block in blocks:
            if block.times[-1] > until or len(block.payloads) > room - taken._length:
                break
            taken._length += len(block.payloads)
            whole += 1
        taken._blocks = blocks[:whole]
        del blocks[:whole]
        if blocks and taken._length < room:
            position = min(bisect_right(blocks[0].times, until), room - taken._length)
            if position:
                taken._blocks.append(blocks[0].cut(position))
                taken._length += position
        self._length -= taken._length
        return taken

    def to_arrays(self) -> tuple[bytes, bytes, list[bytes]]:
        """Times, numbers (8 bytes each, this machine's order) and payloads of all people."""
        times, numbers, payloads = array("q"), array("Q"), []
        for block in self._blocks:
            times.extend(block.times)
            numbers.extend(block.numbers)
            payloads += block.payloads
        return times.tobytes(), numbers.tobytes(), payloads

    @classmethod
    def from_arrays(cls, times: bytes, numbers: bytes, payloads: Sequence[bytes]) -> "Line":
        """The line that gave these arrays."""
        line = cls()
        line._length = len(payloads)
        for start in range(0, len(payloads), _FULL):
            end = start + _FULL
            line._blocks.append(
                _Block(
                    array("q", times[8 * start : 8 * end]),
                    array("Q", numbers[8 * start : 8 * end]),
                    list(payloads[start:end]),
                )
            )
        return line

    def _find(self, time: int, number: int) -> tuple[int, int] | None:
        at = bisect_left(self._blocks, (time, number), key=_last_of)
        if at == len(self._blocks):
            return None
        block = self._blocks[at]
        position = block.position(time, number)
        if block.times[position] == time and block.numbers[position] == number:
            return at, position
        return None
