"""`cal ask`: files without labels in, a file to fill in out, and again when labels came back."""

import pandas as pd
import pytest

import cal
from cal.cli import main
from cal.errors import ConfigError, DataError, StorageError

FAST = ["features=lsa", "learner=small_mlp"]
OPTIONS = {"features": "lsa", "learner": "small_mlp"}


@pytest.fixture
def files(tmp_path, questions, monkeypatch):
    """texts.csv without labels in the working directory, and a function that fills in a file as a person does."""
    monkeypatch.chdir(tmp_path)
    questions[["id", "text"]].to_csv("texts.csv", index=False)
    right = questions.set_index("id")["label"]

    def fill(name, but=()):
        table = pd.read_csv(name, encoding="utf-8-sig", dtype=str, keep_default_na=False)
        table["label"] = ["" if at in but else right[id] for at, id in enumerate(table["id"])]
        table.to_csv(name, index=False)
        return table

    return fill


def test_from_nothing_to_the_third_round_on_the_command_line(files, capsys):
    assert main(["ask", "unlabelled=texts.csv", "n=12", *FAST]) == 0
    told = capsys.readouterr().out
    assert "12 documents to label next, chosen without a classifier from 120 unlabelled ones." in told
    assert "Then, with the same options: cal ask unlabelled=texts.csv labelled=ask.csv" in told
    first = files("ask.csv", but=[3])
    assert main(["ask", "unlabelled=texts.csv", "labelled=ask.csv", "n=8", *FAST]) == 0
    told = capsys.readouterr().out
    assert "8 documents to label next, chosen by margin from 109 unlabelled ones." in told
    assert "labelled=[ask.csv,ask-2.csv]" in told
    second = files("ask-2.csv")
    assert set(second["round"]) == {"1"}
    assert set(second["suggested"]) <= {"number", "person", "place"}
    assert second["probability"].astype(float).between(0.3, 1).all()
    assert second["score"].astype(float).is_monotonic_decreasing
    assert not set(first["id"].drop(3)) & set(second["id"])
    assert main(["ask", "texts.csv", "labelled=[ask.csv,ask-2.csv]", "n=5", "output=third.jsonl", *FAST]) == 0
    third = pd.read_json("third.jsonl", lines=True)
    assert set(third["round"]) == {2}
    assert not set(third["id"]) & {*first["id"].drop(3), *second["id"]}
    assert list(third) == list(second)


def test_an_empty_file_of_labels_is_none(files, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("id,text,label\nq0-nu,Say far or far?,\n")
    without = cal.ask("texts.csv", n=7, **OPTIONS).ids
    assert cal.ask("texts.csv", "empty.csv", 7, **OPTIONS).ids == without


def test_row_order_does_not_matter_and_nothing_is_drawn_twice(questions):
    some = questions.sample(frac=1, random_state=1)
    labelled, rest = some[:40], some[40:][["id", "text"]]
    one = cal.ask(rest, labelled, 9, **OPTIONS)
    other = cal.ask(rest[::-1], labelled.sample(frac=1, random_state=2), 9, **OPTIONS)
    pd.testing.assert_frame_equal(one.rows, other.rows)
    assert set(one.ids) <= set(rest["id"])
    assert len(one.ids) == 9


@pytest.mark.parametrize("strategy", ["margin", "round_change"])
def test_it_asks_what_active_learner_asks(questions, gold, strategy):
    loop = cal.ActiveLearner(questions[["id", "text"]], strategy, "small_mlp", features="lsa", test_share=0)
    asked = cal.ask(questions[["id", "text"]], n=12, **OPTIONS)
    assert asked.ids == loop.ask(12)
    tables = []
    for _ in range(2):
        tables.append(asked.to_frame().assign(label=[gold[id] for id in asked.ids]))
        loop.tell(tables[-1])
        loop._state.label_names.sort()  # files know no order of labels
        asked = cal.ask(questions[["id", "text"]], tables, 6, strategy=strategy, **OPTIONS)
        assert asked.ids == loop.ask(6)


def test_documents_are_told_by_their_texts_where_ids_are_missing_or_changed(questions):
    pool = questions[["text"]]
    labelled = questions[["text", "label"]][:30]
    asked = cal.ask(pool, labelled, 5, **OPTIONS)
    assert asked.n_unlabelled == 90
    assert not set(asked.rows["text"]) & set(labelled["text"])
    renamed = questions[:30].assign(id=[f"x{i}" for i in range(30)])
    assert cal.ask(questions[["id", "text"]], renamed, 5, **OPTIONS).n_unlabelled == 90


def test_ids_with_other_texts_are_refused(questions):
    other = pd.DataFrame({"id": ["q0-nu", "q1-nu"], "text": ["Something else?", "Else?"], "label": ["a", "b"]})
    with pytest.raises(DataError, match=r"'q0-nu' has another text than in the files before, and so have 1 more"):
        cal.ask(questions[["id", "text"]], other, 5, **OPTIONS)


def test_a_later_file_corrects_an_earlier_one(questions, caplog):
    first = questions[:30]
    second = first[:2].assign(label="place")
    asked = cal.ask(questions[["id", "text"]], [first, second], 5, **OPTIONS)
    assert asked.counts == {"number": 9, "person": 9, "place": 12}
    assert "2 documents of the table of labelled documents had another label before" in caplog.text


def test_a_dash_is_for_what_nobody_can_label(questions):
    labelled = questions[:30].copy()
    labelled.loc[:4, "label"] = "-"
    labelled.loc[5:9, "label"] = None
    asked = cal.ask(questions[["id", "text"]], labelled, 95, **OPTIONS)
    assert sum(asked.counts.values()) == 20
    assert len(asked) == 95
    assert not set(asked.ids) & set(labelled["id"][:5])
    assert set(labelled["id"][5:10]) <= set(asked.ids)


def test_when_all_is_labelled_it_says_so_and_writes_nothing(questions, tmp_path):
    asked = cal.ask(questions, output=tmp_path / "ask.csv", **OPTIONS)
    assert str(asked).startswith("Every document is labelled")
    assert not (tmp_path / "ask.csv").exists()


def test_files_with_other_columns_come_back_with_those_of_ask(files, questions, capsys):
    questions[["id", "text"]].rename(columns={"id": "key", "text": "question"}).to_csv("own.csv", index=False)
    options = ["unlabelled=own.csv", "text_column=question", "id_column=key", "label_column=kind", "n=12", *FAST]
    assert main(["ask", *options]) == 0
    files("ask.csv", but=[3])
    assert main(["ask", *options, "labelled=ask.csv", "output=second.csv"]) == 0
    assert "chosen by margin from 109 unlabelled ones" in capsys.readouterr().out


def test_labels_without_texts_are_known_by_their_ids(questions):
    pool, labels = questions[["id", "text"]], questions[["id", "label"]][:30]
    asked = cal.ask(pool, labels, 5, **OPTIONS)
    assert asked.ids == cal.ask(pool, questions[:30], 5, **OPTIONS).ids
    with pytest.raises(DataError, match=r"index 1: no document has the id 'q9'\. .* Add the texts, or correct the ids"):
        cal.ask(pool, pd.DataFrame({"id": ["q0-nu", "q9"], "label": ["number", "person"]}), 5, **OPTIONS)


def test_a_column_named_round_of_your_own_counts_no_rounds(questions):
    asked = cal.ask(questions.assign(round=[2019, float("inf")] * 60)[["id", "text", "round"]], n=5, **OPTIONS)
    assert asked.round == 0
    assert cal.ask(questions[["id", "text"]], questions[:30].assign(round=2019), 5, **OPTIONS).round == 1


def test_the_same_file_is_named_once_and_settings_as_the_command_line_has_them(files, tmp_path):
    cal.ask("texts.csv", n=5, output="ask.csv", **OPTIONS)
    assert str(cal.ask("texts.csv", "ask.csv", 5, output="ask.csv", **OPTIONS)).endswith(" labelled=ask.csv")
    (tmp_path / "twice.csv").write_text("id,text\na,Who is it?\na,Where is it?\n")
    with pytest.raises(DataError, match=r"have the same id 'a' .* set id_column=null to derive them"):
        cal.ask("twice.csv", n=1, **OPTIONS)


def test_labels_in_a_file_are_never_lost(files, questions):
    cal.ask("texts.csv", n=5, output="ask.csv", **OPTIONS)
    cal.ask("texts.csv", n=6, output="ask.csv", **OPTIONS)  # nothing is filled in yet
    files("ask.csv", but=range(5))
    with pytest.raises(DataError, match=r"ask\.csv has 1 label, which would be lost"):
        cal.ask("texts.csv", n=5, output="ask.csv", **OPTIONS)
    with pytest.raises(DataError, match=r"texts\.csv is there already, and cal ask did not write it"):
        cal.ask("texts.csv", n=5, output="texts.csv", **OPTIONS)
    assert len(pd.read_csv("texts.csv")) == 120


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_comes_back(ending, tmp_path, questions, gold):
    hostile = questions[["id", "text"]].copy()
    hostile.loc[0, "text"] = '=cmd|"/c calc"!A1, "quoted"; say far'
    hostile.loc[1, "id"] = "-1+1"
    path = tmp_path / f"ask.{ending}"
    asked = cal.ask(hostile, n=120, output=path, seed_set="random", **OPTIONS)
    assert {"-1+1"} < set(asked.ids)
    again = cal.ask(path, n=120, seed_set="random", **OPTIONS)
    assert again.ids == asked.ids
    assert again.rows["text"].tolist() == asked.rows["text"].tolist()


def test_test_documents_have_no_suggestion_and_measure_accuracy(questions, gold):
    pool, tables = questions[["id", "text"]], []
    for _ in range(3):
        asked = cal.ask(pool, tables or None, 20, test_share=0.5, **OPTIONS)
        frame = asked.to_frame()
        tables.append(frame.assign(label=[gold[id] for id in asked.ids]))
    test = frame["why"] == "test"
    assert test.sum() == 10
    assert set(frame["suggested"][test]) == {""}
    assert "" not in set(frame["suggested"][~test])
    assert "Accuracy" in str(asked)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"unlabelled": None}, ConfigError, "There are no documents. Give unlabelled=FILE"),
        ({"n": 0}, ConfigError, "n must be a whole number of at least 1"),
        ({"strategy": "marginn"}, ConfigError, "Did you mean 'margin'?"),
        ({"output": "ask.xlsx"}, StorageError, "Give .csv, .tsv, .jsonl or .parquet."),
        ({"unlabelled": "nowhere.csv"}, DataError, "no file nowhere.csv"),
        ({"unlabelled": ["How far?", "Who?"]}, DataError, "How far? is not a file"),
        ({"unlabelled": 3}, DataError, "the table of unlabelled documents is a int"),
        ({"text_column": "question"}, DataError, "Name the column: text_column='NAME'"),
        ({"text_column": None}, ConfigError, "text_column must be the name of a column"),
        ({"labelled": [3]}, ConfigError, "labelled must be files or data frames"),
    ],
)
def test_what_cannot_be_done_is_said(questions, options, error, words):
    given = {"unlabelled": questions[["id", "text"]], **OPTIONS, **options}
    with pytest.raises(error) as caught:
        cal.ask(given.pop("unlabelled"), given.pop("labelled", None), **given)
    assert words in str(caught.value)
