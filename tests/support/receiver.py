# SPDX-License-Identifier: Apache-2.0
"""A local HTTP receiver that can be told to misbehave, in the event loop of the test."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import chain, repeat

from connectors.sinks.testing import Behaviour

__all__ = [
    "HttpReceiver",
    "Request",
    "answer",
    "cut",
    "endless",
    "garbage",
    "http_receiver",
    "stall",
]


@dataclass(frozen=True, slots=True)
class Request:
    """What came: names of headers are in lower case; `connection` counts from 0."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Writes an answer; the connection is kept when it returns, and closed when it raises."""


def answer(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Reply:
    """Reply with a whole answer of HTTP."""
    lines = [
        f"HTTP/1.1 {status} Status",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    text = "\r\n".join([*lines, "", ""]).encode() + body

    async def reply(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)

    return reply


async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes in the middle of the body."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    raise ConnectionAbortedError


async def stall(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Never answers, until the other side has closed."""
    await reader.read()
    raise ConnectionResetError


async def garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers 200 with a body of no meaning, in a content type that it is not."""
    body = bytes(range(256))
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    writer.write(head.encode() + b"\r\nContent-Encoding: gzip\r\n\r\n" + body)


async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers 200 with a body that never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        await writer.drain()


_REPLIES: Mapping[Behaviour, Reply] = {
    Behaviour.ACCEPT: answer(200, body=b"{}"),
    Behaviour.FAIL: answer(503),
    Behaviour.REFUSE: answer(400),
    Behaviour.STALL: stall,
    Behaviour.CUT: cut,
    Behaviour.GARBAGE: garbage,
}


class HttpReceiver:
    """What a receiver has seen, and how it treats what comes.

    Attributes:
        requests: all that came, in their order.
        connections: open now.
        accepted: connections that were ever opened.
        url: where it listens.
    """

    def __init__(self, id_header: str, url: str = "") -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.accepted = 0
        self.url = url
        self._id_header = id_header
        self._replies: Iterator[Reply] = repeat(_REPLIES[Behaviour.ACCEPT])

    @property
    def ids(self) -> list[str]:
        """The ids of the messages that came."""
        return [request.headers[self._id_header] for request in self.requests]

    def behave(self, behaviour: Behaviour, *, times: int | None = None) -> None:
        """Treat what comes so, or only the next `times`."""
        self.reply(_REPLIES[behaviour], times=times)

    def reply(self, reply: Reply, *, times: int | None = None) -> None:
        """Answer what comes so, or only the next `times`."""
        self._replies = (
            repeat(reply) if times is None else chain(repeat(reply, times), self._replies)
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Look after one connection."""
        connection, self.accepted = self.accepted, self.accepted + 1
        self.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                while True:
                    self.requests.append(await _read(reader, connection))
                    await next(self._replies)(reader, writer)
                    await writer.drain()
        finally:
            writer.close()
            self.connections -= 1


@asynccontextmanager
async def http_receiver(
    id_header: str = "webhook-id", tls: ssl.SSLContext | None = None
) -> AsyncIterator[HttpReceiver]:
    """Listen on a free port of 127.0.0.1 for as long as the block lasts."""
    receiver = HttpReceiver(id_header)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(receiver.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/hook"
    try:
        yield receiver
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader, connection: int) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body, connection)
