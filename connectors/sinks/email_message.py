# SPDX-License-Identifier: Apache-2.0
"""A mail as bytes: headers (RFC 5322), and the same content as text and as HTML (RFC 2046).

Written here rather than by `email.message`, which takes longer for it than the server does, and
tears addresses apart that are longer than a line, such as those of `List-Unsubscribe`.
"""

import re
from binascii import b2a_qp
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr
from functools import lru_cache
from hashlib import sha256
from typing import Final

from email_validator import EmailNotValidError, validate_email

from connectors.sinks.content import Person
from connectors.sinks.email_settings import EmailSettings, mailbox
from connectors.sinks.email_templates import Rendered

__all__ = ["Headers", "Recipient", "Unusable", "mail_bytes", "recipient_of"]

_PADDING: Final = "\t\n\v\f\r "
"""What is left out around an address when people are told apart (docs/semantics.md section 1)."""

_LONGEST_LINE: Final = 998
"""Characters of a header's line (RFC 5322, section 2.1.1)."""

_SHORT_LINE: Final = 76
_ENCODED_WORD: Final = "=?"
_ATOMS: Final = re.compile(r"(?=.{1,200}$)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


class Unusable(Exception):  # noqa: N818 - it is about the person, not an error of ours
    """No mail can be sent to this person.

    Attributes:
        reason: "no_address" or "invalid_address".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where a mail goes.

    Attributes:
        address: ASCII, unless `international`.
        international: it can only be reached with SMTPUTF8 (RFC 6531).
    """

    address: str
    international: bool


_PLAIN: Final = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:\.[A-Za-z0-9_+-]{1,31})?@([a-z0-9.-]{1,120})")
"""Addresses of which only the domain needs to be looked at."""


def recipient_of(person: Person) -> Recipient:
    """Read a person's address; whether its domain takes mail is not asked.

    Raises:
        Unusable: there is none, or what is given cannot be one.
    """
    if person.email is None:
        raise Unusable("no_address")
    address = person.email.strip(_PADDING)
    plain = _PLAIN.fullmatch(address)
    if plain is not None and _is_domain(plain[1]):
        return Recipient(address, international=False)
    try:
        checked = validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        raise Unusable("invalid_address") from None
    return Recipient(checked.ascii_email or checked.normalized, checked.ascii_email is None)


@lru_cache(maxsize=4_096)
def _is_domain(name: str) -> bool:
    """Whether it is a domain as it stands; asked for nearly every mail, and mostly of a few."""
    try:
        return validate_email(f"a@{name}", check_deliverability=False).ascii_domain == name
    except EmailNotValidError:
        return False


class Headers:
    """Makes the headers of every mail of a shop.

    Args:
        settings: who sends, and how people may unsubscribe.
    """

    def __init__(self, settings: EmailSettings) -> None:
        _, self.sender, self._domain = mailbox(settings.from_address)
        self._own = {"From": _address(settings.from_address)}
        if settings.reply_to is not None:
            self._own["Reply-To"] = _address(settings.reply_to)
        self._mailto = ""
        if settings.unsubscribe_mailto is not None:
            address = mailbox(settings.unsubscribe_mailto)[1]
            self._mailto = f"<mailto:{address}?subject=unsubscribe>"

    def of(
        self,
        message_id: str,
        recipient: Recipient,
        subject: str,
        link: str,
        now: datetime,
    ) -> dict[str, str]:
        """Make the headers of a mail, in the order in which they are written.

        Args:
            message_id: of the message; the `Message-ID` is the same at every attempt.
            recipient: where it goes.
            subject: one line.
            link: the address that unsubscribes by a POST; empty when there is none.
            now: aware.
        """
        unsubscribe = self._unsubscribe(link)
        return {
            **self._own,
            "To": recipient.address,
            "Subject": subject,
            "Date": format_datetime(now),
            "Message-ID": f"<{_atoms(message_id)}@{self._domain}>",
            # RFC 3834, section 5: no answering machine is to answer.
            "Auto-Submitted": "auto-generated",
            **unsubscribe,
        }

    def _unsubscribe(self, link: str) -> dict[str, str]:
        # A digest of very many products has a link that no header can hold; its body has it.
        one_click = f"<{link}>" if link and len(link) < _LONGEST_LINE - 30 else ""
        ways = ", ".join(filter(None, [one_click, self._mailto]))
        headers = {"List-Unsubscribe": ways} if ways else {}
        if one_click:
            # RFC 8058, section 3.1.
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return headers


def mail_bytes(headers: Mapping[str, str], content: Rendered) -> bytes:
    """Write a mail with CRLF at the ends of lines; the body is ASCII.

    Args:
        headers: as `Headers.of` makes them; only `To` may be other than ASCII as it is written.
        content: of the body.
    """
    # No quoted-printable text holds "=_" (RFC 2045, section 6.7), so no part ends by accident.
    boundary = f"=_{sha256(headers['Message-ID'].encode()).hexdigest()[:32]}"
    lines = [
        *(_header(name, value) for name, value in headers.items()),
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "",
    ]
    return b"\r\n".join(
        [
            "\r\n".join(lines).encode(),
            *_part(boundary, "plain", content.text),
            *_part(boundary, "html", content.html),
            f"--{boundary}--".encode(),
            b"",
        ]
    )


def _part(boundary: str, kind: str, text: str) -> tuple[bytes, bytes]:
    head = (
        f"--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
    )
    lines = text.rstrip().replace("\r\n", "\n").replace("\r", "\n")
    body = lines.replace("\n", "\r\n") + "\r\n"
    return head.encode(), b2a_qp(body.encode(errors="replace"))


def _header(name: str, value: str) -> str:
    if name == "Subject":
        return f"{name}: {_unstructured(name, value)}"
    if name == "List-Unsubscribe":
        value = value.replace(", ", ",\r\n ")
    return f"{name}: {value}"


def _unstructured(name: str, text: str) -> str:
    """Encode and fold free text (RFC 2047); what only looks encoded is encoded as well."""
    if text.isascii() and _ENCODED_WORD not in text:
        room = _SHORT_LINE - len(name)
        if len(text) < room:
            return text
        if all(len(word) < room for word in text.split(" ")):
            return Header(text, header_name=name).encode(linesep="\r\n")
    return Header(text, "utf-8", header_name=name).encode(linesep="\r\n")


def _address(text: str) -> str:
    name, address, _ = mailbox(text)
    if name.isascii():
        return formataddr((name, address))
    return f"{_unstructured('From', name)} <{address}>"


def _atoms(message_id: str) -> str:
    """Return an id as it is where a Message-ID may hold it, else its fingerprint."""
    if _ATOMS.fullmatch(message_id):
        return message_id
    return sha256(message_id.encode(errors="replace")).hexdigest()
