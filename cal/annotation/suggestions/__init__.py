"""Labels by other models: a large language model, rules or another classifier, each a source with a name.

They are suggestions, never labels: a label is what a person decides. `sources` says what each source holds now,
`suggestion_table` reads tables, `suggestion_store` writes them.
"""
