# SPDX-License-Identifier: Apache-2.0
"""Logging: structlog to standard error, for people on a terminal and as JSON lines elsewhere.

What names a person or opens a door is masked before it is written, whichever code logged it.
Nothing is logged per event above the level ``debug``.
"""

import logging
from collections.abc import Mapping, MutableMapping
from typing import TextIO

import structlog

from restock.secret_names import MASK, looks_secret
from restock.settings import LoggingSettings

__all__ = ["configure_logging"]

_PERSONAL = frozenset({"email", "phone_number", "profile", "profile_key", "identifiers"})


def configure_logging(
    settings: LoggingSettings, stream: TextIO, environment: Mapping[str, str]
) -> None:
    """Send everything that is logged to ``stream``, as ``settings`` say.

    Args:
        settings: The level and the format.
        stream: Where log lines go; colours and the format ``auto`` depend on what it is.
        environment: The environment's variables; ``NO_COLOR`` is respected.
    """
    terminal = stream.isatty()
    people = settings.format == "console" or (settings.format == "auto" and terminal)
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _mask,
    ]
    renderers = _renderers(people=people, colors=terminal and not environment.get("NO_COLOR"))
    # The connectors and what they use log by Python's own logging: the same lines for all.
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.level.upper(), force=True)
    structlog.configure(
        processors=[*before, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(settings.level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


def _renderers(*, people: bool, colors: bool) -> list[structlog.typing.Processor]:
    if people:
        return [structlog.dev.ConsoleRenderer(colors=colors)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _mask(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    for name in event:
        if name in _PERSONAL or looks_secret(name):
            event[name] = MASK
    return event
