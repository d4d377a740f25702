# SPDX-License-Identifier: Apache-2.0
"""What is shown: the board that is kept, the table drawn of it, the plain lines, the summary."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from restock.demo.board import Board, Row
from restock.demo.catalogue import labels, load_items
from restock.demo.checker import check
from restock.demo.evidence import LoggedRecord
from restock.demo.latency import latency_of, restock_to_told
from restock.demo.post_checker import check_post
from restock.demo.rules import Rule, Violation
from restock.demo.screen import Screen
from restock.demo.script import ACTS, Cue
from restock.demo.shows import LiveShow, PlainShow, SilentShow
from restock.demo.summary import Summary, print_summary, summarise
from restock.settings import TopicSettings
from schemas.encode import encode_status
from schemas.events import WaitlistStatus
from tests.support.demo_runs import START, rehearse

TOPICS = TopicSettings()
SIZE_42 = "$shopify:::$default:::44100100042"


def played() -> Board:
    """A board that has seen the whole rehearsed sale, at the end of it."""
    run = rehearse()
    board = Board.of(load_items(), run.policies, TOPICS)
    happened: list[tuple[int, Cue | LoggedRecord]] = [
        *((START + cue.at, cue) for cue in run.script.cues),
        *((note.timestamp, note) for note in run.evidence.notifications),
    ]
    for now, what in sorted(happened, key=lambda pair: pair[0]):
        board.tick(now)
        if isinstance(what, Cue):
            board.sent(what, now)
        else:
            board.seen([(TOPICS.notifications, what)], now)
    board.seen([(TOPICS.deliveries, record) for record in run.evidence.deliveries], START + 25_000)
    board.tick(START + 30_000)
    return board


def drawn(width: int, board: Board, now: int) -> list[str]:
    """The screen as lines."""
    screen = Screen(board)
    screen.now, screen.elapsed, screen.act = now, 12.3, (3, ACTS[2])
    screen.add_line("what happened " * 20)
    stream = io.StringIO()
    console = Console(file=stream, width=width, height=24, force_terminal=True, color_system=None)
    console.print(screen)
    return stream.getvalue().splitlines()


def summary() -> Summary:
    """The summary of the rehearsed sale."""
    run = rehearse()
    findings = check(run.evidence, run.policies, run.script.rejected)
    post = check_post(run.evidence, run.script.rejected, findings.stock, run.received)
    return summarise(run.evidence, findings, post, run.policies, labels(load_items()))


def printed(result: Summary) -> str:
    """A summary as a pipe gets it."""
    stream = io.StringIO()
    print_summary(result, Console(file=stream, width=80))
    return stream.getvalue()


def test_the_board_counts_what_it_sees() -> None:
    """People told and waves of the board are those of the notifications."""
    board = played()
    result = summary()
    assert result.notifications == board.totals().told
    assert {key: (item.told, item.waves) for key, item in result.items.items()} == {
        key: (row.told, row.waves) for key, row in board.rows.items()
    }


def test_the_board_counts_whom_messages_reach() -> None:
    """People reached and messages of the board are those of the summary."""
    post, result = played().post, summary()
    assert result.post.reached == post.reached
    sent, kept_back = result.post.sent.values(), result.post.kept_back.values()
    assert post.sent.total() == sum(sum(found.values()) for found in sent)
    assert post.kept_back.total() == sum(sum(found.values()) for found in kept_back)
    assert post.is_done
    assert result.notifications + post.sent.total() + post.kept_back.total() == played().happened()


def test_the_board_measures_what_the_summary_measures() -> None:
    """Both take the same people's time from stock to told."""
    board, run = played(), rehearse()
    findings = check(run.evidence, run.policies, run.script.rejected)
    durations = restock_to_told(findings.waves, findings.stock, run.policies)
    assert latency_of(durations) == latency_of(board.durations)
    assert board.durations


def test_the_board_tells_of_every_wave_once() -> None:
    """There is a line for each wave, with its size."""
    board = played()
    waves = [line for line in board.lines if ": wave " in line]
    assert sum(row.waves for row in board.rows.values()) == len(waves)
    assert "Vela Runner 2 EU 42: wave 1, 3 in stock: 15 people told" in waves


def test_the_board_takes_waiting_and_next_wave_from_the_waitlist_topic() -> None:
    """A status record changes its row, and the seconds to the next wave are counted down."""
    board = played()
    status = WaitlistStatus(
        variant_id=SIZE_42, quantity=3, offered=True, cycle=2, cycle_opened_at=START, waiting=70,
        told=15, next_wave_at=START + 2_500, updated_at=START, product={},
    )  # fmt: skip
    key, value = encode_status(status)
    board.seen([(TOPICS.waitlist, LoggedRecord(0, 0, START, key, value))], START)
    row = board.rows[SIZE_42]
    assert (70, 1.5) == (row.waiting, row.next_wave_in(START + 1_000))
    assert row.next_wave_in(START + 2_500) is None


def test_nobody_waiting_is_no_next_wave() -> None:
    """A wave that would tell nobody is not announced."""
    policy = rehearse().policies.account
    assert Row("x", policy, "", next_wave_at=START + 1_000).next_wave_in(START) is None


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits(width: int) -> None:
    """At 80 columns and 24 lines nothing is wrapped or cut but what happened."""
    board = played()
    for row in board.rows.values():
        row.waiting, row.next_wave_at = 12_345, START + 99_900
    lines = drawn(width, board, START)
    assert 22 == len(lines)
    assert all(len(line) <= width for line in lines)
    table = lines[2:15]
    assert all(label in line for label, line in zip(
        labels(load_items()).values(), table[2:], strict=True))  # fmt: skip
    assert all("12,345" in line and line.rstrip().endswith("99.9 s") for line in table[2:])
    assert ("5 a unit" in table[2]) == (width == 120)


def test_a_fresh_wave_stands_out() -> None:
    """A row whose wave has just gone out shows its size; a second later no longer."""
    board = played()
    seen_at = board.rows[SIZE_42].wave_at
    assert any("+" in line for line in drawn(80, board, seen_at + 100))
    assert not any("+" in line for line in drawn(80, board, seen_at + 60_000))


def test_sold_out_is_said_in_words() -> None:
    """A stock of nothing reads as sold out."""
    board = played()
    board.rows[SIZE_42].stock = 0
    assert 1 == sum("sold out" in line for line in drawn(80, board, START)[:15])


def test_plain_lines_carry_no_control_codes() -> None:
    """In a pipe there are acts, what happens and totals, and nothing for a terminal."""
    board = played()
    stream = io.StringIO()
    with PlainShow(board, Console(file=stream, width=80)) as show:
        show.update(None, START, (1, ACTS[0]))
        show.update(3.0, START, (2, ACTS[1]))
    text = stream.getvalue()
    assert "\x1b" not in text
    assert "Act 2 of 5: Sign-ups." in text
    assert "  3.0 s  Vela Runner 2 EU 42: wave 1, 3 in stock: 15 people told" in text
    assert "told  0/s" in text


def test_the_live_table_is_drawn_in_place() -> None:
    """On a terminal the table is there, and what happened is under it."""
    board = played()
    stream = io.StringIO()
    console = Console(file=stream, width=80, height=24, force_terminal=True)
    with LiveShow(board, console) as show:
        show.update(None, START, (1, ACTS[0]))
        show.update(3.0, START, (2, ACTS[1]))
    assert "Vela Runner 2 EU 42" in stream.getvalue()
    assert not board.lines


def test_the_silent_show_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """For JSON nothing but the result is printed."""
    with SilentShow(played()) as show:
        show.update(1.0, START, (1, ACTS[0]))
    assert ("", "") == tuple(capsys.readouterr())


def test_the_summary_says_that_every_rule_was_kept() -> None:
    """A run by the rules has an ok for each rule, and no control codes."""
    text = printed(summary())
    assert [f"  ok    {rule.value}" in text for rule in Rule] == [True] * len(Rule)
    assert "FAIL" not in text
    told, reached = summary().notifications, sum(summary().post.reached.values())
    assert f"{told:,} told, {reached:,} reached, {told - reached:,} kept back" in text
    assert "kept back: they have ordered it" in text
    assert "\x1b" not in text
    assert "median 4 ms, 99 % within 4 ms" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_the_summary_shows_what_was_broken() -> None:
    """Broken rules are marked; of many violations the first are shown."""
    many = tuple(Violation(Rule.ORDER, f"number {number}") for number in range(30))
    text = printed(replace(summary(), violations=many))
    assert f"  FAIL  {Rule.ORDER.value}" in text
    assert f"  ok    {Rule.ONCE.value}" in text
    assert "order: number 19\n... and 10 more" in text


def test_the_summary_is_the_same_as_json() -> None:
    """The JSON object has the figures and the violations."""
    broken = replace(summary(), violations=(Violation(Rule.ONCE, "x"),))
    fields = broken.as_dict()
    assert [{"rule": "once", "text": "x"}] == fields["violations"]
    assert broken.notifications == sum(item["told"] for item in fields["items"].values())
    assert 6 == fields["dead_letters"]
    assert fields["deliveries"]["reached"] == sum(
        item["reached"] for item in fields["items"].values()
    )
