# SPDX-License-Identifier: Apache-2.0
"""Pointers in the settings turn messages of any shape into records."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.inbound.contract import Mapped, Message
from connectors.inbound.mapping import MappingSettings, MappingSource
from schemas.records import Inventory
from schemas.validation import validate_record

ARRIVAL = 1_763_640_000_000
AT = "2025-11-20T12:00:00.000Z"


def source(**fields: Any) -> MappingSource:  # noqa: ANN401 - settings differ
    """A source with these settings beside the usual."""
    usual = {"variant_id": "/sku", "quantity": "/stock", "occurred_at": "/at"}
    return MappingSource(MappingSettings.model_validate(usual | fields), "erp")


def mapped(body: object, **fields: Any) -> Mapped:  # noqa: ANN401 - as above
    """What a message comes to."""
    return source(**fields).map(Message(json.dumps(body).encode(), ARRIVAL))


def only(found: Mapped) -> dict[str, Any]:
    """The only record, which is valid."""
    assert () == found.refusals
    (record,) = found.records
    assert record.variant_id == validate_record(Inventory, record.value).variant_id
    value: dict[str, Any] = json.loads(record.value)
    return value


def reasons(found: Mapped) -> list[str]:
    """Why nothing came of it."""
    assert () == found.records
    return [refusal.reason for refusal in found.refusals]


@pytest.mark.parametrize(
    ("at", "is_refused"), [("2025-11-20T12:10:00.000Z", False), ("2025-11-20T12:10:00.001Z", True)]
)
def test_a_time_that_has_not_come_is_refused(at: str, is_refused: bool) -> None:  # noqa: FBT001
    """The flow would only make a dead letter of its record; clocks may differ by ten minutes."""
    found = mapped({"sku": "A", "stock": 1, "at": at})
    assert (["in_the_future"] if is_refused else []) == [each.reason for each in found.refusals]


@pytest.mark.parametrize("price", [10**400 // 10**92, 2**53, -(2**70)])
def test_a_price_that_not_everybody_reads_alike_is_left_out(price: int) -> None:
    """The figure is taken; a price beyond double range would make it a dead letter."""
    found = only(mapped({"sku": "A", "stock": 1, "at": AT, "p": price}, product={"price": "/p"}))
    assert "product" not in found


def test_a_flat_message() -> None:
    """The least there is to say."""
    assert {
        "variant_id": "$custom:::$default:::A-1",
        "quantity": 7,
        "occurred_at": ARRIVAL,
        "source": "mapping:erp",
    } == only(mapped({"sku": "A-1", "stock": 7, "at": AT}))


def test_items_with_a_time_from_the_root() -> None:
    """Each item becomes a record; `#/` reaches out of it, and one that is wrong keeps no other."""
    found = mapped(
        {
            "sent": 1_763_640_000,
            "data": {"items": [{"v": {"id": 271878346596884015, "n": 3}}, {"v": {"n": 1}}]},
        },
        items="/data/items",
        variant_id="/v/id",
        quantity="/v/n",
        occurred_at="#/sent",
        time_format="epoch_s",
        variant_prefix="shop:",
    )
    (record,) = found.records
    assert "shop:271878346596884015" == record.variant_id
    assert ARRIVAL == json.loads(record.value)["occurred_at"]
    (refusal,) = found.refusals
    assert ("missing_field", "item 1: variant_id: missing or empty") == (
        refusal.reason,
        refusal.detail,
    )


def test_all_that_can_be_mapped() -> None:
    """Tables say what values mean; product fields are carried."""
    body = {
        "sku": 5, "stock": 2.0, "at": "1763640000000", "loc": 9, "seq": "4", "back": True,
        "buy": "Y", "vis": 0, "id": "e1", "name": "Coat", "cost": 9.5, "link": "", "pic": None,
    }  # fmt: skip
    assert {
        "variant_id": "$custom:::$default:::5",
        "quantity": 2,
        "occurred_at": ARRIVAL,
        "location_id": "9",
        "sequence": 4,
        "policy": "continue",
        "available": True,
        "published": False,
        "product": {"title": "Coat", "price": 9.5},
        "event_id": "e1",
        "source": "mapping:erp",
    } == only(
        mapped(
            body,
            time_format="epoch_ms",
            location_id="/loc",
            sequence="/seq",
            policy="/back",
            policy_values={"true": "continue", "false": "deny"},
            available="/buy",
            available_values={"Y": True, "N": False},
            published="/vis",
            published_values={"0": False, "1": True},
            event_id="/id",
            product={"title": "/name", "price": "/cost", "url": "/link", "image_url": "/pic"},
            numbers_in_text=True,
        )
    )


def test_null_removes_a_figure_and_a_missing_one_is_refused() -> None:
    """The two are not the same."""
    assert None is only(mapped({"sku": "A", "stock": None, "at": AT}))["quantity"]
    assert ["missing_field"] == reasons(mapped({"sku": "A", "at": AT}))


def test_arrival_stands_in_only_where_no_time_is_mapped() -> None:
    """A message that lacks the time that it should have is refused."""
    assert ["missing_field"] == reasons(mapped({"sku": "A", "stock": 1}))
    assert ARRIVAL == only(mapped({"sku": "A", "stock": 1}, occurred_at=None))["occurred_at"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"stock": "7"}, "wrong_shape"),
        ({"stock": True}, "wrong_shape"),
        ({"stock": [1]}, "wrong_shape"),
        ({"stock": 1e300}, "out_of_range"),
        ({"sku": 1.5}, "wrong_shape"),
        ({"sku": ""}, "missing_field"),
        ({"sku": "a\x00b"}, "unfit_id"),
        ({"sku": "x" * 300}, "unfit_id"),
        ({"sku": "\ud800"}, "undecodable"),
        ({"at": "2025-11-20 12:00"}, "bad_timestamp"),
        ({"at": 5}, "wrong_shape"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], reason: str) -> None:
    """With a reason of few words."""
    assert [reason] == reasons(mapped({"sku": "A", "stock": 1, "at": AT} | change))


@pytest.mark.parametrize(
    ("value", "milliseconds"), [(1763640000.1239, 123), (1763640000, 0), ("1763640000.5", 500)]
)
def test_seconds_keep_their_milliseconds(value: object, milliseconds: int) -> None:
    """Digits finer than those are cut off."""
    body = {"sku": "A", "stock": 1, "at": value}
    found = only(mapped(body, time_format="epoch_s", numbers_in_text=True))
    assert ARRIVAL + milliseconds == found["occurred_at"]


@pytest.mark.parametrize("value", [1e308, -5, "x", 99999999999999])
def test_seconds_that_are_no_time_are_refused(value: object) -> None:
    """Whatever they would overflow."""
    body = {"sku": "A", "stock": 1, "at": value}
    assert 1 == len(reasons(mapped(body, time_format="epoch_s", numbers_in_text=True)))


def test_values_that_the_tables_do_not_hold_are_refused() -> None:
    """Nothing is guessed; without a table only the words of the contract count."""
    body = {"sku": "A", "stock": 1, "at": AT, "p": "maybe"}
    assert ["unknown_value"] == reasons(mapped(body, policy="/p"))
    assert ["wrong_shape"] == reasons(mapped(body, published="/p"))
    assert "deny" == only(mapped(body | {"p": "deny"}, policy="/p"))["policy"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b'{"sku": "A"', "not_json"),
        (b"\xff", "undecodable"),
        (b'{"stock": NaN}', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"sku":' * 2_000 + b"1" + b"}" * 2_000, "not_json"),
        (b'\xef\xbb\xbf{"sku": "A"}', "undecodable"),
        (b"[]", "missing_field"),
        (b"null", "missing_field"),
    ],
)
def test_bytes_that_are_no_message_are_refused(body: bytes, reason: str) -> None:
    """Also deep ones."""
    assert [reason] == reasons(source().map(Message(body, ARRIVAL)))


def test_of_duplicate_keys_the_last_counts() -> None:
    """As in all records."""
    body = b'{"sku":"A","stock":1,"stock":2,"at":1763640000000}'
    assert 2 == only(source(time_format="epoch_ms").map(Message(body, ARRIVAL)))["quantity"]


def test_a_message_without_items_has_no_consequence() -> None:
    """It is right all the same."""
    assert "no_items" == mapped({"items": []}, items="/items").ignored
    assert ["missing_field"] == reasons(mapped({}, items="/items"))


def test_the_event_id_is_found_or_not() -> None:
    """Text or an integer; from bytes that are no JSON nothing."""
    with_id = source(event_id="/id")
    assert "7" == with_id.event_id(Message(b'{"id": 7}', ARRIVAL))
    assert None is with_id.event_id(Message(b'{"id": 7', ARRIVAL))
    assert None is with_id.event_id(Message(b"{}", ARRIVAL))
    assert None is source().event_id(Message(b'{"id": 7}', ARRIVAL))


@pytest.mark.parametrize(
    "fields", [{"quantity": "stock"}, {"policy_values": {"a": "deny"}}, {"items": "~"}, {"x": 1}]
)
def test_settings_that_make_no_sense_are_refused(fields: dict[str, object]) -> None:
    """Before any message is read."""
    with pytest.raises(ValidationError):
        MappingSettings.model_validate({"variant_id": "/v", "quantity": "/q"} | fields)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["sku", "stock", "at"]), inner),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_bytes_make_it_raise(body: bytes) -> None:
    """Every message comes to an answer, and every record is valid."""
    for record in source(numbers_in_text=True).map(Message(body, ARRIVAL)).records:
        validate_record(Inventory, record.value)
