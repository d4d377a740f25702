# SPDX-License-Identifier: Apache-2.0
"""Section *mappers*: how fast messages of platforms become records, in one process on one core.

Beside each stands the floor: the same bodies decoded and encoded as JSON, without any meaning.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import msgspec

from benchmarks.bench import Bench
from benchmarks.errors import WrongOutput
from benchmarks.report import Row, SectionResult
from connectors.inbound.bigcommerce import BigCommerceSettings, BigCommerceSource
from connectors.inbound.contract import Learned, Message, Source
from connectors.inbound.klaviyo_catalog import KlaviyoCatalogSettings, KlaviyoCatalogSource
from connectors.inbound.magento import MagentoSettings, MagentoSource
from connectors.inbound.saleor import SaleorSettings, SaleorSource
from connectors.inbound.scayle import ScayleSettings, ScayleSource
from connectors.inbound.shopify import ShopifySource
from connectors.inbound.shopify_settings import ShopifySettings
from schemas.timestamps import format_timestamp

__all__ = ["MapperJob", "jobs", "measure", "run"]

_DIFFERENT = 1_000
_ITEM = 271_878_346_596_884_015
_VARIANTS = 10


@dataclass(frozen=True, slots=True)
class MapperJob:
    """Messages of one kind, for a source that knows what it must.

    Attributes:
        name: for people.
        records: that each message comes to.
    """

    name: str
    source: Source
    messages: Sequence[Message]
    records: int = 1


def run(bench: Bench) -> SectionResult:
    """Let each source read its messages, and the floor the same bodies, in every round.

    Raises:
        WrongOutput: a message did not come to its records.
    """
    sizes = bench.options.sizes
    events = sizes.engine
    found = jobs(bench.started_at)
    runs: dict[str, list[tuple[float, float]]] = {job.name: [] for job in found}
    for _ in range(sizes.rounds):
        for job in found:
            bench.say(f"mappers: {job.name}")
            runs[job.name].append(measure(job, events))
    return SectionResult(
        name="mappers",
        title=f"mappers: {events:,} records of each platform, one core",
        rows=[row for job in found for row in _rows(job, runs[job.name], events)],
        notes=[
            "Per second of CPU. Floor: msgspec's decode and encode of the same bodies, untyped.",
            "Checked: every message came to its records, and nothing was refused.",
        ],
        sizes={"records": events, "messages": _DIFFERENT},
    )


def jobs(started_at: int) -> list[MapperJob]:
    """Make messages of each kind, all different.

    Args:
        started_at: about when they arrive, in epoch milliseconds.
    """
    shopify = ShopifySource(ShopifySettings(), "shopify")
    for number in range(_DIFFERENT):
        shopify.learn(Learned(str(_ITEM + number), f"$shopify:::$default:::{number}"))
    return [
        MapperJob(
            "shopify levels", shopify, _messages(_level, started_at, "inventory_levels/update")
        ),
        MapperJob(
            f"shopify products of {_VARIANTS}",
            ShopifySource(ShopifySettings(), "shopify"),
            _messages(_product, started_at, "products/update"),
            _VARIANTS,
        ),
        MapperJob(
            "bigcommerce",
            BigCommerceSource(BigCommerceSettings(), "bigcommerce"),
            _messages(_hook, started_at),
        ),
        MapperJob(
            "klaviyo catalogue",
            KlaviyoCatalogSource(KlaviyoCatalogSettings(), "klaviyo"),
            _messages(_patch, started_at),
        ),
        MapperJob(
            "scayle", ScayleSource(ScayleSettings(), "scayle"), _messages(_event, started_at)
        ),
        MapperJob(
            "magento stock items",
            MagentoSource(MagentoSettings(catalog="1-1"), "magento"),
            _messages(_stock_item, started_at),
        ),
        MapperJob(
            "saleor, two warehouses",
            SaleorSource(SaleorSettings(), "saleor"),
            _messages(_stock, started_at),
            3,
        ),
    ]


def measure(job: MapperJob, records: int) -> tuple[float, float]:
    """Measure a source and the floor once.

    Args:
        job: what is read.
        records: how many records it is to come to.

    Returns:
        CPU seconds of each.

    Raises:
        WrongOutput: a message did not come to its records.
    """
    count = max(records // job.records, 1)
    mapper = _cpu(lambda: _map(job, count))
    floor = _cpu(lambda: _floor(job, count))
    return mapper, floor


def _map(job: MapperJob, count: int) -> None:
    map_one, wanted = job.source.map, job.records
    for message in islice(cycle(job.messages), count):
        if len(map_one(message).records) != wanted:
            raise WrongOutput(f"mappers: {job.name}: {map_one(message)}")


def _floor(job: MapperJob, count: int) -> None:
    decode, encode = msgspec.json.decode, msgspec.json.encode
    for message in islice(cycle(job.messages), count):
        encode(decode(message.body))


def _cpu(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _rows(job: MapperJob, runs: Sequence[tuple[float, float]], records: int) -> Iterator[Row]:
    rates = [records / mapper for mapper, _ in runs]
    floors = [records / floor for _, floor in runs]
    shares = [floor / mapper for mapper, floor in runs]
    yield Row(job.name, "records per second of CPU", "1/s", rates, 0)
    yield Row(job.name, "the floor's", "1/s", floors, 0)
    yield Row(job.name, "share of the floor", "x", shares)


def _messages(
    make: Callable[[int, int], object], started_at: int, topic: str = ""
) -> list[Message]:
    headers = {"host": "127.0.0.1"}
    found = []
    for number in range(_DIFFERENT):
        at = (started_at // 1000 - _DIFFERENT + number) * 1000
        if topic:
            headers = {
                "x-shopify-topic": topic,
                "x-shopify-event-id": f"event-{number}",
                "x-shopify-triggered-at": format_timestamp(at + 877).replace("Z", "041743Z"),
            }
        body = json.dumps(make(number, at)).encode()
        found.append(Message(body, started_at, headers))
    return found


def _level(number: int, at: int) -> object:
    item = _ITEM + number
    return {
        "inventory_item_id": item,
        "location_id": 655_441_491,
        "available": number % 7,
        "updated_at": _with_offset(at),
        "admin_graphql_api_id": f"gid://shopify/InventoryLevel/655441491?inventory_item_id={item}",
    }


def _product(number: int, at: int) -> object:
    first = number * _VARIANTS
    variants = [
        {
            "id": first + place,
            "product_id": number,
            "title": f"Size {place}",
            "price": "129.00",
            "inventory_policy": "deny",
            "inventory_management": "shopify",
            "inventory_item_id": _ITEM + first + place,
            "inventory_quantity": place,
            "image_id": None,
            "updated_at": _with_offset(at),
        }
        for place in range(_VARIANTS)
    ]
    return {
        "id": number,
        "title": "Winter coat",
        "handle": "winter-coat",
        "status": "active",
        "published_at": _with_offset(at),
        "updated_at": _with_offset(at),
        "tags": "coats, warm",
        "variants": variants,
    }


def _hook(number: int, at: int) -> object:
    inventory = {"product_id": 206, "method": "absolute", "value": number % 7, "variant_id": number}
    return {
        "scope": "store/sku/inventory/updated",
        "store_id": "1025646",
        "data": {"type": "sku", "id": 461, "inventory": inventory},
        "hash": f"{number:040x}",
        "created_at": at // 1000,
        "producer": "stores/abc",
    }


def _patch(number: int, _at: int) -> object:
    attributes = {
        "title": "Coat M",
        "inventory_policy": 1,
        "inventory_quantity": number % 7,
        "price": 129.5,
        "url": "https://shop.example/coat",
        "published": True,
    }
    name = f"$custom:::$default:::SKU-{number}"
    return {"data": {"type": "catalog-variant", "id": name, "attributes": attributes}}


def _event(number: int, at: int) -> object:
    return {
        "key": f"key-{number}",
        "occurredAt": format_timestamp(at),
        "meta": {"tenantKey": "example"},
        "type": "product-variant-stock-updated",
        "payload": {
            "productVariant": {"id": number, "referenceKey": f"COAT-{number}"},
            "product": {"id": 7, "referenceKey": "COAT"},
            "warehouse": {"id": 1, "referenceKey": "berlin"},
            "quantity": number % 7,
            "sellableWithoutStock": False,
            "merchantReferenceKey": "own",
        },
    }


def _stock(number: int, at: int) -> object:
    stocks = [
        {"quantity": 10, "quantityAllocated": number % 7, "warehouse": {"id": warehouse}}
        for warehouse in ("V2FyZWhvdXNlOjE=", "V2FyZWhvdXNlOjI=")
    ]
    variant = {"id": f"variant-{number}", "sku": f"COAT-{number}", "trackInventory": True}
    return {
        "__typename": "ProductVariantStockUpdated",
        "issuedAt": format_timestamp(at),
        "productVariant": variant | {"name": "M", "stocks": stocks},
    }


def _stock_item(number: int, _at: int) -> object:
    return {
        "item_id": number,
        "product_id": number,
        "stock_id": 1,
        "qty": number % 7,
        "is_in_stock": True,
        "is_qty_decimal": False,
        "min_qty": 0,
        "backorders": 0,
        "use_config_manage_stock": True,
        "manage_stock": True,
    }


def _with_offset(at: int) -> str:
    return format_timestamp(at).removesuffix(".000Z") + "+00:00"
