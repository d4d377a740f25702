# SPDX-License-Identifier: Apache-2.0
"""The naive program does the job as the plain reference has it."""

from benchmarks.naive import Notification, Waiting, parse, tell
from benchmarks.options import QUICK
from benchmarks.reference import check, expected_output, plain_id
from benchmarks.trace import make_trace


def test_it_tells_whom_the_reference_tells() -> None:
    """Without Kafka: its parsing and its one rule give the expected notifications."""
    trace = make_trace(QUICK.job, 1_700_000_000_000, 5_000)
    sentinels = [(each[1], each[2]) for each in trace.sentinel_records()]
    records = [
        *(("subscriptions", value) for _, value in trace.sign_up_records()),
        *(("inventory", value) for _, value in [*trace.inventory_records(), *sentinels]),
    ]
    states: dict[str, Waiting | None] = {}
    told: list[Notification] = []
    for topic, value in records:
        variant_id, event = parse(topic, value)
        states[variant_id], notifications = tell(states.get(variant_id), event)
        told += notifications
    outputs = [(f"id:{each.profile.id}".encode(), each.model_dump_json().encode()) for each in told]
    check(outputs, expected_output(trace, plain_id), trace)
    assert len(told) > 100
