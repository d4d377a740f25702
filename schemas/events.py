# SPDX-License-Identifier: Apache-2.0
"""Decoded records in flight: compact, immutable, without anything the decision does not need.

Timestamps are epoch milliseconds. Field meanings are those of docs/semantics.md section 1. The
structs are not tracked by the garbage collector (``gc=False``): they hold no cycles, and millions
of them wait in memory.
"""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

__all__ = [
    "Addressee",
    "Event",
    "Integers",
    "Product",
    "Profile",
    "StockBlock",
    "StockDetails",
    "StockEvent",
    "SubscribeEvent",
    "UnsubscribeEvent",
    "WaitlistStatus",
    "WaveHeader",
    "WaveSlice",
]

Product = dict[str, str | int | float]
"""The known product fields that were given, by name; only ``price`` may be a number. Never empty
in an event (``None`` instead)."""

Integers = NDArray[np.int64]
"""A column of integers."""

_Text = Annotated[str, Meta(min_length=1)]


class StockDetails(Struct, frozen=True, gc=False):
    """What an inventory event may say beside the figure; ``None`` leaves the variant's unchanged.

    Attributes:
        policy: whether the platform keeps selling when out of stock (``continue``).
        available: whether the variant can be bought at all.
        published: whether it can be seen.
        product: product fields to show in notifications.
    """

    policy: Literal["deny", "continue"] | None = None
    available: bool | None = None
    published: bool | None = None
    product: Product | None = None


class StockEvent(Struct, frozen=True, gc=False):
    """One stock figure of one variant.

    Attributes:
        variant_id: 1 to 255 code points, free of control characters.
        quantity: the absolute figure, which may be negative; ``None`` removes the figure.
        occurred_at: when the figure was true, never later than its arrival.
        sequence: tie-break for equal ``occurred_at``.
        location_id: ``None`` when the figure is the total over all locations.
        details: ``None`` when the event carries nothing but the figure, as most do.
    """

    variant_id: str
    quantity: int | None
    occurred_at: int
    sequence: int = 0
    location_id: str | None = None
    details: StockDetails | None = None


class StockBlock(Struct, frozen=True, gc=False):
    """Many stock figures in their order, by the column: totals over all locations, nothing else.

    Attributes:
        variant_ids: of each.
        quantities: of each; none is missing.
        moments: when each was true (``occurred_at``), never later than its arrival.
        sequences: tie-breaks; None: all are 0.
    """

    variant_ids: list[str]
    quantities: Integers
    moments: Integers
    sequences: Integers | None = None

    def __len__(self) -> int:
        """How many there are."""
        return len(self.variant_ids)

    def events(self) -> Iterator[StockEvent]:
        """Yield each as an event of its own."""
        sequences = repeat(0) if self.sequences is None else self.sequences.tolist()
        return map(
            StockEvent, self.variant_ids, self.quantities.tolist(), self.moments.tolist(), sequences
        )


class Profile(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A person as the sign-up gave it, not normalised; at least one field is set, none is empty."""

    id: _Text | None = None
    external_id: _Text | None = None
    email: _Text | None = None
    phone_number: _Text | None = None


class SubscribeEvent(Struct, frozen=True, gc=False):
    """One person asking to be told when one variant is back.

    Attributes:
        variant_id: 1 to 255 code points, free of control characters.
        occurred_at: when the person asked, never later than the record's arrival.
        profile: the person as given.
        identifiers: the person normalised, in the order id, external id, email, phone number; the
            first is the profile key.
        channels: how to tell them, at least one, without duplicates.
        priority: 0 to 9; higher is told first.
        expires_at: from when on the request is void; ``None``: never by itself.
        consent: channels with explicit consent, without duplicates.
        locale: language of the message, carried.
        market: market of the message, carried.
        product: product fields that the sign-up form knew.
    """

    variant_id: str
    occurred_at: int
    profile: Profile
    identifiers: tuple[str, ...]
    channels: tuple[str, ...] = ("EMAIL",)
    priority: int = 0
    expires_at: int | None = None
    consent: tuple[str, ...] = ()
    locale: str | None = None
    market: str | None = None
    product: Product | None = None


class UnsubscribeEvent(Struct, frozen=True, gc=False):
    """One person who no longer wants to be told; any of the identifiers reaches their entry."""

    variant_id: str
    occurred_at: int
    identifiers: tuple[str, ...]


Event = StockEvent | SubscribeEvent | UnsubscribeEvent
"""Whatever an input record can become."""


class WaveHeader(Struct, frozen=True, gc=False):
    """What all notifications of one wave have in common.

    Attributes:
        variant_id: the variant that is back.
        cycle: number of the variant's cycle, from 1.
        cycle_opened_at: ``occurred_at`` of the event that opened it.
        wave: number of the wave within the cycle, from 1.
        quantity: the sellable quantity when the wave started.
        triggered_at: when the wave started.
        product: the variant's product fields at that time; empty when none are known.
    """

    variant_id: str
    cycle: int
    cycle_opened_at: int
    wave: int
    quantity: int
    triggered_at: int
    product: Product


_PACKED_NAMES = {
    "id": "i",
    "external_id": "x",
    "email": "e",
    "phone_number": "p",
    "channels": "c",
    "consent": "n",
    "expires_at": "u",
    "locale": "l",
    "market": "m",
    "product": "d",
}


class Addressee(Struct, frozen=True, gc=False, omit_defaults=True, rename=_PACKED_NAMES):
    """A person as they wait, and as they are told: what `waitlist.entries` packs, nothing derived.

    The names in packed form are short because each waiting entry carries them. The fields are
    those of `Profile` and `SubscribeEvent`, but for ``channels``: ``None`` stands for the default.
    """

    id: str | None = None
    external_id: str | None = None
    email: str | None = None
    phone_number: str | None = None
    channels: tuple[str, ...] | None = None
    consent: tuple[str, ...] = ()
    expires_at: int | None = None
    locale: str | None = None
    market: str | None = None
    product: dict[str, Any] | None = None


class WaveSlice(Struct, frozen=True, gc=False):
    """Consecutive people of one wave and one priority, in order.

    Attributes:
        header: the wave.
        first_position: position of ``people[0]`` in the wave, from 1.
        priority: of all of them.
        times: the ``occurred_at`` of each, as many as there are people.
        people: the people; ``people[i]`` has position ``first_position + i``.
    """

    header: WaveHeader
    first_position: int
    priority: int
    times: Sequence[int]
    people: list[Addressee]


class WaitlistStatus(Struct, frozen=True, gc=False):
    """Where one variant's waitlist stands, for the compacted waitlist topic.

    Attributes:
        variant_id: the variant.
        quantity: sum of the figures in force; ``None`` when there is none.
        offered: whether a cycle is open.
        cycle: number of the last cycle; 0 before the first.
        cycle_opened_at: when that cycle opened; ``None`` while none is open.
        waiting: people who wait.
        told: people who have been told.
        next_wave_at: when the next wave may start; ``None`` when none is due.
        updated_at: when this was true.
        product: the variant's product fields; empty when none are known.
    """

    variant_id: str
    quantity: int | None
    offered: bool
    cycle: int
    cycle_opened_at: int | None
    waiting: int
    told: int
    next_wave_at: int | None
    updated_at: int
    product: Product
