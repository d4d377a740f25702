# SPDX-License-Identifier: Apache-2.0
"""The script of the demo."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import orjson
import pytest

from restock.demo.catalogue import load_items
from restock.demo.checker import Findings, check
from restock.demo.configuration import policy_table, rule_text
from restock.demo.evidence import read_told
from restock.demo.script import Script, broken_order, broken_webhook, write_script
from schemas.decode import decode_inventory, decode_subscription
from schemas.errors import InvalidRecord
from schemas.records import Order
from schemas.validation import validate_record
from tests.support.demo_runs import START, DemoRun, rehearse
from waitlist.policy import load_policy


def decode_order(value: bytes, _arrival: int) -> Order:
    """An order, as the contract reads it."""
    return validate_record(Order, value)


DECODERS: dict[str, Callable[[bytes, int], object]] = {
    "inventory": decode_inventory,
    "subscriptions": decode_subscription,
    "orders": decode_order,
}


def script(*, seed: int = 7, people: int = 300, seconds: float = 20) -> Script:
    """A script."""
    return write_script(load_items(), start=START, seconds=seconds, people=people, seed=seed)


@pytest.fixture(scope="module")
def run() -> DemoRun:
    """A rehearsed sale of natural length and size."""
    return rehearse(people=4000)


@pytest.fixture(scope="module")
def findings(run: DemoRun) -> Findings:
    """What the checker finds in it."""
    return check(run.evidence, run.policies, run.script.rejected)


def test_the_same_seed_gives_the_same_script() -> None:
    """Whatever is left to chance follows from the seed."""
    assert script(seed=3) == script(seed=3)
    assert script(seed=3) != script(seed=4)


def test_records_come_in_the_order_of_time() -> None:
    """Cues are sorted, and none comes after the end."""
    cues = script().cues
    assert all(first.at <= second.at for first, second in pairwise(cues))
    assert cues[-1].at <= script().end


def test_exactly_the_rejected_records_are_invalid() -> None:
    """What the script calls rejected is what the contract rejects, each record once."""
    invalid = []
    for cue in (broken_webhook(), broken_order(), *script().cues):
        if cue.value is None:
            continue
        try:
            DECODERS[cue.role](cue.value, START + cue.at)
        except InvalidRecord:
            invalid.append(cue.value)
    assert 6 == len(invalid)
    assert script().rejected == set(invalid)


def test_a_tombstone_is_among_the_records() -> None:
    """A null value must be ignored, and the script has one."""
    assert 1 == sum(cue.value is None for cue in script().cues)


def test_nobody_shares_an_identifier() -> None:
    """Two people of the demo are never taken for one."""
    play = script(people=2000)
    records = [
        orjson.loads(cue.value)
        for cue in play.cues
        if cue.role == "subscriptions" and cue.value is not None and cue.value not in play.rejected
    ]
    sign_ups = [record["profile"] for record in records if record["type"] == "subscribe"]
    people = {orjson.dumps(profile) for profile in sign_ups}
    owners = Counter(value for person in people for value in orjson.loads(person).values())
    assert {1} == set(owners.values())


def test_people_choose_different_ways(run: DemoRun) -> None:
    """Mail, the app, both, a text message that nobody can send, and some without an address."""
    notes = read_told(run.evidence.notifications)
    ways = Counter(note.channels for note in notes)
    assert {("EMAIL",), ("PUSH",), ("EMAIL", "PUSH"), ("SMS", "EMAIL")} == set(ways)
    assert min(ways.values()) >= 10
    by_mail = (note for note in notes if "EMAIL" in note.channels)
    unknown = [note for note in by_mail if not any("email:" in name for name in note.identifiers)]
    assert len(unknown) > 10


def test_orders_are_of_people_who_wait(run: DemoRun, findings: Findings) -> None:
    """Some buy another variant of the product after they have signed up, and before the restock."""
    orders = [cue for cue in run.script.cues if cue.role == "orders"]
    waiting = {entry.profile_key for queue in findings.entries.values() for entry in queue}
    assert len(orders) > 50
    assert all(cue.key.decode() in waiting and cue.at < 8_000 for cue in orders)
    assert 1 == sum(cue.note != "" for cue in orders)


def test_everything_sells_out_before_people_sign_up(run: DemoRun) -> None:
    """Every item's stock is zero when the second act begins."""
    stock = {}
    for cue in run.script.cues:
        if cue.quantity is not None and cue.at < 2_300:
            stock[cue.variant_id] = cue.quantity
    assert dict.fromkeys(stock, 0) == stock
    assert 11 == len(stock)


def test_waves_follow_each_other(findings: Findings) -> None:
    """Each item with portions takes several waves; the others tell all at once."""
    waves = {variant_id: len(found) for variant_id, found in findings.waves.items()}
    assert 11 == len(waves)
    assert all(
        count == 1 if "DEW-SERUM" in variant_id else count >= 3
        for variant_id, count in waves.items()
    )


def test_only_those_who_may_still_wait_are_waiting(findings: Findings) -> None:
    """At the end wait those who came late and those who ask a second time, and nobody else."""
    waiting = [
        entry
        for queue in findings.entries.values()
        for entry in queue
        if entry.told is None and entry.signed_off is None
    ]
    late = [entry for entry in waiting if entry.subscribed_at >= START + 16_000]
    again = [entry for entry in waiting if entry.barred_from is not None]
    assert (12, 5, 17) == (len(late), len(again), len(waiting))


def test_a_webhook_that_comes_again_changes_nothing(run: DemoRun, findings: Findings) -> None:
    """Stale figures are among the records; the checker's stock histories leave them out."""
    figures = sum(len(states) for states in findings.stock.values())
    valid = [item for item in run.evidence.inventory if item.value not in run.script.rejected]
    assert figures < len(valid)


def test_flapping_stock_opens_a_cycle_that_tells_nobody(findings: Findings) -> None:
    """The console's stock comes and goes within its dwell time; only the next cycle tells."""
    consoles = [
        found for variant_id, found in findings.waves.items() if "bigcommerce" in variant_id
    ]
    assert [3, 3] == [found[0].cycle for found in consoles]


@pytest.mark.parametrize("seconds", [5, 20, 600])
def test_the_policy_makes_sense_at_any_length(seconds: float) -> None:
    """Waits are stretched with the sale; the rules stay as they are."""
    book = load_policy(policy_table(seconds))
    rules = {item.course: rule_text(book.for_variant(item.variant_id)) for item in load_items()}
    assert "from 10, 4 a unit" == rules["threshold"]
    assert "all at once" == rules["everyone"]
    assert round(100 * seconds) == book.account.wait
