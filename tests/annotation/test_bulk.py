"""Bulk decisions: everything is checked first, the same table changes nothing twice, and undo takes all of it back."""

import gzip
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from cal.annotation import Project
from cal.annotation.decisions.decision_table import read_decisions
from cal.cli import main
from cal.errors import DataError
from cal.exchange.records import AnnotatedDocument, Answer

CORPUS = {
    "id": [f"q{n}" for n in range(8)] + ["007", "=1", " blank "],
    "text": [f"Who is number {n}?" for n in range(11)],
    "label": ["HUM", "LOC", "NUM", "HUM", "LOC", "NUM", "HUM", "LOC", "HUM", "HUM", "HUM"],
}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("bulk") / "template.db"
    with Project.create(path) as made:
        made.import_corpus(CORPUS)
    return path


@pytest.fixture
def project(template, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Project.open(shutil.copy(template, tmp_path / "reviews.db")) as opened:
        yield opened


def write(text, name="decisions.csv"):
    Path(name).write_text(text, encoding="utf-8")
    return name


def label(project, document):
    return next(each.label for each in project.documents() if each.id == document)


def test_a_table_is_one_decision_that_is_undone_as_a_whole(project):
    taken = project.decide_from(
        write("id,action,label,reviewer,comment\nq0,relabel,LOC,ann,hm\nq1,keep,,bob,\nq2,Exclude ,,,\n")
    )
    assert taken.counts == {"relabel": 1, "keep": 1, "exclude": 1}
    assert {each.reviewer for document in project.documents() for each in document.answers} == {
        "ann",
        "bob",
        "reviewer",
    }
    assert project.undo(event=taken.bulk) == 3
    assert project.counts()["undecided"] == 11
    assert project.check() == []


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.parquet", "frame", "columns"])
def test_a_table_in_any_form(project, name):
    columns = {"ID": ["q0", "007"], "Action ": ["relabel", "exclude"], "label": ["LOC", None]}
    frame = pd.DataFrame(columns)
    if name.endswith(("csv", "tsv")):
        frame.to_csv(name, index=False, sep="\t" if name == "a.tsv" else ",")
    elif name.endswith(("jsonl", "json")):
        frame.to_json(name, orient="records", lines=name == "a.jsonl")
    elif name == "a.parquet":
        frame.to_parquet(name)
    taken = project.decide_from({"frame": frame, "columns": columns}.get(name, name))
    assert taken.n_new == 2
    assert label(project, "q0") == "LOC"


def test_what_a_spreadsheet_does_to_cells_is_undone(project):
    project.decide_from(write("\ufeffid;action;comment\n'=1;keep;'=hm\n blank ;keep;\n"))
    answers = {each.id: each.answers for each in project.documents(states=["kept"])}
    assert set(answers) == {"=1", " blank "}
    assert answers["=1"][0].comment == "=hm"


def test_the_same_table_again_changes_nothing(project):
    table = write("id,action,label,comment\nq0,relabel,LOC,\nq0,comment,,odd\nq1,keep,,\nq1,keep,,\n")
    assert project.decide_from(table).n_new == 3
    n = len(project.events())
    again = project.decide_from(table)
    assert (again.n_new, again.n_known, again.bulk) == (0, 3, None)
    assert len(project.events()) == n


def test_an_edited_table_decides_what_was_edited(project):
    first = "id,action,label\nq0,relabel,LOC\nq1,keep,\n"
    second = "id,action,label\nq0,relabel,NUM\nq1,keep,\nq2,keep,\n"
    for text, n_new, expected in ((first, 2, "LOC"), (second, 2, "NUM"), (first, 1, "LOC"), (second, 1, "NUM")):
        assert project.decide_from(write(text)).n_new == n_new
        assert label(project, "q0") == expected
    assert project.check() == []


def test_a_table_that_was_undone_can_be_taken_up_again(project):
    table = write("id,action\nq0,exclude\n")
    for _ in range(3):
        taken = project.decide_from(table)
        assert (taken.n_new, project.counts()["excluded"]) == (1, 1)
        project.undo(event=taken.bulk)
        assert project.counts()["excluded"] == 0


def test_what_was_decided_elsewhere_since_stays(project):
    table = write("id,action,reviewer\nq0,exclude,ann\nq1,exclude,ann\n")
    project.decide_from(table)
    project.decide("q0", "keep", reviewer="ann")
    project.decide("q1", "keep", reviewer="bob")
    again = project.decide_from(write("id,action,reviewer\nq0,exclude,ann\nq1,exclude,ann\nq2,keep,ann\n"))
    assert (again.n_new, again.n_known, again.superseded) == (1, 1, ["q0"])
    assert "decided otherwise since" in str(again)
    assert project.counts()["disagreement"] == 1


def test_all_problems_are_told_with_their_rows_before_anything_is_decided(project):
    table = write(
        "id,action,label,reviewer,comment\nq0,relabel,LCO,,\nnope,keep,,,\n,keep,,,\nq1,,NUM,,\nq2,relabel,,,\n"
        "q3,delete,,,\nq4,keep,HUM,,\nq5,keep,,,\nq5,exclude,,,\nq6,comment,,,\nq7,undo,,,\nnope,keep,,,\n"
    )
    with pytest.raises(DataError) as caught:
        project.decide_from(table)
    told = str(caught.value)
    for each in (
        *("decisions.csv: nothing was decided. 10 problems", "1 id not in the project: 'nope' (row 3)"),
        *("Row 2: Unknown label 'LCO'. Did you mean 'LOC'?", "new_labels=true", "Row 4: the id is empty"),
        *("Row 5: the action is empty", "Row 6: relabel needs a label", "Row 7: Unknown action 'delete'"),
        *("Row 8: keep leaves the label as it is, 'LOC'", "Rows 9 and 10: 'reviewer' decides 'q5' in two ways"),
        *("Row 11: the comment is empty", "Row 12: undo is not an action"),
    ):
        assert each in told
    assert project.counts()["undecided"] == 11
    assert len(project.events().query("action == 'keep'")) == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ids,action\nq0,keep\n", "no column 'id'. Did you write 'ids' for 'id'"),
        ("id,acton\nq0,keep\n", "'acton' for 'action'"),
        ("id,action,lable\nq0,relabel,LOC\n", "column 'lable'. If it is the label"),
        ("id,action,action\nq0,keep,keep\n", "'action' twice"),
        ("id,Action,action\nq0,keep,keep\n", "two columns 'action'"),
        ("id,action\n", "no decisions"),
        ("", "no columns 'id' and 'action'"),
    ],
)
def test_columns_are_checked(project, text, told):
    with pytest.raises(DataError, match=r"(?s)" + told.replace(".", r"\.")):
        project.decide_from(write(text))


def test_new_labels_are_added_on_demand(project):
    table = write("id,action,label\nq0,relabel,NEW\n")
    with pytest.raises(DataError, match="Unknown label 'NEW'"):
        project.decide_from(table)
    project.decide_from(table, new_labels=True)
    assert project.label_names[-1] == "NEW"
    assert label(project, "q0") == "NEW"


def test_labels_by_names_that_they_had_before(project):
    project.rename_label("LOC", "place")
    project.merge_labels("NUM", "place")
    assert project.decide_from({"id": ["q0", "q3"], "action": ["relabel"] * 2, "label": ["LOC", "NUM"]}).n_new == 2
    assert label(project, "q0") == label(project, "q3") == "place"


def test_a_list_of_suspects_with_corrected_labels(project):
    columns = "row,id,label,corrected,verdict,likely\n"
    table = columns + "1,q0,HUM,NUM,,NUM\n2,q1,LOC,,,x\n3,q2,NUM,NUM,,x\n4,q3,HUM,,right,x\n5,q4,LOC,,unsure,x\n"
    taken = project.decide_from(write(table, "suspects.csv"))
    assert taken.counts == {"relabel": 1, "keep": 2, "skip": 1}
    with pytest.raises(DataError, match="row 2: the verdict does not say which label is right"):
        project.decide_from(write(columns + "1,q0,HUM,,wrong,NUM\n", "suspects.csv"))


def test_an_export_that_somebody_edited_in_a_spreadsheet(project):
    project.decide("q0", "keep", reviewer="ann", comment="=sum")
    [path] = project.export(output="out.csv").files
    assert project.decide_from(path).n_new == 0
    sheet = pd.read_csv(path, dtype=str, keep_default_na=False)
    sheet = sheet.set_index("id", drop=False)
    sheet.loc["q2", ["action", "label", "reviewer"]] = ["relabel", "LOC", " zoe "]
    sheet.to_csv(path, index=False)
    assert project.decide_from(path).counts == {"relabel": 1}
    assert (project.decide_from(path).n_new, label(project, "q2")) == (0, "LOC")
    sheet.loc["q3", "label"] = "NUM"
    sheet.loc["q4", "action"] = "kep"
    sheet.loc["q5", ["action", "label"]] = ["keep", "HUM"]
    sheet.to_csv(path, index=False)
    with pytest.raises(DataError) as caught:
        project.decide_from(path)
    assert "another label, but no new action: 'q3'" in str(caught.value)
    assert "'kep'" in str(caught.value)
    assert "'keep' leaves the label as it is, but the column label says 'HUM'" in str(caught.value)


def test_what_an_edited_export_says_last_counts(project):
    [path] = project.export(output="out.csv").files
    sheet = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("id", drop=False)

    def decide(label):
        sheet.loc["q0", ["action", "label", "reviewer"]] = ["relabel", label, "zoe"]
        sheet.to_csv(path, index=False)
        return project.decide_from(path)

    for new in ("LOC", "NUM", "LOC"):
        taken = decide(new)
        assert (taken.n_new, label(project, "q0"), decide(new).n_new) == (1, new, 0)
    project.undo(event=taken.bulk)
    assert label(project, "q0") == "NUM"
    assert (decide("LOC").n_new, label(project, "q0")) == (1, "LOC")
    project.decide("q0", "keep", reviewer="zoe")
    assert decide("LOC").superseded == ["q0"]
    assert project.check() == []


def test_numbers_that_a_spreadsheet_makes_of_ids(project):
    project.import_documents([AnnotatedDocument("8", "eight", "HUM")])
    assert project.decide_from({"id": ["8.0"], "action": ["keep"]}).n_new == 1
    with pytest.raises(DataError, match=r"'7' .* zeros off ids such as 007"):
        project.decide_from({"id": ["7"], "action": ["keep"]})


def test_a_table_that_excel_saved_as_plain_csv(project):
    content = "id;action;label;reviewer;Größe\r\n007;Keep;;Zoë;1,5\r\n;;;;\r\n"
    Path("decisions.csv").write_bytes(content.encode("cp1252"))
    project.decide_from("decisions.csv")
    assert [each.reviewer for document in project.documents() for each in document.answers] == ["Zoë"]


def test_an_export_that_was_undone_as_a_whole_can_be_taken_up_again(project):
    rows = [{"text": "?", "cal_id": f"q{n}", "label": ["NUM"], "Comments": []} for n in range(3)]
    Path("ann.jsonl").write_text("\n".join(map(json.dumps, rows)))
    taken = project.decide_from("ann.jsonl")
    project.undo(event=taken.bulk)
    assert project.decide_from("ann.jsonl").n_new == 3


def test_an_answer_of_an_export_that_was_undone_by_itself_stays_undone(project):
    row = {"text": "Who is number 0?", "cal_id": "q0", "label": ["NUM"], "Comments": []}
    Path("ann.jsonl").write_text(json.dumps(row))
    project.import_corpus("ann.jsonl")
    project.undo(reviewer="ann")
    again = project.decide_from("ann.jsonl")
    assert (again.n_new, again.n_known, again.notes) == (0, 1, ["1 of them was undone since; that stands."])


@pytest.mark.parametrize("name", ["label_studio", "argilla", "doccano", "prodigy", "jsonl", "parquet"])
def test_answers_of_other_projects_come_once(project, template, tmp_path, name):
    with Project.open(shutil.copy(template, tmp_path / "other.db")) as other:
        other.decide("q0", "relabel", "LOC", reviewer="ann", comment="hm", seconds=2.5)
        other.decide("q0", "keep", reviewer="bob")
        path = other.export(name).files[0]
        there = {each.id: each.answers for each in other.documents(states=["disagreement"])}
    taken = project.decide_from(path)
    assert (taken.n_new, project.decide_from(path).n_new) == (2, 0)
    assert {each.id: each.answers for each in project.documents(states=["disagreement"])} == there
    assert set(project.events().query("reviewer == 'ann'")["source"]) == {path.name}
    project.undo(event=taken.bulk)
    assert project.counts()["undecided"] == 11


def test_answers_about_unknown_documents_are_refused(project):
    answer = Answer("8c2f6a52-7d0e-4d7a-9a5e-0d5f3c1b2a10", "ann", "relabel", "ODD")
    strangers = [AnnotatedDocument(f"z{n}", "?", answers=(answer,)) for n in range(3)]
    with Project.create("strange.db") as strange:
        strange.import_documents(strangers[:1])
        strange.export(output="strange.jsonl")
    with pytest.raises(DataError) as caught:
        project.decide_from("strange.jsonl")
    assert "1 id not in the project: 'z0'" in str(caught.value)
    assert "Unknown label 'ODD'" in str(caught.value)


def test_the_command_says_how_to_undo_and_that_works(project, capsys):
    write("id,action\nq0,keep\nq1,exclude\n")
    assert main(["annotate", "decide", "reviews.db", "--from", "decisions.csv", "reviewer=ann"]) == 0
    told = capsys.readouterr().out
    assert "2 new decisions (1 keep, 1 exclude)" in told
    undo = told.splitlines()[-2].split()[-1]
    assert main(["annotate", "decide", "reviews.db", undo]) == 0
    assert project.counts()["undecided"] == 11
    assert main(["annotate", "decide", "reviews.db", "--from", "decisions.csv", "undo=last"]) == 1
    assert main(["annotate", "decide", "reviews.db"]) == 1
    assert "--from decisions.csv" in capsys.readouterr().err


def test_the_same_on_postgresql(postgresql, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Project.create(postgresql) as project:
        project.import_corpus(CORPUS)
        table = write("id,action,label\nq0,relabel,LOC\nq1,keep,\n")
        taken = project.decide_from(table)
        assert (taken.n_new, project.decide_from(table).n_new) == (2, 0)
        assert project.undo(event=taken.bulk) == 2
        assert project.decide_from(table).n_new == 2
        assert project.check() == []


def test_a_compressed_table_is_read_by_what_it_holds(tmp_path):
    line = b'{"id": "q-1", "action": "keep"}\n'
    (tmp_path / "done.jsonl.gz").write_bytes(gzip.compress(line))
    (tmp_path / "done.csv.gz").write_bytes(gzip.compress(b"id,action\nq-1,keep\n"))
    assert [read_decisions(path).rows[0].action for path in sorted(tmp_path.iterdir())] == ["keep", "keep"]
