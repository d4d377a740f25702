# SPDX-License-Identifier: Apache-2.0
"""Puts the doors together: one application, with its answers to what goes wrong and its limits."""

from collections.abc import Callable, Sequence
from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from gateway.answers import answer_problems
from gateway.traffic import Traffic, TrafficMiddleware

__all__ = ["create_app"]

_TITLE: Final = "restock"
_SUMMARY: Final = "Sign-ups for what is sold out, and stock from the platforms."
_EXPOSED: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After")
_ONE_DAY_SECONDS: Final = 86_400


def create_app(
    routers: Sequence[APIRouter],
    *,
    version: str,
    origins: Sequence[str],
    traffic: Traffic,
    new_id: Callable[[], str],
) -> FastAPI:
    """Make the application.

    Args:
        routers: the doors; the first that knows a path answers.
        version: of the program.
        origins: of pages whose scripts may call.
        traffic: counts the requests.
        new_id: names each problem that is answered.
    """
    app = FastAPI(
        title=_TITLE,
        summary=_SUMMARY,
        version=version,
        # Nothing is loaded from elsewhere, and the document is there for whoever wants it.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in routers:
        app.include_router(router)
    answer_problems(app, new_id)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "POST"],
        allow_headers=["Content-Type", "Revision"],
        expose_headers=list(_EXPOSED),
        max_age=_ONE_DAY_SECONDS,
    )
    app.add_middleware(TrafficMiddleware, traffic=traffic)
    return app
