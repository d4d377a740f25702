# SPDX-License-Identifier: Apache-2.0
"""What templates of mails may show of notification records, made fit to be shown.

A title comes from whoever edits the catalogue, or from a sign-up form: it may hold anything. What
templates are given is one line of printable text, and a link leads to the web and nowhere else.
"""

import re
from collections.abc import Sequence
from typing import Final, TypedDict

from connectors.sinks.content import Notified, Product

__all__ = ["Shown", "present", "shown_line"]

_LONGEST_NAME: Final = 200
"""Characters: what is longer is nobody's name of a product, and pushes the button off the page."""

# Controls, line and paragraph separators, and the marks that turn the direction of what follows.
_BREAKS: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_WEB_ADDRESS: Final = re.compile(
    r"https?://[^\s/?#\\<>\"'`\x00-\x1f\x7f-\x9f][^\s\\<>\"`\x00-\x1f\x7f-\x9f]*", re.IGNORECASE
)
_PLAIN_NUMBER: Final = re.compile(r"[0-9]+([.,][0-9]+)?", re.ASCII)


class Shown(TypedDict):
    """One product, under the names that templates of back-in-stock events know.

    Attributes:
        ProductName: its title; empty when not known, as all texts here.
        VariantName: such as a size.
        VariantId: as in the record.
        ProductID: of the shop's platform.
        ProductURL: only http or https, else empty.
        ImageURL: only http or https, else empty.
        Price: with the currency, as it is shown.
        Quantity: sellable units when the wave started.
        Few: whether so few were left that it may be said.
    """

    ProductName: str
    VariantName: str
    VariantId: str
    ProductID: str
    ProductURL: str
    ImageURL: str
    Price: str
    Quantity: int
    Few: bool


def present(notifications: Sequence[Notified], small_quantity: int) -> list[Shown]:
    """Make what templates show, in the same order.

    Args:
        notifications: what is told.
        small_quantity: so many units, or fewer, are few.
    """
    return [_shown(notified, small_quantity) for notified in notifications]


def shown_line(text: str | None, longest: int = _LONGEST_NAME) -> str:
    """Return a text as one line without control characters, cut off with an ellipsis."""
    line = _BREAKS.sub(" ", text or "").strip()
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}\u2026"


def _shown(notified: Notified, small_quantity: int) -> Shown:
    product = notified.product
    return Shown(
        ProductName=shown_line(product.title),
        VariantName=shown_line(product.variant_title),
        VariantId=shown_line(notified.variant_id),
        ProductID=shown_line(product.product_id),
        ProductURL=_web_address(product.url),
        ImageURL=_web_address(product.image_url),
        Price=_price(product),
        Quantity=notified.quantity,
        Few=1 <= notified.quantity <= small_quantity,
    )


def _web_address(url: str | None) -> str:
    address = (url or "").strip()
    return address if _WEB_ADDRESS.fullmatch(address) else ""


def _price(product: Product) -> str:
    """Show a price as it was given; only a bare number gets the currency, and whole cents."""
    price = product.price
    if isinstance(price, float):
        text = str(int(price)) if price.is_integer() else f"{price:.2f}"
    else:
        text = shown_line(None if price is None else str(price))
    if product.currency and _PLAIN_NUMBER.fullmatch(text):
        # The two must not be torn apart at the end of a line.
        return f"{text}\u00a0{shown_line(product.currency)}"
    return text
