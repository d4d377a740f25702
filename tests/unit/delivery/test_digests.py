# SPDX-License-Identifier: Apache-2.0
"""Digests: one message, one id, whoever comes late, waits or is turned away."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.sinks.contract import Answer, Message, Resolution
from delivery.intake import Intake
from delivery.news import Ordered, variant_item
from journey.plan import Plan, Step
from journey.quiet import QuietHours
from tests.support.offices import (
    NOW,
    FakeSink,
    TestClock,
    arrived,
    entries,
    opened_office,
    wait_until,
)

HOUR = 3_600_000
PLAN = Plan(
    steps=(Step("first", "t"),),
    routes={"EMAIL": "mail", "SMS": "texts"},
    digest=1_000,
    recently_told=0,
)


def test_who_comes_when_the_window_has_ended_gets_a_message_of_their_own(tmp_path: Path) -> None:
    """Also where the news was taken in before, and written down only after."""
    mail, clock = FakeSink(), TestClock()
    sinks = {"mail": mail, "texts": FakeSink()}
    with opened_office(tmp_path, sinks, plan=PLAN, clock=clock) as office:
        office.take([arrived("ann", "A")])
        office.barrier(bool)
        clock.passes(999)
        late = Intake(PLAN, clock(), [arrived("ann", "B")])
        clock.passes(2)
        wait_until(lambda: len(mail.messages) == 1)
        office._scribe.submit_portion(late)
        office.barrier(bool)
        wait_until(lambda: clock.passes(100) and len(entries(tmp_path)) == 2)
    first, second = (message.id for message in mail.messages)
    assert first != second


def test_where_a_part_must_wait_all_of_it_does(tmp_path: Path) -> None:
    """Two markets, one of them asleep: one message in the end, not two of the same id."""
    night = int(datetime(2026, 11, 20, 23, tzinfo=UTC).timestamp() * 1_000)
    mail, clock = FakeSink(), TestClock(night)
    zones = {"SE": ZoneInfo("Europe/Stockholm"), "US": ZoneInfo("America/New_York")}
    plan = replace(PLAN, quiet=QuietHours(21 * 60, 8 * 60), time_zones=zones)
    sinks = {"mail": mail, "texts": FakeSink()}
    with opened_office(tmp_path, sinks, plan=plan, clock=clock) as office:
        office.take(
            [
                arrived("ann", "A", at=night, market="SE"),
                arrived("ann", "B", at=night, market="US"),
            ]
        )
        office.barrier(bool)
        wait_until(lambda: clock.passes(HOUR // 10) and len(entries(tmp_path)) == 2)
    (message,) = mail.messages
    assert len(message.notifications) == 2


def test_what_is_turned_away_waits_until_its_other_parts_are_settled(tmp_path: Path) -> None:
    """Else the other channel would judge what is settled already, and settle it twice."""
    answers = iter([Answer(Resolution.RETRY, "http_429", wait=0.01, throttled=True)])

    def answer(_message: Message) -> Answer:
        return next(answers, Answer(Resolution.SENT))

    steps = (Step("first", "t"), Step("again", "t", delay=1_000, unless=frozenset()))
    plan = replace(PLAN, steps=steps, routes={"EMAIL": "mail", "PUSH": "push"})
    clock, both = TestClock(), ["EMAIL", "PUSH"]
    sinks = {"mail": FakeSink(answer), "push": FakeSink()}
    with opened_office(tmp_path, sinks, plan=plan, clock=clock) as office:
        bought = Ordered("o", ("id:ann",), (variant_item("B"),), NOW, cancelled=False)
        news = [arrived("ann", variant, channels=both) for variant in "AB"]
        office.take([*news, bought])
        office.barrier(bool)
        wait_until(lambda: clock.passes(50) and len(entries(tmp_path)) == 6)
    rows = [row[1:4] for row in entries(tmp_path)]
    assert len(set(rows)) == 6
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM journeys").fetchone() == (0,)
