# SPDX-License-Identifier: Apache-2.0
"""What has been decoded of a batch, dealt out to the slots: plain figures by the column."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, repeat
from operator import attrgetter, call, mod
from typing import Final, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from schemas.columns import part_of
from schemas.events import Event, Integers, StockBlock

__all__ = ["Columns", "Input", "deal", "slot_of", "slots_of"]

_BLOCK_AT_LEAST: Final = 64

Input = Event | StockBlock
"""What a slot takes in."""

_Slots = NDArray[np.uint16]
_Thing = TypeVar("_Thing")


def slot_of(variant_id: str, slots: int) -> int:
    """The slot that keeps a variant. Part of the durable format: never change it."""
    return crc32(variant_id.encode()) % slots


def slots_of(events: Iterable[Event], slots: int) -> list[int]:
    """`slot_of` of the variant of each of many events, at half the cost."""
    return list(map(mod, map(crc32, map(str.encode, map(_variant_id, events))), repeat(slots)))


def deal(things: Iterable[_Thing], slots: Iterable[int], parts: Sequence[list[_Thing]]) -> None:
    """Append each thing to the part of its slot."""
    appends = [part.append for part in parts]
    # Nothing but calls in C; the deque only drives them.
    deque(map(call, map(appends.__getitem__, slots), things), maxlen=0)


class Columns:
    """The inputs of all slots: their plain figures in blocks, and what comes between them."""

    def __init__(self, slots: int) -> None:
        """Take in for a number of slots."""
        self._slots = slots
        self._blocks: list[StockBlock] = []
        self._variant_ids: list[str] = []
        self._owners: list[_Slots] = []
        self._others: list[list[Input]] = [[] for _ in range(slots)]
        # How many figures, of all slots, come before each of the others.
        self._cuts: list[list[int]] = [[] for _ in range(slots)]

    def take(self, inputs: Sequence[Input]) -> None:
        """Take what has been decoded, in its order."""
        first = len(self._variant_ids)
        others = list[Event]()
        for given in inputs:
            if isinstance(given, StockBlock):
                self._take_others(others)
                self._blocks.append(given)
                self._variant_ids += given.variant_ids
                others = []
            else:
                others.append(given)
        self._take_others(others)
        # Now, while the variants are in the processor's cache.
        new = self._variant_ids[first:]
        checksums = np.fromiter(map(crc32, map(str.encode, new)), np.uint32, len(new))
        self._owners.append((checksums % self._slots).astype(np.uint16))

    def __len__(self) -> int:
        """How many records they come from."""
        return len(self._variant_ids) + sum(map(len, self._others))

    def dealt(self) -> list[list[Input]]:
        """Return the inputs of each slot in their order, with its plain figures in few blocks.

        A block that would be too short to be of use is given as events.
        """
        if not self._variant_ids:
            return self._others
        block = self._block()
        # As an array, because taking from it costs half as much as taking from the list.
        variant_ids = np.array(block.variant_ids, np.object_)
        parts = list[list[Input]]()
        for places, cuts, others in zip(self._places(), self._cuts, self._others, strict=True):
            share = _share(block, variant_ids[places].tolist(), places)
            if others:
                parts.append(_merged(share, np.searchsorted(places, cuts).tolist(), others))
            else:
                parts.append([*_given(share)])
        return parts

    def _places(self) -> Iterator[Integers]:
        """Where the figures of each slot are, in ascending order."""
        owners = np.concatenate(self._owners)
        # Of so small a type, numbers are sorted by counting them.
        order = np.argsort(owners, kind="stable")
        ends = np.cumsum(np.bincount(owners, minlength=self._slots)).tolist()
        return map(order.__getitem__, map(slice, [0, *ends[:-1]], ends))

    def _block(self) -> StockBlock:
        sequences = None
        if any(block.sequences is not None for block in self._blocks):
            sequences = np.concatenate([_sequences(block) for block in self._blocks])
        return StockBlock(
            self._variant_ids,
            np.concatenate([block.quantities for block in self._blocks]),
            np.concatenate([block.moments for block in self._blocks]),
            sequences,
        )

    def _take_others(self, events: Sequence[Event]) -> None:
        if not events:
            return
        owners = slots_of(events, self._slots)
        deal(events, owners, self._others)
        deal(repeat(len(self._variant_ids)), owners, self._cuts)


def _sequences(block: StockBlock) -> Integers:
    return np.zeros_like(block.moments) if block.sequences is None else block.sequences


def _share(block: StockBlock, variant_ids: list[str], places: Integers) -> StockBlock:
    """The figures at some places, which are of these variants."""
    return StockBlock(
        variant_ids,
        block.quantities[places],
        block.moments[places],
        None if block.sequences is None else block.sequences[places],
    )


def _merged(share: StockBlock, cuts: Sequence[int], others: list[Input]) -> list[Input]:
    """A slot's figures and its other inputs, each of which comes after so many of the figures."""
    inputs: list[Input] = []
    done = begin = 0
    for cut, run in groupby(cuts):
        inputs += _given(part_of(share, done, cut))
        end = begin + len([*run])
        inputs += others[begin:end]
        done, begin = cut, end
    inputs += _given(part_of(share, done, len(share)))
    return inputs


def _given(share: StockBlock) -> Iterable[Input]:
    """Figures as a block if it is worth it."""
    return [share] if len(share) >= _BLOCK_AT_LEAST else share.events()


_variant_id: Final = attrgetter("variant_id")
