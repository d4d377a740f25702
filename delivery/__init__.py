# SPDX-License-Identifier: Apache-2.0
"""What becomes of a notification: the ledger, who is sent next, retries, and who hears of it."""
