# SPDX-License-Identifier: Apache-2.0
"""The reference model of journeys: the rules as they are told, over plain dictionaries.

A plan is a dictionary of the keys of the [delivery] table, all of them given, durations in
milliseconds. A person is what `journey.notified.Notified` says, as a dictionary.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

__all__ = ["begin", "companions", "judge", "message_id", "quiet_until", "retry", "settle"]

_MINUTE = 60_000
_FOR_GOOD = ("failed", "no_consent", "no_address", "unsubscribed")

Table = dict[str, Any]


def goes_by(plan: Table, number: int, channel: str) -> bool:
    """Whether a step may go by a channel that has a sink."""
    allowed = plan["step"][number]["channels"]
    return channel in plan["channels"] and (allowed is None or channel in allowed)


def opened(channels: list[str], due: int) -> dict[str, Table]:
    """Channels nobody has tried yet."""
    return {name: {"attempts": 0, "first": None, "next": due} for name in channels}


def begin(person: Table, now: int, plan: Table, digest_due: int | None) -> Table:
    """A journey at its first step, over if no channel is open; and what was settled with it."""
    if plan["digest"] == 0:
        due = now + plan["step"][0]["delay"]
    elif digest_due is not None:
        due = digest_due
    else:
        due = now + plan["digest"]
    good = [name for name in person["channels"] if goes_by(plan, 0, name)]
    bad = [name for name in person["channels"] if name not in good]
    first = plan["step"][0]["name"]
    return {
        "person": person,
        "number": 0,
        "due": due,
        "open": opened(good, due),
        "sent": {0: []},
        "closed": [],
        "over": not good,
        "settled": [(first, name, "no_channel") for name in bad],
    }


def judge(journey: Table, channel: str, facts: Table, now: int, plan: Table) -> tuple[Any, ...]:
    """What is to be done: ("send",), ("suppress", reason) or ("wait", until)."""
    for reason, holds in reasons(journey, channel, facts, now, plan):
        if holds:
            return ("suppress", reason)
    person = journey["person"]
    if channel in plan["quiet_channels"]:
        zone = plan["time_zones"].get(person["market"], plan["time_zone"])
        until = quiet_until(now, plan["quiet_hours"], zone)
        if until is not None:
            return ("wait", until)
    due = journey["open"][channel]["next"]
    return ("wait", due) if now < due else ("send",)


def reasons(
    journey: Table, channel: str, facts: Table, now: int, plan: Table
) -> list[tuple[str, bool]]:
    """Every reason in its order, and whether it holds."""
    person, number = journey["person"], journey["number"]
    step = plan["step"][number]
    since = person["subscribed_at"]
    needs_consent = channel in ("SMS", "WHATSAPP") or (
        channel == "EMAIL" and plan["email_consent"] == "explicit"
    )
    address = {"EMAIL": person["has_email"], "PUSH": True}.get(channel, person["has_phone"])
    planned = journey["due"]
    if number == 0:
        planned = person["triggered_at"] + step["delay"]
        if plan["digest"] > 0 and journey["due"] > planned:
            planned = min(journey["due"], planned + plan["digest"])
    signed_off, ordered, told = facts["signed_off_at"], facts["ordered_at"], facts["told_at"]
    recently = plan["recently_told"]
    found = [
        ("no_channel", step["channels"] is not None and channel not in step["channels"]),
        ("unsubscribed", signed_off is not None and signed_off >= since),
        ("ordered", ordered is not None and ordered >= since),
        ("no_consent", needs_consent and channel not in person["consent"]),
        ("no_address", not address),
        ("expired", now > planned + plan["max_age"]),
        ("sold_out", facts["offered"] is False),
        ("recently_told", recently > 0 and told is not None and told > now - recently),
    ]
    optional = ("ordered", "sold_out", "recently_told")
    return [pair for pair in found if pair[0] not in optional or pair[0] in step["unless"]]


def settle(journey: Table, channel: str, outcome: str, now: int, plan: Table) -> Table:
    """The journey after a channel was "sent", "failed", or suppressed for a reason."""
    after = {**journey, "open": dict(journey["open"]), "sent": dict(journey["sent"])}
    number = journey["number"]
    after["settled"] = [(plan["step"][number]["name"], channel, outcome)]
    del after["open"][channel]
    if outcome == "sent":
        after["sent"][number] = [*after["sent"][number], channel]
    if outcome in _FOR_GOOD:
        after["closed"] = [*after["closed"], channel]
    if after["open"]:
        return after
    after["over"] = True
    if not after["sent"][number]:
        return after
    due = now
    for later in range(number + 1, len(plan["step"])):
        due += plan["step"][later]["delay"]
        left = [
            name
            for name in after["person"]["channels"]
            if goes_by(plan, later, name) and name not in after["closed"]
        ]
        if left:
            after.update({"number": later, "due": due, "open": opened(left, due), "over": False})
            after["sent"][later] = []
            return after
    return after


def retry(journey: Table, channel: str, at: int, now: int) -> Table:
    """The journey after an attempt in vain."""
    state = dict(journey["open"][channel])
    state["attempts"] += 1
    state["next"] = at
    if state["first"] is None:
        state["first"] = now
    return {**journey, "open": {**journey["open"], channel: state}, "settled": []}


def message_id(person_id: str, number: int, channel: str, plan: Table) -> str:
    """The id of a message."""
    sink = plan["channels"][channel]
    rivals = [
        other
        for other in plan["channels"]
        if other != channel and plan["channels"][other] == sink and goes_by(plan, number, other)
    ]
    step = f".{plan['step'][number]['name']}" if number else ""
    return person_id + step + (f".{channel.lower()}" if rivals else "")


def companions(
    journeys: list[Table], chosen: Table, channel: str, plan: Table
) -> list[tuple[int, str]]:
    """Wave's start and id of all that one message tells of."""
    together = [chosen]
    if plan["digest"] > 0:
        together = [
            journey
            for journey in journeys
            if journey["number"] == chosen["number"]
            and journey["due"] == chosen["due"]
            and channel in journey["open"]
        ]
    return sorted((each["person"]["triggered_at"], each["person"]["id"]) for each in together)


def quiet_until(now: int, hours: str | None, zone: str) -> int | None:
    """Look at the wall clock minute by minute."""
    if hours is None:
        return None
    start, end = hours.split("-")

    def is_quiet(moment: int) -> bool:
        shown = datetime.fromtimestamp(moment // 1000, ZoneInfo(zone)).strftime("%H:%M")
        return start <= shown < end if start < end else shown >= start or shown < end

    if not is_quiet(now):
        return None
    moment = now - now % _MINUTE
    while is_quiet(moment):
        moment += _MINUTE
    return moment
