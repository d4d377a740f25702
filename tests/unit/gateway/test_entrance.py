# SPDX-License-Identifier: Apache-2.0
"""Who may come in."""

from collections.abc import Callable
from functools import partial

import pytest
from starlette.requests import Request

from gateway.entrance import Entrance
from gateway.problems import Problem
from gateway.settings import GatewaySettings

SETTINGS = GatewaySettings.model_validate(
    {
        "private_keys": ["pk_first-of-two", "pk_second-of-two"],
        "company_ids": ["Abc123"],
        "key_burst": 3,
        "key_steady": 3,
        "address_burst": 2,
        "address_steady": 2,
    }
)


def request(authorization: str | None = None, address: str = "192.0.2.1") -> Request:
    """A request from an address, with a header or without."""
    headers = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]
    return Request({"type": "http", "headers": headers, "client": (address, 1)})


@pytest.fixture
def entrance() -> Entrance:
    """At a standing clock."""
    return Entrance(SETTINGS, lambda: 60.0)


def refused(call: Callable[[], object]) -> Problem:
    """The problem that a call ends with."""
    with pytest.raises(Problem) as caught:
        call()
    return caught.value


def test_a_server_with_one_of_the_keys_comes_in(entrance: Entrance) -> None:
    """Each key has its own limits, wherever the calls come from."""
    for number in range(3):
        headers = entrance.server(request("Klaviyo-API-Key pk_first-of-two", f"192.0.2.{number}"))
        assert str(2 - number) == headers["RateLimit-Remaining"]
    problem = refused(lambda: entrance.server(request("Klaviyo-API-Key pk_first-of-two")))
    assert (429, "throttled", "60") == (
        problem.status,
        problem.code,
        problem.headers["Retry-After"],
    )
    assert entrance.server(request("klaviyo-api-key  pk_second-of-two "))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Klaviyo-API-Key",
        "Klaviyo-API-Key ",
        "Klaviyo-API-Key pk_first",
        "Klaviyo-API-Key pk_first-of-twoo",
        "Bearer pk_first-of-two",
        "pk_first-of-two",
        "Klaviyo-API-Key p\xe9",
    ],
)
def test_others_stay_outside(entrance: Entrance, authorization: str | None) -> None:
    """Klaviyo's documented answer."""
    problem = refused(lambda: entrance.server(request(authorization)))
    assert (401, "not_authenticated", "/data/", "Missing or invalid private key.") == (
        problem.status,
        problem.code,
        problem.pointer,
        problem.detail,
    )


def test_keys_are_guessed_slowly(entrance: Entrance) -> None:
    """After two wrong ones an address has to wait; others with that key do not."""
    for _ in range(2):
        assert 401 == refused(lambda: entrance.server(request("Klaviyo-API-Key guess"))).status
    assert 429 == refused(lambda: entrance.server(request("Klaviyo-API-Key guess"))).status
    assert entrance.server(request("Klaviyo-API-Key pk_first-of-two"))


def test_a_browser_names_the_company(entrance: Entrance) -> None:
    """And comes as often as its address and the company may."""
    assert "1" == entrance.browser(request(), "Abc123")["RateLimit-Remaining"]
    for company_id in ("Other1", None):
        problem = refused(partial(entrance.browser, request(address="x"), company_id))
        assert (400, "invalid", "/data") == (problem.status, problem.code, problem.pointer)
        assert problem.detail == f"Invalid company ID {company_id or ''}"
    entrance.browser(request(), "Abc123")
    assert 429 == refused(lambda: entrance.browser(request(), "Abc123")).status
    entrance.browser(request(address="192.0.2.9"), "Abc123")
    assert 429 == refused(lambda: entrance.browser(request(address="y"), "Abc123")).status


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("2001:db8:1:2::1", "2001:DB8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("[2001:db8", "unknown:", False),
    ],
)
def test_a_caller_is_a_network_by_ipv6(
    entrance: Entrance, one: str, other: str, *, is_one: bool
) -> None:
    """Whoever has one address there has 2^64, and would be limited by none."""
    for _ in range(2):
        entrance.anyone(request(address=one))
    if is_one:
        assert 429 == refused(lambda: entrance.anyone(request(address=other))).status
    else:
        entrance.anyone(request(address=other))


def test_without_keys_nobody_comes_in() -> None:
    """An empty key is none."""
    closed = Entrance(GatewaySettings(), lambda: 0.0)
    assert 401 == refused(lambda: closed.server(request("Klaviyo-API-Key "))).status
    assert 400 == refused(lambda: closed.browser(request(), None)).status
    assert 400 == refused(lambda: closed.browser(request(), "")).status
