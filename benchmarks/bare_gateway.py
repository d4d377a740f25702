# SPDX-License-Identifier: Apache-2.0
"""The floor of sign-ups: a Starlette endpoint that awaits the same producer, and nothing else.

Nothing is checked, limited, counted or translated: the body is the record. Started as
``python -m benchmarks.bare_gateway SERVERS TOPIC PORT``; SIGTERM ends it.
"""

import asyncio
import signal
import sys
from datetime import timedelta

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.kafka.acknowledged import AcknowledgingProducer
from connectors.kafka.settings import KafkaSettings
from gateway.settings import GatewaySettings

__all__ = ["main"]


async def _serve(servers: str, topic: str, port: int) -> None:
    settings = GatewaySettings()
    producer = AcknowledgingProducer(
        KafkaSettings(bootstrap_servers=servers), timedelta(seconds=30), settings.most_waiting
    )

    async def take(request: Request) -> Response:
        await producer.send(topic, b"key", await request.body())
        return Response(status_code=202)

    app = Starlette(routes=[Route("/api/back-in-stock-subscriptions", take, methods=["POST"])])
    config = uvicorn.Config(
        app, port=port, http="httptools", ws="none", lifespan="off", log_config=None,
        access_log=False, server_header=False,
    )  # fmt: skip
    try:
        await uvicorn.Server(config).serve()
    finally:
        await producer.close()


def main() -> None:
    """Run until SIGTERM."""
    servers, topic, port = sys.argv[1:4]
    # uvicorn raises what it was told to end by once more, when it has ended.
    signal.signal(signal.SIGTERM, lambda *_: None)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(servers, topic, int(port)))


if __name__ == "__main__":
    main()
