# SPDX-License-Identifier: Apache-2.0
"""Tables `[ingest.NAME]` become sources."""

from pathlib import Path
from typing import Any

import pytest

from connectors.inbound.cloudevents import CloudEventsSource
from connectors.inbound.contract import Message
from connectors.inbound.feed import FeedSource
from connectors.inbound.mapping import MappingSource
from connectors.inbound.wire import Schemas
from restock.errors import ConfigError
from restock.settings import Settings
from restock.sources import KINDS, build_plain, build_source, read_source, read_sources

MAPPING = {"variant_id": "/sku", "quantity": "/stock"}


def settings(**tables: dict[str, Any]) -> Settings:
    """Settings with these tables."""
    return Settings(ingest=tables)


def test_the_kind_is_the_name_unless_it_is_said() -> None:
    """Several tables may be of one kind."""
    found = read_sources(settings(mapping=MAPPING, erp={"kind": "mapping", **MAPPING}, feed={}))
    assert [("mapping", "mapping"), ("erp", "mapping"), ("feed", "feed")] == [
        (source.name, source.kind) for source in found.values()
    ]
    assert isinstance(build_plain(found["erp"]), MappingSource)
    assert isinstance(build_plain(found["feed"]), FeedSource)


def test_a_kind_that_needs_no_settings_needs_no_table() -> None:
    """As for records that are ours already."""
    assert "restock" == read_source(settings(), "restock").kind
    with pytest.raises(ConfigError, match=r"ingest\.mapping\.variant_id: Field required"):
        read_source(settings(), "mapping")
    with pytest.raises(ConfigError, match=r"no table \[ingest\.erp\] \(there are: feed\)"):
        read_source(settings(feed={}), "erp")


NEEDED: dict[str, dict[str, Any]] = {
    "centra": {"markets": ["SE_00"]},
    "debezium": {"table": "t", "columns": {"variant_id": "v", "quantity": "q"}},
    "magento": {"catalog": "1-1"},
    "mapping": MAPPING,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_built(kind: str) -> None:
    """The table of kinds names modules and classes that there are."""
    source = build_plain(read_source(settings(**{kind: NEEDED.get(kind, {})}), kind))
    assert source.map(Message(b"\xff", 0)).refusals


def test_a_file_of_items_is_learned(tmp_path: Path) -> None:
    """Which item is which variant, before the first message."""
    file = tmp_path / "items.csv"
    file.write_text("inventory_item_id,variant_id\n7,8\n")
    source = build_plain(read_source(settings(shopify={"items": str(file)}), "shopify"))
    level = (
        b'{"inventory_item_id":7,"location_id":1,"available":2,"updated_at":"2025-11-20T12:00:00Z"}'
    )
    headers = {"x-shopify-topic": "inventory_levels/update"}
    (record,) = source.map(Message(level, 1_763_640_000_000, headers)).records
    assert "$shopify:::$default:::8" == record.variant_id


def test_wrappers_are_laid_around_a_source() -> None:
    """CloudEvents unless they are switched off, the wire format where there is a registry."""
    source = read_source(settings(mapping=MAPPING), "mapping")
    assert isinstance(build_source(source), CloudEventsSource)
    plain = read_source(settings(mapping={**MAPPING, "cloudevents": "never"}), "mapping")
    assert isinstance(build_source(plain), MappingSource)
    wrapped = build_source(source, Schemas(None))
    (refusal,) = wrapped.map(Message(b'{"sku": 1, "stock": 1}', 0)).refusals
    assert "not_wire_format" == refusal.reason


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        ("Erp", {"kind": "mapping"}, "ingest.Erp: a source's name is of a-z"),
        ("erp", {}, "ingest.erp.kind: must be one of bigcommerce, "),
        ("erp", {"kind": 5}, "ingest.erp.kind: must be one of"),
        ("mapping", {**MAPPING, "typo": 1}, "ingest.mapping.typo: Extra inputs"),
        ("mapping", {**MAPPING, "topic": "a b"}, "ingest.mapping.topic: is not a topic name"),
        ("mapping", {**MAPPING, "quantity": "q"}, "ingest.mapping.quantity: must be a JSON Poin"),
        ("mapping", {**MAPPING, "registry": {}}, "ingest.mapping.registry: give either url"),
        ("mapping", {**MAPPING, "cloudevents": "on"}, "ingest.mapping.cloudevents: Input should"),
    ],
)
def test_what_is_wrong_is_named(name: str, table: dict[str, Any], message: str) -> None:
    """The key, in one line, with the page that explains it."""
    with pytest.raises(ConfigError) as caught:
        read_source(settings(**{name: table}), name)
    assert str(caught.value).startswith(message)
    assert 1 == len(str(caught.value).splitlines())
