# SPDX-License-Identifier: Apache-2.0
"""What became of the events of a slot."""

from dataclasses import dataclass

__all__ = ["Counts"]


@dataclass(slots=True)
class Counts:
    """What became of the events since the start; not part of the durable state."""

    stock_applied: int = 0  # late dips included
    stock_stale: int = 0
    stock_mixed: int = 0
    late_dips: int = 0
    joined: int = 0
    duplicates: int = 0
    refused_by_marker: int = 0
    expired_on_arrival: int = 0
    signed_off: int = 0
    expired: int = 0
    waves: int = 0
    told: int = 0
