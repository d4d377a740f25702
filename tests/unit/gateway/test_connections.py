# SPDX-License-Identifier: Apache-2.0
"""Connections of callers who say nothing, or do not stop."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from unittest.mock import Mock

import pytest
import uvicorn
from typing_extensions import override
from uvicorn.server import ServerState

from gateway.connections import Connection

HEAD = b"POST /livez HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 200000\r\n\r\n"


class Timer:
    """What is to be called, unless it is cancelled."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds = seconds
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Forget it."""
        self.call = None


class Loop:
    """A loop in which nothing runs by itself."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Note what is to be called."""
        self.timers.append(Timer(seconds, call))
        return self.timers[-1]

    def create_task(self, work: Coroutine[Any, Any, None]) -> Mock:
        """Answer nothing."""
        work.close()
        return Mock()

    def pass_by(self, seconds: float) -> None:
        """Call what is due by then."""
        for timer in self.timers:
            if timer.call is not None and timer.seconds <= seconds:
                timer.call()


class Transport(asyncio.Transport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    @override
    def write(self, data: Any) -> None:
        """Keep it."""
        self.sent += bytes(data)

    @override
    def close(self) -> None:
        """Take note."""
        self.closed = True

    @override
    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    @override
    def pause_reading(self) -> None:
        """Go on all the same."""


class Caller:
    """Somebody who has just connected."""

    def __init__(self) -> None:
        async def answer(_scope: object, _receive: object, _send: object) -> None:
            """Never run."""

        config = uvicorn.Config(
            answer, interface="asgi3", lifespan="off", log_config=None, timeout_keep_alive=75
        )
        self.loop, self.transport = Loop(), Transport()
        self.connection = Connection(
            config=config, server_state=ServerState(), app_state={}, _loop=self.loop
        )
        self.connection.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        """Send some bytes."""
        self.connection.data_received(data)


@pytest.fixture
def caller() -> Caller:
    """Somebody who has sent nothing so far."""
    return Caller()


def test_who_says_nothing_is_sent_away(caller: Caller) -> None:
    """After ten seconds."""
    caller.loop.pass_by(9.9)
    assert not caller.transport.closed
    caller.loop.pass_by(10)
    assert caller.transport.closed


def test_who_drips_wins_no_time(caller: Caller) -> None:
    """The head must be whole by then, however it comes."""
    for place in range(len(HEAD) - 1):
        caller.send(HEAD[place : place + 1])
    caller.loop.pass_by(10)
    assert caller.transport.closed


def test_behind_the_head_there_is_time(caller: Caller) -> None:
    """The doors look after the body; behind the answer the next head must be whole in time too."""
    caller.send(HEAD)
    caller.loop.pass_by(1_000)
    assert not caller.transport.closed
    caller.connection.cycle.response_complete = True
    caller.connection.on_response_complete()
    caller.send(b"x" * 10)  # of the body, which nobody reads any more
    caller.loop.pass_by(10)
    assert caller.transport.closed


def test_between_requests_there_is_time(caller: Caller) -> None:
    """Then the time is that of the server's settings."""
    caller.send(b"GET /livez HTTP/1.1\r\n\r\n")
    caller.connection.cycle.response_complete = True
    caller.connection.on_response_complete()
    assert [75] == [timer.seconds for timer in caller.loop.timers if timer.call is not None]


def test_a_last_request_is_answered(caller: Caller) -> None:
    """One that was on its way when the server was told to stop; the connection ends with it."""
    caller.connection.shutdown()
    caller.send(b"GET /livez HTTP/1.1\r\n\r\n")
    caller.loop.pass_by(10)
    assert (False, False) == (caller.transport.closed, caller.connection.cycle.keep_alive)


def test_who_has_no_last_request_is_left(caller: Caller) -> None:
    """After a moment."""
    caller.connection.shutdown()
    assert not caller.transport.closed
    caller.loop.pass_by(0.5)
    assert caller.transport.closed


def test_who_waits_for_an_answer_is_not_left(caller: Caller) -> None:
    """The answer is the last."""
    caller.send(HEAD)
    caller.connection.shutdown()
    caller.loop.pass_by(10)
    assert (False, False) == (caller.transport.closed, caller.connection.cycle.keep_alive)


def test_who_has_left_is_forgotten(caller: Caller) -> None:
    """No timer holds a connection that is gone."""
    caller.connection.connection_lost(None)
    assert [None] == [timer.call for timer in caller.loop.timers]


@pytest.mark.parametrize(
    "endless",
    [
        (b"GET /livez HTTP/1.1\r\nX: ", b"a" * 10_000),
        (b"GET /livez HTTP/1.1\r\n", b"X: a\r\n" * 1_000),
        (b"GET /", b"a" * 10_000),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 10_000),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: a\r\n" * 1_000),
    ],
    ids=["header", "headers", "path", "chunk", "trailers"],
)
def test_a_head_without_end_is_cut(caller: Caller, endless: tuple[bytes, bytes]) -> None:
    """And all around a body that is not the body itself."""
    begin, more = endless
    caller.send(begin)
    for _ in range(20):
        if not caller.transport.closed:
            caller.send(more)
    assert caller.transport.closed
    assert caller.transport.sent.startswith(b"HTTP/1.1 400 ")


def test_a_large_body_is_no_head(caller: Caller) -> None:
    """However many pieces it comes in."""
    caller.send(HEAD)
    for _ in range(20):
        caller.send(b"a" * 10_000)
    assert (False, b"") == (caller.transport.closed, caller.transport.sent)
