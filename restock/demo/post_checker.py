# SPDX-License-Identifier: Apache-2.0
"""Holds what became of the notifications against the rules: the topics, and what was received.

As in `restock.demo.checker`, nothing here comes from the program's ledger or counters.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from restock.demo.evidence import Evidence, read_delivered, read_told
from restock.demo.journeys import CHANNELS, Journey, Journeys
from restock.demo.reason_checks import ReasonChecks
from restock.demo.received import Received
from restock.demo.rules import Rule, Violation
from restock.demo.stock_history import StockState
from schemas.identifiers import person_identifiers

__all__ = ["PostFindings", "check_post"]


@dataclass(frozen=True, slots=True)
class PostFindings:
    """What the topics and the receivers show.

    Attributes:
        violations: Every rule broken; empty when all is well.
        journeys: What became of each notification.
        received: Everything that came to the receivers.
    """

    violations: tuple[Violation, ...]
    journeys: Journeys
    received: tuple[Received, ...]


def check_post(
    evidence: Evidence,
    rejected: frozenset[bytes],
    stock: Mapping[str, Sequence[StockState]],
    received: Sequence[Received],
) -> PostFindings:
    """Check the deliveries of a run.

    Args:
        evidence: The topics.
        rejected: The values produced that are no valid records.
        stock: The states of each variant's stock.
        received: Everything that came to the receivers, in the order in which it came.
    """
    journeys = Journeys()
    for note in read_told(evidence.notifications):
        journeys.told(note)
    for found in read_delivered(evidence.deliveries):
        journeys.settled(found)
    reasons = ReasonChecks(evidence, rejected, stock, journeys)
    violations = [
        *_not_sound(received),
        *_not_as_said(journeys, received),
        *_astray(journeys, received),
    ]
    for note_id, journey in journeys.by_id.items():
        violations += _accounts(note_id, journey)
        if journey.note is not None:
            for found in journey.outcomes.values():
                violations += reasons.violations(journey.note, found)
    return PostFindings(tuple(violations), journeys, tuple(received))


def _accounts(note_id: str, journey: Journey) -> Iterator[Violation]:
    for step, channel in journey.missing():
        yield Violation(Rule.ACCOUNTED, f"nothing is known of {step} by {channel} of {note_id}")
    for found in journey.unexpected():
        text = f"{found.step} by {found.channel} of {note_id} has an outcome it should not have"
        yield Violation(Rule.ACCOUNTED, f"{text}: {found.outcome} {found.reason}".rstrip())
    for found in journey.outcomes.values():
        if found.outcome == "failed":
            text = f"{found.step} by {found.channel} of {note_id} was given up: {found.reason}"
            yield Violation(Rule.ACCOUNTED, text)


def _not_sound(received: Sequence[Received]) -> Iterator[Violation]:
    for message in received:
        if not message.sound and message.channel == "PUSH":
            yield Violation(Rule.SIGNED, f"the signature of webhook {message.id} is wrong")
        elif not message.sound:
            text = f"mail {message.id} has no link to unsubscribe that works, or not the headers"
            yield Violation(Rule.UNSUBSCRIBE, text)


def _not_as_said(journeys: Journeys, received: Sequence[Received]) -> Iterator[Violation]:
    """Compare what is said to be sent with what came, by id."""
    outcomes = [found for each in journeys.by_id.values() for found in each.outcomes.values()]
    for channel in CHANNELS:
        said = {
            found.message_id
            for found in outcomes
            if (found.channel, found.outcome) == (channel, "sent")
        }
        came = Counter(
            message.id for message in received if message.channel == channel and message.taken
        )
        known = {found.message_id for found in outcomes if found.channel == channel}
        refused = {
            message.id for message in received if message.channel == channel and not message.taken
        }
        for lost in sorted(said - came.keys()):
            yield Violation(Rule.ARRIVED, f"{channel} {lost} is said to be sent, and never came")
        for unknown in sorted(came.keys() - said):
            yield Violation(Rule.ARRIVED, f"{channel} {unknown} came, and nothing says so")
        for left in sorted(refused - known):
            yield Violation(Rule.ARRIVED, f"{channel} {left} was turned away, and then forgotten")


def _astray(journeys: Journeys, received: Sequence[Received]) -> Iterator[Violation]:
    """Compare whom messages are for, and what they tell of, with their notifications."""
    for message in received:
        journey = journeys.by_id.get(message.id.partition(".")[0])
        if not message.sound or journey is None or journey.note is None:
            continue
        about = (person_identifiers(**message.profile)[0], message.variant_id)
        if about != (journey.note.profile_key, journey.note.variant_id):
            text = f"{message.channel} {message.id} came to {about[0]}, about {about[1]}"
            yield Violation(Rule.ARRIVED, f"{text}: the notification says otherwise")
