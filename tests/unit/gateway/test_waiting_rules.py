# SPDX-License-Identifier: Apache-2.0
"""The list of who waits is that of the reference model, however the topics are interleaved."""

import json
import random
import sqlite3
import tempfile
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.waiting_crowds import place_of
from gateway.waiting_store import Rules, WaitingStore
from gateway.waiting_tables import digest, open_list
from schemas.decode import decode_subscription
from schemas.errors import InvalidRecord
from schemas.events import SubscribeEvent
from schemas.told import read_told
from tests.naive.policy import policy_for
from tests.naive.replay import Outcome, replay
from tests.naive.times import read_time
from tests.support.traces import Trace, draw_trace

_QUEUE = (
    "SELECT variant, rank, occurred_at, number FROM requests WHERE waiting = 1 "
    "ORDER BY variant, rank, occurred_at, number"
)

People = dict[str, list[tuple[int, int, str]]]
"""For each variant who waits, in the order of the queue: priority, time, and whose notification."""


def decided(trace: Trace) -> tuple[Outcome, dict[str, object]]:
    """What the model decides without overrides, which the list does not know of."""
    policy = {name: value for name, value in trace.policy.items() if name != "override"}
    return replay(trace.lines, policy, trace.until), policy


def expected(outcome: Outcome, now: int) -> People:
    """Who waits according to the model."""
    found: People = {}
    for variant in outcome.model.variants.values():
        entries = [entry.sign_up for entry in variant.waiting(now)]
        if entries:
            found[variant.variant_id] = [
                (sign_up.priority, sign_up.occurred_at, sign_up.identifiers[0])
                for sign_up in entries
            ]
    return found


def listed(connection: sqlite3.Connection, keys: dict[str, str]) -> People:
    """Who waits according to the list."""
    rows = connection.execute(
        "SELECT v.id, r.rank, r.occurred_at, r.people FROM requests r "
        "JOIN variants v ON v.number = r.variant WHERE r.waiting = 1 "
        "ORDER BY r.variant, r.rank, r.occurred_at, r.number"
    )
    found: People = {}
    for variant_id, rank, occurred_at, people in rows:
        found.setdefault(variant_id, []).append((9 - rank, occurred_at, keys[people[:16].hex()]))
    for queue, members in groupby(connection.execute(_QUEUE).fetchall(), key=itemgetter(0)):
        placed = [place_of(connection, *row) for row in members]
        waiting = sum(1 for row in connection.execute(_QUEUE) if row[0] == queue)
        assert [(place, waiting) for place in range(1, waiting + 1)] == placed
    return found


def apply_all(
    store: WaitingStore, outcome: Outcome, trace: Trace, chance: random.Random, now: int
) -> None:
    """Feed the records of both topics, each in its order, in a random interleaving."""
    lines = [
        (read_time(line["at"]), line["value"])
        for line in trace.lines
        if line["topic"] == "subscriptions" and line["value"] is not None
    ]
    sign_ups = [line for line in lines if trace.until is None or line[0] <= trace.until]
    told = [value for _, value in outcome.notifications]
    late = chance.random()
    while sign_ups or told:
        if sign_ups and (not told or chance.random() < late):
            at, value = sign_ups.pop(0)
            try:
                event = decode_subscription(json.dumps(value).encode(), at)
            except InvalidRecord:
                continue
            if isinstance(event, SubscribeEvent):
                store.sign_up(event, at, now)
            else:
                store.sign_off(event, now)
        else:
            news = read_told(json.dumps(told.pop(0)).encode())
            assert news is not None
            store.tell(news, now)
        if chance.random() < 0.2:
            store.commit({}, now)
    store.commit({}, now)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), order=st.integers(0, 2**16))
def test_list_is_that_of_the_model(seed: int, order: int) -> None:
    """Who waits at the end, in which order, is the same as in the model."""
    trace = draw_trace(seed)
    outcome, policy = decided(trace)
    times = [read_time(line["at"]) for line in trace.lines]
    waves = [read_time(value["triggered_at"]) for _, value in outcome.notifications]
    now = max(times + waves, default=0) if trace.until is None else trace.until
    settled = policy_for(policy, "any")
    rules = Rules(settled.expires_after, settled.remember, settled.remember_sign_offs)
    with (
        tempfile.TemporaryDirectory() as directory,
        closing(open_list(Path(directory) / "list", "test")) as connection,
    ):
        store = WaitingStore(connection, rules)
        apply_all(store, outcome, trace, random.Random(order), now)
        keys = {
            digest(entry.sign_up.identifiers[0]).hex(): entry.sign_up.identifiers[0]
            for variant in outcome.model.variants.values()
            for entry in variant.queue
        }

        assert expected(outcome, now) == listed(connection, keys)
