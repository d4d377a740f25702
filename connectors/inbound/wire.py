# SPDX-License-Identifier: Apache-2.0
"""Confluent's wire format: a zero, the number of a schema in four bytes, and then the value.

https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html.
A source maps without any I/O: whoever calls it lets `Schemas.prepare` see the message before.
"""

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from connectors.inbound.avro import avro_decoder
from connectors.inbound.contract import Learned, Mapped, Message, Refusal, Source
from connectors.inbound.protobuf import descriptors_decoder, schema_decoder
from connectors.inbound.records import Unfit
from connectors.inbound.registry import Registry, Schema, getter
from connectors.inbound.registry_settings import RegistrySettings

__all__ = ["Schemas", "WireSource", "open_schemas"]

Decode = Callable[[bytes], bytes]
"""Turns what stands behind the number into JSON; raises `Unfit`."""

_HEAD: Final = struct.Struct(">BI")
_MOST_UNKNOWN: Final = 10_000
"""Numbers without a schema that are remembered, so that nobody asks for them again."""


class Schemas:
    """The schemas that messages name, and what decodes by them.

    Args:
        registry: asked for each once; None: there is none.
        always: decodes every message, whatever schema it names; None: by its schema.
    """

    def __init__(self, registry: Registry | None, always: Decode | None = None) -> None:
        self._registry = registry
        self._always = always
        self._decoders: dict[int, Decode] = {}
        self._unknown: set[int] = set()

    def prepare(self, body: bytes) -> None:
        """Ask the registry for the schema that a message names, unless it is known.

        Raises:
            InboundError: the registry does not answer, or its schema cannot be used.
        """
        number = _number_of(body)
        if self._registry is None or number is None:
            return
        if number in self._decoders or number in self._unknown:
            return
        schema = self._registry.schema(number)
        if schema is not None:
            self._decoders[number] = _decoder(schema)
        elif len(self._unknown) < _MOST_UNKNOWN:
            self._unknown.add(number)

    def decode(self, body: bytes) -> bytes:
        """Return a message as JSON.

        Raises:
            Unfit: it is not in wire format, its schema is not known, or it does not fit.
        """
        number = _number_of(body)
        if number is None:
            raise Unfit("not_wire_format", "the bytes are not in Confluent's wire format")
        decode = self._decoders.get(number, self._always)
        if decode is None:
            raise Unfit("unknown_schema", f"the registry has no schema {number}")
        return decode(body[_HEAD.size :])


class WireSource:
    """Unwraps messages for another source.

    Args:
        inner: reads them as JSON.
        schemas: have seen each message before.
    """

    def __init__(self, inner: Source, schemas: Schemas) -> None:
        self._inner = inner
        self._schemas = schemas

    def is_authentic(self, message: Message) -> bool:
        """Ask the other source about the message as it came."""
        return self._inner.is_authentic(message)

    def event_id(self, message: Message) -> str | None:
        """Return the id that the other source finds."""
        try:
            return self._inner.event_id(self._unwrapped(message))
        except Unfit:
            return None

    def map(self, message: Message) -> Mapped:
        """Turn the message into records."""
        try:
            unwrapped = self._unwrapped(message)
        except Unfit as error:
            return Mapped(refusals=(Refusal(error.reason, str(error)),))
        return self._inner.map(unwrapped)

    def learn(self, learned: Learned) -> None:
        """Tell the other source."""
        self._inner.learn(learned)

    def _unwrapped(self, message: Message) -> Message:
        return replace(message, body=self._schemas.decode(message.body))


def open_schemas(settings: RegistrySettings) -> Schemas:
    """Make what the settings say; nothing is connected yet.

    Raises:
        InboundError: the descriptors cannot be used, or need an extra that is not installed.
        OSError: their file cannot be read.
    """
    always = None
    if settings.descriptors is not None and settings.message is not None:
        always = descriptors_decoder(settings.descriptors.read_bytes(), settings.message)
    # Where the file decides, nothing that a registry could say would matter.
    registry = Registry(getter(settings)) if always is None else None
    return Schemas(registry, always)


def _number_of(body: bytes) -> int | None:
    if len(body) < _HEAD.size:
        return None
    magic, number = _HEAD.unpack_from(body)
    return None if magic else number


def _decoder(schema: Schema) -> Decode:
    if schema.kind == "JSON":
        return bytes
    return avro_decoder(schema) if schema.kind == "AVRO" else schema_decoder(schema)
