# SPDX-License-Identifier: Apache-2.0
"""Messages from files and from standard input."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from connectors.inbound.contract import Message
from restock.errors import UsageError

__all__ = ["STANDARD_INPUT", "are_lines", "moment_of_file", "read_messages", "read_whole"]

STANDARD_INPUT = Path("-")
"""Stands for standard input."""

_LINES = frozenset({".jsonl", ".ndjson"})
_MILLION = 1_000_000


def are_lines(file: Path, wanted: bool | None) -> bool:  # noqa: FBT001 - a flag as it was given
    """Say whether a file holds a message in each line, or is one message.

    What the flag says holds; without it a file whose name ends in .jsonl or .ndjson, and standard
    input, hold lines.
    """
    if wanted is not None:
        return wanted
    return file == STANDARD_INPUT or file.suffix.lower() in _LINES


def moment_of_file(file: Path, at: int | None, now: Callable[[], int]) -> int:
    """Return the time that stands for messages without one, in epoch milliseconds.

    It is the one that was given, else that at which the file was changed last, but never later
    than now.

    Raises:
        UsageError: there is no such file.
    """
    if at is not None or file == STANDARD_INPUT:
        return now() if at is None else at
    try:
        return min(file.stat().st_mtime_ns // _MILLION, now())
    except OSError as error:
        raise _unreadable(file, error) from error


def read_messages(file: Path, moment: int, *, lines: bool) -> Iterator[Message]:
    """Read the messages of a file; lines of white space are left out.

    Raises:
        UsageError: it cannot be read.
    """
    if not lines:
        yield Message(read_whole(file), moment)
        return
    with _opened(file) as stream:
        for line in _lines(stream, file):
            body = line.strip()
            if body:
                yield Message(body, moment)


def read_whole(file: Path) -> bytes:
    """Read all that a file holds.

    Raises:
        UsageError: it cannot be read.
    """
    with _opened(file) as stream:
        try:
            return stream.read()
        except OSError as error:
            raise _unreadable(file, error) from error


def _lines(stream: BinaryIO, file: Path) -> Iterator[bytes]:
    try:
        yield from stream
    except OSError as error:
        raise _unreadable(file, error) from error


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    try:
        stream = file.open("rb")
    except OSError as error:
        raise _unreadable(file, error) from error
    with stream:
        yield stream


def _unreadable(file: Path, error: OSError) -> UsageError:
    return UsageError(f"{file}: cannot be read: {error.strerror}; name a file of messages")
