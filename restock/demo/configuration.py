# SPDX-License-Identifier: Apache-2.0
"""The policy of the demo's shop, and the restock.toml that the real program is started with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from restock.toml_text import toml_key, toml_value
from waitlist.policy import Policy

__all__ = ["NATURAL_SECONDS", "configuration_text", "policy_table", "rule_text"]

NATURAL_SECONDS = 20.0
"""How long the sale takes when its waits are as written here."""


def policy_table(seconds: float) -> dict[str, Any]:
    """Return the ``[policy]`` table for a sale of this length.

    Args:
        seconds: The length of the sale; waits are stretched or squeezed with it.
    """

    def lasting(duration: float) -> str:
        milliseconds = max(1, round(duration * 1000 * seconds / NATURAL_SECONDS))
        return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"

    return {
        "per_unit": 5,
        "wait": lasting(2),
        # Platforms date stock by whole seconds, however short the sale is.
        "late_grace": "2s",
        "override": [
            {"variants": ["$shopify:::$default:::441002*"], "min_quantity": 10, "per_unit": 4},
            {"variants": ["$bigcommerce:::*"], "per_unit": 3, "dwell": lasting(1)},
            {"variants": ["*:::NF-LP-*"], "per_unit": 1, "wait": lasting(1.5)},
            {"variants": ["*:::DEW-SERUM-*"], "per_unit": "none"},
        ],
    }


def configuration_text(
    bootstrap_servers: str, state_directory: Path, policy: Mapping[str, Any]
) -> str:
    """Return the content of the demo's ``restock.toml``.

    Args:
        bootstrap_servers: The address of the embedded broker.
        state_directory: Where the program keeps its state.
        policy: The ``[policy]`` table.
    """
    account = {key: value for key, value in policy.items() if key != "override"}
    tables: list[tuple[str, Mapping[str, Any]]] = [
        ("[kafka]", {"bootstrap_servers": bootstrap_servers}),
        (
            "[state]",
            {
                "directory": str(state_directory),
                "epoch_interval": "500ms",
                "status_interval": "200ms",
            },
        ),
        ("[logging]", {"level": "warning", "format": "console"}),
        ("[policy]", account),
        *(("[[policy.override]]", override) for override in policy["override"]),
    ]
    lines = []
    for heading, table in tables:
        lines.append(heading)
        lines += [f"{toml_key(key)} = {toml_value(value)}" for key, value in table.items()]
        lines.append("")
    return "\n".join(lines)


def rule_text(policy: Policy) -> str:
    """Return what a policy means in a few words, such as ``from 10, 4 a unit``."""
    parts = []
    if policy.min_quantity > 1:
        parts.append(f"from {policy.min_quantity}")
    parts.append("all at once" if policy.per_unit is None else f"{policy.per_unit} a unit")
    if policy.dwell:
        parts.append(f"after {policy.dwell / 1000:g} s")
    return ", ".join(parts)
