# SPDX-License-Identifier: Apache-2.0
"""The commands of the program, one module each, loaded only when asked for."""
