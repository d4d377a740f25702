# SPDX-License-Identifier: Apache-2.0
"""The root of restock's errors, and the one error that a record can cause.

Other packages hang their own errors below the root::

    Exception
    └── RestockError             whatever restock raises on purpose
        └── InvalidRecord        a record that belongs in the dead-letter topic
"""

from enum import StrEnum

from typing_extensions import override

__all__ = ["DeadLetterReason", "InvalidRecord", "RestockError"]


class DeadLetterReason(StrEnum):
    """Why a record is a dead letter: a stable, small set that metrics and headers may carry."""

    NOT_JSON = "not_json"
    """The bytes are not one JSON text, or nest deeper than any record has a use for."""
    UNDECODABLE = "undecodable"
    """The bytes are not UTF-8 without a byte-order mark."""
    NOT_AN_OBJECT = "not_an_object"
    """JSON, but not an object."""
    MISSING_FIELD = "missing_field"
    """A required field, or every one of several of which one is required, is absent."""
    WRONG_TYPE = "wrong_type"
    """A field has another JSON type than the contract says."""
    OUT_OF_RANGE = "out_of_range"
    """A number or a length is outside its limits."""
    INVALID_VALUE = "invalid_value"
    """The right type, but not one of the values that the field may have."""
    BAD_TIMESTAMP = "bad_timestamp"
    """Not a timestamp in either form, or outside the years 2001 to 9999."""
    IN_THE_FUTURE = "in_the_future"
    """Dated more than ten minutes after its arrival."""
    TOO_LARGE = "too_large"
    """The record is larger than the program reads."""


class RestockError(Exception):
    """Root of all errors that restock raises on purpose."""


class InvalidRecord(RestockError):  # noqa: N818 - it names what the record is, not a failure
    """A record that does not satisfy the contract of its topic.

    Args:
        reason: the stable reason, for headers and metrics.
        field: path of the field that is to blame, such as ``profile.email`` or
            ``items[0].quantity``; empty when it is the record as a whole.
        detail: what is wrong, in words and in one line; the reason's name when left out.
    """

    def __init__(self, reason: DeadLetterReason, field: str = "", detail: str = "") -> None:
        super().__init__(reason, field, detail)
        self.reason = reason
        self.field = field
        self.detail = detail or reason.value.replace("_", " ")

    @override
    def __str__(self) -> str:
        """Return one line: the field, if one is to blame, and what is wrong."""
        return f"{self.field}: {self.detail}" if self.field else self.detail
