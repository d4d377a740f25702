# SPDX-License-Identifier: Apache-2.0
"""How requests fail, and what that means; the same for every sink over HTTP."""

import errno
from collections.abc import Mapping
from typing import Final

import aiohttp

from connectors.sinks.addresses import AddressRefused
from connectors.sinks.contract import Resolution
from connectors.sinks.http_checks import HeaderRefused
from connectors.sinks.outcomes import Outcome

__all__ = ["HTTP_FAILURES", "TRANSPORT_OUTCOMES", "describe"]

_RETRY: Final = Resolution.RETRY

HTTP_FAILURES: Final = (aiohttp.ClientError, OSError, ValueError)
"""What `HttpClient.post` raises for whatever a receiver does; timeouts are an OSError."""

TRANSPORT_OUTCOMES: Final[Mapping[type[BaseException], Outcome]] = {
    AddressRefused: Outcome(Resolution.FINAL, "address_refused"),
    HeaderRefused: Outcome(Resolution.FINAL, "invalid_header"),
    aiohttp.InvalidURL: Outcome(Resolution.FINAL, "invalid_url"),
    # Renewed within the hour, as a rule: nobody is to miss their message for it.
    aiohttp.ClientConnectorCertificateError: Outcome(_RETRY, "certificate"),
    aiohttp.ClientConnectorSSLError: Outcome(_RETRY, "tls"),
    aiohttp.ClientConnectorDNSError: Outcome(_RETRY, "dns"),
    aiohttp.ClientConnectorError: Outcome(_RETRY, "unreachable"),
    aiohttp.ConnectionTimeoutError: Outcome(_RETRY, "connect_timeout"),
    TimeoutError: Outcome(_RETRY, "timeout"),
    aiohttp.ServerDisconnectedError: Outcome(_RETRY, "disconnected"),
    aiohttp.ClientPayloadError: Outcome(_RETRY, "disconnected"),
    # Resets of connections that stood.
    aiohttp.ClientOSError: Outcome(_RETRY, "disconnected"),
    ConnectionError: Outcome(_RETRY, "disconnected"),
    aiohttp.ClientResponseError: Outcome(_RETRY, "not_http"),
    Exception: Outcome(_RETRY, "transport"),
}
"""What the failures of a connection mean."""


def describe(error: BaseException) -> str:
    """Say what happened in a few words, without URLs and addresses."""
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"{name}: {getattr(error.certificate_error, 'verify_message', 'refused')}"
    symbol = errno.errorcode.get(error.errno or 0) if isinstance(error, OSError) else None
    return f"{name}: {symbol}" if symbol else name
