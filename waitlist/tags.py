# SPDX-License-Identifier: Apache-2.0
"""The 64-bit tags of the identifier index: what a record under an identifier means.

===========  ==================  =================================================
kind         the record's time   the tag's lower bits
===========  ==================  =================================================
WAITING      ``occurred_at``     primary bit (the identifier is the entry's profile
                                 key), parked bit (it joined parked), priority, arrival
                                 number
SIGNED_OFF   the marker's time   nothing
TOLD         ``triggered_at``    number of the cycle in which the person was told
===========  ==================  =================================================

A WAITING record stays when its person is told: it then means that (`waitlist.told`).
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "SIGNED_OFF",
    "are_told",
    "are_waiting",
    "arrival_of",
    "arrivals_of",
    "cycle_of",
    "is_parked",
    "is_primary",
    "is_told",
    "is_waiting",
    "priority_of",
    "told",
    "waiting",
    "waiting_pair",
]

_KIND = 62
_PRIMARY = 1 << 61
_PARKED = 1 << 60
_PRIORITY = 56
_ARRIVAL = (1 << _PRIORITY) - 1
_PAYLOAD = (1 << _KIND) - 1

SIGNED_OFF = 1 << _KIND
"""The tag of a sign-off's marker."""


def waiting(priority: int, arrival: int, *, primary: bool, parked: bool = False) -> int:
    """The tag of a waiting entry."""
    bits = (_PRIMARY if primary else 0) | (_PARKED if parked else 0)
    return bits | priority << _PRIORITY | arrival


def told(cycle: int) -> int:
    """The tag of the marker of being told in a cycle."""
    return 2 << _KIND | cycle


def is_waiting(tag: int) -> bool:
    """Whether the record is a waiting entry."""
    return tag >> _KIND == 0


def is_told(tag: int) -> bool:
    """Whether the record is a marker of being told."""
    return tag >> _KIND == 2  # noqa: PLR2004 - the kind's number, as in `told`


def is_primary(tag: int) -> bool:
    """Whether the identifier is the waiting entry's profile key."""
    return bool(tag & _PRIMARY)


def is_parked(tag: int) -> bool:
    """Whether the entry joined parked: see `waitlist.queue`."""
    return bool(tag & _PARKED)


def priority_of(tag: int) -> int:
    """A waiting entry's priority."""
    return tag >> _PRIORITY & 0xF


def arrival_of(tag: int) -> int:
    """A waiting entry's arrival number."""
    return tag & _ARRIVAL


def waiting_pair(priority: int, arrival: int, parked_in: int = 0) -> tuple[int, int]:
    """The tags of a waiting entry: under its profile key, and under its other identifiers.

    Args:
        priority: 0 to 9.
        arrival: its number.
        parked_in: the cycle in which it joined parked; 0: it did not.
    """
    others = priority << _PRIORITY | arrival
    if parked_in:
        others |= _PARKED
    return _PRIMARY | others, others


def arrivals_of(tags: "NDArray[np.uint64]") -> "NDArray[np.uint64]":
    """`arrival_of` each tag; of one that is not `is_waiting`, anything."""
    return tags & np.uint64(_ARRIVAL)


def are_waiting(tags: "NDArray[np.uint64]") -> "NDArray[np.bool_]":
    """`is_waiting` of each tag."""
    return tags < SIGNED_OFF


def are_told(tags: "NDArray[np.uint64]") -> "NDArray[np.bool_]":
    """`is_told` of each tag."""
    are: NDArray[np.bool_] = tags >> np.uint64(_KIND) == 2  # noqa: PLR2004 - as in `told`
    return are


def cycle_of(tag: int) -> int:
    """The cycle of a marker of being told."""
    return tag & _PAYLOAD
