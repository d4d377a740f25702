# SPDX-License-Identifier: Apache-2.0
"""A receiver of webhooks that costs as little as Python permits.

It reads of a request where it ends and its `webhook-id`, and answers 200 without a body, on a
connection that stays open. Started as ``python -m benchmarks.http_receiver PLACE DELAY``.
"""

import re
from functools import partial
from typing import Final

from typing_extensions import override

from benchmarks.receipts import Connection, Receipts, receive

__all__ = ["HttpProtocol"]

_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_ID: Final = re.compile(rb"\r\nwebhook-id: *([^\r]+)", re.IGNORECASE)
_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class HttpProtocol(Connection):
    """One connection, with one request at a time."""

    def __init__(self, receipts: Receipts) -> None:
        super().__init__(receipts)
        self._data = b""

    @override
    def data_received(self, data: bytes) -> None:
        data = self._data + data if self._data else data
        head = data.find(_END)
        length = _LENGTH.search(data, 0, head) if head >= 0 else None
        if head < 0 or (length is not None and len(data) < head + len(_END) + int(length[1])):
            self._data = data
            return
        self._data = b""
        found = _ID.search(data, 0, head)
        self._receipts.take(found[1] if found else b"", partial(self._write, _ANSWER))


if __name__ == "__main__":
    receive(HttpProtocol)
