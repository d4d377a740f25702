# SPDX-License-Identifier: Apache-2.0
"""Keys and values as TOML text, for the example file and for `restock config show`."""

import json
import re
from collections.abc import Mapping, Sequence

__all__ = ["toml_key", "toml_value"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_key(key: str) -> str:
    """Return ``key`` as TOML writes it: bare where it may be, else quoted."""
    return key if _BARE.fullmatch(key) else toml_value(key)


def toml_value(value: object) -> str:
    """Return ``value`` as TOML writes it, on one line.

    Args:
        value: A string, number or boolean, a list or a table of such, or anything whose text
            stands for it, such as a date.
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        pairs = (f"{toml_key(key)} = {toml_value(inner)}" for key, inner in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(toml_value, value))}]"
    return str(value)
