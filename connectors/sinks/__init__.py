# SPDX-License-Identifier: Apache-2.0
"""Connectors that bring a message to a person, all behind one small contract.

`connectors.sinks.contract` is the contract, and `connectors.sinks.testing` the tests that hold a
sink to it: ours in ``tests/contracts``, and anybody's own.
"""
