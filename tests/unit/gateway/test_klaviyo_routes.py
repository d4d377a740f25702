# SPDX-License-Identifier: Apache-2.0
"""What the OpenAPI document says of the doors, and that no bytes make any of them fail."""

from typing import Any, Final

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.doors import CLIENT, COMPANY_ID, HEADERS, SERVER, Doors, document

OPERATIONS: Final = {
    SERVER: "create_back_in_stock_subscription",
    "/client/back-in-stock-subscriptions": "create_client_back_in_stock_subscription",
    "/api/v1/catalog/subscribe": "catalog_subscribe",
    "/onsite/components/back-in-stock/subscribe": "onsite_subscribe",
    "/api/checkout-api/back-in-stock-subscription": "centra_back_in_stock_subscription",
}


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    """The document of an app with the doors alone."""
    found: dict[str, Any] = Doors().client.get("/openapi.json").json()
    return found


def test_every_call_is_described_once(openapi: dict[str, Any]) -> None:
    """Under its documented path; the same with a slash at its end goes without saying."""
    found = {path: item["post"]["operationId"] for path, item in openapi["paths"].items()}
    assert OPERATIONS == found


@pytest.mark.parametrize("path", OPERATIONS)
def test_every_answer_is_described(openapi: dict[str, Any], path: str) -> None:
    """Those of the limits and of Kafka as well."""
    answers = set(openapi["paths"][path]["post"]["responses"])
    assert {"400", "408", "413", "429", "503"} < answers
    assert "422" not in answers


def test_the_parameters_are_described(openapi: dict[str, Any]) -> None:
    """As in Klaviyo's own files: the revision, and the company id of a browser."""
    for path, expected in (
        (SERVER, {"revision": "header"}),
        (CLIENT.partition("?")[0], {"company_id": "query", "revision": "header"}),
    ):
        parameters = openapi["paths"][path]["post"]["parameters"]
        assert expected == {each["name"]: each["in"] for each in parameters}
        assert all(each["required"] for each in parameters)


def test_the_schema_of_a_body_stands_by_itself(openapi: dict[str, Any]) -> None:
    """It takes the guide's example, and not what lacks a part of it."""
    content = openapi["paths"][SERVER]["post"]["requestBody"]["content"]
    assert {"application/json", "application/vnd.api+json"} == set(content)
    schema = jsonschema_rs.Draft202012Validator(content["application/json"]["schema"])
    assert schema.is_valid(document(email="ada@shop.example.com", phone_number=None))
    assert not schema.is_valid(document(channels=["FAX"]))
    assert not schema.is_valid({"data": {}})


FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data; boundary=x"
DOORS: Final = Doors()


@settings(deadline=None, derandomize=True, database=None, max_examples=100)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=80).map(lambda text: f"a={COMPANY_ID}&email={text}&{text}".encode()),
        st.text(max_size=80).map(lambda text: f'--x\r\n{text}\r\n\r\n"{text}"\r\n--x--'.encode()),
        st.binary(max_size=80).map(lambda piece: b'{"data": {"type": ' + piece + b"}}"),
    ),
    st.sampled_from(["application/json", FORM, MULTIPART]),
    st.sampled_from([SERVER, CLIENT, *list(OPERATIONS)[2:]]),
)
def test_any_bytes_come_to_an_answer(body: bytes, content_type: str, target: str) -> None:
    """The caller is told that it is wrong; nothing is written."""
    headers = {**HEADERS, "Content-Type": content_type}
    if "checkout-api" in target:
        del headers["Authorization"]
    answer = DOORS.client.post(target, content=body, headers=headers)
    assert answer.status_code in {400, 415}
    assert not DOORS.kafka.written
