# SPDX-License-Identifier: Apache-2.0
"""Bodies of requests, no larger and no slower than we bear."""

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.types import Receive

from gateway.problems import Problem

__all__ = ["read_body"]

_SECONDS: Final = 20.0
"""For the whole body, however slowly it drips."""


async def read_body(request: Request, limit: int) -> bytes:
    """Read the body of a request.

    Args:
        request: whose.
        limit: largest size, in bytes.

    Raises:
        Problem: it is larger (413), took too long (408), or ended before its time (400).
    """
    stated = request.headers.get("content-length", "0")
    if stated.isdecimal() and int(stated) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(_SECONDS):
            return await _read(request.receive, limit)
    except TimeoutError:
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT,
            "request_timeout",
            "The request took too long.",
            f"The body was not complete within {_SECONDS:.0f} seconds",
        ) from None


async def _read(receive: Receive, limit: int) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    # Nearly every body is there at once.
    if message["type"] == "http.request" and not message.get("more_body") and len(body) <= limit:
        return body
    chunks, size = [], 0
    while message["type"] == "http.request":
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()
    raise Problem(HTTPStatus.BAD_REQUEST, "invalid", "Invalid input.", "The body was cut off")


def _too_large(limit: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "payload_too_large",
        "The request is too large.",
        f"The body may have {limit} bytes",
        # What is left of it is not read.
        headers={"Connection": "close"},
    )
