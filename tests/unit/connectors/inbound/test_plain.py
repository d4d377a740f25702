# SPDX-License-Identifier: Apache-2.0
"""Records that are already ours go through as they are."""

from pathlib import Path

import pytest

from connectors.inbound.contract import Learned, Mapped, Message
from connectors.inbound.plain import PlainSettings, PlainSource

EXAMPLE = Path(__file__).parents[4] / "docs" / "example" / "events.jsonl"
RECORD = b'{"variant_id":"v","quantity":1,"occurred_at":"2025-11-20T12:00:00Z","x":[1]}'


def mapped(body: bytes) -> Mapped:
    """What a message comes to."""
    return PlainSource(PlainSettings()).map(Message(body, 0))


def test_a_record_is_not_touched() -> None:
    """Not even what is not known in it."""
    (record,) = mapped(RECORD).records
    assert ("v", RECORD) == (record.variant_id, record.value)


def test_a_line_of_a_trace_is_unwrapped() -> None:
    """Sign-ups among them are passed over."""
    line = b'{"at": 1763640000000, "topic": "inventory", "value": %b}'
    (record,) = mapped(line % RECORD).records
    assert RECORD == record.value
    assert "other_topic" == mapped(line.replace(b"inventory", b"subscriptions") % b"{}").ignored
    assert "tombstone" == mapped(line % b"null").ignored


def test_the_trace_of_the_documentation_goes_through() -> None:
    """Every line of it."""
    found = [mapped(line) for line in EXAMPLE.read_bytes().splitlines()]
    assert [] == [refusal for one in found for refusal in one.refusals]
    assert any(one.records for one in found)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", "missing_field"),
        (b"[]", "not_an_object"),
        (b"{", "not_json"),
        (b"\xff", "undecodable"),
        (RECORD.replace(b":1,", b':"1",'), "wrong_type"),
    ],
)
def test_what_is_not_valid_is_refused(body: bytes, reason: str) -> None:
    """With the reason that the flow would give."""
    assert [reason] == [refusal.reason for refusal in mapped(body).refusals]


def test_nothing_is_signed_and_nothing_learned() -> None:
    """Records say all by themselves."""
    source = PlainSource(PlainSettings())
    source.learn(Learned("1", "v"))
    assert source.is_authentic(Message(RECORD, 0))
    assert None is source.event_id(Message(RECORD, 0))
