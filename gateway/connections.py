# SPDX-License-Identifier: Apache-2.0
"""Connections of callers: a request's head must be whole in time, and of bearable size.

uvicorn waits for ever for the head of a first request, and its fast parser takes one of any size:
without this, whoever opens connections and says nothing, or does not stop, fills the memory. And as
it stops it hangs up on whoever waits for no answer, though their next request may lie there unread.
"""

import asyncio
import re
from typing import Any, Final

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["Connection"]

_HEAD_SECONDS: Final = 10.0
"""From the connection, or the first byte behind an answer, to the end of the head."""

_MOST_HEAD_BYTES: Final = 65_536
"""What is received in one piece may be looked at as a whole, and be longer."""

_END_OF_HEAD: Final = b"\r\n\r\n"
_UPGRADE: Final = re.compile(rb"\r\nupgrade[ \t]*:", re.IGNORECASE)

_LAST_CALL_SECONDS: Final = 0.5
"""For requests that were sent before their caller could know that we stop."""


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with limits for what comes before and around a body."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(*args, **kwargs)
        self._overdue: asyncio.TimerHandle | None = None
        self._awaits_head = False
        self._head_bytes = 0
        self._is_last_call = False

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._head_bytes == 0 and (self.cycle is None or self.cycle.response_complete):  # type: ignore[redundant-expr]
            data = _without_upgrade(data)
        self._head_bytes += len(data)
        super().data_received(data)
        # Nearly every head is there at once.
        if self._awaits_head:
            self._start_timer()
        if self._head_bytes > _MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    @override
    def on_headers_complete(self) -> None:
        self._awaits_head = False
        self._head_bytes = 0
        self._stop_timer()
        super().on_headers_complete()
        if self._is_last_call:
            self.cycle.keep_alive = False

    @override
    def on_body(self, body: bytes) -> None:
        # What is counted from here on are the frames of chunks, or the next head.
        self._head_bytes = 0
        super().on_body(body)

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        # As long as nothing comes, uvicorn's own timer runs.
        self._awaits_head = self.cycle.response_complete

    @override
    def shutdown(self) -> None:
        self._is_last_call = True
        # There is none before the first request.
        if self.cycle is None or self.cycle.response_complete:  # type: ignore[redundant-expr]
            self.loop.call_later(_LAST_CALL_SECONDS, super().shutdown)
        else:
            super().shutdown()

    def _start_timer(self) -> None:
        self._awaits_head = False
        self._overdue = self.loop.call_later(_HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _stop_timer(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None


def _without_upgrade(data: bytes) -> bytes:
    """Make nothing of the wish for another protocol in a head, as RFC 9110 section 7.8 allows.

    Java's client wishes for HTTP/2 with its first request where there is no TLS: the parser would
    lose its body.
    """
    end = data.find(_END_OF_HEAD)
    head = data if end < 0 else data[:end]
    if b"pgrade" not in head and b"PGRADE" not in head:
        return data
    return _UPGRADE.sub(b"\r\nX-No-Upgrade:", head) + data[len(head) :]
