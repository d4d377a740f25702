# SPDX-License-Identifier: Apache-2.0
"""What supervised shards write to standard error goes through, with the shard named.

They are made to log JSON; here each object is rendered as the supervisor's own lines are. What is
no log line (a stack of all threads, the last words of a process) becomes one.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TextIO

import structlog

from restock.settings import LoggingSettings
from restock.shards import Shard

__all__ = ["ChildLog", "Heard", "environment_for"]

_RUNNING: Final = "running"
"""What `restock.running` logs once the shard has its lease and its state is durable."""
_LAST_WORDS: Final = "restock: "


@dataclass(frozen=True, slots=True)
class Heard:
    """What a line of a shard's process says.

    Attributes:
        is_running: The shard has started: it has the lease and its state is durable.
        reason: Why the process ends, or might; empty when the line says nothing of it.
    """

    is_running: bool = False
    reason: str = ""


def environment_for(settings: LoggingSettings) -> dict[str, str]:
    """Return the environment variables that let a process log as `ChildLog` reads it.

    Args:
        settings: Those of the supervisor.
    """
    level = "debug" if settings.level == "debug" else "info"
    return {"RESTOCK_LOGGING__FORMAT": "json", "RESTOCK_LOGGING__LEVEL": level}


class ChildLog:
    """Passes lines on to ``stream``; to be made when logging has been configured.

    Args:
        settings: The least severe level that is passed on.
        stream: Where the supervisor's own lines go.
    """

    def __init__(self, settings: LoggingSettings, stream: TextIO) -> None:
        self._least = _number(settings.level)
        self._logger = structlog.PrintLogger(stream)
        # The last one makes text of an event.
        self._render = structlog.get_config()["processors"][-1]

    def hear(self, shard: Shard, line: str) -> Heard:
        """Pass a line on, and tell what it says.

        Args:
            shard: Whose process wrote it.
            line: Without its line break.
        """
        event = _parse(line)
        if event is not None:
            self._pass_on({**event, "shard": str(shard)})
            return Heard(is_running=event.get("event") == _RUNNING)
        if line.startswith(_LAST_WORDS):
            # Said again, with its consequence, when the process has ended.
            return Heard(reason=line.removeprefix(_LAST_WORDS))
        if line.strip():
            now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            said = {"event": line, "level": "warning", "timestamp": now, "shard": str(shard)}
            self._pass_on(said)
        return Heard(reason=line.strip())

    def _pass_on(self, event: Mapping[str, object]) -> None:
        level = str(event.get("level", "info"))
        if _number(level) >= self._least:
            self._logger.msg(self._render(self._logger, level, dict(event)))


def _parse(line: str) -> dict[str, object] | None:
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "event" in found else None


def _number(level: str) -> int:
    return logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
