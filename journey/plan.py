# SPDX-License-Identifier: Apache-2.0
"""The plan of all journeys: steps, conditions, quiet hours, and which sink serves a channel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Final

from journey.channels import CHANNELS, EmailConsent
from journey.errors import PlanError
from journey.quiet import QuietHours
from journey.readers import (
    Reader,
    read_channel,
    read_channels,
    read_conditions,
    read_duration,
    read_email_consent,
    read_mapping,
    read_name,
    read_quiet_hours,
    read_table,
    read_text,
    read_zone,
)
from journey.reasons import CONDITIONS, Reason
from schemas.durations import MILLISECONDS
from schemas.fields import Channel

__all__ = ["Plan", "Step", "load_plan"]


@dataclass(frozen=True, slots=True)
class Step:
    """One message of a journey.

    Attributes:
        name: tells the steps of a plan apart; part of the identity of messages.
        template: what sinks render.
        delay: milliseconds after the step before was settled; of the first step after the
            notification arrived.
        channels: the channels it may go by; None: all that the person chose.
        unless: which of `journey.reasons.CONDITIONS` suppress it; without ``RECENTLY_TOLD`` it
            bypasses `Plan.recently_told`.
    """

    name: str
    template: str
    delay: int = 0
    channels: frozenset[Channel] | None = None
    unless: frozenset[Reason] = CONDITIONS

    def allows(self, channel: Channel) -> bool:
        """Whether the step may go by the channel."""
        return self.channels is None or channel in self.channels


_DEFAULT_STEPS: Final = (
    Step("first", "back_in_stock"),
    Step(
        "reminder",
        "reminder",
        delay=24 * MILLISECONDS["h"],
        unless=frozenset({Reason.ORDERED, Reason.SOLD_OUT}),
    ),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What every journey follows; every duration in milliseconds.

    Attributes:
        steps: at least one, in their order.
        max_age: how much later than planned a message is still sent.
        recently_told: how long after one message a person is sent none for another notification;
            0: no matter.
        digest: how long a person's notifications are gathered into one message; 0: not at all.
        quiet: hours in which messages wait; None: none.
        quiet_channels: the channels that keep the quiet hours.
        email_consent: "implied": signing up is consent enough; "explicit": EMAIL must be among
            the consents.
        time_zone: the account's.
        time_zones: market to its time zone, where it is not the account's.
        routes: channel to the name of the sink that serves it.
        retry_for: how long after its first attempt a message is tried again.
    """

    steps: tuple[Step, ...] = _DEFAULT_STEPS
    max_age: int = 24 * MILLISECONDS["h"]
    recently_told: int = 7 * MILLISECONDS["d"]
    digest: int = 0
    quiet: QuietHours | None = None
    quiet_channels: frozenset[Channel] = frozenset(CHANNELS)
    email_consent: EmailConsent = "implied"
    time_zone: tzinfo = UTC
    time_zones: Mapping[str, tzinfo] = field(default_factory=dict)
    routes: Mapping[Channel, str] = field(default_factory=dict)
    retry_for: int = 24 * MILLISECONDS["h"]

    def step(self, name: str) -> Step | None:
        """The step of that name; None: there is none (any more)."""
        for step in self.steps:
            if step.name == name:
                return step
        return None

    def zone_of(self, market: str | None) -> tzinfo:
        """The time zone of people of a market; None: the market is not known."""
        return self.time_zone if market is None else self.time_zones.get(market, self.time_zone)

    def serves(self, step: Step, channel: Channel) -> bool:
        """Whether the step may go by the channel, and a sink serves it."""
        return channel in self.routes and step.allows(channel)


def load_plan(table: Mapping[str, object]) -> Plan:
    """Read the ``[journey]`` table.

    Args:
        table: its content as TOML gives it; an empty one means the defaults.

    Raises:
        PlanError: with the path of the key that is wrong.
    """
    given = read_table(table, _PATH, _SETTINGS)
    plan = Plan(**{_FIELDS.get(key, key): value for key, value in given.items()})
    quiet = plan.quiet.length() if plan.quiet else 0
    if plan.max_age <= quiet:
        raise PlanError(f"{_PATH}.max_age", "must be more than 0, and longer than the quiet hours")
    if plan.digest and plan.steps[0].delay:
        raise PlanError(
            f"{_PATH}.digest",
            "is a delay of the first step: remove the other from journey.step[0]",
        )
    return plan


def _steps(value: object, path: str) -> tuple[Step, ...]:
    if not isinstance(value, list) or not value:
        raise PlanError(path, "must be one or more tables ([[journey.step]])")
    steps: list[Step] = []
    for number, entry in enumerate(value):
        steps.append(_step(entry, f"{path}[{number}]", steps))
    return tuple(steps)


def _step(value: object, path: str, before: list[Step]) -> Step:
    """Read a step that follows those before it."""
    given = read_table(value, path, _STEP_SETTINGS)
    for key in ("name", "template", *(["delay"] if before else [])):
        if key not in given:
            raise PlanError(f"{path}.{key}", "is required")
    step = Step(**given)
    if step.name in [other.name for other in before]:
        raise PlanError(f"{path}.name", f"{step.name} is the name of an earlier step")
    return step


def _step_name(value: object, path: str) -> str:
    name = read_name(value, path)
    if name.upper() in CHANNELS:
        # Message ids end with either: they must not be mistaken for each other.
        raise PlanError(path, "must not be the name of a channel")
    return name


def _step_channels(value: object, path: str) -> frozenset[Channel]:
    channels = read_channels(value, path)
    if not channels:
        raise PlanError(path, "must name a channel; leave it out for all that the person chose")
    return channels


def _routes(value: object, path: str) -> dict[Channel, str]:
    return read_mapping(value, path, read_channel, read_text)


def _zones(value: object, path: str) -> dict[str, tzinfo]:
    return read_mapping(value, path, read_text, read_zone)


_PATH: Final = "journey"
_FIELDS: Final = {"step": "steps", "quiet_hours": "quiet", "channels": "routes"}
"""Keys whose fields of `Plan` have another name."""

_SETTINGS: Final[Mapping[str, Reader]] = {
    "step": _steps,
    "max_age": read_duration,
    "recently_told": read_duration,
    "digest": read_duration,
    "quiet_hours": read_quiet_hours,
    "quiet_channels": read_channels,
    "email_consent": read_email_consent,
    "time_zone": read_zone,
    "time_zones": _zones,
    "channels": _routes,
    "retry_for": read_duration,
}

_STEP_SETTINGS: Final[Mapping[str, Reader]] = {
    "name": _step_name,
    "template": read_name,
    "delay": read_duration,
    "channels": _step_channels,
    "unless": read_conditions,
}
