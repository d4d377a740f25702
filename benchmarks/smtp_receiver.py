# SPDX-License-Identifier: Apache-2.0
"""A mail server that costs as little as Python permits, and keeps of a mail its `Message-ID`.

It takes everything. Started as ``python -m benchmarks.smtp_receiver PLACE DELAY``; every reply
takes the delay, as it would over a network.
"""

import asyncio
import re
from functools import partial
from typing import Final

from typing_extensions import override

from benchmarks.receipts import Connection, Receipts, receive

__all__ = ["SmtpProtocol"]

_END: Final = b"\r\n.\r\n"
_ID: Final = re.compile(rb"\r\nmessage-id: *<([^@>\r]+)", re.IGNORECASE)
_GREETING: Final = b"220 receiver.example ESMTP\r\n"
_HELLO: Final = b"250-receiver.example\r\n250-8BITMIME\r\n250 SIZE 10000000\r\n"
_OK: Final = b"250 OK\r\n"
_GO_ON: Final = b"354 Go on\r\n"
_GOODBYE: Final = b"221 Bye\r\n"
_REPLIES: Final = {b"EHLO": _HELLO, b"DATA": _GO_ON, b"QUIT": _GOODBYE}


class SmtpProtocol(Connection):
    """One connection."""

    def __init__(self, receipts: Receipts) -> None:
        super().__init__(receipts)
        self._data = b""
        self._in_mail = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._reply(_GREETING)

    @override
    def data_received(self, data: bytes) -> None:
        data = self._data + data if self._data else data
        end = _END if self._in_mail else b"\r\n"
        if not data.endswith(end):
            self._data = data
            return
        self._data = b""
        if self._in_mail:
            self._in_mail = False
            found = _ID.search(data)
            self._receipts.take(found[1] if found else b"", partial(self._write, _OK))
            return
        verb = data[:4].upper()
        self._in_mail = verb == b"DATA"
        self._reply(_REPLIES.get(verb, _OK))

    def _reply(self, reply: bytes) -> None:
        self._receipts.later(partial(self._write, reply))

    @override
    def _write(self, data: bytes) -> None:
        super()._write(data)
        if data == _GOODBYE and self._transport is not None:
            self._transport.close()


if __name__ == "__main__":
    receive(SmtpProtocol)
