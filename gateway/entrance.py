# SPDX-License-Identifier: Apache-2.0
"""Who may come in, and how often."""

import hashlib
from collections.abc import Callable
from http import HTTPStatus
from ipaddress import IPv6Address, IPv6Network
from typing import Final

from starlette.requests import Request

from gateway.limits import Allowance, FixedWindows
from gateway.problems import Problem, invalid
from gateway.settings import GatewaySettings

__all__ = ["Entrance"]

_SCHEME: Final = "klaviyo-api-key "
_LONGEST_SHOWN: Final = 64
_IPV6_PREFIX: Final = 64
"""Of a subscriber's network (RFC 6177): 2^64 addresses are one caller."""


class Entrance:
    """Lets requests in, or raises the problem they are answered with.

    Each method returns the headers that the answer is to have.

    Args:
        settings: keys and limits.
        clock: seconds, of a clock that never goes back.
    """

    def __init__(self, settings: GatewaySettings, clock: Callable[[], float]) -> None:
        # How long it takes to find a digest tells nothing of a key.
        keys = [key.get_secret_value() for key in settings.private_keys]
        self._keys = {_digest(key): f"private {place}" for place, key in enumerate(keys)}
        self._company_ids = frozenset(settings.company_ids)
        self._by_key = FixedWindows(settings.key_burst, settings.key_steady, clock)
        self._by_address = FixedWindows(settings.address_burst, settings.address_steady, clock)

    def server(self, request: Request) -> dict[str, str]:
        """Let a server in: it knows a private key.

        Raises:
            Problem: 401 `not_authenticated`, or 429 `throttled`.
        """
        authorization = request.headers.get("authorization", "")
        scheme, key = authorization[: len(_SCHEME)], authorization[len(_SCHEME) :].strip()
        known = self._keys.get(_digest(key))
        if scheme.lower() != _SCHEME or known is None:
            # Guessing is as slow as any other calling from there.
            _within(self._by_address.take(_address(request)))
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "not_authenticated",
                "Authentication credentials were not provided.",
                "Missing or invalid private key.",
                pointer="/data/",
                headers={"WWW-Authenticate": "Klaviyo-API-Key"},
            )
        return _within(self._by_key.take(known))

    def browser(self, request: Request, company_id: str | None) -> dict[str, str]:
        """Let a browser in: it knows a public key.

        Raises:
            Problem: 400 `invalid`, or 429 `throttled`.
        """
        headers = self.anyone(request)
        self.company(company_id, headers)
        return headers

    def company(self, company_id: str | None, headers: dict[str, str]) -> None:
        """Let somebody in whose address may come: they know a public key.

        Args:
            company_id: the key.
            headers: those that `anyone` has returned.

        Raises:
            Problem: 400 `invalid`, or 429 `throttled`.
        """
        if company_id not in self._company_ids:
            shown = (company_id or "").encode("ascii", "replace").decode()[:_LONGEST_SHOWN]
            problem = invalid(f"Invalid company ID {shown}", "/data")
            problem.headers = headers
            raise problem
        _within(self._by_key.take(f"public {company_id}"))

    def anyone(self, request: Request) -> dict[str, str]:
        """Let anyone in, as often as an address may come.

        Raises:
            Problem: 429 `throttled`.
        """
        return _within(self._by_address.take(_address(request)))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _address(request: Request) -> str:
    """Return the address that is counted; by IPv6 whoever has one has the whole network of it."""
    host = request.client.host if request.client is not None else ""
    if ":" not in host:
        return host
    try:
        address = IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, _IPV6_PREFIX), strict=False))


def _within(allowance: Allowance) -> dict[str, str]:
    if allowance.retry_after is None:
        return allowance.headers
    seconds = allowance.retry_after
    raise Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "throttled",
        "Request was throttled.",
        f"Request was throttled. Expected available in {seconds} seconds.",
        pointer="/data/",
        headers={**allowance.headers, "Retry-After": str(seconds)},
    )
