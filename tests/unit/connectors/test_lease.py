# SPDX-License-Identifier: Apache-2.0
"""Who gets the lease of a shard, when, and what the others are told."""

import threading
from datetime import timedelta

import pytest

from connectors.errors import LeaseError, LeaseHeld, LeaseLost, StateDisowned
from connectors.kafka.lease import within_lease
from connectors.kafka.lease_standing import lease_key
from connectors.kafka.settings import KafkaSettings, Option
from schemas.leases import LeaseHolder
from tests.support.leases import ELSEWHERE, HOLDER, TIMEOUT, World, lease_of

SIXTH = TIMEOUT.total_seconds() / 6
SUCCESSOR = HOLDER.model_copy(update={"pid": 101, "process_start": 6000})


def test_the_first_takes_it_at_once() -> None:
    """Where nobody ever had the lease, it is claimed and held without waiting."""
    world = World()
    lease_of(world).acquire()
    assert [(100, "claimed"), (100, "held")] == world.states()
    assert 1000.0 == world.now


def test_a_released_lease_is_taken_at_once() -> None:
    """After a clean end nobody waits, and nothing of the run before is on its way."""
    world = World()
    first = lease_of(world, ELSEWHERE)
    first.acquire()
    assert first.after_crash
    first.release()
    second = lease_of(world)
    second.acquire()
    assert 1000.0 == world.now
    assert not second.after_crash
    assert [1, 1, 1, 2, 2] == [lease.generation for lease in world.leases()]


def test_a_dropped_lease_leaves_records_on_their_way() -> None:
    """After an error the lease is free, but what was sent may still arrive."""
    world = World()
    first = lease_of(world, ELSEWHERE)
    first.acquire()
    first.drop()
    second = lease_of(world)
    second.acquire()
    assert 1000.0 == world.now
    assert second.after_crash


@pytest.mark.parametrize(
    ("before", "processes"),
    [
        # The lock of its directory is ours now, whatever the pid says.
        (HOLDER, {100: 5000}),
        # Another directory, but no such process.
        (HOLDER.model_copy(update={"lock_inode": 9}), {}),
        # Another directory, and its pid belongs to a later process.
        (HOLDER.model_copy(update={"lock_inode": 9}), {100: 5001}),
    ],
)
def test_a_dead_holder_is_not_waited_for(before: LeaseHolder, processes: dict[int, int]) -> None:
    """On the machine where it ran, a killed process is known to be dead."""
    world = World()
    lease_of(world, before).acquire()
    second = lease_of(world, SUCCESSOR, processes=processes)
    second.acquire()
    assert 1000.0 == world.now
    assert second.after_crash


@pytest.mark.parametrize(
    "before",
    [
        ELSEWHERE,
        HOLDER.model_copy(update={"lock_inode": 9}),
        HOLDER.model_copy(update={"lock_inode": 9, "pid_namespace": 7, "pid": 300}),
        HOLDER.model_copy(update={"boot_id": None}),
        HOLDER.model_copy(
            update={"lock_inode": None, "lock_device": None, "pid_namespace": None, "pid": 300}
        ),
    ],
)
def test_whoever_may_live_is_waited_for(before: LeaseHolder) -> None:
    """Without a proof of death the holder's whole timeout is waited."""
    world = World()
    lease_of(world, before).acquire()
    world.now += 1e6
    began = world.now
    lease_of(world, SUCCESSOR, processes={100: 5000}).acquire()
    assert 60 < world.now - began < 61
    assert (101, "held") == world.states()[-1]


def test_a_living_holder_keeps_it() -> None:
    """A renewal while somebody waits refuses them, in a line that says who it is."""
    world = World()
    lease_of(world, ELSEWHERE).acquire()
    renewal = world.records[-1]
    world.while_waiting = [
        *[lambda: None] * 20,
        lambda: world.put(renewal.key or b"", renewal.value),
    ]
    with pytest.raises(LeaseHeld, match=r"shard 0/1 .* pid 200 on there with state one in /state"):
        lease_of(world).acquire()
    assert world.now < 1004
    assert {200} == {pid for pid, _ in world.states()}


def test_the_earlier_of_two_claims_wins() -> None:
    """Of two that start at the same moment, one runs and the other gives its claim up."""
    world = World()
    other = lease_of(world, ELSEWHERE)
    world.before_append = [other.acquire]
    with pytest.raises(LeaseHeld, match="pid 200 on there"):
        lease_of(world).acquire()
    assert [(200, "claimed"), (200, "held"), (100, "claimed"), (100, "dropped")] == world.states()
    other.check()


def test_a_renewal_just_before_a_claim_wins() -> None:
    """A holder that was only slow keeps the lease, even if it writes at the last moment."""
    world = World()
    lease_of(world, ELSEWHERE).acquire()
    renewal = world.records[-1]
    world.before_append = [lambda: world.put(renewal.key or b"", renewal.value)]
    with pytest.raises(LeaseHeld):
        lease_of(world).acquire()


def test_an_unanswered_claim_is_waited_for() -> None:
    """Whoever died between claiming and holding is waited for like a holder."""
    world = World()
    world.before_append = [lambda: None, lambda: setattr(world, "down", True)]
    with pytest.raises(LeaseLost):
        lease_of(world, ELSEWHERE).acquire()
    world.down = False
    assert [(200, "claimed")] == world.states()
    began = world.now
    lease_of(world).acquire()
    assert 60 < world.now - began < 61


def test_a_zombie_does_not_take_it_back() -> None:
    """A renewal that a superseded process still writes is not believed."""
    world = World()
    lease_of(world, ELSEWHERE).acquire()
    late = world.records[-1]
    second = lease_of(world)
    second.acquire()
    world.put(late.key or b"", late.value)
    second.release()
    world.put(late.key or b"", late.value)
    began = world.now
    lease_of(world, SUCCESSOR).acquire()
    assert began == world.now


def test_another_state_is_refused() -> None:
    """With another state directory than before nothing starts: both are named, and what to do."""
    world = World()
    first = lease_of(world, ELSEWHERE)
    first.acquire()
    first.release()
    with pytest.raises(StateDisowned, match=r"state one.*there.*holds state two.*--begin-anew"):
        lease_of(world, state_id="two").acquire()
    assert 3 == len(world.records)
    lease_of(world, state_id="two", begin_anew=True).acquire()
    with pytest.raises(StateDisowned, match=r"state two.*holds state one"):
        lease_of(world, state_id="one").acquire()


def test_an_empty_directory_is_called_so() -> None:
    """A volume that is not mounted holds no other state: the line does not name one."""
    world = World()
    first = lease_of(world, ELSEWHERE)
    first.acquire()
    first.release()
    with pytest.raises(StateDisowned, match=r"state one.*there.* but /state is empty or new: mou"):
        lease_of(world, state_id="two", state_is_new=True).acquire()


def test_beginning_anew_still_waits_for_the_living() -> None:
    """The flag gives a state up, not another process."""
    world = World()
    lease_of(world, ELSEWHERE).acquire()
    began = world.now
    lease_of(world, state_id="two", begin_anew=True).acquire()
    assert 60 < world.now - began < 61


def test_shards_and_groups_have_leases_of_their_own() -> None:
    """In one topic they do not get in each other's way."""
    world = World()
    for group, shard in (("shop", "0/1"), ("shop", "1/2"), ("other", "0/1"), ("shop 0/1", "0/1")):
        lease_of(world, ELSEWHERE, group=group, shard=shard).acquire()
    assert 1000.0 == world.now


def test_it_lapses_before_others_may_take_it() -> None:
    """Five sixths of the timeout after the last renewal, whatever was read or written since."""
    world = World()
    lease = lease_of(world)
    lease.acquire()
    world.now += 5 * SIXTH
    lease.check()
    world.now += 0.001
    with pytest.raises(LeaseLost, match=r"broker:9092 did not acknowledge .* shard 0/1 .* 50 s"):
        lease.check()


def test_a_claim_that_is_not_acknowledged_ends_the_start() -> None:
    """Without the brokers' answer nothing is written, and the line says what they said."""
    world = World()
    world.down = True
    with pytest.raises(LeaseLost, match="all brokers are down"):
        lease_of(world).acquire()


def test_what_is_no_lease_is_refused() -> None:
    """A record that cannot be read is named by its offset, and never taken for a free lease."""
    world = World()
    world.put(lease_key("shop", "0/1"), b'{"group": 1}')
    with pytest.raises(LeaseError, match="leases: the record at offset 0 is no lease"):
        lease_of(world).acquire()
    world.put(lease_key("shop", "1/2"), b"foreign")
    world.records[0] = world.records[1]
    lease_of(world).acquire()


def test_a_null_value_clears_a_lease() -> None:
    """Whoever knows better can free a lease by hand, and with it the state it names."""
    world = World()
    lease_of(world, ELSEWHERE).acquire()
    world.put(lease_key("shop", "0/1"), None)
    # The claim is still there, and still waited for.
    lease_of(world, state_id="two").acquire()
    assert 1060 < world.now < 1061


def test_the_loss_is_told_once_by_the_thread() -> None:
    """Brokers that stay away end the process from the thread that renews."""
    world = World()
    lease = lease_of(world)
    lease.acquire()
    world.down = True
    world.now += SIXTH
    told: list[LeaseLost] = []
    lost = threading.Event()

    def on_lost(error: LeaseLost) -> None:
        told.append(error)
        lost.set()

    lease.start(on_lost)
    assert lost.wait(20)
    assert "all brokers are down" in str(told[0])
    written = len(world.records)
    lease.release()
    assert (1, written) == (len(told), len(world.records))


@pytest.mark.parametrize(
    ("timeout", "options", "expected"),
    [(60, {}, 50_000), (3600, {}, 60_000), (60, {"socket.timeout.ms": 7}, 7)],
)
def test_requests_do_not_outlive_the_lease(
    timeout: int, options: dict[str, Option], expected: int
) -> None:
    """What was under way when a process froze is given up when it thaws."""
    settings = within_lease(KafkaSettings(options=options), timedelta(seconds=timeout))
    assert expected == settings.options["socket.timeout.ms"]


def test_it_is_renewed_while_it_is_held() -> None:
    """A renewal makes the lease good for another while."""
    world = World()
    lease = lease_of(world)
    lease.acquire()
    world.now += SIXTH
    renewed = threading.Event()
    world.before_append = [renewed.set]
    lease.start(lambda _: None)
    assert renewed.wait(20)
    lease.release()
    assert [(100, "claimed"), (100, "held"), (100, "held"), (100, "released")] == world.states()
