# SPDX-License-Identifier: Apache-2.0
"""Who is known under which identifier: waiting entries and markers of all variants of a slot.

A record is 24 bytes: an 80-bit fingerprint of (variant, identifier), a time in
milliseconds and a tag that says what the record is (`waitlist.tags`). Records lie in
buckets of about 12, one `bytes` object each; a bucket is found by linear hashing (one
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
_TAG = 16
_KIND_SHIFT = 6
_PER_BUCKET = 12
_BUCKETS_A_CHUNK = 4096

Record = tuple[int, int]
"""(time in epoch milliseconds, tag)."""

_pack_tail = Struct(">HIQ").pack
_unpack_tail = Struct(">HIQ").unpack_from
_unpack_tails = Struct(">10xHIQ").iter_unpack
_unpack_hash = Struct(">Q").unpack_from


def fingerprint(variant_id: str, identifier: str) -> bytes:
    """Ten bytes that stand for an identifier of a person within a variant."""
    return blake2b(f"{variant_id}\0{identifier}".encode(), digest_size=_PRINT).digest()


def _tail(time: int, tag: int) -> bytes:
    return _pack_tail(time >> 32, time & 0xFFFFFFFF, tag)


def _read(bucket: bytes, position: int) -> Record:
    high, low, tag = _unpack_tail(bucket, position + _PRINT)
    return high << 32 | low, tag


class IdentifierIndex:
    """A multi-map from fingerprints to records; every operation looks at one bucket."""

    __slots__ = ("_buckets", "_length", "_mask", "_swept")

    def __init__(self) -> None:
        self._buckets: list[bytes] = [b""]
        self._mask = 1
        self._length = 0
        self._swept = 0

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
        buckets = self._buckets
        # `_number` and `_tail`, spelled out: each sign-up comes here for each identifier.
        number = _unpack_hash(key)[0] & self._mask
        if number >= len(buckets):
            number &= self._mask >> 1
        buckets[number] += key + _pack_tail(time >> 32, time & 0xFFFFFFFF, tag)
        self._length += 1
        if self._length > _PER_BUCKET * len(buckets):
            self._split()

    def remove(self, key: bytes, time: int, tag: int) -> bool:
        """Remove exactly that record; whether it was there."""
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

    def sweep(self, buckets: int, forgotten: Callable[[int, int], bool]) -> bool:
        """Visit the next ``buckets`` buckets in turn and drop records that are ``forgotten``.

        Returns:
            Whether it came past the last bucket: what was forgotten when it did so before is gone.
        """
        around = False
        for _ in range(min(buckets, len(self._buckets))):
            self._swept = (self._swept + 1) % len(self._buckets)
            around = around or self._swept == 0
            bucket = self._buckets[self._swept]
            kept = [
                bucket[position : position + _SIZE]
                for position, (high, low, tag) in zip(
                    range(0, len(bucket), _SIZE), _unpack_tails(bucket), strict=True
                )
                if not forgotten(high << 32 | low, tag)
            ]
            if len(kept) * _SIZE != len(bucket):
                self._buckets[self._swept] = b"".join(kept)
                self._length -= len(bucket) // _SIZE - len(kept)
        return around

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
        index._mask = _mask(len(index._buckets))
        index._length = sum(map(len, buckets)) // _SIZE
        index._swept = swept
        return index

    def _number(self, key: bytes) -> int:
        number: int = _unpack_hash(key)[0] & self._mask
        return number if number < len(self._buckets) else number & (self._mask >> 1)

    def _split(self) -> None:
        """Add a bucket, and move into it what belongs there of the one it is split from."""
        new = len(self._buckets)
        source = new & (self._mask >> 1)
        bucket = self._buckets[source]
        self._buckets.append(b"")
        self._mask = _mask(new + 1)
        bit = 1 << new.bit_length() - 1
        stay: list[bytes] = []
        move: list[bytes] = []
        for position in range(0, len(bucket), _SIZE):
            goes = _unpack_hash(bucket, position)[0] & bit
            (move if goes else stay).append(bucket[position : position + _SIZE])
        self._buckets[source], self._buckets[new] = b"".join(stay), b"".join(move)


def _mask(buckets: int) -> int:
    return (1 << buckets.bit_length()) - 1


def _position(bucket: bytes, record: bytes) -> int:
    position = bucket.find(record)
    while position > 0 and position % _SIZE:
        position = bucket.find(record, position + 1)
    return position
