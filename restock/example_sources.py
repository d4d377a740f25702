# SPDX-License-Identifier: Apache-2.0
"""The tables of sources in ``restock.example.toml``."""

from collections.abc import Iterator

from connectors.inbound.registry_settings import RegistrySettings
from restock.docstrings import summary
from restock.example_sinks import model_lines
from restock.sources import KINDS, CommonSettings, settings_class

__all__ = ["example_sources"]

_NAMES = {"debezium": "stock", "mapping": "erp"}
"""Names of tables that are not those of their kinds."""

_WITH_ALL = "mapping"
"""The kind that shows what all kinds may have."""

_SAMPLES: dict[tuple[str, str], object] = {
    ("centra", "markets"): ["SE_00"],
    ("debezium", "columns"): {"variant_id": "sku", "quantity": "on_hand"},
    ("debezium", "table"): "public.stock",
    # Website 2, store 1.
    ("magento", "catalog"): "2-1",
    ("mapping", "quantity"): "/stock",
    ("mapping", "variant_id"): "/sku",
    ("registry", "url"): "https://registry.example",
}
"""Values of settings that have no default, or none that works by itself."""

_HEAD = """\
# Sources of stock, for `restock ingest NAME` and the gateway's `POST /ingest/NAME`, see
# docs/ingest.md: each under a name of its own, several of a kind if need be. All of them may have
# `topic`, `cloudevents` and a table `registry` as well, as [ingest.erp] shows. A name that is not
# that of its kind needs a `kind`.
# A secret is better given in the environment: RESTOCK_INGEST__SHOPIFY__SECRETS='["..."]',
# RESTOCK_INGEST__ERP__REGISTRY__PASSWORD.
"""


def example_sources() -> Iterator[str]:
    """A table for each kind of source, commented out; what has no default has a sample."""
    yield _HEAD
    for kind in KINDS:
        model = settings_class(kind)
        name = _NAMES.get(kind, kind)
        lines = [f"# {summary(model)}", f"# [ingest.{name}]"]
        if name != kind:
            lines.append(f'# kind = "{kind}"')
        lines += model_lines(kind, model, _SAMPLES)
        if kind == _WITH_ALL:
            lines += [
                *model_lines(kind, CommonSettings, _SAMPLES, {"registry"}),
                "",
                f"# {summary(RegistrySettings)}",
                f"# [ingest.{name}.registry]",
                *model_lines("registry", RegistrySettings, _SAMPLES),
            ]
        yield "\n".join([*lines, ""])
