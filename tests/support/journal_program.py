# SPDX-License-Identifier: Apache-2.0
"""A program that uses a journal until it kills itself (`python -m tests.support.journal_program`).

Arguments: the slot's folder, the file of markers, the token, the crash point, and at which of its
visits to end. The file of markers plays the recovery store: a line `returned N MARKER` for each
marker as it is given, and `committed N MARKER` once it counts, N being the number of records before
it. The program resumes from the last committed one; its records are simply numbered.
"""

import os
import signal
import sys
from pathlib import Path

from tests.support.journals import TINY, open_journal, record

__all__ = ["last_marker"]

EPOCHS = 40
RECORDS = 7


def last_marker(file: Path, kind: str) -> tuple[int, bytes | None]:
    """Reads the last marker of a kind, and how many records come before it."""
    lines = file.read_bytes().splitlines() if file.exists() else []
    for line in reversed(lines):
        found, count, marker = line.split(b" ", 2)
        if found == kind.encode():
            return int(count), marker
    return 0, None


def main(directory: Path, markers: Path, token: str, point: str, visit: int) -> None:
    """Appends and commits epoch after epoch, with a compaction every few of them."""
    visits = 0

    def crash_point(name: str) -> None:
        nonlocal visits
        visits += name == point
        if visits == visit:
            os.kill(os.getpid(), signal.SIGKILL)

    def note(kind: str, count: int, marker: bytes) -> None:
        with markers.open("ab") as stream:
            stream.write(b"%b %d %b\n" % (kind.encode(), count, marker))

    count, marker = last_marker(markers, "committed")
    journal, _ = open_journal(directory, marker, token, limits=TINY, crash_point=crash_point)
    for _ in range(EPOCHS):
        for number in range(count, count + RECORDS):
            journal.append(record(number))
        count += RECORDS
        marker = journal.sync()
        note("returned", count, marker)
        crash_point("returned")
        note("committed", count, marker)
        crash_point("committed")
        journal.durable()
        helper = journal._compaction._helper
        if helper is not None:
            helper.process.wait()  # ended, but not taken: the next epoch's business


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]))
