# SPDX-License-Identifier: Apache-2.0
"""Messages become events of Klaviyo, in requests of the form and size that it takes."""

from typing import Any

import pytest

from connectors.sinks.contract import Answer, Resolution
from connectors.sinks.klaviyo import KlaviyoSink
from tests.support.fake_klaviyo import FakeKlaviyo, message, notification, send

SENT = Answer(Resolution.SENT)


def test_an_event_has_the_names_that_klaviyos_templates_use() -> None:
    """All that is known of the product, under those names; what is not known is left out."""
    klaviyo = FakeKlaviyo()
    product = {
        "product_id": "7",
        "title": "Coat",
        "variant_title": "Medium",
        "url": "https://shop.example/coat",
        "image_url": "https://shop.example/coat.png",
        "price": 49.9,
    }
    send(klaviyo, [message(1, notification(1, product=product))])
    assert {
        "ProductName": "Coat",
        "VariantName": "Medium",
        "ImageURL": "https://shop.example/coat.png",
        "ProductURL": "https://shop.example/coat",
        "VariantId": "$custom:::$default:::SKU-MED",
        "Price": 49.9,
        "ProductID": "7",
        "Quantity": 20,
        "Channel": "EMAIL",
        "Step": "first",
        "NotificationId": f"{1:032x}",
        "TriggeredAt": "2026-11-21T10:00:00.000Z",
    } == klaviyo.events["P1", "Back in Stock", f"{1:032x}"]


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ({"id": "P1"}, {"type": "profile", "id": "P1", "attributes": {}}),
        (
            {"external_id": "7", "email": "Ann@Shop.example", "phone_number": "+46 (70) 123 45 67"},
            {
                "type": "profile",
                "attributes": {
                    "external_id": "7",
                    "email": "Ann@Shop.example",
                    "phone_number": "+46701234567",
                },
            },
        ),
        (
            {"email": "ann@shop.example", "phone_number": "070 123"},
            {"type": "profile", "attributes": {"email": "ann@shop.example"}},
        ),
        (
            {"phone_number": "070 123"},
            {"type": "profile", "attributes": {"phone_number": "070 123"}},
        ),
    ],
)
def test_a_profile_has_what_is_known(person: dict[str, str], expected: dict[str, Any]) -> None:
    """A phone number is sent as E.164, or not at all where Klaviyo would refuse it for nothing."""
    klaviyo = FakeKlaviyo()
    send(klaviyo, [message(1, notification(1, profile=person))])
    [item] = klaviyo.items_of(klaviyo.bodies[0])
    assert expected == item["attributes"]["profile"]["data"]


def test_a_step_has_its_metric() -> None:
    """A reminder starts another flow than the first message."""
    klaviyo = FakeKlaviyo()
    messages = [message(1), message(2, step="reminder")]
    send(klaviyo, messages, metric="Back", metrics={"reminder": "Reminder"})
    assert ["Back", "Reminder"] == [metric for _, metric, _ in klaviyo.events]


def test_a_digest_is_an_event_for_each_notification() -> None:
    """The first has the id of the message, the others their number behind it."""
    klaviyo = FakeKlaviyo()
    digest = message(5, *(notification(number, profile={"id": "P"}) for number in (7, 8, 9)))
    assert [SENT] == send(klaviyo, [digest])
    assert [digest.id, f"{digest.id}.1", f"{digest.id}.2"] == [key[2] for key in klaviyo.events]
    told = [event["NotificationId"] for event in klaviyo.events.values()]
    assert [f"{number:032x}" for number in (7, 8, 9)] == told


def test_a_thousand_messages_are_one_request() -> None:
    """A batch as large as the sink takes fills a request."""
    klaviyo = FakeKlaviyo()
    messages = [message(number) for number in range(KlaviyoSink.batch_size)]
    assert [SENT] * 1_000 == send(klaviyo, messages)
    assert [1_000] == klaviyo.sizes


def test_requests_stay_within_a_thousand_events_and_five_megabytes() -> None:
    """Digests and long texts are spread over more requests, in their order."""
    klaviyo = FakeKlaviyo()
    digests = [message(n, *[notification(n)] * 400) for n in range(5)]
    long = [message(n, notification(n, product={"title": "ö" * 49_000})) for n in range(10, 120)]
    assert [SENT] * 115 == send(klaviyo, [*digests, *long])
    assert [800, 800] == klaviyo.sizes[:2]
    assert max(len(body) for body in klaviyo.bodies) <= 5_000_000
    assert len(klaviyo.bodies) == 5
    assert sorted(klaviyo.events, key=lambda key: int(key[2][:32], 16)) == list(klaviyo.events)


@pytest.mark.parametrize(
    "notifications",
    [[notification()] * 1_001, [notification(product={"title": "é" * 50_001})]],
)
def test_what_is_too_large_by_itself_is_given_up(notifications: list[bytes]) -> None:
    """It keeps nobody else back."""
    klaviyo = FakeKlaviyo()
    large, small = send(klaviyo, [message(1, *notifications), message(2)])
    assert (Resolution.FINAL, "too_large") == (large.resolution, large.reason)
    assert SENT == small
