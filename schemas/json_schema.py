# SPDX-License-Identifier: Apache-2.0
"""JSON Schema files (draft 2020-12) of all topics, generated from `schemas.records`.

Written with ``python -m schemas.json_schema``; ``--check`` instead tells whether the files are
up to date. What a schema cannot say stays with the models: how much the identifiers of a person
leave after normalisation, and that a timestamp lies in the years 2001 to 9999 in text form too.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from typing_extensions import override

from schemas.topics import TOPICS, TopicSpec

__all__ = ["DIRECTORY", "generate", "main", "outdated"]

DIRECTORY: Final = Path(__file__).parent / "json"
"""Where the generated files are."""


def generate() -> dict[str, str]:
    """Return the content of each schema file by its name (``<role>.schema.json``)."""
    return {f"{role}.schema.json": _render(spec) for role, spec in TOPICS.items()}


def outdated() -> list[str]:
    """Return the names of schema files that are missing, differ or should not be there."""
    wanted = generate()
    found = {path.name: path.read_text(encoding="utf-8") for path in DIRECTORY.glob("*.json")}
    return sorted(name for name in wanted | found if wanted.get(name) != found.get(name))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the schema files, or check them.

    Args:
        arguments: the command line; that of the process when left out.

    Returns:
        The exit status: 1 when ``--check`` finds a difference, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m schemas.json_schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, report differences")
    if parser.parse_args(arguments).check:
        names = outdated()
        for name in names:
            message = f"{DIRECTORY / name} is out of date: run python -m schemas.json_schema"
            print(message, file=sys.stderr)  # noqa: T201 - the tool's output
        return 1 if names else 0
    DIRECTORY.mkdir(exist_ok=True)
    wanted = generate()
    for name in outdated():
        path = DIRECTORY / name
        if name in wanted:
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()
    return 0


class _WithoutTitles(GenerateJsonSchema):
    # A field's title would only be its name in other letters.
    @override
    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def _render(spec: TopicSpec) -> str:
    # What restock writes is described as it is written, what it reads as all that it accepts.
    mode: JsonSchemaMode = "serialization" if spec.published else "validation"
    body = spec.model.model_json_schema(mode=mode, schema_generator=_WithoutTitles)
    # OpenAPI's word, unknown to JSON Schema; the members of oneOf exclude each other anyway.
    body.pop("discriminator", None)
    schema = {"$schema": GenerateJsonSchema.schema_dialect, **body}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
