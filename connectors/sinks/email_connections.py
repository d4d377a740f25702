# SPDX-License-Identifier: Apache-2.0
"""One connection to an SMTP server, kept for many mails."""

import contextlib
import smtplib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from connectors.sinks.email_answers import NotInternational, Refused, Stage
from connectors.sinks.email_server import Server, connected, refused

__all__ = ["Connection", "Mail"]

_GOODBYE: Final = 1.0
"""Seconds that a server has to answer QUIT: nothing depends on it."""

_SOME_BYTES: Final = 512
_TAKEN: Final = frozenset({250, 251})
_CLOSING: Final = 421
_REPLIES: Final = range(200, 600)


@dataclass(frozen=True, slots=True)
class Mail:
    """What is handed in.

    Attributes:
        sender: the envelope's sender, ASCII.
        recipient: the envelope's recipient; not ASCII only with `international`.
        content: headers and body with CRLF.
        international: the server must know SMTPUTF8 (RFC 6531).
    """

    sender: str
    recipient: str
    content: bytes
    international: bool


class Connection:
    """Hands in mail after mail, connecting when it must; used by one thread at a time.

    Args:
        server: where.
        clock: seconds that never go back.
    """

    def __init__(self, server: Server, clock: Callable[[], float]) -> None:
        self._server = server
        self._clock = clock
        self._smtp: smtplib.SMTP | None = None
        self._handed_in = 0
        self._used_at = 0.0
        self._given_up = False

    def send(self, mail: Mail) -> None:
        """Hand in a mail.

        A connection that was used before may have been closed by the server meanwhile. Where that
        shows before the mail was begun, it is replaced at once.

        Raises:
            Refused: the server does not take it.
            NotInternational: the address needs SMTPUTF8, which the server does not know.
            NotSecured: the server offers no encryption.
            LoginMissing: the server offers no way to log in that we know.
            smtplib.SMTPException: the server does not speak SMTP as it must.
            OSError: it cannot be reached, or fell silent.
            ValueError: it garbles what it says.
        """
        self._leave_worn()
        try:
            self._hand_in(mail)
        finally:
            self._used_at = self._clock()

    def abort(self) -> None:
        """Make a `send` in another thread fail soon; until `refresh`, every further one too."""
        self._given_up = True
        smtp = self._smtp
        connection = smtp.sock if smtp is not None else None
        if connection is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown: it would pull the encryption from under the other thread.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def refresh(self) -> None:
        """Make a connection that was aborted fit for use again; no `send` is under way."""
        self._given_up = False

    def close(self) -> None:
        """Say goodbye, if there is a connection."""
        smtp, self._smtp, self._handed_in = self._smtp, None, 0
        if smtp is not None and smtp.sock is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtp.sock.settimeout(min(_GOODBYE, self._server.timeout))
                smtp.putcmd("QUIT")
                # Whatever it says: a whole reply could go on for ever.
                smtp.sock.recv(_SOME_BYTES)
            smtp.close()

    def _hand_in(self, mail: Mail) -> None:
        reused = self._smtp is not None
        try:
            smtp = self._begun(mail)
        except (Refused, smtplib.SMTPServerDisconnected):
            if not reused or self._smtp is not None or self._given_up:
                raise
            smtp = self._begun(mail)
        with self._dropping_what_is_broken(smtp):
            _expect(Stage.RECIPIENT, *smtp.rcpt(mail.recipient))
            _expect(Stage.DATA, *smtp.data(mail.content))
        self._handed_in += 1

    def _leave_worn(self) -> None:
        """Close a connection that has done its share, or was idle for too long."""
        worn = self._handed_in >= self._server.messages
        if worn or self._clock() - self._used_at > self._server.idle:
            self.close()

    def _begun(self, mail: Mail) -> smtplib.SMTP:
        """Get as far as that the server takes the sender."""
        if self._given_up:
            raise TimeoutError
        smtp = self._smtp
        if smtp is None:
            smtp = self._smtp = connected(self._server)
        with self._dropping_what_is_broken(smtp):
            if self._given_up:
                raise TimeoutError
            if mail.international and not smtp.has_extn("smtputf8"):
                raise NotInternational
            options = [f"size={len(mail.content)}"] if smtp.has_extn("size") else []
            if mail.international:
                options += ["SMTPUTF8", "BODY=8BITMIME"]
            _expect(Stage.MAIL, *smtp.mail(mail.sender, options))
        return smtp

    @contextlib.contextmanager
    def _dropping_what_is_broken(self, smtp: smtplib.SMTP) -> Iterator[None]:
        """Leave no half mail behind: reset the connection, or drop it where that cannot be."""
        try:
            yield
        except NotInternational:
            raise
        except smtplib.SMTPDataError as error:
            self._reset(smtp, error.smtp_code)
            raise refused(Stage.DATA, error) from None
        except Refused as error:
            self._reset(smtp, error.code)
            raise
        except BaseException:
            self._drop(smtp)
            raise

    def _reset(self, smtp: smtplib.SMTP, code: int) -> None:
        if code in _REPLIES and code != _CLOSING:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                if smtp.rset()[0] in _TAKEN:
                    return
        self._drop(smtp)

    def _drop(self, smtp: smtplib.SMTP) -> None:
        self._smtp, self._handed_in = None, 0
        smtp.close()


def _expect(stage: Stage, code: int, text: bytes) -> None:
    if code not in _TAKEN:
        raise Refused(stage, code, text)
