# SPDX-License-Identifier: Apache-2.0
"""Leaving: a page that changes nothing, a POST that does, and no word about tokens."""

import logging
import re

import pytest
from starlette.testclient import TestClient

from connectors.sinks.content import Person
from connectors.unsubscribe import UnsubscribeTokens
from gateway.pages import choose_language
from gateway.unsubscribing import router
from tests.support.gateway_doors import RememberingDesk, client_of, entrance_of, settings_of

SECRET = "s" * 32
OLDER = "o" * 32
KIM = Person(id="p-1", email="kim.larsson@shop.example")
VARIANTS = ("$custom:::$default:::A", "$custom:::$default:::B")
PERSON = {"Accept": "text/html,application/xhtml+xml"}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def path_of(secret: str = SECRET, person: Person = KIM) -> str:
    """The path of a link in a mail."""
    return "/unsubscribe/" + UnsubscribeTokens(secret).seal(VARIANTS, person)


def door(desk: RememberingDesk, **fields: object) -> TestClient:
    """The door, open for the newer and the older secret."""
    settings = settings_of(**{"unsubscribe_secrets": [SECRET, OLDER], **fields})
    return client_of(router(desk, entrance_of(settings), settings))


def test_page_shows_what_is_left_and_changes_nothing() -> None:
    """A program that follows links, however often, takes nobody off."""
    desk = RememberingDesk()
    client = door(desk)

    answer = client.get(path_of(), headers=PERSON)

    assert 200 == answer.status_code
    assert "2 products" in answer.text
    assert "k…@shop.example" in answer.text
    assert "kim.larsson" not in answer.text
    assert '<form method="post">' in answer.text
    assert [] == desk.left


def test_one_click_takes_them_off() -> None:
    """What a mail program posts by RFC 8058 is done at once: no redirect, no cookie."""
    desk = RememberingDesk()
    client = door(desk)

    encoded = client.post(path_of(), data=ONE_CLICK, follow_redirects=False)
    multipart = client.post(path_of(), files={"List-Unsubscribe": (None, "One-Click")})

    assert [200, 200] == [encoded.status_code, multipart.status_code]
    assert "set-cookie" not in encoded.headers
    assert [("unsubscribe", VARIANTS, KIM)] * 2 == desk.left


def test_button_of_the_page_leads_to_a_page() -> None:
    """Whoever pressed it reads that it is done."""
    desk = RememberingDesk()

    answer = door(desk).post(path_of(), headers=PERSON)

    assert 200 == answer.status_code
    assert "You are off the lists of 2 products." in answer.text
    assert "<form" not in answer.text
    assert 1 == len(desk.left)


def test_older_secret_still_counts() -> None:
    """Links in mails that were sent before a secret was changed go on to work."""
    desk = RememberingDesk()

    assert 200 == door(desk).post(path_of(OLDER)).status_code
    assert 1 == len(desk.left)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_bad_tokens_get_one_answer(method: str, accept: str) -> None:
    """Changed, cut, foreign or made up: nobody learns what was wrong with it."""
    desk = RememberingDesk()
    client = door(desk)
    whole = path_of()
    swapped = "A" if whole[-5] != "A" else "B"
    changed = whole[:-5] + swapped + whole[-4:]
    paths = [changed, whole[:-4], path_of("x" * 32), "/unsubscribe/a", "/unsubscribe/%00%C3%A5"]

    answers = [client.request(method, path, headers={"Accept": accept}) for path in paths]

    texts = {re.sub(r"problem-\d+", "", answer.text) for answer in answers}
    assert {404} == {answer.status_code for answer in answers}
    assert 1 == len(texts)
    assert [] == desk.left


def test_without_a_secret_nothing_is_found(caplog: pytest.LogCaptureFixture) -> None:
    """The start says which setting is missing."""
    with caplog.at_level(logging.WARNING):
        client = door(RememberingDesk(), unsubscribe_secrets=[])

    assert 404 == client.get(path_of()).status_code
    assert "gateway.unsubscribe_secrets is empty" in caplog.text


def test_kafka_away_is_said() -> None:
    """503: a mail program gets the error, a person a page with the button; both may repeat."""
    desk = RememberingDesk(is_away=True)
    client = door(desk)

    program, person = client.post(path_of()), client.post(path_of(), headers=PERSON)

    assert [503, 503] == [program.status_code, person.status_code]
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in (program, person))
    assert "Try again" in person.text
    assert "<form" in person.text


@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused(method: str) -> None:
    """Only GET and POST have a meaning here."""
    assert 405 == door(RememberingDesk()).request(method, path_of()).status_code


def test_page_is_private() -> None:
    """Nothing is loaded, kept, framed, found by search engines, or told to the next page."""
    headers = door(RememberingDesk()).get(path_of(), headers=PERSON).headers

    assert "no-store" == headers["Cache-Control"]
    assert "no-referrer" == headers["Referrer-Policy"]
    assert "noindex" in headers["X-Robots-Tag"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")


def test_addresses_cannot_ask_for_ever() -> None:
    """Guessing tokens ends with 429."""
    client = door(RememberingDesk(), address_burst=2)

    statuses = [client.get("/unsubscribe/guess").status_code for _ in range(3)]

    assert [404, 404, 429] == statuses


def test_too_large_a_body_is_refused() -> None:
    """A body is not looked at, but it is not for free either."""
    desk = RememberingDesk()

    assert 413 == door(desk, body_limit=1000).post(path_of(), content=b"x" * 1001).status_code
    assert [] == desk.left


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("sv", "sv"),
        ("sv-SE,sv;q=0.9,en;q=0.8", "sv"),
        ("de,en;q=0.8,sv;q=0.9", "sv"),
        ("sv;q=0,en", "en"),
        ("sv;q=0", "en"),
        ("fi, *", "en"),
        ("sv;q=ever", "en"),
        (" sv ; q=1 ", "sv"),
        pytest.param("sv" + " " * 500_000 + "x", "en", id="spaces without end"),
    ],
)
def test_language_is_that_of_the_reader(accepted: str, language: str) -> None:
    """The language of ours that the browser's owner likes best, else English."""
    assert language == choose_language(accepted)


def test_page_is_in_swedish() -> None:
    """The texts, and what is said of them."""
    headers = {**PERSON, "Accept-Language": "sv-SE"}
    answer = door(RememberingDesk()).get(path_of(), headers=headers)

    assert "sv" == answer.headers["Content-Language"]
    assert '<html lang="sv">' in answer.text
    assert "2 varor" in answer.text


def test_address_is_no_markup() -> None:
    """What an address says is shown as text."""
    person = Person(email='x@"><script>alert(1)</script>')

    answer = door(RememberingDesk()).get(path_of(person=person), headers=PERSON)

    assert "<script>" not in answer.text
