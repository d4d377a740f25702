# SPDX-License-Identifier: Apache-2.0
"""What a journey takes from a notification record."""

import json
from typing import Any

import pytest

from journey.journey import Notified, notified_of
from schemas.errors import InvalidRecord
from schemas.records import Notification
from schemas.validation import validate_record
from tests.unit.journey.people import DAY, NOON

RECORD: dict[str, Any] = {
    "id": "0123456789abcdef0123456789abcdef",
    "variant_id": "SKU-MED",
    "profile": {"external_id": "c7", "email": " Ann@Example.com"},
    "channels": ["SMS", "EMAIL", "SMS"],
    "consent": ["SMS"],
    "product": {"product_id": "SKU", "title": "Shirt"},
    "locale": "sv-SE",
    "market": "SE",
    "priority": 0,
    "cycle": 1,
    "cycle_opened_at": NOON - 5,
    "wave": 1,
    "position": 3,
    "quantity": 9,
    "subscribed_at": "2026-11-17T12:00:00.000Z",
    "triggered_at": "2026-11-18T12:00:00.000Z",
}


def test_what_is_taken() -> None:
    """What decides, and no address."""
    record = validate_record(Notification, json.dumps(RECORD).encode())
    assert notified_of(record) == Notified(
        id="0123456789abcdef0123456789abcdef",
        variant_id="SKU-MED",
        product_id="SKU",
        profile_key="external:c7",
        channels=("SMS", "EMAIL"),
        consent=("SMS",),
        has_email=True,
        has_phone=False,
        market="SE",
        subscribed_at=NOON - DAY,
        triggered_at=NOON,
    )


def test_what_may_be_missing() -> None:
    """No product, no market, another way to reach the person."""
    changes = {"product": {}, "market": None, "profile": {"phone_number": "+46 70"}}
    record = validate_record(Notification, json.dumps({**RECORD, **changes}).encode())
    notified = notified_of(record)
    assert (notified.product_id, notified.market) == (None, None)
    assert (notified.has_email, notified.has_phone) == (False, True)
    assert notified.profile_key == "phone:+4670"


@pytest.mark.parametrize(
    ("field", "value"),
    [("id", "x"), ("channels", []), ("channels", ["FAX"]), ("profile", {}), ("triggered_at", 1)],
)
def test_garbage_never_becomes_a_journey(field: str, value: object) -> None:
    """The record's model refuses it, with the field that is to blame."""
    with pytest.raises(InvalidRecord, match=f"^{field}"):
        notified_of(validate_record(Notification, json.dumps({**RECORD, field: value}).encode()))
