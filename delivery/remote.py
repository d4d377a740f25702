# SPDX-License-Identifier: Apache-2.0
"""A sink that runs in a process of its own, see `delivery.carrier`."""

import asyncio
import logging
import multiprocessing
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from connectors.errors import SinkError
from connectors.sinks.contract import Answer, Message, Resolution, Sink
from delivery.carrier import Call, Opened, Reply, carry, read_frame, write_frames

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

__all__ = ["RemoteSink"]

_LOG: Final = logging.getLogger(__name__)
_GONE: Final = Answer(Resolution.RETRY, "sink_died", "the process of the sink has ended")
_STARTING_SECONDS: Final = 30.0
_ENDING_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 1.0

_replies: Final = msgspec.msgpack.Decoder(list[Reply]).decode
_opened: Final = msgspec.msgpack.Decoder(Opened).decode


class RemoteSink:
    """Hands messages to a sink in another process; one that dies is started again.

    Args:
        name: of the sink, for the log.
        build: makes the sink, in the other process; must be picklable.
        patience: seconds for which it may be silent before it is ended.
    """

    def __init__(self, name: str, build: Callable[[], Sink], patience: float = 60.0) -> None:
        """Start nothing yet."""
        self._patience = patience
        self._name = name
        self._build = build
        self.concurrency = 1
        self.batch_size = 1
        self._process: SpawnProcess | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[list[Answer]]] = {}
        self._calls: list[Call] = []
        self._next = 0
        self._closing = asyncio.Event()

    async def open(self) -> None:
        """Start the process and have it open its sink.

        Raises:
            SinkError: what is set cannot work, or the process does not start.
        """
        reader = await self._start()
        self._reading = asyncio.create_task(self._read(reader))
        self._watching = asyncio.create_task(self._watch())

    async def send(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Have the other process send; what it had when it died is to be tried again."""
        if self._writer is None:
            return [_GONE] * len(messages)
        return await self._call(messages) or [_GONE] * len(messages)

    async def _call(self, messages: Sequence[Message]) -> list[Answer]:
        """What the other process answers; nothing when it has died."""
        number, self._next = self._next, self._next + 1
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self._put(Call(number, list(messages)))
        try:
            answers: list[Answer] = await future
        except asyncio.CancelledError:
            self._put(Call(number, None))
            raise
        finally:
            self._waiting.pop(number, None)
        return answers

    async def close(self) -> None:
        """End the process."""
        self._closing.set()
        if self._watching is not None:
            self._watching.cancel()
        if self._writer is not None:
            self._writer.close()
        if self._reading is not None:
            await self._reading
        await asyncio.to_thread(self._end)

    async def _start(self) -> asyncio.StreamReader:
        ours, theirs = socket.socketpair()
        context = multiprocessing.get_context("spawn")
        process = context.Process(
            target=carry, args=(self._build, theirs), name=f"sink-{self._name}", daemon=True
        )
        await asyncio.to_thread(process.start)
        theirs.close()
        self._process = process
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            async with asyncio.timeout(_STARTING_SECONDS):
                frame = await read_frame(reader)
        except TimeoutError:
            frame = None
        opened = Opened("its process does not start") if frame is None else _opened(frame)
        if opened.error:
            writer.close()
            await asyncio.to_thread(self._end)
            raise SinkError(f"sinks.{self._name}: {opened.error}")
        self.concurrency, self.batch_size = opened.concurrency, opened.batch_size
        self._writer = writer
        return reader

    async def _read(self, first: asyncio.StreamReader) -> None:
        reader: asyncio.StreamReader | None = first
        while reader is not None:
            while (frame := await read_frame(reader)) is not None:
                for reply in _replies(frame):
                    self._answered(reply)
            self._lose()
            if self._closing.is_set():
                return
            _LOG.warning("sink %s: its process has ended, it is started again", self._name)
            reader = await self._start_again()
            if self._closing.is_set():
                self._lose()
                return

    def _lose(self) -> None:
        """The process is gone: let go of the socket, and of those who wait for it."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_result([])

    async def _watch(self) -> None:
        """End a process that does not answer any more: whatever it has is tried again."""
        while True:
            await asyncio.sleep(self._patience / 3)
            process = self._process
            if self._writer is None or process is None:
                continue
            try:
                async with asyncio.timeout(self._patience):
                    await self._call([])
            except TimeoutError:
                _LOG.warning("sink %s: its process does not answer, it is ended", self._name)
                process.kill()

    async def _start_again(self) -> asyncio.StreamReader | None:
        """Start a new process, after a pause; None: the sink is being closed."""
        while True:
            await asyncio.to_thread(self._end)
            try:
                async with asyncio.timeout(_PAUSE_SECONDS):
                    await self._closing.wait()
            except TimeoutError:
                pass
            if self._closing.is_set():
                return None
            try:
                return await self._start()
            except (SinkError, OSError) as error:
                _LOG.warning("%s", error)

    def _answered(self, reply: Reply) -> None:
        future = self._waiting.get(reply.number)
        if future is None or future.done():
            return
        if reply.answers is None:
            future.set_exception(RuntimeError(reply.error))
        else:
            future.set_result(reply.answers)

    def _put(self, call: Call) -> None:
        if not self._calls:
            # All calls of the same turn of the loop go together.
            asyncio.get_running_loop().call_soon(self._flush)
        self._calls.append(call)

    def _flush(self) -> None:
        calls, self._calls = self._calls, []
        if self._writer is not None and not self._writer.is_closing():
            write_frames(self._writer, calls)

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        process.join(_ENDING_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()
        self._process = None
