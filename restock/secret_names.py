# SPDX-License-Identifier: Apache-2.0
"""Which settings are secret, by their names: nothing that may be one is ever shown."""

from connectors.kafka.settings import is_secret

__all__ = ["MASK", "looks_secret"]

MASK = "**********"
"""What stands in the place of a value that is not shown."""

_SECRET_WORDS = ("password", "passphrase", "secret", "token", "jaas", "key")
_HARMLESS_ENDINGS = (".location", ".url", "profile_key")


def looks_secret(name: str) -> bool:
    """Say whether a setting of this name holds what must not be shown.

    Args:
        name: The last part of a key's path, such as ``sasl.password``.
    """
    lowered = name.lower()
    if is_secret(lowered):
        return True
    return not lowered.endswith(_HARMLESS_ENDINGS) and any(
        word in lowered for word in _SECRET_WORDS
    )
