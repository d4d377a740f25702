# SPDX-License-Identifier: Apache-2.0
"""A shop's product pages on one origin, and on another the gateway that they sign up at."""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape

import uvicorn
from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.app import create_app
from gateway.klaviyo import router as sign_up_router
from gateway.pages_static import router as static_router
from gateway.signups import SignUpDesk
from gateway.traffic import Traffic
from tests.support.chromium import Tab
from tests.support.gateway_doors import entrance_of, settings_of

__all__ = ["COMPANY", "POLICY", "Gateway", "Shop", "Site", "served"]

COMPANY = "SHOP42"
POLICY = (
    "default-src 'none'; script-src {gateway}; style-src {gateway}; connect-src {gateway}; "
    "img-src data:; base-uri 'none'"
)
"""The content policy of a strict shop: nothing inline."""

_READABLE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After",
}
_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Shop</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{gateway}/static/restock.css">
<script src="{gateway}/static/restock.js" defer></script>
</head>
<body>
<h1>A jumper</h1>
{body}
<div data-restock {attributes}></div>
</body>
</html>
"""


class Gateway:
    """The gateway's own doors over a topic that is a list.

    Attributes:
        records: values that were written.
        answers: what is to be answered instead, one for each request; then as usual.
        requests: how many sign-ups were tried.
    """

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.answers: deque[tuple[int, Mapping[str, str]]] = deque()
        self.requests = 0
        self.held: threading.Event | None = None
        settings = settings_of(company_ids=[COMPANY], address_burst=0, address_steady=0)
        desk = SignUpDesk(self, "subscriptions", lambda: 1_790_000_000_000)
        self._app = create_app(
            [sign_up_router(desk, entrance_of(settings), settings), static_router()],
            version="0",
            origins=["*"],
            traffic=Traffic(),
            new_id=lambda: "problem",
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the gateway does, unless something else is to be answered."""
        answer = None
        if scope["method"] == "POST":
            self.requests += 1
            if self.held is not None:
                await asyncio.to_thread(self.held.wait, 10)
            if self.answers:
                status, headers = self.answers.popleft()
                answer = Response(b"{}", status, headers={**headers, **_READABLE})
        await (answer or self._app)(scope, receive, send)

    async def send(self, topic: str, key: bytes, value: bytes) -> None:
        """Write a record, as `SignUpDesk` does."""
        assert topic
        assert key
        self.records.append(value)


class Shop:
    """Product pages by path."""

    def __init__(self, gateway: str) -> None:
        self.gateway = gateway
        self.app = FastAPI()
        self.pages: dict[str, str] = {}

        @self.app.get("/{path:path}")
        async def page(path: str) -> Response:
            policy = POLICY.format(gateway=gateway)
            content = self.pages.get(path)
            if content is None:
                return Response(status_code=404)
            headers = {"Content-Security-Policy": policy}
            return Response(content, headers=headers, media_type="text/html")

    def add(self, path: str, body: str = "", *, language: str = "en", **data: str) -> None:
        """Add a page with the snippet.

        Args:
            path: without a slash before it.
            body: what else is in it.
            language: of the page.
            data: attributes of the snippet, without "data-".
        """
        names = {"company_id": COMPANY, **data}
        attributes = " ".join(
            f'data-{name.replace("_", "-")}="{escape(value)}"' for name, value in names.items()
        )
        self.pages[path] = _PAGE.format(
            language=language, gateway=self.gateway, body=body, attributes=attributes
        )


@dataclass
class Site:
    """A shop, the gateway it signs people up at, and a page to look at it with."""

    tab: Tab
    shop: Shop
    gateway: Gateway
    origin: str

    def open(self, path: str, body: str = "", *, language: str = "en", **data: str) -> Tab:
        """Open a product page, see `Shop.add`."""
        self.shop.add(path, body, language=language, **data)
        self.tab.go(f"{self.origin}/{path}")
        self.tab.wait("document.querySelector('.restock')")
        return self.tab


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve an application on a port of its own; yields its origin."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
