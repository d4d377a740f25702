# SPDX-License-Identifier: Apache-2.0
"""Which events of a request Klaviyo refuses, and why (status 400, with errors of JSON:API).

An error names what it is about by a pointer into the request; a request with one bad event is
refused whole.
"""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from connectors.sinks.contract import Answer, Resolution

__all__ = ["Refusal", "read_refusals"]

_POINTER: Final = re.compile(
    r"/data/attributes/events[-_]bulk[-_]create/data/([0-9]{1,4})(/[A-Za-z0-9/_-]{0,120})?",
    re.ASCII,
)
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_SENT: Final = Answer(Resolution.SENT)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one item of a request was refused.

    Attributes:
        code: Klaviyo's, in snake case; empty if it gave none of that form.
        place: in the item, such as "/attributes/profile/data/attributes/email"; never a value.
    """

    code: str
    place: str = ""

    @property
    def is_repeat(self) -> bool:
        """Whether Klaviyo has the events already, by an attempt whose answer was lost."""
        return self.code.startswith("duplicate") or self.place.endswith("/unique_id")

    def answer(self) -> Answer:
        """Say what becomes of the message; Klaviyo's own words may hold an address."""
        if self.is_repeat:
            return _SENT
        return Answer(
            Resolution.FINAL,
            f"klaviyo_{self.code}" if self.code else "http_400",
            f"Klaviyo refuses the event: {self.code or 'no code'} {self.place}".rstrip(),
        )


class _Source(msgspec.Struct, frozen=True, gc=False):
    pointer: str | None = None


class _Error(msgspec.Struct, frozen=True, gc=False):
    code: str | None = None
    source: _Source | None = None


class _Refused(msgspec.Struct, frozen=True, gc=False):
    errors: list[_Error]


_decode_refused = msgspec.json.Decoder(_Refused).decode


def read_refusals(body: bytes, size: int) -> dict[int, Refusal]:
    """Read which items of a request are to blame for its refusal.

    Args:
        body: of the answer, as JSON:API has it; anything else blames nobody.
        size: how many items the request had. Of one that stood alone every error is.

    Returns:
        By its place in the request the first error of each that is named; nobody, if none is.
    """
    try:
        errors = _decode_refused(body).errors
    except (msgspec.MsgspecError, RecursionError):
        errors = []
    refusals: dict[int, Refusal] = {}
    for error in errors:
        pointer = (error.source and error.source.pointer) or ""
        code = error.code if error.code and _CODE.fullmatch(error.code) else ""
        match = _POINTER.fullmatch(pointer)
        if match and int(match[1]) < size:
            refusals.setdefault(int(match[1]), Refusal(code, match[2] or ""))
        elif size == 1:
            refusals.setdefault(0, Refusal(code))
    return refusals
