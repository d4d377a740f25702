# SPDX-License-Identifier: Apache-2.0
"""Normalised identifiers of a person (docs/semantics.md section 1)."""

import pytest

from schemas.identifiers import normalise_email, normalise_phone_number, person_identifiers


def test_order_makes_the_profile_key() -> None:
    """Id, external id, email, phone number: the first that is given is the profile key."""
    expected = ("id:P1", "external:X", "email:a@b.example", "phone:+4670")
    given = person_identifiers("P1", "X", "A@B.example", "+46 70")
    assert expected == given
    assert ("email:a@b.example", "phone:+4670") == person_identifiers(
        email="a@b.example", phone_number="+4670"
    )


def test_ids_are_taken_as_they_are() -> None:
    """Neither id is trimmed nor lower-cased."""
    assert person_identifiers(" P1 ", "X ") == ("id: P1 ", "external:X ")


def test_nobody_has_no_identifiers() -> None:
    """Without any field there is nothing to tell apart by."""
    assert person_identifiers() == ()


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        (" \t\n\v\f\rJane@Example.COM\r\f\v\n\t ", "jane@example.com"),
        ("jane doe@example.com", "jane doe@example.com"),
        ("\u00a0Jane@example.com", "\u00a0jane@example.com"),
        ("\x1cJane@example.com\x85", "\x1cjane@example.com\x85"),
        ("ÀÉ\u0130\u212aZ@example.com", "ÀÉ\u0130\u212az@example.com"),
    ],
)
def test_email(email: str, expected: str) -> None:
    """Only ASCII white space is trimmed, and only ASCII letters are lower-cased."""
    assert expected == normalise_email(email)


@pytest.mark.parametrize(
    ("phone_number", "expected"),
    [
        ("+46 (0)70-123 45 67", "+460701234567"),
        ("0046.70", "004670"),
        ("tel:+1+2", "+1+2"),
        ("\uff0b\uff11\u0661\u00b2", ""),
    ],
)
def test_phone_number(phone_number: str, expected: str) -> None:
    """Only the plus sign and ASCII digits are kept."""
    assert expected == normalise_phone_number(phone_number)


@pytest.mark.parametrize("field", ["email", "phone_number"])
def test_nothing_left(field: str) -> None:
    """An address or a number of which nothing is left identifies nobody."""
    with pytest.raises(ValueError, match="nothing is left"):
        person_identifiers(id="P1", **{field: " \t "})
