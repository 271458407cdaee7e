"""Decisions: every one is an event, and verdicts and states follow from the events.

`decision` (what a client sends), `recording` (events are appended), `verdicts` (what follows from them), `view` (kept
up to date), `undoing`, `replay` (checks the view); `decided` and `history` (what was decided); in bulk `taking`,
`decision_table`, `bulk_problems` and `bulk`.
"""
