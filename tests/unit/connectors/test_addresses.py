# SPDX-License-Identifier: Apache-2.0
"""Which addresses may be dialled."""

import socket
from ipaddress import ip_network

import pytest

from connectors.sinks.addresses import AddressGuard, AddressRefused, parse_network

PUBLIC = ["8.8.8.8", "2001:4860:4860::8888", "192.0.0.9"]
REFUSED = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # where clouds hand out credentials
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - the system takes it for this machine
    "192.0.2.1",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%1",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_dialled(address: str) -> None:
    """Nothing has to be set for a receiver on the Internet."""
    assert AddressGuard().permits(address)


@pytest.mark.parametrize("address", REFUSED)
def test_all_others_are_refused(address: str) -> None:
    """Private, local, shared, reserved and multicast ones."""
    assert not AddressGuard().permits(address)


@pytest.mark.parametrize(
    "carrier",
    ["::ffff:{}", "64:ff9b::{}", "::{}"],
)
@pytest.mark.parametrize(("inner", "permitted"), [("8.8.8.8", True), ("10.0.0.1", False)])
def test_ipv4_carried_in_ipv6_is_looked_through(
    carrier: str, inner: str, *, permitted: bool
) -> None:
    """Mapped, by NAT64, and in the form that is no longer used."""
    assert permitted is AddressGuard().permits(carrier.format(inner))


@pytest.mark.parametrize(
    ("address", "permitted"),
    [
        ("2002:808:808::1", True),
        ("2002:a00:1::1", False),
        ("2001:0:808:808::1", False),  # Teredo
        ("64:ff9b:1::808:808", False),  # whatever the local network makes of it
    ],
)
def test_tunnels_are_looked_through_or_refused(address: str, *, permitted: bool) -> None:
    """6to4 by the address within; those of which nobody knows where they end, not at all."""
    assert permitted is AddressGuard().permits(address)


def test_allowed_networks_may_be_dialled() -> None:
    """Private receivers are reached by a list, and nothing beside it."""
    guard = AddressGuard([ip_network("10.1.0.0/16"), ip_network("fd00::/64")])
    assert guard.permits("10.1.2.3")
    assert guard.permits("::ffff:10.1.2.3")
    assert guard.permits("fd00::7")
    assert not guard.permits("10.2.0.1")
    assert not guard.permits("fd01::7")


def test_a_socket_is_made_for_what_is_permitted_only() -> None:
    """The refusal is an error of its own, and says no address."""
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))
    with pytest.raises(AddressRefused, match="Permission denied"):
        AddressGuard().socket(info)
    with AddressGuard([ip_network("127.0.0.0/8")]).socket(info) as made:
        assert socket.AF_INET == made.family


@pytest.mark.parametrize("value", ["10.0.0.1/8", "example.com", "", 7, None])
def test_what_is_no_network_is_refused(value: object) -> None:
    """A typing error must not open more than was meant."""
    with pytest.raises(ValueError, match="expected a network such as"):
        parse_network(value)
