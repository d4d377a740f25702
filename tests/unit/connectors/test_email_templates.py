# SPDX-License-Identifier: Apache-2.0
"""Templates of mails: which is taken, what is refused at the start, and how each looks."""

from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr
from typing_extensions import override

from connectors.errors import SinkError
from connectors.sinks.content import Product, read_notification
from connectors.sinks.contract import Message
from connectors.sinks.email_letters import Letters
from connectors.sinks.email_preview import Preview, render_preview
from connectors.sinks.email_samples import sample_notifications
from connectors.sinks.email_settings import EmailSettings
from connectors.sinks.email_templates import Rendered

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
SINGLE = sample_notifications()[:1]
BARE = sample_notifications()[1:]
DIGEST = sample_notifications()
PRODUCT = "https://example.com/products/linen-shirt"


def settings(templates: Path | None = None, *, unsubscribe: bool = True) -> EmailSettings:
    """Return settings with a directory of the shop's own templates."""
    return EmailSettings(
        host="127.0.0.1",
        security="none",
        from_address="Shop & Co <hello@shop.example.com>",
        templates=templates,
        unsubscribe_url="https://shop.example.com/u/" if unsubscribe else None,
        unsubscribe_secret=SecretStr("s" * 32) if unsubscribe else None,
    )


def preview(
    notifications: tuple[bytes, ...] = SINGLE,
    template: str = "back_in_stock",
    locale: str | None = None,
) -> Rendered:
    """Render with what comes with the program."""
    message = Message("a1", "EMAIL", "first", template, notifications)
    return packaged().write(message, NOW, locale).content


def own(templates: Path, template: str = "back_in_stock", locale: str | None = None) -> Preview:
    """Render with a directory of the shop's own."""
    return render_preview(settings(templates), template, locale, SINGLE, now=NOW)


@cache
def packaged() -> Letters:
    """Return what writes with the templates that come with the program, compiled once."""
    return Letters(settings())


def of_product(
    locale: str | None = None, quantity: int = 500, **product: str | float | None
) -> bytes:
    """Return a notification of a product with these fields."""
    sample = read_notification(SINGLE[0])
    changed = msgspec.structs.replace(
        sample,
        product=Product(**product),  # type: ignore[arg-type]
        locale=locale,
        quantity=quantity,
    )
    return msgspec.json.encode(changed)


class Page(HTMLParser):
    """Collects what a page links to and shows, and checks that it is well nested."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.language: str | None = None
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert [] == self._open

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert len(values) == len(attrs), "an attribute is there twice"
        self.tags.append(tag)
        if tag == "html":
            self.language = values["lang"]
        if tag == "a":
            self.links.append(values["href"] or "")
        if tag == "img":
            self.images.append(values)
        if tag not in {"img", "meta", "br"}:
            self._open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.pop()

    @override
    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        """All that can be read."""
        return " ".join(" ".join(self.texts).split())


EVERY = [
    (template, locale, notifications)
    for template in ("back_in_stock", "reminder")
    for locale in ("en", "sv-SE")
    for notifications in (SINGLE, BARE, DIGEST)
]


@pytest.mark.parametrize(("template", "locale", "notifications"), EVERY)
def test_each_template_in_each_language(
    template: str, locale: str, notifications: tuple[bytes, ...]
) -> None:
    """A whole page in one language, a text that says the same, and a subject of one line."""
    mail = preview(notifications, template, locale)
    page = Page(mail.html)
    assert locale[:2] == page.language
    assert 1 == len(mail.subject.splitlines())
    assert all(ord(character) >= 32 or character == "\n" for character in mail.text)
    for line in filter(None, (line.strip() for line in mail.text.splitlines())):
        label, separator, address = line.partition(": https://")
        if separator:
            assert f"https://{address}" in page.links
            assert label in page.text
        elif line != "--":
            assert " ".join(line.split()) in page.text
    assert ("Linen shirt" in mail.text) == (notifications != BARE)


def test_what_a_mail_of_one_product_shows() -> None:
    """Picture, name, variant, price with its currency, and the button twice."""
    page = Page(preview().html)
    # The picture is a link as well.
    assert 3 == page.links.count(PRODUCT)
    [image] = page.images
    assert ("https://example.com/images/linen-shirt.jpg", "Linen shirt") == (
        image["src"],
        image["alt"],
    )
    for text in ("Linen shirt", "White, M", "79.00 EUR", "Only 3 left", "Shop & Co"):
        assert text in page.text
    assert 2 == page.texts.count("Go to the product")


def test_a_digest_shows_every_product() -> None:
    """Each with its own button; the subject says how many."""
    mail = preview((*DIGEST, of_product(title="Red mug", url="https://example.com/mug")))
    page = Page(mail.html)
    assert mail.subject.startswith("3 products")
    assert "Red mug" in page.text
    assert "https://example.com/mug" in mail.text
    assert {PRODUCT, "https://example.com/mug"} < set(page.links)


def test_it_suits_small_and_dark_screens() -> None:
    """One column that shrinks, targets of some size, and both schemes of colours."""
    html = preview().html
    for needed in (
        'name="viewport"',
        '<meta name="color-scheme" content="light dark">',
        "@media (max-width: 620px)",
        "@media (prefers-color-scheme: dark)",
        'width="600"',
        'role="presentation"',
        "padding:14px 28px",
    ):
        assert needed in html


@pytest.mark.parametrize("template", ["back_in_stock", "reminder"])
@pytest.mark.parametrize(("quantity", "few"), [(10, True), (11, False), (0, False)])
def test_urgency_is_honest(template: str, quantity: int, few: bool) -> None:  # noqa: FBT001
    """Scarcity is told when it is so; not in a reminder, for the figure is a day old."""
    mail = preview((of_product(quantity=quantity),), template)
    said = few and template == "back_in_stock"
    assert said == ("Only 10 left" in mail.html)
    assert said == ("Only 10 left" in mail.text)
    assert said == (" left" in mail.text)


def test_no_link_to_unsubscribe_where_there_is_none() -> None:
    """Without the setting neither part promises one."""
    mail = render_preview(settings(unsubscribe=False), "back_in_stock", None, SINGLE, now=NOW)
    assert "Do not tell me" not in mail.html + mail.text
    assert "Do not tell me" in preview().html


@pytest.mark.parametrize(
    ("given", "language"),
    [
        ("sv-SE", "sv"),
        ("sv_SE", "sv"),
        ("SV", "sv"),
        ("sv-Latn-FI", "sv"),
        ("de-AT", "en"),
        ("", "en"),
        ("../sv", "en"),
        ("s\u00f6", "en"),
        (None, "en"),
    ],
)
def test_the_language_is_that_of_the_sign_up(given: str | None, language: str) -> None:
    """The most specific there is, else the one without a language."""
    assert language == Page(preview((of_product(given),)).html).language
    if given is not None:
        assert language == Page(preview(locale=given).html).language


def test_the_last_language_counts() -> None:
    """In a digest it is that of the latest sign-up that gave one."""
    notifications = (of_product("de"), of_product("sv"), of_product(None))
    assert "sv" == Page(preview(notifications).html).language


def test_single_files_can_be_replaced(tmp_path: Path) -> None:
    """The rest of the message, and the other messages, stay as they come."""
    (tmp_path / "back_in_stock.subject.txt").write_text("{{ event.ProductName }}, {{ step }}!\n")
    (tmp_path / "layout.txt").write_text("{% block intro %}{% endblock %}\n")
    (tmp_path / "notes.md").write_text("{{ not a template")
    mail = own(tmp_path)
    assert "Linen shirt, preview!" == mail.subject
    assert "You asked us to tell you when it returned. It is here again." == mail.text.strip()
    assert "Go to the product" in mail.html
    assert "Still in stock" in own(tmp_path, "reminder").subject


def test_more_specific_files_are_taken(tmp_path: Path) -> None:
    """Each of the three by itself, as long as they speak one language."""
    (tmp_path / "back_in_stock.sv-FI.subject.txt").write_text("Hej Finland")
    assert "Hej Finland" == own(tmp_path, locale="sv_fi").subject
    assert "Hej Finland" != own(tmp_path, locale="sv").subject
    assert "sv" == Page(own(tmp_path, locale="sv-FI").html).language


def test_a_message_of_the_shops_own(tmp_path: Path) -> None:
    """Any name will do for a step of the journey."""
    for part in ("subject.txt", "txt", "html"):
        (tmp_path / f"last_call.{part}").write_text("{{ event.ProductName }} {{ count }}")
    assert "Linen shirt 1" == own(tmp_path, "last_call").subject


@pytest.mark.parametrize(
    ("file", "content", "refusal"),
    [
        ("back_in_stock.html", "\n\n{{ prize }}", r"back_in_stock\.html:3: .*'prize' is undefined"),
        ("back_in_stock.txt", "a\n{{ event.Prize }}", r"stock\.txt:2: .*no attribute 'Prize'"),
        ("reminder.sv.html", "{{ items[0].x }}", r"reminder\.sv\.html:1: .*no attribute 'x'"),
        (
            "reminder.txt",
            "{% if count > 1 %}\n{{ oops }}{% endif %}",
            r"reminder\.txt:2: .*'oops' is undefined",
        ),
        (
            "layout.html",
            "\n{% if not unsubscribe_url %}{{ oops }}{% endif %}",
            r"layout\.html:2: .*'oops' is undefined",
        ),
        (
            "back_in_stock.txt",
            "{% for item in items %}{% if not item.ImageURL %}{{ oops }}{% endif %}{% endfor %}",
            r"stock\.txt:1: .*'oops' is undefined",
        ),
        ("back_in_stock.html", "{% if %}", r"back_in_stock\.html:1: .*error: Expected"),
        ("extra.html", "\n{% endfor %}", r"extra\.html:2: .*error: .*endfor"),
        ("back_in_stock.txt", "{{ 1 / 0 }}", r"back_in_stock\.txt:1: .*ZeroDivisionError"),
        ("back_in_stock.txt", "\n{% include 'no.txt' %}", r"stock\.txt:2: .*no\.txt"),
        ("back_in_stock.txt", "{{ ''.__class__.__mro__ }}", r"stock\.txt:1: .*unsafe"),
        ("back_in_stock.txt", "{{ items.clear() }}", r"back_in_stock\.txt:1: .*unsafe"),
        ("back_in_stock.txt", "{% for x in range(10**9) %}{% endfor %}", r"txt:1: .*Overflow"),
        ("back_in_stock.subject.txt", " \n ", r"subject\.txt gives an empty subject"),
        ("reminder.fr.html", "Bonjour", r"template reminder\.fr\.subject\.txt is missing"),
        ("only.subject.txt", "Subject", r"template only\.txt is missing"),
    ],
)
def test_a_bad_template_is_refused_at_the_start(
    tmp_path: Path, file: str, content: str, refusal: str
) -> None:
    """Even in a language or a branch that is seldom seen; the line names file and line."""
    (tmp_path / file).write_text(content)
    with pytest.raises(SinkError, match=refusal) as raised:
        own(tmp_path)
    assert 1 == len(str(raised.value).splitlines())


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """The line names it."""
    (tmp_path / "back_in_stock.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(SinkError, match=r"template back_in_stock\.txt cannot be read as UTF-8"):
        own(tmp_path)


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    """A setting with a slip of the pen does not send the wrong mails."""
    with pytest.raises(SinkError, match="is no directory"):
        own(tmp_path / "gone")


def test_a_preview_names_what_it_has_not() -> None:
    """Of a wrong name the line says which there are, of a wrong record what is wrong with it."""
    with pytest.raises(SinkError, match="no template 'first': use one of back_in_stock, reminder"):
        render_preview(settings(), "first", None, SINGLE, now=NOW)
    with pytest.raises(SinkError, match="no notification record"):
        render_preview(settings(), "reminder", None, [b"{}"], now=NOW)
    nobody = msgspec.json.decode(SINGLE[0]) | {"profile": {"id": "p"}}
    with pytest.raises(SinkError, match="no_address"):
        render_preview(settings(), "reminder", None, [msgspec.json.encode(nobody)], now=NOW)


def test_a_preview_is_the_mail() -> None:
    """With its headers, and the bytes that would be handed in."""
    shown = render_preview(settings(), "back_in_stock", "sv", SINGLE, now=NOW)
    assert preview(locale="sv").text == shown.text
    assert "someone@example.com" == shown.headers["To"]
    assert shown.subject == shown.headers["Subject"]
    assert shown.mail.startswith(b"From: Shop & Co <hello@shop.example.com>\r\n")


UNUSUAL: list[dict[str, str | float]] = [
    {"title": "<script>alert(1)</script>"},
    {"title": '"><img src=x onerror=alert(1)>', "image_url": "https://shop.example/x.jpg"},
    {"title": "Shirt\r\nBcc: evil@example.com\r\n\r\n<b>hello"},
    {"title": "{{ 7 * 7 }}{% raw %}"},
    {"title": "x" * 5000},
    {"title": "word " * 1000},
    {"title": "\u05d7\u05d5\u05dc\u05e6\u05d4 \u05db\u05d7\u05d5\u05dc\u05d4"},
    {"title": "\U0001f455\U0001f3fd \u2764\ufe0f\u200d\U0001f525"},
    {"title": "\u2028\u2029\u202e\0\x0b"},
    {"title": "100 % %s %d", "variant_title": "%n"},
    {"variant_title": "M", "price": 12.5, "currency": "EUR"},
    {"url": "javascript:alert(1)", "image_url": "javascript:alert(1)"},
    {"url": "data:text/html,x", "image_url": "data:image/svg+xml,x"},
    {"url": "https://shop.example/'\"><b>", "image_url": 'https://shop.example/"x'},
]


@pytest.mark.parametrize("product", UNUSUAL)
def test_unusual_products(product: dict[str, str | float]) -> None:
    """Whatever a catalogue holds, the mail is well formed and says nothing but text."""
    notification = of_product(None, 1, **product)
    usual = Page(preview((of_product(title="Shirt", quantity=1),)).html)
    for notifications in ((notification,), (notification, notification)):
        mail = preview(notifications)
        page = Page(mail.html)
        assert set(page.tags) <= {*usual.tags, "img", "p", "a"}
        assert 1 == len(mail.subject.splitlines())
        assert len(mail.subject) <= 150
        for address in [*page.links, *(image["src"] or "" for image in page.images)]:
            assert address.startswith("https://")
        assert "javascript:" not in mail.html + mail.text
        assert "data:" not in mail.html + mail.text
        assert "\r" not in mail.text


def test_a_title_is_text_not_markup() -> None:
    """In the page it is escaped, in the text and the subject it is as it was."""
    mail = preview((of_product(title="Tom & Jerry's <b>"),))
    assert "Tom & Jerry's <b> is back in stock" == mail.subject
    assert "Tom & Jerry's <b>" in mail.text
    assert "Tom &amp; Jerry&#39;s &lt;b&gt;" in mail.html
