# SPDX-License-Identifier: Apache-2.0
"""What is delivered in the sections about delivery, and the check of what came."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.bare_webhooks import body_of
from benchmarks.bench import Bench
from benchmarks.delivered import Delivery, Intake, check
from benchmarks.delivery_rows import in_rounds, rows_of
from benchmarks.errors import WrongOutput
from benchmarks.flow import wait_until
from benchmarks.mail import contenders
from benchmarks.notifications import Notifications, read_messages
from benchmarks.options import QUICK, Options
from benchmarks.processes import running
from benchmarks.receivers import HTTP, receiving
from schemas.records import Notification
from schemas.validation import validate_record

NOW = 1_795_000_000_000
PEOPLE = Notifications(20, NOW)


def test_records_are_notifications() -> None:
    """Every record is what the first flow writes, each of somebody else, under the ids told."""
    read = [validate_record(Notification, value) for _, value in PEOPLE.records()]

    assert list(PEOPLE.ids()) == [record.id for record in read]
    assert 20 == len({record.profile.id for record in read})


def test_half_are_of_one_wave() -> None:
    """Half of all are told of one variant, the others of nine."""
    variants = [json.loads(value)["variant_id"] for _, value in PEOPLE.records()]

    assert (10, 10) == (variants.count("HOT"), len(set(variants)))


def test_messages_are_read_back(tmp_path: Path) -> None:
    """A file of records gives the messages of those people, record by record."""
    PEOPLE.write(tmp_path / "records")

    messages = read_messages(tmp_path / "records")
    assert list(PEOPLE.ids()) == [message.id for message in messages]
    assert [(value,) for _, value in PEOPLE.records()] == [each.notifications for each in messages]


def test_the_bare_loop_posts_what_the_sink_does(tmp_path: Path) -> None:
    """A body names type, time, step and channel, and holds the record as it is."""
    PEOPLE.write(tmp_path / "records")
    message = read_messages(tmp_path / "records")[0]

    body = json.loads(body_of(message))
    assert ("stock.back", "first", "EMAIL") == (
        body["type"],
        body["data"]["step"],
        body["data"]["channel"],
    )
    assert [json.loads(message.notifications[0])] == body["data"]["notifications"]
    assert body["data"]["notifications"][0]["triggered_at"] == body["timestamp"]


def test_a_receiver_sees_the_bare_loop_finish(tmp_path: Path) -> None:
    """Over real sockets everybody's message comes once, and a list of others is noticed."""
    PEOPLE.write(tmp_path / "records")
    with receiving(HTTP, 0.0, tmp_path) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        module = "benchmarks.bare_webhooks"
        command = [sys.executable, "-m", module, str(tmp_path / "records"), url, "5"]
        with running(command, tmp_path / "bare.log") as process:
            wait_until(process, lambda: receiver.report().held, 5, "held messages")
            receiver.release()
            wait_until(process, lambda: receiver.report().taken, 20, "messages")
            process.stop()
        check(receiver, PEOPLE)
        with pytest.raises(WrongOutput, match="20 messages with 20 ids"):
            check(receiver, Notifications(20, NOW + 1))


@pytest.mark.parametrize("name", ["bare smtplib", "sink alone"])
def test_mail_is_handed_in_and_measured(tmp_path: Path, name: str) -> None:
    """Those that need no Kafka hand in what they were given, and end when they are told to."""
    with ExitStack() as stack:
        bench = Bench(Options(QUICK, tmp_path), stack)
        delivery = contenders(bench, 0.0, 40)[name]()

    # A mail on each connection had come before the gate was opened.
    assert 36 == delivery.messages
    assert delivery.rate > 0


def run_of(rate: float, intake: Intake | None = None) -> Delivery:
    """A run of a thousand messages with 100 us of CPU each."""
    return Delivery(1_000, 1_000 / rate, 0.1, 0.02, 50.0, intake)


def test_contenders_take_turns_to_be_first() -> None:
    """Every other round goes the other way round."""
    order: list[str] = []

    def measure(name: str) -> Delivery:
        order.append(name)
        return run_of(1.0)

    runs = in_rounds({"a": lambda: measure("a"), "b": lambda: measure("b")}, 3)

    assert "abbaab" == "".join(order)
    assert [3, 3] == [len(own) for own in runs.values()]


def test_a_share_is_of_what_is_possible() -> None:
    """It is of the bare loop's rate, or of the most that anybody can do, if that is less."""
    bare, own = [run_of(2_000), run_of(8_000)], [run_of(1_000), run_of(4_000)]

    rows = {row.figure: row.values for row in rows_of("restock", own, bare, 5_000)}
    assert [0.5, 0.8] == pytest.approx(rows["share of what is possible"])
    assert [100, 100] == pytest.approx(rows["CPU a message"])
    assert "taken in" not in rows


def test_intake_is_shown_where_there_is_one() -> None:
    """What the way into the ledger needed stands beside what sending did."""
    own = [run_of(1_000, Intake(5_000, 70.0))]

    rows = {row.figure: row.values for row in rows_of("restock", own, [run_of(1_000)])}
    assert ([5_000], [70]) == (rows["taken in"], rows["CPU a notification taken in"])
