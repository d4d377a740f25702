# SPDX-License-Identifier: Apache-2.0
"""Settings from environment variables: ``RESTOCK_KAFKA__BOOTSTRAP_SERVERS`` and the like.

Two underscores stand for the dot of a key's path. A whole table may be given as a JSON object
(``RESTOCK_KAFKA__OPTIONS``). So that a secret needs no file, a librdkafka option may be given by
itself, an underscore for each of its dots (``RESTOCK_KAFKA__OPTIONS__SASL_PASSWORD``), and so may a
setting of a sink (``RESTOCK_SINKS__MAIL__PASSWORD``) or of a source, also in a table of its own
(``RESTOCK_INGEST__ERP__REGISTRY__PASSWORD``). A list is one in JSON. An empty variable counts as
not given.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from restock.errors import ConfigError
from restock.secret_names import looks_secret

__all__ = ["PREFIX", "read_environment"]

PREFIX = "RESTOCK_"
"""How the names of all our variables begin."""

_SEPARATOR = "__"
_WHOLE_NUMBER = re.compile(r"-?[0-9]+", re.ASCII)
# The last two are what Kubernetes sets in every pod beside a service named "restock".
_OTHERS = (
    "RESTOCK_BENCH_",
    "RESTOCK_TEST_",
    "RESTOCK_REQUIRE_",
    "RESTOCK_SERVICE_",
    "RESTOCK_PORT",
)
_SWITCHES = frozenset({"RESTOCK_DEBUG"})
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def read_environment(
    environment: Mapping[str, str], model: type[BaseModel]
) -> Iterator[tuple[dict[str, object], str]]:
    """Yield one nested table with one value for each variable that is a setting, with its name.

    Args:
        environment: The environment's variables; those of other programs are passed over.
        model: The root of the settings.

    Raises:
        ConfigError: One of our variables stands for no setting, or its JSON cannot be read.
    """
    for name in sorted(environment):
        text = environment[name]
        if not name.startswith(PREFIX) or name.startswith(_OTHERS) or name in _SWITCHES:
            continue
        keys = [key.lower() for key in name.removeprefix(PREFIX).split(_SEPARATOR)]
        if not _names_setting(model, keys):
            raise ConfigError(f"environment {name}: is not a setting; {_remedy(name, model)}")
        if text:
            yield {keys[0]: _value(model.model_fields[keys[0]], keys, text, name)}, name


def _names_setting(model: type[BaseModel], keys: list[str]) -> bool:
    field = model.model_fields.get(keys[0])
    if field is None or not all(keys):
        return False
    if inner := _model_of(field):
        return len(keys) == 1 or _names_setting(inner, keys[1:])
    return len(keys) <= 1 + _depth(field)


def _value(field: FieldInfo, keys: list[str], text: str, name: str) -> object:
    rest = keys[1:]
    inner = _model_of(field)
    if not rest:
        if inner or _depth(field):
            return _json(text, name, dict, '{"key": "value"}')
        is_list = get_origin(field.annotation) is tuple
        return _json(text, name, list, '["value"]') if is_list else _plain(field, text)
    if inner:
        return {rest[0]: _value(inner.model_fields[rest[0]], rest, text, name)}
    if keys[0] == "options":
        return {rest[0].replace("_", "."): text}
    # A password of digits is no number; but there may be a list of secrets.
    is_text = looks_secret(rest[-1]) and not text.startswith("[")
    value: object = text if is_text else _scalar_or_json(text)
    for key in reversed(rest):
        value = {key: value}
    return value


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _depth(field: FieldInfo) -> int:
    """How many keys lead into a field: 1 of a table, 3 of tables with names, else 0.

    Those that people name may have tables of their own within.
    """
    depth, annotation = 0, field.annotation
    while get_origin(annotation) is dict:
        depth, annotation = depth + 1, get_args(annotation)[1]
    return depth if depth <= 1 else depth + 1


def _json(
    text: str, name: str, wanted: type[dict[str, object] | list[object]], such: str
) -> object:
    try:
        value = json.loads(text)
    except (RecursionError, ValueError):
        value = None
    if not isinstance(value, wanted):
        kind = "object" if wanted is dict else "list"
        raise ConfigError(f"environment {name}: must be a JSON {kind} such as {such}")
    return value


def _plain(field: FieldInfo, text: str) -> object:
    """Turn text into the type of the field; what does not fit is left for the model to refuse."""
    if field.annotation is bool:
        return _BOOLEANS.get(text.lower(), text)
    if field.annotation in (int, timedelta) and _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    return text


def _scalar_or_json(text: str) -> object:
    try:
        return json.loads(text)
    except (RecursionError, ValueError):
        return text


def _remedy(name: str, model: type[BaseModel]) -> str:
    # The prefix, which all have in common, would make each name resemble the others.
    known = list(_names(model, ""))
    close = get_close_matches(name.removeprefix(PREFIX), known, n=1)
    if close:
        return f"did you mean {PREFIX}{close[0]}?"
    return "unset it, or see restock.example.toml for the settings there are"


def _names(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for key, field in model.model_fields.items():
        inner = _model_of(field)
        yield prefix + key.upper()
        if inner:
            yield from _names(inner, prefix + key.upper() + _SEPARATOR)
