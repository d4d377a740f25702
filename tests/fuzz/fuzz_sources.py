# SPDX-License-Identifier: Apache-2.0
"""Bytes made up by atheris against every source that makes figures of messages of others.

For longer, from the project's folder, with the options of libFuzzer::

    python -m tests.fuzz.fuzz_sources -max_total_time=3600 CORPUS

The first byte of an input says which source reads it, the second which topic it comes under, and
the rest is the body. `python -m tests.fuzz.fuzz_sources --seed CORPUS` puts the samples there.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # it ships none

with atheris.instrument_imports(include=["connectors.inbound"]):
    from connectors.inbound.cloudevents import CloudEventsSource
    from connectors.inbound.contract import Source
    from connectors.inbound.debezium import DebeziumSource
    from connectors.inbound.debezium_settings import DebeziumSettings
    from connectors.inbound.feed import FeedSource
    from connectors.inbound.feed_settings import FeedSettings
    from connectors.inbound.mapping import MappingSettings, MappingSource
    from tests.support import platforms
    from tests.support.platforms import said, values

__all__ = ["TOPICS", "check", "main"]

TOPICS = (
    "",
    "inventory_levels/update",
    "inventory_levels/disconnect",
    "products/update",
    "products/delete",
    "inventory_items/delete",
    "product_variant_deleted",
)
MAPPING = MappingSettings(
    items="/a", variant_id="/b", quantity="/c", occurred_at="/d", numbers_in_text=True
)
DEBEZIUM = DebeziumSettings.model_validate(
    {"table": "t", "columns": {"variant_id": "b", "quantity": "c", "location_id": "e"}}
)
SOURCES: dict[str, Callable[[], Source]] = {
    **platforms.SOURCES,
    "mapping": lambda: MappingSource(MAPPING),
    "debezium": lambda: DebeziumSource(DEBEZIUM),
    "feed_json": lambda: FeedSource(FeedSettings(format="json")),
    "feed_xml": lambda: FeedSource(FeedSettings(format="xml")),
    "cloudevents": lambda: CloudEventsSource(MappingSource(MAPPING)),
}
_KINDS = tuple(SOURCES)
_PREFIX = 2


def check(data: bytes) -> None:
    """See that an input comes to an answer, and every record of it is valid."""
    if len(data) < _PREFIX:
        return
    source = SOURCES[_KINDS[data[0] % len(_KINDS)]]()
    topic = TOPICS[data[1] % len(TOPICS)]
    headers = {"x_shopify_topic": topic, "saleor_event": topic} if topic else {}
    message = said(data[_PREFIX:], **headers)
    source.is_authentic(message)
    source.event_id(message)
    for _ in range(2):
        mapped = source.map(message)
        values(mapped)
        assert mapped.records or mapped.refusals or mapped.learned or mapped.ignored


def main(arguments: list[str]) -> None:
    """Put the samples into a folder, or make up inputs until an end is asked for."""
    if arguments[1:2] == ["--seed"]:
        _seed(Path(arguments[2]))
        return
    atheris.Setup(arguments, check)
    atheris.Fuzz()


def _seed(corpus: Path) -> None:
    samples = Path(__file__).parents[1] / "samples"
    for number, kind in enumerate(_KINDS):
        for topic in range(len(TOPICS)):
            for path in samples.glob(f"{kind.partition('_')[0]}_*"):
                prefix = bytes([number, topic])
                (corpus / f"{kind}-{topic}-{path.name}").write_bytes(prefix + path.read_bytes())


if __name__ == "__main__":
    main(sys.argv)
