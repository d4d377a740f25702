# SPDX-License-Identifier: Apache-2.0
"""The sink `email`: encrypted, logged in, on connections that are kept."""

import asyncio
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from connectors.errors import SinkError
from connectors.sinks.contract import Message, Resolution
from connectors.sinks.testing import sample_message
from tests.support.mail_server import (
    SENT,
    Clock,
    MailServer,
    Manners,
    against,
    one,
    opened,
    self_signed,
)

RETRY, FINAL = Resolution.RETRY, Resolution.FINAL
LOGIN = ("shop", "p4ssword")


def changed(number: int = 0, **fields: object) -> Message:
    """Return a message whose record has some fields changed."""
    message = sample_message(number)
    record = msgspec.json.decode(message.notifications[0]) | fields
    return replace(message, notifications=(msgspec.json.encode(record),))


def to(address: str) -> Message:
    """Return a message to an address."""
    return changed(profile={"email": address})


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_encrypted_and_logged_in(tmp_path: Path, security: str) -> None:
    """By STARTTLS or from the first byte on, with a certificate that is trusted by a file."""
    tls, trusted = self_signed(tmp_path)

    async def claim(server: MailServer) -> None:
        async with opened(
            server.port, security=security, ca_file=trusted, user=LOGIN[0], password=LOGIN[1]
        ) as sink:
            assert [SENT, SENT] == await sink.send([sample_message(0), sample_message(1)])
        assert {f"customer-{number}@example.com" for number in range(2)} == set(server.recipients)
        assert server.encrypted
        assert {LOGIN} == set(server.logins)

    against(claim, Manners(tls=tls, implicit=security == "tls", login=LOGIN))


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(("days", "known"), [(1, False), (-1, True)])
def test_a_certificate_that_is_not_valid(
    tmp_path: Path,
    security: str,
    days: int,
    known: bool,  # noqa: FBT001
) -> None:
    """Unknown or expired, it is not trusted; mail waits until somebody has renewed it."""
    tls, trusted = self_signed(tmp_path, days)

    async def claim(server: MailServer) -> None:
        ca_file = trusted if known else None
        async with opened(server.port, security=security, ca_file=ca_file) as sink:
            answer = await one(sink, sample_message(0))
        assert (Resolution.RETRY, "certificate") == (answer.resolution, answer.reason)
        assert [] == server.contents

    against(claim, Manners(tls=tls, implicit=security == "tls"))


def test_never_in_the_clear_instead() -> None:
    """A server that does not offer STARTTLS gets neither mail nor password."""

    async def claim(server: MailServer) -> None:
        async with opened(
            server.port, security="starttls", user=LOGIN[0], password=LOGIN[1]
        ) as sink:
            answer = await one(sink, sample_message(0))
        assert (Resolution.RETRY, "tls") == (answer.resolution, answer.reason)
        assert [] == server.contents

    against(claim)


def test_a_wrong_password_loses_no_mail(tmp_path: Path) -> None:
    """It is tried again, and its reason is for somebody to see; so is a login nobody asked for."""
    tls, trusted = self_signed(tmp_path)

    async def claim(server: MailServer) -> None:
        async with opened(
            server.port, security="starttls", ca_file=trusted, user=LOGIN[0], password="wr0ng"
        ) as sink:
            answer = await one(sink, sample_message(0))
        assert (Resolution.RETRY, "authentication") == (answer.resolution, answer.reason)
        assert "wr0ng" not in answer.detail
        assert [] == server.contents
        async with opened(server.port, security="starttls", ca_file=trusted) as sink:
            answer = await one(sink, sample_message(0))
        assert (Resolution.RETRY, "authentication") == (answer.resolution, answer.reason)

    against(claim, Manners(tls=tls, login=LOGIN))


def test_a_server_without_login() -> None:
    """Where a login is set and none is offered, no mail goes without."""

    async def claim(server: MailServer) -> None:
        async with opened(server.port, user=LOGIN[0], password=LOGIN[1]) as sink:
            answer = await one(sink, sample_message(0))
        assert (Resolution.RETRY, "authentication") == (answer.resolution, answer.reason)

    against(claim)


def test_a_connection_is_kept() -> None:
    """Mail after mail goes through the same one, and no more are open than are needed."""

    async def claim(server: MailServer) -> None:
        async with opened(server.port, connections=4) as sink:
            for number in range(5):
                assert SENT == await one(sink, sample_message(number))
            assert 1 == server.accepted
            calls = [sink.send([sample_message(n) for n in range(5)]) for _ in range(4)]
            assert [[SENT] * 5] * 4 == await asyncio.gather(*calls)
            assert 4 == server.accepted

    against(claim)


def test_a_connection_has_an_end() -> None:
    """After so many mails it is replaced, with a goodbye."""

    async def claim(server: MailServer) -> None:
        async with opened(server.port, connections=1, messages_per_connection=2) as sink:
            assert [SENT] * 5 == await sink.send([sample_message(n) for n in range(5)])
        assert 3 == server.accepted

    against(claim)


def test_an_idle_connection_is_replaced() -> None:
    """Routers forget connections without a word: what was idle for long is not trusted."""

    async def claim(server: MailServer) -> None:
        clock = Clock()
        async with opened(server.port, clock, connections=1, idle_timeout="30s") as sink:
            await one(sink, sample_message(0))
            clock.now += 30
            await one(sink, sample_message(1))
            assert 1 == server.accepted
            clock.now += 30.1
            await one(sink, sample_message(2))
            assert 2 == server.accepted
        assert 3 == len(server.recipients)

    against(claim)


@pytest.mark.parametrize("politely", [True, False])
def test_a_connection_that_the_server_closed_meanwhile(politely: bool) -> None:  # noqa: FBT001
    """No mail was begun on it, so it is replaced at once, and the mail is sent."""

    async def claim(server: MailServer) -> None:
        async with opened(server.port, connections=1) as sink:
            await one(sink, sample_message(0))
            if politely:
                server.once = True
                server.replies["MAIL"] = "421 4.4.2 idle for too long"
            else:
                await server.hang_up()
            assert SENT == await one(sink, sample_message(1))
        assert (2, 2) == (server.accepted, len(server.recipients))

    against(claim)


def test_an_address_beyond_ascii() -> None:
    """It needs a server that knows SMTPUTF8; one that does not will not learn it."""

    async def claim(server: MailServer) -> None:
        async with opened(server.port, connections=1) as sink:
            answer = await one(sink, to("\u00e5sa@example.com"))
            if server.manners.international:
                assert SENT == answer
                assert "\u00e5sa@example.com" in server.recipients
                assert b"To: \xc3\xa5sa@example.com\r\n" in server.contents[0]
            else:
                assert (FINAL, "smtputf8_unsupported") == (answer.resolution, answer.reason)
            assert SENT == await one(sink, sample_message(0))
        assert 1 == server.accepted

    against(claim)
    against(claim, Manners(international=True))


@pytest.mark.parametrize(
    ("message", "resolution", "reason"),
    [
        (to("ann@example.com\r\nBcc: eve@example.com"), FINAL, "invalid_address"),
        (to("ann"), FINAL, "invalid_address"),
        (changed(profile={"id": "p"}), FINAL, "no_address"),
        (replace(sample_message(0), notifications=(b"{}",)), FINAL, "invalid_notification"),
        (replace(sample_message(0), notifications=(b"\xff",)), FINAL, "invalid_notification"),
        (replace(sample_message(0), template="frist"), RETRY, "unknown_template"),
    ],
)
def test_what_never_reaches_a_server(message: Message, resolution: Resolution, reason: str) -> None:
    """A record's or a person's fault is final; one of the settings is not."""

    async def claim(server: MailServer) -> None:
        async with opened(server.port) as sink:
            answer = await one(sink, message)
        assert (resolution, reason) == (answer.resolution, answer.reason)
        assert 0 == server.accepted

    against(claim)


def test_nothing_of_a_product_becomes_a_header() -> None:
    """Whatever the title holds, there is one recipient, and the headers are ours."""

    async def claim(server: MailServer) -> None:
        evil = "Shirt\r\nBcc: eve@example.com\r\n\r\n.\r\nMAIL FROM:<eve@example.com>\0\u2028"
        product = {"title": evil, "variant_title": evil, "url": evil, "currency": evil, "price": 1}
        async with opened(server.port, shop_name="Shop") as sink:
            assert SENT == await one(sink, changed(product=product, variant_id=evil))
        [mail] = server.mails
        assert ["customer-0@example.com"] == server.recipients
        ours = "From To Subject Date Message-ID Auto-Submitted MIME-Version Content-Type"
        assert ours.split() == mail.keys()
        assert [] == mail.defects

    against(claim)


def test_a_digest_is_one_mail() -> None:
    """With the id of the message, telling of each notification."""

    async def claim(server: MailServer) -> None:
        records = [
            changed(variant_id=title, product={"title": title}).notifications[0]
            for title in ("Red mug", "Blue mug")
        ]
        async with opened(
            server.port,
            unsubscribe_url="https://shop.example.com/u/",
            unsubscribe_secret="s" * 32,
        ) as sink:
            message = replace(sample_message(5), notifications=tuple(records))
            assert SENT == await one(sink, message)
        [mail] = server.mails
        body = mail.get_body(("plain",))
        assert body is not None
        text = body.get_content()
        assert "Red mug" in text
        assert "Blue mug" in text
        assert [message.id] == server.ids
        assert "List-Unsubscribe=One-Click" == mail["List-Unsubscribe-Post"]

    against(claim)


def test_a_template_that_fails_on_a_value(tmp_path: Path) -> None:
    """What no sample showed is given up, with file and line, and holds up nobody else."""
    (tmp_path / "back_in_stock.txt").write_text("\n{{ 1 / (event.Quantity - 7) }}")

    async def claim(server: MailServer) -> None:
        async with opened(server.port, templates=tmp_path) as sink:
            answer = await one(sink, changed(quantity=7))
            assert (FINAL, "template_error") == (answer.resolution, answer.reason)
            assert "back_in_stock.txt:2" in answer.detail
            assert SENT == await one(sink, changed(quantity=8))

    against(claim)


def test_what_cannot_work_is_said_at_the_start(tmp_path: Path) -> None:
    """A template or a file of certificates, in a line that names it."""
    (tmp_path / "reminder.html").write_text("{{ oops }}")
    wrong = tmp_path / "certificates.pem"

    async def run(refusal: str, **changes: Path) -> None:
        with pytest.raises(SinkError, match=refusal):
            async with opened(1, None, **changes):
                pytest.fail("it opened")

    asyncio.run(run(r"reminder\.html:1: .*'oops' is undefined", templates=tmp_path))
    asyncio.run(run(r"certificates\.pem holds no certificates", ca_file=wrong))
    wrong.write_text("nothing")
    asyncio.run(run(r"certificates\.pem holds no certificates", ca_file=wrong))


def test_templates_are_known_once_it_is_open() -> None:
    """So that a journey's steps can be held against them; a closed sink answers all the same."""

    async def claim(server: MailServer) -> None:
        async with opened(server.port) as sink:
            assert {"back_in_stock", "reminder"} == sink.template_names
        answer = await one(sink, sample_message(0))
        assert (RETRY, "closed") == (answer.resolution, answer.reason)

    against(claim)
