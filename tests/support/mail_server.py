# SPDX-License-Identifier: Apache-2.0
"""A mail server in the event loop of a test, with faults on demand, and sinks that send to it."""

import asyncio
import contextlib
import email
import email.policy
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from typing_extensions import override

from connectors.sinks.contract import Answer, Message, Resolution
from connectors.sinks.email import EmailSink
from connectors.sinks.email_settings import EmailSettings
from connectors.sinks.testing import Behaviour

__all__ = [
    "SENT",
    "Clock",
    "MailServer",
    "Manners",
    "against",
    "mail_server",
    "one",
    "opened",
    "self_signed",
]

SENT: Final = Answer(Resolution.SENT)

_NOW: Final = datetime(2026, 11, 20, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Manners:
    """How a server is set up.

    Attributes:
        tls: its certificate; None: it speaks in the clear only.
        implicit: TLS from the first byte on, not by STARTTLS.
        login: the only name and password that it lets in; None: everybody.
        international: whether it knows SMTPUTF8.
    """

    tls: ssl.SSLContext | None = None
    implicit: bool = False
    login: tuple[str, str] | None = None
    international: bool = False


@dataclass  # no slots: aiosmtpd looks at all members, which Python 3.11.2 cannot bear
class MailServer:
    """What came, and what is answered; everything may be changed while it runs.

    Attributes:
        port: on 127.0.0.1.
        manners: how it was set up.
        sessions: those that are open.
        accepted: how many connections were opened so far.
        encrypted: whether every mail came through TLS.
        logins: names and passwords that were offered.
        recipients: of every mail that was handed in whole, in their order.
        contents: of the same.
        replies: for a recipient's address or a command ("MAIL", "DATA", "RSET", "NOOP"), instead
            of acceptance; "421 .." closes the connection as well.
        once: whether a reply is given but once.
    """

    manners: Manners
    port: int = 0
    sessions: set["_Session"] = field(default_factory=set)
    accepted: int = 0
    encrypted: bool = True
    logins: list[tuple[str, str]] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    once: bool = False
    _behaviour: Behaviour = Behaviour.ACCEPT
    _before: Behaviour = Behaviour.ACCEPT
    _times: int | None = None

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self.sessions)

    @property
    def mails(self) -> list[EmailMessage]:
        """What was handed in, read by the standard library."""
        policy = email.policy.default
        return [email.message_from_bytes(content, policy=policy) for content in self.contents]

    @property
    def ids(self) -> list[str]:
        """The local parts of their `Message-ID`."""
        return [str(mail["Message-ID"]).partition("@")[0].strip("<") for mail in self.mails]

    def behave(self, behaviour: Behaviour, *, times: int | None = None) -> None:
        """Treat whole mails so, as `connectors.sinks.testing.Receiver` says."""
        if times is not None:
            self._before = self._behaviour
        self._behaviour, self._times = behaviour, times

    async def hang_up(self) -> None:
        """Close every connection without a word."""
        for session in list(self.sessions):
            if session.transport is not None:
                session.transport.close()
        while self.sessions:  # noqa: ASYNC110 - nobody tells when the last is gone
            await asyncio.sleep(0.001)

    async def handle_MAIL(  # noqa: N802 - as the library wants it
        self, server: SMTP, _: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer to a sender."""
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return await self._reply(server, "MAIL") or "250 OK"

    async def handle_RCPT(  # noqa: N802 - as above
        self, server: SMTP, _: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer to a recipient."""
        if reply := await self._reply(server, address):
            return reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802
        """Answer to a mail."""
        assert isinstance(envelope.content, bytes)
        assert server.transport is not None
        self.encrypted &= server.transport.get_extra_info("cipher") is not None
        self.contents.append(envelope.content)
        self.recipients.extend(envelope.rcpt_tos)
        behaviour = self._next()
        if behaviour is Behaviour.CUT:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.write(b"25")
            server.transport.close()
        if behaviour in {Behaviour.CUT, Behaviour.STALL}:
            # Until the connection is lost.
            await asyncio.Event().wait()
        return await self._reply(server, "DATA") or _ANSWERS[behaviour]

    async def handle_RSET(self, server: SMTP, *_: object) -> str:  # noqa: N802 - as above
        """Answer to a mail that is given up."""
        return await self._reply(server, "RSET") or "250 OK"

    def _next(self) -> Behaviour:
        behaviour = self._behaviour
        if self._times is not None:
            self._times -= 1
            if not self._times:
                self._behaviour, self._times = self._before, None
        return behaviour

    async def _reply(self, server: SMTP, what: str) -> str | None:
        reply = self.replies.pop(what, None) if self.once else self.replies.get(what)
        if reply is not None and reply.startswith("421"):
            await server.push(reply)
            assert server.transport is not None
            server.transport.close()
            await asyncio.Event().wait()
        return reply

    def let_in(self, *attempt: Any) -> AuthResult:  # noqa: ANN401 - as the library calls it
        """Answer to a login."""
        offered = attempt[-1]
        assert isinstance(offered, LoginPassword)
        login = (offered.login.decode(), offered.password.decode())
        self.logins.append(login)
        return AuthResult(success=login == self.manners.login, handled=False)


_ANSWERS: Mapping[Behaviour, str] = {
    Behaviour.ACCEPT: "250 OK",
    Behaviour.FAIL: "451 4.3.0 not now, customer-0@example.com",
    Behaviour.REFUSE: "554 5.7.1 never, customer-0@example.com",
    Behaviour.GARBAGE: "what\x07ever",
}


class _Session(SMTP):
    """A connection that is counted."""

    def __init__(self, server: MailServer) -> None:
        manners = server.manners
        super().__init__(
            server,
            hostname="localhost",
            tls_context=None if manners.implicit else manners.tls,
            enable_SMTPUTF8=manners.international,
            # The library knows only of TLS that was begun by STARTTLS.
            auth_required=manners.login is not None and not manners.implicit,
            auth_require_tls=not manners.implicit,
            authenticator=server.let_in if manners.login else None,
            loop=asyncio.get_running_loop(),
        )
        self._server = server

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self not in self._server.sessions:
            self._server.sessions.add(self)
            self._server.accepted += 1
        super().connection_made(transport)

    @override
    def connection_lost(self, error: Exception | None) -> None:
        self._server.sessions.discard(self)
        super().connection_lost(error)


@contextlib.asynccontextmanager
async def mail_server(manners: Manners | None = None) -> AsyncIterator[MailServer]:
    """Serve on a port of 127.0.0.1 that was free."""
    server = MailServer(manners or Manners())
    tls = server.manners.tls if server.manners.implicit else None
    listening = await asyncio.get_running_loop().create_server(
        lambda: _Session(server), "127.0.0.1", 0, ssl=tls
    )
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.hang_up()


class Clock:
    """A clock that stands still unless it is set."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time that was set."""
        return self.now


@contextlib.asynccontextmanager
async def opened(
    port: int, clock: Clock | None = None, **changes: object
) -> AsyncIterator[EmailSink]:
    """Open a sink with settings for the server, some of them changed, and close it again."""
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "from_address": "Shop <hello@shop.example.com>",
        "ehlo_name": "localhost",
        "timeout": "5s",
        **changes,
    }
    sink = EmailSink(EmailSettings.model_validate(settings), lambda: _NOW, clock or Clock())
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


async def one(sink: EmailSink, message: Message) -> Answer:
    """Send one message."""
    [answer] = await sink.send([message])
    return answer


def against(claim: Callable[[MailServer], Awaitable[None]], manners: Manners | None = None) -> None:
    """Run a claim against a mail server."""

    async def run() -> None:
        async with mail_server(manners) as server:
            await claim(server)

    asyncio.run(run())


def self_signed(directory: Path, days: int = 1) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate of 127.0.0.1, valid for some days, or expired for days below 0.

    Returns:
        The server's side, and the file by which a client trusts it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail server of a test")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    trusted = directory / "certificate.pem"
    trusted.write_bytes(certificate.public_bytes(Encoding.PEM))
    secret = directory / "key.pem"
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, secret)
    return context, trusted
