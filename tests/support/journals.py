# SPDX-License-Identifier: Apache-2.0
"""A tiny state, and everyday steps for tests of the journal."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from journal import Journal, Limits
from journal import compact as helper
from journal.base import write_base
from journal.marker import Marker
from journal.resume import fold

__all__ = [
    "GATE_VARIABLE",
    "TINY",
    "InlineHelper",
    "Lines",
    "append_all",
    "contents",
    "gated_lines",
    "gone",
    "open_journal",
    "record",
    "unwilling_lines",
    "wait_until",
]

GATE_VARIABLE = "TEST_JOURNAL_GATE"
PATIENCE_SECONDS = 30.0
TINY = Limits(write_buffer=64, compact_bytes=300, compact_ratio=0.5, compact_segments=3)


class Lines:
    """A state that is the list of its records."""

    def __init__(self) -> None:
        """Makes an empty one."""
        self.lines: list[bytes] = []

    def load(self, chunks: Iterator[bytes]) -> None:
        """Takes each chunk for a record."""
        self.lines = list(chunks)

    def apply(self, record: bytes) -> None:
        """Adds a record."""
        self.lines.append(record)

    def dump(self) -> Iterator[bytes]:
        """Gives each record as a chunk."""
        yield from self.lines


def gated_lines() -> Lines:
    """Makes a state in the helper process once the gate's file says so."""
    gate = Path(os.environ[GATE_VARIABLE])
    started = gate.with_suffix(".writing")
    started.write_text(str(os.getpid()))
    started.rename(gate.with_suffix(".pid"))
    wait_until(gate.exists)
    return Lines()


def unwilling_lines() -> Lines:
    """Fails where the helper process wants a state."""
    message = "no state today"
    raise RuntimeError(message)


class InlineHelper:
    """Stands in for `subprocess.Popen`: does the helper's work at once, within the process."""

    returncode = 0

    def __init__(self, command: list[str], **_: object) -> None:
        """Folds what the command says."""
        options = helper._parse(command[4:])
        sources = Marker.decode(options.sources.encode(), options.slot)
        state = Lines()
        fold(options.directory, sources, state)
        write_base(options.directory, options.target, state.dump(), sources, lambda _: None)

    def poll(self) -> int:
        """Says that it has ended well."""
        return self.returncode

    def wait(self) -> int:
        """Says the same."""
        return self.returncode

    def kill(self) -> None:
        """Comes too late."""


def open_journal(
    directory: Path,
    marker: bytes | None = None,
    token: str = "first",  # noqa: S107 - not a secret
    *,
    limits: Limits = TINY,
    factory: str = "tests.support.journals:Lines",
    crash_point: Callable[[str], None] = lambda _: None,
) -> tuple[Journal, Lines]:
    """Opens the journal of slot 3 and gives the state that it rebuilt, too."""
    state = Lines()
    journal = Journal.open(
        directory,
        3,
        marker,
        state,
        token=token,
        factory=factory,
        limits=limits,
        crash_point=crash_point,
    )
    return journal, state


def append_all(journal: Journal, records: Iterable[bytes]) -> None:
    """Appends several records."""
    for record in records:
        journal.append(record)


def record(number: int) -> bytes:
    """Makes a record that says which one it is, some longer than the write buffer."""
    return b"%d " % number * (1 + number % 20)


def contents(directory: Path) -> dict[str, bytes]:
    """Reads all files of a folder."""
    return {file.name: file.read_bytes() for file in sorted(directory.iterdir())}


def gone(process: int) -> bool:
    """Tells whether a process has ended (one that nobody has waited for yet counts as ended)."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


def wait_until(condition: Callable[[], object]) -> None:
    """Waits for something that another process does."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            message = f"waited {PATIENCE_SECONDS} s in vain"
            raise TimeoutError(message)
        time.sleep(0.002)
