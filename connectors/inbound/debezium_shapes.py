# SPDX-License-Identifier: Apache-2.0
"""What Debezium's envelopes look like, and what their databases call places in their logs.

https://debezium.io/documentation/reference/stable/connectors/index.html.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from connectors.inbound.mapping_values import read_json
from connectors.inbound.records import Unfit
from schemas.fields import MAX_INTEGER

__all__ = ["Change", "Row", "key_row", "read_change", "sequence_of", "unscaled"]

Row = Mapping[str, Any]
"""The columns of a row by their names."""

_DECIMAL: Final = "org.apache.kafka.connect.data.Decimal"
_FILE_NUMBER: Final = re.compile(r"\.([0-9]{1,9})\Z", re.ASCII)
_POSITION_BITS: Final = 32
_LONGEST_DECIMAL: Final = 32
"""Bytes of a decimal in base64; no database has longer ones."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a row.

    Attributes:
        operation: c, u, d, r (read in a snapshot), t (table truncated) or m (a message).
        before: the row before it, if it is known.
        after: the row after it, if there is one.
        source: where in the database's log it stands.
        told_at: when Debezium saw it, in epoch milliseconds; None: it says not.
        scales: of columns that are decimals in base64, where the message carries its schema.
    """

    operation: str
    before: Row | None
    after: Row | None
    source: Mapping[str, Any]
    told_at: int | None
    scales: Mapping[str, int]


def read_change(body: bytes) -> Change | None:
    """Read an envelope, with or without its schema.

    Returns:
        None: it is a tombstone, which says again what a deletion has said.

    Raises:
        Unfit: it is neither.
    """
    if not body:
        return None
    found = read_json(body)
    if found is None:
        return None
    scales: Mapping[str, int] = {}
    if isinstance(found, dict) and isinstance(found.get("payload"), dict):
        scales = _scales(found.get("schema"))
        found = found["payload"]
    elif isinstance(found, dict) and "payload" in found and found["payload"] is None:
        return None
    if not isinstance(found, dict) or type(found.get("op")) is not str:
        raise Unfit("not_debezium", "this is no envelope of Debezium: it has no `op`")
    source = found.get("source")
    told_at = found.get("ts_ms")
    return Change(
        found["op"],
        _row(found.get("before"), "before"),
        _row(found.get("after"), "after"),
        source if isinstance(source, dict) else {},
        told_at if type(told_at) is int else None,
        scales,
    )


def key_row(text: str) -> Row | None:
    """Read the columns of a record's key; None: it holds none."""
    try:
        found = read_json(text.encode(errors="surrogatepass"))
    except Unfit:
        return None
    if isinstance(found, dict) and isinstance(found.get("payload"), dict):
        found = found["payload"]
    return found if isinstance(found, dict) else None


def sequence_of(source: Mapping[str, Any]) -> int:
    """Return a number that grows along the database's log, where there is one within 2^53.

    Databases give changes the time to a second or so; this tells them apart. In MySQL it is made of
    the number of the log file and the position in it, in PostgreSQL it is `lsn`, in Oracle `scn`,
    in MongoDB `ord`.
    """
    position = source.get("pos")
    if type(position) is int:
        file = _FILE_NUMBER.search(source["file"]) if type(source.get("file")) is str else None
        number = int(file[1]) if file else 0
        if 0 <= position < 1 << _POSITION_BITS and number <= MAX_INTEGER >> _POSITION_BITS:
            return (number << _POSITION_BITS) + position
        return 0
    for name in ("lsn", "scn", "ord"):
        value = source.get(name)
        if (
            type(value) is str
            and value.isascii()
            and value.isdecimal()
            and len(value) <= len(str(MAX_INTEGER))
        ):
            value = int(value)
        if type(value) is int and 0 <= value <= MAX_INTEGER:
            return value
    return 0


def unscaled(text: str, scale: int, name: str) -> str:
    """Return a decimal that Kafka Connect writes as the bytes of its digits, as text.

    Raises:
        Unfit: it is not base64, or longer than any database's.
    """
    try:
        digits = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unfit("wrong_shape", f"{name}: a decimal that is not base64") from None
    if not 0 < len(digits) <= _LONGEST_DECIMAL:
        raise Unfit("wrong_shape", f"{name}: a decimal of {len(digits)} bytes")
    return f"{Decimal(int.from_bytes(digits, signed=True)).scaleb(-scale):f}"


def _row(value: object, name: str) -> Row | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return value
    raise Unfit("not_debezium", f"{name}: no row")


def _scales(schema: object) -> Mapping[str, int]:
    """Find the decimals among the columns of `after` (and `before`, which is the same)."""
    found: dict[str, int] = {}
    for part in _fields(schema):
        if part.get("field") != "after" and part.get("field") != "before":
            continue
        for column in _fields(part):
            parameters = column.get("parameters")
            if column.get("name") != _DECIMAL or not isinstance(parameters, dict):
                continue
            scale = parameters.get("scale")
            if type(scale) is str and re.fullmatch("[0-9]{1,2}", scale, re.ASCII):
                found[str(column.get("field"))] = int(scale)
    return found


def _fields(schema: object) -> list[dict[str, Any]]:
    fields = schema.get("fields") if isinstance(schema, dict) else None
    return [one for one in fields if isinstance(one, dict)] if isinstance(fields, list) else []
