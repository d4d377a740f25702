# SPDX-License-Identifier: Apache-2.0
"""What the commands share: loading the settings as this process sees them."""

import os
from pathlib import Path

from restock.errors import ConfigError
from restock.settings_layers import LoadedSettings, load_settings

__all__ = ["load", "load_for_delivery"]


def load(config: Path | None, flags: dict[str, object] | None = None) -> LoadedSettings:
    """Load the settings from this process's flags, environment and working directory.

    Args:
        config: The file that ``--config`` names, if any.
        flags: Values of flags by their names in `restock.settings_layers.FLAGS`.

    Raises:
        ConfigError: A setting is wrong.
    """
    return load_settings(config, environment=os.environ, directory=Path.cwd(), flags=flags)


def load_for_delivery(
    config: Path | None, flags: dict[str, object] | None = None
) -> LoadedSettings:
    """Load the settings and check those of the sinks as well, which other commands need not know.

    Raises:
        ConfigError: A setting is wrong; the message names where it came from.
    """
    from restock.ways import read_sinks  # noqa: PLC0415 - only where something is delivered

    loaded = load(config, flags)
    try:
        read_sinks(loaded.settings)
    except ConfigError as error:
        path = tuple(str(error).partition(":")[0].split("."))
        raise ConfigError(f"{loaded.nearest_origin(path)}: {error}") from None
    return loaded
