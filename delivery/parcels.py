# SPDX-License-Identifier: Apache-2.0
"""From a task that is ready to a message that may be sent: all is judged now, right before it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from connectors.sinks.contract import Message
from delivery.lookup import Lookup, Stored
from delivery.settling import Entry, Update
from journey.facts import Facts
from journey.journey import (
    Journey,
    Outcome,
    Send,
    Suppress,
    Wait,
    companions,
    judge,
    message_id,
    settle,
)
from journey.plan import Plan
from schemas.fields import Channel

__all__ = ["Judged", "Packer", "Parcel", "settled"]

_ID_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message and the journeys it belongs to.

    Attributes:
        message: to be sent.
        channel: its channel.
        contents: its journeys, the oldest wave first.
    """

    message: Message
    channel: Channel
    contents: tuple[Stored, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to be done about a task.

    Attributes:
        parcel: to be sent; None: nothing is.
        updates: of journeys that are suppressed or have to wait.
        entries: what the ledger says of those.
    """

    parcel: Parcel | None
    updates: Sequence[Update]
    entries: Sequence[Entry]


class Packer:
    """Judges tasks.

    Args:
        plan: what journeys follow.
        lookup: knows the facts.
        clock: epoch milliseconds.
    """

    def __init__(self, plan: Plan, lookup: Lookup, clock: Callable[[], int]) -> None:
        """Judge nothing yet."""
        self._plan = plan
        self._lookup = lookup
        self._clock = clock
        self._names: dict[tuple[str, Channel], tuple[str, str]] = {}

    def judge(self, wanted: Sequence[tuple[Stored, Channel]]) -> list[Judged]:
        """Judge the messages that tasks call for, each with all that goes into it.

        Args:
            wanted: a journey and an open channel of it, each of another person.
        """
        groups = [self._group(stored, channel) for stored, channel in wanted]
        facts = self._lookup.facts(groups)
        now = self._clock()
        return [
            self._judge(stored.journey, channel, group, known, now)
            for (stored, channel), group, known in zip(wanted, groups, facts, strict=True)
        ]

    def _judge(
        self,
        chosen: Journey,
        channel: Channel,
        group: Sequence[Stored],
        facts: Sequence[Facts],
        now: int,
    ) -> Judged:
        contents: list[Stored] = []
        updates: list[Update] = []
        entries: list[Entry] = []
        verdicts = [
            judge(each.journey, channel, known, now, self._plan)
            for each, known in zip(group, facts, strict=True)
        ]
        # One message, one id: where a part must wait, all of it does.
        latest = max(
            (verdict.until for verdict in verdicts if isinstance(verdict, Wait)), default=0
        )
        for each, verdict in zip(group, verdicts, strict=True):
            match Wait(latest) if latest and isinstance(verdict, Send) else verdict:
                case Send():
                    contents.append(each)
                case Suppress(reason):
                    outcome = Outcome("suppressed", reason)
                    update, entry = settled(each, channel, outcome, reason, now, self._plan)
                    updates.append(update)
                    entries.append(entry)
                case Wait(until):
                    opened = replace(each.journey.channel(channel), next_at=until)
                    after = each.journey.with_channel(opened)
                    updates.append(Update(each.number, each.rank, each.journey, after))
        parcel = self._parcel(chosen, channel, tuple(contents)) if contents else None
        return Judged(parcel, updates, entries)

    def _group(self, stored: Stored, channel: Channel) -> list[Stored]:
        if not self._plan.digest:
            return [stored]
        everything = self._lookup.of_person(stored.journey.notified.profile_key)
        by_id = {each.journey.notified.id: each for each in everything}
        journeys = [each.journey for each in everything]
        found = companions(journeys, stored.journey, channel, self._plan)
        return [by_id[journey.notified.id] for journey in found]

    def _parcel(self, chosen: Journey, channel: Channel, contents: tuple[Stored, ...]) -> Parcel:
        ending, template = self._name(chosen.step, channel)
        message = Message(
            id=self._base_id(chosen) + ending,
            channel=channel,
            step=chosen.step,
            template=template,
            notifications=tuple(each.value for each in contents),
            attempt=chosen.channel(channel).attempts + 1,
        )
        return Parcel(message, channel, contents)

    def _name(self, name: str, channel: Channel) -> tuple[str, str]:
        """How the ids of a step's messages by a channel end, and their template."""
        known = self._names.get((name, channel))
        if known is None:
            step = self._plan.step(name)
            ending = message_id("", name, channel, self._plan)
            known = (ending, "" if step is None else step.template)
            self._names[name, channel] = known
        return known

    def _base_id(self, chosen: Journey) -> str:
        if not self._plan.digest:
            return chosen.notified.id
        # Whoever is left in it at a later attempt, a digest stays the same message.
        name = "\0".join([chosen.notified.profile_key, str(chosen.due_at)])
        return sha256(name.encode()).hexdigest()[:_ID_LENGTH]


def settled(
    stored: Stored,
    channel: Channel,
    outcome: Outcome,
    reason: str,
    now: int,
    plan: Plan,
) -> tuple[Update, Entry]:
    """Settle one notification of a message: the change of its journey, and its entry."""
    after, _ = settle(stored.journey, channel, outcome, now, plan)
    update = Update(stored.number, stored.rank, stored.journey, after)
    return update, _entry(stored, channel, outcome, reason, now)


def _entry(stored: Stored, channel: Channel, outcome: Outcome, reason: str, now: int) -> Entry:
    """The ledger's entry of one notification of a message."""
    notified = stored.journey.notified
    opened = stored.journey.channel(channel)
    tried = outcome.kind != "suppressed"
    return Entry(
        notification_id=notified.id,
        step=stored.journey.step,
        channel=channel,
        variant_id=notified.variant_id,
        profile_key=notified.profile_key,
        outcome=outcome.kind,
        reason=reason,
        attempts=opened.attempts + tried,
        first_at=now if opened.first_attempt_at is None else opened.first_attempt_at,
        settled_at=now,
    )
