# SPDX-License-Identifier: Apache-2.0
"""A server on loopback that gives documents out: feeds, and the schemas of a registry."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override

__all__ = ["Answer", "Documents", "served"]


@dataclass(frozen=True)
class Answer:
    """What is answered at a path.

    Attributes:
        body: its body.
        status: of HTTP.
        headers: further ones; Content-Length is that of the body unless it is among them.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Documents:
    """What there is to get, and what was asked for.

    Attributes:
        url: of the server.
        answers: by path with its query.
        asked: paths in their order.
        headers: of the last request, names in lower case.
    """

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


@contextmanager
def served() -> Iterator[Documents]:
    """Serves documents until the block ends."""
    documents = Documents()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            documents.asked.append(self.path)
            documents.headers = {name.lower(): value for name, value in self.headers.items()}
            answer = documents.answers.get(self.path, Answer(status=404))
            self.send_response(answer.status)
            headers = {"Content-Length": str(len(answer.body)), **answer.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        @override
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    documents.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield documents
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
