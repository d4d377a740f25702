# SPDX-License-Identifier: Apache-2.0
"""What is decided: stock, queues, markers, cycles and waves, as plain classes that take ``now``.

Nothing in here knows Bytewax, Kafka, files or a clock. The rules are those of
docs/semantics.md, sections 2 to 4; `waitlist.slot.Slot` is the way in.
"""
