# SPDX-License-Identifier: Apache-2.0
"""Who is measured: each does the same job and is started as its users would start it."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.bare import BareSettings
from benchmarks.job import PARTITIONS, Job
from benchmarks.naive import NaiveSettings
from benchmarks.processes import ProcessTree, running
from benchmarks.reference import IdRule, hashed_id, plain_id

__all__ = ["BARE", "CONTENDERS", "NAIVE", "RESTOCK", "Contender", "stored_mebibytes"]

_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Contender:
    """A program that does the job.

    Attributes:
        name: what it is called in tables.
        command: makes its command line (and the files that it names) for a job; `linger_ms` is
            for those without a choice of their own.
        id_of: the ids it gives to notifications.
        slow: a large job would take it minutes; it is given the small one, and is compared with
            what the others need for that.
    """

    name: str
    command: Callable[[Job, float], list[str]]
    id_of: IdRule
    slow: bool = False

    @contextmanager
    def started(self, job: Job, linger_ms: float) -> Iterator[ProcessTree]:
        """Run it while the block lasts."""
        log = job.directory / f"{self.name}.log"
        with running(self.command(job, linger_ms), log) as process:
            yield process


def _restock_command(job: Job, _linger_ms: float) -> list[str]:
    roles = job.topics.by_role()
    lines = [
        "[kafka]",
        f'bootstrap_servers = "{job.bootstrap_servers}"',
        f'group_id = "{job.name}"',
        "[state]",
        f"directory = '{job.directory / 'state'}'",
        "[topics]",
        *(f'{role} = "{name}"' for role, name in roles.items()),
    ]
    config = job.directory / "restock.toml"
    config.write_text("\n".join(lines) + "\n")
    return [sys.executable, "-m", "restock", "run", "--config", str(config)]


def _bare_command(job: Job, linger_ms: float) -> list[str]:
    settings = BareSettings(
        bootstrap_servers=job.bootstrap_servers,
        group=job.name,
        inventory=job.topics.inventory,
        subscriptions=job.topics.subscriptions,
        notifications=job.topics.notifications,
        partitions=PARTITIONS,
        linger_ms=linger_ms,
    )
    config = job.directory / "bare.json"
    config.write_bytes(msgspec.json.encode(settings))
    return [sys.executable, "-m", "benchmarks.bare", str(config)]


def _naive_command(job: Job, _linger_ms: float) -> list[str]:
    settings = NaiveSettings(
        bootstrap_servers=job.bootstrap_servers,
        group=job.name,
        inventory=job.topics.inventory,
        subscriptions=job.topics.subscriptions,
        notifications=job.topics.notifications,
        recovery=job.directory / "state",
    )
    config = job.directory / "naive.json"
    config.write_text(settings.model_dump_json())
    return [sys.executable, "-m", "benchmarks.naive", str(config)]


RESTOCK = Contender("restock", _restock_command, hashed_id)
BARE = Contender("bare loop", _bare_command, plain_id)
NAIVE = Contender("naive Bytewax", _naive_command, plain_id, slow=True)
CONTENDERS = (BARE, RESTOCK)
"""All that do every job; the first is what the others are compared with."""


def stored_mebibytes(job: Job) -> float:
    """How much state a contender has on disk."""
    total = 0
    for folder, _, names in os.walk(job.directory / "state"):
        total += sum((Path(folder) / name).stat().st_blocks * 512 for name in names)
    return total / _MEBIBYTE
