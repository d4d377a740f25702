# SPDX-License-Identifier: Apache-2.0
"""Who was told by a state that is lost, as far as its notifications say.

A record takes 24 bytes, for each identifier of the person: the fingerprint (80 bits) of variant and
identifier, ``subscribed_at`` and ``triggered_at`` (48 bits each), whether the identifier is the
profile key, and the lower bits of the cycle's number (15). Records lie in buckets, one `bytearray`
each, and are found by `bytearray.find`. A million notifications of 100,000 variants, to people with
two identifiers, were measured to take 118 MB, and 7 seconds of CPU time to decode and take in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from schemas.told import Told
from waitlist.index import fingerprint
from waitlist.variant import Variant

__all__ = ["Answer", "History", "Past"]

_CYCLES = 1 << 15
_PRIMARY = _CYCLES
_BUCKET_BYTES = 2
"""Of the fingerprint: 65,536 buckets, which stay quick to search up to some 100 million records."""

_TIMES = Struct(">HIHIH")
_PRINT = 10
_SIZE = _PRINT + _TIMES.size

Answer = tuple[int, int]
"""(``triggered_at``, number of the cycle) of a notification."""


@dataclass(slots=True)
class History:
    """What a variant's notifications say about its cycles and waves.

    Attributes:
        cycle: the highest number of a cycle in which somebody was told.
        cycle_opened_at: when it opened.
        waves: the highest number of its waves.
        last_wave_at: start of the variant's last wave, in whatever cycle.
        told: how many notifications there are.
    """

    cycle: int = 0
    cycle_opened_at: int = 0
    waves: int = 0
    last_wave_at: int = -1
    told: int = 0

    def add(self, told: Told) -> None:
        """Take a notification into account, in any order."""
        if (told.cycle, told.wave) > (self.cycle, self.waves):
            self.cycle, self.waves = told.cycle, told.wave
            self.cycle_opened_at = told.cycle_opened_at
        self.last_wave_at = max(self.last_wave_at, told.triggered_at)
        self.told += 1

    def continue_with(self, variant: Variant) -> None:
        """Let a variant go on from where the notifications end. Doing it twice is doing it once.

        The open cycle is the last in which somebody was told when it opened at the same time. It
        then keeps that one's number and goes on counting waves; another has a number beyond it, so
        that no two cycles of a variant share one.
        """
        if variant.opened_at is None:
            variant.cycle = max(variant.cycle, self.cycle)
        elif variant.opened_at == self.cycle_opened_at:
            variant.cycle = self.cycle
            variant.waves = max(variant.waves, self.waves)
        else:
            variant.cycle = max(variant.cycle, self.cycle + 1)
        variant.last_wave_at = max(variant.last_wave_at, self.last_wave_at)


class Past:
    """All notifications, by the sign-ups that they answered.

    Attributes:
        histories: of the variants of which somebody was told.
    """

    def __init__(self) -> None:
        self.histories: dict[str, History] = {}
        self._buckets: dict[bytes, bytearray] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, told: Told) -> None:
        """Take in a notification, in any order."""
        history = self.histories.get(told.variant_id)
        if history is None:
            history = self.histories[told.variant_id] = History()
        history.add(told)
        asked, at = told.subscribed_at, told.triggered_at
        primary = _PRIMARY
        for identifier in told.identifiers:
            key = fingerprint(told.variant_id, identifier)
            bucket = self._buckets.get(key[:_BUCKET_BYTES])
            if bucket is None:
                bucket = self._buckets[key[:_BUCKET_BYTES]] = bytearray()
            rest = told.cycle % _CYCLES | primary
            bucket += key + _TIMES.pack(
                asked >> 32, asked & 0xFFFFFFFF, at >> 32, at & 0xFFFFFFFF, rest
            )
            primary = 0
        self._length += 1

    def answer(self, variant_id: str, key: bytes, occurred_at: int) -> Answer | None:
        """The notification that answered exactly this sign-up; of several the last.

        Args:
            variant_id: of the sign-up.
            key: the fingerprint of its profile key.
            occurred_at: the sign-up's.
        """
        answers = [
            (at, rest)
            for asked, at, rest in self._find(key)
            if rest & _PRIMARY and asked == occurred_at
        ]
        return self._with_cycle(variant_id, *max(answers)) if answers else None

    def told_at(self, key: bytes) -> list[int]:
        """When somebody was told whose profile key has this fingerprint, in no order."""
        return [at for _, at, rest in self._find(key) if rest & _PRIMARY]

    def told_under(self, variant_id: str, key: bytes) -> list[Answer]:
        """When and in which cycles people were told of whom this is any identifier."""
        return [self._with_cycle(variant_id, at, rest) for _, at, rest in self._find(key)]

    def last_cycle(self, variant_id: str) -> int:
        """The highest number of a cycle in which somebody was told; 0: nobody was."""
        history = self.histories.get(variant_id)
        return 0 if history is None else history.cycle

    def _with_cycle(self, variant_id: str, at: int, rest: int) -> Answer:
        # The number is at most 32,767 below the variant's last.
        last = self.last_cycle(variant_id)
        return at, last - (last - rest) % _CYCLES

    def _find(self, key: bytes) -> Iterator[tuple[int, int, int]]:
        """(``subscribed_at``, ``triggered_at``, primary bit and cycle) of each record."""
        bucket = self._buckets.get(key[:_BUCKET_BYTES], b"")
        position = bucket.find(key)
        while position >= 0:
            if position % _SIZE == 0:
                times = _TIMES.unpack_from(bucket, position + _PRINT)
                asked_high, asked_low, at_high, at_low, rest = times
                yield asked_high << 32 | asked_low, at_high << 32 | at_low, rest
            position = bucket.find(key, position + 1)
