# SPDX-License-Identifier: Apache-2.0
"""The rules of the demo's shop, and the files that the real programs are started with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restock.demo.received import UNSUBSCRIBE_URL
from restock.toml_text import toml_key, toml_value
from waitlist.policy import Policy

__all__ = [
    "NATURAL_SECONDS",
    "Places",
    "configuration_text",
    "deliver_configuration_text",
    "policy_table",
    "rule_text",
]

NATURAL_SECONDS = 20.0
"""How long the sale takes when its waits are as written here."""

_REMINDER_AFTER = 2.5
_LOGGING = {"level": "warning", "format": "console"}
_IMPATIENT = {
    "epoch_interval": "500ms",
    "retry_first": "300ms",
    "retry_longest": "1s",
    "breaker_pause": "300ms",
    "breaker_longest_pause": "1s",
}
"""Nobody who watches can wait as long as the defaults do."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where messages go, and what the receivers share with the sender.

    Attributes:
        mail_port: Of the SMTP server on 127.0.0.1.
        webhook_url: Where webhooks go.
        webhook_secret: Signs them.
        unsubscribe_secret: Seals the links in mails.
    """

    mail_port: int
    webhook_url: str
    webhook_secret: str
    unsubscribe_secret: str


def policy_table(seconds: float) -> dict[str, Any]:
    """Return the ``[policy]`` table for a sale of this length.

    Args:
        seconds: The length of the sale; waits are stretched or squeezed with it.
    """
    return {
        "per_unit": 5,
        "wait": _lasting(2, seconds),
        # Platforms date stock by whole seconds, however short the sale is.
        "late_grace": "2s",
        "override": [
            {"variants": ["$shopify:::$default:::441002*"], "min_quantity": 10, "per_unit": 4},
            {"variants": ["$bigcommerce:::*"], "per_unit": 3, "dwell": _lasting(1, seconds)},
            {"variants": ["*:::NF-LP-*"], "per_unit": 1, "wait": _lasting(1.5, seconds)},
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
        ("[logging]", _LOGGING),
        ("[policy]", account),
        *(("[[policy.override]]", override) for override in policy["override"]),
    ]
    return _text(tables)


def deliver_configuration_text(
    bootstrap_servers: str, directory: Path, places: Places, seconds: float
) -> str:
    """Return the content of the file that `restock deliver` is started with.

    Args:
        bootstrap_servers: The address of the embedded broker.
        directory: Where the program keeps its ledger.
        places: Where the messages go.
        seconds: The length of the sale; reminders come sooner or later with it.
    """
    reminder = {
        "name": "reminder",
        "template": "reminder",
        "delay": _lasting(_REMINDER_AFTER, seconds),
        "unless": ["ordered", "sold_out"],
    }
    mail = {
        "kind": "email",
        "host": "127.0.0.1",
        "port": places.mail_port,
        "security": "none",
        "from_address": "The Corner Shop <news@shop.example>",
        "unsubscribe_url": UNSUBSCRIBE_URL,
        "unsubscribe_secret": places.unsubscribe_secret,
    }
    webhook = {
        "kind": "webhook",
        "url": places.webhook_url,
        "allow_http": True,
        "allow_networks": ["127.0.0.0/8"],
        "secrets": [places.webhook_secret],
    }
    return _text(
        [
            ("[kafka]", {"bootstrap_servers": bootstrap_servers}),
            ("[delivery]", {"directory": str(directory), **_IMPATIENT}),
            ("[logging]", _LOGGING),
            ("[journey.channels]", {"EMAIL": "mail", "PUSH": "app"}),
            ("[[journey.step]]", {"name": "first", "template": "back_in_stock"}),
            ("[[journey.step]]", reminder),
            ("[sinks.mail]", mail),
            ("[sinks.app]", webhook),
        ]
    )


def rule_text(policy: Policy) -> str:
    """Return what a policy means in a few words, such as ``from 10, 4 a unit``."""
    parts = []
    if policy.min_quantity > 1:
        parts.append(f"from {policy.min_quantity}")
    parts.append("all at once" if policy.per_unit is None else f"{policy.per_unit} a unit")
    if policy.dwell:
        parts.append(f"after {policy.dwell / 1000:g} s")
    return ", ".join(parts)


def _lasting(duration: float, seconds: float) -> str:
    milliseconds = max(1, round(duration * 1000 * seconds / NATURAL_SECONDS))
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _text(tables: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    lines = []
    for heading, table in tables:
        lines.append(heading)
        lines += [f"{toml_key(key)} = {toml_value(value)}" for key, value in table.items()]
        lines.append("")
    return "\n".join(lines)
