# SPDX-License-Identifier: Apache-2.0
"""The program with a stopwatch: ``python -m benchmarks.stopwatch FILE BEGUN run ...``.

Each line that it adds to FILE is a part of the start, or the barrier at the end of an epoch: name,
begin and end in epoch seconds. `JOURNAL_BYTES` lines say how much the journals were given so far.
BEGUN is when the process was asked for.
"""

import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["BARRIER", "JOURNAL_BYTES", "main"]

BARRIER = "barrier"
"""From the end of an epoch until all of it is durable: Bytewax asks for nothing meanwhile."""

JOURNAL_BYTES = "journal bytes"
"""A total instead of begin and end, one at each barrier."""

_Note = Callable[[str, float, float], None]


def main() -> int:
    """Put the stopwatch into the program, then run it."""
    file, begun = Path(sys.argv[1]), float(sys.argv[2])

    def note(name: str, start: float, end: float) -> None:
        with file.open("a") as stream:
            stream.write(json.dumps([name, start, end]) + "\n")

    from connectors.kafka import sink, source  # noqa: PLC0415 - it is their import that is timed
    from journal import directory, journal  # noqa: PLC0415
    from restock import cli, running  # noqa: PLC0415

    note("interpreter and imports", begun, time.time())
    _watch(running, "_check_cluster", "check of the cluster", note)
    _watch(directory.StateDirectory, "open", "lock and identity", note)
    _watch(running, "open_recovery_store", "check of the recovery store", note)
    _watch(journal.Journal, "open", "slots: base and log", note)
    _watch(sink.KafkaSink, "prepare", "connection of the producer", note)
    _watch(sink.KafkaSink, "_resume", "tail of the output", note)
    _watch(source.KafkaSource, "_positions", "offsets to read from", note)
    _watch_epochs(source._Part, journal.Journal, note)  # noqa: SLF001 - from outside
    return cli.main(sys.argv[3:])


def _watch(owner: Any, name: str, part: str, note: _Note) -> None:  # noqa: ANN401 - a module or a class
    inner = getattr(owner, name)

    @functools.wraps(inner)
    def watched(*arguments: object, **named: object) -> object:
        start = time.time()
        try:
            return inner(*arguments, **named)
        finally:
            note(part, start, time.time())

    plain = not isinstance(vars(owner).get(name), classmethod)
    setattr(owner, name, watched if plain else staticmethod(watched))


def _watch_epochs(part: Any, journal: Any, note: _Note) -> None:  # noqa: ANN401 - classes
    snapshot, next_batch, append = part.snapshot, part.next_batch, journal.append
    ended, total = 0.0, 0

    def watched_snapshot(self: object) -> object:
        nonlocal ended
        ended = time.time()
        return snapshot(self)

    def watched_next_batch(self: object) -> object:
        nonlocal ended
        if ended:
            note(BARRIER, ended, time.time())
            note(JOURNAL_BYTES, total, total)
            ended = 0.0
        return next_batch(self)

    def watched_append(self: object, record: bytes) -> None:
        nonlocal total
        total += len(record)
        append(self, record)

    part.snapshot, part.next_batch = watched_snapshot, watched_next_batch
    journal.append = watched_append


if __name__ == "__main__":
    sys.exit(main())
