# SPDX-License-Identifier: Apache-2.0
"""What the docstrings of settings say, for the example configuration."""

from pydantic import BaseModel

__all__ = ["attributes", "summary"]


def summary(model: type[BaseModel]) -> str:
    """Return the first line of a model's docstring, as a sentence."""
    line = (model.__doc__ or "").partition("\n")[0]
    return f"{line.rpartition(':')[0] or line.rstrip('.')}."


def attributes(model: type[BaseModel]) -> dict[str, str]:
    """Return the meanings of a model's fields from the Attributes of its docstring.

    Those that it has from another model come after its own.
    """
    meanings: dict[str, str] = {}
    for kind in model.__mro__:
        if issubclass(kind, BaseModel):
            meanings |= {k: v for k, v in _attributes(kind, model).items() if k not in meanings}
    return meanings


def _attributes(kind: type[BaseModel], model: type[BaseModel]) -> dict[str, str]:
    _, _, text = (kind.__doc__ or "").partition("Attributes:\n")
    meanings: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, meaning = line.strip().partition(": ")
        if separator and name in model.model_fields:
            meanings[last := name] = meaning
        elif line.strip() and meanings:
            meanings[last] += f" {line.strip()}"
    return meanings
