# SPDX-License-Identifier: Apache-2.0
"""`restock config`: show the settings in force and where they came from, or check them."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import orjson
from cyclopts import App, Parameter
from pydantic import BaseModel

from restock.commands.common import load_checked
from restock.errors import EXIT_OK
from restock.policy_table import with_defaults
from restock.secret_names import MASK, looks_secret
from restock.settings_layers import KeyPath, LoadedSettings
from restock.sources import SourceSettings, read_sources, try_sources
from restock.toml_text import toml_key, toml_value
from restock.ways import read_sinks, try_sinks

__all__ = ["config"]

config = App(name="config", help="Show the settings in force, or check them.", help_epilogue="")


@config.command
def show(
    *,
    config: Annotated[Path | None, Parameter(name="--config")] = None,
    json: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Show every setting in force and where it came from; secrets are masked.

    Parameters
    ----------
    config
        The configuration file; left out: restock.toml in the working directory, if there is one.
    json
        Print one JSON object {"settings": ..., "origins": ...}.
    """
    loaded = load_checked(config, None, read_sinks, read_sources)
    settings = _redacted(_effective(loaded))
    if json:
        origins = {".".join(path): loaded.origin(path) for path, _ in _leaves(settings)}
        content = {"settings": settings, "origins": origins}
        sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        sys.stdout.writelines(_lines(settings, loaded))
    return EXIT_OK


@config.command
def check(*, config: Annotated[Path | None, Parameter(name="--config")] = None) -> int:
    """Check all settings, and the files that they name, without connecting.

    Policy, sinks with their templates, sources with their files, and librdkafka's options.

    Parameters
    ----------
    config
        The configuration file; left out: restock.toml in the working directory, if there is one.
    """
    loaded = load_checked(config, None, try_sinks, try_sources)
    from connectors.kafka.clients import new_admin  # noqa: PLC0415 - librdkafka, only to check

    new_admin(loaded.settings.kafka)
    sys.stdout.write(f"settings are in order ({loaded.file or 'no file, defaults'})\n")
    return EXIT_OK


def _effective(loaded: LoadedSettings) -> dict[str, object]:
    settings = loaded.settings.model_dump(mode="json", exclude_none=True)
    # The models know which of their settings are secret, whatever their names.
    sinks = {name: _dumped(model) for name, model in read_sinks(loaded.settings).items()}
    sources = {name: _source(source) for name, source in read_sources(loaded.settings).items()}
    policy = with_defaults(loaded.settings.policy)
    return settings | {"sinks": sinks, "ingest": sources, "policy": policy}


def _source(source: SourceSettings) -> dict[str, object]:
    return {"kind": source.kind, **_dumped(source.common), **_dumped(source.own)}


def _dumped(model: BaseModel) -> dict[str, object]:
    return model.model_dump(mode="json", exclude_none=True)


def _redacted(table: Mapping[str, object]) -> dict[str, object]:
    return {
        key: _redacted(value) if isinstance(value, Mapping) else _masked(key, value)
        for key, value in table.items()
    }


def _masked(key: str, value: object) -> object:
    """Mask what may be secret by its name: texts and lists of them, as far as there are any."""
    return MASK if looks_secret(key) and value and not isinstance(value, int) else value


def _leaves(table: Mapping[str, object], path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _lines(settings: Mapping[str, object], loaded: LoadedSettings) -> Iterator[str]:
    rows = [
        (f"{'.'.join(map(toml_key, path))} = {toml_value(value)}", loaded.origin(path))
        for path, value in _leaves(settings)
    ]
    width = min(60, max(len(text) for text, _ in rows))
    for text, origin in rows:
        yield f"{text:<{width}}  # {origin}\n"
