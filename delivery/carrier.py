# SPDX-License-Identifier: Apache-2.0
"""The process that a sink runs in: reads calls from a socket, writes answers to it.

A sink of the network has a process of its own: what it costs to speak HTTP or to render mail is
then paid by another core than the one that judges and settles, and a fault in it takes nobody else
along. The process ends with its parent: when the socket is closed.
"""

import asyncio
import signal
import socket
import struct
from collections.abc import Callable
from typing import Final

import msgspec
import uvloop

from connectors.sinks.contract import Answer, Message, Sink
from delivery.collecting import collect_now_and_then, freeze

__all__ = ["Call", "Opened", "Reply", "carry", "read_frame", "write_frames"]

_LENGTH: Final = struct.Struct("<I")


class Call(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A call of `send`, or that one is not wanted any more.

    Attributes:
        number: of the call.
        messages: to be sent; none: are you there; None: the call of that number is cancelled.
    """

    number: int
    messages: list[Message] | None


class Reply(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a call has come to.

    Attributes:
        number: of the call.
        answers: one for each message; None: the sink failed.
        error: how, if it did.
    """

    number: int
    answers: list[Answer] | None
    error: str = ""


class Opened(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The first frame of the process: whether the sink is fit.

    Attributes:
        error: why not; empty: it is.
        concurrency: of the sink.
        batch_size: of the sink.
    """

    error: str
    concurrency: int = 0
    batch_size: int = 0


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[Call]).decode


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """Read a frame; None: the other side is gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def write_frames(writer: asyncio.StreamWriter, content: object) -> None:
    """Write a frame."""
    body = _encode(content)
    writer.write(_LENGTH.pack(len(body)) + body)


def carry(build: Callable[[], Sink], end: socket.socket) -> None:
    """Run a sink until the socket is closed; the whole life of the process.

    Args:
        build: makes the sink.
        end: this process's end of the socket.
    """
    # A terminal's Ctrl-C goes to all; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # It saves a fifth of what a webhook costs: docs/performance.md.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Carrier(build, end).run())


class _Carrier:
    def __init__(self, build: Callable[[], Sink], end: socket.socket) -> None:
        self._build = build
        self._end = end
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._replies: list[Reply] = []
        self._writer: asyncio.StreamWriter | None = None
        self._turns = asyncio.Semaphore(1)

    async def run(self) -> None:
        reader, self._writer = await asyncio.open_connection(sock=self._end)
        try:
            sink = self._build()
            await sink.open()
        except Exception as error:  # noqa: BLE001 - the parent says it
            write_frames(self._writer, Opened(f"{error}" or type(error).__name__))
            await self._writer.drain()
            return
        self._turns = asyncio.Semaphore(sink.concurrency)
        write_frames(self._writer, Opened("", sink.concurrency, sink.batch_size))
        freeze()
        collecting = asyncio.create_task(collect_now_and_then())
        while (frame := await read_frame(reader)) is not None:
            for call in _decode(frame):
                self._take(sink, call)
        for task in (collecting, *self._calls.values()):
            task.cancel()
        await asyncio.gather(collecting, *self._calls.values(), return_exceptions=True)
        await sink.close()

    def _take(self, sink: Sink, call: Call) -> None:
        if call.messages is None:
            task = self._calls.get(call.number)
            if task is not None:
                task.cancel()
            return
        if not call.messages:
            self._reply(Reply(call.number, []))
            return
        self._calls[call.number] = asyncio.create_task(self._send(sink, call.number, call.messages))

    async def _send(self, sink: Sink, number: int, messages: list[Message]) -> None:
        try:
            # Some more calls than may run at once lie here, so that none waits for the parent.
            async with self._turns:
                answers = await sink.send(messages)
            self._reply(Reply(number, list(answers)))
        except Exception as error:  # noqa: BLE001 - the parent tells it and tries again
            self._reply(Reply(number, None, f"{type(error).__name__}: {error}"))
        finally:
            del self._calls[number]

    def _reply(self, reply: Reply) -> None:
        if not self._replies:
            # All that are answered by the same turn of the loop go together.
            asyncio.get_running_loop().call_soon(self._flush)
        self._replies.append(reply)

    def _flush(self) -> None:
        replies, self._replies = self._replies, []
        if self._writer is None or self._writer.is_closing():
            return
        try:
            write_frames(self._writer, replies)
        except UnicodeEncodeError:
            # Nobody may wait for ever because of a text that is none.
            failed = [Reply(each.number, None, "an answer that is not text") for each in replies]
            write_frames(self._writer, failed)
