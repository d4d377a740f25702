# SPDX-License-Identifier: Apache-2.0
"""In which order what comes of messages is made safe."""

import json
from collections.abc import Sequence

from connectors.inbound.contract import Learned, Message, Source
from connectors.inbound.records import StockRecord
from connectors.inbound.shopify import ShopifySource
from connectors.inbound.shopify_settings import ShopifySettings
from restock.ingesting_taking import Taker
from tests.support.platforms import NOW, said

ITEM, VARIANT = "7", "$shopify:::$default:::70"


class Diary:
    """What is written and kept, in order; a `Receiver` and a `Memory`."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, records: Sequence[StockRecord]) -> None:
        """Write down records: which variant has which figure."""
        for record in records:
            self.lines.append(f"{record.variant_id}: {json.loads(record.value)['quantity']}")

    def flush(self) -> None:
        """Write down that all is safe."""
        self.lines.append("safe")

    def tell(self, source: Source) -> None:
        """Nothing is known from elsewhere."""

    def keep(self, learned: Sequence[Learned]) -> None:
        """Write down what was learned."""
        self.lines += [f"{each.item_id} is {each.variant_id}" for each in learned]


def product(*, with_variant: bool, at: str) -> Message:
    """A product with one variant, or with none."""
    variants = [{"id": 70, "inventory_item_id": int(ITEM)}] if with_variant else []
    body = {"id": 1, "variants": variants, "updated_at": at}
    return said(body, x_shopify_topic="products/update")


def test_an_item_is_forgotten_only_when_the_removal_of_its_figures_is_safe() -> None:
    """A process that is killed in between must find it again, or nothing would be removed."""
    diary = Diary()
    source = ShopifySource(ShopifySettings(), "shopify")
    taker = Taker(source, diary, lambda: NOW, memory=diary)
    taker.take(product(with_variant=True, at="2026-11-20T09:00:00Z"))
    taker.take(product(with_variant=False, at="2026-11-20T10:00:00Z"))
    taker.flush()
    assert [
        f"{ITEM} is {VARIANT}",
        f"{VARIANT}: 0",
        f"{VARIANT}: None",
        "safe",
        f"{ITEM} is None",
        "safe",
    ] == diary.lines


def test_an_item_that_is_back_before_that_is_not_forgotten() -> None:
    """The last that was learned of it counts."""
    diary = Diary()
    taker = Taker(ShopifySource(ShopifySettings(), "shopify"), diary, lambda: NOW, memory=diary)
    for hour, with_variant in enumerate((True, False, True)):
        taker.take(product(with_variant=with_variant, at=f"2026-11-20T{hour:02}:00:00Z"))
    taker.flush()
    assert f"{ITEM} is None" not in diary.lines
    assert "safe" == diary.lines[-1]
