# SPDX-License-Identifier: Apache-2.0
"""``restock.example.toml``, made from the settings model: ``python -m restock.example_config``.

Every setting stands in it with its default, commented out, so that the file as it is changes
nothing. A test (and ``--check``) holds the file against what this module makes.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from connectors.kafka.settings import KafkaSettings
from restock.docstrings import attributes, summary
from restock.errors import EXIT_FAILURE, EXIT_OK
from restock.example_sinks import example_journey, example_sinks, setting_lines
from restock.example_sources import example_sources
from restock.policy_table import POLICY_SETTINGS
from restock.settings import Settings
from restock.toml_text import toml_value

__all__ = ["EXAMPLE_FILE", "example_config", "main"]

EXAMPLE_FILE = "restock.example.toml"
"""The file's name, in the project's root."""

_HEAD = """\
# restock.toml: every setting with its default. Copy this file to restock.toml in the directory
# where restock is started (or name it with --config) and take away the # where you want a change.
#
# A flag wins over an environment variable, that over this file. The variable for a setting:
# RESTOCK_, the table, two underscores, the key, as in RESTOCK_KAFKA__BOOTSTRAP_SERVERS.
# Durations: "250ms", "10s", "5m", "1h", "7d", or a whole number of seconds.
#
# Made by `python -m restock.example_config`; a test keeps it in step with the program.
"""

_KAFKA_OPTIONS = """\
# Any librdkafka property, for every client. A secret is better given in the environment:
# RESTOCK_KAFKA__OPTIONS__SASL_PASSWORD (an underscore for each dot).
[kafka.options]
# "security.protocol" = "SASL_SSL"
# "sasl.mechanism" = "SCRAM-SHA-512"
# "sasl.username" = "restock"
"""

_OVERRIDES = """\
# Overrides for some variants; the first that matches is laid over the settings above. In a glob
# * stands for any run of characters and ? for one.
# [[policy.override]]
# variants = ["$custom:::$default:::DROP-*"]
# per_unit = 1
# wait = "1h"
"""


def example_config() -> str:
    """Return the content of the example file."""
    ways = [*example_sources(), example_journey(), *example_sinks()]
    return "\n".join([_HEAD, *_tables(), *ways, _policy(), _OVERRIDES])


def main(arguments: list[str] | None = None) -> int:
    """Write the example file, or with ``--check`` say whether it is as it should be.

    Args:
        arguments: The command line without the program's name; None: that of this process.
    """
    parser = argparse.ArgumentParser(prog="python -m restock.example_config")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 on drift")
    parser.add_argument("file", nargs="?", type=Path, default=Path(EXAMPLE_FILE))
    options = parser.parse_args(arguments)
    if not options.check:
        options.file.write_text(example_config(), encoding="utf-8")
        return EXIT_OK
    if options.file.is_file() and options.file.read_text(encoding="utf-8") == example_config():
        return EXIT_OK
    sys.stderr.write(f"{options.file} is out of date: run python -m restock.example_config\n")
    return EXIT_FAILURE


def _tables() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield "\n".join([f"# {summary(model)}", f"[{name}]", *_settings(model), ""])
        if name == "kafka":
            yield _KAFKA_OPTIONS


def _settings(model: type[BaseModel]) -> Iterator[str]:
    meanings = attributes(model)
    defaults = model().model_dump(mode="json")
    for name in model.model_fields:
        if (model, name) != (KafkaSettings, "options"):  # they have a table of their own
            yield from setting_lines(name, meanings[name], defaults[name])


def _policy() -> str:
    lines = ["# Who is told when, see docs/semantics.md section 4.", "[policy]"]
    for setting in POLICY_SETTINGS:
        lines += [f"# {setting.meaning}", f"# {setting.name} = {toml_value(setting.default)}"]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
