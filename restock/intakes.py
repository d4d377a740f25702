# SPDX-License-Identifier: Apache-2.0
"""From the ``[ingest.NAME]`` tables to what the gateway takes webhooks with."""

from pydantic import BaseModel, SecretStr

from gateway.webhooks import Intake
from restock.settings import Settings
from restock.sources import build_source, read_source, read_sources

__all__ = ["CATALOG_VARIANTS", "build_intakes", "learns"]

CATALOG_VARIANTS = "klaviyo"
"""The source behind `PATCH /api/catalog-variants/ID`, which is there without a table as well."""

_NOT_BY_HTTP = frozenset({"feed"})
"""Kinds that are fetched, not sent: `restock ingest` reads them."""


def build_intakes(settings: Settings) -> dict[str, Intake]:
    """Make an intake of each source whose messages come by HTTP.

    Those in Confluent's wire format come by topics, for `restock ingest`.

    Raises:
        ConfigError: a table is wrong; the message names the key.
    """
    tables = read_sources(settings)
    tables.setdefault(CATALOG_VARIANTS, read_source(settings, CATALOG_VARIANTS))
    return {
        name: Intake(build_source(table), signed=_is_signed(table.own))
        for name, table in tables.items()
        if table.kind not in _NOT_BY_HTTP and table.common.registry is None
    }


def learns(settings: Settings, intakes: dict[str, Intake]) -> bool:
    """Say whether one of the sources must be told what was learned before."""
    return any(table.learns for name, table in read_sources(settings).items() if name in intakes)


def _is_signed(settings: BaseModel) -> bool:
    """Whether a secret is set, so that the source knows its platform's messages."""
    values = [getattr(settings, name) for name in type(settings).model_fields]
    flat = [
        each
        for value in values
        for each in (value if isinstance(value, list | tuple) else (value,))
    ]
    return any(isinstance(each, SecretStr) and each.get_secret_value() for each in flat)
