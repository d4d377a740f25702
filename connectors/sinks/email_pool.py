# SPDX-License-Identifier: Apache-2.0
"""Connections lent to one mail each, with as many threads, from an event loop."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from connectors.sinks.contract import Answer
from connectors.sinks.email_connections import Connection

__all__ = ["Pool"]

_T = TypeVar("_T")


class Pool:
    """Runs blocking work on connections; used by one event loop.

    The connection that was used last is lent first, so that in quiet times few are kept open.

    Args:
        connections: at least one.
        timeout: seconds that work may take, with waiting for a connection.
    """

    def __init__(self, connections: Sequence[Connection], timeout: float) -> None:
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(len(connections), thread_name_prefix="email")
        # Writing keeps the processor busy: one thread does it while the others wait for the server.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="email-writer")
        self._idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for connection in connections:
            self._idle.put_nowait(connection)
        self._busy: dict[asyncio.Future[Answer], Connection] = {}

    def write(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        """Begin work that needs no connection; what is begun first ends first."""
        return asyncio.get_running_loop().run_in_executor(self._writer, work)

    async def run(self, work: Callable[[Connection], Answer]) -> Answer:
        """Lend a connection to some work, and return its answer.

        Work that is late or cancelled is cut off; its connection is lent again only when its thread
        has noticed.

        Raises:
            TimeoutError: it took too long.
        """
        async with asyncio.timeout(self._timeout):
            connection = await self._idle.get()
            loop = asyncio.get_running_loop()
            future = loop.run_in_executor(self._threads, work, connection)
            self._busy[future] = connection
            future.add_done_callback(self._take_back)
            try:
                return await asyncio.shield(future)
            finally:
                if not future.done():
                    connection.abort()

    async def close(self) -> None:
        """Cut off what is under way and close every connection, as far as threads can be reached.

        A thread that waits for a name to be resolved cannot be; it ends by itself.
        """
        for connection in self._busy.values():
            connection.abort()
        if self._busy:
            await asyncio.wait(self._busy, timeout=self._timeout)
        loop = asyncio.get_running_loop()
        closing = []
        while not self._idle.empty():
            connection = self._idle.get_nowait()
            closing.append(loop.run_in_executor(self._threads, connection.close))
        await asyncio.gather(*closing)
        self._threads.shutdown(wait=False)
        self._writer.shutdown(wait=False)

    def _take_back(self, future: asyncio.Future[Answer]) -> None:
        connection = self._busy.pop(future)
        connection.refresh()
        self._idle.put_nowait(connection)
