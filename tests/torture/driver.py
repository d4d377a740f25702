# SPDX-License-Identifier: Apache-2.0
"""A torture run: parts that follow from the seed, each with a state and topics of its own."""

import random
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.torture.brokers import Broker, BrokerKind, ContainerBroker, MockCluster, open_broker
from tests.torture.faults import MOCK_BROKERS, Faulty, mock_faults, plan_faults, real_faults
from tests.torture.feed import Feed
from tests.torture.killing import Killing
from tests.torture.kills import plan_kills
from tests.torture.lives import Ward
from tests.torture.reading import Reader, keep
from tests.torture.report import Failure, Progress, Tally
from tests.torture.scenario import Scenario
from tests.torture.site import Site
from tests.torture.suffering import Suffering
from tests.torture.work import Unexpected, Work, now

__all__ = ["Part", "plan_parts", "run_part"]

_KILLS_A_PART: Final[dict[BrokerKind, int]] = {"mock": 60, "real": 200}
_FAULTS_A_PART: Final = 50
_REAL_SHARE: Final = 0.1
"""Of the faults: a real broker that is killed and started again takes longer than all others."""

_HOT_PEOPLE: Final[dict[BrokerKind, int]] = {"mock": 6_000, "real": 100_000}
"""The mock cluster keeps 5 MiB of a partition."""

_TURN_OF_FEW: Final = 400
"""People told in a turn, where a wave of very many is one of a few thousand."""

_RATES: Final[dict[BrokerKind, float]] = {"mock": 250.0, "real": 500.0}
_POLICIES: Final[tuple[Literal["waves", "all"], ...]] = ("waves", "all")
_PATIENCE_WITH_FAULTS: Final = "4s"
_PARTITIONS: Final = 4
_SMALLEST: Final = 10


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a run.

    Attributes:
        seed: of the run.
        number: of the part, from 1; seed and number are all that it follows from.
        broker: where its topics are.
        kills: how often the program is killed.
        faults: how often brokers misbehave; a part has either kills or faults.
        variants: how many products the shop has.
        hot_people: how many wait for the variants that very many wait for; 0 for no such.
        words: how the run was asked for, to be asked for again.
    """

    seed: int
    number: int
    broker: BrokerKind
    kills: int = 0
    faults: int = 0
    variants: int = 200
    hot_people: int = 0
    words: str = ""

    @property
    def policy(self) -> Literal["waves", "all"]:
        """Parts take turns."""
        return _POLICIES[self.number % len(_POLICIES)]


def plan_parts(
    seed: int, *, kills: int, faults: int, broker: BrokerKind, words: str = ""
) -> list[Part]:
    """Split a run into parts.

    Args:
        seed: all that is drawn follows from it.
        kills: how often the program is killed.
        faults: how often brokers misbehave.
        broker: where the program is killed, and whether there is a real broker to be killed.
        words: how the run was asked for.
    """
    restarts = max(1, round(faults * _REAL_SHARE)) if broker == "real" and faults else 0
    shares: list[tuple[BrokerKind, str, int]] = [
        *((broker, "kills", share) for share in _shares(kills, _KILLS_A_PART[broker])),
        *(("mock", "faults", share) for share in _shares(faults - restarts, _FAULTS_A_PART)),
        *(("real", "faults", share) for share in _shares(restarts, _FAULTS_A_PART)),
    ]
    return [
        Part(
            seed,
            number,
            kind,
            kills=share if what == "kills" else 0,
            faults=share if what == "faults" else 0,
            hot_people=_HOT_PEOPLE[kind] if what == "kills" else 0,
            words=f"{words} --part {number}",
        )
        for number, (kind, what, share) in enumerate(shares, 1)
    ]


def run_part(
    part: Part,
    tally: Tally,
    progress: Progress,
    evidence: Path,
    given: Broker | None = None,
) -> None:
    """Run a part, and count what happens.

    Args:
        part: which.
        tally: counts; a failure is among what it counts.
        progress: shows how far it is.
        evidence: the folder in which topics, state and logs are kept when something is wrong.
        given: a broker to use; without it one is started.

    Raises:
        FeedError: the harness itself got into trouble.
        NoBrokerError: there is no such broker to be had.
        TimeoutError: the broker does not do its part.
    """
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="restock-torture-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        broker = given or stack.enter_context(
            open_broker(part.broker, mock_brokers=_brokers(part), own=part.faults > 0)
        )
        scenario = Scenario(
            part.seed * 1000 + part.number,
            variants=part.variants,
            policy=part.policy,
            hot_people=part.hot_people,
        )
        site = Site(
            directory,
            broker,
            f"torture-{uuid.uuid4().hex[:8]}",
            policy=scenario.policy_toml,
            patience=_PATIENCE_WITH_FAULTS if part.faults else "20s",
            turn=_TURN_OF_FEW if part.broker == "mock" else None,
        )
        site.create_topics(broker, _PARTITIONS)
        reader = Reader(site, _PARTITIONS)
        stack.callback(reader.close)
        feed = Feed(site, scenario.rounds(now), _RATES[part.broker])
        work = Work(
            site, scenario, part.policy, feed, Ward(site), reader, tally, progress, tally.sent
        )
        with _keeping(part, work, evidence), work.ward.closing(), feed.running():
            _live(part, work, broker)
            work.finish()


def _live(part: Part, work: Work, broker: Broker) -> None:
    chance = random.Random(f"{part.seed} {part.number}")
    if part.kills:
        Killing(work).live(plan_kills(chance, part.kills, hot=part.hot_people > 0))
        return
    faulty: Faulty
    if isinstance(broker, MockCluster):
        faulty = mock_faults(broker.embedded, work.site, _PARTITIONS)
    elif isinstance(broker, ContainerBroker):
        faulty = real_faults(broker)
    else:
        message = "a broker that is somebody else's is not made to fail"
        raise TypeError(message)
    faults = plan_faults(chance, part.faults, real=isinstance(broker, ContainerBroker))
    Suffering(work, faulty).live(faults)


@contextmanager
def _keeping(part: Part, work: Work, evidence: Path) -> Iterator[None]:
    """Keep everything when the program did what it must not."""
    try:
        yield
    except Unexpected as unexpected:
        folder = evidence / f"seed-{part.seed}-part-{part.number}-{work.site.name}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(work.site.directory, folder)
        keep(work.reader.read({}, work.site.stored()), folder)
        where = f"part {part.number} ({part.policy}), step {work.step}; again: {part.words}"
        (folder / "failure.txt").write_text("\n".join([where, *unexpected.lines]) + "\n")
        work.tally.failures.append(Failure(where, unexpected.lines, str(folder)))


def _brokers(part: Part) -> int:
    return MOCK_BROKERS if part.faults else 1


def _shares(whole: int, most: int) -> Sequence[int]:
    """Even shares, two at least where that makes sense, so that both policies have their turn."""
    count = max(-(-whole // most), 2 if whole >= 2 * _SMALLEST else 1)
    return [whole // count + (number < whole % count) for number in range(count) if whole]
