# SPDX-License-Identifier: Apache-2.0
"""The settings of the ``[policy]`` table as people read them: name, default, meaning.

`waitlist.policy` decides what they mean; a test holds the defaults here against those there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["POLICY_SETTINGS", "PolicySetting", "with_defaults"]


@dataclass(frozen=True, slots=True)
class PolicySetting:
    """One setting of the ``[policy]`` table.

    Attributes:
        name: Its key.
        default: The value it has when it is not given.
        meaning: What it does, in one sentence.
    """

    name: str
    default: str | int
    meaning: str


POLICY_SETTINGS = (
    PolicySetting("min_quantity", 1, "Nothing is offered below this sellable quantity."),
    PolicySetting(
        "per_unit", "none", 'People to tell per unit in stock; "none": all at once. Needs wait.'
    ),
    PolicySetting("wait", 0, "Pause between the waves of a variant, where per_unit is set."),
    PolicySetting(
        "dwell", 0, "How long stock must have been back before the first wave; damps flapping."
    ),
    PolicySetting(
        "late_grace", "5m", "How long after the restock a sign-up still takes part in it."
    ),
    PolicySetting("safety_stock", 0, "Units that are never offered."),
    PolicySetting("expires_after", "365d", 'How long a sign-up waits at most; "none": for ever.'),
    PolicySetting("remember", "7d", "How long it is remembered that a person was told."),
    PolicySetting("remember_sign_offs", "365d", "How long a sign-off is remembered."),
)
"""Every account-wide policy setting, in the order in which it is shown."""


def with_defaults(table: Mapping[str, object]) -> dict[str, object]:
    """Return a ``[policy]`` table in which every setting is given.

    Args:
        table: The table as given.
    """
    return {setting.name: setting.default for setting in POLICY_SETTINGS} | dict(table)
