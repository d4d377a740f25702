# SPDX-License-Identifier: Apache-2.0
"""Everything that touches the outside: Kafka, webhooks, mail, Klaviyo, platforms' webhooks."""
