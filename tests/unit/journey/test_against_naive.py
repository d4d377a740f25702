# SPDX-License-Identifier: Apache-2.0
"""Journeys and the reference model driven side by side by Hypothesis, which shortens what it finds.

Between any two steps the state goes through bytes. Hypothesis is derandomised: a failure is always
the same, and prints its steps.
"""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from journey.facts import Facts
from journey.journey import (
    FAILED,
    SENT,
    Journey,
    Notified,
    Settled,
    Suppress,
    Wait,
    begin,
    companions,
    judge,
    message_id,
    retry,
    settle,
    suppressed,
)
from journey.plan import load_plan
from journey.reasons import Reason
from schemas.fields import Channel
from tests.naive import journeys as naive

_HOUR = 3_600_000
_STARTS = (
    1_792_886_400_000,  # 2026-10-25T00:00:00Z, an hour before clocks are put back in Europe
    1_806_192_000_000,  # 2027-03-28T00:00:00Z, an hour before they are put forward
    1_795_000_000_123,
)
_CHANNELS: tuple[Channel, ...] = ("EMAIL", "SMS", "PUSH", "WHATSAPP")

_spans = st.sampled_from([0, 1, _HOUR // 2, _HOUR, 5 * _HOUR, 24 * _HOUR])
_some_channels = st.lists(st.sampled_from(_CHANNELS), min_size=1, unique=True)
_conditions = st.lists(st.sampled_from(["ordered", "sold_out", "recently_told"]), unique=True)


@st.composite
def _plans(draw: st.DrawFn) -> dict[str, Any]:
    """A plan in the form of the reference model."""
    digest = draw(st.sampled_from([0, 0, 1, _HOUR]))
    first = draw(st.one_of(st.none(), _some_channels))
    later = st.none() if first is None else st.lists(st.sampled_from(first), min_size=1)
    steps = [
        {
            "name": name,
            "template": name,
            "delay": draw(_spans) if number or not digest else 0,
            "channels": draw(st.one_of(st.none(), later)) if number else first,
            "unless": draw(_conditions),
        }
        for number, name in enumerate(("first", "second", "third")[: draw(st.integers(1, 3))])
    ]
    return {
        "step": steps,
        "max_age": draw(st.sampled_from([12 * _HOUR, 48 * _HOUR])),
        "recently_told": draw(_spans),
        "digest": digest,
        "quiet_hours": draw(st.sampled_from([None, None, "21:00-08:00", "01:30-02:30"])),
        "quiet_channels": draw(_some_channels),
        "email_consent": draw(st.sampled_from(["implied", "explicit"])),
        "time_zone": draw(st.sampled_from(["UTC", "Europe/Berlin"])),
        "time_zones": {"AU": "Australia/Lord_Howe"},
        "channels": draw(
            st.dictionaries(st.sampled_from(_CHANNELS), st.sampled_from(["a", "b"]), min_size=2)
        ),
        "retry_for": 24 * _HOUR,
    }


def as_toml(plan: dict[str, Any]) -> dict[str, Any]:
    """The same plan as TOML would give it."""

    def written(table: dict[str, Any]) -> dict[str, Any]:
        return {
            key: f"{value}ms" if isinstance(value, int) else value
            for key, value in table.items()
            if value is not None
        }

    return {**written(plan), "step": [written(step) for step in plan["step"]]}


def view(journey: Journey, names: list[str]) -> dict[str, Any]:
    """What the reference model says of a journey."""
    return {
        "number": names.index(journey.step),
        "due": journey.due_at,
        "open": {
            opened.channel: {
                "attempts": opened.attempts,
                "first": opened.first_attempt_at,
                "next": opened.next_at,
            }
            for opened in journey.open
        },
        "sent": [list(sent) for sent in journey.sent],
        "closed": list(journey.closed),
    }


def naive_view(journey: dict[str, Any]) -> dict[str, Any]:
    """The same of the reference model."""
    sent = [journey["sent"][number] for number in sorted(journey["sent"])]
    return {**{key: journey[key] for key in ("number", "due", "open", "closed")}, "sent": sent}


def plain(settled: list[Settled]) -> list[tuple[str, str, str]]:
    """What was settled, in the words of the reference model."""
    return [(one.step, one.channel, str(one.outcome.reason or one.outcome.kind)) for one in settled]


class JourneysBesideModel(RuleBasedStateMachine):
    """Both are told the same; nothing that can be seen may differ."""

    @initialize(plan=_plans(), start=st.sampled_from(_STARTS))
    def start(self, plan: dict[str, Any], start: int) -> None:
        """Start afresh with a plan."""
        self.table = plan
        self.plan = load_plan(as_toml(plan))
        self.names = [step["name"] for step in plan["step"]]
        self.now = start
        self.begun = 0
        self.pairs: dict[str, tuple[Journey, dict[str, Any]]] = {}

    @rule(
        channels=_some_channels,
        consent=st.lists(st.sampled_from(_CHANNELS), unique=True),
        has_email=st.booleans(),
        has_phone=st.booleans(),
        market=st.sampled_from([None, "SE", "AU"]),
        late=st.sampled_from([0, 0, 1, _HOUR, 24 * _HOUR]),
    )
    def notify(self, late: int, **fields: Any) -> None:  # noqa: ANN401 - of the person
        """A notification arrives."""
        self.begun += 1
        person = {
            "id": f"n{self.begun}",
            "variant_id": "v",
            "product_id": None,
            "profile_key": "id:1",
            "triggered_at": self.now - late,
            "subscribed_at": self.now - late - 2 * _HOUR,
            **fields,
        }
        due = min((pair[0].due_at for pair in self.pairs.values()), default=None)
        expected = naive.begin(person, self.now, self.table, due)
        lists = {key: tuple(person[key]) for key in ("channels", "consent")}
        journey, settled = begin(Notified(**{**person, **lists}), self.now, self.plan, due)
        self._compare(person["id"], journey, settled, expected)

    @rule(span=_spans)
    def let_time_pass(self, span: int) -> None:
        """The clock goes on."""
        self.now += span

    @precondition(lambda self: self.pairs)
    @rule(
        data=st.data(),
        facts=st.fixed_dictionaries(
            {
                "signed_off_at": st.sampled_from([None, None, None, -3 * _HOUR, 0]),
                "ordered_at": st.sampled_from([None, None, None, -3 * _HOUR, 0]),
                "told_at": st.sampled_from([None, None, -1, -_HOUR, -24 * _HOUR]),
                "offered": st.sampled_from([None, True, True, False]),
            }
        ),
        outcome=st.sampled_from(["sent", "sent", "failed", "retry"]),
        pause=_spans,
    )
    def act(self, data: st.DataObject, facts: dict[str, Any], outcome: str, pause: int) -> None:
        """A channel is judged, and what comes out is done."""
        key = data.draw(st.sampled_from(sorted(self.pairs)))
        journey, model = self.pairs[key]
        channel = data.draw(st.sampled_from([opened.channel for opened in journey.open]))
        moments = {
            name: value if value is None or name == "offered" else self.now + value
            for name, value in facts.items()
        }
        verdict = judge(journey, channel, Facts(**moments), self.now, self.plan)
        expected = naive.judge(model, channel, moments, self.now, self.table)
        if isinstance(verdict, Wait):
            assert expected == ("wait", verdict.until)
        elif isinstance(verdict, Suppress):
            assert expected == ("suppress", str(verdict.reason))
            self._settle(key, channel, str(verdict.reason))
        else:
            assert expected == ("send",)
            self._send(key, channel, outcome, pause)

    @invariant()
    def all_journeys_agree(self) -> None:
        """Every journey stands where the model says, and nobody is missing."""
        for journey, model in getattr(self, "pairs", {}).values():
            assert naive_view(model) == view(journey, self.names)

    def _send(self, key: str, channel: Channel, outcome: str, pause: int) -> None:
        journey, model = self.pairs[key]
        assert naive.message_id(key, model["number"], channel, self.table) == message_id(
            key, journey.step, channel, self.plan
        )
        together = companions(
            [pair[0] for pair in self.pairs.values()], journey, channel, self.plan
        )
        assert naive.companions(
            [pair[1] for pair in self.pairs.values()], model, channel, self.table
        ) == [(each.notified.triggered_at, each.notified.id) for each in together]
        if outcome == "retry":
            at = self.now + pause
            expected = naive.retry(model, channel, at, self.now)
            self._compare(key, retry(journey, channel, at, self.now), [], expected)
        else:
            self._settle(key, channel, outcome)

    def _settle(self, key: str, channel: Channel, outcome: str) -> None:
        journey, model = self.pairs[key]
        ends = {"sent": SENT, "failed": FAILED}
        end = ends[outcome] if outcome in ends else suppressed(Reason(outcome))
        expected = naive.settle(model, channel, outcome, self.now, self.table)
        onward, settled = settle(journey, channel, end, self.now, self.plan)
        self._compare(key, onward, settled, expected)

    def _compare(
        self,
        key: str,
        journey: Journey | None,
        settled: list[Settled],
        expected: dict[str, Any],
    ) -> None:
        assert expected["settled"] == plain(settled)
        assert expected["over"] == (journey is None)
        self.pairs.pop(key, None)
        if journey is not None:
            again = Journey.from_bytes(journey.to_bytes())
            assert journey == again
            self.pairs[key] = (again, expected)


TestJourneysBesideModel = JourneysBesideModel.TestCase
TestJourneysBesideModel.settings = settings(
    max_examples=300,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
