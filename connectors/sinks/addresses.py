# SPDX-License-Identifier: Apache-2.0
"""Which addresses a sink may dial: public ones, and the networks that the settings allow.

A name can answer with another address each time it is asked (DNS rebinding), so what counts is the
address that is dialled: `AddressGuard.socket` makes the socket for it, or refuses. IP literals,
every address of an answer and every new connection come by there. `GuardedResolver` leaves out
before what would be refused: a name is refused only when none of its addresses may be dialled, and
not when the one that may be is down. A way around would be an address within another: IPv4 carried
in IPv6 is judged as the IPv4 address that packets would reach.
"""

import errno
import os
import socket
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Annotated, Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import BeforeValidator, PlainSerializer
from typing_extensions import override

__all__ = ["AddressGuard", "AddressRefused", "GuardedResolver", "Network", "parse_network"]

Address = IPv4Address | IPv6Address
AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""Family, type, protocol, canonical name and socket address, as `socket.getaddrinfo` gives them."""

_COMPATIBLE: Final = IPv6Network("::/96")  # RFC 4291, section 2.5.5.1; no longer used
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052
# RFC 8215: who translates it, and to what, is the local network's affair.
_NAT64_LOCAL: Final = IPv6Network("64:ff9b:1::/48")


def parse_network(value: object) -> IPv4Network | IPv6Network:
    """Read a network such as "10.0.0.0/8", or a single address.

    Raises:
        ValueError: it is neither, or has bits set behind its prefix.
    """
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    if isinstance(value, str):
        try:
            return ip_network(value)
        except ValueError:
            pass
    message = 'expected a network such as "10.0.0.0/8" or an address, without further bits set'
    raise ValueError(message)


Network = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(parse_network),
    PlainSerializer(str, return_type=str),
]
"""A pydantic field type: takes what `parse_network` takes, is written as text."""


class AddressRefused(OSError):  # noqa: N818 - the name says what is the matter
    """An address that is neither public nor allowed was about to be dialled."""

    def __init__(self) -> None:
        # The address stays unsaid: answers are records, and this may be a map of a network.
        super().__init__(errno.EACCES, os.strerror(errno.EACCES))


class AddressGuard:
    """Says which addresses may be dialled.

    Args:
        allowed: networks that may be dialled although they are not public.
    """

    def __init__(self, allowed: Iterable[IPv4Network | IPv6Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def permits(self, text: str) -> bool:
        """Whether an address, as sockets take it, may be dialled.

        Raises:
            ValueError: the text is no address.
        """
        # A zone ("%eth0") says by which interface, not to whom.
        given = ip_address(text.partition("%")[0])
        reached = _reached(given)
        return _is_public(reached) or any(
            given in network or reached in network for network in self._allowed
        )

    def socket(self, info: AddressInfo) -> socket.socket:
        """Make the socket for an address; a `socket_factory` of `aiohttp.TCPConnector`.

        Raises:
            AddressRefused: it may not be dialled.
            OSError: the system has no socket to give.
        """
        family, kind, protocol, _, address = info
        if not self.permits(address[0]):
            raise AddressRefused
        return socket.socket(family, kind, protocol)


class GuardedResolver(AbstractResolver):
    """Answers with the addresses that may be dialled.

    Args:
        inner: asked for all of them, and closed with this one.
        guard: says which may be dialled.
    """

    def __init__(self, inner: AbstractResolver, guard: AddressGuard) -> None:
        self._inner = inner
        self._guard = guard

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a name.

        Raises:
            AddressRefused: it has addresses, but none that may be dialled.
            OSError: it has none.
        """
        results = await self._inner.resolve(host, port, family)
        permitted = [result for result in results if self._guard.permits(result["host"])]
        if results and not permitted:
            raise AddressRefused
        return permitted

    @override
    async def close(self) -> None:
        """Close the resolver behind it."""
        await self._inner.close()


def _reached(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address.is_site_local or address in _NAT64_LOCAL):
        return False
    return address.is_global and not address.is_multicast
