# SPDX-License-Identifier: Apache-2.0
"""What the answers of an SMTP server mean, as data (RFC 5321, section 4.2; RFC 4954, section 6).

A refusal of the recipient or of the mail itself is about one message: 4xx passes, 5xx does not. All
that is refused before concerns the connection or the sender, and so every mail alike: it is tried
again, for nobody's mail may be lost by a wrong password.
"""

import re
import smtplib
import socket
import ssl
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from connectors.sinks.contract import Answer, Resolution
from connectors.sinks.outcomes import Outcome, Outcomes

__all__ = ["LoginMissing", "NotInternational", "NotSecured", "Refused", "Stage", "answer_to"]

_RETRY: Final = Outcome(Resolution.RETRY)
_FINAL: Final = Outcome(Resolution.FINAL)
_AUTHENTICATION: Final = Outcome(Resolution.RETRY, "authentication")
_SENDER: Final = Outcome(Resolution.RETRY, "sender_refused")
_TOO_LARGE: Final = Outcome(Resolution.FINAL, "too_large")
# Several providers answer so to too high a rate, whosoever the mail is for.
_RATE: Final = Outcome(Resolution.RETRY, "smtp_454", throttled=True, wait=1.0)

# Authentication is required, too weak, not valid, or wants encryption (RFC 4954, section 6).
_LOGIN_CODES: Final[Mapping[int | range, Outcome]] = dict.fromkeys(
    (530, 534, 535, 538), _AUTHENTICATION
)


_ENHANCED: Final = re.compile(rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")


class Stage(StrEnum):
    """What was asked of the server."""

    CONNECT = "connecting"
    LOGIN = "login"
    MAIL = "the sender"
    RECIPIENT = "the recipient"
    DATA = "the mail"


class Refused(Exception):  # noqa: N818 - it is an answer, not an error
    """The server answered with a code that is not the one hoped for.

    Attributes:
        stage: what was asked.
        code: of the reply, three digits; -1 when it was none.
        enhanced: enhanced status code (RFC 3463), such as "5.1.1"; empty when there was none.
    """

    def __init__(self, stage: Stage, code: int, text: bytes) -> None:
        super().__init__(stage, code)
        self.stage = stage
        self.code = code
        match = _ENHANCED.match(text)
        self.enhanced = match[0].decode() if match else ""


class NotInternational(Exception):  # noqa: N818 - as above
    """The recipient's address is not ASCII, and the server does not know SMTPUTF8 (RFC 6531)."""


class NotSecured(Exception):  # noqa: N818 - as above
    """Encryption is set, and the server does not offer it."""


class LoginMissing(Exception):  # noqa: N818 - as above
    """A login is set, and the server offers none, or only kinds that we do not know."""


_GARBLED: Final = Outcome(Resolution.RETRY, "garbled")

_EXCEPTIONS: Final[Mapping[type[BaseException], Outcome]] = {
    TimeoutError: Outcome(Resolution.RETRY, "timeout"),
    ssl.SSLCertVerificationError: Outcome(Resolution.RETRY, "certificate"),
    ssl.SSLError: Outcome(Resolution.RETRY, "tls"),
    ConnectionRefusedError: Outcome(Resolution.RETRY, "connection_refused"),
    socket.gaierror: Outcome(Resolution.RETRY, "name_resolution"),
    smtplib.SMTPServerDisconnected: Outcome(Resolution.RETRY, "connection_lost"),
    LoginMissing: _AUTHENTICATION,
    NotInternational: Outcome(Resolution.FINAL, "smtputf8_unsupported"),
    NotSecured: Outcome(Resolution.RETRY, "tls"),
    # All that follow are kinds of OSError, smtplib's own as well.
    smtplib.SMTPException: _GARBLED,
    OSError: Outcome(Resolution.RETRY, "connection_lost"),
}


def _table(codes: Mapping[int | range, Outcome]) -> Outcomes:
    return Outcomes(codes, _EXCEPTIONS, _GARBLED, "smtp")


_CLASSES: Final = range(400, 600)

_TABLES: Final[Mapping[Stage, Outcomes]] = {
    Stage.CONNECT: _table({**_LOGIN_CODES, _CLASSES: _RETRY}),
    Stage.LOGIN: _table({range(400, 500): _RETRY, range(500, 600): _AUTHENTICATION}),
    Stage.MAIL: _table(
        {
            **_LOGIN_CODES,
            454: _RATE,
            552: _TOO_LARGE,
            range(400, 500): _RETRY,
            range(500, 600): _SENDER,
        }
    ),
    Stage.RECIPIENT: _table(
        {**_LOGIN_CODES, 454: _RATE, range(400, 500): _RETRY, range(500, 600): _FINAL}
    ),
    Stage.DATA: _table(
        {
            **_LOGIN_CODES,
            454: _RATE,
            552: _TOO_LARGE,
            range(400, 500): _RETRY,
            range(500, 600): _FINAL,
        }
    ),
}


def answer_to(error: Exception) -> Answer:
    """Say what a failure means; no text of the server's is shown, for it may hold addresses.

    Args:
        error: what `connectors.sinks.email_connections.Connection.send` raised.
    """
    if isinstance(error, Refused):
        detail = f"the server answered {error.code} {error.enhanced} to {error.stage}"
        return _TABLES[error.stage].of_code(error.code, detail)
    cause = error.__context__
    if isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(cause, TimeoutError):
        error = cause
    return _TABLES[Stage.CONNECT].of_exception(error, type(error).__name__)
