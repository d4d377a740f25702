# SPDX-License-Identifier: Apache-2.0
"""Notifications to try templates with: at the start, and in a preview."""

from typing import Final

import msgspec

from connectors.sinks.content import Notified, Person, Product

__all__ = ["sample_notifications"]

_PERSON: Final = Person(email="someone@example.com")

_SAMPLES: Final = (
    Notified(
        id="5a17c0de5a17c0de5a17c0de5a17c0de",
        variant_id="$custom:::$default:::SHIRT-M",
        profile=_PERSON,
        product=Product(
            product_id="SHIRT",
            title="Linen shirt",
            variant_title="White, M",
            url="https://example.com/products/linen-shirt",
            image_url="https://example.com/images/linen-shirt.jpg",
            currency="EUR",
            price="79.00",
        ),
        quantity=3,
        subscribed_at="2026-11-01T08:00:00.000Z",
        triggered_at="2026-11-20T10:00:00.000Z",
    ),
    Notified(
        id="5a17c0de5a17c0de5a17c0de5a17c0df",
        variant_id="$custom:::$default:::MUG",
        profile=_PERSON,
        product=Product(),
        quantity=500,
        subscribed_at="2026-11-02T08:00:00.000Z",
        triggered_at="2026-11-20T10:00:00.000Z",
    ),
)


def sample_notifications() -> tuple[bytes, ...]:
    """Return values of two notification records, as far as sinks read them.

    Of the product of the first everything is known, and few are left; of the second only its id.
    """
    return tuple(msgspec.json.encode(sample) for sample in _SAMPLES)
