# SPDX-License-Identifier: Apache-2.0
"""An SMTP server, and how a connection to it is begun."""

import smtplib
import ssl
from dataclasses import dataclass

from typing_extensions import override

from connectors.sinks.email_answers import LoginMissing, NotSecured, Refused, Stage
from connectors.sinks.email_settings import Security

__all__ = ["Server", "connected", "refused"]


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in, and how.

    Attributes:
        host: name or address.
        port: of it.
        security: see `EmailSettings`.
        tls: how certificates are checked; not used without encryption.
        login: name and password; None: no login. Not shown.
        ehlo_name: by which this machine greets; None: its own.
        timeout: seconds that it may be silent.
        messages: as many mails go through one connection.
        idle: seconds after which a connection that was not used is replaced.
    """

    host: str
    port: int
    security: Security
    tls: ssl.SSLContext
    login: tuple[str, str] | None
    ehlo_name: str | None
    timeout: float
    messages: int
    idle: float

    @override
    def __repr__(self) -> str:
        return f"Server({self.host!r}, {self.port})"


def connected(server: Server) -> smtplib.SMTP:
    """Connect, encrypt as set, and log in.

    Raises:
        Refused: the server does not let us in.
        NotSecured: it offers no encryption.
        LoginMissing: it offers no way to log in that we know.
        smtplib.SMTPException: it does not speak SMTP as it must.
        OSError: it cannot be reached, fell silent, or its certificate is not valid.
        ValueError: it garbles what it says.
    """
    try:
        smtp = _greeted(server)
    except smtplib.SMTPConnectError as error:
        raise refused(Stage.CONNECT, error) from None
    try:
        _secure(smtp, server)
        _log_in(smtp, server)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _greeted(server: Server) -> smtplib.SMTP:
    if server.security == "tls":
        return smtplib.SMTP_SSL(
            server.host,
            server.port,
            local_hostname=server.ehlo_name,
            timeout=server.timeout,
            context=server.tls,
        )
    return smtplib.SMTP(
        server.host, server.port, local_hostname=server.ehlo_name, timeout=server.timeout
    )


def _secure(smtp: smtplib.SMTP, server: Server) -> None:
    try:
        smtp.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            # Whoever strikes the offer from the server's greeting must not get to see the mail.
            if not smtp.has_extn("starttls"):
                raise NotSecured
            smtp.starttls(context=server.tls)
            smtp.ehlo_or_helo_if_needed()
    except smtplib.SMTPResponseException as error:
        raise refused(Stage.CONNECT, error) from None


def _log_in(smtp: smtplib.SMTP, server: Server) -> None:
    if server.login is None:
        return
    try:
        smtp.login(*server.login)
    except smtplib.SMTPResponseException as error:
        raise refused(Stage.LOGIN, error) from None
    except smtplib.SMTPServerDisconnected:
        raise
    except smtplib.SMTPException:
        raise LoginMissing from None


def refused(stage: Stage, error: smtplib.SMTPResponseException) -> Refused:
    """Make what a server answered the answer at a stage."""
    text = error.smtp_error
    return Refused(stage, error.smtp_code, text.encode() if isinstance(text, str) else text)
