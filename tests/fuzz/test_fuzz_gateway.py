# SPDX-License-Identifier: Apache-2.0
"""The gateway's own OpenAPI document, turned against it: nothing is answered with 500."""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import Any
from unittest.mock import Mock

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.applications import Starlette

from connectors.inbound.contract import Learned
from connectors.sinks.content import Person
from connectors.unsubscribe import UnsubscribeTokens
from gateway.signups import SignUpDesk
from gateway.waiting_queries import Waiting
from gateway.webhooks import StockDesk
from restock.doors import Behind, build_app
from restock.intakes import build_intakes
from restock.settings import Settings

NOW = 1_795_000_000_000
KEY = "pk_of-the-tests"
SECRET = "a secret of more than thirty-two characters"  # noqa: S105 - made up
SETTINGS = Settings.model_validate(
    {
        "gateway": {
            "private_keys": [KEY],
            "company_ids": ["Abc123"],
            "unsubscribe_secrets": [SECRET],
            **dict.fromkeys(("key_burst", "key_steady", "address_burst", "address_steady"), 0),
        },
        "ingest": {"shopify": {}, "mapping": {"variant_id": "/a", "quantity": "/b"}, "saleor": {}},
    }
)
SOMEBODY = Waiting(
    "0" * 32, "V", Person(email="ann@example.com"), ("EMAIL",), None, None, 0, NOW, None, 1, 1
)
LIMITED = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
DOORS = 9
"""Operations that can be asked wrongly, at least."""
TOKEN = UnsubscribeTokens(SECRET).seal(["V"], Person(email="ann@example.com"))


class Kafka:
    """Takes everything."""

    async def send(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...] = (),
    ) -> None:
        """Acknowledge a record."""


class Listed:
    """Everybody waits."""

    is_ready, as_of, behind = True, NOW, 0

    async def find(self, identity: str) -> Waiting | None:
        """Look somebody up."""
        return SOMEBODY if identity == SOMEBODY.id else None

    async def of_person(
        self, identifier: str, *, after: tuple[int, str], limit: int
    ) -> list[Waiting]:
        """List what somebody waits for."""
        assert identifier
        return [SOMEBODY] * min(limit, 3) if after < (NOW, "") else []


async def keep(_name: str, _learned: Sequence[Learned]) -> None:
    """Nothing is kept."""


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
HEADERS = {"Authorization": f"Klaviyo-API-Key {KEY}"}


def app() -> Starlette:
    """The gateway, without limits."""
    kafka, intakes = Kafka(), build_intakes(SETTINGS)
    behind = Behind(
        Mock(waiting=0, acknowledged=0, trouble=None),
        Mock(trouble=None),
        SignUpDesk(kafka, "subscriptions", lambda: NOW),
        StockDesk(intakes, kafka, "inventory", lambda: NOW, keep),
        Listed(),  # type: ignore[arg-type]  # as far as it is asked
    )
    return build_app(SETTINGS, behind)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_comes_is_answered_as_documented(mode: GenerationMode) -> None:
    """By those who are let in, with what the document allows and with what it does not."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app())
    asked = set()

    def ask(case: Case[Any]) -> None:
        if "token" in case.path_parameters and case.media_type is None:
            case.path_parameters["token"] = TOKEN
        case.call_and_validate(headers=HEADERS, checks=CHECKS)
        asked.add(case.operation.label)

    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    for operation in operations:
        fuzz = LIMITED(given(case=operation.as_strategy(generation_mode=mode))(ask))
        # Where nothing is asked for, nothing wrong can be given.
        with suppress(Unsatisfiable) if mode.is_negative else nullcontext():
            fuzz()
    assert {operation.label for operation in operations} >= asked
    assert len(asked) >= DOORS
