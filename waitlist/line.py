# SPDX-License-Identifier: Apache-2.0
"""A line of people in order of (``occurred_at``, arrival number), packed in blocks.

A block of at most 1024 people holds three arrays and the payloads in one piece: 20 bytes
a person beside the payload, and no Python object. Insertion, look-up and removal bisect
the blocks, then the block: with a million people that is 11 + 10 steps and a move of
some kilobytes. The first n people leave as whole blocks, so that taking them does not
cost by the person.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

__all__ = ["Line", "PackedLine", "Person"]

Person = tuple[int, int, bytes]
"""(``occurred_at`` in epoch milliseconds, arrival number, packed entry)."""

PackedLine = tuple[bytes, bytes, bytes, bytes]
"""Times and numbers (8 bytes each), lengths of the payloads (4 bytes), payloads of a line.

Numbers are in this machine's byte order."""

_FULL = 512


class _Block:
    __slots__ = ("lengths", "numbers", "payloads", "times")

    def __init__(
        self, times: "array[int]", numbers: "array[int]", lengths: "array[int]", payloads: bytearray
    ) -> None:
        self.times = times
        self.numbers = numbers
        self.lengths = lengths
        self.payloads = payloads

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[Person]:
        start = 0
        payloads = bytes(self.payloads)
        for time, number, length in zip(self.times, self.numbers, self.lengths, strict=True):
            yield time, number, payloads[start : start + length]
            start += length

    def last(self) -> tuple[int, int]:
        return self.times[-1], self.numbers[-1]

    def position(self, time: int, number: int) -> int:
        """Where (time, number) stands or would stand."""
        low = bisect_left(self.times, time)
        return bisect_left(self.numbers, number, low, bisect_right(self.times, time, low))

    def append(self, time: int, number: int, payload: bytes) -> None:
        self.times.append(time)
        self.numbers.append(number)
        self.lengths.append(len(payload))
        self.payloads += payload

    def insert(self, position: int, time: int, number: int, payload: bytes) -> None:
        start = sum(self.lengths[:position])
        self.times.insert(position, time)
        self.numbers.insert(position, number)
        self.lengths.insert(position, len(payload))
        self.payloads[start:start] = payload

    def get(self, position: int) -> bytes:
        start = sum(self.lengths[:position])
        return bytes(self.payloads[start : start + self.lengths[position]])

    def pop(self, position: int) -> bytes:
        payload = self.get(position)
        start = sum(self.lengths[:position])
        del self.payloads[start : start + len(payload)]
        self.times.pop(position)
        self.numbers.pop(position)
        self.lengths.pop(position)
        return payload

    def cut(self, position: int) -> "_Block":
        """Take away and return what is before ``position``."""
        lengths = self.lengths[:position]
        end = sum(lengths)
        head = _Block(self.times[:position], self.numbers[:position], lengths, self.payloads[:end])
        del self.times[:position], self.numbers[:position], self.lengths[:position]
        del self.payloads[:end]
        return head

    def trim(self) -> None:
        """Give back the room that was kept for growing."""
        self.times = self.times[:]
        self.numbers = self.numbers[:]
        self.lengths = self.lengths[:]
        self.payloads = self.payloads[:]


def _new_block() -> _Block:
    return _Block(array("q"), array("Q"), array("I"), bytearray())


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
            yield from block

    def blocks(self) -> Iterator[tuple["array[int]", bytearray]]:
        """``occurred_at`` and concatenated payloads of consecutive people, in pieces."""
        return ((block.times, block.payloads) for block in self._blocks)

    def numbers(self) -> Iterator["array[int]"]:
        """The arrival numbers, in pieces."""
        return (block.numbers for block in self._blocks)

    def last(self) -> tuple[int, int]:
        """(``occurred_at``, arrival number) of the last person. The line must not be empty."""
        return self._blocks[-1].last()

    def first_time(self) -> int:
        """``occurred_at`` of the first person. The line must not be empty."""
        return self._blocks[0].times[0]

    def insert(self, time: int, number: int, payload: bytes) -> None:
        """Put a person in their place."""
        self._length += 1
        blocks = self._blocks
        if not blocks or (time, number) > blocks[-1].last():
            if not blocks or len(blocks[-1]) >= _FULL:
                if blocks:
                    blocks[-1].trim()
                blocks.append(_new_block())
            blocks[-1].append(time, number, payload)
            return
        at = bisect_left(blocks, (time, number), key=_last_of)
        if len(blocks[at]) >= 2 * _FULL:
            blocks.insert(at, blocks[at].cut(_FULL))
            at += (time, number) > blocks[at].last()
        blocks[at].insert(blocks[at].position(time, number), time, number, payload)

    def holds(self, time: int, number: int) -> bool:
        """Whether that person stands here."""
        return self._find(time, number) is not None

    def get(self, time: int, number: int) -> bytes | None:
        """The payload of that person, or None."""
        found = self._find(time, number)
        return None if found is None else self._blocks[found[0]].get(found[1])

    def remove(self, time: int, number: int) -> bytes | None:
        """Take that person out and return the payload, or None."""
        found = self._find(time, number)
        if found is None:
            return None
        at, position = found
        payload = self._blocks[at].pop(position)
        if not len(self._blocks[at]):
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
            if block.times[-1] > until or len(block) > room - taken._length:
                break
            taken._length += len(block)
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

    def pack(self) -> PackedLine:
        """The whole line as it lies in memory."""
        whole = _new_block()
        for block in self._blocks:
            whole.times.extend(block.times)
            whole.numbers.extend(block.numbers)
            whole.lengths.extend(block.lengths)
            whole.payloads += block.payloads
        arrays = whole.times, whole.numbers, whole.lengths
        times, numbers, lengths = (one.tobytes() for one in arrays)
        return times, numbers, lengths, bytes(whole.payloads)

    @classmethod
    def unpack(cls, packed: PackedLine) -> "Line":
        """The line that `pack` gave."""
        line = cls()
        times, numbers, lengths, payloads = packed
        line._length = len(times) // 8
        begin = 0
        for first in range(0, line._length, _FULL):
            last = first + _FULL
            own = array("I", lengths[4 * first : 4 * last])
            end = begin + sum(own)
            block = _Block(
                array("q", times[8 * first : 8 * last]),
                array("Q", numbers[8 * first : 8 * last]),
                own,
                bytearray(payloads[begin:end]),
            )
            line._blocks.append(block)
            begin = end
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
