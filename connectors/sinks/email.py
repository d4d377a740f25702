# SPDX-License-Identifier: Apache-2.0
"""The sink `email`: mail through an SMTP server.

`smtplib` blocks, so each connection has a thread. A mail may arrive twice where a server took it
and its answer was lost; it then carries the same `Message-ID`.
"""

import smtplib
import ssl
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from connectors.errors import SinkError
from connectors.sinks.contract import Answer, Message, Resolution
from connectors.sinks.email_answers import (
    LoginMissing,
    NotInternational,
    NotSecured,
    Refused,
    answer_to,
)
from connectors.sinks.email_connections import Connection, Mail
from connectors.sinks.email_letters import Letters, UnknownTemplate
from connectors.sinks.email_message import Unusable
from connectors.sinks.email_pool import Pool
from connectors.sinks.email_server import Server
from connectors.sinks.email_settings import EmailSettings

__all__ = ["EmailSink"]

_DETAIL_LENGTH: Final = 200
_SENT: Final = Answer(Resolution.SENT)
_TOO_LATE: Final = Answer(Resolution.RETRY, "timeout", "the mail took longer than `timeout`")
_CLOSED: Final = Answer(Resolution.RETRY, "closed", "the sink is not open")

_FAILURES: Final = (
    Refused,
    LoginMissing,
    NotInternational,
    NotSecured,
    smtplib.SMTPException,
    OSError,
    # What a server garbles so that smtplib cannot decode it.
    ValueError,
)


class EmailSink:
    """Sends mail; see `connectors.sinks.contract.Sink` for what holds.

    Args:
        settings: how.
        wall_clock: the time now, aware: the date of mails.
        clock: seconds that never go back: how long connections were idle.
        needed: templates that must be there.
    """

    def __init__(
        self,
        settings: EmailSettings,
        wall_clock: Callable[[], datetime],
        clock: Callable[[], float],
        needed: Collection[str] = (),
    ) -> None:
        self._settings = settings
        self._wall_clock = wall_clock
        self._clock = clock
        self._needed = needed
        self._timeout = settings.timeout.total_seconds()
        self._letters: Letters | None = None
        self._pool: Pool | None = None

    @property
    def concurrency(self) -> int:
        """As many calls as there are connections: none waits for another's."""
        return self._settings.connections

    @property
    def batch_size(self) -> int:
        """Mails of one call go one after another, the next being written meanwhile."""
        return self._settings.batch

    @property
    def template_names(self) -> frozenset[str]:
        """Templates that a step of a journey may name; known once the sink is open."""
        return frozenset() if self._letters is None else self._letters.template_names

    async def open(self) -> None:
        """Compile and try the templates, and read the certificates; nothing is connected.

        Raises:
            SinkError: a template or the file of certificates cannot be used, or a template that
                is needed is not there.
        """
        self._letters = Letters(self._settings)
        if missing := sorted(set(self._needed) - self.template_names):
            known = ", ".join(sorted(self.template_names))
            raise SinkError(f"there is no template {missing[0]!r}; there are {known}")
        server = _server(self._settings)
        connections = [Connection(server, self._clock) for _ in range(self.concurrency)]
        self._pool = Pool(connections, self._timeout)

    async def send(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Hand in mails one after another; each has the whole `timeout` to itself."""
        letters, pool = self._letters, self._pool
        if letters is None or pool is None:
            return [_CLOSED] * len(messages)
        written = [pool.write(partial(self._written, letters, message)) for message in messages]
        return [await _handed_in(pool, await mail) for mail in written]

    async def close(self) -> None:
        """Say goodbye to the server on every connection; what is under way is cut off."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    def _written(self, letters: Letters, message: Message) -> Mail | Answer:
        """Write a mail; an answer where none can be written."""
        try:
            return letters.mail(letters.write(message, self._wall_clock()))
        except Unusable as error:
            return Answer(Resolution.FINAL, error.reason)
        except msgspec.DecodeError:
            return Answer(Resolution.FINAL, "invalid_notification")
        except SinkError as error:
            return Answer(Resolution.FINAL, "template_error", str(error)[:_DETAIL_LENGTH])
        except UnknownTemplate:
            # The journey's settings are wrong, and nobody's mail may be lost by that.
            return Answer(Resolution.RETRY, "unknown_template", "the sink has no such template")


async def _handed_in(pool: Pool, mail: Mail | Answer) -> Answer:
    if isinstance(mail, Answer):
        return mail
    try:
        return await pool.run(lambda connection: _delivered(connection, mail))
    except TimeoutError:
        return _TOO_LATE


def _delivered(connection: Connection, mail: Mail) -> Answer:
    """Hand a mail in, in a thread."""
    try:
        connection.send(mail)
    except _FAILURES as error:
        return answer_to(error)
    return _SENT


def _server(settings: EmailSettings) -> Server:
    login = None
    if settings.user is not None and settings.password is not None:
        login = (settings.user, settings.password.get_secret_value())
    return Server(
        host=settings.host,
        port=settings.server_port,
        security=settings.security,
        tls=_tls(settings.ca_file),
        login=login,
        ehlo_name=settings.ehlo_name,
        timeout=settings.timeout.total_seconds(),
        messages=settings.messages_per_connection,
        idle=settings.idle_timeout.total_seconds(),
    )


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ValueError) as error:
            reason = type(error).__name__
            message = f"ca_file: {ca_file} holds no certificates ({reason}): give a file in PEM"
            raise SinkError(message) from None
    return context
