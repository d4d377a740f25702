# SPDX-License-Identifier: Apache-2.0
"""Policy of the reference model: the ``[policy]`` table laid over the defaults, per variant."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Policy", "matches", "policy_for"]

_UNITS = (("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000))
_DEFAULTS: Mapping[str, object] = {
    "min_quantity": 1,
    "per_unit": "none",
    "wait": 0,
    "dwell": 0,
    "late_grace": "5m",
    "safety_stock": 0,
    "expires_after": "365d",
    "remember": "7d",
    "remember_sign_offs": "365d",
}


@dataclass(frozen=True)
class Policy:
    """The settings of one variant; durations in milliseconds, None for ``"none"``."""

    min_quantity: int
    per_unit: int | None
    wait: int
    dwell: int
    late_grace: int
    safety_stock: int
    expires_after: int | None
    remember: int
    remember_sign_offs: int


def policy_for(table: Mapping[str, object], variant_id: str) -> Policy:
    """The settings of a variant: a valid ``[policy]`` table, its first fitting override on top."""
    settings = dict(_DEFAULTS)
    settings.update({name: value for name, value in table.items() if name != "override"})
    overrides = table.get("override", [])
    assert isinstance(overrides, list)
    for override in overrides:
        if any(matches(glob, variant_id) for glob in override["variants"]):
            settings.update({name: value for name, value in override.items() if name != "variants"})
            break
    return Policy(
        min_quantity=_count(settings["min_quantity"]),
        per_unit=None if settings["per_unit"] == "none" else _count(settings["per_unit"]),
        wait=_duration(settings["wait"]),
        dwell=_duration(settings["dwell"]),
        late_grace=_duration(settings["late_grace"]),
        safety_stock=_count(settings["safety_stock"]),
        expires_after=(
            None if settings["expires_after"] == "none" else _duration(settings["expires_after"])
        ),
        remember=_duration(settings["remember"]),
        remember_sign_offs=_duration(settings["remember_sign_offs"]),
    )


def matches(glob: str, text: str) -> bool:
    """Whether a glob matches a whole text: ``*`` any run, ``?`` one character, the rest literal."""
    if not glob:
        return not text
    if glob[0] == "*":
        return any(matches(glob[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and glob[0] in ("?", text[0]) and matches(glob[1:], text[1:])


def _count(value: object) -> int:
    assert isinstance(value, int)
    return value


def _duration(value: object) -> int:
    if isinstance(value, int):
        return value * 1000
    assert isinstance(value, str)
    unit, factor = next(pair for pair in _UNITS if value.endswith(pair[0]))
    return int(value.removesuffix(unit)) * factor
