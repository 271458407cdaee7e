"""Planning: measure a small part of a command here, and say what the whole would cost.

Each command that can be planned has a request, a module with the arithmetic (`scores`, `maps`, `simulation`) and one
that measures (`measured_scores` and so on). All of them give a `WorkPlan`.
"""
