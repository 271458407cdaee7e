"""Shards: corpora in many Parquet files, which are read part by part and never held in memory as a whole.

`files` finds the files and divides them into parts, `reading` reads a part in batches. `labelled` reads what is
labelled, `vectors` says where the vectors of documents come from, and `scorer` trains. A `FileTask` of
`cal.learners.tasks` scores each part (`scoring`) on whatever executor there is, `best` keeps the highest scores,
and `score` puts the steps together.
"""
