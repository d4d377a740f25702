# SPDX-License-Identifier: Apache-2.0
"""The program on its first start, with a state that was prepared: see `benchmarks.prepared`.

Started as ``python -m benchmarks.preloaded DIRECTORY run ...``.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.prepared import adopt
from dataflows.folding import SlotState
from journal.journal import Journal
from journal.turns import Turns
from restock import cli, running

__all__ = ["main"]


def main() -> int:
    """Let every slot that has no past find the prepared one, then run the program."""
    prepared = Path(sys.argv[1])
    inner = running.open_journal  # type: ignore[attr-defined]  # a name of that module, from outside

    def open_journal(
        slot_directory: Callable[[int], Path],
        slot: int,
        marker: bytes | None,
        empty: SlotState,
        *,
        was_durable: bool = False,
        turns: Turns | None = None,
    ) -> Journal:
        if marker is None and not was_durable:
            marker = adopt(prepared, slot, slot_directory(slot))
        opened: Journal = inner(
            slot_directory, slot, marker, empty, was_durable=was_durable, turns=turns
        )
        return opened

    running.open_journal = open_journal  # type: ignore[attr-defined]  # as above
    return cli.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
