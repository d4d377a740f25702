# SPDX-License-Identifier: Apache-2.0
"""The life of `restock gateway`: checks, the socket, the server, and its end."""

import asyncio
import contextlib
import logging
import math
import os
import signal
import socket
from collections.abc import Iterator

import structlog
import uvicorn
import uvloop
from starlette.applications import Starlette
from typing_extensions import override

from connectors.kafka.admin import check_topics, cluster
from delivery.collecting import collect_now_and_then, freeze
from gateway.connections import Connection
from gateway.webhooks import Intake
from restock.doors import build_app, open_behind
from restock.errors import EXIT_OK, StartupError
from restock.intakes import build_intakes, learns
from restock.settings import Settings
from schemas.topics import dead_letter_topic

__all__ = ["serve"]

_BACKLOG = 2_048
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_KEEP_ALIVE_SECONDS = 75
"""Longer than load balancers keep an idle connection (60 s is usual): if we hung up first, it would
be under a request that is just coming."""


def serve(settings: Settings) -> int:
    """Take sign-ups and stock until told to stop, and return the exit code.

    Raises:
        RestockError: the gateway cannot start.
    """
    intakes = build_intakes(settings)
    learning = learns(settings, intakes)
    _check_topics(settings, learning=learning)
    with (
        _listening(settings) as listener,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        # Told to end while it starts.
        contextlib.suppress(asyncio.CancelledError),
    ):
        runner.run(_serve(settings, intakes, listener, learning=learning))
    return EXIT_OK


async def _serve(
    settings: Settings, intakes: dict[str, Intake], listener: socket.socket, *, learning: bool
) -> None:
    log, loop = structlog.get_logger(), asyncio.get_running_loop()
    starting = asyncio.current_task()
    for number in _SIGNALS:
        # There is nobody to answer yet.
        loop.add_signal_handler(number, lambda: starting and starting.cancel())
    async with open_behind(settings, intakes, learning=learning) as behind:
        server = _Server(_server_config(settings, build_app(settings, behind)))
        for number in _SIGNALS:
            loop.add_signal_handler(number, server.leave)
        address, port, *_ = listener.getsockname()
        log.info("gateway", address=address, port=port, sources=sorted(intakes))
        _warn_of_closed_doors(settings)
        freeze()
        collecting = asyncio.create_task(collect_now_and_then())
        await server.serve(sockets=[listener])
        collecting.cancel()
    log.info("stopped")


class _Server(uvicorn.Server):
    """Is told to end by whoever runs it; uvicorn's own way ends the process by the signal."""

    def leave(self) -> None:
        """Take no more requests, and end when those under way are answered; twice: at once."""
        self.force_exit = self.should_exit
        self.should_exit = True

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server_config(settings: Settings, app: Starlette) -> uvicorn.Config:
    gateway = settings.gateway
    # That it has started we have said ourselves.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(gateway.trusted_proxies),
        forwarded_allow_ips=list(gateway.trusted_proxies),
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(gateway.stop_patience.total_seconds()),
    )


def _check_topics(settings: Settings, *, learning: bool) -> None:
    topics = settings.topics
    needed = {topics.subscriptions, topics.inventory, dead_letter_topic(topics.inventory)}
    if learning:
        needed.add(topics.items)
    if settings.gateway.look_up:
        needed.add(topics.notifications)
    check_topics(cluster(settings.kafka), needed)


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    address, port = settings.gateway.address, settings.gateway.port
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.create_server((address, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        # `create_server` says in brackets what we say ourselves.
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise StartupError(
            f"gateway.port: cannot listen at {address} port {port} ({reason}): choose another "
            "port, or a gateway.address of this machine"
        ) from None
    with listener:
        yield listener


def _warn_of_closed_doors(settings: Settings) -> None:
    """Say what is closed for want of a setting: nothing else would."""
    log, gateway = structlog.get_logger(), settings.gateway
    if not gateway.private_keys:
        log.warning("no server can call: gateway.private_keys is empty")
    if not gateway.company_ids:
        log.warning("no browser can call: gateway.company_ids is empty")
