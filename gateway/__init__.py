# SPDX-License-Identifier: Apache-2.0
"""HTTP in: sign-ups, sign-offs and the platforms' webhooks become records, and nothing else."""
