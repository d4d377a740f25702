# SPDX-License-Identifier: Apache-2.0
"""Avro by fastavro, which comes with the extra `schema-registry`.

Two kinds of schemas are not read by, whatever the messages are like. One with an array of items
that take no bytes lets a few bytes stand for any number of items. One that contains itself lets
values be nested as deep as they have bytes, and fastavro's compiled reader ends the process there.
"""

import base64
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Final

import msgspec

from connectors.errors import InboundError
from connectors.inbound.json_values import json_writer
from connectors.inbound.records import Unfit
from connectors.inbound.registry import Schema

__all__ = ["avro_decoder"]


def avro_decoder(schema: Schema) -> Callable[[bytes], bytes]:
    """Make what turns Avro's binary form into JSON.

    Decimals become text with all their digits, bytes base64, times RFC 3339. Messages of a schema
    that is not read by are refused, each by itself.

    Raises:
        InboundError: fastavro is not installed, or the schema is none.
    """
    try:
        from fastavro import parse_schema, schemaless_reader  # noqa: PLC0415 - of an extra
    except ImportError:
        raise InboundError(
            "Avro needs the extra schema-registry: pip install 'restock[schema-registry]'"
        ) from None
    named: dict[str, Any] = {}
    try:
        for _, text in schema.references:
            parse_schema(msgspec.json.decode(text), named)
        parsed = parse_schema(msgspec.json.decode(schema.text), named)
        unsafe = _why_unsafe(parsed, named)
    # Whatever it stumbles over in what is no schema.
    except Exception as error:  # noqa: BLE001
        raise InboundError(f"the registry gave a schema that is not Avro: {error}") from None

    def decode(payload: bytes) -> bytes:
        if unsafe is not None:
            raise Unfit("unsafe_schema", unsafe)
        stream = BytesIO(payload)
        try:
            value = schemaless_reader(stream, parsed, None)
            encoded = _encode(value)
        # Whatever it stumbles over in bytes that are not what the schema says.
        except Exception:  # noqa: BLE001
            raise Unfit("not_avro", "the bytes do not fit their schema") from None
        if stream.read(1):
            raise Unfit("not_avro", "there are bytes behind the value")
        return encoded

    return decode


class _Unsafe(Exception):  # noqa: N818 - what the schema is
    """Why nothing is read by a schema."""


def _why_unsafe(schema: object, named: Mapping[str, object]) -> str | None:
    try:
        _takes_nothing(schema, named, {})
    except _Unsafe as error:
        return str(error)
    return None


def _takes_nothing(
    part: object, named: Mapping[str, object], known: dict[str, bool | None]
) -> bool:
    """Say whether a value takes no bytes.

    Args:
        part: of a schema, as fastavro has parsed it.
        named: its named types.
        known: what was said of these before; None: of those around the part.

    Raises:
        _Unsafe: see the top of the page.
    """
    name = part if isinstance(part, str) else part.get("name") if isinstance(part, dict) else None
    if isinstance(name, str) and name in named:
        if name not in known:
            known[name] = None
            known[name] = _takes_none_of_its_own(named[name], named, known)
        found = known[name]
        if found is None:
            raise _Unsafe(f"the schema {name} contains itself")
        return found
    return _takes_none_of_its_own(part, named, known)


def _takes_none_of_its_own(
    part: object, named: Mapping[str, object], known: dict[str, bool | None]
) -> bool:
    if isinstance(part, list):  # a union says which of its members follows
        for each in part:
            _takes_nothing(each, named, known)
        return False
    if not isinstance(part, dict):
        return part == "null"
    if "fields" in part:
        # All of them are to be looked at.
        found = [_takes_nothing(field["type"], named, known) for field in part["fields"]]
        return all(found)
    inner = part.get("items", part.get("values"))
    if inner is not None and _takes_nothing(inner, named, known) and "items" in part:
        raise _Unsafe("the schema has an array of items that take no bytes")
    return bool(part["type"] == "null" or (part["type"] == "fixed" and part["size"] == 0))


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


_encode: Final = json_writer(_plain)
