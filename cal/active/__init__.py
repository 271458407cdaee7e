"""Active learning with people: from documents without labels to a classifier, batch by batch.

    learner = cal.ActiveLearner(texts)      # a list of texts, a data frame, a corpus or a labelling project
    ids = learner.ask(20)                   # what to label next
    learner.tell(ids, labels)               # what people said

- `options`: how documents are chosen, as `ActiveLearner`, `cal ask` and `cal annotate learn` take it.
- `known`: what is labelled so far.
- `chooser`: the next documents from what is known. It is the loop of `cal simulate` for one run, with people in it.
- `test_sample`: the random documents that measure accuracy, which no strategy chooses.
- `learner`: `ActiveLearner`, which keeps the state and asks the chooser.
"""
