# SPDX-License-Identifier: Apache-2.0
"""``python -m restock``: the same as the command ``restock``."""

import sys

from restock.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
