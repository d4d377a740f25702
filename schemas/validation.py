# SPDX-License-Identifier: Apache-2.0
"""Bytes to record models, the slow and thorough way: what the contract says, and why not."""

from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import DeadLetterReason, InvalidRecord
from schemas.parsing import parse_json
from schemas.records import Subscription

__all__ = ["validate_record"]

_Model = TypeVar("_Model", bound=BaseModel)

_REASONS: Final = {
    **{reason.value: reason for reason in DeadLetterReason},
    "missing": DeadLetterReason.MISSING_FIELD,
    "union_tag_not_found": DeadLetterReason.MISSING_FIELD,
    "union_tag_invalid": DeadLetterReason.INVALID_VALUE,
    "literal_error": DeadLetterReason.INVALID_VALUE,
    "string_unicode": DeadLetterReason.INVALID_VALUE,
    "string_pattern_mismatch": DeadLetterReason.INVALID_VALUE,
    "string_too_short": DeadLetterReason.OUT_OF_RANGE,
    "string_too_long": DeadLetterReason.OUT_OF_RANGE,
    "too_short": DeadLetterReason.OUT_OF_RANGE,
    "greater_than_equal": DeadLetterReason.OUT_OF_RANGE,
    "less_than_equal": DeadLetterReason.OUT_OF_RANGE,
}


def validate_record(model: type[_Model], value: bytes) -> _Model:
    """Return the record that the bytes hold.

    Args:
        model: the model of the record's topic, from `schemas.records`.
        value: the record's value.

    Raises:
        InvalidRecord: it does not satisfy the contract; the first violation is reported.
    """
    record = parse_json(value)
    if not isinstance(record, dict):
        raise InvalidRecord(DeadLetterReason.NOT_AN_OBJECT)
    try:
        return model.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _invalid_record(first, tagged=model is Subscription) from error


def _invalid_record(error: ErrorDetails, *, tagged: bool) -> InvalidRecord:
    kind = error["type"]
    # Whatever is left are "Input should be a valid ..." of one type or another.
    reason = _REASONS.get(kind, DeadLetterReason.WRONG_TYPE)
    if kind == "union_tag_not_found":
        return InvalidRecord(reason, "type", "Field required")
    if kind == "union_tag_invalid":
        return InvalidRecord(reason, "type", "Input should be 'subscribe' or 'unsubscribe'")
    # The first step into a tagged union is the tag, which is no field.
    return InvalidRecord(reason, _path(error["loc"][1 if tagged else 0 :]), error["msg"])


def _path(location: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).removeprefix(".")
