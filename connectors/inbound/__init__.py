# SPDX-License-Identifier: Apache-2.0
"""Stock from the platforms: their messages become records of `restock.inventory`.

`contract` says what every source promises, `records` what it makes; a module for each platform.
"""
