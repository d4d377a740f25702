# SPDX-License-Identifier: Apache-2.0
"""Files of which item is which variant."""

from pathlib import Path

import pytest

from connectors.errors import InboundError
from connectors.inbound.bigcommerce import BigCommerceSettings
from connectors.inbound.contract import Learned
from connectors.inbound.magento import MagentoSettings
from connectors.inbound.shopify_settings import ShopifySettings

VARIANT = "$shopify:::$default:::45612961333528"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.csv",
            "\ufeffproduct_id,inventory_item_id,variant_id\r\n,7,45612961333528\r\n9,8,x:::y:::z\r\n",
        ),
        (
            "a.jsonl",
            """{"inventory_item_id": 7, "variant_id": 45612961333528, "sku": "a"}

            {"inventory_item_id": "8", "variant_id": "x:::y:::z", "product_id": 9}
            """,
        ),
    ],
)
def test_a_file_has_an_item_a_line(tmp_path: Path, name: str, text: str) -> None:
    """Variants as the platform writes them, or in our form."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert [Learned("7", VARIANT), Learned("8", "x:::y:::z", "9")] == ShopifySettings(
        items=path
    ).read_items()


def test_each_platform_has_its_own_items(tmp_path: Path) -> None:
    """BigCommerce joins products, Magento SKUs."""
    path = tmp_path / "a.csv"
    path.write_text("product_id,variant_id,sku\n311,742,COAT-M\n")
    assert [Learned("311", "$bigcommerce:::$default:::742", "311")] == BigCommerceSettings(
        items=path
    ).read_items()
    assert [Learned("COAT-M", "$magento_two:::2-2:::742", "311")] == MagentoSettings(
        items=path, catalog="2-2"
    ).read_items()


def test_without_a_file_nothing_is_known() -> None:
    """It is optional."""
    for settings in (ShopifySettings(), BigCommerceSettings(), MagentoSettings(catalog="1-1")):
        assert [] == settings.read_items()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", b"item,variant_id\n1,2\n", "entry 1: needs inventory_item_id and variant_id"),
        ("a.csv", b"inventory_item_id,variant_id\n1,2\n3\n", "entry 2: needs"),
        ("a.csv", b"inventory_item_id,variant_id\n1,\n", "entry 1: variant_id must be of 1 to 255"),
        ("a.csv", b"inventory_item_id,variant_id\n1,\xff\n", "utf-8"),
        ("a.jsonl", b'{"inventory_item_id": 1, "variant_id": 2}\n{', "entry 2: "),
        ("a.jsonl", b'{"inventory_item_id": 1.5, "variant_id": 2}\n', "entry 1: "),
        ("a.jsonl", b"[" * 50_000, "entry 1: "),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    """By its number; nothing of the file is taken."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InboundError, match=problem):
        ShopifySettings(items=path).read_items()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """With what is wrong."""
    with pytest.raises(InboundError, match=r"none\.csv: No such file"):
        ShopifySettings(items=tmp_path / "none.csv").read_items()
