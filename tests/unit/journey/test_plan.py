# SPDX-License-Identifier: Apache-2.0
"""What the journey's keys of the [journey] table mean, and which of them are refused."""

import tomllib
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from journey.errors import PlanError
from journey.plan import Plan, Step, load_plan
from journey.quiet import QuietHours
from journey.reasons import CONDITIONS, Reason
from tests.unit.journey.people import DAY, HOUR, MINUTE

FIRST = {"name": "first", "template": "back_in_stock"}


def test_an_empty_table_means_the_defaults() -> None:
    """One message at once, a reminder after a day unless it makes no sense any more."""
    plan = load_plan({})
    assert plan == Plan()
    assert plan.steps == (
        Step("first", "back_in_stock", 0, None, CONDITIONS),
        Step("reminder", "reminder", DAY, None, frozenset({Reason.ORDERED, Reason.SOLD_OUT})),
    )
    assert (plan.max_age, plan.recently_told, plan.digest) == (DAY, 7 * DAY, 0)
    assert (plan.quiet, len(plan.quiet_channels), plan.email_consent) == (None, 4, "implied")
    assert (plan.time_zone, plan.time_zones, plan.routes) == (UTC, {}, {})
    assert plan.retry_for == DAY


def test_every_key_has_its_place() -> None:
    """A table in which everything is set."""
    table = tomllib.loads("""
        max_age = "12h"
        recently_told = 0
        digest = "5m"
        quiet_hours = "21:00-08:30"
        quiet_channels = ["SMS", "PUSH"]
        email_consent = "explicit"
        time_zone = "Europe/Stockholm"
        retry_for = "90m"
        [time_zones]
        JP = "Asia/Tokyo"
        [channels]
        EMAIL = "mail"
        SMS = "text"
        [[step]]
        name = "first"
        template = "back_in_stock"
        unless = ["sold_out"]
        [[step]]
        name = "by-text"
        template = "short"
        delay = "250ms"
        channels = ["SMS"]
        unless = []
    """)
    assert load_plan(table) == Plan(
        steps=(
            Step("first", "back_in_stock", 0, None, frozenset({Reason.SOLD_OUT})),
            Step("by-text", "short", 250, frozenset({"SMS"}), frozenset()),
        ),
        max_age=12 * HOUR,
        recently_told=0,
        digest=5 * MINUTE,
        quiet=QuietHours(21 * 60, 8 * 60 + 30),
        quiet_channels=frozenset({"SMS", "PUSH"}),
        email_consent="explicit",
        time_zone=ZoneInfo("Europe/Stockholm"),
        time_zones={"JP": ZoneInfo("Asia/Tokyo")},
        routes={"EMAIL": "mail", "SMS": "text"},
        retry_for=90 * MINUTE,
    )


def steps(*changes: dict[str, Any]) -> dict[str, Any]:
    """A table with as many steps, each with its changes."""
    names = ("first", "second", "third")
    made = [
        {"name": name, "template": "t", "delay": 0, **change}
        for name, change in zip(names, changes, strict=False)
    ]
    return {"step": made}


@pytest.mark.parametrize(
    ("table", "path", "problem"),
    [
        ({"digests": 0}, "digests", "is not a setting (known: channels, digest, "),
        ({"max_age": "1 day"}, "max_age", "must be a duration"),
        ({"max_age": -1}, "max_age", "must be a duration"),
        ({"max_age": True}, "max_age", "must be a duration"),
        ({"max_age": "36501d"}, "max_age", "must be at most 36500d"),
        ({"max_age": 0}, "max_age", "must be more than 0"),
        ({"max_age": "11h", "quiet_hours": "21:00-08:00"}, "max_age", "longer than the quiet"),
        ({"quiet_hours": "21:00"}, "quiet_hours", "such as '21:00-08:00'"),
        ({"quiet_hours": "21:00-24:00"}, "quiet_hours", "such as '21:00-08:00'"),
        ({"quiet_hours": "21:00-8:00"}, "quiet_hours", "such as '21:00-08:00'"),
        ({"quiet_hours": ["21:00-08:00"]}, "quiet_hours", "such as '21:00-08:00'"),
        ({"quiet_hours": "08:00-08:00"}, "quiet_hours", "must not end when it starts"),
        ({"quiet_channels": "SMS"}, "quiet_channels", "must be a list of EMAIL, SMS, "),
        ({"quiet_channels": ["SMS", "sms"]}, "quiet_channels[1]", "must be one of EMAIL, "),
        ({"email_consent": "maybe"}, "email_consent", "must be one of implied, explicit"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone", "'Europe/Atlantis' is no time zone"),
        ({"time_zone": "Europe"}, "time_zone", "'Europe' is no time zone"),
        ({"time_zone": "../UTC"}, "time_zone", "'../UTC' is no time zone"),
        ({"time_zone": "tzdata.zi"}, "time_zone", "'tzdata.zi' is no time zone"),
        ({"time_zone": ""}, "time_zone", "must be text"),
        ({"time_zone": 1}, "time_zone", "must be text"),
        ({"time_zones": "UTC"}, "time_zones", "must be a table"),
        ({"time_zones": {"SE": "Stockholm"}}, "time_zones.SE", "is no time zone"),
        ({"channels": ["EMAIL"]}, "channels", "must be a table"),
        ({"channels": {"FAX": "fax"}}, "channels.FAX", "must be one of EMAIL, "),
        ({"channels": {"SMS": ""}}, "channels.SMS", "must be text"),
        ({"step": []}, "step", "must be one or more tables"),
        ({"step": FIRST}, "step", "must be one or more tables"),
        ({"step": ["first"]}, "step[0]", "must be a table"),
        ({"step": [{"template": "t"}]}, "step[0].name", "is required"),
        ({"step": [{"name": "first"}]}, "step[0].template", "is required"),
        ({"step": [FIRST, {**FIRST, "name": "b"}]}, "step[1].delay", "is required"),
        (steps({"delay": "soon"}), "step[0].delay", "must be a duration"),
        (steps({"after": 1}), "step[0].after", "is not a setting (known: channels, delay, "),
        (steps({"name": "First"}), "step[0].name", "must be 1 to 32 of the characters"),
        (steps({"name": "a" * 33}), "step[0].name", "must be 1 to 32 of the characters"),
        (steps({"name": ""}), "step[0].name", "must be 1 to 32 of the characters"),
        (steps({"name": "first\n"}), "step[0].name", "must be 1 to 32 of the characters"),
        (steps({"name": "sms"}), "step[0].name", "must not be the name of a channel"),
        (steps({}, {"name": "first"}), "step[1].name", "first is the name of an earlier step"),
        (steps({"template": "../t"}), "step[0].template", "must be 1 to 32 of the characters"),
        (steps({"channels": []}), "step[0].channels", "must name a channel"),
        (steps({"channels": ["FAX"]}), "step[0].channels[0]", "must be one of EMAIL, "),
        (steps({"unless": ["expired"]}), "step[0].unless[0]", "must be one of ordered, "),
        (steps({"unless": "ordered"}), "step[0].unless", "must be a list of ordered, "),
        ({"digest": 1, **steps({"delay": 1})}, "digest", "is a delay of the first step"),
    ],
)
def test_what_makes_no_sense_is_refused(table: dict[str, Any], path: str, problem: str) -> None:
    """The error is one line that names the key."""
    with pytest.raises(PlanError) as caught:
        load_plan(table)
    message = str(caught.value)
    assert caught.value.path == f"journey.{path}"
    assert message.startswith(f"journey.{path}: ")
    assert problem in message
    assert "\n" not in message


def test_a_later_step_may_leave_its_channels_open() -> None:
    """Then it goes by those that the first step went by."""
    limited = {"channels": ["EMAIL", "SMS"]}
    plan = load_plan(steps(limited, {}, {"channels": ["SMS"]}))
    assert [step.channels for step in plan.steps[1:]] == [None, frozenset({"SMS"})]
