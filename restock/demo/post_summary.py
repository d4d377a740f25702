# SPDX-License-Identifier: Apache-2.0
"""The end of the demo, second part: whom the messages reached, and who was left alone, and why."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich import box
from rich.table import Table

from restock.demo.journeys import CHANNELS, STEPS
from restock.demo.post_checker import PostFindings

__all__ = ["PostSummary", "post_table", "summarise_post"]

_WAYS: Final = {"EMAIL": "sent by mail", "PUSH": "sent by webhook"}
_REASONS: Final = {
    "ordered": "they have ordered it",
    "sold_out": "sold out again",
    "recently_told": "just told of another item",
    "unsubscribed": "they have signed off",
    "no_address": "no address is known",
    "no_channel": "the shop sends no text messages",
}


@dataclass(frozen=True, slots=True)
class PostSummary:
    """What became of the notifications.

    Attributes:
        reached: By variant, notifications of which a first message was sent.
        sent: By step and channel, messages that were sent.
        kept_back: By step and reason, messages that were not.
        failed: Messages that were given up.
        turned_away: How often a receiver turned a message away for the time being.
        repeats: How often a message was taken that had been taken before.
    """

    reached: Mapping[str, int]
    sent: Mapping[str, Mapping[str, int]]
    kept_back: Mapping[str, Mapping[str, int]]
    failed: int
    turned_away: int
    repeats: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "reached": sum(self.reached.values()),
            "sent": {step: dict(found) for step, found in self.sent.items()},
            "kept_back": {step: dict(found) for step, found in self.kept_back.items()},
            "failed": self.failed,
            "turned_away": self.turned_away,
            "repeats": self.repeats,
        }


def summarise_post(findings: PostFindings) -> PostSummary:
    """Sum up what was found."""
    journeys = findings.journeys.by_id.values()
    outcomes = [found for journey in journeys for found in journey.outcomes.values()]
    taken = Counter((message.channel, message.id) for message in findings.received if message.taken)
    return PostSummary(
        reached=Counter(
            journey.note.variant_id
            for journey in journeys
            if journey.note is not None and journey.is_reached
        ),
        sent={
            step: Counter(
                found.channel for found in outcomes if (found.step, found.outcome) == (step, "sent")
            )
            for step in STEPS
        },
        kept_back={
            step: Counter(
                found.reason
                for found in outcomes
                if (found.step, found.outcome) == (step, "suppressed")
            )
            for step in STEPS
        },
        failed=sum(found.outcome == "failed" for found in outcomes),
        turned_away=sum(not message.taken for message in findings.received),
        repeats=taken.total() - len(taken),
    )


def post_table(summary: PostSummary) -> Table:
    """Return the messages as a table: a row for each way, and for each reason against it."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Messages", no_wrap=True, min_width=46)
    for heading in ("First", "Reminder"):
        table.add_column(heading, justify="right", min_width=8)
    for channel in CHANNELS:
        table.add_row(
            _WAYS[channel], *(f"{summary.sent[step].get(channel, 0):,}" for step in STEPS)
        )
    found = {reason for counts in summary.kept_back.values() for reason in counts}
    for reason in (*_REASONS, *sorted(found - _REASONS.keys())):
        counts = [summary.kept_back[step].get(reason, 0) for step in STEPS]
        if any(counts):
            name = f"kept back: {_REASONS.get(reason, reason)}"
            table.add_row(name, *(f"{count:,}" if count else "" for count in counts))
    if summary.failed:
        table.add_row("given up", f"{summary.failed:,}", "")
    return table
