# SPDX-License-Identifier: Apache-2.0
"""`restock` with journals that compact all the time: `python -m tests.power_loss.program`."""

import sys

from journal.limits import DEFAULT_LIMITS
from restock.cli import main

if __name__ == "__main__":
    # The journals' defaults are this very object.
    for name, value in {"compact_bytes": 2000, "compact_segments": 2, "write_buffer": 512}.items():
        object.__setattr__(DEFAULT_LIMITS, name, value)
    sys.exit(main())
