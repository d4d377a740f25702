# SPDX-License-Identifier: Apache-2.0
"""States that are made without Kafka, by the classes that make them in the program.

Signing up millions of people through Kafka takes minutes. Here each slot is filled by its own
decisions, in two processes, and written as the base of its journal. A first start adopts the bases
as if it had compacted them: ``python -m benchmarks.preloaded``.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from dataflows.decoding import slot_of
from journal.base import check_base, write_base
from journal.marker import Marker
from schemas.events import Event
from waitlist.slot import Slot

__all__ = ["SLOTS", "adopt", "belongs", "fill", "prepare"]

SLOTS = 4
"""As many as the program has by default."""

_BASE = "base-prepared-1.journal"
_MARKER = "marker"
_BATCH = 5_000
_TURN = 10_000

FillSlot = Callable[[int], Slot]
"""Makes the slot of a number; has to be picklable."""


def belongs(variant_id: str, number: int) -> bool:
    """Whether a variant is kept in the slot of this number."""
    return slot_of(variant_id, SLOTS) == number


def fill(slot: Slot, events: Iterable[Event], now: int) -> None:
    """Apply events as they come in batches, and hand over everybody who is told.

    Args:
        slot: the slot.
        events: its events.
        now: the clock, in epoch milliseconds.
    """
    source = iter(events)
    while batch := list(islice(source, _BATCH)):
        slot.apply(batch, now)
        slot.start_due_waves(now)
        while slot.take_slices(_TURN):
            pass
        slot.take_records()


def prepare(directory: Path, fill_slot: FillSlot) -> int:
    """Write a whole state and return its bytes.

    Args:
        directory: where to; made here.
        fill_slot: see `FillSlot`.
    """
    directory.mkdir()
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return sum(pool.map(partial(_prepare_slot, directory, fill_slot), range(SLOTS)))


def adopt(prepared: Path, number: int, directory: Path) -> bytes:
    """Put a slot's base where its journal looks for it, and give the marker that names it.

    Args:
        prepared: what `prepare` made.
        number: the slot's.
        directory: the slot's own folder; need not exist.
    """
    own = _directory_of(prepared, number)
    directory.mkdir(parents=True, exist_ok=True)
    os.link(own / _BASE, directory / _BASE)
    return (own / _MARKER).read_bytes()


def _prepare_slot(directory: Path, fill_slot: FillSlot, number: int) -> int:
    own = _directory_of(directory, number)
    own.mkdir()
    nothing = Marker(number)
    write_base(own, _BASE, fill_slot(number).dump(), nothing, lambda _: None)
    base = check_base(own, _BASE, nothing)
    (own / _MARKER).write_bytes(Marker(number, base).encode())
    return base.length


def _directory_of(prepared: Path, number: int) -> Path:
    return prepared / f"{number:04d}"
