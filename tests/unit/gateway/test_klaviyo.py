# SPDX-License-Identifier: Apache-2.0
"""Klaviyo's doors, as its guide and its OpenAPI files describe them."""

from typing import Any

import pytest

from tests.support.doors import (
    CLIENT,
    COMPANY_ID,
    HEADERS,
    NOW,
    SERVER,
    VARIANT_ID,
    Doors,
    document,
    error_of,
)

BROWSER = {"revision": "2026-07-15", "Content-Type": "application/json"}
ADA = {"email": "ada@shop.example.com"}


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (SERVER, HEADERS),
        (SERVER + "/", HEADERS),
        (CLIENT, BROWSER),
        (f"/client/back-in-stock-subscriptions/?company_id={COMPANY_ID}", BROWSER),
    ],
)
def test_a_sign_up_is_taken_when_kafka_has_it(target: str, headers: dict[str, str]) -> None:
    """202 with nothing in it, and a record of the time at which it came."""
    doors = Doors()
    answer = doors.client.post(target, json=document(), headers=headers)
    assert (202, b"") == (answer.status_code, answer.content)
    assert {
        "type": "subscribe",
        "variant_id": VARIANT_ID,
        "occurred_at": NOW,
        "profile": ADA,
        "channels": ["EMAIL"],
    } == doors.record()


def test_a_sign_up_that_is_not_written_is_not_taken() -> None:
    """503, and when to ask again."""
    doors = Doors()
    doors.kafka.is_away = True
    answer = doors.client.post(SERVER, json=document(), headers=HEADERS)
    assert 503 == error_of(answer)["status"]
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["EMAIL", "PUSH", "SMS", "WHATSAPP"], ["EMAIL", "PUSH", "SMS", "WHATSAPP"]),
        (["SMS", "EMAIL", "SMS"], ["SMS", "EMAIL"]),
        ([], ["EMAIL"]),
    ],
)
def test_channels_keep_their_order(given: list[str], kept: list[str]) -> None:
    """None comes twice; with none at all it is the one by which the person can be reached."""
    doors = Doors()
    doors.client.post(SERVER, json=document(channels=given), headers=HEADERS)
    assert kept == doors.record()["channels"]


def test_who_gave_a_number_and_no_channel_is_told_by_text_message() -> None:
    """An email could not reach them."""
    doors = Doors()
    body = document(channels=[], phone_number="+15005550006")
    doors.client.post(SERVER, json=body, headers=HEADERS)
    assert ["SMS"] == doors.record()["channels"]


def test_all_identifiers_of_a_profile_are_kept() -> None:
    """The number by E.164; null is as if it were not there, and so is an empty id."""
    doors = Doors(region="SE")
    body = document(
        email=" ada@shop.example.com ", phone_number="070-123 45 67", external_id="7", id=None
    )
    doors.client.post(SERVER, json=body, headers=HEADERS)
    expected = {**ADA, "phone_number": "+46701234567", "external_id": "7"}
    assert expected == doors.record()["profile"]


@pytest.mark.parametrize(
    ("beside", "within", "kept"),
    [("01GD", None, "01GD"), (None, "01GE", "01GE"), ("01GD", "01GE", "01GD"), ("", "", None)],
)
def test_the_platforms_id_is_beside_the_attributes_or_among_them(
    beside: str | None, within: str | None, kept: str | None
) -> None:
    """The schema has it beside, Klaviyo's example among them; where there are two, the schema's."""
    doors = Doors()
    body = document(id=within, **ADA)
    body["data"]["attributes"]["profile"]["data"]["id"] = beside
    assert 202 == doors.client.post(SERVER, json=body, headers=HEADERS).status_code
    assert kept == doors.record()["profile"].get("id")


@pytest.mark.parametrize("email", ["", "ada", "ada@shop.example.com\nBcc: all@example.com"])
def test_an_address_that_is_none_has_the_documented_error(email: str) -> None:
    """With the pointer of the guide, although the member lies deeper."""
    doors = Doors()
    error = error_of(doors.client.post(SERVER, json=document(email=email), headers=HEADERS))
    assert (400, "invalid", "Invalid input.", "Invalid email address") == (
        error["status"],
        error["code"],
        error["title"],
        error["detail"],
    )
    assert {"pointer": "/data/attributes/email"} == error["source"]
    assert not doors.kafka.written


def test_a_number_that_is_none_has_the_documented_error() -> None:
    """Without a country, in this case."""
    body = document(phone_number="0701234567")
    error = error_of(Doors().client.post(SERVER, json=body, headers=HEADERS))
    says = "Invalid phone number format (Example of a valid format: +12345678901)"
    assert (400, "invalid", says) == (error["status"], error["code"], error["detail"])
    assert {"pointer": "/data/attributes/phone_number"} == error["source"]


@pytest.mark.parametrize(
    "identifiers",
    [{"email": None}, {"external_id": ""}, {"id": ""}, {"id": 7}, {"name": "Ada"}],
)
def test_a_profile_of_nobody_is_refused(identifiers: dict[str, Any]) -> None:
    """There would be nobody to tell."""
    error = error_of(Doors().client.post(SERVER, json=document(**identifiers), headers=HEADERS))
    assert (400, "invalid") == (error["status"], error["code"])
    assert {"pointer": "/data/attributes/profile"} == error["source"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_call_without_a_profile_is_refused(*, is_there: bool) -> None:
    """Klaviyo's schema for servers takes null; what it would do with it, nobody knows."""
    body = document()
    body["data"]["attributes"]["profile"] = None
    if not is_there:
        del body["data"]["attributes"]["profile"]
    error = error_of(Doors().client.post(SERVER, json=body, headers=HEADERS))
    assert (400, {"pointer": "/data/attributes/profile"}) == (error["status"], error["source"])


@pytest.mark.parametrize(
    ("place", "identifier"),
    [("external_id", "7\x00"), ("external_id", "x" * 256), ("id", "7\n")],
)
def test_an_identifier_of_strange_characters_is_refused(place: str, identifier: str) -> None:
    """It would go into records, headers and files."""
    body = document(**{place: identifier})
    error = error_of(Doors().client.post(SERVER, json=body, headers=HEADERS))
    pointer = f"/data/attributes/profile/data/attributes/{place}"
    assert (400, {"pointer": pointer}) == (error["status"], error["source"])


@pytest.mark.parametrize(
    "variant_id", ["SKU", "$etsy:::$default:::1", "$magento_two:::1:::1", "$custom:::$default:::\0"]
)
def test_a_variant_id_that_is_none_is_refused(variant_id: str) -> None:
    """400: no catalogue could have it."""
    error = error_of(Doors().client.post(SERVER, json=document(variant_id), headers=HEADERS))
    assert (400, "invalid") == (error["status"], error["code"])
    assert {"pointer": "/data/relationships/variant/data/id"} == error["source"]


def test_a_variant_that_the_catalogue_does_not_have_is_not_found() -> None:
    """404 with the documented error; nothing is written, and it is counted."""
    doors = Doors(catalogue={VARIANT_ID})
    assert 202 == doors.client.post(SERVER, json=document(), headers=HEADERS).status_code
    other = document("$custom:::$default:::SKU-LARGE")
    error = error_of(doors.client.post(SERVER, json=other, headers=HEADERS))
    says = "The variant in your relationship payload does not exist"
    assert (404, "variant_not_found", says, says) == (
        error["status"],
        error["code"],
        error["title"],
        error["detail"],
    )
    assert {"pointer": "/data/relationships/variant/data/id"} == error["source"]
    assert 1 == len(doors.kafka.written)
    assert 1 == doors.desk.counts["klaviyo_server", "unknown_variant"]
