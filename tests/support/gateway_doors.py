# SPDX-License-Identifier: Apache-2.0
"""Doors of the gateway for tests: an application around a few routers, a desk that remembers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from fastapi import APIRouter
from starlette.testclient import TestClient

from connectors.errors import NotAcknowledged
from connectors.sinks.content import Person
from gateway.app import create_app
from gateway.entrance import Entrance
from gateway.settings import GatewaySettings
from gateway.traffic import Traffic

__all__ = ["KEY", "RememberingDesk", "client_of", "entrance_of", "settings_of"]

KEY = "pk_1234567890abcdef"


@dataclass
class RememberingDesk:
    """Signs nobody off, and remembers who was to be, and the last one's earliest time."""

    is_away: bool = False
    left: list[tuple[str, tuple[str, ...], Person]] = field(default_factory=list)
    not_before: int = 0

    async def sign_off(
        self, door: str, variant_ids: Sequence[str], profile: Person, *, not_before: int = 0
    ) -> None:
        """Remember, or refuse as the gateway does when Kafka is away."""
        if self.is_away:
            raise NotAcknowledged("Kafka is away")
        self.left.append((door, tuple(variant_ids), profile))
        self.not_before = not_before


def settings_of(**fields: object) -> GatewaySettings:
    """Settings with a private key."""
    return GatewaySettings.model_validate({"private_keys": [KEY], **fields})


def entrance_of(settings: GatewaySettings) -> Entrance:
    """An entrance whose clock stands still."""
    return Entrance(settings, lambda: 1000.0)


def client_of(*routers: APIRouter) -> TestClient:
    """A client of an application with these doors."""
    numbers = count(1)
    app = create_app(
        routers,
        version="0",
        origins=["*"],
        traffic=Traffic(),
        new_id=lambda: f"problem-{next(numbers)}",
    )
    return TestClient(app, raise_server_exceptions=False)
