# SPDX-License-Identifier: Apache-2.0
"""What has become of each notification, by the topics: a second opinion on the `journey` package.

The demo's journeys have two steps, and its channels two receivers. The reminder follows once the
first message is done with on every channel and was sent on one of them; it leaves out the channels
that cannot lead to the person.
"""

from dataclasses import dataclass, field
from typing import Final

from restock.demo.evidence import Delivered, Told

__all__ = ["CHANNELS", "STEPS", "Journey", "Journeys"]

CHANNELS: Final = ("EMAIL", "PUSH")
"""Those that have a receiver."""

STEPS: Final = ("first", "reminder")
_FIRST, _REMINDER = STEPS
_CLOSING: Final = frozenset({"no_address", "no_channel", "no_consent", "unsubscribed"})


@dataclass(slots=True)
class Journey:
    """One notification's.

    Attributes:
        note: The notification; None: it has not been seen.
        outcomes: By step and channel.
        contradictions: Outcomes of a step and channel that has another already.
    """

    note: Told | None = None
    outcomes: dict[tuple[str, str], Delivered] = field(default_factory=dict)
    contradictions: list[Delivered] = field(default_factory=list)

    @property
    def is_reached(self) -> bool:
        """Whether a first message was sent."""
        return any(
            step == _FIRST and found.outcome == "sent" for (step, _), found in self.outcomes.items()
        )

    def expected(self) -> list[tuple[str, str]]:
        """The steps and channels that must have an outcome in the end, as far as is known."""
        if self.note is None:
            return []
        first = [(_FIRST, channel) for channel in self.note.channels]
        if not self.is_reached or any(place not in self.outcomes for place in first):
            return first
        return first + [
            (_REMINDER, channel)
            for _, channel in first
            if not _closes(self.outcomes[_FIRST, channel])
        ]

    def missing(self) -> list[tuple[str, str]]:
        """Those that have none yet."""
        return [place for place in self.expected() if place not in self.outcomes]

    def unexpected(self) -> list[Delivered]:
        """Outcomes that there should not be."""
        wanted = set(self.expected())
        found = [found for place, found in self.outcomes.items() if place not in wanted]
        return found + self.contradictions


class Journeys:
    """All of them; the records of the two topics may come in any order.

    Attributes:
        by_id: By the notification's id.
        open: Ids of those that something is missing of.
    """

    def __init__(self) -> None:
        self.by_id: dict[str, Journey] = {}
        self.open: set[str] = set()

    def told(self, note: Told) -> None:
        """A notification was written."""
        journey = self.by_id.setdefault(note.id, Journey())
        journey.note = note
        self._look(note.id, journey)

    def settled(self, delivered: Delivered) -> bool:
        """An outcome was written; whether it is a new one."""
        journey = self.by_id.setdefault(delivered.notification_id, Journey())
        place = (delivered.step, delivered.channel)
        if place in journey.outcomes:
            if journey.outcomes[place] != delivered:
                journey.contradictions.append(delivered)
            return False
        journey.outcomes[place] = delivered
        self._look(delivered.notification_id, journey)
        return True

    def _look(self, note_id: str, journey: Journey) -> None:
        if journey.missing():
            self.open.add(note_id)
        else:
            self.open.discard(note_id)


def _closes(found: Delivered) -> bool:
    return found.outcome == "failed" or found.reason in _CLOSING
