# SPDX-License-Identifier: Apache-2.0
"""`restock deliver` as a process: what it sends, how it stops, and how it goes on."""

import os
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from delivery.lane import most_in_flight
from restock.ways import AHEAD
from tests.program.conftest import MakeShop
from tests.support.delivering import Deliveries, Receivers
from tests.support.shop import PATIENCE, stop

if TYPE_CHECKING:
    from subprocess import Popen

PEOPLE = [f"P{number:02}" for number in range(30)]
CONCURRENCY = 4
# For what does not depend on the broker.
ON_MOCK = pytest.mark.parametrize("bootstrap_servers", ["mock"], indirect=True)


@pytest.fixture
def deliveries(make_shop: MakeShop, receivers: Receivers) -> Deliveries:
    """A shop whose messages go to them."""
    return Deliveries(make_shop(), receivers, concurrency=CONCURRENCY)


@ON_MOCK
def test_it_delivers_and_stops_on_a_signal(deliveries: Deliveries, receivers: Receivers) -> None:
    """Mail and webhooks, each once under its notification's id; all is durable when it ends."""
    channels = [["EMAIL"], ["PUSH"], ["EMAIL", "PUSH"]]
    ids = {
        person: deliveries.notify(person, position=number + 1, channels=channels[number % 3])
        for number, person in enumerate(PEOPLE)
    }
    process = deliveries.start()
    outcomes = deliveries.outcomes(40)
    code, errors = stop(process)
    assert 0 == code, errors
    assert "Traceback" not in errors
    assert [] == receivers.faults
    assert {"mail": 20, "hook": 20} == Counter(receipt.by for receipt in receivers.receipts)
    assert Counter(ids.values()) + Counter(list(ids.values())[2::3]) == Counter(receivers.ids)
    assert {"sent"} == {outcome["outcome"] for outcome in outcomes}
    assert Counter(receivers.ids) == Counter(outcome["notification_id"] for outcome in outcomes)
    assert 40 == len(deliveries.entries())
    for receipt in receivers.receipts:
        person = receipt.about.partition("@")[0]
        assert receipt.id == (ids[person] if receipt.by == "mail" else receipt.about)


@ON_MOCK
def test_a_stop_waits_for_answers(deliveries: Deliveries, receivers: Receivers) -> None:
    """What was on its way when the signal came is settled, and nothing more is begun."""
    receivers.delay = 0.5
    for number, person in enumerate(PEOPLE):
        deliveries.notify(person, position=number + 1)
    process = deliveries.start()
    receivers.wait_for(CONCURRENCY + 1, process)
    code, errors = stop(process)
    assert 0 == code, errors
    assert len(receivers.receipts) < len(PEOPLE)
    sent = [person for person, _, outcome, _ in deliveries.entries() if outcome == "sent"]
    assert len(receivers.receipts) == len(sent)
    assert len(sent) == len(deliveries.shop.read(deliveries.topics.deliveries))


@ON_MOCK
def test_a_stop_does_not_wait_for_ever(make_shop: MakeShop, receivers: Receivers) -> None:
    """Answers are waited for as long as `stop_patience`; the next start sends again, same id."""
    receivers.delay = PATIENCE
    deliveries = Deliveries(make_shop(), receivers, more='stop_patience = "500ms"')
    known = deliveries.notify("ann")
    process = deliveries.start()
    receivers.wait_for(1, process)
    began = time.monotonic()
    code, errors = stop(process)
    assert 0 == code, errors
    assert time.monotonic() - began < PATIENCE / 2
    assert [] == deliveries.entries()
    receivers.delay = 0
    deliveries.start()
    deliveries.outcomes(1)
    assert [known, known] == receivers.ids


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_it_goes_on_where_it_was(deliveries: Deliveries, receivers: Receivers, ending: int) -> None:
    """However it ends, the next start sends the rest; after a kill some come again, same id."""
    receivers.delay = 0.05
    ids = [deliveries.notify(person, position=n + 1) for n, person in enumerate(PEOPLE)]
    process = deliveries.start()
    receivers.wait_for(10, process)
    code, _ = stop(process, ending)
    assert code == (-signal.SIGKILL if ending == signal.SIGKILL else 0)
    before = len(receivers.receipts)
    assert before < len(PEOPLE)
    deliveries.start()
    # After a kill outcomes may be told twice as well: the ledger says how many there are.
    deliveries.wait_for_entries(len(PEOPLE))
    assert set(ids) == set(receivers.ids)
    repeats = len(receivers.receipts) - len(PEOPLE)
    bound = 2 * most_in_flight(CONCURRENCY, 1, AHEAD)  # two sinks
    assert repeats <= (bound if ending == signal.SIGKILL else 0)


def test_killed_between_answer_and_ledger(deliveries: Deliveries, receivers: Receivers) -> None:
    """The receiver has the message, the ledger does not: it comes once more, with the same id."""
    process: list[Popen[str]] = []

    def kill(_: object) -> None:
        receivers.on_receipt = lambda _receipt: None
        os.kill(process[0].pid, signal.SIGKILL)

    receivers.on_receipt = kill
    known = deliveries.notify("ann")
    process.append(deliveries.start())
    assert -signal.SIGKILL == process[0].wait(PATIENCE)
    assert [] == deliveries.entries()
    deliveries.start()
    (outcome,) = deliveries.outcomes(1)
    assert [known, known] == receivers.ids
    assert (known, "sent") == (outcome["notification_id"], outcome["outcome"])


@ON_MOCK
def test_a_notification_that_comes_again_is_passed_over(
    deliveries: Deliveries, receivers: Receivers
) -> None:
    """The same record twice, and once more after it was sent and the program restarted."""
    known = "0" * 31 + "a"
    deliveries.notify("ann", id=known)
    deliveries.notify("ann", id=known)
    process = deliveries.start()
    deliveries.outcomes(1)
    assert 0 == stop(process)[0]
    deliveries.notify("ann", id=known)
    other = deliveries.notify("bob")
    process = deliveries.start()
    deliveries.outcomes(2)
    assert 0 == stop(process)[0]
    assert sorted([known, other]) == receivers.ids
    assert [("id:ann", "PUSH", "sent", ""), ("id:bob", "PUSH", "sent", "")] == deliveries.entries()


@ON_MOCK
def test_a_notification_that_comes_again_while_it_is_on_its_way(
    deliveries: Deliveries, receivers: Receivers
) -> None:
    """Its answer is still awaited, and no outcome says so yet: it is passed over all the same."""
    receivers.delay = 3.0
    known = "0" * 31 + "b"
    deliveries.notify("ann", id=known)
    process = deliveries.start()
    receivers.wait_for(1, process)
    deliveries.notify("ann", id=known)
    other = deliveries.notify("bob", channels=["EMAIL"])
    deliveries.outcomes(2)
    code, errors = stop(process)
    assert 0 == code, errors
    assert sorted([known, other]) == receivers.ids


@ON_MOCK
def test_what_was_known_at_the_start_counts_before_anything_is_sent(
    deliveries: Deliveries, receivers: Receivers
) -> None:
    """Behind a backlog of orders, sign-offs and statuses: those that matter come last of all."""
    for person in ("ann", "bob", "cid", "dan"):
        deliveries.notify(person, {"cid": "W"}.get(person, "V"))
    for number in range(3_000):
        deliveries.order(f"other{number}")
        deliveries.sign_off(f"other{number}")
        deliveries.status(f"other{number}", offered=True)
    deliveries.order("ann")
    deliveries.sign_off("bob")
    deliveries.status("W", offered=False)
    deliveries.start()
    outcomes = deliveries.outcomes(4)
    assert {
        "id:ann": ("suppressed", "ordered"),
        "id:bob": ("suppressed", "unsubscribed"),
        "id:cid": ("suppressed", "sold_out"),
        "id:dan": ("sent", None),
    } == {each["profile_key"]: (each["outcome"], each["reason"]) for each in outcomes}
    assert 1 == len(receivers.receipts)


@ON_MOCK
def test_an_order_that_comes_before_its_notification(
    deliveries: Deliveries, receivers: Receivers
) -> None:
    """It is remembered, over a restart as well; one that was cancelled counts for nothing."""
    deliveries.order("ann")
    deliveries.order("bob")
    deliveries.order("bob", cancelled=True)
    process = deliveries.start()
    deliveries.notify("other")
    deliveries.outcomes(1)
    assert 0 == stop(process)[0]
    deliveries.start()
    deliveries.notify("ann", position=2)
    deliveries.notify("bob", position=3)
    reasons = {each["profile_key"]: each["reason"] for each in deliveries.outcomes(3)}
    assert {"id:other": None, "id:ann": "ordered", "id:bob": None} == reasons
    assert 2 == len(receivers.receipts)


@ON_MOCK
def test_facts_count_from_before_the_place_where_it_begins(
    deliveries: Deliveries, receivers: Receivers
) -> None:
    """`--from latest` leaves old notifications alone, but knows of old orders and sign-offs."""
    deliveries.notify("early")
    deliveries.order("ann")
    deliveries.sign_off("bob")
    deliveries.flush()
    process = deliveries.start("--from", "latest")
    # Only what comes after its first question to the brokers is new: somebody is told in the end.
    heralds = 0
    while not receivers.receipts:
        assert process.poll() is None
        heralds += 1
        deliveries.notify(f"herald{heralds}")
        deliveries.flush()
        time.sleep(0.2)
    deliveries.notify("ann")
    deliveries.notify("bob")
    reasons: dict[str, str | None] = {}
    while not {"id:ann", "id:bob"} <= reasons.keys():
        outcomes = deliveries.outcomes(len(reasons) + 1)
        reasons = {each["profile_key"]: each["reason"] for each in outcomes}
    assert ("ordered", "unsubscribed") == (reasons["id:ann"], reasons["id:bob"])
    assert "id:early" not in reasons


@ON_MOCK
def test_what_is_not_valid_goes_to_the_dead_letters(
    deliveries: Deliveries, receivers: Receivers
) -> None:
    """Notifications and orders, as they came; what follows them is delivered."""
    topics = deliveries.topics
    deliveries.send(topics.notifications, "bad", b"\xff")
    deliveries.send(topics.orders, "bad", b'{"order_id":"O"}')
    deliveries.send(topics.subscriptions, "bad", b"unsubscribe")
    deliveries.notify("ann")
    process = deliveries.start()
    deliveries.outcomes(1)
    assert 0 == stop(process)[0]
    assert [b"\xff"] == deliveries.shop.read(f"{topics.notifications}.dlq")
    assert [b'{"order_id":"O"}'] == deliveries.shop.read(f"{topics.orders}.dlq")
    assert [] == deliveries.shop.read(f"{topics.subscriptions}.dlq")
    assert 1 == len(receivers.receipts)


@ON_MOCK
def test_what_cannot_be_delivered_goes_to_the_dead_letters(
    deliveries: Deliveries, receivers: Receivers
) -> None:
    """An endpoint that refuses a message for good: the notification's record, untouched."""
    receivers.status = 400
    known = deliveries.notify("ann")
    deliveries.start()
    (outcome,) = deliveries.outcomes(1)
    assert (known, "failed", "http_400") == (
        outcome["notification_id"],
        outcome["outcome"],
        outcome["reason"],
    )
    (letter,) = deliveries.shop.wait_for(f"{deliveries.topics.notifications}.dlq", 1)
    assert known == letter["id"]
    assert 1 == len(receivers.receipts)


@ON_MOCK
def test_a_ledger_has_one_user(deliveries: Deliveries) -> None:
    """A second process on the same directory is refused in one line."""
    deliveries.start()
    deliveries.notify("ann")
    deliveries.outcomes(1)
    shop = deliveries.shop
    result = shop.run("deliver", "--config", str(shop.config))
    assert 1 == result.returncode
    (line,) = result.stderr.splitlines()
    assert "in use" in line
    assert "shard-0-of-1" in line
