"""The way out of a project: records, files, and a corpus to train on.

`documents`, `answers`, `exporting`, and `reader`, which is `dataset=annotation`.
"""
