"""Extra test sets: where they come from, what their labels mean, and what is refused."""

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from cal.data import hub_connection
from cal.data.glue import Glue
from cal.data.hub import Hub
from cal.data.local_files import LocalFiles
from cal.errors import ConfigError, DataError, HubError

NLI = ["entailment", "neutral", "contradiction"]
TWO = {"neutral": "non-entailment", "contradiction": "non-entailment"}


@pytest.fixture
def main(write):
    """Settings of a corpus of pairs in a file."""
    rows = "".join(f"{i},premise {i},hypothesis {i},{NLI[i % 3]}\n" for i in range(12))
    path = write("main.csv", "id,premise,hypothesis,label\n" + rows)
    return {"path": path, "text_column": "premise", "second_column": "hypothesis", "label_names": NLI}


def read(main, **tests):
    return LocalFiles(**main, tests=tests).read()


def gold_names(test_set):
    return {i: test_set.label_names[gold] for i, gold in zip(test_set.split.ids, test_set.split.gold, strict=True)}


def test_labels_of_train_are_translated_to_those_of_the_set(main, write):
    path = write("hans.csv", "id,premise,hypothesis,label\n0,p,q,entailment\n1,p,r,non-entailment\n")
    hans = read(main, hans={"path": path, "labels": TWO}).tests["hans"]
    assert (hans.label_names, hans.label_of.tolist()) == (["entailment", "non-entailment"], [0, 1, 1])
    assert gold_names(hans) == {"hans-0": "entailment", "hans-1": "non-entailment"}


def test_gold_labels_may_be_positions_among_the_own_labels(main, write):
    path = write("hans.csv", "id,premise,hypothesis,label\n0,p,q,0\n1,p,r,1\n")
    assert gold_names(read(main, hans={"path": path, "labels": TWO}).tests["hans"]) == {
        "hans-0": "entailment",
        "hans-1": "non-entailment",
    }


def test_without_a_translation_labels_are_those_of_train_in_any_number(main, write):
    path = write("easy.csv", "id,premise,hypothesis,label\n0,p,q,contradiction\n")
    easy = read(main, easy={"path": path}).tests["easy"]
    assert (easy.label_names, easy.label_of.tolist(), easy.split.gold.tolist()) == (NLI, [0, 1, 2], [2])


def test_a_set_may_have_columns_of_its_own(main, write):
    path = write("other.tsv", "uid\ts1\ts2\tgold\n7\tp\tq\tneutral\n")
    own = {"text_column": "s1", "second_column": "s2", "label_column": "gold", "id_column": "uid"}
    corpus = read(main, other={"path": path, **own})
    assert corpus.tests["other"].split.sequences == [(("p", "q"),)]
    assert corpus.tests["other"].split.ids == ["other-7"]


def test_ids_may_be_those_of_train(main):
    corpus = read(main, again={"path": main["path"]})
    assert len(corpus.tests["again"].split) == 12


def test_several_sets_keep_their_order(main, write):
    paths = [write(f"{name}.csv", "premise,hypothesis,label\np,q,neutral\n") for name in "zab"]
    corpus = read(main, **{f"set {path[-5]}": {"path": path} for path in paths})
    assert list(corpus.tests) == ["set z", "set a", "set b"]


def test_a_set_of_the_hub_beside_local_files(main, monkeypatch):
    features = Features({"premise": Value("string"), "hypothesis": Value("string"), "label": ClassLabel(names=NLI)})
    rows = Dataset.from_dict({"premise": ["p", "p"], "hypothesis": ["q", "r"], "label": [2, -1]}, features)
    asked = []

    def load(*given):
        asked.append(given[:3])
        return DatasetDict({"validation": rows})

    monkeypatch.setattr(hub_connection, "load", load)
    settings = {"hub_id": "owner/nli", "config": "hard", "revision": "v1", "split": "validation", "unlabelled": "skip"}
    corpus = read(main, hard=settings)
    assert asked == [("owner/nli", "hard", "v1")]
    assert list(gold_names(corpus.tests["hard"]).values()) == ["contradiction"]


def test_without_the_hub_the_set_that_needs_it_is_named(main, monkeypatch):
    monkeypatch.setattr(hub_connection, "reachable", lambda: False)
    with pytest.raises(HubError, match=r"set dataset\.tests\.hard\.path, or leave the set out"):
        read(main, hard={"hub_id": "owner/not-there"})


def test_another_split_of_a_dataset_of_the_hub_is_an_extra_test_set(monkeypatch):
    rows = Dataset.from_dict({"text": ["one", "two"], "label": ["a", "b"], "idx": [0, 1]})
    loaded = DatasetDict({"train": rows, "matched": rows, "mismatched": rows})
    monkeypatch.setattr(hub_connection, "load", lambda *given: loaded)
    settings = {"test_split": "matched", "id_column": "idx", "tests": {"off": {"split": "mismatched"}}}
    corpus = Hub("owner/x", **settings).read()
    assert [sorted(split.ids) for split in corpus.splits().values()] == [
        ["0", "1"],
        ["test-0", "test-1"],
        ["off-0", "off-1"],
    ]


def test_a_file_without_columns_of_its_own_is_in_the_format_of_the_folder(tmp_path):
    lines = ["index\tquestion\tsentence\tlabel", "0\tq\ts\tentailment", "1\tq\tt\tnot_entailment"]
    for name in ("train", "dev", "hard"):
        (tmp_path / f"{name}.tsv").write_text("\n".join(lines))
    (tmp_path / "own.csv").write_text("text,then,label\nq,s,0\n")
    tests = {
        "hard": {"path": str(tmp_path / "hard.tsv")},
        "own": {"path": str(tmp_path / "own.csv"), "text_column": "text", "second_column": "then"},
    }
    corpus = Glue("qnli", str(tmp_path), tests=tests).read()
    assert sorted(corpus.tests["hard"].split.ids) == ["hard-0", "hard-1"]
    assert gold_names(corpus.tests["own"]).popitem()[1] == "entailment"


def test_a_task_says_how_a_file_beside_other_files_is_written(main, write):
    header = "index promptID pairID genre a b c d sentence1 sentence2 label1 gold_label".replace(" ", "\t")
    path = write("mnli.tsv", header + "\n" + "\t".join([*"0123abcd", "p", "q", "neutral", "neutral"]) + "\n")
    assert gold_names(read(main, mnli={"path": path, "task": "mnli"}).tests["mnli"]) == {"mnli-0": "neutral"}


@pytest.mark.parametrize(
    ("settings", "rows", "expected"),
    [
        ({"labels": {"neutrl": "other"}}, "p,q,neutral", r"tests\.x\.labels gives a label for 'neutrl'.*'neutral'"),
        ({"labels": TWO}, "p,q,neutral", r"x\.csv, row 1: unknown label 'neutral'.*Known: entailment, non-entailment"),
        ({"labels": TWO}, "p,q,2", "row 1: unknown label '2'"),
        ({}, "p,q,-", "row 1: column 'label' has no label"),
        ({}, "p,,neutral", "row 1: column 'hypothesis' is empty"),
        ({"second_column": None}, "p,q,neutral", "a document of train is a pair, one of x a text"),
    ],
)
def test_a_set_that_cannot_be_used_is_explained(main, write, settings, rows, expected):
    path = write("x.csv", f"premise,hypothesis,label\n{rows}\n")
    with pytest.raises(DataError, match=expected):
        read(main, x={"path": path, **settings})


PROBLEMS = {
    "taken": ({"dev": {"path": "a"}}, "tests.dev: an extra test set cannot have the name of a split"),
    "no settings": ({"x": "a.csv"}, "tests.x must be settings such as {path: FILE}, not 'a.csv'"),
    "unknown key": ({"x": {"pth": "a"}}, "'dataset.tests.x.pth'. Did you mean 'dataset.tests.x.path'"),
    "two places": ({"x": {"path": "a", "hub_id": "b"}}, "either dataset.tests.x.path"),
    "no labels": ({"x": {"path": "a", "labels": ["b"]}}, "tests.x.labels must be a mapping"),
    "no text": ({"x": {"path": 7}}, "tests.x.path must be text, not 7"),
    "no task": ({"x": {"path": "a", "task": "nli"}}, "Unknown dataset.tests.x.task 'nli'"),
    "columns": ({"x": {"path": "a", "unlabelled": "no"}}, "dataset.tests.x.unlabelled must be error or skip"),
}


@pytest.mark.parametrize("reader", [LocalFiles, Hub, Glue], ids=["files", "hub", "glue"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_settings_that_make_no_sense_are_refused_before_anything_is_read(problem, reader):
    tests, expected = PROBLEMS[problem]
    given = {LocalFiles: {"path": "a"}, Hub: {"hub_id": "o/x"}, Glue: {"task": "snli", "path": "a"}}[reader]
    with pytest.raises(ConfigError) as error:
        reader(**given, tests=tests)
    assert expected in str(error.value)


def test_all_faulty_settings_are_named_at_once():
    with pytest.raises(ConfigError) as error:
        LocalFiles(path="a", unlabelled="no", tests={"dev": {"path": "b"}, "x": {"pth": 7, "labels": []}})
    assert len(error.value.problems) == 5
