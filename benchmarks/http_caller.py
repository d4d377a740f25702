# SPDX-License-Identifier: Apache-2.0
"""Calls an endpoint as cheaply as Python can, over connections that stay open.

Started as ``python -m benchmarks.http_caller PLAN``, PLAN a file with a `Plan` as JSON; prints a
`Found` as JSON. Without a rate every connection calls again as soon as it was answered; with one,
calls are due at even intervals, and their time counts from when they were due, so that a pause
of the server counts for all who come meanwhile.
"""

import asyncio
import gc
import re
import sys
import time
from collections import Counter, deque
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop
from typing_extensions import override

__all__ = ["BODY", "Found", "Plan", "person_of"]

BODY: Final = (
    b'{"data":{"type":"back-in-stock-subscription","attributes":{"channels":["EMAIL"],"profile":'
    b'{"data":{"type":"profile","attributes":{"email":"%b"}}}},"relationships":{"variant":{"data":'
    b'{"type":"catalog-variant","id":"$custom:::$default:::SKU-%d"}}}}}'
)
"""To be filled with a person's address and the number of a variant."""

_VARIANTS: Final = 1_000
_LENGTH: Final = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
_END: Final = b"\r\n\r\n"


class Plan(msgspec.Struct, frozen=True):
    """What to call, and how.

    Attributes:
        port: on loopback.
        head: the request up to `Content-Length`, which is added.
        count: calls in all.
        connections: that stay open.
        rate: calls a second; 0: as fast as they are answered.
        first: number of the first person; none must come twice.
    """

    port: int
    head: str
    count: int
    connections: int
    rate: int
    first: int


class Found(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        seconds: from the first call to the last answer.
        statuses: answers by status.
        milliseconds: of each call, sorted.
    """

    seconds: float
    statuses: dict[str, int]
    milliseconds: list[float]


def person_of(number: int) -> bytes:
    """The address of a person."""
    return b"person%d@example.com" % number


class _Caller:
    """Deals calls to connections.

    Args:
        plan: the calls.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._next = 0
        self._answered = 0
        self._idle: deque[_Connection] = deque()
        self._overdue: deque[float] = deque()
        self.statuses: Counter[str] = Counter()
        self.milliseconds: list[float] = []
        self.done = asyncio.get_running_loop().create_future()

    def idle(self, connection: "_Connection") -> None:
        """Give a connection its next call, if one is due."""
        if self._plan.rate:
            if self._overdue:
                self._call(connection, self._overdue.popleft())
            else:
                self._idle.append(connection)
        elif self._next < self._plan.count:
            self._call(connection, time.perf_counter())

    def due(self, at: float) -> None:
        """A call is due."""
        if self._idle:
            self._call(self._idle.popleft(), at)
        else:
            self._overdue.append(at)

    def answered(self, status: str, due_at: float) -> None:
        """Note an answer."""
        self.statuses[status] += 1
        self.milliseconds.append((time.perf_counter() - due_at) * 1000)
        self._answered += 1
        if self._answered == self._plan.count:
            self.done.set_result(None)

    def _call(self, connection: "_Connection", due_at: float) -> None:
        number = self._plan.first + self._next
        self._next += 1
        body = BODY % (person_of(number), number % _VARIANTS)
        head = f"{self._plan.head}Content-Length: {len(body)}\r\n\r\n"
        connection.call(head.encode() + body, due_at)


class _Connection(asyncio.Protocol):
    def __init__(self, caller: _Caller) -> None:
        self._caller = caller
        self._data = b""
        self._due_at = 0.0
        self._transport: asyncio.Transport

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def call(self, request: bytes, due_at: float) -> None:
        """Send a request."""
        self._due_at = due_at
        self._transport.write(request)

    @override
    def data_received(self, data: bytes) -> None:
        data = self._data + data if self._data else data
        end = data.find(_END)
        found = _LENGTH.search(data, 0, end) if end >= 0 else None
        if end < 0 or len(data) < end + len(_END) + (int(found[1]) if found else 0):
            self._data = data
            return
        self._data = b""
        self._caller.answered(data[9:12].decode(), self._due_at)
        self._caller.idle(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._caller.done.done():
            self._caller.done.set_exception(ConnectionError("the server hung up"))


async def _run(plan: Plan) -> Found:
    loop = asyncio.get_running_loop()
    caller = _Caller(plan)
    connections = [
        (await loop.create_connection(lambda: _Connection(caller), "127.0.0.1", plan.port))[1]
        for _ in range(plan.connections)
    ]
    begun = time.perf_counter()
    for connection in connections:
        caller.idle(connection)
    if plan.rate:
        await _send_at_a_rate(plan, caller, begun)
    await caller.done
    seconds = time.perf_counter() - begun
    return Found(seconds, dict(caller.statuses), sorted(caller.milliseconds))


async def _send_at_a_rate(plan: Plan, caller: _Caller, begun: float) -> None:
    for number in range(plan.count):
        at = begun + number / plan.rate
        left = at - time.perf_counter()
        if left > 0:
            await asyncio.sleep(left)
        caller.due(at)


def main() -> None:
    """Call, and print what came of it."""
    plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(_run(plan))
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")


if __name__ == "__main__":
    main()
