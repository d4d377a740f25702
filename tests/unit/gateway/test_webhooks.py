# SPDX-License-Identifier: Apache-2.0
"""The door for platforms, with a source that is easy to follow."""

from collections.abc import Sequence
from typing import Any

import pytest
from starlette.testclient import TestClient

from connectors.errors import NotAcknowledged
from connectors.inbound.contract import Learned, Mapped, Message, Refusal
from connectors.inbound.records import StockEvent, write_record
from gateway import webhooks
from gateway.app import create_app
from gateway.entrance import Entrance
from gateway.settings import GatewaySettings
from gateway.traffic import Traffic
from gateway.webhooks import Intake, StockDesk

NOW = 1_795_000_000_000
LIMIT = 1_000
KEY = {"Authorization": "Klaviyo-API-Key pk_of-the-tests"}


class Words:
    """A source: each word is a variant in stock; `bad` is refused, `item` teaches something."""

    def __init__(self) -> None:
        self.seen: list[Message] = []

    def is_authentic(self, message: Message) -> bool:
        """Said by a header."""
        return message.headers.get("x-forged") is None

    def event_id(self, message: Message) -> str | None:
        """Said by a header."""
        return message.headers.get("x-event")

    def map(self, message: Message) -> Mapped:
        """Split the body."""
        self.seen.append(message)
        words = message.body.decode().split()
        good = [word for word in words if word not in {"bad", "item", "gone"}]
        return Mapped(
            tuple(
                write_record(StockEvent(variant_id=word, quantity=1, occurred_at=NOW))
                for word in good
            ),
            tuple(Refusal("bad_word", "a word is bad") for word in words if word == "bad"),
            tuple(
                Learned("I", "V" if word == "item" else None)
                for word in words
                if word in {"item", "gone"}
            ),
            None if words else "empty",
        )

    def learn(self, learned: Learned) -> None:
        """Of no use here."""


class Shop:
    """An app with the door alone, and what came of it."""

    def __init__(self, *, signed: bool = True) -> None:
        self.written: list[tuple[str, bytes, bytes, dict[str, bytes]]] = []
        self.kept: list[tuple[str, Learned]] = []
        self.order: list[str] = []
        self.is_away = False
        self.source = Words()
        self.intake = Intake(self.source, signed)
        settings = GatewaySettings.model_validate({"private_keys": ["pk_of-the-tests"]})
        self.desk = StockDesk({"words": self.intake}, self, "stock", lambda: NOW, self.keep)
        door = webhooks.router(self.desk, Entrance(settings, lambda: 0.0), LIMIT)
        app = create_app([door], version="1", origins=["*"], traffic=Traffic(), new_id=lambda: "x")
        self.client = TestClient(app)

    async def send(
        self, topic: str, key: bytes, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()
    ) -> None:
        """Keep a record, or be away."""
        if self.is_away:
            raise NotAcknowledged("no broker answers")
        self.written.append((topic, key, value, dict(headers)))
        self.order.append("written")

    async def keep(self, name: str, learned: Sequence[Learned]) -> None:
        """Keep what was learned."""
        self.kept += [(name, each) for each in learned]
        self.order += ["kept"] * len(learned)

    def post(self, body: str, path: str = "/ingest/words", **headers: str) -> tuple[int, Any]:
        """Status and answer."""
        answer = self.client.post(path, content=body, headers=headers)
        return answer.status_code, answer.json()


@pytest.fixture
def shop() -> Shop:
    """A shop whose platform signs."""
    return Shop()


def test_a_message_becomes_records(shop: Shop) -> None:
    """Under the variants' keys; the source sees headers in lower case, place and time."""
    assert (200, {"records": 2}) == shop.post("A B", "/ingest/words/orders/paid/", **{"X-Y": "z"})
    assert [("stock", b"A"), ("stock", b"B")] == [record[:2] for record in shop.written]
    (message,) = shop.source.seen
    assert ("orders/paid", NOW, "z") == (message.place, message.arrived_at, message.headers["x-y"])
    assert ({"taken": 1}, 2, NOW) == (
        shop.intake.outcomes,
        shop.intake.records,
        shop.intake.last_at,
    )


def test_what_cannot_be_taken_is_a_dead_letter(shop: Shop) -> None:
    """Untouched, with the reason; what is good beside it is written; the platform hears 200."""
    status, told = shop.post("A bad B")
    assert 200 == status
    assert {
        "records": 2,
        "refused": [{"reason": "bad_word", "detail": "a word is bad"}],
    } == told
    topic, key, value, headers = shop.written[-1]
    assert ("stock.dlq", b"words", b"A bad B") == (topic, key, value)
    assert b"bad_word" == headers["restock-dlq-reason"]
    assert b"restock-ingest-words" == headers["__connect.errors.connector.name"]
    assert ({"refused": 1}, {"bad_word": 1}) == (shop.intake.outcomes, shop.intake.refusals)


def test_what_comes_twice_is_taken_once(shop: Shop) -> None:
    """By the name that the platform gives it; what has none is taken each time."""
    first = shop.post("A", **{"X-Event": "1"})
    again = shop.post("A", **{"X-Event": "1"})
    shop.post("A")
    shop.post("A")
    assert [(200, {"records": 1}), (200, {"records": 0, "repeated": True})] == [first, again]
    assert 3 == len(shop.written)
    assert {"taken": 3, "repeated": 1} == shop.intake.outcomes


def test_what_was_not_written_may_come_again(shop: Shop) -> None:
    """503, with a time to come back; the second time it is taken."""
    shop.is_away = True
    answer = shop.client.post("/ingest/words", content="A", headers={"X-Event": "1"})
    assert 503 == answer.status_code
    assert "5" == answer.headers["Retry-After"]
    shop.is_away = False
    assert (200, {"records": 1}) == shop.post("A", **{"X-Event": "1"})
    assert {"not_acknowledged": 1, "taken": 1} == shop.intake.outcomes


def test_what_is_forged_is_not_read(shop: Shop) -> None:
    """401, and nothing is written."""
    status, told = shop.post("A", **{"X-Forged": "1"})
    assert (401, "not_authenticated") == (status, told["errors"][0]["code"])
    assert ([], [], {"not_authentic": 1}) == (
        shop.written,
        shop.source.seen,
        shop.intake.outcomes,
    )


def test_signatures_are_guessed_slowly(shop: Shop) -> None:
    """As many as an address may call; who signs well is not held up."""
    statuses = [shop.post("A", **{"X-Forged": "1"})[0] for _ in range(11)]
    assert [401] * 10 + [429] == statuses
    assert 200 == shop.post("A")[0]


def test_a_platform_that_does_not_sign_needs_a_key() -> None:
    """A private key of ours; nobody else may say what is in stock."""
    shop = Shop(signed=False)
    assert 401 == shop.post("A")[0]
    assert (200, {"records": 1}) == shop.post("A", **KEY)


def test_what_was_learned_is_kept_before_anything_is_written(shop: Shop) -> None:
    """Under the source's name; what is no more is forgotten when its records are safe."""
    assert (200, {"records": 1}) == shop.post("gone A item")
    assert [("words", Learned("I", "V")), ("words", Learned("I", None))] == shop.kept
    assert ["kept", "written", "kept"] == shop.order


def test_what_is_right_and_means_nothing_is_said_so(shop: Shop) -> None:
    """The platform need not call again."""
    assert (200, {"records": 0, "ignored": "empty"}) == shop.post("")
    assert {"ignored": 1} == shop.intake.outcomes


def test_there_is_no_such_source(shop: Shop) -> None:
    """404, whatever the body."""
    for path in ("/ingest/other", "/ingest/", "/ingest/words%00"):
        assert 404 == shop.post("A", path)[0]


def test_a_large_body_is_not_read(shop: Shop) -> None:
    """Neither one that says so beforehand, of ten megabytes, nor one that goes on and on."""
    assert 413 == shop.post("A" * 10_000_000)[0]
    assert 413 == shop.post("A" * (LIMIT + 1))[0]
    drips = (b"A" * 100 for _ in range(1_000))
    assert 413 == shop.client.post("/ingest/words", content=drips).status_code
    assert [] == shop.source.seen
