# SPDX-License-Identifier: Apache-2.0
"""Puts the doors together: one application, with its answers to what goes wrong and its limits.

The routes and the OpenAPI document are FastAPI's; its application object is not used, because its
layers take longer for a sign-up than all else that is done for it.
"""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.answers import problem_handlers
from gateway.cors import BrowsersMiddleware
from gateway.traffic import Traffic, TrafficMiddleware

__all__ = ["create_app", "openapi_document"]

_TITLE: Final = "restock"
_SUMMARY: Final = "Sign-ups for what is sold out, and stock from the platforms."
_ALLOWED: Final = ("API-Token", "Content-Type", "Revision")
_EXPOSED: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After")
_ONE_DAY_SECONDS: Final = 86_400
_SECURITY: Final[dict[str, Any]] = {
    "Bearer": {"type": "http", "scheme": "bearer", "description": "A private key."},
    "Klaviyo-API-Key": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Klaviyo-API-Key` and a private key.",
    },
}


def create_app(
    routers: Sequence[APIRouter],
    *,
    version: str,
    origins: Sequence[str],
    traffic: Traffic,
    new_id: Callable[[], str],
) -> Starlette:
    """Make the application.

    Args:
        routers: the doors; the first that knows a path answers.
        version: of the program.
        origins: of pages whose scripts may call.
        traffic: counts the requests.
        new_id: names each problem that is answered.
    """
    routes = [route for router in routers for route in router.routes]
    document = orjson.dumps(openapi_document(routes, version))

    async def openapi(_request: Request) -> Response:
        return Response(document, HTTPStatus.OK, media_type="application/json")

    cors = Middleware(
        BrowsersMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "POST"],
        allow_headers=list(_ALLOWED),
        expose_headers=list(_EXPOSED),
        max_age=_ONE_DAY_SECONDS,
    )
    app = Starlette(
        routes=[*routes, Route("/openapi.json", openapi)],
        middleware=[Middleware(TrafficMiddleware, traffic=traffic), cors],
        exception_handlers=problem_handlers(new_id),
    )
    # A path with a slash too many is no other path, see `gateway.routes`.
    app.router.redirect_slashes = False
    return app


def openapi_document(routes: Sequence[BaseRoute], version: str) -> dict[str, Any]:
    """Describe the routes as OpenAPI 3.1 does.

    Args:
        routes: of the doors.
        version: of the program.
    """
    document = get_openapi(title=_TITLE, summary=_SUMMARY, version=version, routes=routes)
    document.setdefault("components", {})["securitySchemes"] = _SECURITY
    return document
