# SPDX-License-Identifier: Apache-2.0
"""Documents are fetched whole, from where they may be, or not at all."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import InboundError
from connectors.inbound.feed_fetching import Fetched, Unanswered, fetch, moment_of
from connectors.inbound.feed_settings import FetchSettings
from tests.support.documents import Answer, Documents, served

LOOPBACK = {"allow_http": True, "allow_networks": ["127.0.0.0/8"]}


@pytest.fixture
def documents() -> Iterator[Documents]:
    """A server."""
    with served() as found:
        yield found


def get(documents: Documents, path: str = "/feed", limit: int = 1_000, **fields: Any) -> Fetched:  # noqa: ANN401 - settings differ
    """Gets a document."""
    settings = FetchSettings.model_validate(LOOPBACK | fields)
    return asyncio.run(fetch("the feed x", documents.url + path, settings, limit))


def test_a_document_comes_whole_with_its_headers(documents: Documents) -> None:
    """No compression is asked for, and the headers of the settings are sent."""
    documents.answers["/feed"] = Answer(b"[]", headers={"X-Y": "z"})
    found = get(documents, headers={"Authorization": "Bearer s3"})
    assert b"[]" == found.body
    assert "z" == found.headers["x-y"]
    assert ("Bearer s3", "identity") == (
        documents.headers["authorization"],
        documents.headers["accept-encoding"],
    )


@pytest.mark.parametrize(
    ("answer", "message", "status"),
    [
        (Answer(status=404), "HTTP 404", 404),
        (Answer(status=500), "HTTP 500", 500),
        (Answer(status=302, headers={"Location": "/other"}), "is elsewhere", 302),
        (Answer(b"x" * 1_001), "more than 1000 bytes", None),
        (Answer(b"[", headers={"Content-Length": "9", "Connection": "close"}), "Payload", None),
        (Answer(b"\x1f", headers={"Content-Encoding": "gzip"}), "compressed", 200),
    ],
)
def test_what_is_no_whole_document_is_refused(
    documents: Documents, answer: Answer, message: str, status: int | None
) -> None:
    """A redirect is not followed; an answer that is cut short does not pass for a short one."""
    documents.answers["/feed"] = answer
    with pytest.raises(Unanswered, match=message) as caught:
        get(documents)
    assert status == caught.value.status
    assert ["/feed"] == documents.asked
    assert "127.0.0.1" not in str(caught.value)


def test_private_addresses_are_refused(documents: Documents) -> None:
    """Unless the settings allow them; nothing is asked."""
    with pytest.raises(Unanswered, match="allow_networks permits"):
        get(documents, allow_networks=[])
    assert [] == documents.asked


def test_a_server_that_is_away_is_an_error_of_one_line() -> None:
    """What is wrong is said without the address."""
    with served() as documents:
        pass
    with pytest.raises(Unanswered, match="ECONNREFUSED"):
        get(documents)


def test_a_file_of_certificates_that_cannot_be_read_is_named(
    documents: Documents, tmp_path: Path
) -> None:
    """Before anything is asked."""
    with pytest.raises(InboundError, match=r"ca_file .*nothing: No such file"):
        get(documents, ca_file=str(tmp_path / "nothing"))
    (tmp_path / "text").write_text("no certificate")
    with pytest.raises(InboundError, match="is not PEM"):
        get(documents, ca_file=str(tmp_path / "text"))


@pytest.mark.parametrize(
    ("headers", "moment"),
    [
        ({"Last-Modified": "Thu, 20 Nov 2025 12:00:00 GMT", "Date": "x"}, 1_763_640_000_000),
        ({"Date": "Thu, 20 Nov 2025 12:00:00 GMT"}, 1_763_640_000_000),
        ({"Last-Modified": "x", "Date": "Thu, 20 Nov 2025 12:00:00 GMT"}, 1_763_640_000_000),
        ({"Last-Modified": "yesterday"}, None),
        (
            {
                "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT",
                "Date": "Thu, 20 Nov 2025 12:00:00 GMT",
            },
            1_763_640_000_000,
        ),
        ({"Date": "Thu, 20 Nov 2025 12:00:00 -0000"}, 1_763_640_000_000),
        ({}, None),
    ],
)
def test_when_a_document_was_made(headers: dict[str, str], moment: int | None) -> None:
    """When it was changed last, else when it was given out; nonsense is left out."""
    assert moment == moment_of(headers)
