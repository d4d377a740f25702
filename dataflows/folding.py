# SPDX-License-Identifier: Apache-2.0
"""A slot of the waitlist as the journal sees it."""

from collections.abc import Iterator

from waitlist.slot import Slot, empty_slot

__all__ = ["FACTORY", "SlotState", "empty"]

FACTORY = "dataflows.folding:empty"
"""Where the journal's helper process finds the empty state."""


class SlotState:
    """Implements `journal.state.Foldable` for a `Slot`.

    Attributes:
        slot: what is filled.
        folded: chunks and records taken so far, for another thread that watches the headway.
    """

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.folded = 0

    def load(self, chunks: Iterator[bytes]) -> None:
        """Take over a dumped state."""
        self.slot.load(self._counted(chunks))

    def apply(self, record: bytes) -> None:
        """Do again what a redo record says."""
        self.folded += 1
        self.slot.apply_record(record)

    def dump(self) -> Iterator[bytes]:
        """The whole state in chunks."""
        return self.slot.dump()

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.folded += 1
            yield chunk


def empty() -> SlotState:
    """An empty state for the helper process; redo records need no policy."""
    return SlotState(empty_slot())
