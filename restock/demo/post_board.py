# SPDX-License-Identifier: Apache-2.0
"""What the screen shows of the post: which messages were sent, to how many, and which were not."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from restock.demo.evidence import Delivered, Told
from restock.demo.journeys import Journeys
from restock.demo.received import Received

__all__ = ["PostBoard"]


@dataclass(slots=True)
class PostBoard:
    """A picture for the eye, like `restock.demo.board.Board`.

    Attributes:
        journeys: What became of each notification so far.
        sent: Messages by channel.
        reminders: How many of them were reminders.
        kept_back: Messages that were not sent, by reason.
        reached: By variant, how many notifications a first message was sent of.
        turned_away: Ids of messages that a receiver turned away.
        come_again: Those of them that it has taken since.
    """

    journeys: Journeys = field(default_factory=Journeys)
    sent: Counter[str] = field(default_factory=Counter)
    reminders: int = 0
    kept_back: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    turned_away: set[str] = field(default_factory=set)
    come_again: set[str] = field(default_factory=set)

    @property
    def is_done(self) -> bool:
        """Whether nothing is missing of all notifications seen."""
        return not self.journeys.open

    def told(self, notes: Iterable[Told]) -> None:
        """Notifications were written."""
        for note in notes:
            self.journeys.told(note)

    def settled(self, found: Delivered) -> None:
        """An outcome was written."""
        journey = self.journeys.by_id.get(found.notification_id)
        was_reached = journey is not None and journey.is_reached
        if not self.journeys.settled(found):
            return
        if found.outcome != "sent":
            self.kept_back[found.reason] += 1
            return
        self.sent[found.channel] += 1
        self.reminders += found.step != "first"
        self.reached[found.variant_id] += not was_reached

    def received(self, received: Iterable[Received], lines: deque[str]) -> None:
        """Messages have come to the receivers; add a line where they show a fault, or its end."""
        for message in received:
            if not message.taken:
                if not self.turned_away:
                    lines.append("the webhook receiver fails: 503 to all that comes")
                self.turned_away.add(message.id)
            elif message.id in self.turned_away:
                self.come_again.add(message.id)
                if len(self.come_again) == len(self.turned_away):
                    count = f"{len(self.turned_away):,}"
                    lines.append(
                        f"the {count} webhooks it turned away have come again, and arrived"
                    )

    def text(self, *, reasons: bool) -> str:
        """Return the totals as one line, of at most 79 characters without the reasons."""
        text = (
            f"{self.sent['EMAIL']:,} mails, {self.sent['PUSH']:,} webhooks sent "
            f"({self.reminders:,} reminders)  {self.kept_back.total():,} kept back"
        )
        if reasons and self.kept_back:
            found = (f"{count:,} {reason}" for reason, count in self.kept_back.most_common())
            text += f": {', '.join(found)}".replace("_", " ")
        return text
