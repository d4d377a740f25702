# SPDX-License-Identifier: Apache-2.0
"""What the commands share: loading the settings as this process sees them."""

import os
from collections.abc import Callable
from pathlib import Path

from restock.errors import ConfigError
from restock.settings import Settings
from restock.settings_layers import LoadedSettings, load_settings

__all__ = ["load", "load_checked"]


def load(config: Path | None, flags: dict[str, object] | None = None) -> LoadedSettings:
    """Load the settings from this process's flags, environment and working directory.

    Args:
        config: The file that ``--config`` names, if any.
        flags: Values of flags by their names in `restock.settings_layers.FLAGS`.

    Raises:
        ConfigError: A setting is wrong.
    """
    return load_settings(config, environment=os.environ, directory=Path.cwd(), flags=flags)


def load_checked(
    config: Path | None,
    flags: dict[str, object] | None,
    *checks: Callable[[Settings], object],
) -> LoadedSettings:
    """Load the settings and check tables that only some commands know.

    Args:
        config: as above.
        flags: as above.
        checks: raise `ConfigError`; its message begins with the key's path and a colon.

    Raises:
        ConfigError: A setting is wrong; the message names where it came from.
    """
    loaded = load(config, flags)
    for check in checks:
        try:
            check(loaded.settings)
        except ConfigError as error:
            path, _, _ = str(error).partition(":")
            if " " in path:  # it is about no key
                raise
            raise ConfigError(f"{loaded.nearest_origin(tuple(path.split('.')))}: {error}") from None
    return loaded
