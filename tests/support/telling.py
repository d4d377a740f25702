# SPDX-License-Identifier: Apache-2.0
"""Sign-ups to notifications without a queue: packed, and unpacked as people who are handed over."""

from array import array
from collections.abc import Iterable
from itertools import groupby

from schemas.encode import encode_slice
from schemas.events import SubscribeEvent, WaveHeader, WaveSlice
from waitlist.entries import pack, unpack_all

__all__ = ["notifications_for", "slices_of"]


def notifications_for(
    header: WaveHeader, first_position: int, sign_ups: Iterable[SubscribeEvent]
) -> list[tuple[bytes, bytes]]:
    """Return the records for these people, told in this order.

    Args:
        header: Their wave.
        first_position: Position of the first of them.
        sign_ups: Who.
    """
    slices = slices_of(header, first_position, sign_ups)
    return [record for portion in slices for record in encode_slice(portion)]


def slices_of(
    header: WaveHeader, first_position: int, sign_ups: Iterable[SubscribeEvent]
) -> list[WaveSlice]:
    """Return these people as they are handed over, one slice for each run of one priority."""
    slices = []
    for priority, run in groupby(sign_ups, key=_priority):
        events = list(run)
        times = array("q", [event.occurred_at for event in events])
        people = unpack_all(b"".join(map(pack, events)), len(events))
        slices.append(WaveSlice(header, first_position, priority, times, people))
        first_position += len(events)
    return slices


def _priority(event: SubscribeEvent) -> int:
    return event.priority
