# SPDX-License-Identifier: Apache-2.0
"""Protobuf by descriptors, with the library that comes with the extra `schema-registry`."""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any, Final

from connectors.errors import InboundError
from connectors.inbound.json_values import json_writer
from connectors.inbound.records import Unfit
from connectors.inbound.registry import Schema

__all__ = ["descriptors_decoder", "schema_decoder"]

_NO_DESCRIPTORS: Final = "the Protobuf descriptors cannot be used"
_WELL_KNOWN: Final = (
    "any",
    "descriptor",
    "duration",
    "empty",
    "field_mask",
    "struct",
    "timestamp",
    "wrappers",
)
_MAIN: Final = "restock-main.proto"
_BITS: Final = 7
_MORE: Final = 0x80
_LONGEST_VARINT: Final = 5
_MOST_INDEXES: Final = 64

_encode: Final = json_writer()


def schema_decoder(schema: Schema) -> Callable[[bytes], bytes]:
    """Make what turns Protobuf into JSON by a schema of a registry.

    Fields have the names of the schema; integers stay integers, bytes become base64, enumerations
    their names and `google.protobuf.Timestamp` RFC 3339.

    Raises:
        InboundError: Protobuf's library is not installed, or the schema is none.
    """
    library = _library()
    try:
        files = [
            library.file(base64.b64decode(text, validate=True), name)
            for name, text in (*schema.references, (_MAIN, schema.text))
        ]
        pool = library.pool(files)
    except (binascii.Error, ValueError, TypeError, library.error):
        raise InboundError(
            "the registry does not give Protobuf schemas out in the form `serialized`: name a file "
            "with `descriptors`, and its message with `message`"
        ) from None

    def decode(payload: bytes) -> bytes:
        indexes, rest = _indexes(payload)
        try:
            name = _message_name(files[-1], indexes)
            kind = pool.FindMessageTypeByName(name)
        except (IndexError, KeyError):
            raise Unfit("not_protobuf", "it names a message that its schema lacks") from None
        return library.decode(kind, rest)

    return decode


def descriptors_decoder(content: bytes, message: str) -> Callable[[bytes], bytes]:
    """The same by a file of descriptors (a FileDescriptorSet), always for one message.

    Raises:
        InboundError: Protobuf's library is not installed, the file is none, or it lacks the
            message.
    """
    library = _library()
    try:
        kind = library.pool(library.files(content)).FindMessageTypeByName(message)
    except (ValueError, TypeError, library.error):
        raise InboundError(
            f"{_NO_DESCRIPTORS}: make them by protoc --include_imports --descriptor_set_out"
        ) from None
    except KeyError:
        raise InboundError(f"{_NO_DESCRIPTORS}: there is no message {message!r}") from None

    def decode(payload: bytes) -> bytes:
        return library.decode(kind, _indexes(payload)[1])

    return decode


class _Library:
    """What is used of Protobuf's library, which ships no types."""

    def __init__(self) -> None:
        self._descriptors: Any = import_module("google.protobuf.descriptor_pb2")
        self._pools: Any = import_module("google.protobuf.descriptor_pool")
        self._factory: Any = import_module("google.protobuf.message_factory")
        self.error: type[Exception] = import_module("google.protobuf.message").DecodeError

    def file(self, content: bytes, name: str) -> Any:  # noqa: ANN401 - as are those below
        found = self._descriptors.FileDescriptorProto.FromString(content)
        found.name = name
        return found

    def files(self, content: bytes) -> Sequence[Any]:
        found: Sequence[Any] = self._descriptors.FileDescriptorSet.FromString(content).file
        return found

    def pool(self, files: Iterable[Any]) -> Any:  # noqa: ANN401
        pool = self._pools.DescriptorPool()
        names = {file.name for file in files}
        for name in _WELL_KNOWN:
            known = import_module(f"google.protobuf.{name}_pb2").DESCRIPTOR
            if known.name not in names:
                pool.AddSerializedFile(known.serialized_pb)
        for file in files:
            pool.AddSerializedFile(file.SerializeToString())
        return pool

    def decode(self, kind: Any, payload: bytes) -> bytes:  # noqa: ANN401
        message = self._factory.GetMessageClass(kind)()
        try:
            message.ParseFromString(payload)
            return _encode(_value_of(message))
        except (self.error, ValueError, RecursionError):
            raise Unfit("not_protobuf", "the bytes do not fit their schema") from None


def _library() -> _Library:
    try:
        return _Library()
    except ImportError:
        raise InboundError(
            "Protobuf needs the extra schema-registry: pip install 'restock[schema-registry]'"
        ) from None


def _value_of(message: Any) -> object:  # noqa: ANN401
    name = message.DESCRIPTOR.full_name
    if name in {"google.protobuf.Timestamp", "google.protobuf.Duration"}:
        return message.ToJsonString()
    if name.startswith("google.protobuf.") and name.endswith("Value") and hasattr(message, "value"):
        return _scalar(message.DESCRIPTOR.fields_by_name["value"], message.value)
    return {
        field.name: _field(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if not field.has_presence or message.HasField(field.name)
    }


def _field(field: Any, value: Any) -> object:  # noqa: ANN401
    if not field.is_repeated:
        return _scalar(field, value)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        inner = field.message_type.fields_by_name["value"]
        return {str(key): _scalar(inner, value[key]) for key in value}
    return [_scalar(field, one) for one in value]


def _scalar(field: Any, value: Any) -> object:  # noqa: ANN401
    if field.message_type is not None:
        return _value_of(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _message_name(file: Any, indexes: Sequence[int]) -> str:  # noqa: ANN401
    names = [file.package] if file.package else []
    inner = file.message_type
    for index in indexes:
        names.append(inner[index].name)
        inner = inner[index].nested_type
    return ".".join(names)


def _indexes(payload: bytes) -> tuple[list[int], bytes]:
    """Read which message of its file it is; the first, as a rule, is written as a single 0.

    Raises:
        Unfit: the bytes are not what Confluent's serializers write.
    """
    count, at = _varint(payload, 0)
    if not count:
        return [0], payload[at:]
    if not 0 < count <= _MOST_INDEXES:
        raise Unfit("not_protobuf", "the message's indexes are malformed")
    indexes = []
    for _ in range(count):
        index, at = _varint(payload, at)
        if index < 0:
            raise Unfit("not_protobuf", "the message's indexes are malformed")
        indexes.append(index)
    return indexes, payload[at:]


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place, byte in enumerate(payload[at : at + _LONGEST_VARINT]):
        number |= (byte & ~_MORE) << (_BITS * place)
        if not byte & _MORE:
            return (number >> 1) ^ -(number & 1), at + place + 1
    raise Unfit("not_protobuf", "the message's indexes are malformed")
