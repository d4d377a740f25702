# SPDX-License-Identifier: Apache-2.0
"""Sets the stage of the demo, and clears it again whatever happens."""

import base64
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import orjson
from rich.console import Console

from restock.demo.board import Board
from restock.demo.catalogue import labels, load_items
from restock.demo.configuration import (
    Places,
    configuration_text,
    deliver_configuration_text,
    policy_table,
)
from restock.demo.errors import ProgramDied
from restock.demo.program import Program, deliver_command, run_command
from restock.demo.receivers import listening
from restock.demo.sale import Sale, SaleSettings
from restock.demo.shows import LiveShow, PlainShow, Show, SilentShow
from restock.demo.summary import Summary, print_summary, summarise
from restock.demo.wire import Feeder, Follower, create_topics
from restock.embedded_broker import EmbeddedBroker
from restock.errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK, UsageError
from restock.settings import TopicSettings
from schemas.topics import dead_letter_topic
from waitlist.policy import load_policy

__all__ = ["DEFAULT_SEED", "run_demo"]

DEFAULT_SEED: Final = 20_261_120
_SECONDS: Final = (5, 600)
_PEOPLE: Final = (20, 20_000)


class _Terminated(KeyboardInterrupt):
    """A signal asks the demo to end.

    Attributes:
        exit_code: What a shell reports for a program ended by it.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


def run_demo(
    *,
    seconds: float = 20,
    people: int = 4000,
    seed: int = DEFAULT_SEED,
    plain: bool | None = None,
    json: bool = False,
) -> int:
    """Play a flash sale with the real program, and check what came of it.

    Args:
        seconds: How long it takes, 5 to 600.
        people: How many people want something, 20 to 20,000.
        seed: Of everything left to chance.
        plain: Print lines instead of a live table; None: where the output is no terminal.
        json: Print nothing but one JSON object at the end.

    Returns:
        0 when every rule was kept, 1 when one was broken or the program died, 130 (or 128 + the
        signal's number) when it was interrupted.

    Raises:
        UsageError: A number is out of range.
        RestockError: The demo cannot run here.
    """
    _check_range("--seconds", seconds, _SECONDS)
    _check_range("--people", people, _PEOPLE)
    console = _console(plain=plain)
    try:
        with _signals_raise():
            summary = _run(seconds, people, seed, json=json, console=console)
    except ProgramDied as error:
        said = "the last it said:" if error.last_lines else "it said nothing"
        sys.stderr.write(f"restock: {error}; {said}\n")
        sys.stderr.writelines(f"  {line}\n" for line in error.last_lines)
        return EXIT_FAILURE
    except _Terminated as error:
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    if json:
        sys.stdout.write(orjson.dumps(summary.as_dict()).decode() + "\n")
    else:
        print_summary(summary, console)
    return EXIT_FAILURE if summary.violations else EXIT_OK


def _run(seconds: float, people: int, seed: int, *, json: bool, console: Console) -> Summary:
    items = load_items()
    policy = policy_table(seconds)
    policies = load_policy(policy)
    topics = TopicSettings()
    board = Board.of(items, policies, topics)
    with ExitStack() as stage:
        directory = Path(stage.enter_context(tempfile.TemporaryDirectory(prefix="restock-demo-")))
        broker = stage.enter_context(EmbeddedBroker())
        create_topics(broker, topics)
        address = broker.bootstrap_servers
        webhook_secret, unsubscribe_secret = _secrets()
        receivers = stage.enter_context(listening(webhook_secret, unsubscribe_secret))
        places = Places(
            receivers.mail_port, receivers.webhook_url, webhook_secret, unsubscribe_secret
        )
        run, deliver = directory / "restock.toml", directory / "deliver.toml"
        run.write_text(configuration_text(address, directory / "state", policy), "utf-8")
        ledger = directory / "delivery"
        deliver.write_text(deliver_configuration_text(address, ledger, places, seconds), "utf-8")
        show = stage.enter_context(_show(board, console, json=json))
        feeder = stage.enter_context(Feeder(address, topics))
        follower = Follower(address, _followed(topics))
        stage.callback(follower.close)
        # Last in, first out: they need the broker to the end.
        programs = [
            stage.enter_context(Program(name, directory, command, os.environ))
            for name, command in (
                ("restock deliver", deliver_command(deliver)),
                ("restock run", run_command(run)),
            )
        ]
        settings = SaleSettings(items, policies, topics, address, seconds, people, seed)
        sale = Sale(
            settings,
            programs=programs,
            receivers=receivers,
            feeder=feeder,
            follower=follower,
            board=board,
            show=show,
        )
        evidence, findings, post = sale.play()
    return summarise(evidence, findings, post, policies, labels(items))


def _followed(topics: TopicSettings) -> list[str]:
    """Return the topics that the programs write."""
    read = (topics.inventory, topics.subscriptions, topics.orders)
    letters = [dead_letter_topic(name) for name in read]
    return [topics.notifications, topics.waitlist, topics.deliveries, *letters]


def _secrets() -> tuple[str, str]:
    """Return secrets for webhooks and for unsubscribe links."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return f"whsec_{key}", secrets.token_urlsafe(32)


def _console(*, plain: bool | None) -> Console:
    # FORCE_COLOR and the like must not put control codes into a pipe.
    if plain or (plain is None and not sys.stdout.isatty()):
        return Console(force_terminal=False, color_system=None)
    return Console()


def _show(board: Board, console: Console, *, json: bool) -> Show:
    if json:
        return SilentShow(board)
    if not console.is_terminal or console.is_dumb_terminal:
        return PlainShow(board, console)
    return LiveShow(board, console)


def _check_range(flag: str, value: float, allowed: tuple[int, int]) -> None:
    if not allowed[0] <= value <= allowed[1]:
        message = f"{flag} {value:g}: must be from {allowed[0]} to {allowed[1]}"
        raise UsageError(message)


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stage as Ctrl-C does."""

    def on_signal(number: int, _frame: object) -> None:
        raise _Terminated(number)

    before = {
        number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
