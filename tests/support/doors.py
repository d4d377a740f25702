# SPDX-License-Identifier: Apache-2.0
"""The doors for sign-ups, over Kafka that is a list."""

import json
import socket
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.testclient import TestClient

from connectors.errors import NotAcknowledged
from gateway import centra, klaviyo, legacy
from gateway.app import create_app
from gateway.entrance import Entrance
from gateway.settings import GatewaySettings
from gateway.signups import SignUpDesk
from gateway.traffic import Traffic
from schemas.decode import decode_subscription

__all__ = [
    "CLIENT",
    "COMPANY_ID",
    "HEADERS",
    "NOW",
    "PRIVATE_KEY",
    "SERVER",
    "VARIANT_ID",
    "Doors",
    "FakeWrites",
    "document",
    "error_of",
    "serving",
]

NOW = 1_795_000_000_000
PRIVATE_KEY = "pk_of-the-tests"
COMPANY_ID = "Abc123"
VARIANT_ID = "$custom:::$default:::SKU-MED"
SERVER = "/api/back-in-stock-subscriptions"
CLIENT = f"/client/back-in-stock-subscriptions?company_id={COMPANY_ID}"
HEADERS = {
    "Authorization": f"Klaviyo-API-Key {PRIVATE_KEY}",
    "Content-Type": "application/vnd.api+json",
    "revision": "2026-07-15",
}


class FakeWrites:
    """Kafka: keeps what is written, or does not acknowledge."""

    def __init__(self) -> None:
        self.written: list[tuple[str, bytes, bytes]] = []
        self.is_away = False

    async def send(self, topic: str, key: bytes, value: bytes) -> None:
        """Keep a record."""
        if self.is_away:
            raise NotAcknowledged("no broker answers")
        self.written.append((topic, key, value))


class Doors:
    """All doors of an app, and what came in by them.

    Args:
        catalogue: the variants there are; None: whatever is asked for.
        websites: Magento's website for each store.
        settings: of the gateway, where they differ from those of the tests.
    """

    def __init__(
        self,
        *,
        catalogue: Collection[str] | None = None,
        websites: Mapping[str, str] | None = None,
        **settings: Any,  # noqa: ANN401 - what the settings take
    ) -> None:
        unlimited = dict.fromkeys(("key_burst", "key_steady", "address_burst", "address_steady"), 0)
        self.settings = GatewaySettings.model_validate(
            {
                "private_keys": [PRIVATE_KEY],
                "company_ids": [COMPANY_ID],
                **unlimited,
                **settings,
            }
        )
        self.kafka = FakeWrites()
        self.desk = SignUpDesk(self.kafka, "subscriptions", lambda: NOW, catalogue=catalogue)
        entrance = Entrance(self.settings, lambda: 0.0)
        rooms = (self.desk, entrance, self.settings)
        self.app: Starlette = create_app(
            [
                klaviyo.router(*rooms),
                legacy.router(*rooms, websites or {}),
                centra.router(*rooms),
            ],
            version="0",
            origins=self.settings.origins,
            traffic=Traffic(),
            new_id=lambda: "00000000-0000-4000-8000-000000000000",
        )
        # An error that no door knows is the test's, not an answer.
        self.client = TestClient(self.app)

    def records(self) -> list[dict[str, Any]]:
        """Return the records that were written, each one that the flows accept as well."""
        found = []
        for topic, key, value in self.kafka.written:
            assert topic == "subscriptions"
            record: dict[str, Any] = json.loads(value)
            decode_subscription(value, NOW)
            assert key.decode() == record["variant_id"]
            found.append(record)
        return found

    @staticmethod
    def as_json(body: object) -> bytes:
        """Write a body, for a test that goes on to spoil it."""
        return json.dumps(body).encode()

    def record(self) -> dict[str, Any]:
        """Return the only record."""
        (found,) = self.records()
        return found


def document(
    variant_id: Any = VARIANT_ID,  # noqa: ANN401 - also what is wrong
    channels: Any = ("EMAIL",),  # noqa: ANN401
    **identifiers: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Make the body of a request to Klaviyo's doors."""
    return {
        "data": {
            "type": "back-in-stock-subscription",
            "attributes": {
                "profile": {
                    "data": {
                        "type": "profile",
                        "attributes": identifiers or {"email": "ada@shop.example.com"},
                    }
                },
                "channels": list(channels) if isinstance(channels, tuple) else channels,
            },
            "relationships": {"variant": {"data": {"type": "catalog-variant", "id": variant_id}}},
        }
    }


def error_of(answer: Any) -> dict[str, Any]:  # noqa: ANN401 - a test client's response
    """Return the only error of an answer in the JSON:API form."""
    assert answer.headers["content-type"] == "application/vnd.api+json"
    (error,) = answer.json()["errors"]
    assert {"id", "status", "code", "title", "detail", "meta"} <= set(error)
    assert error["status"] == answer.status_code
    return dict(error)


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """Serve an app by uvicorn in a thread; the value is its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        # The socket listens already: who connects waits until the server is there.
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
