# SPDX-License-Identifier: Apache-2.0
"""Values of strangers' messages become values of records, exactly or not at all."""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeVar

import msgspec

from connectors.inbound.pointers import MISSING
from connectors.inbound.records import Unfit
from connectors.inbound.webhook_reading import check_not_ahead, whole_units
from schemas.errors import InvalidRecord
from schemas.fields import MAX_INTEGER
from schemas.parsing import MAX_DEPTH, parse_json
from schemas.timestamps import parse_timestamp

__all__ = [
    "Policy",
    "Product",
    "TimeFormat",
    "is_given",
    "read_json",
    "to_choice",
    "to_flag",
    "to_id",
    "to_number",
    "to_policy",
    "to_product",
    "to_time",
]

Policy = Literal["deny", "continue"]
TimeFormat = Literal["rfc3339", "epoch_ms", "epoch_s"]
Product = Mapping[str, str | int | float]

_Value = TypeVar("_Value")

_SECONDS: Final = re.compile(r"([0-9]{1,12})(?:\.([0-9]{0,18}))?", re.ASCII)
_NO_TIME: Final = 1e12
"""Seconds that are beyond every time there is."""
_POLICIES: Final[Mapping[str, Policy]] = {"deny": "deny", "continue": "continue"}
_FLAGS: Final[Mapping[str, bool]] = {"true": True, "false": False}

_decode: Final = msgspec.json.Decoder().decode


def read_json(body: bytes) -> object:
    """Return the JSON value that the bytes stand for, integers with all their digits.

    Raises:
        Unfit: by the rules of `schemas.parsing.parse_json`, which msgspec is a quicker way to.
    """
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        try:
            return _decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    try:
        return parse_json(body)
    except InvalidRecord as error:
        raise Unfit(error.reason.value, str(error)) from None


def is_given(value: object) -> bool:
    """Whether there is a value at all: neither missing nor null."""
    return value is not None and value is not MISSING


def to_id(value: object, name: str) -> str:
    """Return an id as text; of an integer all its digits.

    Raises:
        Unfit: it is missing, or neither text nor an integer.
    """
    if type(value) is str and value:
        return value
    if type(value) is int:
        return str(value)
    if not is_given(value) or not value:
        raise Unfit("missing_field", f"{name}: missing or empty")
    raise Unfit("wrong_shape", f"{name}: neither text nor an integer")


def to_number(value: object, name: str, *, in_text: bool) -> int:
    """Return how many whole ones a number is: of 25.5 there are 25 to be sold.

    Args:
        value: a number.
        name: what it is, for the refusal.
        in_text: take text such as "7" or "7.0000" as well.

    Raises:
        Unfit: it is none, or beyond 2^53.
    """
    if type(value) is int or type(value) is float or (type(value) is str and in_text):
        return whole_units(value.strip() if isinstance(value, str) else value, name)
    if value is MISSING:
        raise Unfit("missing_field", f"{name}: missing")
    raise Unfit("wrong_shape", f"{name}: not a number")


def to_time(value: object, kind: TimeFormat, name: str, arrived_at: int, *, in_text: bool) -> int:
    """Return epoch milliseconds.

    Args:
        value: the time.
        kind: how it is written; digits finer than milliseconds are cut off.
        name: what it is, for the refusal.
        arrived_at: when the message came, in epoch milliseconds.
        in_text: take numbers in text as well.

    Raises:
        Unfit: it is missing, none of that kind, or has not come.
    """
    if not is_given(value):
        raise Unfit("missing_field", f"{name}: missing")
    found = _moment(value, kind, name, in_text=in_text)
    check_not_ahead(found, arrived_at)
    return found


def to_choice(
    value: object, names: Mapping[str, _Value], name: str, known: Mapping[str, _Value]
) -> _Value | None:
    """Return what a value stands for by a table of the settings.

    Args:
        value: a scalar; true, false and numbers are looked up as JSON writes them.
        names: the table; empty: `known` holds.
        name: what it is, for the refusal.
        known: what values stand for without a table.

    Returns:
        None: nothing is said of it.

    Raises:
        Unfit: the table does not hold it.
    """
    if not is_given(value):
        return None
    text = value if isinstance(value, str) else _scalar(value, name)
    table = names or known
    if text not in table:
        raise Unfit("unknown_value", f"{name}: none of the values that the settings know")
    return table[text]


def to_policy(value: object, names: Mapping[str, Policy]) -> Policy | None:
    """Return a policy, see `to_choice`."""
    return to_choice(value, names, "policy", _POLICIES)


def to_flag(value: object, names: Mapping[str, bool], name: str) -> bool | None:
    """Return true or false, see `to_choice`; text stands for them only by a table.

    Raises:
        Unfit: as there.
    """
    if type(value) is str and not names:
        raise Unfit("wrong_shape", f"{name}: neither true nor false")
    return to_choice(value, names, name, _FLAGS)


def to_product(values: Mapping[str, object]) -> Product | None:
    """Return what is known of a product; what is missing, empty or of a wrong type is left out.

    So is a price that not every reader of JSON reads alike. A title that is wrong must not keep a
    figure from being taken.
    """
    found = {
        name: value if name == "price" else str(value)
        for name, value in values.items()
        if (type(value) is str and value.strip())
        or (type(value) is int and (name != "price" or abs(value) <= MAX_INTEGER))
        or (type(value) is float and name == "price")
    }
    return found or None


def _moment(value: object, kind: TimeFormat, name: str, *, in_text: bool) -> int:
    try:
        if kind == "rfc3339":
            if type(value) is not str:
                raise Unfit("wrong_shape", f"{name}: not text")
            return parse_timestamp(value)
        if kind == "epoch_ms":
            return parse_timestamp(to_number(value, name, in_text=in_text))
        return parse_timestamp(_milliseconds(value, name, in_text=in_text))
    except ValueError:
        raise Unfit("bad_timestamp", f"{name}: not a time of the form {kind}") from None


def _milliseconds(value: object, name: str, *, in_text: bool) -> int:
    if type(value) is int:
        return value * 1000
    if type(value) is float and abs(value) < _NO_TIME:
        # A double holds microseconds of our days: rounding them keeps 0.123 from becoming 0.122.
        return round(value * 1_000_000) // 1000
    match = _SECONDS.fullmatch(value.strip()) if type(value) is str and in_text else None
    if match is None:
        raise Unfit("wrong_shape", f"{name}: not a number")
    return int(match[1]) * 1000 + int(f"{match[2] or ''}000"[:3])


def _scalar(value: object, name: str) -> str:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int or type(value) is float:
        return str(value)
    raise Unfit("wrong_shape", f"{name}: not a single value")
