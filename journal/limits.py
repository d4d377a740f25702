# SPDX-License-Identifier: Apache-2.0
"""Sizes at which a journal writes and compacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journal.marker import Marker

__all__ = ["DEFAULT_LIMITS", "Limits"]

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """When a journal writes out its buffer and when it compacts.

    A resume copies the base into memory, and then does again, at some hundred times the cost of a
    byte, what the segments say: so it is their work that is kept small beside the base. A
    compaction reads and writes the whole base, which is why a larger one may have more work beside
    it; the more, the rarer the compactions and the longer the resume.

    Attributes:
        write_buffer: Bytes kept in the process before they are given to the operating system.
        compact_bytes: Bytes of segments that never are worth a compaction by their size.
        compact_ratio: Size of the segments, as a share of the base, that is worth one.
        compact_work: Work (see `Journal.durable`) that never is worth one.
        compact_work_ratio: Work for each MiB of the base that is worth one.
        compact_segments: Number of segments that is never exceeded for long (each restart adds
            one, and the marker names them all).
    """

    write_buffer: int = 256 * 1024
    compact_bytes: int = 8 * _MEBIBYTE
    compact_ratio: float = 0.125
    compact_work: int = 20_000
    compact_work_ratio: float = 600.0
    compact_segments: int = 20

    def compaction_due(self, marker: Marker, work: int) -> bool:
        """Tell whether these files should become a new base.

        Args:
            marker: The files in use.
            work: The work in their segments.
        """
        base = 0 if marker.base is None else marker.base.length
        size = sum(entry.length for entry in marker.segments)
        return (
            size > max(self.compact_bytes, base * self.compact_ratio)
            or work > max(self.compact_work, base / _MEBIBYTE * self.compact_work_ratio)
            or len(marker.segments) > self.compact_segments
        )


DEFAULT_LIMITS = Limits()
"""What suits a local disk and states from nothing to some gigabytes.

Somebody who joins, leaves or is told is a unit of work, and takes up to 10 microseconds when it is
done again; a person takes some 120 bytes of the base. A compaction costs about a second of CPU for
a hundred thousand people. So one is due when a fifteenth of them have changed: a resume does again
for no longer than it reads the base and starts.
"""
