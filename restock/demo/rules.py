# SPDX-License-Identifier: Apache-2.0
"""The rules that the demo holds its own run against."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Rule", "Violation"]


class Rule(StrEnum):
    """A rule; its value says what is true when it is kept."""

    ONCE = "everybody told was told once, for a sign-up of their own"
    ORDER = "in order: priority, then time of sign-up, and nobody passed over"
    SIZE = "no wave too large, too early, or for stock that was not there"
    ENTITLED = "nobody told who had signed off or was not entitled"
    NOBODY_LEFT = "nobody left behind while there is stock"
    DEAD_LETTERS = "records that make no sense were set aside, every byte of them"
    ACCOUNTED = "each message of each person told was sent, or kept back for a reason"
    REASONS = "kept back were those with a reason on the topics, and no others"
    ARRIVED = "all said to be sent has come, nothing else, repeats under the same id"
    SIGNED = "every webhook was signed as it should be"
    UNSUBSCRIBE = "every mail had its List-Unsubscribe headers, with a link that works"


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule broken.

    Attributes:
        rule: The rule.
        text: Who or what broke it, in one line.
    """

    rule: Rule
    text: str
