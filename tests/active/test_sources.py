"""Where the documents of a loop come from, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import cal
from cal.active.sources import LabelStore, documents_of
from cal.data.unlabelled import UnlabelledCorpus
from cal.errors import ConfigError, DataError, FeatureError

TEXTS = ["How far is it?", "Who was he?", "Where was she?"]


@pytest.mark.parametrize(
    "given",
    [
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        pd.Series(TEXTS),
        iter(TEXTS),
        {"text": TEXTS},
        pd.DataFrame({"text": TEXTS}),
        pd.DataFrame({"text": TEXTS, "label": [None, "", "-"]}),
    ],
)
def test_texts_come_in_many_forms_and_their_ids_from_the_texts(given):
    read = documents_of(given)
    expected = cal.Corpus.from_texts(TEXTS, ["a", "b", "a"])
    assert set(read.ids) == set(expected.train.ids)
    assert [read.corpus.train.texts[read.corpus.train.ids.index(id)] for id in read.ids] == TEXTS
    assert read.labels == {}


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_a_file_needs_no_labels(tmp_path, ending):
    frame = pd.DataFrame({"id": [7, 8, 9], "question": TEXTS, "kind": ["NUM", None, None]})
    path = tmp_path / f"texts.{ending}"
    writers = {
        "csv": lambda: frame.to_csv(path, index=False),
        "tsv": lambda: frame.to_csv(path, index=False, sep="\t"),
        "jsonl": lambda: frame.to_json(path, orient="records", lines=True),
        "parquet": lambda: frame.to_parquet(path),
    }
    writers[ending]()
    read = documents_of(path, text="question", label="kind")
    assert list(read.ids) == ["7", "8", "9"]
    assert read.labels == {"7": "NUM"}
    assert read.corpus.name == "texts"


def test_of_a_corpus_labels_are_used_only_if_they_are_given():
    corpus = cal.Corpus.from_texts(TEXTS * 2, list("abaabb"), ids=list("uvwxyz"), test=([TEXTS[0]], ["a"]))
    read = documents_of(corpus)
    assert read.labels == {}
    assert len(read.corpus) == 6
    assert read.corpus.train.gold.tolist() == [0] * 6
    assert documents_of(corpus.to_frame()).labels == dict(zip("uvwxyz", "abaabb", strict=True))


def test_labels_of_a_categorical_keep_their_order():
    labels = pd.Categorical(["low", None, "high"], categories=["low", "middle", "high"])
    assert documents_of(pd.DataFrame({"text": TEXTS, "label": labels})).label_names == ("low", "middle", "high")


def test_choices_have_their_numbers_as_labels():
    frame = pd.DataFrame(
        {"text": ["He _ up.", "She _ down."], "a": ["gets", "sits"], "b": ["is", "falls"], "label": [1, 2]}
    )
    corpus = cal.Corpus.from_frame(frame, choices=["a", "b"], blank="_")
    assert documents_of(corpus).label_names == ("1", "2")


def test_vectors_belong_to_documents_in_the_order_in_which_they_were_given(questions, label):
    x = np.eye(120, 5, dtype=np.float32) + np.arange(120, dtype=np.float32)[:, None]
    loop = cal.ActiveLearner(questions[["id", "text"]], features=x, learner="small_mlp")
    corpus = loop.options.features
    row = {id: at for at, id in enumerate(questions["id"])}
    for at, id in enumerate(loop._documents.corpus.train.ids):
        assert (corpus.train[at] == x[row[id]]).all()
    shuffled = questions.sample(frac=1, random_state=5)
    other = cal.ActiveLearner(shuffled[["id", "text"]], features=x[shuffled.index], learner="small_mlp")
    assert label(loop, 3) == label(other, 3)
    with pytest.raises(FeatureError, match=r"must be, too: predict\(texts, features=vectors\)"):
        loop.predict(["Who?"])
    with pytest.raises(FeatureError, match="3 features, those of the documents 5"):
        loop.predict(["Who?"], features=x[:1, :3])
    assert len(loop.predict(["Who?"], features=x[:1])) == 1


class Store:
    """Labels that are kept elsewhere, where somebody else decides, too."""

    def __init__(self, corpus):
        self.corpus, self.labels, self.names = corpus, {}, ["number"]

    def loop_documents(self):
        return self.corpus

    def loop_label_names(self):
        return self.names

    def loop_labels(self):
        return self.labels

    def take_labels(self, labels):
        self.labels = self.labels | labels
        self.names += [label for label in labels.values() if label not in (None, *self.names)]


def test_labels_that_are_kept_elsewhere_may_be_decided_by_others(questions, gold):
    store = Store(UnlabelledCorpus.of_texts(questions["text"], questions["id"]))
    assert isinstance(store, LabelStore)
    loop = cal.ActiveLearner(store, features="lsa", learner="small_mlp")
    ids = loop.ask(10)
    loop.tell({id: gold[id] for id in ids[:5]})
    assert len(store.labels) == 5
    store.take_labels({id: gold[id] for id in ids[5:]})
    assert len(loop.labels) == 10
    assert not set(loop.ask(10)) & set(ids)
    assert loop.label_names == tuple(store.names)
    with pytest.raises(ConfigError, match="nothing to save"):
        loop.save("nowhere")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "There are no documents in the list of texts. Give at least one text"),
        (["How far?", ""], "is empty"),
        (["How far?", None], "is empty"),
        (["How far?", 3], "holds int 3, not text"),
        ({"question": TEXTS}, "has no column 'text'"),
        ({"text": TEXTS, "id": [1, 1, 2]}, "have the same id '1'"),
        ("nowhere.csv", "no file nowhere.csv"),
        ("nowhere", "does not exist. Give a .csv"),
        ("project.db", "Open it: cal.annotation.Project.open"),
        (3, "documents is 3; give a list"),
        ({"a", "b"}, "which has no order"),
    ],
)
def test_documents_that_cannot_be_used_are_named(given, words):
    with pytest.raises(DataError) as caught:
        documents_of(given)
    assert words in str(caught.value)


def test_a_single_text_is_no_list(make, label):
    loop = make()
    label(loop, 1)
    with pytest.raises(DataError, match=r"texts is a single text\. Give a list: \['Who\?'\]"):
        loop.predict("Who?")
    assert loop.predict([]).shape == (0,)
    assert loop.predict_proba([]).shape == (0, 3)


def test_new_texts_in_a_table_have_the_columns_of_the_documents(questions, tmp_path):
    own = questions.rename(columns={"text": "question"})[["id", "question", "label"]]
    loop = cal.ActiveLearner(own, text="question", features="lsa")
    new = own[:6].assign(id="the same")  # ids do not matter
    expected = loop.predict(list(new["question"])).tolist()
    assert loop.predict(new).tolist() == expected
    loop.save(tmp_path / "loop")
    assert cal.ActiveLearner.load(tmp_path / "loop").predict(new).tolist() == expected
    with pytest.raises(DataError, match="the table of documents has no column 'question'"):
        loop.predict(questions)
