# SPDX-License-Identifier: Apache-2.0
"""The wave policy: account-wide settings and overrides by variant (docs/semantics.md section 4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas.durations import MILLISECONDS, parse_duration
from waitlist.errors import PolicyError

__all__ = ["Override", "Policy", "PolicyBook", "load_policy", "parse_duration"]


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings in force for one variant; every duration in milliseconds.

    Attributes:
        min_quantity: nothing is offered below it.
        per_unit: people to notify per unit in stock; None: all at once.
        wait: pause between the starts of two waves.
        dwell: how long a cycle must have been known before its first wave.
        late_grace: how much later than the opening a sign-up may be and still take part.
        safety_stock: units never offered.
        expires_after: how long a subscription waits at most; None: for ever.
        remember: how long a person counts as told.
        remember_sign_offs: how long a sign-off is remembered.
    """

    min_quantity: int = 1
    per_unit: int | None = None
    wait: int = 0
    dwell: int = 0
    late_grace: int = 5 * MILLISECONDS["m"]
    safety_stock: int = 0
    expires_after: int | None = 365 * MILLISECONDS["d"]
    remember: int = 7 * MILLISECONDS["d"]
    remember_sign_offs: int = 365 * MILLISECONDS["d"]


@dataclass(frozen=True, slots=True)
class Override:
    """Settings for the variants that one of ``patterns`` matches whole."""

    patterns: tuple[re.Pattern[str], ...]
    policy: Policy

    def matches(self, variant_id: str) -> bool:
        """Whether one of the globs matches the whole id (case-sensitive)."""
        return any(pattern.fullmatch(variant_id) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """The account's policy and its overrides; the first that matches is laid over it."""

    account: Policy = Policy()
    overrides: tuple[Override, ...] = ()

    def for_variant(self, variant_id: str) -> Policy:
        """The settings in force for ``variant_id``."""
        for override in self.overrides:
            if override.matches(variant_id):
                return override.policy
        return self.account

    def longest_memory(self) -> tuple[int, int]:
        """The longest ``remember`` and ``remember_sign_offs`` of any variant, in milliseconds."""
        policies = [self.account, *(override.policy for override in self.overrides)]
        return (
            max(policy.remember for policy in policies),
            max(policy.remember_sign_offs for policy in policies),
        )


def load_policy(table: Mapping[str, object]) -> PolicyBook:
    """Read the ``[policy]`` table.

    Args:
        table: its content as TOML gives it; an empty one means the defaults.

    Raises:
        PolicyError: with the path of the key that is wrong.
    """
    settings = dict(table)
    overrides = settings.pop("override", [])
    account = _lay_over(Policy(), settings, "policy")
    if not isinstance(overrides, list):
        raise PolicyError("policy.override", "must be a list of tables ([[policy.override]])")
    return PolicyBook(
        account,
        tuple(
            _override(account, entry, f"policy.override[{number}]")
            for number, entry in enumerate(overrides)
        ),
    )


def _override(account: Policy, entry: object, path: str) -> Override:
    if not isinstance(entry, Mapping):
        raise PolicyError(path, "must be a table")
    settings = dict(entry)
    if "variants" not in settings:
        raise PolicyError(f"{path}.variants", "is required: a list of globs of variant ids")
    globs = settings.pop("variants")
    if not isinstance(globs, list) or not all(isinstance(glob, str) for glob in globs):
        raise PolicyError(f"{path}.variants", "must be a list of strings")
    return Override(
        tuple(re.compile(_expression(glob), re.DOTALL) for glob in globs),
        _lay_over(account, settings, path),
    )


def _expression(glob: str) -> str:
    wild = {"*": ".*", "?": "."}
    return "".join(wild.get(character) or re.escape(character) for character in glob)


def _lay_over(base: Policy, settings: Mapping[str, object], path: str) -> Policy:
    changes: dict[str, Any] = {}
    for key, value in settings.items():
        reader = _READERS.get(key)
        if reader is None:
            known = ", ".join(sorted(_READERS))
            raise PolicyError(f"{path}.{key}", f"is not a policy setting (known: {known})")
        try:
            changes[key] = reader(value)
        except ValueError as error:
            raise PolicyError(f"{path}.{key}", str(error)) from None
    policy = replace(base, **changes)
    if policy.per_unit is not None and policy.wait == 0:
        raise PolicyError(f"{path}.wait", "must be more than 0 where per_unit is set")
    return policy


def _whole_number(minimum: int, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= minimum:
        return value
    message = f"must be a whole number of at least {minimum}"
    raise ValueError(message)


def _per_unit(value: object) -> int | None:
    if value == "none":
        return None
    try:
        return _whole_number(1, value)
    except ValueError:
        message = "must be a whole number of at least 1, or 'none'"
        raise ValueError(message) from None


def _duration_or_none(value: object) -> int | None:
    return None if value == "none" else parse_duration(value)


_READERS = {
    "min_quantity": lambda value: _whole_number(1, value),
    "per_unit": _per_unit,
    "wait": parse_duration,
    "dwell": parse_duration,
    "late_grace": parse_duration,
    "safety_stock": lambda value: _whole_number(0, value),
    "expires_after": _duration_or_none,
    "remember": parse_duration,
    "remember_sign_offs": parse_duration,
}
