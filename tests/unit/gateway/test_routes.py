# SPDX-License-Identifier: Apache-2.0
"""What all doors have in common."""

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from gateway import health
from gateway.answers import problem_handlers
from gateway.routes import BareRoute
from tests.support.gateway_doors import client_of


def test_what_is_not_done_when_patience_ends_is_to_come_again() -> None:
    """The server cancels it as it stops: 503 and a time, not 500."""
    routes = APIRouter(route_class=BareRoute)
    sent: list[Any] = []

    async def wait_for_ever(_request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def receive() -> Any:  # noqa: ANN401 - a message
        return {"type": "http.request"}

    async def send(message: Any) -> None:  # noqa: ANN401 - a message
        sent.append(message)

    async def stop() -> None:
        scope = {"type": "http", "method": "GET", "path": "/slow", "headers": []}
        task = asyncio.ensure_future(app(scope, receive, send))
        await asyncio.sleep(0)
        task.cancel()
        await task

    routes.add_api_route("/slow", wait_for_ever)
    app = Starlette(routes=routes.routes, exception_handlers=problem_handlers(lambda: "1"))
    asyncio.run(stop())
    headers = dict(sent[0]["headers"])
    assert (503, b"5", b"close") == (
        sent[0]["status"],
        headers[b"retry-after"],
        headers[b"connection"],
    )


def test_health_is_told_without_a_body_too() -> None:
    """As some load balancers ask."""
    client = client_of(health.router(lambda: {"kafka": "away"}, lambda _: (b"", "text/plain")))
    assert (200, b"") == (client.head("/livez").status_code, client.head("/livez").content)
    assert 503 == client.head("/readyz").status_code
    assert {"get"} == set(client.get("/openapi.json").json()["paths"]["/livez"])
