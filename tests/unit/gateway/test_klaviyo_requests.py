# SPDX-License-Identifier: Apache-2.0
"""Who gets in at Klaviyo's doors, and in which form a request must be."""

import pytest

from tests.support.doors import CLIENT, HEADERS, PRIVATE_KEY, SERVER, Doors, document, error_of

BROWSER = {"revision": "2026-07-15", "Content-Type": "application/json"}
ADA = {"email": "ada@shop.example.com"}


@pytest.mark.parametrize(
    "authorization",
    [None, "", PRIVATE_KEY, f"Bearer {PRIVATE_KEY}", "Klaviyo-API-Key pk_of-another-account"],
)
def test_a_server_without_a_known_key_is_not_authenticated(authorization: str | None) -> None:
    """401 with the documented error, before anything of the body is read."""
    headers = {**HEADERS, "Authorization": authorization or ""}
    error = error_of(Doors().client.post(SERVER, content=b"{", headers=headers))
    assert (401, "not_authenticated", "Missing or invalid private key.") == (
        error["status"],
        error["code"],
        error["detail"],
    )
    assert {"pointer": "/data/"} == error["source"]


@pytest.mark.parametrize("query", ["", "?company_id=", "?company_id=TESTER", "?company_id=%00%ff"])
def test_a_browser_without_a_known_company_id_is_refused(query: str) -> None:
    """400 with the documented error; that of another account is not known either."""
    target = f"/client/back-in-stock-subscriptions{query}"
    error = error_of(Doors().client.post(target, json=document(), headers=BROWSER))
    assert (400, "invalid", "/data") == (
        error["status"],
        error["code"],
        error["source"]["pointer"],
    )
    assert error["detail"].startswith("Invalid company ID")


@pytest.mark.parametrize(
    "revision",
    ["2023-07-15", "2024-02-15", "2026-07-15", "2026-10-15", "2025-01-15.pre", "2027-01-15.beta-2"],
)
def test_every_revision_with_the_call_is_taken(revision: str) -> None:
    """Those of previews, and those newer than this program, too."""
    headers = {**HEADERS, "revision": revision}
    assert 202 == Doors().client.post(SERVER, json=document(), headers=headers).status_code


@pytest.mark.parametrize(
    "revision",
    [
        None,
        "",
        "latest",
        "2022-10-17",
        "2023-07-14",
        "2025-02-30",
        "2025-1-15",
        "20250115",
        "2025-01-15.",
        "2025-01-15.pre/..",
        "2025-01-15T00:00:00Z",
    ],
)
@pytest.mark.parametrize("target", [SERVER, CLIENT])
def test_an_unknown_revision_is_refused(target: str, revision: str | None) -> None:
    """400 that names the header; without one at all, too."""
    headers = {name: value for name, value in HEADERS.items() if name != "revision"}
    if revision is not None:
        headers["revision"] = revision
    answer = Doors().client.post(target, json=document(), headers=headers)
    error = error_of(answer)
    assert (400, "invalid", {"parameter": "revision"}) == (
        error["status"],
        error["code"],
        error["source"],
    )


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/vnd.api+json", 202),
        ("application/json", 202),
        ("Application/JSON ; charset=utf-8", 202),
        ("text/plain;charset=UTF-8", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/xml", 415),
    ],
)
def test_the_body_is_said_to_be_json(media_type: str, status: int) -> None:
    """What a page sends without saying so is refused, as JSON:API has it."""
    headers = {**HEADERS, "Content-Type": media_type}
    answer = Doors().client.post(SERVER, json=document(), headers=headers)
    assert status == answer.status_code


BAD_BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "more than JSON": b"{} {}",
    "no object": b"[]",
    "a byte-order mark": b"\xef\xbb\xbf{}",
    "no UTF-8": b'{"data": "\xff"}',
    "UTF-16": '{"data": 1}'.encode("utf-16"),
    "half a pair of surrogates": b'{"data": "\\ud800"}',
    "deep nesting": b"[" * 50_000,
    "deep nesting of objects": b'{"data":' * 10_000,
    "a huge number": b'{"data": ' + b"9" * 90_000 + b"}",
    "no number": b'{"data": NaN}',
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_body_that_is_no_document_is_refused(name: str) -> None:
    """400, whatever it is."""
    answer = Doors().client.post(SERVER, content=BAD_BODIES[name], headers=HEADERS)
    assert (400, "invalid") == (error_of(answer)["status"], error_of(answer)["code"])


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_json_does_not_know_is_refused_wherever_it_is(word: str) -> None:
    """In a member that nobody reads, too; as text it is text."""
    doors = Doors()
    known = Doors.as_json(document(external_id=word))
    unknown = known[:-1] + f', "more": {word}}}'.encode()
    assert 202 == doors.client.post(SERVER, content=known, headers=HEADERS).status_code
    assert 400 == doors.client.post(SERVER, content=unknown, headers=HEADERS).status_code


def test_of_a_member_that_comes_twice_the_last_counts() -> None:
    """As with every JSON that this program reads."""
    doors = Doors()
    body = Doors.as_json(document(email="ada@shop.example.com")).replace(
        b'"email"', b'"email": "bob@shop.example.com", "email"'
    )
    doors.client.post(SERVER, content=body, headers=HEADERS)
    assert ADA == doors.record()["profile"]


def test_a_body_beyond_the_limit_is_refused() -> None:
    """413, and the connection is not kept for what is left of it."""
    headers = HEADERS
    answer = Doors(body_limit=1000).client.post(SERVER, content=b" " * 1001, headers=headers)
    assert 413 == error_of(answer)["status"]


def test_an_answer_says_what_is_left_of_the_limit() -> None:
    """Whether the request was good or bad; beyond it there is 429."""
    doors = Doors(key_burst=2, key_steady=2)
    for body, status in ((document(), 202), (document(email="ada"), 400)):
        answer = doors.client.post(SERVER, json=body, headers=HEADERS)
        assert (status, "2") == (answer.status_code, answer.headers["RateLimit-Limit"])
    answer = doors.client.post(SERVER, json=document(), headers=HEADERS)
    assert "throttled" == error_of(answer)["code"]
    assert "60" == answer.headers["Retry-After"]


def test_a_page_of_another_origin_may_ask_first() -> None:
    """The preflight allows the headers that Klaviyo's own script sends."""
    headers = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,revision",
    }
    answer = Doors().client.options(CLIENT, headers=headers)
    assert 200 == answer.status_code
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert {"content-type", "revision"} <= {name.strip() for name in allowed.split(",")}


def test_other_methods_are_not_allowed() -> None:
    """405 in the same form as every error."""
    assert 405 == error_of(Doors().client.get(SERVER))["status"]
