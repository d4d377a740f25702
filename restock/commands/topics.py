# SPDX-License-Identifier: Apache-2.0
"""`restock topics`: create the topics the program needs, or check those there are."""

import sys
from pathlib import Path
from typing import Annotated

import orjson
from cyclopts import App, Parameter

from connectors.kafka.admin import (
    check_topics,
    create_topics,
    policy_mismatches,
    read_cluster,
)
from connectors.kafka.clients import new_admin
from restock.commands.common import load
from restock.errors import EXIT_FAILURE, EXIT_OK, UsageError
from restock.topic_plan import copartitioned_topics, planned_topics
from schemas.topics import TOPICS

__all__ = ["topics"]

topics = App(name="topics", help="Create the topics in Kafka, or check them.", help_epilogue="")

_LARGEST_COUNT = 100_000


@topics.command
def create(
    *,
    config: Path | None = None,
    bootstrap_servers: str | None = None,
    partitions: int = TOPICS["inventory"].default_partitions,
    replication_factor: int = -1,
    json: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Create every topic that does not exist yet; one that exists is left as it is.

    Parameters
    ----------
    config
        The configuration file; left out: restock.toml in the working directory, if there is one.
    bootstrap_servers
        Addresses host:port of Kafka brokers, instead of [kafka] bootstrap_servers.
    partitions
        Partitions of each topic; as many as there will ever be shards, or more.
    replication_factor
        Brokers that keep a copy of each topic; -1: as the cluster is set up to do.
    json
        Print one JSON object {"created": [...], "existed": [...]}.
    """
    if not 1 <= partitions <= _LARGEST_COUNT:
        message = f"--partitions {partitions}: must be from 1 to {_LARGEST_COUNT}"
        raise UsageError(message)
    if replication_factor != -1 and replication_factor < 1:
        message = f"--replication-factor {replication_factor}: must be at least 1, or -1"
        raise UsageError(message)
    settings = load(config, {"--bootstrap-servers": bootstrap_servers}).settings
    specs = planned_topics(settings.topics)
    done = create_topics(settings.kafka, specs, partitions, replication_factor)
    if json:
        _print_json({"created": done.created, "existed": done.existed})
    else:
        sys.stdout.writelines(f"created  {name}\n" for name in done.created)
        sys.stdout.writelines(f"existed  {name}\n" for name in done.existed)
    return EXIT_OK


@topics.command
def check(
    *,
    config: Path | None = None,
    bootstrap_servers: str | None = None,
    json: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Check that every topic exists, is partitioned alike where it must be, and is kept rightly.

    Parameters
    ----------
    config
        The configuration file; left out: restock.toml in the working directory, if there is one.
    bootstrap_servers
        Addresses host:port of Kafka brokers, instead of [kafka] bootstrap_servers.
    json
        Print one JSON object {"partitions": {topic: number}, "problems": [...]}.
    """
    settings = load(config, {"--bootstrap-servers": bootstrap_servers}).settings
    admin = new_admin(settings.kafka)
    found = read_cluster(admin, settings.kafka)
    specs = list(planned_topics(settings.topics))
    check_topics(found, [spec.name for spec in specs], copartitioned_topics(settings.topics))
    policies = {spec.name: spec.cleanup_policy for spec in specs}
    problems = policy_mismatches(settings.kafka, policies, admin)
    if json:
        partitions = {spec.name: found.partitions[spec.name] for spec in specs}
        _print_json({"partitions": partitions, "problems": problems})
    else:
        sys.stdout.writelines(
            f"{spec.name}: {found.partitions[spec.name]} partitions\n" for spec in specs
        )
        sys.stderr.writelines(f"restock: {problem}\n" for problem in problems)
    return EXIT_FAILURE if problems else EXIT_OK


def _print_json(content: object) -> None:
    sys.stdout.write(orjson.dumps(content).decode() + "\n")
