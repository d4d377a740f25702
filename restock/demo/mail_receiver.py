# SPDX-License-Identifier: Apache-2.0
"""A small SMTP server (RFC 5321) that takes every mail and keeps a note of it."""

import re
from asyncio import IncompleteReadError, LimitOverrunError, StreamReader, StreamWriter
from contextlib import suppress
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Final

import msgspec

from connectors.unsubscribe import BadToken, SignOff, UnsubscribeTokens
from restock.demo.received import UNSUBSCRIBE_URL, Received, Took

__all__ = ["LONGEST_MAIL", "MailReceiver"]

LONGEST_MAIL: Final = 1 << 20
"""Bytes of a mail; give the streams this limit."""

_LINK: Final = re.compile(f"<{re.escape(UNSUBSCRIBE_URL)}([^>]+)>")
_ONE_CLICK: Final = "List-Unsubscribe=One-Click"
_HELLO: Final = f"250-shop.example\r\n250-8BITMIME\r\n250 SIZE {LONGEST_MAIL}"
_WRONG_ORDER: Final = "503 5.5.1 not now"
_TAKEN: Final = "250 2.0.0 ok"


class MailReceiver:
    """Serves connections; each is a conversation of its own.

    Args:
        tokens: Open the unsubscribe links of mails.
        took: Is given a note of each mail.
    """

    def __init__(self, tokens: UnsubscribeTokens, took: Took) -> None:
        self._tokens = tokens
        self._took = took

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Look after one connection until the client leaves."""
        try:
            with suppress(ConnectionError, IncompleteReadError, LimitOverrunError):
                await self._talk(reader, writer)
        finally:
            writer.close()

    async def _talk(self, reader: StreamReader, writer: StreamWriter) -> None:
        _say(writer, "220 shop.example ESMTP")
        envelope = _Envelope()
        while True:
            await writer.drain()
            line = await reader.readuntil(b"\r\n")
            command = line[:4].upper().decode("ascii", "replace")
            if command == "QUIT":
                _say(writer, "221 2.0.0 bye")
                await writer.drain()
                return
            if command != "DATA":
                _say(writer, envelope.reply(command))
            elif not envelope.recipients:
                _say(writer, _WRONG_ORDER)
            else:
                _say(writer, "354 go on")
                await writer.drain()
                self._took(self._note(await reader.readuntil(b"\r\n.\r\n")))
                envelope = _Envelope()
                _say(writer, _TAKEN)

    def _note(self, content: bytes) -> Received:
        headers = BytesHeaderParser().parsebytes(content.partition(b"\r\n\r\n")[0])
        message_id = _line(headers, "Message-ID").strip("<>").rpartition("@")[0]
        sign_off = self._sign_off(headers)
        if sign_off is None:
            return Received(message_id, "EMAIL", taken=True, sound=False, variant_id="", profile={})
        profile = msgspec.structs.asdict(sign_off.profile)
        return Received(
            message_id,
            "EMAIL",
            taken=True,
            sound=True,
            variant_id=sign_off.variant_ids[0],
            profile={name: value for name, value in profile.items() if value is not None},
        )

    def _sign_off(self, headers: Message) -> SignOff | None:
        """Return what the mail's one-click link means (RFC 8058); None: it has no valid one."""
        link = _LINK.search(_line(headers, "List-Unsubscribe"))
        if link is None or _line(headers, "List-Unsubscribe-Post") != _ONE_CLICK:
            return None
        try:
            return self._tokens.open(link[1])
        except BadToken:
            return None


class _Envelope:
    """How far a client has come with a mail."""

    def __init__(self) -> None:
        self.sender = False
        self.recipients = 0

    def reply(self, command: str) -> str:
        """Take note of a command, and return the answer to it."""
        match command:
            case "EHLO" | "HELO":
                self._reset()
                return _HELLO if command == "EHLO" else "250 shop.example"
            case "MAIL" if not self.sender:
                self.sender = True
            case "RCPT" if self.sender:
                self.recipients += 1
            case "MAIL" | "RCPT":
                return _WRONG_ORDER
            case "RSET":
                self._reset()
            case "NOOP":
                pass
            case _:
                return "502 5.5.1 no such command here"
        return _TAKEN

    def _reset(self) -> None:
        self.sender, self.recipients = False, 0


def _line(headers: Message, name: str) -> str:
    """Return a header's value, unfolded; empty: there is none."""
    return re.sub(r"\r?\n(?=[ \t])", "", str(headers.get(name, "")))


def _say(writer: StreamWriter, reply: str) -> None:
    writer.write(f"{reply}\r\n".encode())
