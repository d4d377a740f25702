# SPDX-License-Identifier: Apache-2.0
"""Kafka in and out: one Bytewax source, one Bytewax sink, dead letters and topic administration."""
