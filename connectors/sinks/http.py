# SPDX-License-Identifier: Apache-2.0
"""Requests to receivers that are not trusted, over connections that are kept.

What any sink over HTTP needs: many requests in flight, a bound to every wait, redirects that are
given back and never followed, answers read up to a limit, no cookies, no proxies from the
environment, certificates verified, and nothing dialled but what `AddressGuard` permits. All that
such a sink needs is named here; the checks and the failures have modules of their own.
"""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver

from connectors.errors import SinkError
from connectors.sinks.addresses import AddressGuard, AddressRefused, GuardedResolver
from connectors.sinks.http_checks import (
    HeaderRefused,
    check_further_header,
    check_header,
    check_url,
)
from connectors.sinks.http_failures import HTTP_FAILURES, TRANSPORT_OUTCOMES, describe

__all__ = [
    "HTTP_FAILURES",
    "TRANSPORT_OUTCOMES",
    "HeaderRefused",
    "HttpClient",
    "HttpOptions",
    "HttpResponse",
    "check_further_header",
    "check_header",
    "check_url",
    "describe",
]


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How requests are made.

    Attributes:
        concurrency: connections at most, and so requests in flight.
        timeout: seconds for a request with its answer.
        connect_timeout: seconds to get a connection: name, address, TLS.
        allow_networks: networks that may be dialled although they are not public.
        ca_file: certificates of authorities to trust besides the system's, PEM.
        body_limit: bytes of an answer that are read; of a longer one the rest is given up.
        dns_seconds: how long the addresses of a name are remembered.
    """

    concurrency: int
    timeout: float
    connect_timeout: float
    allow_networks: Sequence[IPv4Network | IPv6Network] = ()
    ca_file: Path | None = None
    body_limit: int = 65_536
    dns_seconds: int = 10


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer: its status, its headers (names in any case) and the beginning of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Makes requests; one for each sink.

    Args:
        options: how.
        headers: sent with every request.
        resolver: asked for addresses; None: the system.
    """

    def __init__(
        self,
        options: HttpOptions,
        headers: Mapping[str, str] | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._options = options
        self._headers = dict(headers or {})
        self._guard = AddressGuard(options.allow_networks)
        self._asked = resolver
        self._resolver: AbstractResolver | None = None
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Get ready; nothing is connected yet.

        Raises:
            SinkError: the file of certificates cannot be read, or a header cannot be sent.
        """
        options = self._options
        for name, value in self._headers.items():
            try:
                check_header(value)
            except HeaderRefused as error:
                raise SinkError(f"the header {name} {error}") from None
        trusted = _ssl_context(options.ca_file)
        self._resolver = GuardedResolver(self._asked or aiohttp.DefaultResolver(), self._guard)
        connector = aiohttp.TCPConnector(
            limit=options.concurrency,
            resolver=self._resolver,
            socket_factory=self._guard.socket,
            ssl=trusted,
            ttl_dns_cache=options.dns_seconds,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # A compressed answer could be a thousand times its size, and none is asked for.
            auto_decompress=False,
            headers={
                hdrs.ACCEPT_ENCODING: "identity",
                hdrs.USER_AGENT: f"restock/{version('restock')}",
                **self._headers,
            },
            read_bufsize=options.body_limit,
            timeout=aiohttp.ClientTimeout(total=options.timeout, connect=options.connect_timeout),
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """Make a request, and read its answer whole or up to the limit.

        Raises:
            HeaderRefused: a header's value cannot be sent; nothing was.
            AddressRefused: the receiver is at an address that may not be dialled.
            aiohttp.ClientError: no connection, or no answer of HTTP; also an OSError (with all
                timeouts) or a ValueError.
        """
        if self._session is None:
            raise SinkError("the sink is not open: call open() before send()")
        for value in headers.values():
            check_header(value)
        try:
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return HttpResponse(
                    response.status,
                    response.headers,
                    await _beginning(response, self._options.body_limit),
                )
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, AddressRefused):
                raise error.os_error from None
            raise

    async def close(self) -> None:
        """Let go of all connections; what is in flight fails."""
        session, self._session = self._session, None
        resolver, self._resolver = self._resolver, None
        if session is not None:
            await session.close()
        if resolver is not None:
            await resolver.close()


async def _beginning(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if (response.content_length or 0) > limit:
        response.close()
        return b""
    body = await response.content.readany()
    if response.content.at_eof():
        return body[:limit]
    parts, size = [body], len(body)
    while size <= limit and (part := await response.content.readany()):
        parts.append(part)
        size += len(part)
    if size > limit:
        # What is still to come is nobody's business, and may never end.
        response.close()
    return b"".join(parts)[:limit]


def _ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            reason = "is not PEM" if isinstance(error, ssl.SSLError) else error.strerror
            raise SinkError(f"ca_file {ca_file}: {reason}; give a file of certificates") from None
    return context
