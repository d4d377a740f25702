# SPDX-License-Identifier: Apache-2.0
"""The post office: from news to entries of the ledger, through restarts and failures."""

import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest

from connectors.errors import SinkError
from connectors.sinks.contract import Answer, Message, Resolution
from delivery.breaker import BreakerPlan
from delivery.news import Ordered, SignedOff, Stood, variant_item
from journey.plan import Plan, Step
from tests.support.offices import (
    FIRST_ONLY,
    NOW,
    FakeSink,
    MemoryWriter,
    TestClock,
    arrived,
    entries,
    opened_office,
    wait_until,
)

HOUR = 3_600_000


def test_a_notification_is_sent_once_and_told(tmp_path: Path) -> None:
    """Sent by its channel, entered in the ledger, announced; redelivered it changes nothing."""
    mail, writer = FakeSink(), MemoryWriter()
    with opened_office(tmp_path, {"mail": mail, "texts": FakeSink()}, writer=writer) as office:
        news = arrived("ann")
        office.take([news, news])
        wait_until(lambda: len(writer.deliveries()) == 1)
        office.take([news])
        office.barrier(bool)
        wait_until(lambda: office.known == 2)
    assert [message.id for message in mail.messages] == [news.notified.id]
    assert entries(tmp_path) == [("id:ann", "V", "first", "EMAIL", "sent", "", 1)]
    (delivery,) = writer.deliveries()
    assert delivery["notification_id"] == news.notified.id
    assert (delivery["outcome"], delivery["reason"], delivery["attempts"]) == ("sent", None, 1)


def test_what_suppresses_is_asked_right_before_the_send(tmp_path: Path) -> None:
    """Orders, sign-offs and statuses that came before count, each with its own reason."""
    mail = FakeSink()
    with opened_office(tmp_path, {"mail": mail, "texts": FakeSink()}) as office:
        office.take(
            [
                Ordered("o1", ("id:ann",), (variant_item("V"),), NOW, cancelled=False),
                Ordered("o2", ("id:bob",), (variant_item("V"),), NOW, cancelled=False),
                Ordered("o2", ("id:bob",), (variant_item("V"),), NOW, cancelled=True),
                SignedOff("V", ("email:cid@example.com",), NOW),
                Stood("W", offered=False, at=NOW),
                *(arrived(name) for name in ("ann", "bob", "cid")),
                arrived("dan", "W"),
                arrived("eve", profile={"id": "eve"}),
                arrived("fay", channels=["SMS"], profile={"id": "fay", "phone_number": "+4670"}),
                arrived("gil", channels=["PUSH"]),
                arrived("hal", at=NOW - 25 * HOUR),
            ]
        )
        wait_until(lambda: len(entries(tmp_path)) == 8)
    found = {row[0]: row[4:6] for row in entries(tmp_path)}
    assert found == {
        "id:ann": ("suppressed", "ordered"),
        "id:bob": ("sent", ""),
        "id:cid": ("suppressed", "unsubscribed"),
        "id:dan": ("suppressed", "sold_out"),
        "id:eve": ("suppressed", "no_address"),
        "id:fay": ("suppressed", "no_consent"),
        "id:gil": ("suppressed", "no_channel"),
        "id:hal": ("suppressed", "expired"),
    }
    assert len(mail.messages) == 1


def test_a_status_from_before_the_wave_says_nothing(tmp_path: Path) -> None:
    """A wave comes at once, statuses now and then: the last one may still say sold out."""
    with opened_office(tmp_path, {"mail": FakeSink(), "texts": FakeSink()}) as office:
        office.take([Stood("V", offered=False, at=NOW - 1), arrived("ann", "V")])
        wait_until(lambda: len(entries(tmp_path)) == 1)
        office.take([Stood("V", offered=False, at=NOW), arrived("bob", "V")])
        wait_until(lambda: len(entries(tmp_path)) == 2)
    assert [("sent", ""), ("suppressed", "sold_out")] == [row[4:6] for row in entries(tmp_path)]


def test_a_failure_that_passes_is_tried_again_with_the_same_id(tmp_path: Path) -> None:
    """The second attempt comes after the pause, with the same id and the next number."""
    clock = TestClock()

    def answer(message: Message) -> Answer:
        return Answer(Resolution.RETRY, "http_503") if message.attempt == 1 else SENT

    SENT = Answer(Resolution.SENT)  # noqa: N806 - reads like the constant it is
    mail = FakeSink(answer)
    with opened_office(tmp_path, {"mail": mail, "texts": FakeSink()}, clock=clock) as office:
        office.take([arrived("ann")])
        wait_until(lambda: len(mail.messages) == 1)
        assert entries(tmp_path) == []
        wait_until(lambda: clock.passes(100) and len(entries(tmp_path)) == 1)
    first, second = mail.messages
    assert (first.id, first.attempt, second.attempt) == (second.id, 1, 2)
    assert entries(tmp_path) == [("id:ann", "V", "first", "EMAIL", "sent", "", 2)]


def test_what_is_final_and_what_is_exhausted_become_dead_letters(tmp_path: Path) -> None:
    """With the record's bytes untouched, and the reason in headers."""
    clock, writer = TestClock(), MemoryWriter()

    def answer(message: Message) -> Answer:
        final = b"ann@" in message.notifications[0]
        return Answer(Resolution.FINAL if final else Resolution.RETRY, "smtp_550", "no such box")

    mail = FakeSink(answer)
    plan = Plan(steps=FIRST_ONLY.steps, routes=FIRST_ONLY.routes, retry_for=5_000)
    sinks = {"mail": mail, "texts": FakeSink()}
    ann, bob = arrived("ann"), arrived("bob", position=2)
    with opened_office(tmp_path, sinks, plan=plan, clock=clock, writer=writer) as office:
        office.take([ann, bob])
        wait_until(lambda: len(mail.messages) == 2)
        wait_until(lambda: clock.passes(100) and len(writer.letters()) == 2)
    values = [letter.records[0] for letter in writer.letters()]
    assert sorted(values) == sorted(
        [(b"id:ann", ann.value), (b"id:bob", bob.value)], key=lambda record: record[0]
    )
    whys = {dict(letter.headers or [])["restock-dlq-why"] for letter in writer.letters()}
    assert whys == {b"final", b"exhausted"}
    assert {letter.topic for letter in writer.letters()} == {"notifications.dlq"}
    assert Counter(row[4] for row in entries(tmp_path)) == {"failed": 2}


def test_a_wave_of_ten_does_not_wait_behind_hundreds(tmp_path: Path) -> None:
    """Two variants take turns, and in each the first in the queue is sent first."""
    mail = FakeSink(concurrency=1)
    crowd = [arrived(f"c{n}", "CROWD", n) for n in range(1, 301)]
    few = [arrived(f"f{n}", "FEW", n) for n in range(1, 11)]
    with opened_office(tmp_path, {"mail": mail, "texts": FakeSink()}) as office:
        # The last come first, as they may from several partitions.
        office.take([*reversed(crowd), *reversed(few)])
        wait_until(lambda: len(entries(tmp_path)) == 310, seconds=30)
    variants = [b"FEW" in message.notifications[0] for message in mail.messages]
    begun = variants.index(True)
    assert all(variants[begun : begun + 20 : 2])
    order = [
        message.notifications[0]
        for message in mail.messages
        if b"CROWD" in message.notifications[0]
    ]
    late = [piece.value for piece in crowd]
    ranks = [late.index(value) for value in order[begun + 50 :]]
    assert ranks == sorted(ranks)


def test_a_dead_receiver_holds_up_nobody_else_and_is_probed(tmp_path: Path) -> None:
    """Its breaker opens after some failures; the other sink goes on; it closes when all is well."""
    well = False

    def answer(_message: Message) -> Answer:
        return Answer(Resolution.SENT) if well else Answer(Resolution.RETRY, "timeout")

    clock = TestClock()
    mail, texts = FakeSink(answer), FakeSink()
    breaker = BreakerPlan(in_a_row=5, pause=0.05, longest_pause=0.1, closes_after=1)
    phone = {"id": "p", "phone_number": "+4670"}
    with opened_office(
        tmp_path, {"mail": mail, "texts": texts}, clock=clock, breaker=breaker
    ) as office:
        office.take([arrived(f"m{n}", position=n) for n in range(1, 201)])
        wait_until(lambda: office.lanes["mail"].trouble is not None)
        tried = len(mail.messages)
        assert tried < 30
        office.take([arrived("p", channels=["SMS"], consent=["SMS"], profile=phone)])
        wait_until(lambda: len(texts.messages) == 1)
        well = True
        clock.now += 120_000
        wait_until(lambda: len(entries(tmp_path)) == 201)
        assert office.lanes["mail"].trouble is None


def test_a_receiver_that_wants_nothing_more_stays_disabled(tmp_path: Path) -> None:
    """Over a restart as well, until the sink leads to another receiver."""
    gone = FakeSink(lambda _: Answer(Resolution.DISABLE, "http_410"))
    with opened_office(tmp_path, {"mail": gone, "texts": FakeSink()}) as office:
        office.take([arrived("ann")])
        wait_until(lambda: len(entries(tmp_path)) == 1)
    again = FakeSink()
    with opened_office(tmp_path, {"mail": again, "texts": FakeSink()}) as office:
        office.take([arrived("bob", at=NOW + 1)])
        wait_until(lambda: len(entries(tmp_path)) == 2)
    assert not again.messages
    with opened_office(
        tmp_path, {"mail": again, "texts": FakeSink()}, receiver="another"
    ) as office:
        office.take([arrived("cid")])
        wait_until(lambda: len(entries(tmp_path)) == 3)
    assert [row[4:6] for row in entries(tmp_path)] == [
        ("failed", "http_410"),
        ("failed", "disabled"),
        ("sent", ""),
    ]


def test_throttling_pauses_the_sink_and_counts_as_no_attempt(tmp_path: Path) -> None:
    """Nothing is lost, nothing counted, and after the wait all goes on."""
    answers = iter([Answer(Resolution.RETRY, "http_429", wait=0.05, throttled=True)] * 3)
    mail = FakeSink(lambda _: next(answers, Answer(Resolution.SENT)), concurrency=2)
    with opened_office(tmp_path, {"mail": mail, "texts": FakeSink()}) as office:
        office.take([arrived(f"p{n}", position=n) for n in range(1, 6)])
        wait_until(lambda: len(entries(tmp_path)) == 5)
    assert {row[6] for row in entries(tmp_path)} == {1}
    assert {message.attempt for message in mail.messages} == {1}


def test_a_reminder_follows_unless_they_have_bought(tmp_path: Path) -> None:
    """After its delay, judged anew: who has ordered meanwhile is left in peace."""
    plan = Plan(
        steps=(Step("first", "back_in_stock"), Step("reminder", "reminder", delay=24 * HOUR)),
        routes=FIRST_ONLY.routes,
    )
    clock, mail = TestClock(), FakeSink()
    sinks = {"mail": mail, "texts": FakeSink()}
    with opened_office(tmp_path, sinks, plan=plan, clock=clock) as office:
        office.take([arrived("ann"), arrived("bob", position=2)])
        wait_until(lambda: len(entries(tmp_path)) == 2)
        office.take([Ordered("o", ("id:bob",), (variant_item("V"),), NOW + 5, cancelled=False)])
        office.barrier(bool)
    clock.now += 24 * HOUR
    with opened_office(tmp_path, sinks, plan=plan, clock=clock):
        wait_until(lambda: len(entries(tmp_path)) == 4)
    assert [row[2:6] for row in entries(tmp_path)[2:]] == [
        ("reminder", "EMAIL", "sent", ""),
        ("reminder", "EMAIL", "suppressed", "ordered"),
    ]
    assert mail.messages[-1].id == f"{mail.messages[0].id}.reminder" or len(mail.messages) == 3


def test_a_digest_is_one_message_with_an_entry_for_each(tmp_path: Path) -> None:
    """What a person waits for and comes within the window is told at once."""
    plan = Plan(steps=FIRST_ONLY.steps, routes=FIRST_ONLY.routes, digest=60_000)
    clock, mail = TestClock(), FakeSink()
    with opened_office(
        tmp_path, {"mail": mail, "texts": FakeSink()}, plan=plan, clock=clock
    ) as office:
        office.take([arrived("ann", "V"), Stood("X", offered=False, at=NOW)])
        office.barrier(bool)
        clock.now += 30_000
        office.take([arrived("ann", "W"), arrived("ann", "X")])
        office.barrier(bool)
        assert not mail.messages
        clock.now += 30_000
        wait_until(lambda: len(entries(tmp_path)) == 3)
    (message,) = mail.messages
    assert len(message.notifications) == 2
    assert [row[1:6:3] for row in entries(tmp_path)] == [
        ("V", "sent"),
        ("W", "sent"),
        ("X", "suppressed"),
    ]


def test_a_channel_that_lost_its_sink_is_settled(tmp_path: Path) -> None:
    """What waited for it is told to have no channel; what moved to another sink goes there."""
    dead = FakeSink(lambda _: Answer(Resolution.RETRY, "timeout"))
    phone = {"id": "p", "phone_number": "+4670", "email": "p@example.com"}
    with opened_office(tmp_path, {"mail": dead, "texts": dead}) as office:
        office.take([arrived("p", channels=["EMAIL", "SMS"], consent=["SMS"], profile=phone)])
        wait_until(lambda: len(dead.messages) == 2)
    other, clock = FakeSink(), TestClock(NOW + 60_000)
    plan = Plan(steps=FIRST_ONLY.steps, routes={"EMAIL": "other"})
    with opened_office(tmp_path, {"other": other}, plan=plan, clock=clock):
        wait_until(lambda: len(entries(tmp_path)) == 2)
    assert sorted(row[3:6] for row in entries(tmp_path)) == [
        ("EMAIL", "sent", ""),
        ("SMS", "suppressed", "no_channel"),
    ]


def test_what_has_failed_may_be_put_back(tmp_path: Path) -> None:
    """A dead letter that comes again after the receiver was mended is sent."""
    refusing = FakeSink(lambda _: Answer(Resolution.FINAL, "http_404"))
    with opened_office(tmp_path, {"mail": refusing, "texts": FakeSink()}) as office:
        office.take([arrived("ann")])
        wait_until(lambda: len(entries(tmp_path)) == 1)
    mail = FakeSink()
    with opened_office(tmp_path, {"mail": mail, "texts": FakeSink()}) as office:
        office.take([arrived("ann")])
        wait_until(lambda: len(entries(tmp_path)) == 2)
    assert [row[4] for row in entries(tmp_path)] == ["failed", "sent"]


def test_a_receiver_that_refuses_everything_does_not_burn_a_wave(tmp_path: Path) -> None:
    """After fifty refusals in a row it is not the messages that are wrong: it is left alone."""
    mail = FakeSink(lambda _: Answer(Resolution.FINAL, "http_404"))
    with opened_office(tmp_path, {"mail": mail, "texts": FakeSink()}) as office:
        office.take([arrived(f"p{n}", position=n) for n in range(1, 201)])
        wait_until(lambda: office.lanes["mail"].trouble is not None)
    assert 50 <= len(entries(tmp_path)) <= 50 + mail.concurrency


def test_a_failure_at_the_gate_is_told(tmp_path: Path) -> None:
    """An office that cannot read its ledger does not sit there and send nothing."""
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        _let_go_without_a_ledger(tmp_path)


def _let_go_without_a_ledger(path: Path) -> None:
    sinks = {"mail": FakeSink(), "texts": FakeSink()}
    with opened_office(path, sinks, gate_open=False) as office:
        office._reader.close()
        office.let_go()
        time.sleep(0.1)


def test_nothing_is_changed_before_the_office_starts(tmp_path: Path) -> None:
    """A start that is refused, by a lease or a sink, leaves the ledger as it was."""
    plan = Plan(steps=(Step("first", "t", delay=1_000),), routes=FIRST_ONLY.routes)
    with opened_office(tmp_path, {"mail": FakeSink(), "texts": FakeSink()}, plan=plan) as office:
        office.take([arrived("ann")])
        office.barrier(bool)
    without = Plan(steps=plan.steps, routes={"SMS": "texts"})
    broken = FakeSink(fails_to_open=True)
    with (
        pytest.raises(SinkError),
        opened_office(tmp_path, {"texts": broken}, plan=without),
    ):
        pass
    assert entries(tmp_path) == []
