# SPDX-License-Identifier: Apache-2.0
"""Who is known under which identifier: waiting entries and markers of all variants of a slot.

A record is 24 bytes: an 80-bit fingerprint of (variant, identifier), a time in
milliseconds and a tag that says what the record is (`waitlist.tags`). Records lie in
buckets of about 12, one `bytes` object each; a bucket is found by linear hashing (one
bucket is split at a time, so that no operation ever waits for the whole table to
grow), and a record in its bucket by `bytes.find`. A Python dictionary of strings
would take five times the memory. Splits that are due may wait for others, because many at once
are cheaper; whatever could see the difference makes them first.

80 bits stand for the identifier itself: with a hundred million records the chance
that a given look-up meets another's fingerprint is below 1e-15.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from struct import Struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Forgotten", "IdentifierIndex", "Record", "fingerprint", "fingerprints"]

_SIZE = 24
_PRINT = 10
_TAG = 16
_KIND_SHIFT = 6
_PER_BUCKET = 12
_BUCKETS_A_CHUNK = 4096
_SPLITS_AT_ONCE = 512
_MANY_SPLITS = 12

Record = tuple[int, int]
"""(time in epoch milliseconds, tag)."""

Forgotten = Callable[[NDArray[np.uint64], NDArray[np.uint64]], NDArray[np.bool_]]
"""Says of records, given their times and their tags, which are not needed any more."""

_RECORD: Final = np.dtype(f"V{_SIZE}")
_COLUMNS: Final = np.dtype(
    {
        "names": ["high", "low", "tag"],
        "formats": [">u2", ">u4", ">u8"],
        "offsets": [_PRINT, _PRINT + 2, _TAG],
        "itemsize": _SIZE,
    }
)

_begun: Final = blake2b(digest_size=_PRINT).copy
"""A new digest, for a third less than ``blake2b(digest_size=...)``."""

_pack_tail = Struct(">HIQ").pack
_unpack_tail = Struct(">HIQ").unpack_from
_unpack_tails = Struct(">10xHIQ").iter_unpack
_unpack_hash = Struct(">Q").unpack_from


def fingerprint(variant_id: str, identifier: str) -> bytes:
    """Ten bytes that stand for an identifier of a person within a variant."""
    digest = _begun()
    digest.update(f"{variant_id}\0{identifier}".encode())
    return digest.digest()


def fingerprints(variant_id: str, identifiers: Iterable[str]) -> list[bytes]:
    """The `fingerprint` of each identifier."""
    found = []
    for identifier in identifiers:
        digest = _begun()
        digest.update(f"{variant_id}\0{identifier}".encode())
        found.append(digest.digest())
    return found


def _tail(time: int, tag: int) -> bytes:
    return _pack_tail(time >> 32, time & 0xFFFFFFFF, tag)


def _read(bucket: bytes, position: int) -> Record:
    high, low, tag = _unpack_tail(bucket, position + _PRINT)
    return high << 32 | low, tag


class IdentifierIndex:
    """A multi-map from fingerprints to records; every operation looks at one bucket."""

    __slots__ = ("_buckets", "_length", "_mask", "_room", "_swept")

    def __init__(self) -> None:
        self._buckets: list[bytes] = [b""]
        self._length = 0
        self._swept = 0
        self._note_size()

    def __len__(self) -> int:
        return self._length

    def find(self, key: bytes) -> list[Record]:
        """All records under a fingerprint, oldest first."""
        bucket = self._buckets[self._number(key)]
        records = []
        position = bucket.find(key)
        while position >= 0:
            if position % _SIZE == 0:
                records.append(_read(bucket, position))
            position = bucket.find(key, position + 1)
        return records

    def add(self, key: bytes, time: int, tag: int) -> None:
        """Add a record."""
        number = self._number(key)
        self._buckets[number] += key + _tail(time, tag)
        self._length += 1
        if self._length > self._room:
            self._split_due()

    def add_each(self, keys: Sequence[bytes], time: int, pair: tuple[int, int]) -> None:
        """Add a record under each of several fingerprints.

        Args:
            keys: the fingerprints.
            time: of all of them.
            pair: the tag under the first of them, and the tag under each of the others.
        """
        tag, others = pair
        for key in keys:
            self.add(key, time, tag)
            tag = others

    def add_strangers(self, keys: Sequence[bytes], time: int, pair: tuple[int, int]) -> bool:
        """Do as `add_each`, but only when there is no record under any of the fingerprints.

        Returns:
            Whether there was none.
        """
        # `add`, spelled out: each sign-up comes here, and most are of people who are not known.
        buckets, mask = self._buckets, self._mask
        numbers = []
        for key in keys:
            number = _unpack_hash(key)[0] & mask
            if number >= len(buckets):
                number &= mask >> 1
            # Not `in`, which first takes the bytes for a number: twice the time.
            if buckets[number].find(key) >= 0:
                return False
            numbers.append(number)
        high, low = time >> 32, time & 0xFFFFFFFF
        tag, others = pair
        for key, number in zip(keys, numbers):  # noqa: B905 - as many as there are keys
            buckets[number] += key + _pack_tail(high, low, tag)
            tag = others
        self._length += len(keys)
        if self._length > self._room:
            self._split_due()
        return True

    def remove(self, key: bytes, time: int, tag: int) -> bool:
        """Remove exactly that record; whether it was there."""
        self._split_due()
        number = self._number(key)
        bucket = self._buckets[number]
        position = _position(bucket, key + _tail(time, tag))
        if position < 0:
            return False
        self._buckets[number] = bucket[:position] + bucket[position + _SIZE :]
        self._length -= 1
        return True

    def mark(self, key: bytes, time: int, tag: int) -> None:
        """Set a marker: of two of one kind the later is kept, of equally late ones the newer.

        Args:
            key: the fingerprint.
            time: the marker's.
            tag: the marker's; its kind is its two highest bits.
        """
        number = self._number(key)
        bucket = self._buckets[number]
        record = key + _tail(time, tag)
        position = bucket.find(key)
        while position >= 0:
            same_kind = position % _SIZE == 0 and (
                bucket[position + _TAG] >> _KIND_SHIFT == record[_TAG] >> _KIND_SHIFT
            )
            if same_kind:
                if _read(bucket, position)[0] <= time:
                    self._buckets[number] = bucket[:position] + record + bucket[position + _SIZE :]
                return
            position = bucket.find(key, position + 1)
        self.add(key, time, tag)

    def sweep(self, buckets: int, forgotten: Forgotten) -> bool:
        """Visit the next ``buckets`` buckets in turn and drop records that are ``forgotten``.

        Returns:
            Whether it came past the last bucket: what was forgotten when it did so before is gone.
        """
        self._split_due()
        count = len(self._buckets)
        left = min(buckets, count)
        around = False
        while left:
            first = (self._swept + 1) % count
            around = around or not first
            end = min(first + left, count)
            self._sweep_range(first, end, forgotten)
            self._swept = end - 1
            left -= end - first
        return around

    def dump(self) -> Iterator[list[bytes]]:
        """The buckets, some thousand at a time."""
        self._split_due()
        for start in range(0, len(self._buckets), _BUCKETS_A_CHUNK):
            yield self._buckets[start : start + _BUCKETS_A_CHUNK]

    @property
    def swept(self) -> int:
        """Number of the bucket that `sweep` visited last."""
        return self._swept

    @classmethod
    def load(cls, buckets: Sequence[bytes], swept: int) -> "IdentifierIndex":
        """The index that gave these buckets."""
        index = cls()
        index._buckets = list(buckets) or [b""]
        index._note_size()
        index._length = sum(map(len, buckets)) // _SIZE
        index._swept = swept
        return index

    def _number(self, key: bytes) -> int:
        number: int = _unpack_hash(key)[0] & self._mask
        return number if number < len(self._buckets) else number & (self._mask >> 1)

    def _note_size(self) -> None:
        """Work out what follows from the number of buckets."""
        count = len(self._buckets)
        self._mask = (1 << count.bit_length()) - 1
        self._room = _PER_BUCKET * (count + min(count // 8, _SPLITS_AT_ONCE))

    def _split_due(self) -> None:
        """Make so many buckets that they hold `_PER_BUCKET` on average."""
        while (due := -(-self._length // _PER_BUCKET) - len(self._buckets)) > 0:
            # The buckets of one round of doubling lie side by side.
            first = len(self._buckets) & (self._mask >> 1)
            end = min(first + due, (self._mask >> 1) + 1)
            if end - first < _MANY_SPLITS:
                end = first + 1
                self._split(first)
            else:
                self._split_many(first, end)
            self._note_size()

    def _split(self, source: int) -> None:
        """Add a bucket, and move into it what belongs there of the one it is split from."""
        bucket = self._buckets[source]
        bit = 1 << len(self._buckets).bit_length() - 1
        stay: list[bytes] = []
        move: list[bytes] = []
        for position in range(0, len(bucket), _SIZE):
            goes = _unpack_hash(bucket, position)[0] & bit
            (move if goes else stay).append(bucket[position : position + _SIZE])
        self._buckets[source] = b"".join(stay)
        self._buckets.append(b"".join(move))

    def _split_many(self, first: int, end: int) -> None:
        """Do as `_split` for each of these buckets."""
        buckets = self._buckets[first:end]
        joined = b"".join(buckets)
        place, bit = divmod(len(self._buckets).bit_length() - 1, 8)
        # The number of a bucket is the end of the first eight bytes.
        deciding = np.frombuffer(joined, np.uint8)[7 - place :: _SIZE]
        goes = (deciding >> bit & 1).astype(np.bool_)
        ends = np.cumsum([len(bucket) for bucket in buckets])
        moved = np.concatenate(([0], np.cumsum(goes)))[ends // _SIZE] * _SIZE
        records = np.frombuffer(joined, _RECORD)
        self._buckets[first:end] = _cut(records[~goes].tobytes(), ends - moved)
        self._buckets += _cut(records[goes].tobytes(), moved)

    def _sweep_range(self, first: int, end: int, forgotten: Forgotten) -> None:
        """Drop what is forgotten in consecutive buckets."""
        buckets = self._buckets[first:end]
        joined = b"".join(buckets)
        columns = np.frombuffer(joined, _COLUMNS)
        times = columns["high"].astype(np.uint64) << np.uint64(32) | columns["low"]
        goes = forgotten(times, columns["tag"].astype(np.uint64))
        if not goes.any():
            return
        ends = np.cumsum([len(bucket) for bucket in buckets])
        kept = np.concatenate(([0], np.cumsum(~goes)))[ends // _SIZE] * _SIZE
        records = np.frombuffer(joined, _RECORD)
        self._buckets[first:end] = _cut(records[~goes].tobytes(), kept)
        self._length -= int(np.count_nonzero(goes))


def _cut(joined: bytes, ends: NDArray[np.int64]) -> list[bytes]:
    """The pieces of what was joined, given where each ends."""
    return [joined[start:end] for start, end in pairwise((0, *ends.tolist()))]


def _position(bucket: bytes, record: bytes) -> int:
    position = bucket.find(record)
    while position > 0 and position % _SIZE:
        position = bucket.find(record, position + 1)
    return position
