# SPDX-License-Identifier: Apache-2.0
"""Values of the [journey] table, each read with the path of its key for the error."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from journey.channels import CHANNELS, EmailConsent
from journey.errors import PlanError
from journey.quiet import QuietHours
from journey.reasons import CONDITIONS, Reason
from schemas.durations import parse_duration
from schemas.fields import Channel

__all__ = [
    "Reader",
    "read_channel",
    "read_channels",
    "read_conditions",
    "read_duration",
    "read_email_consent",
    "read_mapping",
    "read_name",
    "read_quiet_hours",
    "read_table",
    "read_text",
    "read_zone",
]

Reader = Callable[[object, str], Any]
"""Takes a value as TOML gives it and the path of its key; raises `PlanError` for what is wrong."""

_NAME: Final = re.compile(r"[a-z0-9_-]{1,32}")
_CLOCK: Final = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_HOURS: Final = re.compile(f"{_CLOCK}-{_CLOCK}")
_CHANNELS: Final[Mapping[str, Channel]] = {name: name for name in CHANNELS}
_CONDITIONS: Final[Mapping[str, Reason]] = {
    reason.value: reason for reason in Reason if reason in CONDITIONS
}
_EMAIL_CONSENTS: Final[Mapping[str, EmailConsent]] = {
    "implied": "implied",
    "explicit": "explicit",
}
_Value = TypeVar("_Value")


def read_table(value: object, path: str, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Read a table whose keys are known; those that are not given are left out."""
    read: dict[str, Any] = {}
    for key, item in _items(value, path):
        reader = readers.get(key)
        if reader is None:
            known = ", ".join(sorted(readers))
            raise PlanError(f"{path}.{key}", f"is not a setting (known: {known})")
        read[key] = reader(item, f"{path}.{key}")
    return read


def read_mapping(value: object, path: str, key: Reader, item: Reader) -> dict[Any, Any]:
    """Read a table whose keys are data."""
    return {
        key(name, f"{path}.{name}"): item(content, f"{path}.{name}")
        for name, content in _items(value, path)
    }


def read_text(value: object, path: str) -> str:
    """Read text that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise PlanError(path, "must be text that is not empty")


def read_name(value: object, path: str) -> str:
    """Read a name for machines."""
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise PlanError(path, "must be 1 to 32 of the characters a-z, 0-9, _ and -")


def read_duration(value: object, path: str) -> int:
    """Read a duration, in milliseconds."""
    try:
        return parse_duration(value)
    except ValueError as error:
        raise PlanError(path, str(error)) from None


def read_quiet_hours(value: object, path: str) -> QuietHours:
    """Read a span of the day such as ``21:00-08:00``."""
    match = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PlanError(path, "must be two times of the day such as '21:00-08:00'")
    start, end = (int(match[place]) * 60 + int(match[place + 1]) for place in (1, 3))
    if start == end:
        raise PlanError(path, "must not end when it starts; leave it out for no quiet hours")
    return QuietHours(start, end)


def read_zone(value: object, path: str) -> ZoneInfo:
    """Read the name of a time zone that this machine knows."""
    name = read_text(value, path)
    try:
        return ZoneInfo(name)
    # What is raised depends on what the name leads to: nothing, a directory, another file.
    except (KeyError, ValueError, OSError):
        raise PlanError(
            path, f"{name!r} is no time zone that this machine knows, such as Europe/Stockholm"
        ) from None


def read_channel(value: object, path: str) -> Channel:
    """Read the name of a channel."""
    return _known(value, path, _CHANNELS)


def read_channels(value: object, path: str) -> frozenset[Channel]:
    """Read a list of channels; it may be empty."""
    return _known_ones(value, path, _CHANNELS)


def read_conditions(value: object, path: str) -> frozenset[Reason]:
    """Read a list of the reasons that a step may look at; it may be empty."""
    return _known_ones(value, path, _CONDITIONS)


def read_email_consent(value: object, path: str) -> EmailConsent:
    """Read whether signing up is consent enough for mail."""
    return _known(value, path, _EMAIL_CONSENTS)


def _known(value: object, path: str, known: Mapping[str, _Value]) -> _Value:
    if isinstance(value, str) and value in known:
        return known[value]
    raise PlanError(path, f"must be one of {', '.join(known)}")


def _known_ones(value: object, path: str, known: Mapping[str, _Value]) -> frozenset[_Value]:
    if not isinstance(value, list):
        raise PlanError(path, f"must be a list of {', '.join(known)}")
    return frozenset(_known(item, f"{path}[{place}]", known) for place, item in enumerate(value))


def _items(value: object, path: str) -> list[tuple[str, object]]:
    if not isinstance(value, Mapping):
        raise PlanError(path, "must be a table")
    return list(value.items())
