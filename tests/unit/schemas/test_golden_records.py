# SPDX-License-Identifier: Apache-2.0
"""Records on topics are an interface: what consumers of the first release parse stays as it was."""

import json
from pathlib import Path
from typing import cast

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, Message

from connectors.kafka.dead_letters import dead_letter, dead_letter_id
from schemas.encode import encode_status, notification_id_of
from schemas.errors import DeadLetterReason, InvalidRecord
from schemas.events import Profile, SubscribeEvent, WaitlistStatus, WaveHeader
from schemas.records import Notification
from schemas.records import WaitlistStatus as StatusRecord
from tests.support.telling import notifications_for

GOLDEN = Path(__file__).parent / "golden"
_AT = 1_795_000_000_000
_YES = True

Golden = dict[str, str | dict[str, str] | None]


class _Letter:
    """A Kafka message that could not be read."""

    def topic(self) -> str:
        return "restock.inventory"

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return 4711

    def key(self) -> bytes:
        return b"shoe"

    def value(self) -> bytes:
        return b'{"variant_id":'

    def timestamp(self) -> tuple[int, int]:
        return TIMESTAMP_CREATE_TIME, _AT

    def headers(self) -> list[tuple[str, bytes]]:
        return [("trace", b"1")]


def records() -> list[Golden]:
    """One record of each kind that is written, with every field in use and with none."""
    full = SubscribeEvent(
        "shoe", _AT - 5000,
        Profile("p1", "x/1", " Ada@Example.com ", "+49 30"),
        ("id:p1", "external:x/1", "email:ada@example.com", "phone:+4930"),
        ("SMS", "EMAIL"), 3, _AT + 9, ("SMS",), "de-DE", "EU", {"title": "Schuh", "price": 2**70},
    )  # fmt: skip
    bare = SubscribeEvent(
        "shoe", _AT - 4000, Profile(email="b@example.com"), ("email:b@example.com",)
    )
    header = WaveHeader("shoe", 2, _AT - 100, 1, 7, _AT, {"title": "Größe 42", "price": 19.9})
    told = notifications_for(header, 5, [full, bare])
    statuses = [
        WaitlistStatus("shoe", 7, _YES, 2, _AT - 100, 10, 5, _AT + 600, _AT, {"price": 19.9}),
        WaitlistStatus("coat", None, not _YES, 0, None, 0, 0, None, _AT, {}),
    ]
    error = InvalidRecord(DeadLetterReason.NOT_JSON, detail="not JSON at character 14")
    letter = dead_letter(cast("Message", _Letter()), error, "restock", "0/1")
    return [
        *(_golden("notifications", *record) for record in told),
        *(_golden("waitlist", *encode_status(status)) for status in statuses),
        *(_golden(letter.topic, *record, dict(letter.headers or [])) for record in letter.records),
    ]


def _golden(
    topic: str,
    key: bytes | None,
    value: bytes | None,
    headers: dict[str, bytes | None] | None = None,
) -> Golden:
    shown = {name: (content or b"").decode() for name, content in (headers or {}).items()}
    return {
        "topic": topic,
        "key": None if key is None else key.decode(),
        "value": None if value is None else value.decode(),
        "headers": shown,
    }


def _read(version: str) -> list[Golden]:
    found: list[Golden] = json.loads((GOLDEN / f"{version}.json").read_text())
    return found


def test_the_written_bytes_are_those_of_version_1() -> None:
    """Keys, values with the order of their fields, and headers: byte for byte."""
    assert _read("v1") == records()


@pytest.mark.parametrize("version", sorted(file.stem for file in GOLDEN.iterdir()))
def test_records_of_every_version_are_understood(version: str) -> None:
    """Notifications, statuses and dead letters of any release satisfy today's contract."""
    for record in _read(version):
        value, headers = str(record["value"]), record["headers"]
        if record["topic"] == "notifications":
            assert Notification.model_validate_json(value).id == notification_id_of(value.encode())
        elif record["topic"] == "waitlist":
            assert StatusRecord.model_validate_json(value).variant_id == record["key"]
        else:
            assert isinstance(headers, dict)
            pairs = [(name, content.encode()) for name, content in headers.items()]
            place = dead_letter_id(None, None, cast("list[tuple[str, bytes | None]]", pairs))
            assert b"restock.inventory:3:4711" == place
