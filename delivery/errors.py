# SPDX-License-Identifier: Apache-2.0
"""The errors of delivery.

RestockError
└── LedgerError               the ledger cannot be used

Each message is one line that says what is wrong, where, and what to do.
"""

from schemas.errors import RestockError

__all__ = ["LedgerError"]


class LedgerError(RestockError):
    """The ledger cannot be read or written, or is of another version."""
