# SPDX-License-Identifier: Apache-2.0
"""Where settings come from: flags over environment over ``restock.toml`` over defaults.

Each layer becomes a nested table; the tables are laid over each other key by key, and the origin
of every value is kept, so that an error can name the place to mend and `config show` can tell
where a value came from.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from journey.errors import PlanError
from restock.errors import ConfigError
from restock.settings import Settings
from restock.settings_environment import read_environment
from waitlist.errors import PolicyError

__all__ = ["DEFAULT_FILE", "FLAGS", "KeyPath", "LoadedSettings", "load_settings", "read_toml"]

DEFAULT_FILE = "restock.toml"
"""The configuration file that is read from the working directory when none is named."""

KeyPath = tuple[str, ...]
"""The place of a setting in the tree, such as ``("kafka", "bootstrap_servers")``."""

FLAGS: Mapping[str, KeyPath] = {
    "--bootstrap-servers": ("kafka", "bootstrap_servers"),
    "--port": ("gateway", "port"),
    "--state-directory": ("state", "directory"),
}
"""The flags that stand for a setting."""

# What pydantic says of these is about Python, not about a configuration file.
_WORDS: Mapping[str, str] = {
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "model_type": "must be a table",
    "path_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_type": "must be a string",
}


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings together with where they came from.

    Attributes:
        settings: The settings in force.
        origins: Per value that is not a default, its origin: a file's name, an environment
            variable or a flag.
        file: The configuration file that was read, if any.
    """

    settings: Settings
    origins: Mapping[KeyPath, str]
    file: Path | None

    def origin(self, path: KeyPath) -> str:
        """Return where the value at ``path`` came from; ``default`` when nothing set it."""
        return self.origins.get(path, "default")

    def nearest_origin(self, path: KeyPath) -> str:
        """Return where the value at ``path``, or the innermost table around it, came from."""
        return _origin_of(path, self.origins) or "settings"


def load_settings(
    config: Path | None,
    *,
    environment: Mapping[str, str],
    directory: Path,
    flags: Mapping[str, object] | None = None,
) -> LoadedSettings:
    """Read and check all settings, those of the policy included.

    Args:
        config: The configuration file; None: ``restock.toml`` in ``directory``, if there is one.
        environment: The environment's variables.
        directory: The working directory.
        flags: Values of flags by their names in `FLAGS`; those that are None count as not given.

    Raises:
        ConfigError: A setting is unknown or wrong, or the file cannot be read; one line that names
            the place, the key's path, and what to do.
    """
    file = config or directory / DEFAULT_FILE
    is_read = config is not None or file.is_file()
    from_file = read_toml(file) if is_read else {}
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    merged: dict[str, object] = {}
    origins: dict[KeyPath, str] = {}
    for table, origin in (
        (_with_flat_options(from_file), str(config or DEFAULT_FILE)),
        *read_environment(environment, Settings),
        *((_nest(FLAGS[name], value), name) for name, value in given.items()),
    ):
        _lay_over(merged, table, origin, origins, ())
    settings = _validate(merged, origins)
    return LoadedSettings(settings, origins, file if is_read else None)


def read_toml(file: Path) -> dict[str, object]:
    """Read a TOML file.

    Raises:
        ConfigError: It cannot be read, or is not TOML; one line that names the file.
    """
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8"))
    except OSError as error:
        message = f"{file}: cannot be read: {error.strerror}; name another file or make this one"
        raise ConfigError(message) from error
    except UnicodeDecodeError as error:
        message = f"{file}: is not UTF-8 at byte {error.start}; save it as UTF-8"
        raise ConfigError(message) from error
    except tomllib.TOMLDecodeError as error:
        message = f"{file}: is not TOML: {error}; see restock.example.toml"
        raise ConfigError(message) from error


def _with_flat_options(table: Mapping[str, object]) -> Mapping[str, object]:
    """Join the parts of librdkafka's names, which TOML takes apart when they are not quoted."""
    kafka = table.get("kafka")
    if not isinstance(kafka, Mapping) or not isinstance(kafka.get("options"), Mapping):
        return table
    options = {".".join(path): value for path, value in _leaves(kafka["options"], ())}
    return {**table, "kafka": {**kafka, "options": options}}


def _leaves(table: Mapping[str, object], path: KeyPath) -> Iterator[tuple[KeyPath, object]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _nest(path: KeyPath, value: object) -> dict[str, object]:
    for key in reversed(path):
        value = {key: value}
    return value if isinstance(value, dict) else {}


def _lay_over(
    below: dict[str, object],
    above: Mapping[str, object],
    origin: str,
    origins: dict[KeyPath, str],
    path: KeyPath,
) -> None:
    for key, value in above.items():
        here = (*path, key)
        if isinstance(value, Mapping):
            table = below.get(key)
            if not isinstance(table, dict):
                table = below[key] = {}
            origins.setdefault(here, origin)
            _lay_over(table, value, origin, origins, here)
        else:
            below[key] = value
            origins[here] = origin


def _validate(merged: dict[str, object], origins: Mapping[KeyPath, str]) -> Settings:
    try:
        settings = Settings(**merged)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError(_one_line(error, origins)) from None
    try:
        settings.policy_book()
    except PolicyError as error:
        path = tuple(error.path.split("[")[0].split("."))
        place = _origin_of(path, origins) or "policy"
        message = f"{place}: {error}; see docs/semantics.md section 4"
        raise ConfigError(message) from None
    try:
        settings.plan()
    except PlanError as error:
        path = tuple(error.path.split("[")[0].split("."))
        place = _origin_of(path, origins) or "journey"
        raise ConfigError(f"{place}: {error}; see docs/delivery.md") from None
    for check, key in (
        (settings.check_watchdog, ("state", "watchdog_timeout")),
        (settings.check_delivery, ("delivery", "remember")),
    ):
        try:
            check()
        except ValueError as error:
            place = _origin_of(key, origins) or "settings"
            message = f"{place}: {'.'.join(key)}: {error}; see restock.example.toml"
            raise ConfigError(message) from None
    return settings


def _one_line(error: ValidationError, origins: Mapping[KeyPath, str]) -> str:
    problems = error.errors(include_url=False, include_input=False)
    first = problems[0]
    path = _known_part(tuple(str(part) for part in first["loc"]), origins)
    place = _origin_of(path, origins) or "settings"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{place}: {'.'.join(path)}: {_explain(first, path)}{more}"


def _known_part(location: KeyPath, origins: Mapping[KeyPath, str]) -> KeyPath:
    # Pydantic appends names of union members, which are no part of the key's path.
    while len(location) > 1 and location not in origins:
        location = location[:-1]
    return location


def _explain(problem: ErrorDetails, path: KeyPath) -> str:
    if problem["type"] == "extra_forbidden":
        siblings = list(_siblings(path))
        close = get_close_matches(path[-1], siblings, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(siblings)}"
        return f"unknown setting; {remedy}"
    return f"{_in_our_words(problem)}; see restock.example.toml"


def _in_our_words(problem: ErrorDetails) -> str:
    """Say what pydantic has found in the words of a configuration file."""
    words = _WORDS.get(problem["type"])
    if words:
        return words.format_map(problem.get("ctx", {}))
    message = " ".join(problem["msg"].removeprefix("Value error, ").split())
    return message.replace("Input should be", "must be")


def _siblings(path: KeyPath) -> Iterator[str]:
    model: type[BaseModel] = Settings
    for key in path[:-1]:
        annotation = model.model_fields[key].annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    yield from model.model_fields


def _origin_of(path: KeyPath, origins: Mapping[KeyPath, str]) -> str | None:
    while path:
        if path in origins:
            return origins[path]
        path = path[:-1]
    return None
