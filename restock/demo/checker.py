# SPDX-License-Identifier: Apache-2.0
"""Holds the notifications of a run against the rules, from the topics alone.

What a run of the program decided can be judged afterwards without asking it: the inputs stand on
their topics in the order in which it read them, the result on its own. Nothing here comes from the
program's counters or from the `waitlist` package's decisions; `Policy` only carries the settings.

The one thing that topics do not show is *when* the program read a record. A record counts as known
at a moment if a sign-up that arrived after it was answered by then, or if it had arrived long
before (`restock.demo.wave_checks.READING_ALLOWANCE`); a stock figure may have been acted upon until
that long after it was replaced. So a busy machine causes no false alarm.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from restock.demo.evidence import Evidence, Told, Wave, read_told, waves_of
from restock.demo.queue_history import Entry, waiting_entries
from restock.demo.rules import Rule, Violation
from restock.demo.stock_history import StockState, stock_histories
from restock.demo.wave_checks import WaveChecks, is_eligible, person_name, waiter_name
from schemas.encode import notification_id
from waitlist.policy import Policy, PolicyBook

__all__ = ["Findings", "check"]


@dataclass(frozen=True, slots=True)
class Findings:
    """What the topics show.

    Attributes:
        violations: Every rule broken; empty when all is well.
        waves: The waves of each variant.
        entries: Everybody who waited, by variant.
        stock: The states of each variant's stock.
        left_behind: How many of the violations are people who should have been told by the end.
    """

    violations: tuple[Violation, ...]
    waves: dict[str, list[Wave]]
    entries: dict[str, list[Entry]]
    stock: dict[str, list[StockState]]
    left_behind: int


def check(evidence: Evidence, policies: PolicyBook, rejected: frozenset[bytes]) -> Findings:
    """Check a run.

    Args:
        evidence: The topics.
        policies: The rules that were in force.
        rejected: The values produced that are no valid records, each different from the others.

    Returns:
        What was found: broken rules, and what a summary can be made of.
    """
    told = read_told(evidence.notifications)
    unique = list({note.id: note for note in told}.values())
    entries = waiting_entries(evidence.subscriptions, rejected, unique)
    stock = stock_histories(evidence.inventory, rejected, policies)
    waves = waves_of(unique)
    violations = [*_told_twice(told, unique), *_unasked(unique, entries)]
    for variant_id, of_variant in sorted(waves.items()):
        checks = WaveChecks(
            policies.for_variant(variant_id),
            of_variant,
            entries.get(variant_id, []),
            stock.get(variant_id, []),
        )
        violations += checks.violations()
    left_behind = [
        line
        for variant_id, states in sorted(stock.items())
        for line in _left_behind(
            states[-1], entries.get(variant_id, []), policies.for_variant(variant_id)
        )
    ]
    violations += [*left_behind, *_dead_letters(evidence, rejected)]
    return Findings(tuple(violations), waves, entries, stock, len(left_behind))


def _told_twice(told: Sequence[Told], unique: Sequence[Told]) -> Iterator[Violation]:
    for note_id, count in Counter(note.id for note in told).items():
        if count > 1:
            yield Violation(Rule.ONCE, f"notification {note_id} stands {count} times on the topic")
    cycles = Counter((note.variant_id, note.profile_key, note.cycle) for note in unique)
    for (variant_id, profile_key, cycle), count in cycles.items():
        if count > 1:
            yield Violation(
                Rule.ONCE, f"{profile_key} {count} times in cycle {cycle} of {variant_id}"
            )


def _unasked(told: Sequence[Told], entries: dict[str, list[Entry]]) -> Iterator[Violation]:
    answered = {
        entry.told.id for queue in entries.values() for entry in queue if entry.told is not None
    }
    for note in told:
        if note.id not in answered:
            yield Violation(
                Rule.ONCE, f"{person_name(note)} was told, but no sign-up of theirs was waiting"
            )
        elif note.id != notification_id(note.variant_id, note.profile_key, note.subscribed_at):
            yield Violation(Rule.ONCE, f"{note.id} is not the id for {person_name(note)}")


def _left_behind(
    state: StockState, entries: Sequence[Entry], policy: Policy
) -> Iterator[Violation]:
    if not state.offered:
        return
    for entry in entries:
        waits = entry.told is None and entry.signed_off is None
        if waits and is_eligible(entry, state.cycle, state.opened_at, policy):
            yield Violation(
                Rule.NOBODY_LEFT, f"{waiter_name(entry)} was never told, and stock is there"
            )


def _dead_letters(evidence: Evidence, rejected: frozenset[bytes]) -> Iterator[Violation]:
    found = Counter(record.value for record in evidence.dead_letters)
    for value in sorted(rejected - found.keys()):
        yield Violation(Rule.DEAD_LETTERS, f"missing {value[:60]!r}")
    for letter, count in found.items():
        if letter not in rejected:
            yield Violation(Rule.DEAD_LETTERS, f"{letter and letter[:60]!r} is a valid record")
        elif count > 1:
            yield Violation(Rule.DEAD_LETTERS, f"{count} times {letter and letter[:60]!r}")
