# SPDX-License-Identifier: Apache-2.0
"""What the commands share: loading the settings as this process sees them."""

import os
from pathlib import Path

from restock.settings_layers import LoadedSettings, load_settings

__all__ = ["load"]


def load(config: Path | None, flags: dict[str, object] | None = None) -> LoadedSettings:
    """Load the settings from this process's flags, environment and working directory.

    Args:
        config: The file that ``--config`` names, if any.
        flags: Values of flags by their names in `restock.settings_layers.FLAGS`.

    Raises:
        ConfigError: A setting is wrong.
    """
    return load_settings(config, environment=os.environ, directory=Path.cwd(), flags=flags)
