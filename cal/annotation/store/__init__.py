"""The store of a project: its database, and its labels.

`schema` (tables), `column_types`, `statements`, `database` (a file or an address becomes an engine), `migrations`
(steps from each earlier version); `labels` (what follows from their events), `label_table` and `label_store` (added,
renamed, merged).
"""
