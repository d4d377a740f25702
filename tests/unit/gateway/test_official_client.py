# SPDX-License-Identifier: Apache-2.0
"""Klaviyo's own Python package, with nothing changed but the host that it calls."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from klaviyo_api import KlaviyoAPI  # type: ignore[import-untyped]
from openapi_client.exceptions import (
    ApiException,
    BadRequestException,
    NotFoundException,
    UnauthorizedException,
)

from tests.support.doors import NOW, PRIVATE_KEY, VARIANT_ID, Doors, document, serving


@pytest.fixture
def doors() -> Doors:
    """Doors with a catalogue of one variant."""
    return Doors(catalogue={VARIANT_ID})


@pytest.fixture
def host(doors: Doors) -> Iterator[str]:
    """The address at which they are served."""
    with serving(doors.app) as address:
        yield address


def official(host: str, key: str = PRIVATE_KEY) -> Any:  # noqa: ANN401 - the package has no types
    """Make a client as the package's own documentation does; one attempt, so that none waits."""
    return KlaviyoAPI(key, max_retries=1, test_host=host)


def first_error(raised: pytest.ExceptionInfo[ApiException]) -> dict[str, Any]:
    """Return the error in the body that the client found."""
    errors: list[dict[str, Any]] = json.loads(raised.value.body or "")["errors"]
    return errors[0]


def test_a_server_signs_somebody_up(doors: Doors, host: str) -> None:
    """The record is what the client was told."""
    body = document(
        channels=["EMAIL", "SMS"], email="sarah.mason@shop.example.com", phone_number="+15005550006"
    )
    official(host).Catalogs.create_back_in_stock_subscription(body)
    assert {
        "type": "subscribe",
        "variant_id": VARIANT_ID,
        "occurred_at": NOW,
        "profile": {"email": "sarah.mason@shop.example.com", "phone_number": "+15005550006"},
        "channels": ["EMAIL", "SMS"],
    } == doors.record()


def test_an_unknown_key_is_an_error_that_it_knows(host: str) -> None:
    """Its own exception, with the documented code."""
    with pytest.raises(UnauthorizedException) as raised:
        official(host, "pk_unknown").Catalogs.create_back_in_stock_subscription(document())
    assert "not_authenticated" == first_error(raised)["code"]


def test_a_wrong_address_is_an_error_that_it_knows(host: str) -> None:
    """With the pointer that says where."""
    with pytest.raises(BadRequestException) as raised:
        official(host).Catalogs.create_back_in_stock_subscription(document(email="sarah"))
    assert {"pointer": "/data/attributes/email"} == first_error(raised)["source"]


def test_an_unknown_variant_is_an_error_that_it_knows(host: str) -> None:
    """As where the catalogue is Klaviyo's."""
    with pytest.raises(NotFoundException) as raised:
        official(host).Catalogs.create_back_in_stock_subscription(
            document("$custom:::$default:::SKU-LARGE")
        )
    assert "variant_not_found" == first_error(raised)["code"]


def test_it_is_told_when_kafka_is_away(doors: Doors, host: str) -> None:
    """503 with Retry-After, by which it tries again."""
    doors.kafka.is_away = True
    with pytest.raises(ApiException) as raised:
        official(host).Catalogs.create_back_in_stock_subscription(document())
    assert 503 == raised.value.status
    assert int((raised.value.headers or {})["Retry-After"]) > 0
    assert not doors.kafka.written
