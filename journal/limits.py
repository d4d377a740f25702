# SPDX-License-Identifier: Apache-2.0
"""Sizes at which a journal writes and compacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journal.marker import Marker

__all__ = ["DEFAULT_LIMITS", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """When a journal writes out its buffer and when it compacts.

    A resume reads the base and all segments, so it costs at most about twice the state's size, and
    compaction writes about one byte for each byte appended.

    Attributes:
        write_buffer: Bytes kept in the process before they are given to the operating system.
        compact_bytes: Bytes of segments that never are worth a compaction.
        compact_ratio: Size of the segments, as a share of the base, that is worth one.
        compact_segments: Number of segments that is never exceeded for long (each restart adds
            one, and the marker names them all).
    """

    write_buffer: int = 256 * 1024
    compact_bytes: int = 8 * 1024 * 1024
    compact_ratio: float = 1.0
    compact_segments: int = 20

    def compaction_due(self, marker: Marker) -> bool:
        """Tell whether these files should become a new base.

        Args:
            marker: The files in use.
        """
        base = 0 if marker.base is None else marker.base.length
        size = sum(entry.length for entry in marker.segments)
        return (
            size > max(self.compact_bytes, base * self.compact_ratio)
            or len(marker.segments) > self.compact_segments
        )


DEFAULT_LIMITS = Limits()
"""What suits a local disk and states from nothing to some gigabytes."""
