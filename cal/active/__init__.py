"""Active learning with people: from documents without labels to a classifier, batch by batch.

    learner = cal.ActiveLearner(texts)      # a list of texts, a data frame, a file, a corpus or a labelling project
    ids = learner.ask(20)                   # what to label next
    learner.tell(ids, labels)               # what people said

- `options`: how documents are chosen, as `ActiveLearner`, `cal ask` and `cal annotate learn` take it.
- `chooser`: the next documents from what is `known`. It is the loop of `cal simulate` for one run, with people in it:
  a `round` trains and chooses, `explore` looks for what nobody has labelled yet, and `test_sample` draws the random
  documents that measure accuracy, which no strategy chooses.
- `learner`: `ActiveLearner`, the predictions of a `loop`, which keeps its `state`, puts batches together (`asking`),
  and takes labels (`telling`) of documents from anywhere (`sources`). `new_texts` predicts others, `saved` keeps it in
  a folder, `labelled_corpus` and `tables` hand out what it knows.
- `ask_request`: `cal ask`, one round from files (`ask_files`, `asking_once`) into a file (`asked`).
- `progress`: what labelling has gained: `accuracy` and its interval, `movement` of the seed map, `live_stopping`,
  `random_labels`, `slips`, and what is kept of each round (`round_record`).
- `person`: a simulated person, and whole sessions with them.
"""
