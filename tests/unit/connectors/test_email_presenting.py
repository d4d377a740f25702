# SPDX-License-Identifier: Apache-2.0
"""What templates are shown of products that may hold anything."""

import pytest

from connectors.sinks.content import Notified, Person, Product
from connectors.sinks.email_presenting import Shown, present, shown_line


def shown(quantity: int = 50, **product: str | float) -> Shown:
    """Return what is shown of a product with these fields."""
    notified = Notified(
        id="0" * 32,
        variant_id="V",
        profile=Person(id="p"),
        product=Product(**product),  # type: ignore[arg-type]
        quantity=quantity,
        subscribed_at="",
        triggered_at="",
    )
    return present([notified], 10)[0]


def test_the_properties_of_an_event() -> None:
    """They have the names that templates of back-in-stock events know."""
    product = shown(
        product_id="P",
        title="Shirt",
        variant_title="M",
        url="https://shop.example/p?a=1&b=2#c",
        image_url="http://shop.example/p.jpg",
        currency="SEK",
        price="499.00",
    )
    assert product == {
        "ProductName": "Shirt",
        "VariantName": "M",
        "VariantId": "V",
        "ProductID": "P",
        "ProductURL": "https://shop.example/p?a=1&b=2#c",
        "ImageURL": "http://shop.example/p.jpg",
        "Price": "499.00\u00a0SEK",
        "Quantity": 50,
        "Few": False,
    }


def test_what_is_not_known_is_empty() -> None:
    """Every property is there, whatever is known of a product."""
    product = shown()
    assert {"", "V", 50, False} == set(product.values())


@pytest.mark.parametrize(
    ("price", "currency", "expected"),
    [
        ("499.00", "SEK", "499.00\u00a0SEK"),
        ("499,00", "SEK", "499,00\u00a0SEK"),
        (499, "SEK", "499\u00a0SEK"),
        (499.0, "SEK", "499\u00a0SEK"),
        (499.9, "SEK", "499.90\u00a0SEK"),
        (0.1 + 0.2, "EUR", "0.30\u00a0EUR"),
        (0, "EUR", "0\u00a0EUR"),
        (1e21, "EUR", "1000000000000000000000\u00a0EUR"),
        ("499.00", None, "499.00"),
        ("from 49 kr", "SEK", "from 49 kr"),
        ("$5", "USD", "$5"),
        (None, "SEK", ""),
    ],
)
def test_a_price_is_shown_as_it_was_given(
    price: str | float | None, currency: str | None, expected: str
) -> None:
    """A bare number gets its currency; a text that says more is left alone."""
    product = Product(price=price, currency=currency)
    fields = {name: getattr(product, name) for name in ("price", "currency")}
    given = {name: value for name, value in fields.items() if value is not None}
    assert expected == shown(**given)["Price"]


@pytest.mark.parametrize(
    ("quantity", "few"), [(0, False), (1, True), (10, True), (11, False), (10_000, False)]
)
def test_scarcity_is_said_only_where_it_is_so(quantity: int, few: bool) -> None:  # noqa: FBT001
    """At most `small_quantity`, and never for a stock that is not known to be there."""
    assert few is shown(quantity)["Few"]


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html;base64,AAAA",
        "vbscript:x",
        "file:///etc/passwd",
        "//shop.example/p",
        "/p",
        "shop.example/p",
        "https:",
        "https://",
        "https:///p",
        'https://shop.example/"onload="x',
        "https://shop.example/<script>",
        "https://shop.example/a b",
        "https://shop.example/\r\nBcc: x@example.com",
        "https://shop.example\\@evil.example/",
        "https://shop.example/\u2028x",
        "",
    ],
)
def test_only_the_web_is_linked(address: str) -> None:
    """What is not plainly http or https is left out, as link and as image."""
    assert "" == shown(url=address)["ProductURL"]
    assert "" == shown(image_url=address)["ImageURL"]


@pytest.mark.parametrize(
    "address",
    ["HTTPS://shop.example/p", "http://127.0.0.1:8080/p", "https://\u00e5.example/\u00e5?q=\u00e4"],
)
def test_the_web_is_linked(address: str) -> None:
    """With white space around it left out."""
    assert address == shown(url=f" {address}\n")["ProductURL"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Shirt\r\nBcc: x@example.com", "Shirt Bcc: x@example.com"),
        ("a\0b\x1bc\x7fd\x85e\u2028f\u2029g", "a b c d e f g"),
        ("  a \t b  ", "a b"),
        ("\u202egnirts", "gnirts"),
        ("\u05d7\u05d5\u05dc\u05e6\u05d4", "\u05d7\u05d5\u05dc\u05e6\u05d4"),
        ("\U0001f455 \u2764\ufe0f", "\U0001f455 \u2764\ufe0f"),
        (None, ""),
    ],
)
def test_a_title_is_one_line(text: str | None, line: str) -> None:
    """Line breaks of any kind and controls become spaces; scripts and emoji stay."""
    assert line == shown_line(text)


def test_a_title_has_an_end() -> None:
    """What is longer than any name is cut off, and says so."""
    assert "x" * 199 + "\u2026" == shown_line("x" * 10_000)
