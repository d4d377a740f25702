# SPDX-License-Identifier: Apache-2.0
"""`/livez`, `/readyz` and `/metrics`: how the gateway is.

Ready is a gateway whose sign-ups Kafka acknowledges. The list of who waits may still be built, and
is told of, but keeps nobody from signing up.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.routes import BareRoute

__all__ = ["Exposition", "router"]

Exposition = Callable[[str], tuple[bytes, str]]
"""Takes the `Accept` header, returns the metrics and their media type."""

_JSON: Final = "application/json"
_NOT_STORED: Final = {"Cache-Control": "no-store"}


def router(checks: Callable[[], Mapping[str, str | None]], exposition: Exposition) -> APIRouter:
    """Make the routes.

    Args:
        checks: for each check its name, and why the gateway is not ready, or None.
        exposition: writes the metrics.
    """
    routes = APIRouter(route_class=BareRoute, tags=["health"])

    async def livez(_request: Request) -> Response:
        return Response("ok\n", headers=_NOT_STORED, media_type="text/plain")

    async def readyz(request: Request) -> Response:
        found = checks()
        reasons = [reason for reason in found.values() if reason is not None]
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        if _JSON in request.headers.get("accept", ""):
            body = orjson.dumps({"ok": not reasons, "reasons": reasons, "checks": found})
            return Response(body + b"\n", status, headers=_NOT_STORED, media_type=_JSON)
        lines = reasons or ["ok"]
        if "verbose" in request.query_params:
            lines = [f"{name}: {reason or 'ok'}" for name, reason in found.items()]
        text = "".join(f"{line}\n" for line in lines)
        return Response(text, status, headers=_NOT_STORED, media_type="text/plain")

    async def metrics(request: Request) -> Response:
        body, media_type = exposition(request.headers.get("accept", ""))
        return Response(body, headers={**_NOT_STORED, "Content-Type": media_type})

    for path, endpoint, summary in (
        ("/livez", livez, "Whether the process answers"),
        ("/readyz", readyz, "Whether sign-ups can be taken"),
        ("/metrics", metrics, "Metrics in Prometheus' format"),
    ):
        for method in ("GET", "HEAD"):
            routes.add_api_route(
                path,
                endpoint,
                methods=[method],
                include_in_schema=method == "GET",
                summary=summary,
                response_class=Response,
                responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
            )
    return routes
