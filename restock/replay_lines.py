# SPDX-License-Identifier: Apache-2.0
"""The lines of a trace: read strictly, each fault with the file and the line it is in.

The shape of a line is that of docs/semantics.md section 5. The bytes of its value are handed on
as they stand, so that a replay decodes exactly what the live flow would have got.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn

import msgspec
import orjson

from restock.errors import ReplayError
from schemas.timestamps import parse_timestamp

__all__ = ["TOMBSTONE", "Line", "is_blank", "parse_until", "read_line", "read_lines"]

TOMBSTONE = b"null"
"""The value of a line that stands for a record without one."""

Topic = Literal["inventory", "subscriptions"]
_TOPICS: tuple[Topic, ...] = ("inventory", "subscriptions")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a trace.

    Attributes:
        at: Arrival, in epoch milliseconds.
        topic: Which of the two inputs the record is of.
        value: The record's value as JSON; `TOMBSTONE` when it is null.
    """

    at: int
    topic: Topic
    value: bytes


class _Value(msgspec.Struct):
    value: msgspec.Raw


_VALUE = msgspec.json.Decoder(_Value)


def read_lines(lines: Iterable[bytes], name: str, until: int | None = None) -> Iterator[Line]:
    """Yield the lines of a trace; blank ones are passed over.

    Args:
        lines: The lines as they stand in the file.
        name: The file's name, for errors.
        until: Reading stops at the first line later than this (epoch milliseconds); of that line
            nothing but ``at`` is looked at.

    Raises:
        ReplayError: A line is not JSON, has another shape, or goes back in time.
    """
    last = 0
    for number, text in enumerate(lines, start=1):
        if is_blank(text):
            continue
        line = read_line(text, f"{name}:{number}", last, until)
        if line is None:
            return
        last = line.at
        yield line


def read_line(text: bytes, place: str, last: int, until: int | None) -> Line | None:
    """Return a line that is not blank; None when it is later than ``until``.

    Args:
        text: The line as it stands in the file.
        place: File and line number, for errors.
        last: Arrival of the line before; 0 for the first.
        until: Of a line later than this (epoch milliseconds) nothing but ``at`` is looked at.

    Raises:
        ReplayError: The line is not JSON, has another shape, or goes back in time.
    """
    try:
        fields = _parse(text)
        at = _arrival(fields)
        if until is not None and at > until:
            return None
        if at < last:
            _refuse('goes back in time: "at" is earlier than in the line before; sort by "at"')
        return Line(at, _topic(fields), _value(text, fields))
    except ValueError as error:
        message = f"{place}: {error}"
        raise ReplayError(message) from None


def is_blank(text: bytes) -> bool:
    """Whether a line holds nothing but white space, of any kind."""
    if not text.strip():
        return True
    return not text.startswith(b"{") and text.decode("utf-8", "replace").isspace()


def parse_until(text: str) -> int:
    """Return the time that ``--until`` names, in epoch milliseconds.

    Args:
        text: RFC 3339, or epoch milliseconds as digits.

    Raises:
        ReplayError: It is neither, or outside the years 2001 to 9999.
    """
    try:
        return parse_timestamp(int(text) if text.isascii() and text.isdigit() else text)
    except ValueError as error:
        message = f"--until {text}: {error}; give 2026-11-20T10:00:00Z or epoch milliseconds"
        raise ReplayError(message) from None


def _parse(text: bytes) -> dict[str, object]:
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError:
        fields = _parse_slowly(text)
    if not isinstance(fields, dict):
        _refuse('is not an object with "at", "topic" and "value"')
    return fields


def _parse_slowly(text: bytes) -> object:
    """Parse what the fast parser refuses, for it also refuses some JSON that is merely odd."""
    try:
        # Behind the end of the line, what is missing would be at its first character.
        line = text.removesuffix(b"\n").decode("utf-8")
        return json.loads(line, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        _refuse(f"is not UTF-8: {error.reason} at byte {error.start}")
    except json.JSONDecodeError as error:
        _refuse(f"is not JSON: {error.msg} at character {error.colno}")
    except RecursionError:
        _refuse("is nested too deeply")


def _arrival(fields: dict[str, object]) -> int:
    at = fields.get("at")
    if isinstance(at, float) and at.is_integer():
        at = int(at)
    if isinstance(at, bool) or not isinstance(at, int | str):
        _refuse('"at" must be a timestamp: RFC 3339 text, or epoch milliseconds')
    try:
        return parse_timestamp(at)
    except ValueError as error:
        _refuse(f'"at": {error}')


def _topic(fields: dict[str, object]) -> Topic:
    for topic in _TOPICS:
        if fields.get("topic") == topic:
            return topic
    raise ValueError('"topic" must be "inventory" or "subscriptions"')


def _value(text: bytes, fields: dict[str, object]) -> bytes:
    if "value" not in fields:
        _refuse('"value" is missing; a tombstone is written as null')
    if fields["value"] is None:
        return TOMBSTONE
    try:
        return bytes(_VALUE.decode(text).value)
    except (msgspec.MsgspecError, RecursionError):
        return json.dumps(fields["value"]).encode()


def _refuse_constant(constant: str) -> NoReturn:
    _refuse(f"is not JSON: {constant} is no number")


def _refuse(problem: str) -> NoReturn:
    raise ValueError(problem)
