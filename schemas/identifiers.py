# SPDX-License-Identifier: Apache-2.0
"""The normalised identifiers of a person (docs/semantics.md section 1)."""

import re
from typing import Final

__all__ = ["normalise_email", "normalise_phone_number", "person_identifiers"]

_EMAIL_PADDING: Final = "\t\n\v\f\r "
_NOT_OF_A_PHONE_NUMBER: Final = re.compile(r"[^+0-9]+")
_ASCII_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def normalise_email(email: str) -> str:
    """Return an email address without ASCII padding, its ASCII letters (no others) lower-cased."""
    trimmed = email.strip(_EMAIL_PADDING)
    return trimmed.lower() if trimmed.isascii() else trimmed.translate(_ASCII_LOWER)


def normalise_phone_number(phone_number: str) -> str:
    """Return the ``+`` and the ASCII digits of a phone number, and nothing else."""
    return _NOT_OF_A_PHONE_NUMBER.sub("", phone_number)


def person_identifiers(
    id: str | None = None,  # noqa: A002 - named as on the wire
    external_id: str | None = None,
    email: str | None = None,
    phone_number: str | None = None,
) -> tuple[str, ...]:
    """Return the identifiers of a person, the profile key first.

    Args:
        id: the platform's id, not empty.
        external_id: the shop's own id, not empty.
        email: address as given.
        phone_number: number as given.

    Returns:
        As many of ``id:..``, ``external:..``, ``email:..`` and ``phone:..`` as are given, in this
        order; empty when none is.

    Raises:
        ValueError: nothing is left of an email address or a phone number.
    """
    found: tuple[str, ...] = () if id is None else ("id:" + id,)
    if external_id is not None:
        found += ("external:" + external_id,)
    if email is not None:
        found += ("email:" + _not_empty(normalise_email(email)),)
    if phone_number is not None:
        found += ("phone:" + _not_empty(normalise_phone_number(phone_number)),)
    return found


def _not_empty(normalised: str) -> str:
    if not normalised:
        raise ValueError("nothing is left after normalisation")
    return normalised
