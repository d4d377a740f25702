# SPDX-License-Identifier: Apache-2.0
"""What the messages of all platforms have in common: JSON, ids, quantities, times.

Platforms write the same thing now as a number, now as text; both are taken, and no number goes
through a float unless it has a fraction.
"""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from connectors.inbound.records import Unfit
from schemas.fields import CONTROL_CHARACTER, MAX_INTEGER
from schemas.timestamps import parse_timestamp

__all__ = [
    "Amount",
    "Id",
    "check_not_ahead",
    "is_past",
    "known_fields",
    "moment",
    "read_body",
    "short_text",
    "text_of_id",
    "whole_units",
]

Id = int | str
"""An id as platforms write it; integers keep all their digits, however many they are."""

Amount = int | float | str
"""A quantity as platforms write it."""

_Shape = TypeVar("_Shape")

_LONGEST_ID: Final = 255
_LONGEST_TEXT: Final = 10_000
_TOLERANCE: Final = 600_000
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)


def read_body(decode: Callable[[bytes], _Shape], body: bytes) -> _Shape:
    """Read one JSON text; unknown fields are skipped.

    Of duplicate keys the last counts; all of them must have the type that is expected.

    Args:
        decode: of a `msgspec.json.Decoder`.
        body: the text; nesting deeper than Python's limit of recursion is refused.

    Raises:
        Unfit: it is not UTF-8 or has a byte-order mark, not JSON, nested too deep, or has not the
            shape that is expected.
    """
    try:
        # The decoder passes over what it does not look at.
        if not body.isascii():
            _check_text(body)
        return decode(body)
    except msgspec.ValidationError as error:
        raise Unfit("wrong_shape", str(error)) from None
    except UnicodeDecodeError as error:
        raise Unfit("undecodable", f"not UTF-8 at byte {error.start}") from None
    except msgspec.DecodeError as error:
        raise Unfit("not_json", str(error)) from None
    except RecursionError:
        raise Unfit("too_deep", "nested too deep") from None


def text_of_id(value: Id, name: str) -> str:
    """Return an id as text.

    Raises:
        Unfit: it is empty, longer than 255 characters, or has a control character.
    """
    text = str(value)
    if not 0 < len(text) <= _LONGEST_ID or (
        not text.isprintable() and CONTROL_CHARACTER.search(text)
    ):
        raise Unfit("unfit_id", f"{name} must be of 1 to 255 characters, none a control character")
    return text


def whole_units(amount: Amount, name: str) -> int:
    """Return how many whole units a quantity is: of 25.5 there are 25 to be sold, of -0.5 none.

    Raises:
        Unfit: it is text that is no decimal number, or beyond 2^53.
    """
    if isinstance(amount, str):
        if not _DECIMAL.fullmatch(amount):
            raise Unfit("wrong_shape", f"{name} is text that is no number")
        units = math.floor(Decimal(amount))
    else:
        units = math.floor(amount)
    if not -MAX_INTEGER <= units <= MAX_INTEGER:
        raise Unfit("out_of_range", f"{name} is beyond 2^53")
    return units


def moment(value: str | int, name: str, arrived_at: int) -> int:
    """Return a time in epoch milliseconds, given as RFC 3339 text with an offset, or as such.

    Raises:
        Unfit: it is neither, before 2001, or see `check_not_ahead`.
    """
    try:
        found = parse_timestamp(value)
    except ValueError as error:
        raise Unfit("bad_timestamp", f"{name} is {error}") from None
    check_not_ahead(found, arrived_at)
    return found


def check_not_ahead(at: int, arrived_at: int) -> None:
    """See that what a message says is not of a time that has not come.

    The contract refuses such records (docs/semantics.md section 1), so none is made; nor may
    anything be learned from them, or all that is true later would look old.

    Raises:
        Unfit: it is more than ten minutes later than its arrival.
    """
    if not is_past(at, arrived_at):
        raise Unfit("in_the_future", "dated more than ten minutes after its arrival")


def is_past(at: int, arrived_at: int) -> bool:
    """Say whether a time has come, by clocks that may differ by ten minutes."""
    return at <= arrived_at + _TOLERANCE


def known_fields(
    fields: dict[str, str | int | float | None],
) -> dict[str, str | int | float] | None:
    """Leave out the fields of a product that are empty; None: nothing is left.

    Left out are, too, text longer than any page shows, and a price that not every reader of JSON
    reads alike.
    """
    known: dict[str, str | int | float] = {}
    for name, value in fields.items():
        if value is None or value == "" or (isinstance(value, str) and len(value) > _LONGEST_TEXT):
            continue
        if isinstance(value, int) and abs(value) > MAX_INTEGER:
            continue
        known[name] = value
    return known or None


def short_text(text: str | None) -> str | None:
    """Return what is carried for tracing; None: it is empty, or too long for that."""
    return text if text and len(text) <= _LONGEST_ID else None


def _check_text(body: bytes) -> None:
    if body.startswith(_BYTE_ORDER_MARK):
        raise Unfit("undecodable", "starts with a byte-order mark")
    body.decode()
