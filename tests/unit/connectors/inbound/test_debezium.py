# SPDX-License-Identifier: Apache-2.0
"""Changes of a stock table become figures."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.inbound.contract import Mapped, Message
from connectors.inbound.debezium import DebeziumSource
from connectors.inbound.debezium_settings import DebeziumSettings
from schemas.records import Inventory
from schemas.validation import validate_record

ARRIVAL = 1_763_640_009_000
COMMITTED = 1_763_640_000_000
MYSQL = {
    "version": "3.2.0.Final", "connector": "mysql", "name": "shop", "ts_ms": COMMITTED,
    "snapshot": "false", "db": "shop", "table": "stock", "server_id": 1, "gtid": None,
    "file": "mysql-bin.000003", "pos": 4331, "row": 0, "thread": 36, "query": None,
}  # fmt: skip
SEQUENCE = (3 << 32) + 4331
ROW = {"sku": "A-1", "place": 7, "qty": 5}


def source(**fields: Any) -> DebeziumSource:  # noqa: ANN401 - settings differ
    """A source of the table `stock`."""
    columns = {"variant_id": "sku", "quantity": "qty", "location_id": "place"}
    usual = {"table": "stock", "columns": columns | fields.pop("columns", {})}
    return DebeziumSource(DebeziumSettings.model_validate(usual | fields))


def change(op: str, before: object, after: object, **fields: object) -> dict[str, object]:
    """An envelope as MySQL's connector writes it."""
    usual = {"before": before, "after": after, "source": MYSQL, "op": op, "ts_ms": COMMITTED + 845}
    return {**usual, "transaction": None, **fields}


def mapped(body: object, key: str = "", **fields: Any) -> Mapped:  # noqa: ANN401 - as above
    """What a message comes to."""
    return source(**fields).map(Message(json.dumps(body).encode(), ARRIVAL, place=key))


def values(found: Mapped) -> list[dict[str, Any]]:
    """All records, which are valid."""
    assert () == found.refusals
    for record in found.records:
        validate_record(Inventory, record.value)
    return [json.loads(record.value) for record in found.records]


def reasons(found: Mapped) -> list[str]:
    """Why nothing came of it."""
    assert () == found.records
    return [refusal.reason for refusal in found.refusals]


@pytest.mark.parametrize("op", ["c", "u", "r"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_row_becomes_a_figure_of_the_time_of_its_commit(op: str, wrapped: bool) -> None:  # noqa: FBT001
    """With and without the schema around; the place in the log orders those of one second."""
    body: object = change(op, None, ROW)
    body = {"schema": None, "payload": body} if wrapped else body
    assert [
        {
            "variant_id": "$custom:::$default:::A-1",
            "quantity": 5,
            "occurred_at": COMMITTED,
            "location_id": "7",
            "sequence": SEQUENCE,
            "source": "debezium",
        }
    ] == values(mapped(body))


def test_a_row_that_is_deleted_takes_its_figure_with_it() -> None:
    """Of its location; where the row is not told, the key names it."""
    (value,) = values(mapped(change("d", ROW, None)))
    assert (None, "7", COMMITTED) == (value["quantity"], value["location_id"], value["occurred_at"])
    key = json.dumps({"schema": {}, "payload": {"sku": "A-1", "place": 7}})
    assert [value] == values(mapped(change("d", None, None), key))
    assert ["missing_field"] == reasons(mapped(change("d", None, None), "no json"))


def test_a_table_without_locations_has_totals() -> None:
    """A deletion then removes all figures."""
    columns = {"location_id": None}
    (value,) = values(mapped(change("d", ROW, None), columns=columns))
    assert "location_id" not in value


def test_a_row_that_moves_leaves_nothing_behind() -> None:
    """To another variant or another location; a part of the old row tells nothing."""
    old, new = values(mapped(change("u", ROW | {"place": 6}, ROW)))
    assert [("6", None), ("7", 5)] == [(one["location_id"], one["quantity"]) for one in (old, new)]
    assert 1 == len(values(mapped(change("u", ROW, ROW | {"qty": 4}))))
    assert 1 == len(values(mapped(change("u", {"qty": 4}, ROW))))


@pytest.mark.parametrize(
    ("body", "ignored"),
    [
        (None, "tombstone"),
        ({"schema": None, "payload": None}, "tombstone"),
        (change("u", None, ROW, source={**MYSQL, "table": "customers"}), "other_table"),
        (change("u", None, ROW, source={**MYSQL, "table": []}), "other_table"),
        (change("m", None, None), "not_a_row"),
    ],
)
def test_what_says_nothing_of_stock_is_passed_over(body: object, ignored: str) -> None:
    """It is right all the same."""
    assert ignored == mapped(body).ignored
    assert () == mapped(body).refusals
    assert "tombstone" == source().map(Message(b"", ARRIVAL)).ignored


@pytest.mark.parametrize("table", ["stock", "shop.stock", "public.stock"])
def test_a_table_is_named_with_or_without_its_space(table: str) -> None:
    """Of its database or its schema."""
    place = {**MYSQL, "schema": "public"}
    assert 1 == len(values(mapped(change("c", None, ROW, source=place), table=table)))
    assert "other_table" == mapped(change("c", None, ROW), table="b.stock").ignored


def test_a_table_that_is_emptied_is_a_dead_letter() -> None:
    """Which figures are gone nobody can know from it."""
    assert ["truncated"] == reasons(mapped(change("t", None, None)))


@pytest.mark.parametrize(
    ("place", "sequence"),
    [
        ({"pos": 5}, 5),
        ({"pos": 1 << 40, "file": "x.000001"}, 0),
        ({"lsn": 24023128}, 24023128),
        ({"lsn": 1 << 60}, 0),
        ({"scn": "2122184"}, 2122184),
        ({"scn": "9" * 30}, 0),
        ({"ord": 3}, 3),
        ({"change_lsn": "00000027:00000758:0005"}, 0),
    ],
)
def test_the_place_in_the_log_of_each_database(place: dict[str, object], sequence: int) -> None:
    """As far as it is a number within 2^53."""
    body = change("c", None, ROW, source={"ts_ms": COMMITTED, "table": "stock", **place})
    assert sequence == values(mapped(body))[0].get("sequence", 0)


def test_a_figure_without_a_time_of_commit_has_debeziums() -> None:
    """And at last that of the record."""
    place = {"table": "stock", "ts_ms": 0}
    (value,) = values(mapped(change("r", None, ROW, source=place)))
    assert COMMITTED + 845 == value["occurred_at"]
    (value,) = values(mapped(change("r", None, ROW, source=place, ts_ms=None)))
    assert ARRIVAL == value["occurred_at"]


def encoded(number: int) -> str:
    """A decimal as Kafka Connect writes it."""
    return base64.b64encode(number.to_bytes(4, signed=True)).decode()


@pytest.mark.parametrize(
    ("value", "quantity"), [("12.0000", 12), (3.0, 3), (2.9, 2), (None, None), ("-3", -3)]
)
def test_decimals_in_text_and_as_doubles(value: object, quantity: int | None) -> None:
    """Of parts there is nothing to be sold."""
    (found,) = values(mapped(change("c", None, ROW | {"qty": value})))
    assert quantity == found["quantity"]


@pytest.mark.parametrize(("number", "quantity"), [(120_000, 12), (-25_000, -3), (0, 0)])
def test_decimals_in_base64(number: int, quantity: int) -> None:
    """Their scale is in the message's schema, or in the settings."""
    column = {
        "field": "qty", "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal",
        "parameters": {"scale": "4", "connect.decimal.precision": "12"},
    }  # fmt: skip
    row = {"type": "struct", "fields": [{"field": "sku", "type": "string"}, column]}
    schema = {"type": "struct", "fields": [row | {"field": "before"}, row | {"field": "after"}]}
    payload = change("c", None, ROW | {"qty": encoded(number)})
    (found,) = values(mapped({"schema": schema, "payload": payload}))
    assert quantity == found["quantity"]
    (found,) = values(mapped(payload, scale=4))
    assert quantity == found["quantity"]


def test_further_columns_are_carried() -> None:
    """Flags by their tables, the product as it is."""
    row = ROW | {"back": 1, "on": "no", "name": "Coat", "at": "2025-11-20T11:59:00Z"}
    columns = {
        "policy": "back",
        "published": "on",
        "product": {"title": "name"},
        "occurred_at": "at",
    }
    (value,) = values(
        mapped(
            change("u", row, row),
            columns=columns,
            policy_values={"0": "deny", "1": "continue"},
            published_values={"no": False},
        )
    )
    assert ("continue", False, {"title": "Coat"}, COMMITTED - 60_000) == (
        value["policy"],
        value["published"],
        value["product"],
        value["occurred_at"],
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"sku": "A"}, "not_debezium"),
        ([], "not_debezium"),
        ({"payload": {"op": 1}, "schema": {"fields": [{"field": []}]}}, "not_debezium"),
        (change("c", None, 5), "not_debezium"),
        (change("x", None, ROW), "unknown_operation"),
        (change("c", None, None), "missing_field"),
        (change("c", None, {"sku": "A", "place": 7}), "missing_field"),
        (change("c", None, ROW | {"sku": None}), "missing_field"),
        (change("c", None, ROW | {"place": None}), "missing_field"),
        (change("c", None, ROW | {"qty": "many"}), "wrong_shape"),
        (change("c", None, ROW | {"qty": [1]}), "wrong_shape"),
    ],
)
def test_what_does_not_fit_is_refused(body: object, reason: str) -> None:
    """With a reason of few words."""
    assert [reason] == reasons(mapped(body))


@pytest.mark.parametrize("text", ["!", "", base64.b64encode(b"x" * 33).decode()])
def test_decimals_that_are_none_are_refused(text: str) -> None:
    """No database has them."""
    assert ["wrong_shape"] == reasons(mapped(change("c", None, ROW | {"qty": text}), scale=2))


_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.just("u") | st.floats(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([
            "op", "before", "after", "source", "ts_ms", "payload", "schema", "fields", "field",
            "name", "parameters", "scale", "sku", "qty", "place", "table", "pos", "file", "lsn",
        ]),
        inner,
        max_size=6,
    ),
)  # fmt: skip


@settings(deadline=None)
@given(_JSON, _JSON, _JSON)
def test_no_message_makes_it_raise(body: object, row: object, place: object) -> None:
    """Every one comes to an answer."""
    for one in (body, change("u", row, row, source=place), change("d", row, None)):
        for record in mapped(one, "[", scale=2).records:
            validate_record(Inventory, record.value)


@pytest.mark.parametrize("op", ["u", "d"])
def test_a_change_that_has_not_been_made_yet_is_refused(op: str) -> None:
    """By the database's clock, or by a column."""
    ahead = MYSQL | {"ts_ms": ARRIVAL + 600_001}
    row = ROW | {"at": ARRIVAL + 600_001}
    assert ["in_the_future"] == reasons(mapped(change(op, ROW, ROW, source=ahead)))
    if op == "u":
        columns = {"occurred_at": "at"}
        found = mapped(change(op, ROW, row), columns=columns, time_format="epoch_ms")
        assert ["in_the_future"] == reasons(found)
