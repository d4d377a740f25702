# SPDX-License-Identifier: Apache-2.0
"""A small HTTP server that takes webhooks by Standard Webhooks, and verifies each signature.

It does so by itself, as a receiver of ours would: with nothing of restock's own signing.
"""

import base64
import hmac
import json
from asyncio import IncompleteReadError, LimitOverrunError, StreamReader, StreamWriter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from restock.demo.received import Received, Took

__all__ = ["WebhookReceiver", "is_signed"]

_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"
_TOLERANCE: Final = 300
"""Seconds that an attempt may be old, or ahead: what was overheard cannot be sent again later."""


class WebhookReceiver:
    """Serves connections, each for many requests.

    Args:
        secret: Shared with the sender: ``whsec_`` and base64.
        clock: Seconds since the epoch.
        took: Is given a note of each webhook.
    """

    def __init__(self, secret: str, clock: Callable[[], float], took: Took) -> None:
        self._key = base64.b64decode(secret.removeprefix(_PREFIX))
        self._clock = clock
        self._took = took
        self._fault = 0.0
        self._down_until = 0.0

    def fail_for(self, seconds: float) -> None:
        """From the next request on, answer 503 to everything for so long; any thread may ask."""
        self._fault = seconds

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Look after one connection until the client leaves."""
        try:
            with suppress(ConnectionError, IncompleteReadError, LimitOverrunError, ValueError):
                while True:
                    headers = _headers(await reader.readuntil(b"\r\n\r\n"))
                    body = await reader.readexactly(int(headers.get("content-length", "0")))
                    status = self._take(headers, body)
                    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
                    await writer.drain()
        finally:
            writer.close()

    def _take(self, headers: Mapping[str, str], body: bytes) -> str:
        """Note a webhook, and return the status line's end of the answer."""
        now = self._clock()
        if self._fault:
            self._down_until, self._fault = now + self._fault, 0.0
        message_id = headers.get("webhook-id", "")
        if not is_signed(self._key, headers, body, now):
            self._took(
                Received(message_id, "PUSH", taken=False, sound=False, variant_id="", profile={})
            )
            return "401 Unauthorized"
        taken = now >= self._down_until
        told: Mapping[str, Any] = json.loads(body)["data"]["notifications"][0]
        profile = {name: value for name, value in told["profile"].items() if value is not None}
        self._took(
            Received(
                message_id,
                "PUSH",
                taken=taken,
                sound=True,
                variant_id=told["variant_id"],
                profile=profile,
            )
        )
        return "204 No Content" if taken else "503 Service Unavailable"


def is_signed(key: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Say whether a request is by somebody who knows the key, for this body, and of now.

    Args:
        key: The secret's bytes.
        headers: By their names in lower case.
        body: As it came.
        now: Seconds since the epoch.
    """
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(now - int(timestamp)) > _TOLERANCE:
        return False
    content = f"{message_id}.{timestamp}.".encode() + body
    expected = f"{_VERSION},{base64.b64encode(hmac.digest(key, content, 'sha256')).decode()}"
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:-2]
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
