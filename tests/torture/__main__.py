# SPDX-License-Identifier: Apache-2.0
"""Kills the program again and again while a shop is at work, and checks every topic afterwards.

``make torture KILLS=1000 SEED=7 FAULTS=100 BROKER=real`` or, with more to choose,
``python -m tests.torture``. A seeded shop (`scenario`) writes stock and sign-ups to a broker, while
``restock run`` is killed from outside at random moments and from inside at chosen points
(`victim`), told to stop, and paused; in further parts it lives on, while brokers misbehave
(`faults`). In the end everybody gets their stock, all topics are read from the beginning, and an
independent checker (`checker`) says who was lost, told twice or told out of order.

The plan follows from the seed. The exit status is 2 when the run itself got into trouble, so that
it says nothing about the program. When something is wrong it is 1, and topics, state and
logs are kept in a folder that the report names, with the words that run that part again. Threads
and processes do not follow from a seed: a failure that depends on them may need several runs.

The real broker is the one that RESTOCK_TEST_BOOTSTRAP_SERVERS names, or a container of the image
that RESTOCK_TEST_KAFKA_IMAGE names; to be killed it must be a container.
"""

import argparse
import json
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.torture.brokers import NoBrokerError
from tests.torture.driver import plan_parts, run_part
from tests.torture.feed import FeedError
from tests.torture.report import Progress, Tally, as_json, render

__all__ = ["main"]

_SEEDS = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; see the module's docstring."""
    options = _parse(arguments)
    # Ended by SIGTERM, it still leaves no broker and no process behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    seed = secrets.randbelow(_SEEDS) if options.seed is None else options.seed
    asked = {"seed": seed, "kills": options.kills, "faults": options.faults}
    words = " ".join(f"--{name} {value}" for name, value in asked.items())
    parts = plan_parts(
        seed,
        kills=options.kills,
        faults=options.faults,
        broker=options.broker,
        words=f"python -m tests.torture {words} --broker {options.broker}",
    )
    if options.part:
        parts = [part for part in parts if part.number == options.part]
    sys.stdout.write(
        f"Seed {seed}: {options.kills:,} kills and {options.faults:,} faults of brokers, "
        f"{options.broker} broker\n\n"
    )
    sys.stdout.flush()
    tally = Tally()
    progress = Progress(sys.stderr, sum(part.kills + part.faults for part in parts))
    try:
        for part in parts:
            run_part(part, tally, progress, options.evidence)
    except (FeedError, NoBrokerError, TimeoutError) as error:
        progress.close()
        sys.stderr.write(f"torture: the run says nothing: {error}\n")
        return 2
    progress.close()
    sys.stdout.write(render(tally, progress.seconds))
    if options.json:
        report = as_json(tally, progress.seconds, broker=options.broker, **asked)
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    return 1 if tally.failures else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="how often the program is killed")
    parser.add_argument("--faults", type=int, default=0, help="how often brokers misbehave")
    parser.add_argument("--seed", type=int, help="what all that is drawn follows from")
    parser.add_argument("--broker", choices=("mock", "real"), default="real")
    parser.add_argument("--part", type=int, help="run this part of the plan alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there as JSON")
    parser.add_argument(
        "--evidence", type=Path, default=Path("build/torture-failures"), metavar="FOLDER",
        help="where topics, state and logs go when something is wrong",
    )  # fmt: skip
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
