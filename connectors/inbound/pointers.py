# SPDX-License-Identifier: Apache-2.0
"""JSON Pointer (RFC 6901): where in a message something stands.

A pointer in its form as a URI fragment (section 6), such as ``#/occurredAt``, starts at the root of
the message even where the others start at one of its items.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Final, Self
from urllib.parse import unquote

from pydantic import AfterValidator

__all__ = ["MISSING", "Pointer", "PointerText", "check_pointer"]

MISSING: Final = object()
"""What a pointer finds where there is nothing; null is something."""

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")


@dataclass(frozen=True, slots=True)
class Pointer:
    """A place in a JSON value.

    Attributes:
        steps: names of members, or indexes of arrays, from the outside in; none: the whole.
        from_root: whether it starts at the root of a message rather than at an item.
    """

    steps: tuple[str, ...]
    from_root: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pointer.

        Raises:
            ValueError: it is none.
        """
        from_root = text.startswith("#")
        plain = unquote(text[1:], errors="strict") if from_root else text
        if (plain and not plain.startswith("/")) or _BAD_ESCAPE.search(plain):
            raise ValueError(
                'must be a JSON Pointer such as "/data/quantity" (RFC 6901: "~1" stands for a "/" '
                'within a name, "~0" for a "~")'
            )
        steps = plain.split("/")[1:]
        return cls(tuple(step.replace("~1", "/").replace("~0", "~") for step in steps), from_root)

    def find(self, value: object) -> object:
        """Return what stands there; `MISSING` if nothing does."""
        for step in self.steps:
            if isinstance(value, dict):
                value = value.get(step, MISSING)
            elif isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(value):
                value = value[int(step)]
            else:
                return MISSING
        return value


def check_pointer(text: str) -> str:
    """Return the text if it is a pointer.

    Raises:
        ValueError: it is none.
    """
    Pointer.parse(text)
    return text


PointerText = Annotated[str, AfterValidator(check_pointer)]
"""A pydantic field type: the text of a pointer."""
