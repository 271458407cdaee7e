"""Planning: a small part of a command is measured here, and the cost of the whole is told.

Each command that can be planned has a request and a module of its own: `scores` and `simulation` hold the arithmetic,
`measured_scores` and `measured_simulation` what is measured for it. All of them give a `WorkPlan`.
"""
