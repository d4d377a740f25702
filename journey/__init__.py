# SPDX-License-Identifier: Apache-2.0
"""What becomes of a notification: steps, conditions, quiet hours and digests, by ``now`` alone.

Nothing in here knows Kafka, files, a network or a clock; all times are epoch milliseconds. Each
`journey.journey.Journey` is driven by whoever looks facts up and sends: `journey.journey` is the
way in.
"""
