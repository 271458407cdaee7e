"""What the reads of a queue prove about the errors that are left.

`reads`, `betting` (the interval), `error_total` (errors found and left), `stopping`; `simulated_reviews`,
`reviews_result` and `reviews_plot` try it with a reviewer who knows the truth.
"""
