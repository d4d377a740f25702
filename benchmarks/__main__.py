# SPDX-License-Identifier: Apache-2.0
"""The one entry: ``python -m benchmarks [SECTION...] [--quick] [--json FILE] ...``."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from confluent_kafka import KafkaException

from benchmarks import (
    back_pressure,
    churn,
    engine,
    epochs,
    fan_out,
    fencing,
    flow,
    hot,
    klaviyo,
    latency,
    mail,
    mappers,
    memory,
    replay,
    resume,
    scale,
    shards,
    sign_ups,
    timers,
    webhooks,
    wide,
)
from benchmarks.bench import Bench
from benchmarks.broker import VARIABLE
from benchmarks.errors import BenchmarkError
from benchmarks.options import LARGE, QUICK, Options, Sizes
from benchmarks.report import SectionResult, print_section, write_json
from schemas.errors import RestockError

__all__ = ["SECTIONS", "main"]

SECTIONS: dict[str, Callable[[Bench], SectionResult]] = {
    "flow": flow.run,
    "latency": latency.run,
    "engine": engine.run,
    "epochs": epochs.run,
    "resume": resume.run,
    "year": churn.run,
    "back-pressure": back_pressure.run,
    "fencing": fencing.run,
    "shards": shards.run,
    "fan-out": fan_out.run,
    "hot": hot.run,
    "wide": wide.run,
    "timers": timers.run,
    "memory": memory.run,
    "scale": scale.run,
    "replay": replay.run,
    "webhooks": webhooks.run,
    "mail": mail.run,
    "klaviyo": klaviyo.run,
    "sign-ups": sign_ups.run,
    "mappers": mappers.run,
}
"""What can be measured, in the order in which it is."""

_FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print tables, and return the exit code.

    Args:
        arguments: the command line; None: that of the process.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    unknown = [name for name in given.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"{unknown[0]}: is not a section; there are {', '.join(SECTIONS)}")
    if sys.platform != "linux":
        parser.error("CPU time and memory are counted as Linux does: run this on Linux")
    # A kill from outside leaves no broker behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_FAILED))
    try:
        results = _measure(given)
    except (BenchmarkError, RestockError, KafkaException) as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return _FAILED
    if given.json:
        write_json(given.json, results)
    return 0


def _measure(given: argparse.Namespace) -> list[SectionResult]:
    results = []
    with ExitStack() as stack:
        name = tempfile.TemporaryDirectory(prefix="restock-bench-", dir=given.directory)
        directory = Path(stack.enter_context(name))
        bench = Bench(Options(_sizes(given), directory), stack)
        for name_of, measure in SECTIONS.items():
            if not given.sections or name_of in given.sections:
                result = measure(bench)
                print_section(result)
                results.append(result)
    return results


def _sizes(given: argparse.Namespace) -> Sizes:
    sizes = QUICK if given.quick else LARGE
    changes = {
        name: value
        for name in ("variants", "people", "events")
        if (value := getattr(given, name)) is not None
    }
    sizes = replace(sizes, job=replace(sizes.job, **changes))
    others = {
        name: value
        for name in ("rate", "seconds", "rounds")
        if (value := getattr(given, name)) is not None
    }
    if given.seconds is not None:
        others["dropped"] = given.seconds // 3
    return replace(sizes, **others)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure restock, side by side with the plainest loop that does the same.",
        epilog=f"Flow and latency start a Kafka broker (Java 17, Maven), or use {VARIABLE}.",
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work at all")
    parser.add_argument("--events", type=_count, help="stock events of the job")
    parser.add_argument("--variants", type=_count, help="variants of the job")
    parser.add_argument("--people", type=_count, help="people waiting")
    parser.add_argument("--rate", type=_count, help="events a second, for latency")
    parser.add_argument("--seconds", type=_count, help="how long, for latency; a third is warm-up")
    parser.add_argument("--rounds", type=_count, help="how often; 1: without warm-up")
    parser.add_argument("--directory", type=Path, help="where data of broker and state goes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main())
