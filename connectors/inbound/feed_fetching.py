# SPDX-License-Identifier: Apache-2.0
"""Fetches documents over HTTP: feeds, and schemas of a registry.

As the sinks send: nothing is dialled but what is public or allowed, redirects are not followed,
every wait and every size has a bound.
"""

import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import hdrs

from connectors.errors import InboundError
from connectors.inbound.feed_settings import FetchSettings
from connectors.sinks.addresses import AddressGuard, AddressRefused, GuardedResolver
from connectors.sinks.http import HTTP_FAILURES, describe
from schemas.timestamps import parse_timestamp

__all__ = ["Fetched", "Unanswered", "fetch", "moment_of", "trusted"]

_OK: Final = 200
_REDIRECTS: Final = range(300, 400)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer of status 200, whole; the names of its headers are in any case."""

    body: bytes
    headers: Mapping[str, str]


class Unanswered(InboundError):  # noqa: N818 - as in connectors.errors
    """There was no such answer.

    Attributes:
        status: of the answer there was; None: there was none.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


async def fetch(what: str, url: str, settings: FetchSettings, max_bytes: int) -> Fetched:
    """Get a document.

    Args:
        what: what it is, for errors, which do not show the address: a part of it may be a secret.
        url: where it is.
        settings: how to ask.
        max_bytes: a larger one is refused.

    Raises:
        Unanswered: there is no answer of status 200 that is whole and not too large.
        InboundError: the file of certificates cannot be read.
    """
    guard = AddressGuard(settings.allow_networks)
    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(aiohttp.DefaultResolver(), guard),
        socket_factory=guard.socket,
        ssl=trusted(settings.ca_file),
    )
    timeout = aiohttp.ClientTimeout(
        total=settings.timeout.total_seconds(), connect=settings.connect_timeout.total_seconds()
    )
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                # A compressed answer could be a thousand times its size; none is asked for.
                auto_decompress=False,
                headers=_headers(settings),
                timeout=timeout,
            ) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            _check_answer(what, response)
            return Fetched(await _whole(what, response, max_bytes), response.headers)
    except (*HTTP_FAILURES, AddressRefused) as error:
        raise Unanswered(
            f"{what} cannot be fetched: {_reason(error)}: check its `url`, and that it is up"
        ) from None


def moment_of(headers: Mapping[str, str]) -> int | None:
    """Return when a document was made: `Last-Modified`, else `Date`, in epoch milliseconds.

    What is before 2001 is left out: servers that know no such time give 1970.
    """
    for name in (hdrs.LAST_MODIFIED, hdrs.DATE):
        # Whatever a server writes there, the time of fetching will do.
        with suppress(ValueError, TypeError, KeyError, OverflowError):
            made_at = parsedate_to_datetime(headers[name])
            # In HTTP all times are GMT; one that does not say so is not ours.
            seconds = int(made_at.replace(tzinfo=made_at.tzinfo or UTC).timestamp())
            return parse_timestamp(seconds * 1000)
    return None


def _headers(settings: FetchSettings) -> dict[str, str]:
    return {
        hdrs.ACCEPT_ENCODING: "identity",
        hdrs.USER_AGENT: f"restock/{version('restock')}",
        **{name: value.get_secret_value() for name, value in settings.headers.items()},
    }


def _check_answer(what: str, response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status in _REDIRECTS:
        raise Unanswered(
            f"{what} is elsewhere (HTTP {status}): give the address it leads to as `url`", status
        )
    if status != _OK:
        raise Unanswered(f"{what} cannot be fetched: HTTP {status}: check `url`", status)
    if response.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise Unanswered(f"{what} came compressed, which was not asked for", status)


async def _whole(what: str, response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    # One buffer that grows: parts in a list would need their size a second time when joined.
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > max_bytes:
            raise Unanswered(f"{what} has more than {max_bytes} bytes: raise `max_bytes`")
    return bytes(body)


def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """Make what certificates are checked with.

    Args:
        ca_file: certificates of authorities to trust besides the system's; None: no others.

    Raises:
        InboundError: the file cannot be used; the message begins with its setting's name.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            reason = "is not PEM" if isinstance(error, ssl.SSLError) else error.strerror
            raise InboundError(
                f"ca_file {ca_file}: {reason}; give a file of certificates"
            ) from None
    return context


def _reason(error: BaseException) -> str:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, AddressRefused):
        return "its address is not public (allow_networks permits private ones)"
    return describe(error)
