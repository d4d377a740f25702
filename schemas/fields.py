# SPDX-License-Identifier: Apache-2.0
"""The types of fields that the record models are made of (docs/semantics.md section 1).

Each type carries its checks and its JSON Schema. Errors raised here have the name of a
`schemas.errors.DeadLetterReason` as their type.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from schemas.errors import DeadLetterReason
from schemas.identifiers import normalise_email, normalise_phone_number
from schemas.timestamps import MAX_TIMESTAMP, MIN_TIMESTAMP, format_timestamp, parse_timestamp

__all__ = [
    "CONTROL_CHARACTER",
    "MAX_INTEGER",
    "Channel",
    "Channels",
    "Count",
    "EmailAddress",
    "Identifier",
    "Integer",
    "NullMeans",
    "Ordinal",
    "PhoneNumber",
    "Price",
    "Priority",
    "Sum",
    "Text",
    "Timestamp",
    "invalid",
]

MAX_INTEGER: Final = 2**53 - 1
"""Integers lie within plus and minus this, so that every JSON reader agrees on them."""

CONTROL_CHARACTER: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
"""Any character of category Cc."""


def invalid(reason: DeadLetterReason, detail: str) -> PydanticCustomError:
    """Return an error for a validator to raise; it arrives as an `InvalidRecord` of that reason."""
    return PydanticCustomError(reason.value, "{detail}", {"detail": detail})


class NullMeans:
    """Annotation for an optional field whose default is not null: null stands for the default.

    Args:
        default: makes the default.
    """

    def __init__(self, default: Callable[[], object]) -> None:
        self._default = default

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Put the default in the place of null before the field's own checks."""
        return core_schema.no_info_before_validator_function(
            lambda value: self._default() if value is None else value, handler(source)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Allow null beside the field's own type, in what is read but not in what is written."""
        inner = handler(schema)
        if handler.mode == "serialization":
            return inner
        return {"anyOf": [inner, {"type": "null"}]}


def _whole_number(value: object) -> object:
    # JSON knows one kind of number: 7.0 is the integer 7.
    return int(value) if type(value) is float and value.is_integer() else value


def _timestamp(value: object) -> int:
    value = _whole_number(value)
    if type(value) is not int and not isinstance(value, str):
        raise invalid(DeadLetterReason.WRONG_TYPE, "a timestamp is text or an integer")
    try:
        return parse_timestamp(value)
    except ValueError as error:
        raise invalid(DeadLetterReason.BAD_TIMESTAMP, str(error)) from error


def _without_control_characters(value: str) -> str:
    if CONTROL_CHARACTER.search(value):
        raise invalid(DeadLetterReason.INVALID_VALUE, "has a control character")
    return value


def _identifying(normalise: Callable[[str], str]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not normalise(value):
            raise invalid(DeadLetterReason.OUT_OF_RANGE, "nothing is left after normalisation")
        return value

    return check


def _price(value: object) -> object:
    if type(value) is int or type(value) is float:
        return value
    if not isinstance(value, str):
        raise invalid(DeadLetterReason.WRONG_TYPE, "a price is a string or a number")
    if not value:
        raise invalid(DeadLetterReason.OUT_OF_RANGE, "is empty")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise invalid(DeadLetterReason.INVALID_VALUE, "has an unpaired surrogate")
    return value


def _without_duplicates(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


Text = Annotated[str, Field(min_length=1)]
"""Any string but the empty one."""

EmailAddress = Annotated[
    str,
    Field(min_length=1, json_schema_extra={"pattern": r"[^\t-\r ]"}),
    AfterValidator(_identifying(normalise_email)),
]
"""Text of which normalisation leaves something; kept as given."""

PhoneNumber = Annotated[
    str,
    Field(min_length=1, json_schema_extra={"pattern": "[+0-9]"}),
    AfterValidator(_identifying(normalise_phone_number)),
]
"""Text of which normalisation leaves something; kept as given."""

Identifier = Annotated[
    str,
    Field(
        min_length=1,
        max_length=255,
        json_schema_extra={"not": {"pattern": r"[\u0000-\u001f\u007f-\u009f]"}},
    ),
    AfterValidator(_without_control_characters),
]
"""1 to 255 code points, none of them a control character."""

Integer = Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER), BeforeValidator(_whole_number)]
"""A number without a fraction, however it is written."""

Count = Annotated[int, Field(ge=0, le=MAX_INTEGER), BeforeValidator(_whole_number)]
"""How many, from 0."""

Ordinal = Annotated[int, Field(ge=1, le=MAX_INTEGER), BeforeValidator(_whole_number)]
"""Which one, from 1."""

Priority = Annotated[int, Field(ge=0, le=9), BeforeValidator(_whole_number)]
"""Who is told first: 9 before 0."""

Sum = Annotated[int, BeforeValidator(_whole_number)]
"""A sum of integers, which itself has no limits."""

Timestamp = Annotated[
    int,
    BeforeValidator(_timestamp),
    PlainSerializer(format_timestamp, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "integer", "minimum": MIN_TIMESTAMP, "maximum": MAX_TIMESTAMP},
            ]
        },
        mode="validation",
    ),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""Text with an offset or integer epoch milliseconds; milliseconds within the program."""

Price = Annotated[
    str | int | float,
    BeforeValidator(_price),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"type": "number"}]}),
]
"""Text or a number, carried as it is."""

Channel = Literal["EMAIL", "SMS", "PUSH", "WHATSAPP"]
"""A way to reach a person."""

Channels = Annotated[list[Channel], AfterValidator(_without_duplicates)]
"""Channels in the order given, duplicates removed."""
