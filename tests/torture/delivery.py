# SPDX-License-Identifier: Apache-2.0
"""Kills `restock deliver` again and again while it delivers, and checks what was received.

``python -m tests.torture.delivery --notifications 100000 --kills 50 --seed 7``

A seeded plan (`delivery_plan`) writes notifications, and orders and sign-offs among them, to a real
broker; `restock deliver` sends three of four by mail to aiosmtpd, the others to an endpoint that
verifies signatures with the `standardwebhooks` package. It is killed with SIGKILL at moments spread
over the run: while it starts, while new notifications come, when a receiver has a message and has
not answered, and right after an answer. In the end a checker (`delivery_checker`) compares what was
written, received, entered in the ledger and told in restock.deliveries.

The topic of notifications has one partition, so that what the program knows of a queue is always
its beginning, and whoever is overtaken was overtaken by the program.

The exit status is 1 when something is wrong; the run's folder is kept then, and named. It is 2 when
the program ended by itself or got stuck.
"""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.broker import broker
from restock.topic_plan import planned_topics
from tests.support.delivering import Deliveries, opened_receivers
from tests.support.shop import Shop, now
from tests.torture.brokers import Broker, NamedBroker
from tests.torture.delivery_checker import Evidence, Report, check
from tests.torture.delivery_plan import Planned, plan_feed, plan_kills
from tests.torture.delivery_run import Stuck, Torture

__all__ = ["main", "torment"]

_CONNECTIONS = 20
_JOURNEY = 'step = [{ name = "first", template = "back_in_stock" }]'
_SEEDS = 1_000_000
_PARTITIONS = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; see the module's docstring."""
    options = _parse(arguments)
    seed = secrets.randbelow(_SEEDS) if options.seed is None else options.seed
    _say(f"Seed {seed}: {options.notifications:,} notifications, {options.kills:,} kills")
    directory = Path(tempfile.mkdtemp(prefix="restock-torture-"))
    began = time.monotonic()
    try:
        with _broker(options.bootstrap_servers, directory) as address:
            report, summary = torment(
                NamedBroker(address), directory, seed, options.notifications, options.kills
            )
    except Stuck as error:
        _say(f"{error}; see {directory}")
        return 2
    _say(*summary, f"took        {time.monotonic() - began:.0f} s")
    if report.deviations:
        _say(*report.lines(), f"All of it is in {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


def torment(
    kafka: Broker, directory: Path, seed: int, notifications: int, kills: int
) -> tuple[Report, list[str]]:
    """Make one run on a broker, and judge it.

    Returns:
        The judgement, and lines that sum up the run.

    Raises:
        Stuck: the program ended by itself, or makes no headway.
    """
    feed = plan_feed(seed, notifications, now())
    planned = [each for each in feed if isinstance(each, Planned)]
    messages = sum(len(each.channels) for each in planned)
    sure = messages - 2 * (len(feed) - len(planned))
    shop = Shop(directory, kafka.bootstrap_servers, f"torture-{secrets.token_hex(4)}")
    _create_topics(kafka, shop)
    with opened_receivers() as receivers:
        deliveries = Deliveries(shop, receivers, concurrency=_CONNECTIONS, journey=_JOURNEY)
        torture = Torture(deliveries, receivers, feed, _say)
        # Whoever is on the way is overtaken by all who are so too, and by those who follow on the
        # answered ones among them.
        window = 2 * torture.in_flight
        with closing(torture):
            evidence = torture.run(plan_kills(seed, kills, sure), window)
    report = check(evidence)
    return report, list(_summary(evidence, report, messages))


def _summary(evidence: Evidence, report: Report, messages: int) -> Iterator[str]:
    bound = evidence.kills * evidence.in_flight
    ledger = Counter(each.kind for each in evidence.ledger)
    distinct = len(set(evidence.announced))
    yield f"written     {len(evidence.planned):,} notifications, {messages:,} messages in all"
    yield f"received    {report.messages:,} messages, and {report.repeats:,} repeats"
    yield f"bound       {bound:,}: {evidence.kills} kills x {evidence.in_flight} in flight"
    yield f"ledger      {_listed(ledger)}; suppressed: {_listed(report.suppressed)}"
    yield f"announced   {len(evidence.announced):,} records, {distinct:,} of them distinct"
    yield f"overtaken   by {report.most_overtaken} places at most; the bound is {evidence.window}"
    yield f"deviations  {len(report.deviations)}"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())) or "none"


def _create_topics(kafka: Broker, shop: Shop) -> None:
    specs = list(planned_topics(shop.topics))
    notifications = [spec for spec in specs if spec.name == shop.topics.notifications]
    kafka.create_topics(notifications, 1)
    kafka.create_topics([spec for spec in specs if spec not in notifications], _PARTITIONS)


@contextmanager
def _broker(address: str | None, directory: Path) -> Iterator[str]:
    if address is not None:
        yield address
        return
    with broker(directory) as started:
        yield started


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.delivery", description=__doc__)
    parser.add_argument("--notifications", type=int, default=100_000, help="how many are written")
    parser.add_argument("--kills", type=int, default=50, help="how often the program is killed")
    parser.add_argument("--seed", type=int, help="what all that is drawn follows from")
    parser.add_argument(
        "--bootstrap-servers", metavar="ADDRESS", help="a broker to use instead of one of its own"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
