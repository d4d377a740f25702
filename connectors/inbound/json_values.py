# SPDX-License-Identifier: Apache-2.0
"""What binary formats hold, as JSON."""

import math
from collections.abc import Callable
from typing import Final

import msgspec

__all__ = ["json_writer"]

_FINITE: Final = (int, str, bytes, type(None))
"""What most values are."""


def json_writer(enc_hook: Callable[[object], object] | None = None) -> Callable[[object], bytes]:
    """Make what writes values as JSON.

    A number that JSON has no word for, as a float that is none or has no end, becomes text: null
    would say that there is no figure any more.

    Args:
        enc_hook: see `msgspec.json.Encoder`; decimals are text.
    """
    encode: Final = msgspec.json.Encoder(enc_hook=enc_hook, decimal_format="string").encode
    return lambda value: encode(_spelled(value))


def _spelled(value: object) -> object:
    if isinstance(value, _FINITE):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {name: _spelled(inner) for name, inner in value.items()}
    return [_spelled(inner) for inner in value] if isinstance(value, list) else value
