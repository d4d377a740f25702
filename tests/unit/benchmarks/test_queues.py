# SPDX-License-Identifier: Apache-2.0
"""The check that the people of a queue were told, all of them, once and in their places."""

from collections.abc import Callable

import msgspec
import pytest

from benchmarks.errors import WrongOutput
from benchmarks.queues import HOT, Queue, check_queues, is_about, restock_record
from benchmarks.reference import hashed_id
from schemas.decode import decode_inventory, decode_subscription
from schemas.encode import encode_slice
from schemas.events import SubscribeEvent
from waitlist.policy import PolicyBook
from waitlist.slot import Slot

SINCE = 1_795_000_000_000
NOW = SINCE + 3_600_000

Records = list[tuple[bytes, bytes]]


def crowd() -> Queue:
    """Five people who wait for the hot variant."""
    return Queue(HOT, range(10, 15), SINCE)


def right_records(queue: Queue) -> Records:
    """What the waitlist tells when the queue's variant comes back."""
    slot = Slot(PolicyBook())
    slot.apply(queue.events(), NOW)
    slot.apply([decode_inventory(restock_record(queue.variant_id, NOW)[1], NOW)], NOW)
    slot.start_due_waves(NOW)
    return [record for part in slot.take_slices(100) for record in encode_slice(part)]


def test_events_are_what_the_records_mean() -> None:
    """A queue made without Kafka is the one that its records would make."""
    decoded = [decode_subscription(value, NOW) for _, value in crowd().records()]

    assert decoded == list(crowd().events())


def test_people_expire_one_after_the_other() -> None:
    """Where people expire, each does a second after the one before."""
    times = [event.expires_at for event in crowd().events(NOW)]

    assert [NOW + second * 1000 for second in range(5)] == times


def test_records_can_be_taken_in_parts() -> None:
    """Those who join later are the rest of the same queue."""
    queue = crowd()

    assert list(queue.records()) == [*queue.records(0, 3), *queue.records(3, 5)]


def test_right_output_passes() -> None:
    """Whoever waited was told: their number is given, in whatever order the records come."""
    other = Queue("other", range(3), SINCE)
    records = [*right_records(other), *reversed(right_records(crowd()))]

    assert 8 == check_queues(records, [crowd(), other], hashed_id)


def test_records_of_the_crowd_are_known_by_their_bytes() -> None:
    """What is about the hot variant is told from the rest without being decoded."""
    other = Queue("other", range(3), SINCE)

    assert all(is_about(value) for _, value in right_records(crowd()))
    assert not any(is_about(value) for _, value in right_records(other))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda records: records[1:], "1 not told, first person-0000010"),
        (lambda records: records[:0], "5 not told"),
        (lambda records: [*records, records[0]], "was told twice"),
        (lambda records: [with_changes(records[0], position=2), *records[1:]], "position=2"),
        (lambda records: [with_changes(records[0], variant_id="x")], "x: person-0000010 was told"),
        (lambda records: [with_changes(records[0], quantity=0), *records[1:]], "quantity=0"),
        (lambda records: [with_changes(records[0], id="x"), *records[1:]], "id='x'"),
        (lambda records: [(b"id:other", records[0][1]), *records[1:]], "key b'id:other'"),
        (
            lambda records: [with_profile(records[0], "person-0000099")],
            "person-0000099 was told, but",
        ),
        (lambda records: [with_profile(records[0], "somebody")], "somebody was told, but"),
        (lambda records: [with_profile(records[0], "person-0000010")], "email='x'"),
    ],
)
def test_wrong_output_is_refused(spoil: Callable[[Records], Records], message: str) -> None:
    """One missing, twice, out of place, of somebody else or wrong in a field voids the figures."""
    with pytest.raises(WrongOutput) as caught:
        check_queues(spoil(right_records(crowd())), [crowd()], hashed_id)

    assert message in str(caught.value)


def test_the_crowd_joins_as_signed_up() -> None:
    """Every sign-up of a queue is one that the program accepts."""
    decoded = [decode_subscription(value, NOW) for _, value in crowd().records()]

    assert all(isinstance(event, SubscribeEvent) for event in decoded)


def with_changes(record: tuple[bytes, bytes], **changes: object) -> tuple[bytes, bytes]:
    """A record that says something else."""
    key, value = record
    return key, msgspec.json.encode({**msgspec.json.decode(value), **changes})


def with_profile(record: tuple[bytes, bytes], name: str) -> tuple[bytes, bytes]:
    """A record about somebody else, at another address."""
    return with_changes(record, profile={"id": name, "email": "x"})
