# SPDX-License-Identifier: Apache-2.0
"""A line of people in order of (``occurred_at``, arrival number), packed in blocks.

A block of at most 1024 people holds three arrays and the payloads in one piece: 20 bytes
a person beside the payload, and no Python object. Insertion, look-up and removal bisect
the blocks, then the block: with a million people that is 11 + 10 steps and a move of
some kilobytes. The first n people leave as whole blocks, so that taking them does not
cost by the person.

Most lines are short, and there are many of them: a line of a few people is two `bytes` objects,
of *heads* (the 20 bytes) and of payloads, which are made anew for each who joins. That takes a
some 40 % of the memory of a block, beside the payloads, and two thirds of the time.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from struct import Struct

__all__ = ["Line", "PackedLine", "Person"]

Person = tuple[int, int, bytes]
"""(``occurred_at`` in epoch milliseconds, arrival number, packed entry)."""

PackedLine = tuple[bytes, bytes, bytes, bytes]
"""Times and numbers (8 bytes each), lengths of the payloads (4 bytes), payloads of a line.

Numbers are in this machine's byte order."""

_FULL = 512
_FEW = 32
"""People of a line that is no block yet, at most."""

_HEAD = 20
_ReadColumn = Callable[[bytes], tuple[int, ...]]
_pack_head = Struct(">qQI").pack
_read_heads = Struct(">qQI").iter_unpack
_pack_place = Struct(">qQ").pack
_read_place = Struct(">qQ").unpack_from
_read_time = Struct(">q").unpack_from
_read_lengths = Struct(">16xI").iter_unpack


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

    __slots__ = ("_blocks", "_heads", "_length", "_payloads")

    def __init__(self) -> None:
        self._length = 0
        # Either there are blocks, or everybody is in these two.
        self._heads = b""
        self._payloads = b""
        self._blocks: list[_Block] | None = None

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Person]:
        for block in self._all_blocks():
            yield from block

    def blocks(self) -> Iterator[tuple[Sequence[int], bytes | bytearray]]:
        """``occurred_at`` and concatenated payloads of consecutive people, in pieces."""
        if self._blocks is not None:
            return ((block.times, block.payloads) for block in self._blocks)
        return iter(((self._few_times(), self._payloads),) if self._length else ())

    def numbers(self) -> Iterator[Sequence[int]]:
        """The arrival numbers, in pieces."""
        if self._blocks is not None:
            return (block.numbers for block in self._blocks)
        return iter((_columns(self._length)[1](self._heads),))

    def last(self) -> tuple[int, int]:
        """(``occurred_at``, arrival number) of the last person. The line must not be empty."""
        if self._blocks is not None:
            return self._blocks[-1].last()
        time, number = _read_place(self._heads, len(self._heads) - _HEAD)
        return time, number

    def first_time(self) -> int:
        """``occurred_at`` of the first person. The line must not be empty."""
        if self._blocks is not None:
            return self._blocks[0].times[0]
        time: int = _read_time(self._heads)[0]
        return time

    def insert(self, time: int, number: int, payload: bytes) -> None:
        """Put a person in their place."""
        if self._blocks is None:
            heads = self._heads
            if self._length < _FEW:
                head = _pack_head(time, number, len(payload))
                # Big-endian numbers, none below zero, compare as their bytes do.
                if head > heads[-_HEAD:]:
                    self._heads = heads + head
                    self._payloads += payload
                else:
                    self._insert_among_few(head, payload)
                self._length += 1
                return
            self._blocks = self._few_as_blocks()
            self._heads = self._payloads = b""
        self._length += 1
        _insert(self._blocks, time, number, payload)

    def holds(self, time: int, number: int) -> bool:
        """Whether that person stands here."""
        if self._blocks is None:
            return self._find_among_few(time, number) >= 0
        return _find(self._blocks, time, number) is not None

    def get(self, time: int, number: int) -> bytes | None:
        """The payload of that person, or None."""
        if self._blocks is None:
            start = self._find_among_few(time, number)
            return None if start < 0 else self._few_payload(start // _HEAD)
        found = _find(self._blocks, time, number)
        return None if found is None else self._blocks[found[0]].get(found[1])

    def remove(self, time: int, number: int) -> bytes | None:
        """Take that person out and return the payload, or None."""
        if self._blocks is None:
            return self._remove_from_few(time, number)
        found = _find(self._blocks, time, number)
        if found is None:
            return None
        at, position = found
        payload = self._blocks[at].pop(position)
        if not len(self._blocks[at]):
            del self._blocks[at]
            if not self._blocks:
                self._blocks = None
        self._length -= 1
        return payload

    def take(self, until: int, limit: int | None = None) -> "Line":
        """Take the first people, at most ``limit``, whose time is at most ``until``."""
        taken = Line()
        room = self._length if limit is None else min(limit, self._length)
        if not room:
            return taken
        if self._blocks is None:
            count = self._eligible_of_few(until, room)
            cut, end = count * _HEAD, self._few_begin(count)
            taken._heads, self._heads = self._heads[:cut], self._heads[cut:]
            taken._payloads, self._payloads = self._payloads[:end], self._payloads[end:]
        else:
            taken._blocks = _take(self._blocks, until, room) or None
            self._blocks = self._blocks or None
            count = sum(map(len, taken._blocks or ()))
        taken._length = count
        self._length -= count
        return taken

    def pack(self) -> PackedLine:
        """The whole line as it lies in memory."""
        if self._blocks is None and self._length:
            few = zip(*_read_heads(self._heads), strict=True)
            times, numbers, lengths = map(array, "qQI", few)
            return times.tobytes(), numbers.tobytes(), lengths.tobytes(), self._payloads
        whole = _new_block()
        for block in self._all_blocks():
            whole.times.extend(block.times)
            whole.numbers.extend(block.numbers)
            whole.lengths.extend(block.lengths)
            whole.payloads += block.payloads
        times, numbers, lengths = whole.times, whole.numbers, whole.lengths
        return times.tobytes(), numbers.tobytes(), lengths.tobytes(), bytes(whole.payloads)

    @classmethod
    def unpack(cls, packed: PackedLine) -> "Line":
        """The line that `pack` gave."""
        line = cls()
        times, numbers, lengths, payloads = packed
        line._length = len(times) // 8
        if line._length <= _FEW:
            places = array("q", times), array("Q", numbers), array("I", lengths)
            line._heads = b"".join(map(_pack_head, *places))
            line._payloads = bytes(payloads)
            return line
        line._blocks = []
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

    def _all_blocks(self) -> list[_Block]:
        """The blocks; those of a short line are made for the purpose."""
        return self._few_as_blocks() if self._blocks is None else self._blocks

    def _few_as_blocks(self) -> list[_Block]:
        if not self._length:
            return []
        block = _new_block()
        for time, number, length in _read_heads(self._heads):
            block.times.append(time)
            block.numbers.append(number)
            block.lengths.append(length)
        block.payloads += self._payloads
        return [block]

    def _few_times(self) -> tuple[int, ...]:
        return _columns(self._length)[0](self._heads)

    def _insert_among_few(self, head: bytes, payload: bytes) -> None:
        heads, start = self._heads, 0
        while heads[start : start + _HEAD] < head:
            start += _HEAD
        end = self._few_begin(start // _HEAD)
        self._heads = heads[:start] + head + heads[start:]
        self._payloads = self._payloads[:end] + payload + self._payloads[end:]

    def _find_among_few(self, time: int, number: int) -> int:
        """Where the head of that person is; -1: nowhere."""
        place = _pack_place(time, number)
        start = self._heads.find(place)
        while start > 0 and start % _HEAD:
            start = self._heads.find(place, start + 1)
        return start

    def _few_begin(self, position: int) -> int:
        """Where the payload begins of whoever stands there, or would."""
        if position == self._length:
            return len(self._payloads)
        return sum(length for (length,) in _read_lengths(self._heads[: position * _HEAD]))

    def _few_payload(self, position: int) -> bytes:
        return self._payloads[self._few_begin(position) : self._few_begin(position + 1)]

    def _remove_from_few(self, time: int, number: int) -> bytes | None:
        start = self._find_among_few(time, number)
        if start < 0:
            return None
        begin, end = self._few_begin(start // _HEAD), self._few_begin(start // _HEAD + 1)
        payload = self._payloads[begin:end]
        self._heads = self._heads[:start] + self._heads[start + _HEAD :]
        self._payloads = self._payloads[:begin] + self._payloads[end:]
        self._length -= 1
        return payload

    def _eligible_of_few(self, until: int, room: int) -> int:
        """How many of the first ``room`` have a time that is at most ``until``."""
        if room == self._length and self.last()[0] <= until:
            return room
        return min(bisect_right(self._few_times(), until), room)


@cache
def _columns(count: int) -> tuple[_ReadColumn, _ReadColumn]:
    """Read the times, and the arrival numbers, from the heads of so many people."""
    return Struct(">" + count * "q12x").unpack, Struct(">" + count * "8xQ4x").unpack


def _insert(blocks: list[_Block], time: int, number: int, payload: bytes) -> None:
    if (time, number) > blocks[-1].last():
        if len(blocks[-1]) >= _FULL:
            blocks[-1].trim()
            blocks.append(_new_block())
        blocks[-1].append(time, number, payload)
        return
    at = bisect_left(blocks, (time, number), key=_last_of)
    if len(blocks[at]) >= 2 * _FULL:
        blocks.insert(at, blocks[at].cut(_FULL))
        at += (time, number) > blocks[at].last()
    blocks[at].insert(blocks[at].position(time, number), time, number, payload)


def _find(blocks: list[_Block], time: int, number: int) -> tuple[int, int] | None:
    at = bisect_left(blocks, (time, number), key=_last_of)
    if at == len(blocks):
        return None
    block = blocks[at]
    position = block.position(time, number)
    if block.times[position] == time and block.numbers[position] == number:
        return at, position
    return None


def _take(blocks: list[_Block], until: int, room: int) -> list[_Block]:
    """Take the first ``room`` people, as far as their time is at most ``until``."""
    whole = 0
    for block in blocks:
        if block.times[-1] > until or len(block) > room:
            break
        room -= len(block)
        whole += 1
    taken = blocks[:whole]
    del blocks[:whole]
    if blocks and room:
        position = min(bisect_right(blocks[0].times, until), room)
        if position:
            taken.append(blocks[0].cut(position))
    return taken
