# SPDX-License-Identifier: Apache-2.0
"""Whole feeds against what the stream says: only what differs is worth a record.

The stream is what `restock.inventory` holds, applied as docs/semantics.md section 2 says, as far as
it matters here: figures of a variant are either a total or one for each location, and those of a
higher key count. A feed speaks of totals only.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

import msgspec

from connectors.errors import InboundError
from connectors.inbound.feed import Feed
from connectors.inbound.records import StockRecord
from schemas.decode import decode_inventory
from schemas.errors import InvalidRecord

__all__ = ["Counts", "Known", "Reconciled", "Stream", "reconcile"]

_Key = tuple[int, int]
"""`occurred_at` and `sequence`."""

_NEVER: Final[_Key] = (0, 0)


class _Source(msgspec.Struct, frozen=True, gc=False):
    source: str | None = None


_read_source: Final = msgspec.json.Decoder(_Source).decode


@dataclass(slots=True)
class Known:
    """What the stream says of a variant.

    Attributes:
        key: of the newest total, or of the newest removal of all figures.
        quantity: the total; None: there is none.
        locations: key and figure of each location; None: the figure was removed.
    """

    key: _Key = _NEVER
    quantity: int | None = None
    locations: dict[str, tuple[_Key, int | None]] | None = None

    @property
    def has_figures(self) -> bool:
        """Whether any figures are in force."""
        return self.quantity is not None or self.is_by_location

    @property
    def is_by_location(self) -> bool:
        """Whether figures of locations are in force."""
        return any(quantity is not None for _, quantity in (self.locations or {}).values())

    def newest(self) -> _Key:
        """The highest key of all that is known."""
        return max([self.key, *(key for key, _ in (self.locations or {}).values())])


class Stream:
    """What the stream has said so far."""

    def __init__(self) -> None:
        self._variants: dict[str, Known] = {}
        self._told_by: dict[str, set[str]] = {}

    def add(self, value: bytes, arrival: int) -> None:
        """Take in a record of the inventory topic; one that is not valid says nothing.

        Args:
            value: of the record.
            arrival: when it came, in epoch milliseconds.
        """
        try:
            event = decode_inventory(value, arrival)
        except InvalidRecord:
            return
        known = self._variants.setdefault(event.variant_id, Known())
        key = (event.occurred_at, event.sequence)
        if event.location_id is None:
            _apply_total(known, key, event.quantity)
        else:
            _apply_location(known, key, event.location_id, event.quantity)
        source = _source_of(value)
        if source is not None:
            self._told_by.setdefault(source, set()).add(event.variant_id)

    def get(self, variant_id: str) -> Known | None:
        """Return what is known of a variant."""
        return self._variants.get(variant_id)

    def told_by(self, source: str) -> Iterator[tuple[str, Known]]:
        """Return the variants of which a source has ever spoken."""
        return ((name, self._variants[name]) for name in self._told_by.get(source, ()))


@dataclass(slots=True)
class Counts:
    """How a feed compares with the stream, in variants.

    Attributes:
        same: the stream says the same.
        changed: it says something else: a record is written.
        new: it says nothing: a record is written.
        absent: in stock by the stream, of which the feed has spoken before and does so no more.
        newer: it says something else that is newer than the feed: left alone.
        mixed: it has figures by location, beside which a total would be ignored: left alone.
        refused: items of the feed that could not be taken.
    """

    same: int = 0
    changed: int = 0
    new: int = 0
    absent: int = 0
    newer: int = 0
    mixed: int = 0
    refused: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counts by their names."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What is to be written, and why.

    Attributes:
        records: for what differs.
        counts: of all.
    """

    records: list[StockRecord] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)


def reconcile(
    feed: Feed,
    stream: Stream,
    sold_out: Callable[[str, int], StockRecord] | None,
    max_absent: float,
) -> Reconciled:
    """Compare a feed with the stream.

    Args:
        feed: what it says.
        stream: what the stream says.
        sold_out: makes the record of a variant that is absent, with the time of the feed; None:
            absent variants are counted only.
        max_absent: a larger share of the variants in stock must not be sold out in this way.

    Raises:
        InboundError: it would be.
    """
    done = Reconciled()
    done.counts.refused = len(feed.refusals)
    for variant_id, (quantity, record) in feed.records.items():
        verdict = _judge(stream.get(variant_id), quantity, feed.taken_at)
        setattr(done.counts, verdict, getattr(done.counts, verdict) + 1)
        if verdict in {"changed", "new"}:
            done.records.append(record)
    _add_absent(done, feed, stream, sold_out, max_absent)
    return done


def _judge(
    known: Known | None, quantity: int, taken_at: int
) -> Literal["same", "changed", "new", "newer", "mixed"]:
    if known is None:
        return "new"
    if known.is_by_location:
        return "mixed"
    if known.quantity == quantity:
        return "same"
    return "newer" if known.newest() > (taken_at, 0) else "changed"


def _add_absent(
    done: Reconciled,
    feed: Feed,
    stream: Stream,
    sold_out: Callable[[str, int], StockRecord] | None,
    max_absent: float,
) -> None:
    in_stock: Mapping[str, Known] = {
        name: known
        for name, known in stream.told_by(feed.source)
        if (known.quantity or 0) > 0 and known.newest() <= (feed.taken_at, 0)
    }
    absent = sorted(in_stock.keys() - feed.mentioned)
    done.counts.absent = len(absent)
    if sold_out is None:
        return
    if len(absent) > max_absent * len(in_stock):
        raise InboundError(
            f"the feed lacks {len(absent)} of {len(in_stock)} variants in stock, more than "
            f"max_absent = {max_absent:g} allows: nothing of it was applied; if that is right, "
            "raise max_absent for once"
        )
    done.records.extend(sold_out(name, feed.taken_at) for name in absent)


def _apply_total(known: Known, key: _Key, quantity: int | None) -> None:
    if quantity is None:
        kept = {
            name: (at, figure) for name, (at, figure) in (known.locations or {}).items() if at > key
        }
        known.locations = kept or None
        if key >= known.key:
            known.key, known.quantity = key, None
    elif not known.is_by_location and key >= (known.key if known.has_figures else known.newest()):
        known.key, known.quantity = key, quantity


def _apply_location(known: Known, key: _Key, location: str, quantity: int | None) -> None:
    if known.quantity is not None or key < (known.key if known.has_figures else known.newest()):
        return
    if known.locations is None:
        known.locations = {}
    if key >= known.locations.get(location, (_NEVER, None))[0]:
        known.locations[location] = (key, quantity)


def _source_of(value: bytes) -> str | None:
    try:
        return _read_source(value).source
    except msgspec.MsgspecError:
        return None
