# SPDX-License-Identifier: Apache-2.0
"""Connectors that bring a message to a person, all behind one small contract.

`connectors.sinks.contract` is the contract; ``tests/contracts`` holds every sink to it, and a third
party's own as well.
"""
