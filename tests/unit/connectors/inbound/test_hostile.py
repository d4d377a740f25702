# SPDX-License-Identifier: Apache-2.0
"""Whatever strangers send: every source answers, and what it makes is valid."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.inbound.contract import Mapped
from tests.support.platforms import NOW, SOURCES, reasons, said, sample, values

HEADERS = {
    "shopify": {"x_shopify_topic": "products/update"},
    "shopify_totals": {"x_shopify_topic": "products/update"},
}
LEVEL = {"inventory_item_id": 1, "location_id": 2, "available": 3}
VALID: dict[str, Any] = {
    "shopify": json.loads(sample("shopify_products_update.json")),
    "shopify_totals": json.loads(sample("shopify_products_update.json")),
    "bigcommerce": json.loads(sample("bigcommerce_store_sku_inventory_updated.json")),
    "klaviyo": json.loads(sample("klaviyo_catalog_variant_patch.json")),
    "magento": json.loads(sample("magento_stock_item.json")) | {"at": NOW},
    "magento_sources": json.loads(sample("magento_source_items.json")),
    "centra": json.loads(sample("centra_product.json")),
    "saleor": json.loads(sample("saleor_stock_updated.json")),
    "scayle": json.loads(sample("scayle_stock_updated.json")),
}
SHOPIFY = (
    "inventory_levels/update",
    "inventory_levels/disconnect",
    "products/update",
    "products/delete",
    "inventory_items/delete",
)
TOPICS = {
    "shopify": SHOPIFY,
    "shopify_totals": SHOPIFY,
    "saleor": ("product_variant_deleted", "product_variant_back_in_stock"),
}
SPOILS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(
        [
            "",
            "\x00",
            "\ud800",
            "relative",
            "2026-11-20T09:00:00Z",
            "2099-01-01T00:00:00Z",
            10**400,
            2**63,
            -(2**53),
            [],
            {},
        ]
    )
)
NAMES = st.sampled_from(
    [
        "id", "variants", "products", "inventory_levels", "inventory_item_id", "location_id",
        "available", "updated_at", "data", "type", "attributes", "scope", "inventory", "value",
        "items", "item", "stock", "stockItem", "sku", "qty", "payload", "productVariant", "event",
        "occurredAt", "issuedAt", "stocks", "warehouse", "quantity", "source_code", "product",
    ]
)  # fmt: skip
STEADY = settings(deadline=None, derandomize=True, database=None)
every_source = pytest.mark.parametrize("kind", SOURCES)


@every_source
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"nul", "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b'{"a": "\xff"}', "undecodable"),
        (b'{"a": "\xed\xa0\x80"}', "undecodable"),
        (b"\xef\xbb\xbf{}", "undecodable"),
        ('{"ä": 1}'.encode("utf-16"), "undecodable"),
        (b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "too_deep"),
        (b'{"a":' * 50_000, "too_deep"),
    ],
    ids=range(10),
)
def test_what_is_no_json_is_refused(kind: str, body: bytes, reason: str) -> None:
    """With the reason, in the same words for all."""
    message = said(body, **HEADERS.get(kind, {}))
    assert [reason] == reasons(SOURCES[kind]().map(message))


@every_source
def test_ten_megabytes_are_read_like_any_other(kind: str) -> None:
    """Text that nobody looks at is passed over; text that is too long for a page left out."""
    valid = VALID[kind]
    body = valid | {"zzz": "x" * 10_000_000, "title": "x" * 10_000_000}
    mapped = _map(kind, body)
    assert len(_map(kind, valid).records) == len(values(mapped))
    assert all(len(record.value) < 2_000 for record in mapped.records)


@every_source
def test_of_duplicate_keys_the_last_counts(kind: str) -> None:
    """The first may say anything of the same types."""
    first, last = json.dumps(_others(VALID[kind])), json.dumps(VALID[kind])
    expected = values(_map(kind, VALID[kind]))
    assert expected == values(_map(kind, f"{first[:-1]}, {last[1:]}".encode()))
    assert expected


@every_source
def test_nothing_may_stand_behind_it(kind: str) -> None:
    """A body is one JSON text."""
    body = json.dumps(VALID[kind]).encode()
    assert ["not_json"] == reasons(_map(kind, body + b" {}"))


@every_source
@pytest.mark.parametrize("bad", ["\x00", "", "a\nb", "x" * 256, "\x9f"])
def test_no_bad_id_becomes_a_record(kind: str, bad: str) -> None:
    """Wherever it stands for an id."""
    for name in ("id", "variant_id", "product_id", "sku", "item"):
        values(_map(kind, _replaced(VALID[kind], name, bad)))


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, 2**64 + 1, 10**100, 271878346596884015])
def test_ids_keep_all_their_digits(number: int) -> None:
    """As numbers or as text; one of more than 255 digits is refused."""
    for written in (number, str(number)):
        product = {"id": 5, "variants": [{"id": written}]}
        [value] = values(_map("shopify", product))
        assert f"$shopify:::$default:::{number}" == value["variant_id"]
    assert ["unfit_id"] == reasons(_map("shopify", {"id": 5, "variants": [{"id": 10**255}]}))
    assert ["wrong_shape"] == reasons(_map("shopify", {"id": 1.5, "variants": []}))


@every_source
def test_a_replayed_message_says_the_same_again(kind: str) -> None:
    """With the same key, so that it changes nothing."""
    source = SOURCES[kind]()
    message = said(VALID[kind], **HEADERS.get(kind, {}))
    first, again = (_without_sequence(kind, values(source.map(message))) for _ in range(2))
    assert first == again
    assert first


@every_source
@settings(STEADY)
@given(body=st.binary(max_size=200))
def test_no_bytes_make_it_raise(kind: str, body: bytes) -> None:
    """They come to refusals, or to nothing."""
    _all_answers(kind, body)


@every_source
@settings(STEADY, max_examples=50)
@given(spoils=st.lists(st.tuples(st.integers(0, 10_000), SPOILS), min_size=1, max_size=4))
def test_no_json_makes_it_raise(kind: str, spoils: list[tuple[int, object]]) -> None:
    """A right body with some of its values replaced by anything."""
    body = copy.deepcopy(VALID[kind])
    for number, value in spoils:
        spots = list(_spots(body))
        place, name = spots[number % len(spots)]
        place[name] = value
    _all_answers(kind, json.dumps(body).encode())


@every_source
@settings(STEADY, max_examples=30)
@given(body=st.recursive(SPOILS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)))
def test_no_other_json_makes_it_raise(kind: str, body: object) -> None:
    """Whatever its shape, with names that platforms use."""
    _all_answers(kind, json.dumps(body).encode())


def _all_answers(kind: str, body: bytes) -> None:
    """Ask everything of a source, by every topic that it knows."""
    source = SOURCES[kind]()
    for topic in (None, *TOPICS[kind]) if kind in TOPICS else (None,):
        headers = {} if topic is None else {"x_shopify_topic": topic, "saleor_event": topic}
        message = said(body, **headers, x_shopify_event_id="e")
        source.is_authentic(message)
        source.event_id(message)
        mapped = source.map(message)
        values(mapped)
        for learned in mapped.learned:
            source.learn(learned)
        assert mapped.records or mapped.refusals or mapped.learned or mapped.ignored


def _map(kind: str, body: object) -> Mapped:
    return SOURCES[kind]().map(said(body, **HEADERS.get(kind, {})))


def _spots(body: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - JSON
    """Every place in JSON where a value stands."""
    for name in list(body) if isinstance(body, dict) else range(len(body)):
        yield body, name
        if isinstance(body[name], dict | list):
            yield from _spots(body[name])


def _others(body: Any) -> object:  # noqa: ANN401 - JSON
    """The same shape with other texts and numbers."""
    changed = copy.deepcopy(body)
    for place, name in list(_spots(changed)):
        if isinstance(place[name], str | int) and not isinstance(place[name], bool):
            place[name] = type(place[name])(8)
    return changed


def _replaced(body: Any, name: str, value: str) -> object:  # noqa: ANN401 - JSON
    changed = copy.deepcopy(body)
    for place, each in list(_spots(changed)):
        if each == name:
            place[each] = value
    return changed


def _without_sequence(kind: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Changes that are added up have a tie-break that counts."""
    return [value | {"sequence": 0} for value in records] if kind == "bigcommerce" else records
