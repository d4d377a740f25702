# SPDX-License-Identifier: Apache-2.0
"""Redo records: what has happened in a slot, as bytes.

A record is a MessagePack list: its version, then operations, each a list that begins with
its number. Stock is not written figure by figure, but with what a variant's figure is some time
before the epoch ends (`waitlist.redo_stock`).
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import DecodeError
from msgspec.msgpack import Decoder, Encoder

from schemas.events import WaveHeader
from waitlist.entries import decode_extension, encode_number, encode_product
from waitlist.errors import StateError
from waitlist.figures import LOGGED, TURNED
from waitlist.migrations import VERSION, upgrade_record
from waitlist.redo_stock import (
    CYCLES,
    MOVED,
    NAMED,
    PLAIN_STOCK,
    STOCK,
    name_operations,
    redo_cycles,
    redo_moved,
    redo_named,
    redo_plain_stock,
    redo_stock,
    stock_operations,
)
from waitlist.state import State
from waitlist.variant import Variant
from waitlist.variants import Variants

__all__ = [
    "VERSION",
    "RedoLog",
    "decode",
    "encode",
    "pack_header",
    "redo",
]

_JOINED, _SIGNED_OFF, _EXPIRED, _WAVE, _HANDED_OVER, _SWEPT = range(1, 7)
_ANSWERED, _CONTINUED, _RECALLED = range(7, 10)
_OPERATIONS_A_RECORD = 10_000
_ROWS_AT_ONCE = 256
"""Fewer changed variants cost as much to write down, some 0.1 ms."""

encode = Encoder().encode
decode = Decoder(ext_hook=decode_extension).decode


class RedoLog:
    """Collects what has happened until the journal takes it.

    Args:
        variants: of the slot.

    Attributes:
        stock: the numbers of variants whose stock is to be written before the epoch ends, in the
            order in which they changed; each is `LOGGED`.
        named: so many variants have been written down with their ids.
    """

    def __init__(self, variants: Variants) -> None:
        self._operations: list[tuple[object, ...]] = []
        self._variants = variants
        self.stock: deque[int] = deque()
        self.named = 0
        self._allowance = 0

    def note(self, variant: Variant) -> None:
        """Have the variant's stock and cycle written before the epoch ends."""
        flags = variant.flags
        if not flags & LOGGED:
            self.stock.append(variant.number)
        variant.flags = flags | LOGGED | TURNED

    def joined(
        self,
        variant: Variant,
        time: int,
        priority: int,
        payload: bytes,
        parked_in: int,
        keys: Sequence[bytes],
    ) -> None:
        """See `State.join`; who waited under the same profile key has made room."""
        self._operations.append(
            (_JOINED, variant.variant_id, time, priority, payload, parked_in, keys)
        )

    def signed_off(self, variant: Variant, occurred_at: int, identifiers: Sequence[str]) -> None:
        """See `State.sign_off`."""
        self._operations.append((_SIGNED_OFF, variant.variant_id, occurred_at, identifiers))

    def expired(self, variant: Variant, now: int, expired_before: int | None) -> None:
        """See `State.expire`."""
        self._operations.append((_EXPIRED, variant.variant_id, now, expired_before))

    def wave_started(self, header: WaveHeader, until: int, limit: int | None) -> None:
        """See `State.start_wave`."""
        self._operations.append((_WAVE, pack_header(header), until, limit))

    def handed_over(self, limit: int, share: int | None) -> None:
        """See `State.hand_over`."""
        self._operations.append((_HANDED_OVER, limit, share))

    def swept(self, buckets: int, told_before: int, signed_off_before: int) -> None:
        """See `State.sweep`."""
        self._operations.append((_SWEPT, buckets, told_before, signed_off_before))

    def answered(self, keys: Sequence[bytes], triggered_at: int, cycle: int) -> None:
        """See `State.answer`."""
        self._operations.append((_ANSWERED, keys, triggered_at, cycle))

    def recalled(self, variant: Variant, key: bytes, triggered_at: int, cycle: int) -> None:
        """See `State.recall`."""
        self._operations.append((_RECALLED, variant.variant_id, key, triggered_at, cycle))

    def continued(self, variant: Variant, told: int) -> None:
        """See `State.count_told`."""
        self._operations.append((_CONTINUED, variant.variant_id, told))

    def take(self, stock: int | None) -> list[bytes]:
        """The records of everything so far.

        Args:
            stock: the stock of so many more of the changed variants may be written down, the
                longest changed first, which is done for many at a time; None: of all.
        """
        count = len(self.stock)
        if stock is not None:
            self._allowance += stock
            count = min(count, self._allowance)
            count = count if count >= _ROWS_AT_ONCE else 0
        if count:
            self._allowance = 0
        changed = [self.stock.popleft() for _ in range(count)]
        operations = [*name_operations(self._variants, self.named), *self._operations]
        operations += stock_operations(self._variants, changed)
        self.named = len(self._variants)
        self._operations = []
        return [
            encode((VERSION, *operations[start : start + _OPERATIONS_A_RECORD]))
            for start in range(0, len(operations), _OPERATIONS_A_RECORD)
        ]


def redo(state: State, record: bytes) -> None:
    """Do again what a record says.

    Stock may have to be taken over by `State.settle`, which has to follow the last record.

    Raises:
        StateError: the record is not one that this version can read.
    """
    try:
        version, *operations = decode(record)
        for number, *arguments in upgrade_record(version, operations):
            _REDO[number](state, *arguments)
    except (DecodeError, TypeError, ValueError, LookupError) as error:
        message = f"a redo record cannot be read: {error}"
        raise StateError(message) from error


def pack_header(header: WaveHeader) -> tuple[object, ...]:
    """A wave's header, fit for MessagePack."""
    return (
        header.variant_id, header.cycle, header.cycle_opened_at, header.wave,
        encode_number(header.quantity), header.triggered_at, encode_product(header.product),
    )  # fmt: skip


def _redo_joined(
    state: State,
    variant_id: str,
    time: int,
    priority: int,
    payload: bytes,
    parked_in: int,
    keys: list[bytes],
) -> None:
    variant = state.variant(variant_id)
    if not parked_in and state.join_stranger(variant, time, priority, payload, keys):
        return
    replaced = state.waiting_entry(variant, keys[0])
    if replaced is not None:
        state.leave(variant, *replaced)
    state.join(variant, time, priority, payload, parked_in, keys)


def _redo_signed_off(
    state: State, variant_id: str, occurred_at: int, identifiers: list[str]
) -> None:
    variant = state.variant(variant_id)
    state.sign_off(variant, occurred_at, identifiers)


def _redo_expired(state: State, variant_id: str, now: int, expired_before: int | None) -> None:
    variant = state.variant(variant_id)
    state.expire(variant, now, expired_before)


def _redo_wave(state: State, header: list[Any], until: int, limit: int | None) -> None:
    wave = WaveHeader(*header)
    variant = state.variant(wave.variant_id)
    state.start_wave(variant, wave, until, limit)


def _redo_handed_over(state: State, limit: int, share: int | None) -> None:
    state.hand_over(limit, share)


def _redo_swept(state: State, buckets: int, told_before: int, signed_off_before: int) -> None:
    state.sweep(buckets, told_before, signed_off_before)


def _redo_answered(state: State, keys: list[bytes], triggered_at: int, cycle: int) -> None:
    state.answer(keys, triggered_at, cycle)


def _redo_recalled(
    state: State, variant_id: str, key: bytes, triggered_at: int, cycle: int
) -> None:
    variant = state.variant(variant_id)
    state.recall(variant, key, triggered_at, cycle)


def _redo_continued(state: State, variant_id: str, told: int) -> None:
    variant = state.variant(variant_id)
    state.count_told(variant, told)


_REDO: dict[int, Callable[..., None]] = {
    STOCK: redo_stock,
    PLAIN_STOCK: redo_plain_stock,
    NAMED: redo_named,
    MOVED: redo_moved,
    CYCLES: redo_cycles,
    _JOINED: _redo_joined,
    _SIGNED_OFF: _redo_signed_off,
    _EXPIRED: _redo_expired,
    _WAVE: _redo_wave,
    _HANDED_OVER: _redo_handed_over,
    _SWEPT: _redo_swept,
    _ANSWERED: _redo_answered,
    _CONTINUED: _redo_continued,
    _RECALLED: _redo_recalled,
}
