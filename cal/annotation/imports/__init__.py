"""Imports: documents, maps and suspects come into a project.

`corpus_documents`, `corpus_import`, `staging`, `differences`, `importing`, `returning` (documents that come back);
`run_tables` and `run_store` (maps and suspects).
"""
