# SPDX-License-Identifier: Apache-2.0
"""Composite ids of variants."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.variants import INTEGRATIONS, compose, fault_of


@pytest.mark.parametrize(
    "variant_id",
    [
        "$custom:::$default:::SAMPLE-DATA-ITEM-1-VARIANT-MEDIUM",
        "$shopify:::$default:::33001893429341",
        "$magento_two:::2-2:::123",
        "$bigcommerce:::$default:::77",
        "$square:::$default:::KX",
        "$wix:::$default:::00000000-0000",
        "$custom:::my shop:::röd:::M",
        "$custom:::$default:::" + "é" * 234,
    ],
)
def test_an_id_of_three_parts_is_one(variant_id: str) -> None:
    """Klaviyo's own examples, and whatever a shop calls its variants."""
    assert fault_of(variant_id) is None


@pytest.mark.parametrize(
    ("variant_id", "says"),
    [
        ("", "has the form"),
        ("SKU-MED", "has the form"),
        ("$custom:::SKU-MED", "has the form"),
        (":::$default:::SKU", "has the form"),
        ("$custom::::::SKU", "has the form"),
        ("$custom:::$default:::", "has the form"),
        ("$custom:::$default::: ", "has the form"),
        ("$etsy:::$default:::SKU", "integration type"),
        ("custom:::$default:::SKU", "integration type"),
        ("$Custom:::$default:::SKU", "integration type"),
        ("$magento_two:::$default:::1", "websiteId-storeId"),
        ("$magento_two:::1:::1", "websiteId-storeId"),
        ("$magento_two:::1-2\n:::1", "websiteId-storeId"),
        ("$magento_two:::\u0661-\u0661:::1", "websiteId-storeId"),
        ("$custom:::$default:::" + "x" * 235, "255 characters"),
        ("$custom:::$default:::SKU\x00", "control"),
        ("$custom:::$default\n:::SKU", "control"),
        ("$custom:::$default:::SKU\x9f", "control"),
    ],
)
def test_it_is_said_what_is_wrong(variant_id: str, says: str) -> None:
    """In words, without the id itself: it may be as long as a body."""
    fault = fault_of(variant_id)
    assert fault is not None
    assert says in fault


@settings(deadline=None, derandomize=True, database=None)
@given(st.sampled_from(sorted(INTEGRATIONS - {"$magento_two"})), st.from_regex(r"\A[!-~]{1,60}\Z"))
def test_what_is_put_together_is_an_id(integration: str, external: str) -> None:
    """Whatever visible characters the shop's own part has."""
    assert fault_of(compose(integration, "$default", external)) is None
