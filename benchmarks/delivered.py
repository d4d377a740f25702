# SPDX-License-Identifier: Apache-2.0
"""Messages brought to a receiver: by restock, from Kafka, or by less.

Everybody is measured alike. As many messages as may be in flight are at the receiver, which has
not answered them yet; for restock, all notifications are in its ledger. Then the gate is opened,
and the clock runs, the receiver's own, until the last message has come. CPU time is counted from
the gate until everything is settled, for restock also in its ledger and in the topic of deliveries.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.errors import WrongOutput
from benchmarks.flow import wait_until
from benchmarks.job import Job
from benchmarks.ledgers import announced, check_ledger, taken_in
from benchmarks.notifications import Notifications
from benchmarks.processes import ProcessTree, running
from benchmarks.receivers import Receiver, receiving

__all__ = ["ONE_STEP", "Delivery", "Errand", "Intake", "check", "deliver_by", "deliver_by_restock"]

ONE_STEP = ("[[journey.step]]", 'name = "first"', 'template = "back_in_stock"')
"""A plan without a reminder."""

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be done, and against what.

    Attributes:
        kind: of the receiver.
        delay: seconds that it takes to answer.
        at_once: messages in flight at most.
        notifications: who is told.
    """

    kind: str
    delay: float
    at_once: int
    notifications: Notifications


@dataclass(frozen=True, slots=True)
class Intake:
    """What the way of notifications from Kafka into the ledger needed.

    Attributes:
        rate: notifications a second.
        cpu: microseconds of CPU each.
    """

    rate: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """What somebody needed for an errand.

    Attributes:
        messages: brought after the gate was opened.
        seconds: from then to the last of them.
        cpu_seconds: user and system time from then until all was settled.
        receiver_cpu_seconds: the receiver's, meanwhile.
        peak_mebibytes: the most memory.
        intake: what restock needed before; None: it was somebody else.
    """

    messages: int
    seconds: float
    cpu_seconds: float
    receiver_cpu_seconds: float
    peak_mebibytes: float
    intake: Intake | None = None

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu(self) -> float:
        """Microseconds of CPU a message."""
        return self.cpu_seconds / self.messages * _MILLION


def deliver_by(
    bench: Bench, name: str, errand: Errand, module: str, config: Sequence[str], *last: str
) -> Delivery:
    """Let a program do an errand without Kafka.

    Args:
        bench: the run.
        name: of the program in what is said.
        errand: what is to be done.
        module: the program; it is given a file of notifications, then `last`.
        config: lines of a configuration for the sink `out`; `{port}` is where to send.
        last: its further arguments; `{port}` likewise, and `{config}` the file of the lines.

    Raises:
        WrongOutput: it brought the wrong messages.
        BenchmarkError: it failed.
    """
    bench.say(f"{name}: {errand.notifications.count:,} messages")
    directory = Path(tempfile.mkdtemp(prefix="delivery-", dir=bench.options.directory))
    records, path = directory / "records", directory / "restock.toml"
    errand.notifications.write(records)
    with receiving(errand.kind, errand.delay, directory) as receiver:
        path.write_text("\n".join(_journey(config, receiver.port)) + "\n")
        rest = [each.format(port=receiver.port, config=path) for each in last]
        command = [sys.executable, "-m", module, str(records), *rest]
        with running(command, directory / f"{module}.log") as process:
            wait_until(process, lambda: receiver.report().held, errand.at_once, "held messages")
            process.settle()
            delivery = _measure(errand, receiver, process)
            process.stop()
        check(receiver, errand.notifications)
    return delivery


def deliver_by_restock(
    bench: Bench, name: str, errand: Errand, config: Sequence[str], plan: Sequence[str] = ()
) -> Delivery:
    """Let restock do an errand.

    Args:
        bench: the run.
        name: in what is said.
        errand: what is to be done.
        config: see `deliver_by`.
        plan: lines of the journey's steps; none: the default ones.

    Raises:
        WrongOutput: it brought the wrong messages, or its ledger says something else.
        BenchmarkError: it or the broker failed.
    """
    bench.say(f"{name}: {errand.notifications.count:,} messages")
    job = bench.new_job(name)
    ledger = job.directory / "delivery" / "shard-0-of-1" / "ledger.sqlite3"
    with receiving(errand.kind, errand.delay, job.directory) as receiver:
        lines = [*_journey(config, receiver.port), *plan]
        with _restock(job, lines) as process:
            wait_until(process, ledger.exists, 1, "its ledger")
            process.settle()
            intake = _take_in(job, errand, process, receiver, ledger)
            delivery = _measure(errand, receiver, process, ledger)
            process.stop()
        check(receiver, errand.notifications)
        check_ledger(ledger, errand.notifications.count)
    job.delete_topics()
    return replace(delivery, intake=intake)


def check(receiver: Receiver, notifications: Notifications) -> None:
    """See that everybody was told, and once.

    Raises:
        WrongOutput: not so.
    """
    report = receiver.report()
    if report.taken != notifications.count or receiver.digest() != notifications.digest():
        raise WrongOutput(
            f"{report.taken} messages with {report.different} ids came, "
            f"expected were the {notifications.count} of the job, each once"
        )


def _take_in(
    job: Job, errand: Errand, process: ProcessTree, receiver: Receiver, ledger: Path
) -> Intake:
    count, cpu = errand.notifications.count, process.usage().cpu_seconds
    begun = time.monotonic()
    job.produce(job.topics.notifications, errand.notifications.records())
    wait_until(process, lambda: taken_in(ledger), count, "notifications in the ledger")
    seconds = time.monotonic() - begun
    wait_until(process, lambda: receiver.report().held, errand.at_once, "held messages")
    process.settle()
    spent = process.usage().cpu_seconds - cpu
    return Intake(count / seconds, spent / count * _MILLION)


def _measure(
    errand: Errand, receiver: Receiver, process: ProcessTree, ledger: Path | None = None
) -> Delivery:
    count = errand.notifications.count
    held = receiver.report().held
    before, receiver_before = process.usage().cpu_seconds, receiver.process.usage().cpu_seconds
    receiver.release()
    most = wait_until(process, lambda: receiver.report().taken, count, "messages")
    if ledger is not None:
        most = max(most, wait_until(process, lambda: announced(ledger), count, "deliveries"))
    return Delivery(
        messages=count - held,
        seconds=receiver.report().seconds,
        cpu_seconds=process.usage().cpu_seconds - before,
        receiver_cpu_seconds=receiver.process.usage().cpu_seconds - receiver_before,
        peak_mebibytes=max(process.peak_mebibytes(), most),
    )


def _journey(config: Sequence[str], port: int) -> list[str]:
    lines = [line.format(port=port) for line in config]
    return ["[journey.channels]", 'EMAIL = "out"', "[sinks.out]", *lines]


@contextmanager
def _restock(job: Job, lines: Sequence[str]) -> Iterator[ProcessTree]:
    config = job.directory / "restock.toml"
    own = [
        "[kafka]",
        f'bootstrap_servers = "{job.bootstrap_servers}"',
        f'group_id = "{job.name}"',
        "[delivery]",
        f"directory = '{job.directory / 'delivery'}'",
        "[topics]",
        *(f'{role} = "{name}"' for role, name in job.topics.by_role().items()),
    ]
    config.write_text("\n".join([*own, *lines]) + "\n")
    command = [sys.executable, "-m", "restock", "deliver", "--config", str(config)]
    with running(command, job.directory / "restock.log") as process:
        yield process
