# SPDX-License-Identifier: Apache-2.0
"""`restock run --shards`: puts the supervisor together and runs it."""

import os
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from restock.errors import UsageError
from restock.settings import Settings
from restock.shards import Shard
from restock.supervisor import Supervisor
from restock.supervisor_backoff import BackOff, Pauses
from restock.supervisor_children import Children, stop_signals
from restock.supervisor_log import ChildLog, environment_for

__all__ = ["Options", "health_port", "supervise"]

_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Options:
    """What is passed on to the processes, as words of the command line.

    Attributes:
        always: At every start.
        once: Until the shard has run: they say how to begin.
    """

    always: Sequence[str]
    once: Sequence[str]


def supervise(settings: Settings, shards: Sequence[Shard], options: Options) -> int:
    """Look after the shards until told to stop, and return the exit code.

    Args:
        settings: All settings; logging has been configured by them.
        shards: The shards.
        options: What the processes are given beside the shard.

    Raises:
        UsageError: There is no health port for each, or a shard refuses its settings.
        ShardFailed: See `Supervisor.run`.
    """
    for shard in shards:
        health_port(settings, shard)

    def command(shard: Shard, first: bool) -> list[str]:  # noqa: FBT001 - see Supervisor
        once = options.once if first else ()
        own = ["run", "--shard", str(shard), "--supervisor", str(os.getpid())]
        return [*own, *options.always, *once]

    def environment(shard: Shard) -> Mapping[str, str]:
        port = {"RESTOCK_HEALTH__PORT": str(health_port(settings, shard))}
        return {**os.environ, **environment_for(settings.logging), **port}

    children = Children(command, environment)
    log = ChildLog(settings.logging, sys.stderr)
    supervisor = Supervisor(
        shards,
        children.spawn,
        lambda: BackOff(Pauses(), random.random),
        log.hear,
        time.monotonic,
    )
    with stop_signals(children.signalled):
        try:
            return supervisor.run(children.wait)
        finally:
            supervisor.kill()


def health_port(settings: Settings, shard: Shard) -> int:
    """Return the health port of a shard: that of the settings and the shard's number; 0: none.

    Raises:
        UsageError: There is no such port.
    """
    if not settings.health.port:
        return 0
    port = settings.health.port + shard.index
    if port > _LAST_PORT:
        raise UsageError(
            f"health.port: {settings.health.port} leaves no port for shard {shard}, which has "
            f"health.port + {shard.index}: choose a lower one, or 0 to serve nothing"
        )
    return port
