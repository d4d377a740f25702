# SPDX-License-Identifier: Apache-2.0
"""Certificates that are refused, and what is refused in the settings of HTTP sinks."""

import asyncio
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from connectors.errors import SinkError
from connectors.sinks.http import (
    HttpClient,
    check_further_header,
    check_url,
    describe,
)
from tests.support.certificates import make_certificates
from tests.support.receiver import http_receiver
from tests.unit.connectors.test_http import OPTIONS, Resolver, client, post, reason


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    """Nothing is sent; it is retried, for certificates are renewed, and the words say why."""
    certificates = make_certificates(tmp_path, days=-1)

    async def claim() -> None:
        options = replace(OPTIONS, ca_file=certificates.ca_file)
        async with http_receiver(tls=certificates.server) as receiver, client(options) as http:
            with pytest.raises(aiohttp.ClientConnectorCertificateError) as caught:
                await post(http, receiver)
            assert "certificate" == reason(caught.value)
            assert "certificate has expired" in describe(caught.value)
            assert [] == receiver.requests

    asyncio.run(claim())


def test_an_authority_of_ones_own_is_trusted_by_setting(tmp_path: Path) -> None:
    """With `ca_file` its certificates are good, without it they are not; other names never."""
    certificates = make_certificates(tmp_path)

    async def claim() -> None:
        trusting = replace(OPTIONS, ca_file=certificates.ca_file)
        async with http_receiver(tls=certificates.server) as receiver:
            async with client(trusting) as http:
                assert 200 == (await post(http, receiver)).status
            async with client() as http:
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await post(http, receiver)
            receiver.url = receiver.url.replace("127.0.0.1", "other.example")
            async with client(trusting, resolver=Resolver("127.0.0.1")) as http:
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await post(http, receiver)

    asyncio.run(claim())


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bad_file_of_certificates_is_refused_at_open(tmp_path: Path, content: str | None) -> None:
    """The line names the file."""
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)

    async def claim() -> None:
        with pytest.raises(SinkError, match=r"ca_file .*ca.pem: "):
            await HttpClient(replace(OPTIONS, ca_file=ca_file)).open()

    asyncio.run(claim())


def test_urls_of_settings_are_checked() -> None:
    """Https by default, with a host, and without what would show where the URL does."""
    assert check_url("https://shop.example/a?b=c", allow_http=False)
    assert check_url("http://[::1]:8080/", allow_http=True)
    for value, problem in [
        ("http://shop.example/", "allow_http = true"),
        ("https://user:word@shop.example/", "must not hold a user"),
        ("ftp://shop.example/", "must be a URL"),
        ("https://", "must be a URL"),
        ("https://shop.example:x/", "must be a URL"),
        ("https://shop.example/ a\r\n", "must be a URL"),
        ("shop.example", "must be a URL"),
    ]:
        with pytest.raises(ValueError, match=problem):
            check_url(value, allow_http=False)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("a b", "1", "is not the name of a header"),
        ("Host", "1", "cannot be given"),
        ("Webhook-Signature", "1", "cannot be given"),
        ("X-Token", "secret\r\n", "headers.X-Token must be printable"),
    ],
)
def test_headers_of_settings_are_checked(name: str, value: str, problem: str) -> None:
    """They add to the request, and decide nothing of it; a value is never shown."""
    with pytest.raises(ValueError, match=problem) as caught:
        check_further_header(name, value)
    assert "secret" not in str(caught.value)
