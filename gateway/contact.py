# SPDX-License-Identifier: Apache-2.0
"""Email addresses and phone numbers, as people type them.

Neither is looked up anywhere: a sign-up must not wait for the mail server of a stranger.
"""

import re
from collections.abc import Iterator
from typing import Final

import phonenumbers
from email_validator import SPECIAL_USE_DOMAIN_NAMES, validate_email
from email_validator.rfc_constants import EMAIL_MAX_LENGTH

from schemas.fields import CONTROL_CHARACTER

__all__ = ["read_email_address", "read_phone_number"]

# Addresses about which there is nothing to find out: dots, plus signs and the like between ASCII
# letters and digits. A test holds that the library takes each of them. So short that no part can
# be too long; every quantifier is possessive, so that nothing is tried twice.
_PLAIN_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9_+-]++(?:\.[A-Za-z0-9_+-]++)*+"
    r"@(?:[A-Za-z0-9]++(?:-[A-Za-z0-9]++)*+\.)++(?P<top>[A-Za-z]{2,63})",
    re.ASCII,
)
_LONGEST_PLAIN: Final = 64
_RESERVED: Final = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)

_NUMBER: Final = re.compile(r"[+\uff0b]?[\d \xa0()./\u2010-\u2015-]{3,40}")
_INTERNATIONAL_PREFIX: Final = "00"  # ITU-T E.164, where it is not another one


def read_email_address(text: str) -> str | None:
    """Read an email address.

    What is special by RFC 6761 and its like is no address of a person, except that names under
    `.test` pass: nothing is ever delivered there, and shops rehearse with them.

    Args:
        text: as typed; spaces around it do not count.

    Returns:
        The address as it was typed; one with letters beyond ASCII in the library's normal form
        (NFC, with plain dots), since its spellings would be different people otherwise. None: it
        is no address.
    """
    text = text.strip(" ")
    if len(text) <= _LONGEST_PLAIN:
        plain = _PLAIN_ADDRESS.fullmatch(text)
        if plain is not None and plain["top"].lower() not in _RESERVED:
            return text
    if len(text) > EMAIL_MAX_LENGTH or CONTROL_CHARACTER.search(text):
        return None
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    except ValueError:
        return None
    return text if text.isascii() else found.normalized


def read_phone_number(text: str, region: str | None) -> str | None:
    """Read a phone number.

    It need not be assigned, for numbers are faster than tables of them; it must have as many digits
    as its country's numbers have.

    Args:
        text: as typed: digits, and what people put between them.
        region: country of a number that is written without one, such as "SE"; None: such a number
            cannot be read.

    Returns:
        The number by E.164, such as "+46701234567"; None: it is none.
    """
    text = text.strip(" ")
    if not _NUMBER.fullmatch(text):
        return None
    for reading in _readings(text):
        try:
            number = phonenumbers.parse(reading, region)
        except phonenumbers.NumberParseException:
            continue
        # A number that only neighbours can dial is possible too, by another name.
        reason = phonenumbers.is_possible_number_with_reason(number)
        if reason == phonenumbers.ValidationResult.IS_POSSIBLE:
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None


def _readings(text: str) -> Iterator[str]:
    yield text
    # The region's own way to dial abroad was tried first: 0011 is Australia's.
    if text.startswith(_INTERNATIONAL_PREFIX):
        yield "+" + text[len(_INTERNATIONAL_PREFIX) :]
