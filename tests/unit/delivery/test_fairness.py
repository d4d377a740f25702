# SPDX-License-Identifier: Apache-2.0
"""Who is next: variants take turns, and the first in a queue goes first."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from delivery.fairness import FairQueue, Task


class Shelf:
    """Stands in for the ledger: what is ready, by variant."""

    def __init__(self) -> None:
        self.ready: dict[str, list[Task]] = {}
        self.loads = 0

    def load(self, variant_id: str, count: int) -> list[Task]:
        """The first by rank."""
        self.loads += 1
        return sorted(self.ready.get(variant_id, []))[:count]

    def put(self, queue: FairQueue, variant_id: str, *positions: int) -> None:
        """Make tasks ready."""
        tasks = [Task(1, position, position, "EMAIL") for position in positions]
        self.ready.setdefault(variant_id, []).extend(tasks)
        queue.added(variant_id, [task[:2] for task in tasks])

    def settle(self, queue: FairQueue, variant_id: str, task: Task) -> None:
        """It is done with."""
        self.ready[variant_id].remove(task)
        queue.settled(variant_id, task)


def taken(queue: FairQueue, count: int) -> list[tuple[str, int]]:
    """Take so many."""
    found = [queue.next() for _ in range(count)]
    return [(each[0], each[1].position) for each in found if each is not None]


def test_variants_take_turns() -> None:
    """A wave of three has its turn beside one of a thousand."""
    shelf = Shelf()
    queue = FairQueue(shelf.load)
    shelf.put(queue, "crowd", *range(1, 1_001))
    shelf.put(queue, "few", 1, 2, 3)
    assert taken(queue, 6) == [
        ("crowd", 1), ("few", 1), ("crowd", 2), ("few", 2), ("crowd", 3), ("few", 3),
    ]  # fmt: skip
    assert shelf.loads == 2


def test_who_comes_late_but_stood_before_goes_first() -> None:
    """Records of a wave come from several partitions, in no order."""
    shelf = Shelf()
    queue = FairQueue(shelf.load)
    shelf.put(queue, "v", 10, 11, 12)
    assert taken(queue, 1) == [("v", 10)]
    shelf.put(queue, "v", 3, 20)
    assert taken(queue, 4) == [("v", 3), ("v", 11), ("v", 12), ("v", 20)]


def test_what_is_taken_is_not_taken_again() -> None:
    """The ledger has it as ready until it is settled."""
    shelf = Shelf()
    queue = FairQueue(shelf.load)
    shelf.put(queue, "v", 1, 2)
    assert taken(queue, 2) == [("v", 1), ("v", 2)]
    shelf.put(queue, "v", 3)
    assert taken(queue, 2) == [("v", 3)]


def test_what_is_put_back_is_next() -> None:
    """As when the receiver wanted fewer requests."""
    shelf = Shelf()
    queue = FairQueue(shelf.load)
    shelf.put(queue, "v", 1, 2)
    found = queue.next()
    assert found is not None
    queue.put_back(*found)
    assert taken(queue, 2) == [("v", 1), ("v", 2)]


def test_nothing_is_kept_of_a_variant_that_is_done() -> None:
    """However many variants there were."""
    shelf = Shelf()
    queue = FairQueue(shelf.load)
    for number in range(1_000):
        shelf.put(queue, f"v{number}", 1)
        found = queue.next()
        assert found is not None
        shelf.settle(queue, *found)
        assert queue.next() is None
    assert not queue._lines
    assert not queue._turns


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 30)), unique=True), st.data())
def test_everybody_is_served_once_whatever_happens(
    people: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Arrivals, settlements and putting back in any order: nobody is lost, nobody served twice."""
    shelf = Shelf()
    queue = FairQueue(shelf.load)
    waiting, out = list(people), list[tuple[str, Task]]()
    served: Counter[tuple[str, int]] = Counter()
    while waiting or out or any(shelf.ready.values()):
        match data.draw(st.sampled_from(["come", "take", "settle", "back"])):
            case "come" if waiting:
                variant, position = waiting.pop()
                shelf.put(queue, variant, position)
            case "settle" if out:
                variant, task = out.pop(0)
                served[variant, task.position] += 1
                shelf.settle(queue, variant, task)
            case "back" if out:
                queue.put_back(*out.pop())
            case _:
                found = queue.next()
                if found is None and not waiting and out:
                    variant, task = out.pop(0)
                    served[variant, task.position] += 1
                    shelf.settle(queue, variant, task)
                elif found is not None:
                    out.append(found)
    assert served == Counter(people)
