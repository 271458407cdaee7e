"""The requests of `cal annotate`, one per command.

`request` (what they share), `import_request`, `suggest_request`, `queue_request`, `status_request`, `export_request`,
`decide_request` and `simulate_request`.
"""
