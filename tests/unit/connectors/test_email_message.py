# SPDX-License-Identifier: Apache-2.0
"""A mail as bytes: read again by the standard library, it says what was meant, and no more."""

import email
import email.policy
import re
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from connectors.sinks.content import Person
from connectors.sinks.email_message import Headers, Recipient, Unusable, mail_bytes, recipient_of
from connectors.sinks.email_settings import EmailSettings
from connectors.sinks.email_templates import Rendered

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
ANN = Recipient("ann@example.com", international=False)
LINK = "https://shop.example.com/u/" + "t" * 300


def headers(
    subject: str = "Shirt is back",
    *,
    sender: str = "Shop <hello@shop.example.com>",
    identifier: str = "a1",
    link: str = "",
    **settings: str,
) -> dict[str, str]:
    """Return the headers of a mail to Ann."""
    made = Headers(
        EmailSettings.model_validate(
            {"host": "127.0.0.1", "security": "none", "from_address": sender, **settings}
        )
    )
    return made.of(identifier, ANN, subject, link, NOW)


def written(head: dict[str, str], text: str = "text\n", html: str = "<p>html</p>\n") -> bytes:
    """Return the bytes of a mail."""
    return mail_bytes(head, Rendered(head["Subject"], text, html))


def read(mail: bytes) -> EmailMessage:
    """Read a mail as a mail program does; it has no defects."""
    message = email.message_from_bytes(mail, policy=email.policy.default)
    for part in message.walk():
        assert [] == part.defects
    return message


def test_who_what_and_when() -> None:
    """The headers that every mail has."""
    mail = read(written(headers(reply_to="Help <help@shop.example.com>")))
    assert {
        "From": "Shop <hello@shop.example.com>",
        "Reply-To": "Help <help@shop.example.com>",
        "To": "ann@example.com",
        "Subject": "Shirt is back",
        "Date": "Fri, 20 Nov 2026 10:00:00 +0000",
        "Message-ID": "<a1@shop.example.com>",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
    }.items() <= dict(mail.items()).items()
    assert "multipart/alternative" == mail.get_content_type()


def test_both_parts_say_what_was_rendered() -> None:
    """Text first, since of alternatives the last is the best (RFC 2046, section 5.1.4)."""
    text = "R\u00f6d tr\u00f6ja \U0001f455\n\n.\nFrom here\n-- \n" + "x" * 2000 + "\n=20 --=_\n"
    html = "<p>r\u00f6d</p>\r\n<p>" + "\u05d7" * 500 + "</p>\n"
    mail = written(headers(), text, html)
    plain, page = read(mail).iter_parts()
    assert isinstance(plain, EmailMessage)
    assert isinstance(page, EmailMessage)
    assert ["text/plain", "text/html"] == [plain.get_content_type(), page.get_content_type()]
    assert text == plain.get_content().replace("\r\n", "\n")
    assert html.replace("\r\n", "\n") == page.get_content().replace("\r\n", "\n")
    assert mail.isascii()
    assert all(len(line) <= 78 for line in mail.partition(b"\r\n\r\n")[2].split(b"\r\n"))


def test_lines_end_as_the_protocol_wants() -> None:
    """By CRLF, each and every one."""
    mail = written(headers("\u00e5" * 100), "a\nb\rc\r\nd", "e\n")
    assert mail.endswith(b"\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", mail)


@pytest.mark.parametrize(
    "subject",
    [
        "Shirt",
        "R\u00f6d tr\u00f6ja",
        "\U0001f455" * 70,
        "\u05d7\u05d5\u05dc\u05e6\u05d4 " * 20,
        "word " * 29 + "end",
        "x" * 150,
        "=?utf-8?q?Bcc=3A_evil=40example=2Ecom?=",
        'a: b, <c@d> (e); "f"',
    ],
)
def test_a_subject_arrives_as_it_was(subject: str) -> None:
    """Encoded and folded where it must be (RFC 2047), in lines that every server takes."""
    mail = written(headers(subject.strip()))
    assert subject.strip() == read(mail)["Subject"]
    head = mail.partition(b"\r\n\r\n")[0].split(b"\r\n")
    words = [line for line in head if b"=?" in line]
    assert all(len(line) <= 78 for line in words)


@pytest.mark.parametrize("name", ["Shop", "\u00d6 Shop", 'Shop, Inc. "x"', "\u00f6" * 80])
def test_a_senders_name_arrives_as_it_was(name: str) -> None:
    """Quoted or encoded where it must be."""
    quoted = name.replace('"', '\\"')
    sender = headers(sender=f'"{quoted}" <hello@shop.example.com>')
    # The parser of addresses keeps the space between encoded words (RFC 2047, section 6.2).
    raw = email.message_from_bytes(written(sender), policy=email.policy.compat32)["From"]
    phrase, address = parseaddr("".join(raw.splitlines()))
    assert (name, "hello@shop.example.com") == (str(make_header(decode_header(phrase))), address)


def test_the_id_is_the_same_at_every_attempt() -> None:
    """And where a `Message-ID` could not hold it, its fingerprint."""
    assert (
        "<0f.reminder.sms@shop.example.com>" == headers(identifier="0f.reminder.sms")["Message-ID"]
    )
    for identifier in ("a>\r\nBcc: x@example.com", "a b", "", "\u00e5", ".a", "a" * 500, "\ud800"):
        made = headers(identifier=identifier)["Message-ID"]
        assert re.fullmatch(r"<[0-9a-f]{64}@shop\.example\.com>", made)
        assert made == headers(identifier=identifier)["Message-ID"]


def test_one_click_to_unsubscribe() -> None:
    """Both headers of RFC 8058, and the address to write to, whole however long the link is."""
    mail = written(headers(link=LINK, unsubscribe_mailto="bye@shop.example.com"))
    message = read(mail)
    expected = f"<{LINK}>, <mailto:bye@shop.example.com?subject=unsubscribe>"
    assert expected == message["List-Unsubscribe"]
    assert f"<{LINK}>,\r\n <mailto:".encode() in mail
    assert "List-Unsubscribe=One-Click" == message["List-Unsubscribe-Post"]


def test_without_a_link_there_is_no_one_click() -> None:
    """An address to write to is no page that answers; with neither there is no header at all."""
    by_mail = headers(unsubscribe_mailto="bye@shop.example.com")
    assert "<mailto:bye@shop.example.com?subject=unsubscribe>" == by_mail["List-Unsubscribe"]
    assert "List-Unsubscribe-Post" not in by_mail
    assert not [name for name in headers() if name.startswith("List")]


def test_a_link_that_no_line_holds_is_left_out() -> None:
    """No server would take the mail (RFC 5322, section 2.1.1); the body still has it."""
    assert "List-Unsubscribe" not in headers(link="https://x.example/" + "t" * 1000)
    mail = written(headers(link="https://x.example/" + "t" * 940))
    assert max(len(line) for line in mail.split(b"\r\n")) in range(900, 999)


@pytest.mark.parametrize(
    ("given", "address", "international"),
    [
        ("ann@example.com", "ann@example.com", False),
        (" Ann.B+c@Example.COM\n", "Ann.B+c@example.com", False),
        ("ann@r\u00e4ksm\u00f6rg\u00e5s.se", "ann@xn--rksmrgs-5wao1o.se", False),
        ("\u00e5sa@example.com", "\u00e5sa@example.com", True),
    ],
)
def test_an_address_is_made_fit(given: str, address: str, international: bool) -> None:  # noqa: FBT001
    """Its domain as the net spells it; only a local part beyond ASCII needs more of a server."""
    expected = Recipient(address, international=international)
    assert expected == recipient_of(Person(email=given))


@pytest.mark.parametrize(
    "given",
    [
        "ann",
        "ann@",
        "@example.com",
        "ann@example",
        "ann@example.com, eve@example.com",
        "ann@example.com\r\nBcc: eve@example.com",
        "ann@example.com>\r\nRCPT TO:<eve@example.com",
        "ann\n@example.com",
        "ann@exam\u2028ple.com",
        "ann\0@example.com",
        "Ann <ann@example.com>",
        "ann@[127.0.0.1]",
        "",
    ],
)
def test_what_is_no_address_is_unusable(given: str) -> None:
    """Nothing of it reaches a server."""
    with pytest.raises(Unusable) as raised:
        recipient_of(Person(email=given))
    assert "invalid_address" == raised.value.reason


def test_nobody_without_an_address() -> None:
    """That is another reason than a wrong one."""
    with pytest.raises(Unusable) as raised:
        recipient_of(Person(phone_number="+12015550100"))
    assert "no_address" == raised.value.reason


@given(st.from_regex(r"[A-Za-z0-9_+.-]{1,40}@[a-z0-9.-]{1,30}(\.com|\.test|)", fullmatch=True))
def test_plain_addresses_are_judged_as_by_the_library(address: str) -> None:
    """The quick way takes only what the library takes, and leaves it as the library would."""
    try:
        expected = validate_email(address, check_deliverability=False).ascii_email
    except EmailNotValidError:
        expected = None
    try:
        found = recipient_of(Person(email=address)).address
    except Unusable:
        found = None
    assert found == expected
