# SPDX-License-Identifier: Apache-2.0
"""Confluent's wire format, with a registry on loopback."""

import base64
import builtins
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from google.protobuf import (  # type: ignore[import-untyped]  # ships no types
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    timestamp_pb2,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import InboundError
from connectors.inbound.avro import avro_decoder
from connectors.inbound.contract import Mapped, Message
from connectors.inbound.mapping import MappingSettings, MappingSource
from connectors.inbound.protobuf import schema_decoder
from connectors.inbound.records import Unfit
from connectors.inbound.registry import Registry, Schema, getter
from connectors.inbound.registry_settings import RegistrySettings
from connectors.inbound.wire import Schemas, WireSource, open_schemas
from tests.support.documents import Answer, Documents, served

ARRIVAL = 1_763_640_000_000
LOOPBACK = {"allow_http": True, "allow_networks": ["127.0.0.0/8"]}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
AVRO = {
    "type": "record",
    "name": "Stock",
    "fields": [
        {"name": "sku", "type": "long"},
        {"name": "stock", "type": ["null", "int"]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "price", "type": DECIMAL},
        {"name": "raw", "type": "bytes"},
    ],
}  # fmt: skip
FIGURE = {
    "sku": 271878346596884015,
    "stock": 3,
    "at": datetime(2025, 11, 20, 12, tzinfo=UTC),
    "price": Decimal("9.50"),
    "raw": b"\xff",
}


def wire(number: int, payload: bytes) -> bytes:
    """A message in wire format."""
    return struct.pack(">BI", 0, number) + payload


def avro(schema: Any, value: object) -> bytes:  # noqa: ANN401 - as fastavro takes it
    """A value in Avro's binary form."""
    stream = BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), value)
    return stream.getvalue()


@pytest.fixture
def registry() -> Iterator[Documents]:
    """A registry without schemas."""
    with served() as documents:
        yield documents


def register(registry: Documents, path: str, **fields: object) -> None:
    """Gives a schema out."""
    registry.answers[path] = Answer(json.dumps(fields).encode())


def schemas_of(registry: Documents, **fields: object) -> Schemas:
    """The schemas of a registry."""
    return open_schemas(RegistrySettings.model_validate({"url": registry.url} | LOOPBACK | fields))


def mapped(schemas: Schemas, body: bytes) -> Mapped:
    """What a message comes to, once its schema is there."""
    settings = MappingSettings(variant_id="/sku", quantity="/stock", event_id="/sku")
    source = WireSource(MappingSource(settings), schemas)
    schemas.prepare(body)
    message = Message(body, ARRIVAL)
    assert source.is_authentic(message)
    found = source.map(message)
    assert (source.event_id(message) is None) == bool(found.refusals)
    return found


def figure(found: Mapped) -> tuple[str, int]:
    """Variant and quantity of the only record."""
    assert () == found.refusals
    (record,) = found.records
    return record.variant_id.removeprefix("$custom:::$default:::"), json.loads(record.value)[
        "quantity"
    ]


def test_json_schema_is_only_taken_off(registry: Documents) -> None:
    """Schemas are asked for once, with the credentials of the settings."""
    register(registry, "/schemas/ids/7", schema="{}", schemaType="JSON")
    schemas = schemas_of(registry, username="u", password="p")
    for _ in range(2):
        assert ("5", 3) == figure(mapped(schemas, wire(7, b'{"sku": 5, "stock": 3}')))
    assert ["/schemas/ids/7"] == registry.asked
    assert f"Basic {base64.b64encode(b'u:p').decode()}" == registry.headers["authorization"]


def test_avro(registry: Documents) -> None:
    """Its integers keep all their digits."""
    register(registry, "/schemas/ids/1", schema=json.dumps(AVRO))
    body = wire(1, avro(AVRO, FIGURE))
    assert ("271878346596884015", 3) == figure(mapped(schemas_of(registry), body))


def test_avros_logical_types_become_text() -> None:
    """Times RFC 3339, decimals all their digits, bytes base64."""
    decode = avro_decoder(Schema("AVRO", json.dumps(AVRO)))
    assert {
        "sku": 271878346596884015,
        "stock": 3,
        "at": "2025-11-20T12:00:00Z",
        "price": "9.50",
        "raw": "/w==",
    } == json.loads(decode(avro(AVRO, FIGURE)))


def test_schemas_that_refer_to_others(registry: Documents) -> None:
    """Those are asked for by subject and version, and theirs in turn."""
    inner = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "int"}]}
    middle = {"type": "record", "name": "M", "fields": [{"name": "n", "type": "N"}]}
    outer = {
        "type": "record",
        "name": "S",
        "fields": [{"name": "sku", "type": "string"}, {"name": "m", "type": "M"}],
    }

    def refer(name: str) -> list[dict[str, object]]:
        return [{"name": name, "subject": f"sub/{name}", "version": 2}]

    register(registry, "/schemas/ids/1", schema=json.dumps(outer), references=refer("M"))
    middle_path, inner_path = "/subjects/sub%2FM/versions/2", "/subjects/sub%2FN/versions/2"
    register(registry, middle_path, schema=json.dumps(middle), references=refer("N"))
    register(registry, inner_path, schema=json.dumps(inner), schemaType="AVRO")
    settings = RegistrySettings.model_validate({"url": registry.url + "/"} | LOOPBACK)
    schema = Registry(getter(settings)).schema(1)
    assert schema is not None
    assert ["N", "M"] == [name for name, _ in schema.references]
    assert {"sku": "A", "m": {"n": {"n": 4}}} == json.loads(avro_decoder(schema)(b"\x02A\x08"))
    register(registry, inner_path, schema=json.dumps(inner), references=refer("M"))
    register(registry, middle_path, schema="{}", references=refer("N"))
    with pytest.raises(InboundError, match="in a circle"):
        Registry(getter(settings)).schema(1)
    del registry.answers[middle_path]
    with pytest.raises(InboundError, match="lacks the schema M"):
        Registry(getter(settings)).schema(1)


def proto() -> Any:  # noqa: ANN401 - the library ships no types
    """A file with a message `shop.Stock`, and another within it."""
    file = descriptor_pb2.FileDescriptorProto(
        name="stock.proto", package="shop", syntax="proto3",
        dependency=["google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto"],
    )  # fmt: skip
    file.message_type.add(name="Other")
    message = file.message_type.add(name="Stock")
    kinds = descriptor_pb2.FieldDescriptorProto
    for number, (name, kind, label, type_name) in enumerate(
        [
            ("sku", kinds.TYPE_INT64, 1, None),
            ("stock", kinds.TYPE_INT32, 1, None),
            ("at", kinds.TYPE_MESSAGE, 1, ".google.protobuf.Timestamp"),
            ("limit", kinds.TYPE_MESSAGE, 1, ".google.protobuf.Int64Value"),
            ("state", kinds.TYPE_ENUM, 1, ".shop.Stock.State"),
            ("raw", kinds.TYPE_BYTES, 1, None),
            ("parts", kinds.TYPE_MESSAGE, 3, ".shop.Stock.Part"),
            ("by_place", kinds.TYPE_MESSAGE, 3, ".shop.Stock.ByPlaceEntry"),
        ],
        start=1,
    ):
        message.field.add(name=name, number=number, type=kind, label=label, type_name=type_name)
    part = message.nested_type.add(name="Part")
    part.field.add(name="sku", number=1, type=kinds.TYPE_STRING, label=1)
    part.field.add(name="stock", number=2, type=kinds.TYPE_UINT32, label=1)
    entry = message.nested_type.add(name="ByPlaceEntry")
    entry.field.add(name="key", number=1, type=kinds.TYPE_STRING, label=1)
    entry.field.add(name="value", number=2, type=kinds.TYPE_INT32, label=1)
    entry.options.map_entry = True
    state = message.enum_type.add(name="State")
    state.value.add(name="NONE", number=0)
    state.value.add(name="LIVE", number=1)
    return file


def new(name: str, **fields: object) -> Any:  # noqa: ANN401 - as above
    """A message of that file."""
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pool.Default().FindFileByName("google/protobuf/wrappers.proto")
    for file in (timestamp_pb2.DESCRIPTOR, wrappers):
        pool.AddSerializedFile(file.serialized_pb)
    pool.AddSerializedFile(proto().SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))(**fields)


def serialized() -> str:
    """The file as registries give it out."""
    return base64.b64encode(proto().SerializeToString()).decode()


def register_proto(registry: Documents) -> None:
    """Gives the file out."""
    register(registry, "/schemas/ids/3", schema="syntax = ...", schemaType="PROTOBUF")
    path = "/schemas/ids/3?format=serialized"
    register(registry, path, schema=serialized(), schemaType="PROTOBUF")


@pytest.mark.parametrize(
    ("indexes", "name", "expected"),
    [
        (b"\x02\x02", "shop.Stock", ("271878346596884015", 0)),
        (b"\x04\x02\x00", "shop.Stock.Part", ("5", 0)),
    ],
)
def test_protobuf(
    registry: Documents, indexes: bytes, name: str, expected: tuple[str, int]
) -> None:
    """The indexes name the message; a figure of 0, which is not on the wire, is there."""
    register_proto(registry)
    sku: object = "5" if name.endswith("Part") else 271878346596884015
    body = wire(3, indexes + new(name, sku=sku).SerializeToString())
    assert expected == figure(mapped(schemas_of(registry), body))


def test_protobuf_becomes_plain_json() -> None:
    """Times, wrappers, enumerations, bytes, lists and maps; what is not set is left out."""
    message = new("shop.Stock", sku=1, stock=2, state=1, raw=b"\xff")
    message.at.FromJsonString("2025-11-20T12:00:00Z")
    message.limit.value = 9
    message.parts.add(sku="p", stock=4)
    message.by_place["L1"] = 7
    decode = schema_decoder(Schema("PROTOBUF", serialized()))
    assert {
        "sku": 1,
        "stock": 2,
        "at": "2025-11-20T12:00:00Z",
        "limit": 9,
        "state": "LIVE",
        "raw": "/w==",
        "parts": [{"sku": "p", "stock": 4}],
        "by_place": {"L1": 7},
    } == json.loads(decode(b"\x02\x02" + message.SerializeToString()))
    bare = new("shop.Stock", state=5).SerializeToString()
    found = json.loads(decode(b"\x02\x02" + bare))
    assert {"sku", "stock", "state", "raw", "parts", "by_place"} == found.keys()
    assert 5 == found["state"]


def test_protobuf_by_a_file_of_descriptors(tmp_path: Path) -> None:
    """No registry is asked; the settings say which message it is."""
    file = tmp_path / "stock.desc"
    file.write_bytes(descriptor_pb2.FileDescriptorSet(file=[proto()]).SerializeToString())
    fields = {"descriptors": str(file), "message": "shop.Stock"}
    schemas = open_schemas(RegistrySettings.model_validate(fields))
    body = wire(9, b"\x00" + new("shop.Stock", sku=5, stock=3).SerializeToString())
    assert ("5", 3) == figure(mapped(schemas, body))
    with pytest.raises(InboundError, match=r"no message 'shop.X'"):
        open_schemas(RegistrySettings.model_validate(fields | {"message": "shop.X"}))
    file.write_bytes(b"\xff")
    with pytest.raises(InboundError, match="--descriptor_set_out"):
        open_schemas(RegistrySettings.model_validate(fields))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_wire_format"),
        (b"\x00\x00\x00\x01", "not_wire_format"),
        (b'{"sku": 5, "stock": 3}', "not_wire_format"),
        (wire(99, b"{}"), "unknown_schema"),
        (wire(1, b"\x02"), "not_avro"),
        (wire(1, avro(AVRO, FIGURE) + b"x"), "not_avro"),
        (wire(3, b"\x02\x08"), "not_protobuf"),
        (wire(3, b"\x02\x01"), "not_protobuf"),
        (wire(3, b"\x01"), "not_protobuf"),
        (wire(3, b"\xff\xff\xff\xff\xff\xff"), "not_protobuf"),
        (wire(3, b"\xfe\x7f"), "not_protobuf"),
        (wire(3, b"\x02\x02\xff"), "not_protobuf"),
        (wire(3, b""), "not_protobuf"),
        (wire(7, b"{"), "not_json"),
    ],
)
def test_bytes_that_do_not_fit_are_refused(registry: Documents, body: bytes, reason: str) -> None:
    """Each with its reason; nothing of it is taken."""
    register(registry, "/schemas/ids/1", schema=json.dumps(AVRO))
    register(registry, "/schemas/ids/7", schema="{}", schemaType="JSON")
    register_proto(registry)
    schemas = schemas_of(registry)
    for _ in range(2):
        found = mapped(schemas, body)
        assert [reason] == [refusal.reason for refusal in found.refusals]
        assert () == found.records
    assert registry.asked.count("/schemas/ids/99") < 2


def test_a_registry_that_is_away_is_asked_again_and_then_an_error(registry: Documents) -> None:
    """With growing pauses; what it refuses is not asked again."""
    pauses: list[float] = []
    settings = RegistrySettings.model_validate({"url": registry.url} | LOOPBACK)
    asking = Registry(getter(settings), pauses.append)
    registry.answers["/schemas/ids/1"] = Answer(status=503)
    with pytest.raises(InboundError, match="HTTP 503"):
        asking.schema(1)
    assert [0.25, 0.5, 1.0] == pauses
    registry.answers["/schemas/ids/1"] = Answer(status=401)
    with pytest.raises(InboundError, match="HTTP 401"):
        asking.schema(1)
    assert 5 == len(registry.asked)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"<html>", "does not answer as one"),
        (b'{"schema": "{"}', "not Avro"),
        (b'{"schema": "{\\"type\\": \\"record\\"}"}', "not Avro"),
        (b'{"schema": "\\"Unknown\\""}', "not Avro"),
        (b'{"schema": "x", "schemaType": "XML"}', "does not answer as one"),
        (b'{"schema": "syntax", "schemaType": "PROTOBUF"}', "name a file with `descriptors`"),
    ],
)
def test_schemas_that_are_none_end_the_run(
    registry: Documents, answer: bytes, message: str
) -> None:
    """In one line: no message could be read anyway."""
    registry.answers["/schemas/ids/1"] = Answer(answer)
    with pytest.raises(InboundError, match=message) as caught:
        schemas_of(registry).prepare(wire(1, b""))
    assert 1 == len(str(caught.value).splitlines())


@pytest.mark.parametrize(
    ("missing", "make"),
    [
        ("fastavro", lambda: avro_decoder(Schema("AVRO", '"int"'))),
        ("google.protobuf.descriptor_pb2", lambda: schema_decoder(Schema("PROTOBUF", ""))),
    ],
)
def test_the_extra_is_named_where_it_is_missing(
    missing: str, make: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs it."""
    real = builtins.__import__

    def without(name: str, *rest: Any) -> object:  # noqa: ANN401 - as Python calls it
        if name == missing:
            raise ImportError(name)
        return real(name, *rest)

    def unimportable(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr("connectors.inbound.protobuf.import_module", unimportable)
    with pytest.raises(InboundError, match=r"pip install 'restock\[schema-registry\]'"):
        make()


_DECODERS: Sequence[Callable[[bytes], bytes]] = (
    avro_decoder(Schema("AVRO", json.dumps(AVRO))),
    schema_decoder(Schema("PROTOBUF", serialized())),
)


@settings(deadline=None)
@given(st.binary(max_size=100), st.sampled_from(_DECODERS))
def test_no_bytes_raise_anything_else(payload: bytes, decode: Callable[[bytes], bytes]) -> None:
    """They become JSON, or are unfit."""
    for body in (payload, b"\x02\x02" + payload):
        try:
            json.loads(decode(body))
        except Unfit:
            continue
