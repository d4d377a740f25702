# SPDX-License-Identifier: Apache-2.0
"""The demo's SMTP server, spoken to by the sink that it is there for, and by rough clients."""

import asyncio
import smtplib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import pytest
from pydantic import SecretStr

from connectors.sinks.content import Person
from connectors.sinks.contract import Answer, Message, Resolution
from connectors.sinks.email import EmailSink
from connectors.sinks.email_settings import EmailSettings
from connectors.unsubscribe import UnsubscribeTokens
from restock.demo.received import UNSUBSCRIBE_URL, Received
from restock.demo.receivers import Receivers, listening
from tests.support.demo_runs import rehearse

SECRET = "s" * 32
TOKEN = UnsubscribeTokens(SECRET).seal(["v"], Person(id="A", email="a@example.com"))
HEADERS = {
    "Message-ID": "<n1.reminder@shop.example>",
    "List-Unsubscribe": f"<{UNSUBSCRIBE_URL}{TOKEN}>,\r\n <mailto:u@shop.example>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    """Both receivers, listening."""
    with listening("whsec_" + "A" * 44, SECRET) as found:
        yield found


def mail(headers: dict[str, str]) -> bytes:
    """A mail with these headers."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\nHi"


def sent(receivers: Receivers, content: bytes) -> Received:
    """What the server notes of a mail."""
    with smtplib.SMTP("127.0.0.1", receivers.mail_port, timeout=5) as client:
        client.sendmail("shop@shop.example", ["a@example.com"], content)
    return receivers.took[-1]


def test_the_mails_of_the_program_are_taken(receivers: Receivers) -> None:
    """A mail of the real sink has its id, and a link that says who it is for and about what."""
    note = rehearse().evidence.notifications[0].value or b""
    settings = EmailSettings(
        host="127.0.0.1", port=receivers.mail_port, security="none",
        from_address="Shop <shop@shop.example>",
        unsubscribe_url=UNSUBSCRIBE_URL, unsubscribe_secret=SecretStr(SECRET),
    )  # fmt: skip

    async def deliver() -> list[Answer]:
        sink = EmailSink(settings, partial(datetime.now, UTC), lambda: 0.0)
        await sink.open()
        message = Message("ab12", "EMAIL", "first", "back_in_stock", (note,))
        answers = await sink.send([message, message])
        await sink.close()
        return list(answers)

    assert [Answer(Resolution.SENT)] * 2 == asyncio.run(deliver())
    assert ["ab12"] * 2 == [message.id for message in receivers.took]
    assert all(message.sound and message.taken for message in receivers.took)
    assert receivers.took[0].variant_id.encode() in note
    assert receivers.took[0].profile["id"].encode() in note


def test_a_folded_header_is_read_whole(receivers: Receivers) -> None:
    """The link is found wherever the header's line is broken."""
    note = sent(receivers, mail(HEADERS))
    assert ("n1.reminder", "EMAIL", False) == (note.id, note.channel, note.is_first)
    assert ("v", {"id": "A", "email": "a@example.com"}) == (note.variant_id, note.profile)


@pytest.mark.parametrize(
    "changed",
    [
        {"List-Unsubscribe": "<mailto:u@shop.example>"},
        {"List-Unsubscribe": f"<https://elsewhere.example/u/{TOKEN}>"},
        {"List-Unsubscribe": f"<{UNSUBSCRIBE_URL}{TOKEN[:-4]}AAAA>"},
        {"List-Unsubscribe-Post": ""},
    ],
)
def test_a_mail_that_nobody_can_unsubscribe_by_is_not_sound(
    receivers: Receivers, changed: dict[str, str]
) -> None:
    """Both headers must be there, with a link to the shop whose token is its own."""
    note = sent(receivers, mail(HEADERS | changed))
    assert (True, False, "") == (note.taken, note.sound, note.variant_id)


def test_commands_out_of_order_are_refused(receivers: Receivers) -> None:
    """Mail needs a sender, then a recipient; unknown commands are refused; RSET forgets."""
    with smtplib.SMTP("127.0.0.1", receivers.mail_port, timeout=5) as client:
        client.ehlo()
        assert [503, 503, 502] == [
            client.docmd(line)[0] for line in ("RCPT TO:<a@b.example>", "DATA", "VRFY a")
        ]
        assert 250 == client.mail("shop@shop.example")[0]
        assert 503 == client.mail("shop@shop.example")[0]
        assert [250, 250] == [client.rset()[0], client.noop()[0]]
        assert 503 == client.rcpt("a@b.example")[0]
    assert not receivers.took


def test_half_a_mail_is_none(receivers: Receivers) -> None:
    """A client that leaves in the middle leaves no note, and the next one is served."""
    with socket.create_connection(("127.0.0.1", receivers.mail_port), 5) as client:
        client.sendall(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\nSubject: x\r\n")
    assert "n1.reminder" == sent(receivers, mail(HEADERS)).id
    assert 1 == len(receivers.took)
