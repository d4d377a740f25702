# SPDX-License-Identifier: Apache-2.0
"""Requests to receivers that are not trusted: what they can do, and what they cannot make us do."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from connectors.errors import SinkError
from connectors.sinks import http as http_module
from connectors.sinks.addresses import AddressRefused
from connectors.sinks.contract import Resolution
from connectors.sinks.http import (
    TRANSPORT_OUTCOMES,
    HeaderRefused,
    HttpClient,
    HttpOptions,
    HttpResponse,
    describe,
)
from connectors.sinks.outcomes import Outcome, Outcomes
from connectors.sinks.testing import Behaviour
from tests.support.receiver import HttpReceiver, answer, endless, http_receiver

OPTIONS = HttpOptions(
    concurrency=10, timeout=20, connect_timeout=20, allow_networks=[ip_network("127.0.0.1")]
)
IMPATIENT = replace(OPTIONS, timeout=0.1)
HEADERS = {"webhook-id": "1"}
TABLE = Outcomes({}, TRANSPORT_OUTCOMES, default=Outcome(Resolution.FINAL), prefix="http")


@asynccontextmanager
async def client(
    options: HttpOptions = OPTIONS,
    headers: Mapping[str, str] | None = None,
    resolver: AbstractResolver | None = None,
) -> AsyncIterator[HttpClient]:
    """Open a client for as long as the block lasts."""
    opened = HttpClient(options, headers, resolver)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


class Resolver(AbstractResolver):
    """Answers with one list of addresses, separated by blanks, after the other; then the last."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
            for address in addresses.split()
        ]

    @override
    async def close(self) -> None:
        pass


async def post(client: HttpClient, receiver: HttpReceiver) -> HttpResponse:
    """Make the request of these tests."""
    return await client.post(receiver.url, b"body", HEADERS)


def reason(error: BaseException) -> str:
    """Say what the table of failures calls an error."""
    return TABLE.of_exception(error).reason


def test_connections_are_kept() -> None:
    """One connection serves one request after the other, and nothing but what is needed is sent."""

    async def claim() -> None:
        async with http_receiver() as receiver, client(headers={"X-Shop": "one"}) as http:
            for _ in range(3):
                response = await post(http, receiver)
            assert (200, b"{}", 1) == (response.status, response.body, receiver.accepted)
            sent = receiver.requests[-1]
            assert ("POST", "/hook", b"body") == (sent.method, sent.target, sent.body)
            assert "one" == sent.headers["x-shop"]
            assert "identity" == sent.headers["accept-encoding"]
            assert sent.headers["user-agent"].startswith("restock/")

    asyncio.run(claim())


def test_many_are_in_flight() -> None:
    """As many connections as the concurrency says, and a slow one holds up none of the others."""

    async def claim() -> None:
        async with http_receiver() as receiver, client() as http:
            receiver.behave(Behaviour.STALL, times=1)
            slow = asyncio.create_task(post(http, receiver))
            await asyncio.gather(*(post(http, receiver) for _ in range(30)))
            assert not slow.done()
            assert receiver.accepted <= OPTIONS.concurrency
            slow.cancel()

    asyncio.run(claim())


def test_a_redirect_is_not_followed() -> None:
    """Not even to where the request came from; it is given back as it is."""

    async def claim() -> None:
        async with http_receiver() as receiver, client() as http:
            receiver.reply(answer(301, {"Location": "http://169.254.169.254/latest/"}))
            assert 301 == (await post(http, receiver)).status
            receiver.reply(answer(307, {"Location": receiver.url}))
            assert 307 == (await post(http, receiver)).status
            assert 2 == len(receiver.requests)

    asyncio.run(claim())


@pytest.mark.parametrize("unguarded", [False, True])
def test_a_name_that_moves_to_a_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, *, unguarded: bool
) -> None:
    """The address is judged each time that one is dialled: a second answer gains nothing.

    So it is even if names were resolved without a guard.
    """
    if unguarded:
        monkeypatch.setattr(http_module, "GuardedResolver", lambda inner, _: inner)

    async def claim() -> None:
        resolver = Resolver("127.0.0.1", "127.0.0.2")
        options = replace(OPTIONS, dns_seconds=0)
        async with http_receiver() as receiver, client(options, resolver=resolver) as http:
            receiver.url = receiver.url.replace("127.0.0.1", "receiver.example")
            receiver.reply(answer(200, {"Connection": "close"}))
            assert 200 == (await post(http, receiver)).status
            with pytest.raises(AddressRefused) as caught:
                await post(http, receiver)
            assert "address_refused" == reason(caught.value)
            assert (2, 1) == (resolver.asked, receiver.accepted)

    asyncio.run(claim())


@pytest.mark.parametrize("addresses", ["10.0.0.1 127.0.0.1", "127.0.0.1 10.0.0.1"])
def test_only_what_is_permitted_of_an_answer_is_dialled(addresses: str) -> None:
    """A private address beside another is left out; where the other is down, it is tried again."""

    async def claim() -> None:
        async with http_receiver() as receiver, client(resolver=Resolver(addresses)) as http:
            receiver.url = receiver.url.replace("127.0.0.1", "receiver.example")
            assert 200 == (await post(http, receiver)).status
        async with client(resolver=Resolver(addresses)) as http:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await post(http, receiver)
            assert "unreachable" == reason(caught.value)

    asyncio.run(claim())


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])
def test_an_address_in_the_url_is_judged_too(host: str) -> None:
    """No name has to be resolved for it."""

    async def claim() -> None:
        async with client(replace(OPTIONS, allow_networks=())) as http:
            with pytest.raises(AddressRefused):
                await http.post(f"http://{host}:9/", b"", HEADERS)

    asyncio.run(claim())


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f.1", "0177.0.0.1"])
def test_other_spellings_of_an_address_reach_nobody(host: str) -> None:
    """What the system would read as 127.0.0.1 is not connected to either."""

    async def claim() -> None:
        async with client(replace(OPTIONS, allow_networks=())) as http:
            with pytest.raises((AddressRefused, aiohttp.ClientError)) as caught:
                await http.post(f"http://{host}:9/", b"", HEADERS)
            assert reason(caught.value) in {"address_refused", "invalid_url"}

    asyncio.run(claim())


def test_a_huge_body_is_not_read() -> None:
    """One that says its length is not begun, one that never ends is cut off at the limit."""

    async def claim() -> None:
        async with http_receiver() as receiver, client() as http:
            receiver.reply(answer(200, body=bytes(100 * OPTIONS.body_limit)), times=1)
            assert b"" == (await post(http, receiver)).body
            receiver.reply(endless, times=1)
            assert bytes(OPTIONS.body_limit) == (await post(http, receiver)).body
            receiver.reply(answer(200, body=bytes(OPTIONS.body_limit)))
            assert bytes(OPTIONS.body_limit) == (await post(http, receiver)).body
            assert 3 == receiver.accepted

    asyncio.run(claim())


def test_a_slow_body_has_an_end() -> None:
    """The time for a request counts its answer: a byte now and then does not prolong it."""

    async def dribble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def claim() -> None:
        async with http_receiver() as receiver, client(IMPATIENT) as http:
            receiver.reply(dribble)
            with pytest.raises(TimeoutError) as caught:
                await post(http, receiver)
            assert "timeout" == reason(caught.value)

    asyncio.run(claim())


def test_silence_has_an_end() -> None:
    """A receiver that takes the request and says nothing is given up after the time allowed."""

    async def claim() -> None:
        async with http_receiver() as receiver, client(IMPATIENT) as http:
            receiver.behave(Behaviour.STALL, times=1)
            with pytest.raises(TimeoutError) as caught:
                await post(http, receiver)
            assert "timeout" == reason(caught.value)
            assert 200 == (await post(http, receiver)).status

    asyncio.run(claim())


def test_a_body_in_pieces_is_read_whole() -> None:
    """However it is cut; the connection is kept."""

    async def pieces(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"1\r\na\r\n", b"2\r\nbc\r\n", b"0\r\n\r\n"):
            await writer.drain()
            await asyncio.sleep(0.005)
            writer.write(piece)

    async def claim() -> None:
        async with http_receiver() as receiver, client() as http:
            receiver.reply(pieces)
            for _ in range(2):
                assert b"abc" == (await post(http, receiver)).body
            assert 1 == receiver.accepted

    asyncio.run(claim())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"220 mail.example ESMTP\r\n",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: minus one\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
        bytes(range(256)),
    ],
)
def test_what_is_not_http_is_a_failure_of_the_table(text: bytes) -> None:
    """Whatever comes, or nothing, and then the end: to be retried, with a reason of its own."""

    async def reply(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        raise ConnectionAbortedError

    async def claim() -> None:
        async with http_receiver() as receiver, client() as http:
            receiver.reply(reply)
            with pytest.raises((aiohttp.ClientError, OSError, ValueError)) as caught:
                await post(http, receiver)
            assert reason(caught.value) in {"disconnected", "not_http"}
            assert Resolution.RETRY is TABLE.of_exception(caught.value).resolution

    asyncio.run(claim())


def test_nobody_there_is_a_failure_of_the_table() -> None:
    """A closed port, and a name that does not exist; the words say no address."""

    async def claim() -> None:
        async with http_receiver() as receiver:
            url = receiver.url
        async with client() as http:
            with pytest.raises(OSError, match="Connect") as caught:
                await http.post(url, b"", HEADERS)
            assert "unreachable" == reason(caught.value)
            assert "ClientConnectorError: ECONNREFUSED" == describe(caught.value)
        async with client(resolver=NoNames("x")) as http:
            with pytest.raises(OSError, match="example") as caught:
                await http.post("http://shop.example/secret", b"", HEADERS)
            assert "dns" == reason(caught.value)
            assert "example" not in describe(caught.value)

    asyncio.run(claim())


class NoNames(Resolver):
    """Knows no name."""

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise OSError(None, f"{host} has no address")


@pytest.mark.parametrize("value", ["1\r\nX-Evil: 1", "1\n", "\x00", "1\x7f", "ä", "1\u2028"])
def test_a_header_cannot_be_ended_by_its_value(value: str) -> None:
    """Line breaks, other control characters and what is not ASCII are refused before sending."""

    async def claim() -> None:
        async with http_receiver() as receiver, client() as http:
            with pytest.raises(HeaderRefused) as caught:
                await http.post(receiver.url, b"", {"webhook-id": value})
            assert Resolution.FINAL is TABLE.of_exception(caught.value).resolution
            assert 0 == receiver.accepted
        with pytest.raises(SinkError, match="the header X-Shop must be printable ASCII"):
            await HttpClient(OPTIONS, {"X-Shop": value}).open()

    asyncio.run(claim())


def test_cookies_and_proxies_play_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver cannot mark us, and the environment does not choose the way."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    async def claim() -> None:
        async with http_receiver() as receiver, client() as http:
            receiver.reply(answer(200, {"Set-Cookie": "a=b"}))
            for _ in range(2):
                await post(http, receiver)
            assert "cookie" not in receiver.requests[-1].headers

    asyncio.run(claim())


def test_closing_ends_what_is_in_flight() -> None:
    """Whoever waits for an answer gets a failure of the table, at once."""

    async def claim() -> None:
        async with http_receiver() as receiver, client() as http:
            receiver.behave(Behaviour.STALL)
            call = asyncio.create_task(post(http, receiver))
            while not receiver.requests:  # noqa: ASYNC110 - it takes but a few turns
                await asyncio.sleep(0)
            await http.close()
            with pytest.raises(aiohttp.ClientError) as caught:
                await call
            assert Resolution.RETRY is TABLE.of_exception(caught.value).resolution

    asyncio.run(claim())


def test_a_client_that_is_not_open_says_so() -> None:
    """Before `open` and after `close` nothing is connected."""

    async def claim() -> None:
        http = HttpClient(OPTIONS)
        await http.close()
        with pytest.raises(SinkError, match=r"call open\(\)"):
            await http.post("http://127.0.0.1:9/", b"", HEADERS)

    asyncio.run(claim())
