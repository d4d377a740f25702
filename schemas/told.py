# SPDX-License-Identifier: Apache-2.0
"""What a notification record says about who was told, read back after a crash or a loss of state.

Only what that needs is looked at; docs/semantics.md section 1 has all the fields.
"""

from typing import Final

from msgspec import Struct, ValidationError
from msgspec.json import Decoder

from schemas.events import Profile
from schemas.identifiers import person_identifiers
from schemas.timestamps import parse_timestamp

__all__ = ["Told", "read_told"]


class Told(Struct, frozen=True, gc=False):
    """One person told; times in epoch milliseconds.

    Attributes:
        variant_id: what they waited for.
        identifiers: the person normalised, the profile key first.
        subscribed_at: the sign-up's ``occurred_at``.
        triggered_at: when their wave started.
        cycle: its cycle's number.
        cycle_opened_at: when that cycle opened.
        wave: its number in the cycle.
    """

    variant_id: str
    identifiers: tuple[str, ...]
    subscribed_at: int
    triggered_at: int
    cycle: int
    cycle_opened_at: int
    wave: int


class _Profile(Profile, frozen=True, gc=False, forbid_unknown_fields=False):
    """A later release may know more of a person."""


class _Record(Struct, gc=False):
    variant_id: str
    profile: _Profile
    subscribed_at: str
    triggered_at: str
    cycle: int
    cycle_opened_at: str
    wave: int


_read: Final = Decoder(_Record).decode


def read_told(value: bytes | None) -> Told | None:
    """Read a notification record.

    Args:
        value: the record's value.

    Returns:
        What it says; None when it is no notification, so that nobody can have been told by it.
    """
    if value is None:
        return None
    try:
        record = _read(value)
        profile = record.profile
        identifiers = person_identifiers(
            profile.id, profile.external_id, profile.email, profile.phone_number
        )
        times = map(
            parse_timestamp, (record.subscribed_at, record.triggered_at, record.cycle_opened_at)
        )
        subscribed_at, triggered_at, cycle_opened_at = times
    except (ValidationError, ValueError, RecursionError):
        return None
    if record.cycle < 1 or record.wave < 1 or not identifiers:
        return None
    return Told(
        record.variant_id, identifiers, subscribed_at, triggered_at,
        record.cycle, cycle_opened_at, record.wave,
    )  # fmt: skip
