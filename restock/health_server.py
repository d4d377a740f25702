# SPDX-License-Identifier: Apache-2.0
"""Serves `/livez`, `/readyz` and `/metrics` over HTTP, from threads that end with the process.

They share the interpreter's lock with the flow, so an answer is a few counters read and a few
lines written. Nothing in it names a variant or a person.
"""

import errno
import socket
import socketserver
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol, Self
from urllib.parse import parse_qs, urlsplit

import orjson
from prometheus_client import CollectorRegistry
from typing_extensions import override

from restock.errors import StartupError
from restock.health import Check
from restock.metrics import written_metrics

__all__ = ["HealthServer", "Judge"]

_PATHS = ("/livez", "/readyz", "/metrics")
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"


class Judge(Protocol):
    """Knows how the program is, see `restock.health.Health`."""

    def alive(self) -> str | None:
        """Why the program should be ended; None while it should live."""
        ...

    def checks(self) -> list[Check]:
        """Each thing that readiness needs, with what is wrong with it."""
        ...


class HealthServer:
    """Listens from its making on, and answers while the context lasts.

    Args:
        address: where to listen.
        port: where to listen; 0: at a free port.
        health: says what is to be said.
        registry: the metrics.

    Raises:
        StartupError: it cannot listen there.
    """

    def __init__(self, address: str, port: int, health: Judge, registry: CollectorRegistry) -> None:
        def handler(*request: object) -> _Handler:
            return _Handler(health, registry, *request)

        try:
            self._server = _Server(address, port, handler)
        except OSError as error:
            raise StartupError(_cannot_listen(address, port, error)) from None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        """Start answering."""
        threading.Thread(
            target=self._server.serve_forever, name="health-server", daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


def _cannot_listen(address: str, port: int, error: OSError) -> str:
    setting, remedy = "health.port", "choose another port or health.address, or 0 to serve nothing"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        setting, remedy = "health.address", "give an address of this machine, or 0.0.0.0 for all"
    reason = error.strerror or error
    return f"{setting}: cannot listen at {address} port {port} ({reason}): {remedy}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: str, port: int, handler: object) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), handler)  # type: ignore[arg-type]  # makes one

    @override
    def server_bind(self) -> None:
        # HTTPServer's own asks a name server for our name, which may take long and helps nobody.
        socketserver.TCPServer.server_bind(self)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """A caller who hangs up is no matter of ours."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "restock"
    sys_version = ""
    timeout = 10  # seconds for a caller who does not speak

    def __init__(self, health: Judge, registry: CollectorRegistry, *request: object) -> None:
        self._health = health
        self._registry = registry
        super().__init__(*request)  # type: ignore[arg-type]  # answers, and is done

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        verbose = "verbose" in parse_qs(url.query, keep_blank_values=True)
        json = _JSON in self.headers.get("Accept", "")
        if url.path == "/metrics":
            text, kind = written_metrics(self._registry, self.headers.get("Accept", ""))
            self._answer(HTTPStatus.OK, text, kind)
        elif url.path == "/livez":
            reason = self._health.alive()
            self._tell({"watchdog": reason}, json=json, verbose=verbose)
        elif url.path == "/readyz":
            found = {check.name: check.reason for check in self._health.checks()}
            self._tell(found, json=json, verbose=verbose)
        else:
            paths = " ".join(_PATHS)
            self._answer(HTTPStatus.NOT_FOUND, f"there are {paths}\n".encode(), _TEXT)

    do_HEAD = do_GET  # noqa: N815 - the library looks for this name

    def _refuse(self) -> None:
        # A body that was sent is not read, so the connection cannot be used again.
        self.close_connection = True
        self._answer(HTTPStatus.METHOD_NOT_ALLOWED, b"use GET or HEAD\n", _TEXT, Allow="GET, HEAD")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse  # noqa: N815 - as above

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a probe asks every few seconds."""

    def _tell(self, found: dict[str, str | None], *, json: bool, verbose: bool) -> None:
        reasons = [reason for reason in found.values() if reason is not None]
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        if json:
            content = {"ok": not reasons, "reasons": reasons}
            body = orjson.dumps({**content, "checks": found} if verbose else content)
            self._answer(status, body + b"\n", _JSON)
            return
        if verbose:
            lines = [f"{name}: {reason or 'ok'}" for name, reason in found.items()]
        else:
            lines = reasons or ["ok"]
        self._answer(status, "".join(f"{line}\n" for line in lines).encode(), _TEXT)

    def _answer(self, status: HTTPStatus, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
