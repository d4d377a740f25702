# SPDX-License-Identifier: Apache-2.0
"""The checker of the delivery torture finds what is planted; a short run finds nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from restock.embedded_broker import EmbeddedBroker
from tests.support.delivering import Receipt
from tests.torture.brokers import MockCluster, NamedBroker
from tests.torture.delivery import torment
from tests.torture.delivery_checker import Evidence, Outcome, check
from tests.torture.delivery_plan import HOT, Objection, Planned, plan_feed, plan_kills

NOW = 1_790_000_000_000
PEOPLE = 60
IN_FLIGHT = 5
WINDOW = 10


def sound(objected_at: float = 5.0) -> Evidence:
    """What a run leaves with which all is well: one person had ordered before the second start."""
    planned = [each for each in plan_feed(1, PEOPLE, NOW) if isinstance(each, Planned)]
    ordered = planned[0]
    messages = [(each, channel) for each in planned for channel in each.channels]
    outcomes = [
        Outcome(each.id, channel, "suppressed", "ordered")
        if each is ordered
        else Outcome(each.id, channel, "sent")
        for each, channel in messages
    ]
    receipts = [
        _receipt(each, channel, 20.0 + number)
        for number, (each, channel) in enumerate(messages)
        if each is not ordered
    ]
    return Evidence(
        planned=planned,
        objections={ordered.id: ("ordered", objected_at)},
        starts=[0.0, 10.0],
        receipts=receipts,
        ledger=outcomes,
        announced=outcomes[:3] + outcomes,
        faults=[],
        kills=1,
        in_flight=IN_FLIGHT,
        window=WINDOW,
    )


def _receipt(planned: Planned, channel: str, at: float) -> Receipt:
    if channel == "EMAIL":
        return Receipt("mail", planned.id, f"{planned.person}@example.com", at)
    return Receipt("hook", planned.id, planned.id, at)


def repeated(evidence: Evidence, times: int) -> Evidence:
    """The first messages came again."""
    return replace(evidence, receipts=[*evidence.receipts, *evidence.receipts[:times]])


def kinds(evidence: Evidence) -> set[str]:
    """The kinds of deviations that are found."""
    return {each.kind for each in check(evidence).deviations}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    """As many repeats as the bound allows, told outcomes that come twice, one withheld message."""
    report = check(repeated(sound(), IN_FLIGHT))
    assert [] == report.deviations
    assert (IN_FLIGHT, {"ordered": 1}) == (report.repeats, dict(report.suppressed))


def without_a_receipt(evidence: Evidence) -> Evidence:
    """A message that was said to be sent never came."""
    return replace(evidence, receipts=evidence.receipts[1:])


def without_an_entry(evidence: Evidence) -> Evidence:
    """The ledger forgot a message."""
    return replace(evidence, ledger=evidence.ledger[1:], announced=evidence.ledger[1:])


def without_an_announcement(evidence: Evidence) -> Evidence:
    """An outcome is not in the topic."""
    return replace(evidence, announced=evidence.ledger[1:])


def announced_otherwise(evidence: Evidence) -> Evidence:
    """The topic says something else than the ledger."""
    changed = replace(evidence.ledger[5], kind="failed", reason="http_500")
    return replace(evidence, announced=[*evidence.ledger, changed])


def settled_twice(evidence: Evidence) -> Evidence:
    """The ledger has two outcomes of a message."""
    return replace(evidence, ledger=[*evidence.ledger, evidence.ledger[-1]])


def failed(evidence: Evidence) -> Evidence:
    """A message is given up although nobody refused it."""
    changed = replace(evidence.ledger[1], kind="failed", reason="timeout")
    ledger = [evidence.ledger[0], changed, *evidence.ledger[2:]]
    return replace(evidence, ledger=ledger, announced=ledger)


def suppressed_for_nothing(evidence: Evidence) -> Evidence:
    """A message is withheld for an order that there never was."""
    return replace(evidence, objections={})


def one_repeat_too_many(evidence: Evidence) -> Evidence:
    """More came again than the kills explain."""
    return repeated(evidence, IN_FLIGHT + 1)


def repeated_under_another_id(evidence: Evidence) -> Evidence:
    """A repeat that receivers cannot know for one."""
    again = replace(evidence.receipts[0], id="0" * 32)
    return replace(evidence, receipts=[*evidence.receipts, again])


def told_although_ordered(evidence: Evidence) -> Evidence:
    """The order was there before the start of the program that sent the message."""
    first = evidence.planned[0]
    receipt = _receipt(first, first.channels[0], 15.0)
    return replace(evidence, receipts=[receipt, *evidence.receipts])


def told_to_a_stranger(evidence: Evidence) -> Evidence:
    """A message for nobody who was written."""
    stranger = Receipt("mail", "0" * 32, "stranger@example.com", 30.0)
    return replace(evidence, receipts=[*evidence.receipts, stranger])


def told_by_another_way(evidence: Evidence) -> Evidence:
    """Somebody who chose mail alone got a webhook."""
    mailed = next(each for each in evidence.planned if each.channels == ("EMAIL",))
    receipt = _receipt(mailed, "PUSH", 200.0)
    return replace(evidence, receipts=[*evidence.receipts, receipt])


def last_one_first(evidence: Evidence) -> Evidence:
    """The last in the longest queue is told before all others."""
    people = {each.person for each in evidence.planned if each.variant == HOT}
    last = max(
        (receipt for receipt in evidence.receipts if receipt.about.partition("@")[0] in people),
        key=lambda receipt: receipt.at,
    )
    return replace(evidence, receipts=[last, *(r for r in evidence.receipts if r is not last)])


def with_a_wrong_signature(evidence: Evidence) -> Evidence:
    """A receiver refused what it could not verify."""
    return replace(evidence, faults=["webhook 1: no matching signature"])


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (without_a_receipt, "lost"),
        (without_an_entry, "lost"),
        (without_an_announcement, "lost"),
        (announced_otherwise, "contradicted"),
        (settled_twice, "contradicted"),
        (failed, "contradicted"),
        (suppressed_for_nothing, "contradicted"),
        (one_repeat_too_many, "repeated"),
        (repeated_under_another_id, "renamed"),
        (told_although_ordered, "unwelcome"),
        (told_to_a_stranger, "foreign"),
        (told_by_another_way, "foreign"),
        (last_one_first, "reordered"),
        (with_a_wrong_signature, "unsigned"),
    ],
)
def test_what_is_planted_is_found(plant: Callable[[Evidence], Evidence], kind: str) -> None:
    """Each fault is found as what it is, and as nothing else."""
    assert {kind} == kinds(plant(sound()))


def test_an_order_that_came_too_late_to_be_known_is_no_fault() -> None:
    """It was written after the start of the program that sent the message: either may be first."""
    assert set() == kinds(told_although_ordered(sound(objected_at=12.0)))


def test_a_plan_follows_from_its_seed() -> None:
    """The same seed writes and kills the same, another one otherwise."""
    one, same, other = (plan_feed(seed, 500, NOW) for seed in (1, 1, 2))
    assert one == same != other
    kills = [plan_kills(seed, 20, 500) for seed in (1, 1, 2)]
    assert kills[0] == kills[1] != kills[2]


def test_a_plan_is_what_a_shop_is_like() -> None:
    """Two of five wait for one variant, three of four choose mail, some object, some too late."""
    feed = plan_feed(3, 5_000, NOW)
    planned = [each for each in feed if isinstance(each, Planned)]
    assert 5_000 == len({each.id for each in planned})
    assert 1_900 < sum(each.variant == HOT for each in planned) < 2_100
    assert 3_650 < sum("EMAIL" in each.channels for each in planned) < 4_000
    assert 200 < sum(len(each.channels) == 2 for each in planned) < 300
    objections = {
        each.about: place for place, each in enumerate(feed) if isinstance(each, Objection)
    }
    assert 250 < len(objections) < 350
    places = {each.id: place for place, each in enumerate(feed) if isinstance(each, Planned)}
    early = sum(place < places[about] for about, place in objections.items())
    assert len(objections) / 4 < early < len(objections) * 3 / 4


def test_kills_are_spread_over_a_run() -> None:
    """Each kind takes its share, and each tenth of a run has some."""
    kills = plan_kills(5, 70, 10_000)
    count = {kind: sum(kill.kind == kind for kill in kills) for kind in ("start", "intake")}
    assert {"start": 10, "intake": 20} == count
    assert sorted(kill.after for kill in kills) == [kill.after for kill in kills]
    assert set(range(10)) == {kill.after // 1_000 for kill in kills}


@pytest.mark.timeout(240)
def test_killed_on_the_mock_cluster(tmp_path: Path) -> None:
    """Killed three times among 300 notifications, with nothing wrong in the end."""
    with EmbeddedBroker() as embedded:
        report, summary = torment(MockCluster(embedded), tmp_path, 2, 300, 3)
    assert [] == list(report.lines()), summary
    assert report.messages > 250


@pytest.mark.timeout(240)
def test_killed_on_a_real_broker(tmp_path: Path, real_broker_address: str) -> None:
    """The same on a real broker."""
    report, summary = torment(NamedBroker(real_broker_address), tmp_path, 3, 600, 4)
    assert [] == list(report.lines()), summary
    assert report.messages > 500
