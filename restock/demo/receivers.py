# SPDX-License-Identifier: Apache-2.0
"""The demo's receivers on free ports of 127.0.0.1: mail and webhooks, in a thread of their own."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from connectors.unsubscribe import UnsubscribeTokens
from restock.demo.mail_receiver import LONGEST_MAIL, MailReceiver
from restock.demo.received import Received
from restock.demo.webhook_receiver import WebhookReceiver

__all__ = ["Receivers", "listening"]

_LOOPBACK: Final = ("127.0.0.1", 0)

_Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Receivers:
    """Both receivers, while they listen; to be used by any one thread.

    Attributes:
        mail_port: Where the SMTP server listens.
        webhook_url: Where webhooks go.
        fail_for: Lets the webhook receiver answer 503 for so many seconds, from the next one on.
        took: What has come, in the order in which it came; it grows.
    """

    mail_port: int
    webhook_url: str
    fail_for: Callable[[float], None]
    took: Sequence[Received]


@contextmanager
def listening(webhook_secret: str, unsubscribe_secret: str) -> Iterator[Receivers]:
    """Listen for as long as the block lasts.

    Args:
        webhook_secret: Shared with whoever sends webhooks.
        unsubscribe_secret: Shared with whoever sends mail.
    """
    took: list[Received] = []
    mail = MailReceiver(UnsubscribeTokens(unsubscribe_secret), took.append)
    webhooks = WebhookReceiver(webhook_secret, time.time, took.append)
    # A socket that is bound takes connections, however late the thread begins.
    sockets = [socket.create_server(_LOOPBACK) for _ in range(2)]
    mail_port, webhook_port = (server.getsockname()[1] for server in sockets)
    url = f"http://127.0.0.1:{webhook_port}/back-in-stock"
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    serving = _serve(sockets, (mail.serve, webhooks.serve), stop)
    thread = threading.Thread(target=_run, args=(loop, serving), name="receivers", daemon=True)
    thread.start()
    try:
        yield Receivers(mail_port, url, webhooks.fail_for, took)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop, serving: Coroutine[None, None, None]) -> None:
    # Leaving the runner ends the conversations that are still going on.
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(serving)


async def _serve(
    sockets: Sequence[socket.socket], handlers: Sequence[_Serve], stop: asyncio.Event
) -> None:
    servers = [
        await asyncio.start_server(handler, sock=server, limit=LONGEST_MAIL)
        for server, handler in zip(sockets, handlers, strict=True)
    ]
    await stop.wait()
    for server in servers:
        server.close()
