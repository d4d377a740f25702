# SPDX-License-Identifier: Apache-2.0
"""Who is known under which identifier: waiting entries and markers of all variants of a slot.

A record is 24 bytes: an 80-bit fingerprint of (variant, identifier), a time in
milliseconds and a tag that says what the record is (`waitlist.tags`). Records lie in
buckets of about 16, one `bytes` object each; a bucket is found by linear hashing (one
bucket is split at a time, so that no operation ever waits for the whole table to
grow), and a record in its bucket by `bytes.find`. A Python dictionary of strings
would take five times the memory.

80 bits stand for the identifier itself: with a hundred million records the chance
that a given look-up meets another's fingerprint is below 1e-15.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from struct import Struct

__all__ = ["IdentifierIndex", "Record", "fingerprint"]

_SIZE = 24
_PRINT = 10
_PER_BUCKET = 16
_TAIL = Struct(">HIQ")
_BUCKETS_A_CHUNK = 4096

Record = tuple[int, int]
"""(time in epoch milliseconds, tag)."""


def fingerprint(variant_id: str, identifier: str) -> bytes:
    """Ten bytes that stand for an identifier of a person within a variant."""
    return blake2b(f"{variant_id}\0{identifier}".encode(), digest_size=_PRINT).digest()


def _tail(time: int, tag: int) -> bytes:
    return _TAIL.pack(time >> 32, time & 0xFFFFFFFF, tag)


def _read(bucket: bytes, position: int) -> Record:
    high, low, tag = _TAIL.unpack_from(bucket, position + _PRINT)
    return high << 32 | low, tag


class IdentifierIndex:
    """A multi-map from fingerprints to records; every operation looks at one bucket."""

    __slots__ = ("_buckets", "_length", "_swept")

    def __init__(self) -> None:
        self._buckets: list[bytes] = [b""]
        self._length = 0
        self._swept = 0

    def __len__(self) -> int:
        return self._length

    def find(self, key: bytes) -> list[Record]:
        """All records under a fingerprint, oldest first."""
        bucket = self._buckets[self._number(key)]
        return [_read(bucket, position) for position in _positions(bucket, key)]

    def add(self, key: bytes, time: int, tag: int) -> None:
        """Add a record."""
        number = self._number(key)
        self._buckets[number] += key + _tail(time, tag)
        self._length += 1
        if self._length > _PER_BUCKET * len(self._buckets):
            self._split()

    def remove(self, key: bytes, time: int, tag: int) -> bool:
        """Remove exactly that record; whether it was there."""
        return self.replace(key, (time, tag), None)

    def replace(self, key: bytes, old: Record, new: Record | None) -> bool:
        """Put ``new`` (None: nothing) in the place of ``old``; whether it was there."""
        number = self._number(key)
        bucket = self._buckets[number]
        wanted = key + _tail(*old)
        for position in _positions(bucket, wanted):
            put = b"" if new is None else key + _tail(*new)
            self._buckets[number] = bucket[:position] + put + bucket[position + _SIZE :]
            self._length -= new is None
            return True
        return False

    def sweep(self, buckets: int, forgotten: Callable[[int, int], bool]) -> None:
        """Visit the next ``buckets`` buckets in turn and drop records that are ``forgotten``."""
        for _ in range(min(buckets, len(self._buckets))):
            self._swept = (self._swept + 1) % len(self._buckets)
            bucket = self._buckets[self._swept]
            kept = [
                bucket[position : position + _SIZE]
                for position in range(0, len(bucket), _SIZE)
                if not forgotten(*_read(bucket, position))
            ]
            if len(kept) * _SIZE != len(bucket):
                self._buckets[self._swept] = b"".join(kept)
                self._length -= len(bucket) // _SIZE - len(kept)

    def dump(self) -> Iterator[list[bytes]]:
        """The buckets, some thousand at a time."""
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
        index._length = sum(map(len, buckets)) // _SIZE
        index._swept = swept
        return index

    def _number(self, key: bytes) -> int:
        count = len(self._buckets)
        mask = (1 << count.bit_length()) - 1
        number = int.from_bytes(key[:8], "big") & mask
        return number if number < count else number & (mask >> 1)

    def _split(self) -> None:
        count = len(self._buckets)
        source = count & (((1 << count.bit_length()) - 1) >> 1)
        bucket = self._buckets[source]
        self._buckets[source] = b""
        self._buckets.append(b"")
        for position in range(0, len(bucket), _SIZE):
            record = bucket[position : position + _SIZE]
            self._buckets[self._number(record[:_PRINT])] += record


def _positions(bucket: bytes, wanted: bytes) -> Iterator[int]:
    position = bucket.find(wanted)
    while position >= 0:
        if position % _SIZE == 0:
            yield position
        position = bucket.find(wanted, position + 1)
