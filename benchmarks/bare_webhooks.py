# SPDX-License-Identifier: Apache-2.0
"""The floor of webhooks: workers that post bodies with aiohttp, and nothing else.

Nothing is signed, no address checked, nothing tried again and nothing written down. Started as
``python -m benchmarks.bare_webhooks FILE URL WORKERS``; SIGTERM ends it.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from benchmarks.notifications import read_messages
from connectors.sinks.contract import Message

__all__ = ["body_of", "main"]

_BODY = (
    b'{"type":"stock.back","timestamp":"%b",'
    b'"data":{"step":"%b","channel":"%b","notifications":[%b]}}'
)


def body_of(message: Message) -> bytes:
    """A body of the form, and so of the length, that the webhook sink posts."""
    value = message.notifications[0]
    triggered_at = value[value.index(b'"triggered_at":"') + 16 :][:24]
    return _BODY % (triggered_at, message.step.encode(), message.channel.encode(), value)


async def _post(url: str, bodies: list[tuple[str, bytes]], workers: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=workers),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Content-Type": "application/json"},
        timeout=aiohttp.ClientTimeout(),
    ) as session:
        left = iter(bodies)
        await asyncio.gather(*(_work(session, url, left) for _ in range(workers)))
        await stop.wait()


async def _work(
    session: aiohttp.ClientSession, url: str, left: Iterator[tuple[str, bytes]]
) -> None:
    for message_id, body in left:
        async with session.post(url, data=body, headers={"webhook-id": message_id}) as response:
            await response.read()
            response.raise_for_status()


def main() -> None:
    """Run until SIGTERM."""
    path, url, workers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    bodies = [(message.id, body_of(message)) for message in read_messages(path)]
    gc.freeze()
    asyncio.run(_post(url, bodies, workers))


if __name__ == "__main__":
    main()
