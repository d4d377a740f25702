# SPDX-License-Identifier: Apache-2.0
"""The demo's checker of deliveries: content with a sound run, and finding each planted fault."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from restock.demo.evidence import Evidence, LoggedRecord, Told, read_told
from restock.demo.post_checker import PostFindings, check_post
from restock.demo.post_summary import summarise_post
from restock.demo.received import Received
from restock.demo.rules import Rule
from restock.demo.stock_history import stock_histories
from restock.demo.wave_checks import READING_ALLOWANCE
from schemas.timestamps import format_timestamp, parse_timestamp
from tests.support.demo_runs import START, came, rehearse

Found = dict[str, Any]

RUN = rehearse()
DELIVERIES = RUN.evidence.deliveries
STOCK = stock_histories(RUN.evidence.inventory, RUN.script.rejected, RUN.policies)
LONG_AGO = START - 60_000
NOTES = {note.id: note for note in read_told(RUN.evidence.notifications)}


def judge(
    evidence: Evidence = RUN.evidence, received: tuple[Received, ...] = RUN.received
) -> PostFindings:
    """Check what has been made of the rehearsed run."""
    return check_post(evidence, RUN.script.rejected, STOCK, received)


def broken(findings: PostFindings) -> set[Rule]:
    """The rules that are broken."""
    return {violation.rule for violation in findings.violations}


def outcome(step: str = "first", kind: str = "sent", reason: str | None = None) -> int:
    """Where the first such outcome stands on the deliveries topic."""
    wanted = (step, kind, reason)
    for place, record in enumerate(DELIVERIES):
        found = orjson.loads(record.value or b"")
        if (found["step"], found["outcome"], found["reason"]) == wanted:
            return place
    raise AssertionError(wanted)


def fields(place: int) -> Found:
    """An outcome's fields."""
    found: Found = orjson.loads(DELIVERIES[place].value or b"")
    return found


def with_outcome(place: int, **changes: object) -> Evidence:
    """The run with an outcome changed."""
    value = orjson.dumps(fields(place) | changes)
    changed = replace(DELIVERIES[place], value=value)
    return delivered(*DELIVERIES[:place], changed, *DELIVERIES[place + 1 :])


def delivered(*records: LoggedRecord) -> Evidence:
    """The run with other outcomes."""
    return replace(RUN.evidence, deliveries=records)


def logged(at: int, value: object) -> LoggedRecord:
    """A record that arrived then."""
    return LoggedRecord(0, 100_000, at, b"", orjson.dumps(value))


def test_a_sound_run_passes() -> None:
    """Nothing is found, and everybody told is in the summary."""
    findings = judge()
    assert () == findings.violations
    summary = summarise_post(findings)
    assert RUN.evidence.notifications
    assert len(NOTES) == len(findings.journeys.by_id)
    assert {"ordered", "recently_told", "no_address", "no_channel"} == set(
        summary.kept_back["first"]
    )
    assert sum(sum(sent.values()) for sent in summary.sent.values()) == len(RUN.received)


@pytest.mark.parametrize("step", ["first", "reminder"])
def test_it_finds_a_message_that_nothing_is_known_of(step: str) -> None:
    """Each step by each channel must have an outcome."""
    place = outcome(step)
    findings = judge(delivered(*DELIVERIES[:place], *DELIVERIES[place + 1 :]))
    assert {Rule.ACCOUNTED, Rule.ARRIVED} == broken(findings)
    assert any("nothing is known of" in violation.text for violation in findings.violations)


def test_it_finds_a_message_given_up() -> None:
    """In the demo every fault is mended: nothing may fail for good."""
    findings = judge(with_outcome(outcome("reminder"), outcome="failed", reason="http_503"))
    assert Rule.ACCOUNTED in broken(findings)


def test_it_finds_an_outcome_of_no_notification() -> None:
    """Somebody told of whom no notification speaks is found."""
    findings = judge(with_outcome(outcome(), notification_id="0" * 32))
    assert Rule.ACCOUNTED in broken(findings)


def test_it_finds_a_message_that_never_came() -> None:
    """What is said to be sent must have come."""
    assert {Rule.ARRIVED} == broken(judge(received=RUN.received[1:]))


def test_it_finds_a_message_that_nothing_speaks_of() -> None:
    """What came must be said to be sent; under another id it is another message."""
    stranger = replace(RUN.received[0], id="0" * 32)
    assert {Rule.ARRIVED} == broken(judge(received=(*RUN.received, stranger)))


def test_a_repeat_under_the_same_id_is_no_fault() -> None:
    """It is counted all the same."""
    findings = judge(received=(*RUN.received, RUN.received[0]))
    assert () == findings.violations
    assert 1 == summarise_post(findings).repeats


def test_a_message_turned_away_must_not_be_forgotten() -> None:
    """One that comes again is no fault; one that nothing is known of any more is."""
    again = replace(RUN.received[0], taken=False)
    findings = judge(received=(again, *RUN.received))
    assert () == findings.violations
    assert 1 == summarise_post(findings).turned_away
    assert {Rule.ARRIVED} == broken(judge(received=(replace(again, id="0" * 32), *RUN.received)))


@pytest.mark.parametrize("wrong", [{"profile": {"id": "B"}}, {"variant_id": "w"}])
def test_it_finds_a_message_gone_astray(wrong: Found) -> None:
    """A message must be for the person of its notification, and about the item."""
    first, *others = RUN.received
    assert {Rule.ARRIVED} == broken(judge(received=(replace(first, **wrong), *others)))


@pytest.mark.parametrize(("channel", "rule"), [("PUSH", Rule.SIGNED), ("EMAIL", Rule.UNSUBSCRIBE)])
def test_it_finds_a_message_that_is_not_sound(channel: str, rule: Rule) -> None:
    """A wrong signature, or headers without a link that works."""
    place = next(n for n, message in enumerate(RUN.received) if message.channel == channel)
    received = list(RUN.received)
    received[place] = replace(received[place], sound=False)
    assert {rule} == broken(judge(received=tuple(received)))


@pytest.mark.parametrize(
    "reason",
    ["ordered", "unsubscribed", "sold_out", "recently_told", "no_address", "no_channel", "expired"],
)
def test_it_finds_somebody_kept_back_for_no_reason(reason: str) -> None:
    """Whatever reason is given for a first message that was sent, the topics do not show it."""
    findings = judge(with_outcome(outcome(), outcome="suppressed", reason=reason))
    assert Rule.REASONS in broken(findings)


def test_stock_from_before_the_wave_is_no_reason() -> None:
    """That the item was sold out until it came back keeps back nobody; to be so again does."""
    place = outcome("reminder")
    found = fields(place)
    at = parse_timestamp(found["occurred_at"])
    sold_out = with_outcome(place, outcome="suppressed", reason="sold_out")
    record = {"variant_id": found["variant_id"], "quantity": 0}
    states = STOCK[found["variant_id"]]
    note = NOTES[found["notification_id"]]
    before = [state for state in states if state.cycle < note.cycle]
    gone = replace(states[-1], known_from=at - 1, offered=False, quantity=record["quantity"])
    received = tuple(message for message in RUN.received if message.id != f"{note.id}.reminder")
    for history, expected in ((before, {Rule.REASONS}), ([*before, gone], set())):
        stock = {found["variant_id"]: history}
        findings = check_post(sold_out, RUN.script.rejected, stock, received)
        assert expected == broken(findings)


def order(note: Told, at: int) -> LoggedRecord:
    """An order of what somebody was told of."""
    return logged(at, {
        "order_id": "x", "profile": {"id": note.profile_key.removeprefix("id:")},
        "items": [{"variant_id": note.variant_id}], "occurred_at": format_timestamp(at),
    })  # fmt: skip


def sign_off(note: Told, at: int) -> LoggedRecord:
    """A sign-off from what somebody was told of."""
    return logged(at, {
        "type": "unsubscribe", "profile": {"id": note.profile_key.removeprefix("id:")},
        "variant_id": note.variant_id, "occurred_at": format_timestamp(at),
    })  # fmt: skip


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize(("topic", "make"), [("orders", order), ("subscriptions", sign_off)])
def test_it_finds_somebody_told_against_a_reason(
    topic: str, make: Callable[[Told, int], LoggedRecord], after: int
) -> None:
    """Who had ordered or signed off is not told, once there was time to read of it."""
    found = fields(outcome("reminder"))
    at = parse_timestamp(found["occurred_at"]) - READING_ALLOWANCE + after
    note = replace(NOTES[found["notification_id"]], subscribed_at=LONG_AGO)
    early = {
        "notifications": tuple(
            replace(record, value=_earlier(record)) for record in RUN.evidence.notifications
        )
    }
    facts = {topic: (*getattr(RUN.evidence, topic), make(note, at))}
    findings = judge(replace(RUN.evidence, **early, **facts))
    assert ({Rule.REASONS} if after == 0 else set()) == broken(findings)


def _earlier(record: LoggedRecord) -> bytes:
    """A notification whose person signed up long ago."""
    return orjson.dumps(
        orjson.loads(record.value or b"") | {"subscribed_at": format_timestamp(LONG_AGO)}
    )


def test_it_finds_somebody_told_twice_in_a_row() -> None:
    """Who was just told of one item is not told of another."""
    place = outcome(kind="suppressed", reason="recently_told")
    found = fields(place)
    note = NOTES[found["notification_id"]]
    extra = came(note, "first", found["channel"])
    evidence = with_outcome(place, outcome="sent", reason=None)
    findings = judge(evidence, (*RUN.received, extra))
    assert Rule.REASONS in broken(findings)
    assert any("just been told of another" in item.text for item in findings.violations)
