"""Corrections come back into the user's own file: only label cells change, and whatever does not fit is refused."""

import csv
import gzip
import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

import cal
from cal.cli import main
from cal.corrections.correction_gain import mean_interval
from cal.errors import CalError, ConfigError, DataError, StorageError
from cal.exchange.spreadsheet import to_spreadsheet

TEXTS = ["How far, is it?", "Who wrote?", "=Who sang?", "How old?", 'Who "is" he?', "Whose?"]
LABELS = ["NUM", "NUM", "HUM", "NUM", "HUM", "HUM"]
QUICK = {"learner": {"mlp": {"hidden": [8]}}, "n_epochs": 2, "features": {"lsa": {"n_components": 8}}, "workers": 1}


def listed(rows, **changes):
    """A list of suspects about rows of the file, from 1: {row: corrected}."""
    table = pd.DataFrame(
        {
            "row": [*rows],
            "id": "",
            "text": [TEXTS[row - 1] for row in rows],
            "label": [LABELS[row - 1] for row in rows],
            "likely": "HUM",
            "corrected": [*rows.values()],
        }
    )
    return table.assign(**changes)


def written(path, text=None, ids=None, labels=LABELS, separator=","):
    """The file of the texts, and its content."""
    out = io.StringIO(newline="")
    rows = csv.writer(out, delimiter=separator, lineterminator="\n")
    head = (["id"] if ids else []) + ["text", "label"]
    rows.writerow(head)
    for i, (each, label) in enumerate(zip(TEXTS, labels, strict=True)):
        rows.writerow(([ids[i]] if ids else []) + [each, label])
    path.write_text(out.getvalue() if text is None else text, newline="")
    return path.read_text()


@pytest.fixture
def mine(tmp_path):
    """The user's file."""
    written(tmp_path / "my.csv")
    return tmp_path / "my.csv"


def refused(call, kind=DataError):
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def test_only_the_label_cells_change(mine, tmp_path):
    before = mine.read_text()
    made = cal.correct(mine, listed({2: "HUM", 6: "NUM", 1: ""}), output=tmp_path / "clean.csv")
    expected = before.replace("Who wrote?,NUM", "Who wrote?,HUM").replace("Whose?,HUM", "Whose?,NUM")
    assert (tmp_path / "clean.csv").read_text() == expected
    assert mine.read_text() == before
    assert made.to_frame().values.tolist()[0][0] == 2
    assert made.pairs().values.tolist() == [[1, "HUM", "NUM"], [1, "NUM", "HUM"]]
    assert "my.csv: 2 of 6 labels are corrected. Left alone: 4 without a correction." in str(made)
    assert "Give test=FILE" in str(made)
    assert repr(made) == "Corrected 'my.csv': 2 of 6 labels"
    assert "<table" in made._repr_html_()


SAVED = {
    "as it was": lambda table: to_spreadsheet(table),
    "semicolons": lambda table: table.to_csv(index=False, sep=";").encode("utf-8-sig"),
    "unicode text": lambda table: table.to_csv(index=False, sep="\t").encode("utf-16"),
    "ANSI": lambda table: table.to_csv(index=False, sep=";").encode("cp1252"),
    "decimals for rows": lambda table: table.assign(row=table["row"].astype(float)).to_csv(index=False).encode(),
    "sorted, other headings": lambda table: to_spreadsheet(table[::-1].rename(columns=str.upper)),
    "few columns": lambda table: to_spreadsheet(table[["text", "row", "corrected"]]),
    "more columns": lambda table: to_spreadsheet(table.assign(note="é", row=table["row"].map("row {}".format))),
}


@pytest.mark.parametrize("saved", SAVED)
def test_a_list_is_read_as_a_spreadsheet_saves_it(saved, mine, tmp_path):
    file = tmp_path / "suspects.csv"
    file.write_bytes(SAVED[saved](listed({2: "HUM", 3: "NUM", 5: ""})))
    made = cal.correct(mine, tmp_path if saved == "as it was" else file)
    assert made.to_frame()[["row", "label", "corrected"]].values.tolist() == [[2, "NUM", "HUM"], [3, "HUM", "NUM"]]


def test_of_a_folder_both_tables_are_read(mine, tmp_path):
    folder = tmp_path / "suspects"
    assert "holds no suspects.csv" in refused(lambda: cal.correct(mine, tmp_path))
    folder.mkdir()
    (folder / "suspects.csv").write_bytes(to_spreadsheet(listed({2: "", 3: "NUM"})))
    (folder / "to_read.csv").write_bytes(to_spreadsheet(listed({2: "HUM"}, verdict="wrong")))
    assert cal.correct(mine, folder).to_frame()["row"].tolist() == [2, 3]
    (folder / "suspects.csv").write_bytes(to_spreadsheet(listed({2: "NUM"})))
    assert "row 2 is corrected twice, to 'NUM' and 'HUM'" in refused(lambda: cal.correct(mine, folder))
    for name in ("suspects.csv", "to_read.csv"):
        (folder / name).write_bytes(to_spreadsheet(listed({2: ""})))
    assert "Open its to_read.csv or suspects.csv in a spreadsheet" in refused(lambda: cal.correct(mine, folder))
    told = refused(lambda: cal.correct(mine, listed({2: ""}, verdict="wrong")))
    assert "Its verdicts alone do not say which label is right." in told


def test_documents_are_found_by_their_ids_where_the_file_has_some(mine, tmp_path):
    written(mine, ids=["007", "b", "c", "d", "e", "f"])
    by_id = listed({1: "HUM", 2: "HUM"}, row=["5", "6"], id=["7", "b"])  # sorted meanwhile; a spreadsheet drops zeros
    assert cal.correct(mine, by_id).to_frame()["row"].tolist() == [1, 2]
    assert cal.correct(mine, by_id.drop(columns=["row", "text"])).to_frame()["row"].tolist() == [1, 2]
    rounded = listed({1: "HUM"}, id=["1.23457E+17"])
    assert cal.correct(mine, rounded).to_frame()["row"].tolist() == [1]
    told = refused(lambda: cal.correct(mine, by_id.assign(id=["x", "y"])))
    assert "ids 'x' and 'y': the file has no such id. None of the corrections is about this file." in told


def test_a_row_is_that_of_the_same_text_or_of_the_id_made_of_it(mine):
    ids = cal.read_corpus(mine).train
    id_of = dict(zip(ids.texts, ids.ids, strict=True))
    other = listed({2: "HUM"}, text=["Who rote?"])
    assert "row 2: the text is 'Who rote?' in the list and 'Who wrote?' in the file" in refused(
        lambda: cal.correct(mine, other)
    )
    assert len(cal.correct(mine, other.assign(id=[id_of["Who wrote?"]]))) == 1
    assert len(cal.correct(mine, other.assign(id=[id_of["Who wrote?"]]).drop(columns=["row", "text"]))) == 1
    assert "nothing says that this is still the row" in refused(lambda: cal.correct(mine, other.drop(columns="text")))
    assert len(cal.correct(mine, listed({2: "HUM"}, text=[" Who  wrote? "]))) == 1


def test_a_second_run_changes_nothing_and_is_no_error(mine, tmp_path):
    corrections = listed({2: "HUM", 3: "HUM"})
    clean = tmp_path / "clean.csv"
    for _ in range(2):
        cal.correct(mine, corrections, output=clean)
    again = cal.correct(clean, corrections, output=tmp_path / "again.csv", test=clean)
    assert clean.read_bytes() == (tmp_path / "again.csv").read_bytes()
    assert "0 of 6 labels are corrected. Left alone: 1 that you confirmed, 1 that had been corrected already" in str(
        again
    )
    assert "Accuracy stays as it is." in str(again)


@pytest.mark.parametrize(
    ("corrections", "said"),
    [
        (listed({2: ""}), "has nothing in its column 'corrected'. Open suspects.csv in a spreadsheet, write"),
        (listed({2: "", 3: ""}, label="HUM"), "Its column label is not as it was in row 2: leave it, and write into"),
        (
            listed({2: "HUM"}).drop(columns="corrected"),
            "no column 'corrected'. Give suspects.csv of cal suspects.",
        ),
        (listed({2: "HUM"}).drop(columns=["row", "id"]), "neither a column 'row' nor 'id'"),
        (listed({2: "HUM"}, row=[17]), "row 17: the file has no such labelled document"),
        (listed({2: "HUMN"}), "row 2: corrected is 'HUMN', which is not a label of the file. Did you mean 'HUM'?"),
        (listed({2: "hum"}), "Did you mean 'HUM'? Labels: HUM, NUM. To add a label, set new_labels=true."),
        (listed({2: "n/a", 3: "-"}), "row 2: corrected is 'n/a', which data sets write for a missing label"),
        (listed({2: "HUM"}, label=["LOC"]), "row 2: the label is 'LOC' in the list and 'NUM' in the file"),
        (
            pd.concat([listed({2: "HUM"}), listed({2: "LOC"})]),
            "row 2 is corrected twice, to 'HUM' and 'LOC'. Keep one.",
        ),
        (pd.concat([listed({1: "LOC"}), listed({2: "HUM"}, row=[99])]), "\n- row 1: corrected is 'LOC'"),
        ({"row": [1], "corrected": ["HUM", "NUM"]}, "corrections is not a table"),
        (7, "corrections must be a file"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(corrections, said, mine, tmp_path, monkeypatch):
    monkeypatch.setattr("cal.corrections.correction_gain.train_all", lambda *_, **__: pytest.fail("trained"))
    told = refused(lambda: cal.correct(mine, corrections, output=tmp_path / "clean.csv", test=mine))
    assert said in told
    assert [*tmp_path.iterdir()] == [mine]


def test_a_list_before_the_file_is_noticed(mine, tmp_path):
    pd.DataFrame({"text": TEXTS, "label": LABELS, "corrected": ""}).to_csv(tmp_path / "suspects.csv", index=False)
    told = refused(lambda: cal.correct(tmp_path / "suspects.csv", mine))
    assert told.endswith("suspects.csv has; your own file comes first, then the corrections.")


def test_the_same_correction_twice_is_one(mine):
    assert len(cal.correct(mine, pd.concat([listed({2: "HUM"}), listed({2: ""}), listed({2: "HUM"})]))) == 1


def test_of_a_list_of_several_files_each_file_takes_its_own(mine):
    places = ["row 1 of my.csv", "row 2 of b.csv", "row 3 of my.csv"]
    given = listed({1: "HUM", 2: "HUM", 3: "NUM"}, place=places)
    assert cal.correct(mine, given).to_frame()["row"].tolist() == [1, 3]
    of_others = given.assign(place=[place.replace("my", "b") for place in places])
    assert "has no correction of a document of my.csv" in refused(lambda: cal.correct(mine, of_others))


def test_a_new_label_is_added_on_demand(mine):
    made = cal.correct(mine, listed({2: "ENTY"}), new_labels=True)
    assert b"Who wrote?,ENTY" in made.content


def test_where_the_file_goes_is_settled_first(mine, tmp_path):
    def correct(output):
        return lambda: cal.correct(mine, listed({2: "HUM"}), output=output)

    assert "is your own file" in refused(correct(mine), StorageError)
    assert "is a folder. Give a file, such as" in refused(correct(tmp_path), StorageError)
    assert "must end in .csv" in refused(correct(tmp_path / "clean.jsonl"), ConfigError)
    (tmp_path / "other.csv").write_text("mine")
    assert "holds something else" in refused(correct(tmp_path / "other.csv"), StorageError)
    assert (tmp_path / "other.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("labels", "corrected", "expected"),
    [
        ([1, 1, 2, 1, 2, 2], "2", 2),
        ([1.0, 1.0, 2.0, 1.0, 2.0, 2.0], "2", 2.0),
        ([True, True, False, True, False, False], "FALSE", False),
        ([["NUM"], ["NUM"], ["HUM"], ["NUM"], ["HUM"], ["HUM"]], "HUM", ["HUM"]),
    ],
)
@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "parquet"])
def test_labels_keep_their_kind(labels, corrected, expected, kind, tmp_path):
    path = tmp_path / f"my.{kind}"
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS, labels, strict=True)]
    if kind == "parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
    else:
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(content) if kind.endswith("gz") else content)
    given, told = cal.read_corpus(path), labels[1]
    told = told[0] if isinstance(told, list) else told
    clean = tmp_path / f"clean.{kind}"
    cal.correct(path, listed({2: corrected}, label=[str(told)]), output=clean)
    if kind == "parquet":
        after = parquet.read_table(clean).to_pylist()
    else:
        content = gzip.decompress(clean.read_bytes()) if kind.endswith("gz") else clean.read_bytes()
        after = [json.loads(line) for line in content.splitlines()]
    assert after == [{**row, "label": expected} if at == 1 else row for at, row in enumerate(rows)]
    assert type(after[1]["label"]) is type(expected)
    assert list(cal.read_corpus(clean).label_names) == list(given.label_names)


def test_labels_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "my.jsonl"
    path.write_text("".join(json.dumps({"text": text, "label": i % 2}) + "\n" for i, text in enumerate(TEXTS)))
    told = refused(lambda: cal.correct(path, listed({2: "HUM"}, label=["1"]), new_labels=True))
    assert "writes labels as int, such as" in told


def test_blanks_of_a_label_can_be_corrected(mine):
    written(mine, labels=["NUM", "NUM ", "HUM", "NUM", "HUM", "HUM"])
    made = cal.correct(mine, listed({2: "NUM"}, label=["NUM "]))
    assert b"Who wrote?,NUM\n" in made.content
    assert b"Who wrote?,HUM\n" in cal.correct(mine, listed({2: "HUM"}, label=["NUM "])).content


def test_numbers_that_are_positions_among_names_stay_numbers(tmp_path):
    path = tmp_path / "my.csv"
    written(path, labels=["0", "0", "1", "0", "1", "1"])
    data = {"files": {"path": str(path), "label_names": ["NUM", "HUM", "LOC"]}}
    made = cal.correct(data, listed({2: "HUM", 3: "LOC"}))
    assert b"Who wrote?,1" in made.content
    assert b"=Who sang?,2" in made.content


def test_pairs_choices_other_columns_and_merged_labels(tmp_path):
    path = tmp_path / "my.tsv"
    rows = "".join(f"Is it {i}?\tyes\tno\t{'yes' if i % 2 else 'no'}\n" for i in range(6))
    path.write_text(f"q\ta\tb\tanswer\n{rows}")
    settings = {"path": str(path), "text_column": "q", "label_column": "answer", "choice_columns": ["a", "b"]}
    text = "Is it 0? / yes / no"
    made = cal.correct({"files": settings}, {"row": [1], "text": [text], "label": [2], "corrected": [1]})
    assert made.content == path.read_bytes().replace(b"0?\tyes\tno\tno", b"0?\tyes\tno\tyes")
    written(tmp_path / "my.csv", labels=["NUM", "NUM", "HUM ", "NUM", "HUM", "HUM"])
    merged = {"files": {"path": str(tmp_path / "my.csv"), "labels": "merge"}}
    made = cal.correct(merged, listed({2: "HUM"}))
    assert made.content.count(b"HUM\n") == 3
    assert b"sang?,HUM \n" in made.content


def test_of_a_folder_the_train_file_is_corrected_and_the_test_file_measures(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("train.csv", "test.csv"):
        written(tmp_path / "in" / name)
    made = cal.correct(tmp_path / "in", listed({2: "HUM"}), seeds=2, **QUICK)
    assert made.source.name == "train.csv"
    assert made.gain.n_test == 6
    assert "of test.csv, mean (and range) of 2 trainings (learner=mlp features=lsa):" in str(made)


def test_rows_of_every_split_of_a_file_are_corrected(tmp_path):
    path = tmp_path / "my.csv"
    written(path)
    rows = [f"{line},train\n" for line in path.read_text().splitlines()[1:]]
    path.write_text("text,label,split\n" + "".join(rows) + "Who now?,NUM,test\nHow now?,NUM,test\n")
    given = {"row": [7, 2], "text": ["Who now?", "Who wrote?"], "label": "NUM", "corrected": ["HUM", "HUM"]}
    made = cal.correct(path, pd.DataFrame(given), seeds=2, **QUICK)
    assert made.to_frame()["row"].tolist() == [2, 7]
    assert "of the test split of my.csv" in str(made)
    assert "set dataset.split_column=null" in refused(lambda: cal.correct(path, pd.DataFrame(given), test=path))


def test_what_is_not_one_file_is_refused(mine, tmp_path):
    written(tmp_path / "b.csv")
    two = {"files": {"path": [str(mine), str(tmp_path / "b.csv")]}}
    assert "cal correct writes one file, and there are 2" in refused(lambda: cal.correct(two, listed({2: "HUM"})))
    for wrong in ("docstrings", None):
        told = refused(lambda wrong=wrong: cal.correct({wrong: {}} if wrong else 7, listed({2: "HUM"})), ConfigError)
        assert "file" in told
    assert "There are no corrections. Give your file" in refused(lambda: cal.correct(mine), ConfigError)
    assert "seeds must be at least two" in refused(lambda: cal.correct(mine, listed({2: "HUM"}), seeds=1), ConfigError)


@pytest.fixture(scope="module")
def noisy(corpus_file, tmp_path_factory):
    """A file with wrong labels, the list that corrects them, and clean test data."""
    folder = tmp_path_factory.mktemp("noisy")
    frame = pd.read_csv(corpus_file)
    test, train = frame[frame.index % 2 == 1], frame[frame.index % 2 == 0].reset_index(drop=True)
    wrong = train.index % 3 == 0
    given = train["label"].where(~wrong, train["label"].map({"number": "person", "person": "number"}))
    train.assign(label=given).to_csv(folder / "my.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    corrections = train.assign(label=given, corrected=train["label"].where(wrong, ""), row=train.index + 1)
    (folder / "suspects.csv").write_bytes(to_spreadsheet(corrections))
    return folder


WORDS = ["seeds=3", "learner=scikit", "features=lsa", "workers=1"]


def test_the_command_says_what_corrections_do_to_accuracy(noisy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(noisy)
    clean = tmp_path / "clean.csv"
    assert main(["correct", "my.csv", "suspects.csv", "test=test.csv", f"output={clean}", *WORDS]) == 0
    out = capsys.readouterr().out
    assert "my.csv: 14 of 40 labels are corrected. Left alone: 26 without a correction." in out
    assert "7  number -> person" in out
    assert "Accuracy on 40 documents of test.csv, mean (and range) of 3 trainings (learner=scikit " in out
    assert "the corrected labels make classifiers more accurate." in out
    assert out.endswith(f"Corrected file: {clean}\n")
    assert pd.read_csv(clean)["label"].value_counts().tolist() == [20, 20]


def test_without_an_output_nothing_is_written(noisy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["correct", f"{noisy}/my.csv", str(noisy)]) == 0
    out = capsys.readouterr().out
    assert out.endswith("Nothing is written yet. Give output=clean.csv to write it.\n")
    assert [*tmp_path.iterdir()] == []
    assert main(["correct", f"{noisy}/my.csv", str(noisy), f"{noisy}/test.csv"]) == 1
    assert f"'{noisy}/test.csv' has no key. Give test={noisy}/test.csv." in capsys.readouterr().err


def test_both_trainings_of_a_seed_differ_in_their_labels_alone(noisy):
    same = cal.correct(noisy / "my.csv", noisy / "suspects.csv", test=noisy / "test.csv", seeds=2, **QUICK)
    labels = pd.read_csv(noisy / "suspects.csv").head(1)
    swap = labels.assign(corrected=labels["label"].map({"number": "person", "person": "number"}))
    few = cal.correct(noisy / "my.csv", swap, test=noisy / "test.csv", seeds=2, **QUICK)
    assert few.gain.accuracies["before"].tolist() == same.gain.accuracies["before"].tolist()


def test_a_label_that_only_corrections_and_test_data_have_is_measured(noisy, tmp_path):
    test = pd.read_csv(noisy / "test.csv")
    test.loc[:3, "label"] = "new"
    test.to_csv(tmp_path / "test.csv", index=False)
    corrections = pd.read_csv(noisy / "suspects.csv").head(6).assign(corrected="new")
    made = cal.correct(noisy / "my.csv", corrections, new_labels=True, test=tmp_path / "test.csv", seeds=2, **QUICK)
    assert made.gain.n_test == len(test)


@pytest.mark.parametrize("name", ["a b.csv", "a,b.csv", "it's.csv", "(1).csv", "a\\b.csv", "null.csv"])
def test_names_of_files_need_no_quotes_of_hydra(name, tmp_path, capsys):
    written(tmp_path / name)
    (tmp_path / "suspects.csv").write_bytes(to_spreadsheet(listed({2: "HUM"})))
    assert main(["correct", str(tmp_path / name), str(tmp_path / "suspects.csv")]) == 0
    assert "1 of 6 labels is corrected" in capsys.readouterr().out


def test_a_label_may_be_copied_from_a_sentence(mine):
    for label in ("“HUM”", "\u2068HUM\u2069", "\u2068“HUM”\u2069"):
        assert cal.correct(mine, listed({2: label})).pairs().values.tolist() == [[1, "NUM", "HUM"]]


@pytest.mark.parametrize(
    ("labels", "cell", "meant"),
    [(["1e5", "2"], "1.00E+05", "1e5"), (["+1", "-1"], "1", "+1"), (["0.5", "2.50"], "2,5", "2.50")],
)
def test_numbers_are_labels_however_a_spreadsheet_writes_them(labels, cell, meant, tmp_path):
    other = next(label for label in labels if label != meant)
    written(tmp_path / "my.csv", labels=[other, meant, *labels, *labels])
    source = {"files": {"path": str(tmp_path / "my.csv"), "label_names": labels}}
    assert cal.correct(source, listed({1: cell}, label="")).pairs().values.tolist() == [[1, other, meant]]


def test_a_file_that_is_not_there_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["correct"]) == 1
    assert "cal correct my.csv suspects.csv output=clean.csv" in capsys.readouterr().err
    assert main(["correct", "my.csv", "suspects.csv"]) == 1
    assert "There is no file my.csv" in capsys.readouterr().err
    written(tmp_path / "my.csv")
    assert main(["correct", "my.csv", "suspects.csv"]) == 1
    assert "There is no file suspects.csv" in capsys.readouterr().err
    (tmp_path / "suspects.xlsx").write_bytes(b"PK\x03\x04")
    assert main(["correct", "my.csv", "suspects.xlsx"]) == 1
    assert "save the sheet as CSV UTF-8" in capsys.readouterr().err


def test_the_interval_holds_the_mean_of_what_was_drawn():
    """Seeds and documents with effects of their own, and noise; the true difference is .02."""
    generator, n_seeds, n_documents = np.random.default_rng(0), 5, 40
    held = 0
    for _ in range(400):
        seeds, documents = generator.normal(size=(n_seeds, 1)), generator.normal(size=(1, n_documents))
        noise = generator.normal(size=(n_seeds, n_documents))
        low, high = mean_interval(0.02 + 0.01 * seeds + 0.1 * documents + 0.1 * noise)
        held += low <= 0.02 <= high
    assert held >= 0.93 * 400


def test_an_interval_needs_two_test_documents(noisy, tmp_path):
    pd.read_csv(noisy / "test.csv").head(1).to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(CalError, match="has one document"):
        cal.correct(noisy / "my.csv", noisy / "suspects.csv", test=tmp_path / "test.csv", **QUICK)
