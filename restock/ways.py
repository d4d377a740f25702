# SPDX-License-Identifier: Apache-2.0
"""The ways to people: from the ``[sinks.NAME]`` tables to the sinks that deliver.

Each kind has its settings and its sink in `connectors.sinks`; only those that are used are
imported.
"""

import asyncio
import hashlib
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import Any

import orjson
from pydantic import BaseModel, SecretStr, ValidationError

from connectors.errors import SinkError
from connectors.kafka.settings import KafkaSettings
from connectors.sinks.contract import Sink
from delivery.office import Way
from delivery.remote import RemoteSink
from journey.plan import Plan
from restock.errors import ConfigError
from restock.settings import Settings
from schemas.fields import Channel

__all__ = ["AHEAD", "KINDS", "build_ways", "read_sinks", "settings_class", "try_sinks"]

KINDS: Mapping[str, tuple[str, str]] = {
    "console": ("lines", "ConsoleSettings"),
    "email": ("email_settings", "EmailSettings"),
    "file": ("lines", "FileSettings"),
    "kafka": ("kafka", "KafkaSinkSettings"),
    "klaviyo": ("klaviyo_settings", "KlaviyoSettings"),
    "sms": ("sms", "SmsSettings"),
    "webhook": ("webhook", "WebhookSettings"),
}
"""For each kind of sink the module in `connectors.sinks` and the class of its settings."""

_NEAR = frozenset({"console", "file", "kafka"})
"""Kinds that cost too little for a process of their own."""

AHEAD = 0.25
"""So much of what may be on its way lies ready in the process of a sink besides."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Around:
    """What a sink may need beside its own settings.

    Attributes:
        kafka: how to reach Kafka.
        templates: of the steps that may go by it.
    """

    kafka: KafkaSettings
    templates: tuple[str, ...]


def settings_class(kind: str) -> type[BaseModel]:
    """The settings of a kind of sink."""
    module, name = KINDS[kind]
    found: type[BaseModel] = getattr(import_module(f"connectors.sinks.{module}"), name)
    return found


def read_sinks(settings: Settings) -> dict[str, BaseModel]:
    """Read and check the ``[sinks.NAME]`` tables.

    Returns:
        For each name the settings of its kind.

    Raises:
        ConfigError: one is wrong, or a channel leads to none of them; the message names the key.
    """
    found = {name: _read(name, table) for name, table in settings.sinks.items()}
    for channel, name in settings.plan().routes.items():
        if name not in found:
            known = ", ".join(sorted(found)) or "none"
            raise ConfigError(
                f"journey.channels.{channel}: there is no sink {name!r}: make a table "
                f"[sinks.{name}], or name another (there are: {known})"
            )
        _check_served(channel, name, found[name])
    return found


def _check_served(channel: Channel, name: str, model: Any) -> None:  # noqa: ANN401 - any kind
    if model.kind == "sms" and channel != "SMS":
        # Consent is asked for by channel: without this check it could be evaded.
        raise ConfigError(
            f"journey.channels.{channel}: sinks.{name} sends text messages: lead only SMS there"
        )
    if model.kind == "kafka" and channel not in model.topics:
        raise ConfigError(
            f"sinks.{name}.topics: names no topic for {channel}, which journey.channels leads there"
        )


def build_ways(settings: Settings) -> dict[str, Way]:
    """Make the sinks that channels lead to.

    Raises:
        ConfigError: see `read_sinks`; or there is none at all.
    """
    routes = settings.plan().routes
    if not routes:
        raise ConfigError(
            'journey.channels: no channel leads anywhere: give them sinks, such as EMAIL = "mail" '
            "under [journey.channels], with a table [sinks.mail]; see docs/delivery.md"
        )
    models = read_sinks(settings)
    return {
        name: _way(name, models[name], _Around(settings.kafka, _templates(settings.plan(), name)))
        for name in dict.fromkeys(routes.values())
    }


def try_sinks(settings: Settings) -> None:
    """Have those sinks get ready that do so without touching anything: templates, certificates.

    Raises:
        ConfigError: see `read_sinks`; or one cannot get ready, such as for want of a template.
    """
    for name, model in read_sinks(settings).items():
        if model.kind not in _NEAR:  # type: ignore[attr-defined]  # each has one
            around = _Around(settings.kafka, _templates(settings.plan(), name))
            try:
                asyncio.run(_try(_build(model, around)))
            except SinkError as error:
                raise ConfigError(f"sinks.{name}: {error}") from None


async def _try(sink: Sink) -> None:
    try:
        await sink.open()
    finally:
        await sink.close()


def _templates(plan: Plan, name: str) -> tuple[str, ...]:
    """Of the steps that may go by a sink."""
    channels = [channel for channel, sink in plan.routes.items() if sink == name]
    return tuple(step.template for step in plan.steps if any(map(step.allows, channels)))


def _read(name: str, table: Mapping[str, object]) -> BaseModel:
    place = f"sinks.{name}"
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{place}: a sink's name is of a-z, 0-9 and _, and begins with a letter")
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ConfigError(f"{place}.kind: must be one of {', '.join(KINDS)}")
    try:
        return settings_class(kind).model_validate(dict(table))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join([place, *map(str, first["loc"])])
        words = " ".join(first["msg"].removeprefix("Value error, ").split())
        raise ConfigError(f"{path}: {words}; see docs/delivery.md") from None


def _way(name: str, model: BaseModel, around: _Around) -> Way:
    kind: str = model.kind  # type: ignore[attr-defined]  # each has one
    build = partial(_build, model, around)
    if kind in _NEAR:
        return Way(build(), _receiver(model))
    return Way(RemoteSink(name, build), _receiver(model), AHEAD)


def _build(model: BaseModel, around: _Around) -> Sink:
    kind: str = model.kind  # type: ignore[attr-defined]  # each has one
    return _BUILDERS[kind](model, around)


def _email(model: Any, around: _Around) -> Sink:  # noqa: ANN401 - as are those below
    from connectors.sinks.email import EmailSink  # noqa: PLC0415 - only where it is used

    return EmailSink(model, lambda: datetime.now(UTC), time.monotonic, around.templates)


def _webhook(model: Any, _around: _Around) -> Sink:  # noqa: ANN401
    from connectors.sinks.webhook import WebhookSink  # noqa: PLC0415

    return WebhookSink(model, time.time)


def _sms(model: Any, _around: _Around) -> Sink:  # noqa: ANN401
    from connectors.sinks.sms import SmsSink  # noqa: PLC0415

    return SmsSink(model, time.time)


def _klaviyo(model: Any, _around: _Around) -> Sink:  # noqa: ANN401
    from connectors.sinks.klaviyo import KlaviyoSink  # noqa: PLC0415

    return KlaviyoSink(model, time.time)


def _kafka(model: Any, around: _Around) -> Sink:  # noqa: ANN401
    from connectors.sinks.kafka import KafkaSink  # noqa: PLC0415

    return KafkaSink(model, around.kafka)


def _file(model: Any, _around: _Around) -> Sink:  # noqa: ANN401
    from connectors.sinks.lines import FileSink  # noqa: PLC0415

    return FileSink(model)


def _console(model: Any, _around: _Around) -> Sink:  # noqa: ANN401
    from connectors.sinks.lines import ConsoleSink  # noqa: PLC0415

    return ConsoleSink(model, sys.stdout.buffer)


_BUILDERS: Mapping[str, Callable[[Any, _Around], Sink]] = {
    "console": _console,
    "email": _email,
    "file": _file,
    "kafka": _kafka,
    "klaviyo": _klaviyo,
    "sms": _sms,
    "webhook": _webhook,
}


def _receiver(model: BaseModel) -> str:
    """What a sink leads to, in a form that shows no secret: another is another receiver."""
    shown = orjson.dumps(model.model_dump(), default=_whole, option=orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(shown).hexdigest()


def _whole(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
