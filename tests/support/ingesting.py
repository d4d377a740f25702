# SPDX-License-Identifier: Apache-2.0
"""Hands for tests of `restock ingest` on a broker."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from connectors.inbound.mapping import MappingSettings, MappingSource
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.writer import Writer
from restock.ingesting import ingest
from restock.ingesting_taking import Taker, Written
from restock.ingesting_topics import Letters, TopicRun, group_of
from restock.ingesting_wanted import Wanted
from restock.settings import Settings
from restock.sources import read_source
from tests.support.kafka import produce, read, values

AT = 1_763_640_000_000
CLOCK = AT + 5_000
MAPPING = MappingSettings(
    variant_id="/sku", quantity="/stock", occurred_at="/at", time_format="epoch_ms",
    variant_prefix="",
)  # fmt: skip


def message(sku: str, stock: object, at: int = AT) -> bytes:
    """What a shop writes."""
    return json.dumps({"sku": sku, "stock": stock, "at": at}).encode()


class Shop:
    """Topics of stock and of what a platform says.

    Attributes:
        kafka: how to reach them.
        inbox: what the platform says.
        inventory: of stock.
        items: of which item is which variant.
    """

    def __init__(self, kafka: KafkaSettings, inbox: str, inventory: str, items: str) -> None:
        self.kafka = kafka
        self.inbox = inbox
        self.inventory = inventory
        self.items = items

    @property
    def group(self) -> str:
        """Of a source `erp`."""
        return group_of(self.kafka, "erp")

    def settings(self, **ingest_tables: dict[str, Any]) -> Settings:
        """The program's settings with these tables."""
        return Settings(
            kafka=self.kafka.model_dump(),
            topics={"inventory": self.inventory, "items": self.items},
            ingest=ingest_tables,
        )

    def run(self, name: str, wanted: Wanted, **tables: dict[str, Any]) -> None:
        """Runs the command to its end."""
        settings = self.settings(**tables)
        ingest(settings, read_source(settings, name), wanted)

    def say(self, *bodies: bytes | None) -> None:
        """The platform says something."""
        produce(self.kafka.bootstrap_servers, self.inbox, [(b"k", body) for body in bodies])

    def stock(self) -> dict[str, int]:
        """The figures in the topic of stock, the last of each variant."""
        found = [json.loads(value or b"") for value in values(read(self.kafka, self.inventory))]
        return {value["variant_id"]: value["quantity"] for value in found}


class Reading:
    """A run over a topic in a thread of its own, stopped by hand.

    Args:
        shop: whose topics.
        taker: made with the writer.
    """

    def __init__(self, shop: Shop, taker: Callable[[Writer], Taker] | None = None) -> None:
        self.stop = threading.Event()
        self.writer = Writer(shop.kafka)
        make = taker or (
            lambda writer: Taker(
                MappingSource(MAPPING), Written(writer, shop.inventory), lambda: CLOCK
            )
        )
        self.taker = make(self.writer)
        letters = Letters(self.writer, shop.inventory, shop.group)
        self._run = TopicRun(shop.kafka, "erp", shop.inbox, self.taker, letters)
        self.error: Exception | None = None

    def run(self) -> None:
        """Read until stopped."""
        try:
            self._run.run(self.stop)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error


@contextmanager
def reading(shop: Shop, taker: Callable[[Writer], Taker] | None = None) -> Iterator[Reading]:
    """A run that is stopped when the block ends."""
    one = Reading(shop, taker)
    thread = threading.Thread(target=one.run)
    thread.start()
    try:
        yield one
    finally:
        one.stop.set()
        thread.join()
        one.writer.close()
