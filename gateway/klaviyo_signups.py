# SPDX-License-Identifier: Apache-2.0
"""What a sign-up by Klaviyo's doors needs beyond the schema: its guide says it in words.

Somebody to tell, whose address and number are such, and a composite variant id. Two pointers are
the guide's, although the members lie deeper.
"""

from typing import Final

from connectors.sinks.content import Person
from gateway.contact import read_email_address, read_phone_number
from gateway.klaviyo_bodies import Profile, read_document
from gateway.problems import invalid
from gateway.signups import SignUp
from gateway.variants import fault_of
from schemas.fields import CONTROL_CHARACTER, Channel

__all__ = ["read_sign_up"]

_PROFILE: Final = "/data/attributes/profile"
_VARIANT_ID: Final = "/data/relationships/variant/data/id"
_LONGEST_IDENTIFIER: Final = 255
_NOBODY: Final = Person()


def read_sign_up(body: bytes, door: str, region: str | None) -> SignUp:
    """Read the body of a request.

    Args:
        body: as it came.
        door: by which it came.
        region: country of phone numbers that are written without one, or None.

    Raises:
        Problem: 400, with a pointer to what is wrong.
    """
    subscription = read_document(body).data
    profile = _read_person(subscription.attributes.profile.data, region)
    variant_id = subscription.relationships.variant.data.id
    fault = fault_of(variant_id)
    if fault is not None:
        raise invalid(fault, _VARIANT_ID)
    channels = tuple(dict.fromkeys(subscription.attributes.channels))
    return SignUp(door, variant_id, profile, channels or _reaching(profile))


def _read_person(profile: Profile, region: str | None) -> Person:
    given = profile.attributes
    within = given.id if isinstance(given.id, str) else None
    person = Person(
        _identifier(profile.id, "/data/id") or _identifier(within, "/data/attributes/id"),
        _identifier(given.external_id, "/data/attributes/external_id"),
        _email(given.email),
        _phone_number(given.phone_number, region),
    )
    if person == _NOBODY:
        detail = "A profile needs an id, an external_id, an email or a phone_number"
        raise invalid(detail, _PROFILE)
    return person


def _email(text: str | None) -> str | None:
    if text is None:
        return None
    email = read_email_address(text)
    if email is None:
        raise invalid("Invalid email address", "/data/attributes/email")
    return email


def _phone_number(text: str | None, region: str | None) -> str | None:
    if text is None:
        return None
    number = read_phone_number(text, region)
    if number is None:
        detail = "Invalid phone number format (Example of a valid format: +12345678901)"
        raise invalid(detail, "/data/attributes/phone_number")
    return number


def _identifier(text: str | None, place: str) -> str | None:
    """Return an identifier; None when it is empty, as forms send what nobody filled in."""
    if not text:
        return None
    if len(text) > _LONGEST_IDENTIFIER or CONTROL_CHARACTER.search(text):
        detail = f"An identifier has at most {_LONGEST_IDENTIFIER} characters, none for control"
        raise invalid(detail, _PROFILE + place)
    return text


def _reaching(profile: Person) -> tuple[Channel, ...]:
    """Return the channel for somebody who named none: the one for what is known of them."""
    if profile.phone_number is not None and profile.email is None:
        return ("SMS",)
    return ("EMAIL",)
