# SPDX-License-Identifier: Apache-2.0
"""Measurements of restock, side by side with a floor: ``python -m benchmarks [SECTION...]``.

A number is printed only after the output of the run it stems from was held against a plain
reference. Absolute figures belong to a machine; what can be compared are contenders of one run.
"""
