# SPDX-License-Identifier: Apache-2.0
"""What every test of the suite shares: the Kafka brokers.

A test that takes `bootstrap_servers` or `create_topic` runs twice: against the mock cluster of its
process, and against the real broker of the whole run (`tests.support.real_broker`). Without a real
broker the second is skipped; where ``RESTOCK_REQUIRE_REAL_BROKER`` is 1 it fails instead.
"""

import os
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from restock.embedded_broker import EmbeddedBroker
from tests.support import brokers, real_broker
from tests.support.brokers import CreateTopic

_directory = pytest.StashKey[Path]()
_broker = pytest.StashKey[real_broker.RealBroker]()


def pytest_configure(config: pytest.Config) -> None:
    """Makes the directory through which the processes of a run share the real broker."""
    workerinput: dict[str, str] | None = getattr(config, "workerinput", None)
    if workerinput is None:
        config.stash[_directory] = Path(tempfile.mkdtemp(prefix="restock-tests-"))
    else:
        config.stash[_directory] = Path(workerinput["restock_directory"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tells a worker of pytest-xdist where that directory is."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    node.workerinput["restock_directory"] = str(config.stash[_directory])  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes the real broker, if this run started one and this process leads the run."""
    if not hasattr(config, "workerinput") and _directory in config.stash:
        real_broker.stop(config.stash[_directory])
        shutil.rmtree(config.stash[_directory])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says once why tests were skipped, however many they are."""
    reports = terminalreporter.stats.get("skipped", [])
    counts = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports)
    for reason, count in sorted(counts.items()):
        terminalreporter.write_line(f"SKIPPED [{count}] {reason}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test that needs the real broker."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        kind = callspec.params.get("bootstrap_servers") if callspec else None
        if kind == "real" or "real_broker_address" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.docker)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Starts the real broker before the first test: a first pull may outlast a test's time-out."""
    wanted = any(item.get_closest_marker("docker") for item in session.items)
    if wanted and not session.config.option.collectonly:
        session.config.stash[_broker] = real_broker.find_or_start(session.config.stash[_directory])


@pytest.fixture(scope="session")
def real_broker_address(pytestconfig: pytest.Config) -> str:
    """The address of the run's real broker; skips or fails the test when there is none."""
    broker = pytestconfig.stash[_broker]
    if broker.reason and os.environ.get("RESTOCK_REQUIRE_REAL_BROKER") == "1":
        pytest.fail(broker.reason, pytrace=False)
    if broker.reason:
        pytest.skip(broker.reason)
    return broker.bootstrap_servers


@pytest.fixture(scope="session")
def mock_broker() -> Iterator[EmbeddedBroker]:
    """The mock cluster of this process. A test that makes brokers fail starts one of its own."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(scope="session", params=["mock", "real"])
def bootstrap_servers(request: pytest.FixtureRequest) -> str:
    """The address of a broker: the mock cluster's, then the real broker's."""
    if request.param == "real":
        address: str = request.getfixturevalue("real_broker_address")
        return address
    mock: EmbeddedBroker = request.getfixturevalue("mock_broker")
    return mock.bootstrap_servers


@pytest.fixture
def create_topic(bootstrap_servers: str, request: pytest.FixtureRequest) -> Iterator[CreateTopic]:
    """Makes topics on the broker that `bootstrap_servers` names."""
    on_mock = request.node.get_closest_marker("docker") is None
    made: list[str] = []

    def create(name: str = "test", partitions: int = 4, **config: str) -> str:
        unique = f"{name}-{uuid.uuid4().hex[:8]}"
        if on_mock:
            request.getfixturevalue("mock_broker").create_topic(unique, partitions)
        else:
            options = {key.replace("_", "."): value for key, value in config.items()}
            brokers.create_topic(bootstrap_servers, unique, partitions, options)
            made.append(unique)
        return unique

    yield create
    if os.environ.get("RESTOCK_TEST_BOOTSTRAP_SERVERS"):
        brokers.delete_topics(bootstrap_servers, made)
