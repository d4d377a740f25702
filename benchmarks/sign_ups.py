# SPDX-License-Identifier: Apache-2.0
"""Section *sign-ups*: how many a gateway takes, and how long each waits for Kafka.

Klaviyo's server call, by 64 connections that call again as soon as they are answered, and then at
500 a second, counted from when each was due. Caller, gateway and broker share the machine.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from confluent_kafka import Consumer, TopicPartition

from benchmarks.bench import Bench
from benchmarks.errors import BenchmarkError, WrongOutput
from benchmarks.http_caller import Found, Plan, person_of
from benchmarks.job import PARTITIONS, Job
from benchmarks.processes import ProcessTree, running
from benchmarks.report import Row, SectionResult

__all__ = ["run"]

_CONNECTIONS = 64
_RATE = 500
_KEY = "pk_of-the-benchmark"
_BARE = "bare Starlette"
_LISTED = "restock gateway"
_ALONE = "restock gateway, no list"
_SECONDS = 60
_TIMEOUT = 600
_MICROSECONDS = 1_000_000
_HEAD = (
    "POST /api/back-in-stock-subscriptions HTTP/1.1\r\nHost: localhost\r\n"
    f"Authorization: Klaviyo-API-Key {_KEY}\r\nrevision: 2026-07-15\r\n"
    "Content-Type: application/vnd.api+json\r\n"
)


@dataclass(frozen=True, slots=True)
class _Run:
    rate: float
    cpu: float
    median: float
    p99: float
    largest: float


def run(bench: Bench) -> SectionResult:
    """Measure everybody in turn, in every round.

    Raises:
        WrongOutput: a sign-up was not answered with 202, or is not in the topic.
        BenchmarkError: a program or the broker failed.
    """
    sizes = bench.options.sizes
    counts = sizes.sign_ups.count, sizes.sign_ups.at_rate
    contenders = {_BARE: _bare, _LISTED: _gateway, _ALONE: _without_list}
    runs: dict[str, list[_Run]] = {name: [] for name in contenders}
    for number in range(sizes.rounds):
        for name, command in contenders.items():
            bench.say(f"{name}, round {number + 1}")
            runs[name].append(_measure(bench, name, command, counts))
    return SectionResult(
        name="sign-ups",
        title=f"sign-ups: {counts[0]:,} by {_CONNECTIONS} connections, then {counts[1]:,} at "
        f"{_RATE} a second",
        rows=[row for name, own in runs.items() for row in _rows(name, own, runs[_BARE])],
        notes=[
            "latency: at 500 a second, from when a call was due until its answer.",
            "CPU: user and system time of the gateway and its helper, without caller and broker.",
            "no list: [gateway] look_up = false, nobody can ask who waits.",
            "All sign-ups were checked: each is in the topic.",
        ],
        sizes={"count": counts[0], "at rate": counts[1], "connections": _CONNECTIONS},
    )


def _rows(name: str, runs: Sequence[_Run], floor: Sequence[_Run]) -> list[Row]:
    rows = [
        Row(name, "sign-ups a second", "1/s", [each.rate for each in runs], 0),
        Row(name, "CPU a sign-up", "us", [each.cpu for each in runs], 0),
        Row(name, "latency, p50", "ms", [each.median for each in runs], 1),
        Row(name, "latency, p99", "ms", [each.p99 for each in runs], 1),
        Row(name, "latency, largest", "ms", [each.largest for each in runs], 1),
    ]
    if runs is not floor:
        shares = [each.rate / bare.rate for each, bare in zip(runs, floor, strict=True)]
        rows.insert(1, Row(name, "of bare Starlette's", "x", shares))
    return rows


def _bare(job: Job, port: int) -> list[str]:
    servers, topic = job.bootstrap_servers, job.topics.subscriptions
    return [sys.executable, "-m", "benchmarks.bare_gateway", servers, topic, str(port)]


def _gateway(job: Job, port: int, *, look_up: bool = True) -> list[str]:
    topics = "\n".join(f'{role} = "{name}"' for role, name in job.topics.by_role().items())
    config = job.directory / "restock.toml"
    config.write_text(
        f'[kafka]\nbootstrap_servers = "{job.bootstrap_servers}"\n[topics]\n{topics}\n'
        f'[gateway]\nport = {port}\ndirectory = "{job.directory / "list"}"\n'
        f'private_keys = ["{_KEY}"]\nkey_burst = 0\nkey_steady = 0\n'
        f"look_up = {str(look_up).lower()}\n"
    )
    return [sys.executable, "-m", "restock", "gateway", "--config", str(config)]


def _without_list(job: Job, port: int) -> list[str]:
    return _gateway(job, port, look_up=False)


def _measure(
    bench: Bench, name: str, command: Callable[[Job, int], list[str]], counts: tuple[int, int]
) -> _Run:
    job = bench.new_job(name.replace(",", ""))
    port = _free_port()
    flood, at_rate = counts
    warm_up = max(flood // 10, _CONNECTIONS)
    with running(command(job, port), job.directory / "gateway.log") as program:
        _wait_until_open(program, port)
        _call(job, Plan(port, _HEAD, warm_up, _CONNECTIONS, 0, 0))
        program.settle()
        before = program.usage().cpu_seconds
        fast = _call(job, Plan(port, _HEAD, flood, _CONNECTIONS, 0, warm_up))
        cpu = program.usage().cpu_seconds - before
        program.settle()
        slow = _call(job, Plan(port, _HEAD, at_rate, _CONNECTIONS, _RATE, warm_up + flood))
        program.stop()
    _check(job, warm_up + flood + at_rate)
    job.delete_topics()
    times = slow.milliseconds
    return _Run(
        flood / fast.seconds,
        cpu / flood * _MICROSECONDS,
        times[len(times) // 2],
        times[len(times) * 99 // 100],
        times[-1],
    )


def _call(job: Job, plan: Plan) -> Found:
    path = job.directory / "plan.json"
    path.write_bytes(msgspec.json.encode(plan))
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.http_caller", str(path)],
        capture_output=True,
        check=False,
        timeout=_TIMEOUT,
    )
    if result.returncode:
        last = result.stderr.decode(errors="replace").splitlines()[-1:]
        raise BenchmarkError(f"the caller failed: {' '.join(last)}")
    found = msgspec.json.decode(result.stdout, type=Found)
    if found.statuses != {"202": plan.count}:
        raise WrongOutput(f"of {plan.count} sign-ups the answers are {found.statuses}")
    return found


def _check(job: Job, count: int) -> None:
    """Every person is in the topic, and nobody else."""
    consumer = Consumer({**job.client(), "group.id": "check", "fetch.wait.max.ms": 5})
    places = [TopicPartition(job.topics.subscriptions, number, 0) for number in range(PARTITIONS)]
    ends = [consumer.get_watermark_offsets(place, timeout=10)[1] for place in places]
    consumer.assign(places)
    addresses: set[bytes] = set()
    left = sum(ends)
    while left > 0:
        messages = consumer.consume(10_000, 10.0)
        if not messages:
            raise BenchmarkError("the topic of sign-ups cannot be read")
        left -= len(messages)
        for message in messages:
            value = message.value()
            assert isinstance(value, bytes)  # noqa: S101 - as it was written
            begin = value.index(b"person")
            addresses.add(value[begin : value.index(b'"', begin)])
    consumer.close()
    if addresses != {person_of(number) for number in range(count)} or sum(ends) != count:
        raise WrongOutput(f"{len(addresses)} people in {sum(ends)} records, of {count}")


def _wait_until_open(program: ProcessTree, port: int) -> None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        program.check_alive()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise BenchmarkError(f"nothing listens at port {port}: {program.last_words()}")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
