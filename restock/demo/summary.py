# SPDX-License-Identifier: Apache-2.0
"""The end of the demo: what the topics show, and whether every rule was kept."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from restock.demo.checker import Findings
from restock.demo.evidence import Evidence
from restock.demo.latency import Latency, latency_of, restock_to_told
from restock.demo.post_checker import PostFindings
from restock.demo.post_summary import PostSummary, post_table, summarise_post
from restock.demo.rules import Rule, Violation
from waitlist.policy import PolicyBook

__all__ = ["ItemSummary", "Summary", "print_summary", "summarise"]

_SHOWN_VIOLATIONS: Final = 20


@dataclass(frozen=True, slots=True)
class ItemSummary:
    """What became of one variant's waitlist.

    Attributes:
        label: The item's name.
        signed_up: Sign-ups that counted; a second one of somebody who waits does not.
        signed_off: Of those, ended by a sign-off.
        told: Of those, told.
        waves: In so many waves.
        largest_wave: People of the largest.
        waiting: Of those, still waiting.
        reached: Of those told, sent a first message.
    """

    label: str
    signed_up: int
    signed_off: int
    told: int
    waves: int
    largest_wave: int
    waiting: int
    reached: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What the topics show.

    Attributes:
        items: By variant.
        notifications: Records on the notifications topic.
        dead_letters: Records on the dead-letter topics.
        latency: From stock that came back to people told, in first waves; None: there were none.
        post: What became of the notifications.
        violations: Every rule broken.
    """

    items: Mapping[str, ItemSummary]
    notifications: int
    dead_letters: int
    latency: Latency | None
    post: PostSummary
    violations: Sequence[Violation]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "notifications": self.notifications,
            "signed_up": sum(item.signed_up for item in self.items.values()),
            "signed_off": sum(item.signed_off for item in self.items.values()),
            "waiting": sum(item.waiting for item in self.items.values()),
            "waves": sum(item.waves for item in self.items.values()),
            "dead_letters": self.dead_letters,
            "latency_ms": None if self.latency is None else asdict(self.latency),
            "deliveries": self.post.as_dict(),
            "violations": [
                {"rule": item.rule.name.lower(), "text": item.text} for item in self.violations
            ],
            "items": {variant_id: asdict(item) for variant_id, item in self.items.items()},
        }


def summarise(
    evidence: Evidence,
    findings: Findings,
    post_findings: PostFindings,
    policies: PolicyBook,
    labels: Mapping[str, str],
) -> Summary:
    """Sum up a run.

    Args:
        evidence: The topics.
        findings: What the checker found in them of the waves.
        post_findings: What it found of the deliveries.
        policies: The rules.
        labels: Names of the items, by variant.
    """
    post = summarise_post(post_findings)
    return Summary(
        items={
            variant_id: _item(label, findings, variant_id, post.reached.get(variant_id, 0))
            for variant_id, label in labels.items()
        },
        notifications=len(evidence.notifications),
        dead_letters=len(evidence.dead_letters),
        latency=latency_of(restock_to_told(findings.waves, findings.stock, policies)),
        post=post,
        violations=(*findings.violations, *post_findings.violations),
    )


def print_summary(summary: Summary, console: Console) -> None:
    """Print a summary for people."""
    console.print()
    _print(console, _fate(summary), "bold")
    console.print(_table(summary))
    console.print()
    console.print(post_table(summary.post))
    console.print()
    if summary.post.turned_away:
        _print(
            console,
            f"The webhook receiver failed and turned away {summary.post.turned_away:,} attempts; "
            "they were repeated",
        )
    if summary.latency is not None:
        latency = summary.latency
        _print(
            console,
            f"Stock back to told: median {latency.median} ms, 99 % within {latency.p99} ms "
            f"({latency.count:,} people, first waves)",
        )
    broken = {violation.rule for violation in summary.violations}
    for rule in Rule:
        kept = rule not in broken
        count = f" ({summary.dead_letters})" if rule is Rule.DEAD_LETTERS else ""
        line = Text("  ok    " if kept else "  FAIL  ", style="green" if kept else "bold red")
        console.print(line.append(rule.value + count, style="default"), soft_wrap=True)
    _print_violations(summary.violations, console)


def _fate(summary: Summary) -> str:
    """Everybody's way in one line: those told are those reached and those kept back."""
    asked = sum(item.signed_up for item in summary.items.values())
    told, reached = summary.notifications, sum(summary.post.reached.values())
    return (
        f"By the topics: {asked:,} waited, {told:,} told, {reached:,} reached, "
        f"{told - reached:,} kept back"
    )


def _print_violations(violations: Sequence[Violation], console: Console) -> None:
    if not violations:
        return
    console.print()
    for violation in violations[:_SHOWN_VIOLATIONS]:
        _print(console, f"{violation.rule.name.lower()}: {violation.text}", "red")
    if len(violations) > _SHOWN_VIOLATIONS:
        _print(console, f"... and {len(violations) - _SHOWN_VIOLATIONS} more", "red")


def _print(console: Console, line: str, style: str | None = None) -> None:
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def _table(summary: Summary) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Item", no_wrap=True, min_width=23)
    for heading in ("Signed up", "Off", "Waiting", "Waves", "Largest", "Told", "Reached"):
        table.add_column(heading, justify="right", no_wrap=True)
    for item in summary.items.values():
        figures = (
            item.signed_up,
            item.signed_off,
            item.waiting,
            item.waves,
            item.largest_wave,
            item.told,
            item.reached,
        )
        table.add_row(item.label, *(f"{figure:,}" for figure in figures))
    return table


def _item(label: str, findings: Findings, variant_id: str, reached: int) -> ItemSummary:
    entries = findings.entries.get(variant_id, [])
    waves = findings.waves.get(variant_id, [])
    told = sum(entry.told is not None for entry in entries)
    signed_off = sum(entry.told is None and entry.signed_off is not None for entry in entries)
    return ItemSummary(
        label=label,
        signed_up=len(entries),
        signed_off=signed_off,
        told=told,
        waves=len(waves),
        largest_wave=max((len(wave.people) for wave in waves), default=0),
        waiting=len(entries) - told - signed_off,
        reached=reached,
    )
