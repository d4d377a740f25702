# SPDX-License-Identifier: Apache-2.0
"""The sinks `file` and `console`, for those who deliver themselves: a line of JSON a message.

::

    {"id": "..", "channel": "EMAIL", "step": "first", "template": "back_in_stock", "attempt": 1,
     "notifications": [<records as in Kafka>]}

A line that a crash or a full disk cut short is ended before anything else is written, so that every
later line is whole; its message comes again with the same id. The file is opened for each batch: it
may be moved away at any time.
"""

import asyncio
import errno
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import override

from connectors.durations import Duration
from connectors.errors import SinkError
from connectors.sinks.content import read_notification
from connectors.sinks.contract import Answer, Message, Resolution
from connectors.sinks.outcomes import Outcome, Outcomes

__all__ = ["LINE_OUTCOMES", "ConsoleSettings", "ConsoleSink", "FileSettings", "FileSink"]

_DISK_FULL: Final = Outcome(Resolution.RETRY, "disk_full")

LINE_OUTCOMES: Final = Outcomes(
    {
        errno.EDQUOT: _DISK_FULL,
        errno.ENOSPC: _DISK_FULL,
        errno.EPIPE: Outcome(Resolution.RETRY, "closed"),
        errno.ETIMEDOUT: Outcome(Resolution.RETRY, "timeout"),
    },
    {msgspec.MsgspecError: Outcome(Resolution.FINAL, "invalid_record")},
    # No error of a disk is a message's fault.
    default=Outcome(Resolution.RETRY, "not_written"),
    prefix="errno",
)
"""What an error of the system means, by its number."""

_SENT: Final = Answer(Resolution.SENT)
_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
_OWNER_ONLY: Final = 0o600
"""A line holds addresses of people."""


class FileSettings(BaseModel):
    """A file that messages are appended to: a `[sinks.NAME]` table of this kind.

    Attributes:
        kind: Always `"file"`.
        path: The file; it is made when it is missing, its directory is not.
        timeout: How long the disk may take to have a batch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["file"] = "file"
    path: Path = Field(strict=False)
    timeout: Duration = Field(default=timedelta(seconds=30), gt=timedelta(0))


class ConsoleSettings(BaseModel):
    """Messages on standard output: a `[sinks.NAME]` table of this kind.

    Attributes:
        kind: Always `"console"`.
        timeout: How long whoever reads them may take.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["console"] = "console"
    timeout: Duration = Field(default=timedelta(seconds=30), gt=timedelta(0))


class _LineSink(ABC):
    """Writes batches in a thread of its own."""

    concurrency = 1
    batch_size = 1_000

    def __init__(self, timeout: timedelta) -> None:
        self._timeout = timeout.total_seconds()
        self._thread: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Get ready to write.

        Raises:
            SinkError: it cannot be written there.
        """
        self._thread = ThreadPoolExecutor(1, type(self).__name__)
        try:
            await self._write(b"")
        except OSError as error:
            await self.close()
            reason = error.strerror or type(error).__name__
            raise SinkError(f"{self._place}: {reason}; give a place to write to") from None

    async def send(self, messages: Sequence[Message]) -> list[Answer]:
        """Write messages, all at once.

        Raises:
            SinkError: the sink is not open.
        """
        lines = [_line(message) for message in messages]
        answer = await self._answer(b"".join(line for line in lines if isinstance(line, bytes)))
        return [answer if isinstance(line, bytes) else line for line in lines]

    async def close(self) -> None:
        """Stop writing; what the system still holds back is not waited for."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=False, cancel_futures=True)

    @property
    @abstractmethod
    def _place(self) -> str:
        """Where lines go, for people."""

    @abstractmethod
    def _append(self, data: bytes) -> None:
        """Write whole lines, maybe none; return when they are safe.

        Raises:
            OSError: they are not.
        """

    async def _answer(self, data: bytes) -> Answer:
        try:
            await self._write(data)
        except OSError as error:
            code = error.errno or errno.ETIMEDOUT
            return LINE_OUTCOMES.of_code(code, f"{self._place}: {os.strerror(code)}")
        return _SENT

    async def _write(self, data: bytes) -> None:
        if self._thread is None:
            raise SinkError("the sink is not open: call open() before send()")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._timeout):
            await loop.run_in_executor(self._thread, self._append, data)


class FileSink(_LineSink):
    """Appends messages to a file, and answers when the disk has them.

    Args:
        settings: which file.
    """

    def __init__(self, settings: FileSettings) -> None:
        super().__init__(settings.timeout)
        self._path = settings.path

    @property
    @override
    def _place(self) -> str:
        return str(self._path)

    @override
    def _append(self, data: bytes) -> None:
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _OWNER_ONLY)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            size = status.st_size
            is_torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
            _write_whole(file, b"\n" + data if is_torn else data)
            os.fsync(file)
        finally:
            os.close(file)
        if size == 0:
            _sync_directory(self._path.parent)


class ConsoleSink(_LineSink):
    """Writes messages to a stream, such as standard output.

    Args:
        settings: how long to wait for its reader.
        stream: unbuffered, or flushed after each batch.
    """

    def __init__(self, settings: ConsoleSettings, stream: BinaryIO) -> None:
        super().__init__(settings.timeout)
        self._stream = stream

    @property
    @override
    def _place(self) -> str:
        return "console"

    @override
    def _append(self, data: bytes) -> None:
        if self._stream.closed:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        self._stream.write(data)
        self._stream.flush()


class _Line(msgspec.Struct, frozen=True, gc=False):
    id: str
    channel: str
    step: str
    template: str
    attempt: int
    notifications: list[msgspec.Raw]


_encode = msgspec.json.Encoder().encode


def _line(message: Message) -> bytes | Answer:
    try:
        for value in message.notifications:
            read_notification(value)
    except msgspec.MsgspecError as error:
        return LINE_OUTCOMES.of_exception(error, type(error).__name__)
    # Line breaks in JSON are white space between its parts, never in a string.
    records = [msgspec.Raw(value.translate(_ONE_LINE)) for value in message.notifications]
    line = _Line(
        message.id, message.channel, message.step, message.template, message.attempt, records
    )
    return _encode(line) + b"\n"


def _write_whole(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
