# SPDX-License-Identifier: Apache-2.0
"""Avro by fastavro, which comes with the extra `schema-registry`."""

import base64
from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

import msgspec

from connectors.errors import InboundError
from connectors.inbound.records import Unfit
from connectors.inbound.registry import Schema

__all__ = ["avro_decoder"]


def avro_decoder(schema: Schema) -> Callable[[bytes], bytes]:
    """Make what turns Avro's binary form into JSON.

    Decimals become text with all their digits, bytes base64, times RFC 3339.

    Raises:
        InboundError: fastavro is not installed, or the schema is none.
    """
    try:
        from fastavro import parse_schema, schemaless_reader  # noqa: PLC0415 - of an extra
        from fastavro.schema import SchemaParseException, UnknownType  # noqa: PLC0415
    except ImportError:
        raise InboundError(
            "Avro needs the extra schema-registry: pip install 'restock[schema-registry]'"
        ) from None
    named: dict[str, Any] = {}
    try:
        for _, text in schema.references:
            parse_schema(msgspec.json.decode(text), named)
        parsed = parse_schema(msgspec.json.decode(schema.text), named)
    except (msgspec.MsgspecError, SchemaParseException, UnknownType, ValueError) as error:
        raise InboundError(f"the registry gave a schema that is not Avro: {error}") from None

    def decode(payload: bytes) -> bytes:
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


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


_encode: Final = msgspec.json.Encoder(enc_hook=_plain, decimal_format="string").encode
