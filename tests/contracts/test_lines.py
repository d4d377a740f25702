# SPDX-License-Identifier: Apache-2.0
"""The sinks `file` and `console` keep the contract."""

import errno
import io
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from typing_extensions import override

from connectors.sinks.contract import Sink
from connectors.sinks.lines import ConsoleSettings, ConsoleSink, FileSettings, FileSink
from connectors.sinks.testing import Behaviour, Receiver, SinkContract

MANY = 1_000


class Failures:
    """How often it is to go wrong yet; there are no connections."""

    connections = 0

    def __init__(self) -> None:
        self._left = 0

    def behave(self, behaviour: Behaviour, *, times: int | None = None) -> None:
        """Goes wrong, or well again."""
        self._left = (times or MANY) if behaviour is Behaviour.FAIL else 0

    def happen(self, code: int) -> None:
        """Goes wrong, if it is to."""
        if self._left:
            self._left -= 1
            raise OSError(code, os.strerror(code))


class Disk(Failures):
    """A disk with a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    @property
    def ids(self) -> list[str]:
        """The ids of the lines."""
        return _ids(self.path.read_bytes() if self.path.exists() else b"")


class Console(Failures):
    """A stream with somebody who reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = _Stream(self)

    @property
    def ids(self) -> list[str]:
        """The ids of the lines."""
        return _ids(self.stream.getvalue())


class _Stream(io.BytesIO):
    def __init__(self, failures: Failures) -> None:
        super().__init__()
        self._failures = failures

    @override
    def write(self, data: Any, /) -> int:
        self._failures.happen(errno.EPIPE)
        return super().write(data)


class _FileSink(FileSink):
    def __init__(self, disk: Disk) -> None:
        super().__init__(FileSettings(path=disk.path))
        self._disk = disk

    @override
    def _append(self, data: bytes) -> None:
        self._disk.happen(errno.ENOSPC)
        super()._append(data)


class TestFile(SinkContract):
    """On a disk that is full at times."""

    behaviours: ClassVar[frozenset[Behaviour]] = frozenset({Behaviour.ACCEPT, Behaviour.FAIL})

    @override
    def receiver(self) -> AbstractAsyncContextManager[Disk]:
        return _disk()

    @override
    def sink(self, receiver: Receiver) -> Sink:
        assert isinstance(receiver, Disk)
        return _FileSink(receiver)


class TestConsole(SinkContract):
    """With a reader who is gone at times."""

    behaviours: ClassVar[frozenset[Behaviour]] = frozenset({Behaviour.ACCEPT, Behaviour.FAIL})

    @override
    def receiver(self) -> AbstractAsyncContextManager[Console]:
        return _console()

    @override
    def sink(self, receiver: Receiver) -> Sink:
        assert isinstance(receiver, Console)
        return ConsoleSink(ConsoleSettings(), receiver.stream)


def _ids(lines: bytes) -> list[str]:
    return [msgspec.json.decode(line)["id"] for line in lines.splitlines()]


@asynccontextmanager
async def _disk() -> AsyncIterator[Disk]:
    with tempfile.TemporaryDirectory() as place:
        yield Disk(Path(place) / "out")


@asynccontextmanager
async def _console() -> AsyncIterator[Console]:
    yield Console()
