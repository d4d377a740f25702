# SPDX-License-Identifier: Apache-2.0
"""Messages of platforms, and a source of each kind to read them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from connectors.inbound.bigcommerce import BigCommerceSettings, BigCommerceSource
from connectors.inbound.centra import CentraSettings, CentraSource
from connectors.inbound.contract import Learned, Mapped, Message, Source
from connectors.inbound.klaviyo_catalog import KlaviyoCatalogSettings, KlaviyoCatalogSource
from connectors.inbound.magento import MagentoSettings, MagentoSource
from connectors.inbound.saleor import SaleorSettings, SaleorSource
from connectors.inbound.scayle import ScayleSettings, ScayleSource
from connectors.inbound.shopify import ShopifySource
from connectors.inbound.shopify_settings import ShopifySettings
from schemas.decode import decode_inventory
from schemas.timestamps import parse_timestamp

__all__ = ["NOW", "SOURCES", "ms", "reasons", "said", "sample", "values"]

NOW = parse_timestamp("2026-11-21T12:00:00Z")
"""When messages arrive."""

_SAMPLES = Path(__file__).parents[1] / "samples"


def sample(name: str) -> bytes:
    """The bytes of a file in `tests/samples`."""
    return (_SAMPLES / name).read_bytes()


def said(body: object, place: str = "", **headers: str) -> Message:
    """A message as it arrives.

    Args:
        body: bytes, or what becomes JSON.
        place: the last part of its address.
        headers: with `_` for `-`.
    """
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Message(raw, NOW, named, place)


def values(mapped: Mapped) -> list[dict[str, Any]]:
    """The records, each held against the contract, and keyed by its variant."""
    for record in mapped.records:
        assert record.variant_id == decode_inventory(record.value, NOW).variant_id
    return [json.loads(record.value) for record in mapped.records]


def reasons(mapped: Mapped) -> list[str]:
    """Why things were refused."""
    return [refusal.reason for refusal in mapped.refusals]


def ms(text: str) -> int:
    """Epoch milliseconds."""
    return parse_timestamp(text)


def _shopify(figures: str) -> Source:
    source = ShopifySource(ShopifySettings.model_validate({"figures": figures}), "shopify")
    source.learn(Learned("1", "$shopify:::$default:::1", "1"))
    return source


def _bigcommerce() -> Source:
    settings = BigCommerceSettings(products="id", relative="add")
    return BigCommerceSource(settings, "bigcommerce")


SOURCES: dict[str, Callable[[], Source]] = {
    "shopify": lambda: _shopify("locations"),
    "shopify_totals": lambda: _shopify("totals"),
    "bigcommerce": _bigcommerce,
    "klaviyo": lambda: KlaviyoCatalogSource(KlaviyoCatalogSettings(location="shop"), "klaviyo"),
    "magento": lambda: MagentoSource(MagentoSettings(catalog="1-1", time="at"), "magento"),
    "magento_sources": lambda: MagentoSource(
        MagentoSettings(catalog="1-1", variant="sku", figures="sources"), "magento"
    ),
    "centra": lambda: CentraSource(CentraSettings(markets=["SE_00"], yes=1), "centra"),
    "saleor": lambda: SaleorSource(SaleorSettings(), "saleor"),
    "scayle": lambda: ScayleSource(ScayleSettings(), "scayle"),
}
"""Makes a source of each kind, and of each way in which it can be set."""
