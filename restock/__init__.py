# SPDX-License-Identifier: Apache-2.0
"""The program: command line, settings, logging, and the wiring of the flow."""
