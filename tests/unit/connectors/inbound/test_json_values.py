# SPDX-License-Identifier: Apache-2.0
"""Binary formats have numbers that JSON has no word for."""

import base64
import json
import math
from io import BytesIO
from typing import Any

import fastavro
import pytest
from google.protobuf import (  # type: ignore[import-untyped]  # ships no types
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)

from connectors.inbound.avro import avro_decoder
from connectors.inbound.contract import Message
from connectors.inbound.mapping import MappingSettings, MappingSource
from connectors.inbound.protobuf import schema_decoder
from connectors.inbound.registry import Schema
from tests.support.platforms import NOW


@pytest.mark.parametrize("figure", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_no_number_is_refused(figure: float) -> None:
    """As null it would remove the figure that is known."""
    fields = [{"name": "sku", "type": "string"}, {"name": "stock", "type": "double"}]
    schema: Any = {"type": "record", "name": "Stock", "fields": fields}
    stream = BytesIO()
    row = {"sku": "a", "stock": figure}
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), row)
    body = avro_decoder(Schema("AVRO", json.dumps(schema)))(stream.getvalue())
    settings = MappingSettings(variant_id="/sku", quantity="/stock")
    [refusal] = MappingSource(settings).map(Message(body, NOW)).refusals
    assert "wrong_shape" == refusal.reason


def test_numbers_that_are_none_are_text_in_protobuf_too() -> None:
    """Wherever they stand."""
    number = descriptor_pb2.FileDescriptorProto(name="n.proto", package="n", syntax="proto3")
    field = number.message_type.add(name="N").field.add(name="figures", number=1)
    field.type, field.label = field.TYPE_DOUBLE, field.LABEL_REPEATED
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(number.SerializeToString())
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("n.N"))
    text = base64.b64encode(number.SerializeToString()).decode()
    payload = kind(figures=[1.5, math.nan, math.inf]).SerializeToString()
    found = json.loads(schema_decoder(Schema("PROTOBUF", text))(b"\x00" + payload))
    assert {"figures": [1.5, "nan", "inf"]} == found
