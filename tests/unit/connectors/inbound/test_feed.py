# SPDX-License-Identifier: Apache-2.0
"""Catalogue feeds in JSON and XML: read whole, or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.errors import InboundError
from connectors.inbound.contract import Message
from connectors.inbound.feed import Feed, FeedSource
from connectors.inbound.feed_settings import FeedSettings
from schemas.records import Inventory
from schemas.validation import validate_record

SAMPLE = Path(__file__).parents[3] / "samples" / "klaviyo_custom_catalog_example.json"
AT = 1_763_640_000_000
PREFIX = "$custom:::$default:::"

BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<items><item><id>&b;</id><inventory_quantity>1</inventory_quantity></item></items>"""
EXTERNAL = """<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>
<items><item><id>&e;</id><inventory_quantity>1</inventory_quantity></item></items>"""
PARAMETER = '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]><items/>'
DOCTYPE = '<!DOCTYPE items SYSTEM "http://127.0.0.1/items.dtd"><items/>'

GOOGLE = """<?xml version="1.0"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel>
<title>Shop</title>
<item><g:id>A-1</g:id><title> Coat </title><g:price currency="SEK">10.50</g:price>
  <g:stock><g:now>4</g:now></g:stock></item>
<item><g:id>A-2</g:id><title/><g:stock><g:now>0.000</g:now></g:stock></item>
</channel></rss>"""


def source(**fields: Any) -> FeedSource:  # noqa: ANN401 - settings differ
    """A source with these settings."""
    return FeedSource(FeedSettings.model_validate(fields), "shop")


def read(body: bytes | str | object, **fields: Any) -> Feed:  # noqa: ANN401 - as above
    """What a feed says."""
    if isinstance(body, str):
        body = body.encode()
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    feed = source(**fields).read(content, AT)
    for variant_id, (quantity, record) in feed.records.items():
        value = validate_record(Inventory, record.value)
        assert (variant_id, quantity, AT) == (value.variant_id, value.quantity, value.occurred_at)
    return feed


def figures(feed: Feed) -> dict[str, int]:
    """The figures by the external part of their ids."""
    return {
        name.removeprefix(PREFIX): quantity for name, (quantity, _record) in feed.records.items()
    }


def test_the_example_that_klaviyo_publishes() -> None:
    """With the default fields; whether an item is shown when sold out plays no part."""
    feed = read(SAMPLE.read_bytes())
    assert {"KLAVIYO-TSHIRT1": 25, "KLAVIYO-TSHIRT3": 0} == figures(feed)
    assert [] == feed.refusals
    _, record = feed.records[PREFIX + "KLAVIYO-TSHIRT1"]
    value = json.loads(record.value)
    assert {"variant_id", "quantity", "occurred_at", "product", "source"} == value.keys()
    assert "feed:shop" == value["source"]
    assert {"title", "url", "image_url", "price"} == value["product"].keys()
    assert (10, "Classic Klaviyo T-Shirt 1") == (
        value["product"]["price"],
        value["product"]["title"],
    )


def test_a_list_within_an_object_with_other_names() -> None:
    """`items` and `fields` say what things are called; large ids keep their digits."""
    body = {"meta": {"n": 1}, "data": {"products": [{"sku": 271878346596884015, "q": {"now": 3}}]}}
    feed = read(body, items="data/products", fields={"id": "sku", "quantity": "q/now"})
    assert {"271878346596884015": 3} == figures(feed)


def test_xml_as_google_writes_it() -> None:
    """Namespaces are dropped; numbers are text; attributes have an @ in front."""
    feed = read(
        GOOGLE,
        items="item",
        fields={"quantity": "stock/now", "currency": "price/@currency"},
    )
    assert {"A-1": 4, "A-2": 0} == figures(feed)
    products = [json.loads(record.value).get("product") for _, record in feed.records.values()]
    assert [{"title": "Coat", "currency": "SEK", "price": "10.50"}, None] == products


def test_the_children_of_the_root_are_the_items() -> None:
    """Where nothing else is said; of elements that repeat the last counts."""
    body = (
        '<items v="1"><item id="A"><inventory_quantity>1</inventory_quantity>'
        "<inventory_quantity>2</inventory_quantity></item></items>"
    )
    assert {"A": 2} == figures(read(body, fields={"id": "@id"}))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_xml_in_other_encodings(encoding: str) -> None:
    """As it declares them."""
    name = encoding.removesuffix("-sig")
    body = f'<?xml version="1.0" encoding="{name}"?><i><x><id>Grün</id><q>1</q></x></i>'
    assert {"Grün": 1} == figures(read(body.encode(encoding), fields={"quantity": "q"}))


def test_json_with_a_byte_order_mark() -> None:
    """Some programs cannot help writing one."""
    assert 2 == len(read(b"\xef\xbb\xbf" + SAMPLE.read_bytes()).records)


@pytest.mark.parametrize("body", [BOMB, EXTERNAL, PARAMETER, DOCTYPE])
def test_entities_and_document_types_are_refused(body: str) -> None:
    """In one line, and nothing is opened."""
    with pytest.raises(InboundError, match="declares a document type or entities"):
        read(body)


@pytest.mark.parametrize(
    "body",
    [
        SAMPLE.read_bytes(),
        GOOGLE.replace("g:stock><g:now", "q").replace("g:now></g:stock", "q").encode(),
    ],
    ids=["json", "xml"],
)
def test_a_feed_that_is_cut_is_refused_wherever(body: bytes) -> None:
    """Nothing of it is applied, however much was there."""
    whole = body.rstrip()
    for end in range(1, len(whole)):
        with pytest.raises(InboundError, match=r"cut short or malformed|is no list of items"):
            source(items=None if whole[:1] == b"[" else "item").read(whole[:end], AT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[{}] x",
        b'{"items": 5}',
        b"5",
        b'["\xff"]',
        b"<a><b></a>",
        b"<a>\x00</a>",
        b"<a>" * 200 + b"</a>" * 200,
        b'<?xml version="1.0" encoding="shift_jis"?><a/>',
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
        b"[" * 100_000,
        b"[" + b"[" * 10_000 + b"]" * 10_000 + b"]",
    ],
)
def test_what_is_no_feed_is_refused(body: bytes) -> None:
    """Always the same kind of error, in one line."""
    with pytest.raises(InboundError) as caught:
        read(body)
    assert 1 == len(str(caught.value).splitlines())


def test_a_list_that_is_not_there_is_named() -> None:
    """The remedy is a setting."""
    with pytest.raises(InboundError, match="no list 'items'"):
        read({"products": []}, items="items")


def test_a_feed_that_is_too_large_is_refused() -> None:
    """By the setting that it names."""
    with pytest.raises(InboundError, match="raise `max_bytes`"):
        read(b"[                ]", max_bytes=10)


def test_items_that_are_not_right_are_refused_one_by_one() -> None:
    """The others count; what is refused is known to be there all the same."""
    feed = read(
        [
            {"id": "A", "inventory_quantity": 1},
            {"inventory_quantity": 1},
            {"id": "B", "inventory_quantity": "1"},
            {"id": "C"},
            {"id": "D", "inventory_quantity": None},
            {"id": "A", "inventory_quantity": 2},
            "E",
            {"id": "F", "inventory_quantity": 2.5, "price": None, "title": 7, "link": ["x"]},
        ]
    )
    assert {"A": 1, "F": 2} == figures(feed)
    assert [
        "missing_field",
        "wrong_shape",
        "missing_field",
        "wrong_shape",
        "duplicate_id",
        "missing_field",
    ] == [refusal.reason for refusal in feed.refusals]
    assert "item 1: id: missing or empty" == feed.refusals[0].detail
    assert {PREFIX + name for name in "ABCDF"} == feed.mentioned


def test_numbers_in_text_are_taken_where_the_settings_say_so() -> None:
    """In JSON; in XML there is nothing else."""
    body = [{"id": "A", "inventory_quantity": " 7.000 "}]
    assert {"A": 7} == figures(read(body, numbers_in_text=True))


def test_a_feed_is_a_source_like_any_other() -> None:
    """Sent as a message it comes to records of the time at which it came."""
    one = source()
    found = one.map(Message(SAMPLE.read_bytes(), AT))
    assert 2 == len(found.records)
    assert ["broken_feed"] == [refusal.reason for refusal in one.map(Message(b"[", AT)).refusals]
    assert "no_items" == one.map(Message(b"[]", AT)).ignored
    assert one.is_authentic(Message(b"", AT))
    assert None is one.event_id(Message(b"", AT))


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "http://shop.example/feed"},
        {"url": "ftp://shop.example"},
        {"url": "https://u:p@shop.example"},
        {"url": "https://shop.example", "headers": {"host": "x"}},
        {"max_absent": 1.5},
        {"fields": {"id": ""}},
        {"absent": "delete"},
    ],
)
def test_settings_that_make_no_sense_are_refused(fields: dict[str, object]) -> None:
    """Before anything is fetched."""
    with pytest.raises(ValidationError):
        FeedSettings.model_validate(fields)


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"[", b"<a>", b'[{"id":']))
def test_no_bytes_make_it_raise_anything_else(body: bytes, beginning: bytes) -> None:
    """Every document comes to an answer."""
    found = source().map(Message(beginning + body, AT))
    assert found.refusals or found.ignored or found.records
