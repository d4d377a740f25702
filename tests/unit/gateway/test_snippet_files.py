# SPDX-License-Identifier: Apache-2.0
"""The files of the snippet: small, self-contained, cached, and named by what is in them."""

import base64
import hashlib
import re

import pytest

from gateway.pages_static import read_files, router
from tests.support.gateway_doors import client_of

NAMES = ("example.html", "restock.css", "restock.js")


@pytest.mark.parametrize("name", NAMES)
def test_file_is_served_to_other_origins(name: str) -> None:
    """As what it is, for as long as it may be kept; a shop's page may check its integrity."""
    answer = client_of(router()).get(f"/static/{name}")

    assert 200 == answer.status_code
    assert read_files()[name].content == answer.content
    assert "nosniff" == answer.headers["X-Content-Type-Options"]
    assert "*" == answer.headers["Access-Control-Allow-Origin"]
    assert "max-age=" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("weakness", ["", "W/"])
def test_known_content_is_not_sent_again(weakness: str) -> None:
    """304 for whoever has it, also behind a proxy that compresses."""
    client = client_of(router())
    etag = client.get("/static/restock.js").headers["ETag"]

    again = client.get("/static/restock.js", headers={"If-None-Match": f'"old", {weakness}{etag}'})

    assert (304, b"", etag) == (again.status_code, again.content, again.headers["ETag"])
    assert 200 == client.get("/static/restock.js", headers={"If-None-Match": '"old"'}).status_code


def test_head_says_the_same_without_the_file() -> None:
    """HEAD has the headers of GET."""
    client = client_of(router())

    head, get = client.head("/static/restock.js"), client.get("/static/restock.js")

    assert b"" == head.content
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_nothing_else_is_served() -> None:
    """Only the files that are named."""
    client = client_of(router())

    assert {404} == {
        client.get(path).status_code
        for path in ("/static/", "/static/../settings.py", "/static/%2e%2e/settings.py")
    }


def test_integrity_is_that_of_the_content() -> None:
    """The attribute's form is that of Subresource Integrity."""
    file = read_files()["restock.js"]
    digest = hashlib.sha384(file.content).digest()

    assert f"sha384-{base64.b64encode(digest).decode()}" == file.integrity


def test_script_sets_no_markup() -> None:
    """Neither the page nor an answer can become markup or code, nor a style that is inline."""
    script = read_files()["restock.js"].content.decode()

    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|\.style ="
    )
    assert [] == re.findall(forbidden, script)


@pytest.mark.parametrize(("name", "most"), [("restock.js", 12_000), ("restock.css", 3_000)])
def test_files_are_small(name: str, most: int) -> None:
    """Bytes, before a proxy compresses them to a third."""
    assert len(read_files()[name].content) < most
