# SPDX-License-Identifier: Apache-2.0
"""The product with tiny inner sizes, so that short traces reach their edges."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["cramped"]

_SIZES = (
    ("waitlist.line", "_FULL", 2),
    ("waitlist.line", "_FEW", 2),
    ("waitlist.index", "_PER_BUCKET", 2),
    ("waitlist.index", "_MANY_SPLITS", 1),
    ("waitlist.index", "_BUCKETS_A_CHUNK", 2),
    ("waitlist.arrivals", "_SHIFT", 1),
    ("waitlist.arrivals", "_CHUNK", 2),
    ("waitlist.arrivals", "_MASK", 1),
    ("waitlist.arrivals", "_CHUNKS_A_DUMP", 2),
    ("waitlist.arrivals", "_DAY", 60_000),
    ("waitlist.arrivals", "_FIRST_DAY", 1_794_000_000_000 // 60_000),
    ("waitlist.state", "_BUCKETS_A_CHUNK", 1),
    ("waitlist.blocks", "_WORTH_IT", 1),
    ("waitlist.redo_stock", "_NAMES_AN_OPERATION", 2),
    ("waitlist.image", "_ROWS_A_CHUNK", 3),
    ("waitlist.slot", "_ADDITIONS_A_BUCKET", 1),
    ("waitlist.image", "_PEOPLE_A_CHUNK", 2),
    ("waitlist.image", "_VARIANTS_A_CHUNK", 2),
    ("waitlist.redo", "_OPERATIONS_A_RECORD", 3),
    ("waitlist.redo", "_ROWS_AT_ONCE", 1),
    ("waitlist.expiries", "_HOUR", 60_000),
    ("waitlist.queue", "_LEFT_AT_LEAST", 0),
    ("restock.replay", "_PEOPLE_AT_ONCE", 2),
    ("restock.replay", "_EVENTS_AT_ONCE", 2),
)


@contextmanager
def cramped() -> Iterator[None]:
    """Make the sizes tiny; a size that is gone is an error, so that this list stays true."""
    before = []
    try:
        for module_name, name, size in _SIZES:
            module = importlib.import_module(module_name)
            before.append((module, name, getattr(module, name)))
            setattr(module, name, size)
        yield
    finally:
        for module, name, size in before:
            setattr(module, name, size)
