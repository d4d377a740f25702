# SPDX-License-Identifier: Apache-2.0
"""Judges a torture run of delivery by what was written, what was received, and what is recorded.

It knows nothing of the program but what it promises:

* every notification has one outcome by each of its channels, in the ledger and in
  restock.deliveries, and what is said to be sent was received;
* at most `Evidence.in_flight` messages come again for each kill, under the same id;
* who had ordered or signed off before a start is not told after it;
* in each variant the first in the queue is told first, but for `Evidence.window` places.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from tests.support.delivering import Receipt
from tests.torture.delivery_plan import Planned

__all__ = ["Deviation", "Evidence", "Outcome", "Report", "check"]

Kind = Literal[
    "lost", "contradicted", "repeated", "renamed", "unwelcome", "reordered", "foreign", "unsigned"
]

_BY: Final[Mapping[str, Literal["mail", "hook"]]] = {"EMAIL": "mail", "PUSH": "hook"}
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the ledger or the topic of deliveries says of a notification by a channel."""

    about: str
    channel: str
    kind: str
    reason: str = ""


@dataclass(frozen=True)
class Evidence:
    """What a run has left; times in seconds of one clock.

    Attributes:
        planned: all notifications, those of a variant in the order of its queue.
        objections: for notifications that somebody objected to the reason, and when it was written.
        starts: when the program was started, in order.
        receipts: all of them, in order.
        ledger: its entries.
        announced: the records of restock.deliveries.
        faults: what receivers found wrong with what they got.
        kills: how often the program was killed.
        in_flight: how many messages may be on their way at once.
        window: how many places somebody may be overtaken by.
    """

    planned: Sequence[Planned]
    objections: Mapping[str, tuple[str, float]]
    starts: Sequence[float]
    receipts: Sequence[Receipt]
    ledger: Sequence[Outcome]
    announced: Sequence[Outcome]
    faults: Sequence[str]
    kills: int
    in_flight: int
    window: int

    @cached_property
    def owners(self) -> dict[str, Planned]:
        """Each notification by what receivers know of it: its id, or the address."""
        by_id = {each.id: each for each in self.planned}
        return by_id | {f"{each.person}@example.com": each for each in self.planned}

    @cached_property
    def places(self) -> dict[tuple[str, str], int]:
        """By receiver and notification its place among those of its variant that go there."""
        lengths: Counter[tuple[str, str]] = Counter()
        found: dict[tuple[str, str], int] = {}
        for each in self.planned:
            for channel in each.channels:
                line = (_BY[channel], each.variant)
                found[_BY[channel], each.id] = lengths[line]
                lengths[line] += 1
        return found

    @cached_property
    def first_receipts(self) -> dict[tuple[str, str], Receipt]:
        """The first receipt of each message, by receiver and notification, in order."""
        found: dict[tuple[str, str], Receipt] = {}
        for receipt in self.receipts:
            owner = self.owners.get(receipt.about)
            if owner is not None and (receipt.by, owner.id) in self.places:
                found.setdefault((receipt.by, owner.id), receipt)
        return found


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something that must not be.

    Attributes:
        kind: lost: no outcome, or said to be sent and not received; contradicted: outcomes that
            do not agree, or without a reason for them; repeated: more often than the bound;
            renamed: another id than its notification's; unwelcome: told although it was known
            that the person had ordered or signed off; reordered: overtaken by too many; foreign:
            of no notification that was written; unsigned: refused by a receiver.
        what: one line.
    """

    kind: Kind
    what: str


@dataclass(slots=True)
class Report:
    """What a check comes to.

    Attributes:
        messages: distinct messages that were received.
        repeats: receipts beyond those.
        most_overtaken: the largest number of places by which somebody was overtaken.
        suppressed: outcomes by their reason.
        deviations: everything that is wrong.
    """

    messages: int = 0
    repeats: int = 0
    most_overtaken: int = 0
    suppressed: Counter[str] = field(default_factory=Counter)
    deviations: list[Deviation] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The first deviations of each kind."""
        counts = Counter(each.kind for each in self.deviations)
        for kind, count in counts.items():
            whats = [each.what for each in self.deviations if each.kind == kind]
            yield from (f"{kind}: {what}" for what in whats[:_SHOWN])
            if count > _SHOWN:
                yield f"{kind}: and {count - _SHOWN} more"


def check(evidence: Evidence) -> Report:
    """Judge a run."""
    report = Report(messages=len(evidence.first_receipts))
    report.suppressed.update(each.reason for each in evidence.ledger if each.kind == "suppressed")
    for rule in (_outcomes, _announcements, _names, _repeats, _objections, _order):
        report.deviations += rule(evidence, report)
    report.deviations += [Deviation("unsigned", fault) for fault in evidence.faults]
    return report


def _outcomes(evidence: Evidence, _report: Report) -> Iterator[Deviation]:
    found = defaultdict[tuple[str, str], list[Outcome]](list)
    for entry in evidence.ledger:
        found[entry.about, entry.channel].append(entry)
    for each in evidence.planned:
        for channel in each.channels:
            entries = found.pop((each.id, channel), [])
            yield from _outcome(evidence, each, channel, entries)
    for about, channel in found:
        yield Deviation("foreign", f"the ledger has {about} by {channel}, which was not written")


def _outcome(
    evidence: Evidence, planned: Planned, channel: str, entries: Sequence[Outcome]
) -> Iterator[Deviation]:
    name = f"{planned.id} ({planned.person}, {planned.variant}) by {channel}"
    was_received = (_BY[channel], planned.id) in evidence.first_receipts
    reason, _ = evidence.objections.get(planned.id, ("", 0.0))
    match entries:
        case [Outcome(kind="sent")]:
            if not was_received:
                yield Deviation("lost", f"{name}: said to be sent, but not received")
        case [Outcome(kind="suppressed", reason=given)]:
            if given != reason:
                yield Deviation("contradicted", f"{name}: suppressed as {given}, which it is not")
        case [Outcome(kind=kind, reason=given)]:
            yield Deviation("contradicted", f"{name}: {kind} ({given}), but nobody refused it")
        case []:
            yield Deviation("lost", f"{name}: no outcome in the ledger")
        case _:
            yield Deviation("contradicted", f"{name}: {len(entries)} outcomes in the ledger")


def _announcements(evidence: Evidence, _report: Report) -> Iterator[Deviation]:
    ledger, announced = set(evidence.ledger), set(evidence.announced)
    for each in ledger - announced:
        yield Deviation("lost", f"{each.about} by {each.channel} is not in restock.deliveries")
    for each in announced - ledger:
        what = f"restock.deliveries has {each.about} by {each.channel} as {each.kind}"
        yield Deviation("contradicted", f"{what}, the ledger has not")


def _names(evidence: Evidence, _report: Report) -> Iterator[Deviation]:
    for receipt in evidence.receipts:
        owner = evidence.owners.get(receipt.about)
        if owner is None:
            yield Deviation("foreign", f"{receipt.by} for {receipt.about}, who was not written")
        elif receipt.id != owner.id:
            yield Deviation("renamed", f"{receipt.by} for {owner.id} came as {receipt.id}")
        elif receipt.by not in {_BY[channel] for channel in owner.channels}:
            yield Deviation("foreign", f"{receipt.by} for {owner.id}, who chose {owner.channels}")


def _repeats(evidence: Evidence, report: Report) -> Iterator[Deviation]:
    report.repeats = len(evidence.receipts) - report.messages
    bound = evidence.kills * evidence.in_flight
    if report.repeats > bound:
        what = f"{report.repeats} messages came again, {evidence.kills} kills explain {bound}"
        yield Deviation("repeated", what)


def _objections(evidence: Evidence, _report: Report) -> Iterator[Deviation]:
    for receipt in evidence.receipts:
        owner = evidence.owners.get(receipt.about)
        if owner is None or owner.id not in evidence.objections:
            continue
        reason, written = evidence.objections[owner.id]
        started = evidence.starts[bisect_right(evidence.starts, receipt.at) - 1]
        if written < started:
            what = f"{receipt.by} for {owner.id} ({owner.person}) came after a start that knew: "
            yield Deviation("unwelcome", what + reason)


def _order(evidence: Evidence, report: Report) -> Iterator[Deviation]:
    farthest: defaultdict[tuple[str, str], int] = defaultdict(int)
    for by, about in evidence.first_receipts:
        place, variant = evidence.places[by, about], evidence.owners[about].variant
        overtaken = farthest[by, variant] - place
        report.most_overtaken = max(report.most_overtaken, overtaken)
        if overtaken > evidence.window:
            what = f"{by} for {about}: one {overtaken} places behind it in {variant} came before it"
            yield Deviation("reordered", what)
        farthest[by, variant] = max(farthest[by, variant], place)
