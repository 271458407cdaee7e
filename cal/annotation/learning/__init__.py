"""Active learning in a project: a queue that a model fills, batch by batch, while people decide.

A queue of the order `active` grows. Each batch follows from the options and from the events up to the one that
completed the batch before; what is decided while a model trains counts for the next one. So the batches are a function
of the order of decisions, and a worker that was killed makes the same batch again.

- `roles`: why a document is in the queue, and what a worker does.
- `options`: parameters of `cal annotate learn`.
- `record`: what is kept of each batch.
- `reading`: how far the learning is, for the page and for people.
- `worker`: watches the events, trains, and appends batches.
"""
