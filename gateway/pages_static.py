# SPDX-License-Identifier: Apache-2.0
"""Serves the sign-up snippet: the files that a shop's product page loads."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.routes import BareRoute

__all__ = ["StaticFile", "read_files", "router"]

_MEDIA_TYPES: Final[Mapping[str, str]] = {
    "example.html": "text/html; charset=utf-8",
    "restock.css": "text/css; charset=utf-8",
    "restock.js": "text/javascript; charset=utf-8",
}
_EXAMPLE_POLICY: Final = (
    "default-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
)
"""The example stands for a strict shop: nothing inline."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is served.

    Attributes:
        content: its bytes.
        media_type: with its charset.
        etag: names this content (RFC 9110, section 8.8.3).
        integrity: for the attribute of the same name (Subresource Integrity).
    """

    content: bytes
    media_type: str
    etag: str
    integrity: str


def read_files() -> dict[str, StaticFile]:
    """Read the files of the snippet, by name."""
    found = {}
    for name, media_type in _MEDIA_TYPES.items():
        content = files("gateway").joinpath("static", name).read_bytes()
        digest = hashlib.sha384(content).digest()
        found[name] = StaticFile(
            content,
            media_type,
            f'"{digest.hex()[:32]}"',
            "sha384-" + base64.b64encode(digest).decode(),
        )
    return found


def router() -> APIRouter:
    """Make the routes `/static/NAME`, for GET and HEAD."""
    routes = APIRouter(route_class=BareRoute, tags=["snippet"])
    for name, file in read_files().items():
        _add(routes, name, file)
    return routes


def _add(routes: APIRouter, name: str, file: StaticFile) -> None:
    headers = {
        "Access-Control-Allow-Origin": "*",  # integrity is checked of what may be read
        "Cache-Control": "public, max-age=3600, stale-while-revalidate=86400",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "ETag": file.etag,
        "X-Content-Type-Options": "nosniff",
    }
    if name.endswith(".html"):
        headers["Content-Security-Policy"] = _EXAMPLE_POLICY

    async def serve(request: Request) -> Response:
        known = request.headers.get("if-none-match", "")
        if known == "*" or file.etag in (
            each.strip().removeprefix("W/") for each in known.split(",")
        ):
            return Response(status_code=304, headers=headers)
        return Response(file.content, headers={**headers, "Content-Type": file.media_type})

    routes.add_api_route(
        f"/static/{name}",
        serve,
        methods=["GET", "HEAD"],
        summary=f"{name} of the sign-up snippet",
        response_class=Response,
        include_in_schema=False,
    )
