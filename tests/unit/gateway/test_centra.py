# SPDX-License-Identifier: Apache-2.0
"""Centra's door: markets and languages, and ids that carry them."""

from typing import Any

import pytest

from tests.support.doors import NOW, PRIVATE_KEY, Doors, error_of

PATH = "/api/checkout-api/back-in-stock-subscription"
SWEDEN = "$custom:::$default:::12366_SE_00_23400"


def body(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - also what is wrong
    """Make the body of the documents."""
    return {
        "item": "12366-23400",
        "shipTo": {"country": "SE"},
        "email": "test@email.com",
        "language": "sv",
        **fields,
    }


@pytest.mark.parametrize(
    "path",
    [
        PATH,
        PATH + "/",
        "/api/shop-api/back-in-stock-subscription",
        "/api/checkout/back-in-stock-subscription",
        "/api/checkout/52/back-in-stock-subscription",
        f"/api/checkout/{'5' * 5_000}/back-in-stock-subscription",
    ],
)
def test_the_documented_call_signs_somebody_up(path: str) -> None:
    """Under whichever path the shop has given to its API; market and locale are kept."""
    doors = Doors()
    answer = doors.client.post(path, json=body())
    assert (200, {}) == (answer.status_code, answer.json())
    assert {
        "type": "subscribe",
        "variant_id": SWEDEN,
        "occurred_at": NOW,
        "profile": {"email": "test@email.com"},
        "channels": ["EMAIL"],
        "locale": "sv",
        "market": "SE",
    } == doors.record()


@pytest.mark.parametrize(
    ("ship_to", "external_id", "market"),
    [
        ({"country": "US", "state": "CA"}, "12366_US_CA_23400", "US-CA"),
        ({"country": "us", "state": "ca"}, "12366_US_CA_23400", "US-CA"),
        ({"country": "SE", "state": None}, "12366_SE_00_23400", "SE"),
        ({"country": "SE", "state": ""}, "12366_SE_00_23400", "SE"),
        ({"country": "SE", "state": "00"}, "12366_SE_00_23400", "SE"),
    ],
)
def test_a_state_is_part_of_market_and_id(
    ship_to: dict[str, Any], external_id: str, market: str
) -> None:
    """Where there is none, 00 stands in the id, and nothing in the market."""
    doors = Doors()
    doors.client.post(PATH, json=body(shipTo=ship_to))
    record = doors.record()
    assert ("$custom:::$default:::" + external_id, market) == (
        record["variant_id"],
        record["market"],
    )


@pytest.mark.parametrize("language", [None, ""])
def test_a_language_may_be_missing(language: str | None) -> None:
    """Then the record has no locale."""
    doors = Doors()
    assert 200 == doors.client.post(PATH, json=body(language=language)).status_code
    assert "locale" not in doors.record()


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"item": "12366"}, "item"),
        ({"item": 12366}, "item"),
        ({"item": "12366-23400\n"}, "item"),
        ({"item": "12366_SE_00_23400"}, "item"),
        ({"shipTo": None}, "shipTo"),
        ({"shipTo": {}}, "shipTo.country"),
        ({"shipTo": {"country": "Sweden"}}, "shipTo.country"),
        ({"shipTo": {"country": "US", "state": "C_A"}}, "shipTo.state"),
        ({"email": "test"}, "email"),
        ({"email": None}, "email"),
        ({"email": "test@email.com\r\nBcc: all@example.com"}, "email"),
        ({"language": "sv\x00"}, "language"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], place: str) -> None:
    """In Centra's form: an object of errors by field."""
    doors = Doors()
    answer = doors.client.post(PATH, json=body(**fields))
    assert (400, {place}) == (answer.status_code, set(answer.json()["errors"]))
    assert not doors.kafka.written


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"\xef\xbb\xbf{}", b"[" * 50_000])
def test_a_body_that_is_no_object_is_refused(content: bytes) -> None:
    """400, whatever it is."""
    answer = Doors().client.post(PATH, content=content)
    assert (400, {"body"}) == (answer.status_code, set(answer.json()["errors"]))


def test_a_variant_that_the_catalogue_does_not_have_is_not_found() -> None:
    """With the error that Centra has for an unknown item."""
    doors = Doors(catalogue={SWEDEN})
    assert 200 == doors.client.post(PATH, json=body()).status_code
    answer = doors.client.post(PATH, json=body(shipTo={"country": "NO"}))
    assert 404 == answer.status_code
    assert {"errors": {"item": "product item not found"}} == answer.json()


def test_a_sign_up_that_is_not_written_is_not_taken() -> None:
    """503, with an `errors` member as every error has there."""
    doors = Doors()
    doors.kafka.is_away = True
    assert 503 == error_of(doors.client.post(PATH, json=body()))["status"]


def test_a_session_goes_on() -> None:
    """A page replaces the session that it knows by what an answer says."""
    answer = Doors().client.post(PATH, json=body(), headers={"API-token": "f611707b97e18a90"})
    assert {"token": "f611707b97e18a90"} == answer.json()
    for token in ("none", "x" * 129):
        assert {} == Doors().client.post(PATH, json=body(), headers={"API-token": token}).json()


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://shop.example", 200), ("https://other.example", 401), (None, 401)],
)
def test_a_browser_comes_from_a_known_page(origin: str | None, status: int) -> None:
    """By its Origin, where the gateway is told which there are; Centra answers so too."""
    doors = Doors(origins=["https://shop.example"])
    headers = {} if origin is None else {"Origin": origin}
    answer = doors.client.post(PATH, json=body(), headers=headers)
    assert status == answer.status_code
    assert (status == 200) == bool(doors.kafka.written)


def test_no_browser_gets_in_where_none_is_to() -> None:
    """Without company ids the doors for browsers are closed, this one as the others."""
    assert 401 == Doors(company_ids=[]).client.post(PATH, json=body()).status_code


@pytest.mark.parametrize("name", ["Authorization", "API-Authorization"])
def test_a_server_brings_a_private_key(name: str) -> None:
    """As a bearer; then it matters neither where it comes from nor how often that does."""
    doors = Doors(
        company_ids=[], origins=["https://shop.example"], address_burst=1, address_steady=1
    )
    for _ in range(3):
        headers = {name: f"Bearer {PRIVATE_KEY}"}
        assert 200 == doors.client.post(PATH, json=body(), headers=headers).status_code


def test_a_server_with_an_unknown_key_is_refused() -> None:
    """Even from a known page: a page brings no key."""
    answer = Doors().client.post(PATH, json=body(), headers={"Authorization": "Bearer guessed"})
    assert (401, "Bearer") == (answer.status_code, answer.headers["WWW-Authenticate"])
    assert {"authorization"} == set(answer.json()["errors"])


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer guessed"}])
def test_calls_are_limited(headers: dict[str, str]) -> None:
    """By address: those of browsers, and those that guess keys."""
    doors = Doors(address_burst=1, address_steady=1)
    doors.client.post(PATH, json=body(), headers=headers)
    answer = doors.client.post(PATH, json=body(), headers=headers)
    assert "throttled" == error_of(answer)["code"]
