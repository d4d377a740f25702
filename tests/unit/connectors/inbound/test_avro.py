# SPDX-License-Identifier: Apache-2.0
"""Schemas of Avro by which nothing is read; what is read by the others is in test_wire.py."""

import json
from io import BytesIO

import fastavro
import pytest

from connectors.errors import InboundError
from connectors.inbound.avro import avro_decoder
from connectors.inbound.records import Unfit
from connectors.inbound.registry import Schema


def record(name: str, **fields: object) -> dict[str, object]:
    """A schema of a record."""
    shaped = [{"name": field, "type": kind} for field, kind in fields.items()]
    return {"type": "record", "name": name, "fields": shaped}


EMPTY = record("Empty", a="null", b={"type": "fixed", "name": "None", "size": 0})
MANY = b"\xfe\xff\xff\xff\x0f\x00"
"""The head of an array of two thousand million items."""


@pytest.mark.parametrize(
    "items",
    ["null", EMPTY, record("Outer", e=EMPTY, f="Empty"), {"type": "null"}],
    ids=["null", "record", "nested", "long"],
)
@pytest.mark.parametrize("where", ["array", "record", "map", "union"])
def test_a_few_bytes_do_not_become_millions_of_items(where: str, items: object) -> None:
    """By a schema with arrays of what takes no bytes nothing is read, wherever they are."""
    array = {"type": "array", "items": items}
    schema = {
        "array": array,
        "record": record("R", n="int", a=array),
        "map": {"type": "map", "values": array},
        "union": ["null", array],
    }[where]
    decode = avro_decoder(Schema("AVRO", json.dumps(schema)))
    with pytest.raises(Unfit, match="items that take no bytes") as caught:
        decode(MANY)
    assert "unsafe_schema" == caught.value.reason


@pytest.mark.parametrize(
    "schema",
    [
        record("R", next=["null", "R"]),
        record("R", next={"type": "array", "items": "R"}),
        record("R", inner=record("S", back={"type": "map", "values": "R"})),
        record("R", itself="R"),
    ],
    ids=["list", "tree", "detour", "endless"],
)
def test_a_message_is_not_nested_without_bound(schema: object) -> None:
    """A million levels would end the process, so nothing is read by a schema in which they fit."""
    decode = avro_decoder(Schema("AVRO", json.dumps(schema)))
    with pytest.raises(Unfit, match="the schema R contains itself"):
        decode(b"\x02" * 1_000_000)


def test_what_takes_no_bytes_does_no_harm_elsewhere() -> None:
    """Beside something that does in an item, in a union, and in a map, whose keys do."""
    schema = record(
        "R",
        empty=EMPTY,
        again="Empty",
        either=["null", "Empty"],
        pairs={"type": "array", "items": record("Pair", e="Empty", n="int")},
        named={"type": "map", "values": "null"},
        lists={"type": "array", "items": {"type": "array", "items": "int"}},
    )
    nothing = {"a": None, "b": b""}
    value = {
        "empty": nothing, "again": nothing, "either": None, "named": {"x": None},
        "pairs": [{"e": nothing, "n": 1}], "lists": [[1], []],
    }  # fmt: skip
    stream = BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), value)
    decode = avro_decoder(Schema("AVRO", json.dumps(schema)))
    assert [[1], []] == json.loads(decode(stream.getvalue()))["lists"]


@pytest.mark.parametrize(
    "schema", ["{", '{"type": {"type": "array"}}', '{"type": "array"}', "5", "[" * 9_000]
)
def test_what_is_no_schema_is_said_to_be_none(schema: str) -> None:
    """In one line, whatever it is."""
    with pytest.raises(InboundError, match="gave a schema that is not Avro"):
        avro_decoder(Schema("AVRO", schema))
