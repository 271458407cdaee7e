"""Files that labelling tools wrote, and what they mean, written down by hand.

Those in `exports/` are of Label Studio 1.23.2, the client of Argilla 2.8.0 and doccano 1.8.4, about made-up questions.
"""

import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from cal.errors import DataError, UnknownNameError
from cal.exchange.arrow import from_dataset, to_dataset
from cal.exchange.cleanlab import from_cleanlab, to_cleanlab
from cal.exchange.formats import FORMATS, find_format, read_annotated, write_annotated
from cal.exchange.records import AnnotatedDocument, Answer, LabelSet, Suggested

EXPORTS = Path(__file__).parent / "exports"
SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
ANN, BOB = "3f0c1d52-6a8e-4d57-9a0b-0f4b1c2d3e01", "3f0c1d52-6a8e-4d57-9a0b-0f4b1c2d3e02"
GUERNICA = 'Who painted "Guernica"?'
LABELS = LabelSet(("HUM", "LOC"))


def read(path, name=None):
    reading = read_annotated(path, name)
    return reading.all(), [(loss.document, loss.field) for loss in reading.losses]


def said(document):
    """The answers of a document as short as can be."""
    return [(each.reviewer, each.action, each.label, each.comment, each.seconds) for each in document.answers]


def lines(path, *objects):
    path.write_text("\n".join(map(json.dumps, objects)), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["label_studio.json", "label_studio_snapshot.json"])
def test_tasks_of_label_studio(name):
    documents, losses = read(EXPORTS / name)
    assert [each.id for each in documents] == ["t-1", "t-2", "t-3", "t-4", "t-5"]
    assert [each.given for each in documents] == ["LOC", "LOC", "HUM", "HUM", "HUM"]
    assert [(each.label, each.state) for each in documents] == [
        *(("HUM", "relabelled"), ("LOC", "kept"), ("HUM", "disagreement"), ("HUM", "skipped"), ("HUM", "undecided")),
    ]
    assert [said(each) for each in documents] == [
        [("1", "relabel", "HUM", "", 2.5)],
        [("1", "keep", None, "", 1.25)],
        [("1", "keep", None, "", None), ("1", "relabel", "LOC", "", None)],
        [("1", "skip", None, "", None)],
        [],
    ]
    first = documents[0]
    assert (first.text, dict(first.columns)) == (GUERNICA, {"row": 1})
    assert first.suggestions == (Suggested("HUM", 0.75, "run-1"),)  # from the annotation: predictions are numbers
    assert first.answers[0].seen == first.suggestions[0]
    exported = json.loads((EXPORTS / name).read_bytes())[0]["annotations"][0]
    assert first.answers[0].time == datetime.fromisoformat(exported["created_at"])
    assert losses == [("t-3", "annotation")]  # two of one annotator
    assert read(EXPORTS / name)[0] == documents


@pytest.mark.parametrize("name", ["label_studio_min.json", "label_studio.csv"])
def test_annotations_of_label_studio_by_row(name):
    documents, losses = read(EXPORTS / name)
    assert [each.id for each in documents] == ["t-1", "t-2", "t-3", "t-5"]  # skipped ones are left out
    assert [each.state for each in documents] == ["relabelled", "kept", "disagreement", "undecided"]
    assert said(documents[1]) == [("1", "keep", None, "", 1.25)]
    assert {(each.action, each.label) for each in documents[2].answers} == {("keep", None), ("relabel", "LOC")}
    assert documents[0].answers[0].time.date().isoformat() == "2026-11-29"
    assert losses == [("t-3", "annotation")]


def test_all_exports_of_label_studio_give_an_answer_the_same_id_and_time():
    names = ("label_studio_min.json", "label_studio.csv", "label_studio.json", "label_studio_snapshot.json")
    every = [
        {
            (answer.id, answer.time, answer.action, answer.label)
            for document in read(EXPORTS / name)[0]
            for answer in document.answers
            if answer.action != "skip"  # which rows leave out
        }
        for name in names
    ]
    assert every == every[:1] * 4


def task(**about):
    return {"id": 7, "data": {"text": "Who?", "cal_id": "q", "given": "HUM"}, "predictions": [], **about}


def choice(*labels):
    return [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": list(labels)}}]


WRITTEN = {"from_name": "why", "type": "textarea", "value": {"text": ["odd"]}}
STARS = {"from_name": "stars", "type": "rating", "value": {"rating": 4}}
SPAN = {"from_name": "words", "type": "labels", "value": {"start": 0, "end": 3, "text": "Who", "labels": ["PER"]}}


@pytest.mark.parametrize(
    ("item", "answers", "losses"),
    [
        (task(completions=[{"id": 3, "result": choice("LOC")}]), [("", "relabel", "LOC", "", None)], []),
        (task(completions=[{"id": 3, "result": [], "skipped": True}]), [("", "skip", None, "", None)], []),
        (
            {"id": 3, "result": choice("HUM"), "completed_by": {"id": 2, "email": "ann@example.org"}, "task": task()},
            [("ann@example.org", "keep", None, "", None)],
            [],
        ),
        (task(annotations=[{"id": 3, "result": choice("HUM", "LOC")}]), [], [("q", "label")]),
        (task(annotations=[{"id": 3, "result": []}]), [], [("q", "label")]),
        (task(annotations=[], drafts=[{"result": choice("LOC")}]), [], [("q", "draft")]),
        (task(annotations=[], predictions=[286]), [], [("q", "suggestion")]),
        (
            task(annotations=[{"id": 3, "result": choice("HUM"), "created_at": "yesterday", "ground_truth": True}]),
            [("", "keep", None, "", None)],
            [("q", "ground_truth"), ("q", "created_at")],
        ),
        (
            task(annotations=[{"id": 3, "result": [*choice("LOC"), {**choice("hard")[0], "from_name": "difficulty"}]}]),
            [("", "relabel", "LOC", "", None)],
            [("q", "difficulty")],
        ),
        (
            task(
                annotations=[{"id": 3, "result": [*choice("HUM", "LOC"), WRITTEN, STARS, SPAN]}],
                meta={"run": 1},
                comment_count=2,
            ),
            [("", "comment", None, "odd", None)],
            [("q", "meta"), ("q", "comment_count"), ("q", "stars"), ("q", "words"), ("q", "label")],
        ),
        (
            task(annotations=[{"id": 3, "result": choice(["HUM", "who"])}]),
            [("", "relabel", "HUM / who", "", None)],
            [],
        ),
    ],
)
def test_variants_of_tasks(tmp_path, item, answers, losses):
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([item]))
    [document], found = read(path)
    assert find_format(path) == "label_studio"
    assert (document.id, said(document), found) == ("q", answers, losses)


def test_a_folder_of_a_target_storage_holds_a_file_per_annotation(tmp_path):
    for number, label in ((3, "HUM"), (11, "LOC")):
        item = {"id": number, "result": choice(label), "completed_by": {"email": f"{number}@x.org"}, "task": task()}
        (tmp_path / str(number)).write_text(json.dumps(item))
    assert find_format(tmp_path) == "label_studio"
    [document], losses = read(tmp_path)
    assert sorted(said(document)) == [
        ("11@x.org", "relabel", "LOC", "", None),
        ("3@x.org", "keep", None, "", None),
    ]
    assert losses == []


def test_records_of_argilla_without_the_status_of_responses_hold_no_answers():
    documents, losses = read(EXPORTS / "argilla.json")
    assert [(each.id, each.given, each.state) for each in documents] == [
        *(("t-1", "LOC", "undecided"), ("t-2", "LOC", "undecided"), ("t-3", "HUM", "undecided")),
        ("t-4", "HUM", "undecided"),
    ]
    assert documents[0].suggestions == (Suggested("HUM", 0.75, "run-1"),)
    assert dict(documents[0].columns) == {"row": 1}
    assert losses == [(name, "response") for name in ("t-1", "t-1", "t-2", "t-3", "t-3", "t-4")]


def test_responses_of_a_completed_record_of_argilla_are_submitted(tmp_path):
    records = json.loads((EXPORTS / "argilla.json").read_bytes())[:2]
    path = tmp_path / "records.json"
    path.write_text(json.dumps([each | {"status": "completed"} for each in records]))
    documents, losses = read(path)
    assert said(documents[0]) == [(ANN, "relabel", "HUM", "", None), (BOB, "keep", None, "", None)]
    assert losses == []


def test_flat_records_of_argilla_tell_who_submitted():
    documents, losses = read(EXPORTS / "argilla_flat.json")
    assert [said(each) for each in documents] == [
        [(ANN, "relabel", "HUM", "", None), (BOB, "keep", None, "", None)],
        [(ANN, "keep", None, "easy", None)],
        [(ANN, "ambiguous", None, "", None)],
        [(BOB, "skip", None, "", None)],
    ]
    assert [each.state for each in documents] == ["disagreement", "kept", "ambiguous", "skipped"]
    assert losses == [("t-3", "response")]  # a draft


def test_what_else_a_record_of_argilla_holds_is_reported(tmp_path):
    [record] = json.loads((EXPORTS / "argilla.json").read_bytes())[1:2]
    stars = [{"value": 3, "user_id": ANN, "status": "submitted"}]
    record |= {"status": "completed", "vectors": {"v": [0.5]}, "responses": record["responses"] | {"stars": stars}}
    path = tmp_path / "records.json"
    path.write_text(json.dumps([record]))
    [document], losses = read(path)
    assert said(document) == [(ANN, "keep", None, "easy", None)]
    assert losses == [("t-2", "vectors"), ("t-2", "stars")]


def test_comments_of_doccano_have_one_id_in_all_its_files(tmp_path):
    row = {"text": "Who?", "cal_id": "q", "label": ["HUM"], "Comments": ["a", "b"]}
    [first] = read(lines(tmp_path / "all.jsonl", row))[0]
    (tmp_path / "all.csv").write_text("text,cal_id,label,Comments\nWho?,q,HUM,a#b\n")
    [second] = read(tmp_path / "all.csv")[0]
    assert first.answers[0].id == second.answers[0].id


def test_spans_of_doccano_are_no_labels_of_a_text_and_comments_beside_two_labels_stay(tmp_path):
    row = {"text": "Who?", "cal_id": "q", "Comments": ["hm"]}
    for label in ([[0, 3, "PER"]], ["HUM", "LOC"]):
        [document], losses = read(lines(tmp_path / "all.jsonl", row | {"label": label}))
        assert said(document) == [("", "comment", None, "hm", None)]
        assert losses == [("q", "label")]


@pytest.mark.parametrize("name", ["all.jsonl", "all.csv"])
def test_exports_of_doccano(name):
    documents, losses = read(EXPORTS / "doccano" / name)
    assert [(each.id, each.given, each.label) for each in documents] == [
        *(("t-1", "LOC", "HUM"), ("t-2", "LOC", "LOC"), ("t-3", "HUM", "HUM"), ("t-4", "HUM", "HUM")),
    ]
    assert [said(each) for each in documents] == [
        *([("", "relabel", "HUM", "sure?", None)], [("", "keep", None, "", None)], [], []),
    ]
    assert losses == [("t-3", "label")]  # two labels


def test_files_of_doccano_are_named_for_their_users(tmp_path):
    archive, folder = tmp_path / "export.zip", tmp_path / "export"
    folder.mkdir()
    row = {"id": 1, "text": "Who?", "cal_id": "q", "given": "LOC", "Comments": []}
    with zipfile.ZipFile(archive, "w") as file:
        for user, label in (("ann", ["HUM"]), ("bob", ["LOC"]), ("eve", [])):
            content = json.dumps(row | {"label": label})
            file.writestr(f"{user}.jsonl", content)
            (folder / f"{user}.jsonl").write_text(content)
    for path in (archive, folder):
        assert find_format(path) == "doccano"
        [document], losses = read(path)
        assert said(document) == [("ann", "relabel", "HUM", "", None), ("bob", "keep", None, "", None)]
        assert (document.state, losses) == ("disagreement", [])


def test_a_label_with_a_number_sign_is_one_label_if_it_is_known(tmp_path):
    path = tmp_path / "all.csv"
    path.write_text('id,text,cal_id,given,label,Comments\n1,Who?,q,C#D,C#D,\n2,Where?,r,C#D,"C#D#E",\n')
    documents, losses = read(path)
    assert [said(each) for each in documents] == [[("", "keep", None, "", None)], []]
    assert losses == [("r", "label")]


def test_every_line_for_doccano_has_the_same_keys(tmp_path):
    made = [replace(each, columns={"a": 1} if n % 2 else {"b": "x"}) for n, each in enumerate(reviewed())]
    made[0] = replace(made[0], given=None)
    path = tmp_path / "export.jsonl"
    write_annotated(made, LABELS, path, "doccano")
    assert len({tuple(sorted(json.loads(line))) for line in path.read_text().splitlines()}) == 1
    assert read(path) == (made, [])


BINARY = {"text": "Who?", "label": "HUM", "meta": {"cal_id": "q", "score": 0.9}, "_view_id": "classification"}
CHOICE = {"text": "Who?", "options": [{"id": "HUM", "text": "HUM"}, {"id": "LOC", "text": "LOC"}], "cal_id": "q"}


@pytest.mark.parametrize(
    ("row", "answers", "losses"),
    [
        (BINARY | {"answer": "accept", "_annotator_id": "ann"}, [("ann", "relabel", "HUM", "", None)], []),
        (BINARY | {"answer": "accept", "given": "HUM"}, [("", "keep", None, "", None)], []),
        (BINARY | {"answer": "reject"}, [], [("q", "answer")]),
        (BINARY | {"answer": "ignore", "_session_id": "set-bob"}, [("set-bob", "skip", None, "", None)], []),
        (CHOICE | {"answer": "accept", "accept": ["LOC"]}, [("", "relabel", "LOC", "", None)], []),
        (CHOICE | {"answer": "reject", "accept": ["LOC"]}, [], [("q", "answer")]),
        (CHOICE | {"answer": "ignore", "accept": ["LOC"]}, [("", "skip", None, "", None)], []),
        (CHOICE | {"answer": "accept", "accept": ["HUM", "LOC"]}, [], [("q", "label")]),
        (CHOICE | {"answer": "accept", "accept": []}, [], [("q", "label")]),
        (CHOICE | {"accept": ["LOC"]}, [], []),  # chosen beforehand, not answered
    ],
)
def test_rows_of_prodigy(tmp_path, row, answers, losses):
    path = lines(tmp_path / "set.jsonl", row)
    [document], found = read(path)
    assert find_format(path) == "prodigy"
    assert (document.id, said(document), found) == ("q", answers, losses)


def test_rows_of_prodigy_about_one_document_are_answers_of_several_annotators(tmp_path):
    rows = [
        CHOICE | {"answer": "accept", "accept": [label], "_annotator_id": name, "_timestamp": 1764360584}
        for name, label in (("ann", "HUM"), ("bob", "LOC"))
    ]
    [document], _ = read(lines(tmp_path / "set.jsonl", *rows))
    assert [each.reviewer for each in document.answers] == ["ann", "bob"]
    assert document.answers[0].time == datetime(2025, 11, 28, 20, 9, 44, tzinfo=UTC)
    assert document.state == "disagreement"


def test_the_data_frame_of_cleanlab(tmp_path):
    frame = pd.DataFrame(
        {
            "is_label_issue": [True, False],
            "label_quality": [0.25, 0.75],
            "given_label": ["LOC", "HUM"],
            "predicted_label": ["HUM", "HUM"],
        }
    )
    path = tmp_path / "issues.csv"
    frame.to_csv(path)
    for reading in (from_cleanlab(frame), read_annotated(path)):
        documents = reading.all()
        assert [(each.id, each.given) for each in documents] == [("0", "LOC"), ("1", "HUM")]
        assert documents[0].suggestions == (Suggested("HUM", 0.75, "cleanlab"),)
        assert [loss.field for loss in reading.losses] == ["text", "text"]
    assert find_format(path) == "cleanlab"


def reviewed():
    """Documents with an answer of each kind."""
    now = datetime(2026, 11, 29, 7, 30, tzinfo=UTC)
    ids = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(6)]
    answers = [
        Answer(ids[0], ANN, "keep", None, "yes", 1.5, now),
        Answer(ids[1], "ann", "relabel", "HUM", "", 2.0, now),
        Answer(ids[2], BOB, "ambiguous", None, "either", None, now),
        Answer(ids[3], "bob", "exclude", None, "", 0.5, now),
        Answer(ids[4], "bob", "skip", None, "", 0.25, now),
        Answer(ids[5], "bob", "comment", None, "which one?", None, now),
    ]
    states = ("kept", "relabelled", "ambiguous", "excluded", "skipped", "undecided")
    return [
        AnnotatedDocument(f"d-{n}", f"Question {n}?", "LOC", "HUM" if n == 1 else "LOC", state, answers=(answer,))
        for n, (answer, state) in enumerate(zip(answers, states, strict=True))
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_what_we_write_is_recognised_and_reads_back(tmp_path, name):
    made = reviewed()
    path = tmp_path / f"export{FORMATS[name].ending}"
    write_annotated(iter(made), LABELS, path, name)
    assert find_format(path) == name.removesuffix("_binary")
    assert read(path) == (made, [])


@pytest.mark.parametrize("name", FORMATS)
def test_a_text_of_megabytes_reads_back(tmp_path, name):
    made = [replace(each, text=each.text + "=x, é\r\n" * 200_000) for each in reviewed()[:2]]
    path = tmp_path / f"export{FORMATS[name].ending}"
    written = write_annotated(made, LABELS, path, name)
    assert read(path) == (made, [])
    assert any("Excel cuts" in note for note in written.notes) == (name in ("csv", "tsv"))


def test_a_dataset_and_a_data_frame_in_memory_read_back():
    assert from_dataset(to_dataset(reviewed())).all() == reviewed()
    assert from_cleanlab(to_cleanlab(reviewed())).all() == reviewed()


def edited(path, edit):
    """Our export after a tool changed one item."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        items = json.loads(text)
        edit(items[0])
        path.write_text(json.dumps(items))
    else:
        first, *others = text.splitlines()
        item = json.loads(first)
        edit(item)
        path.write_text("\n".join([json.dumps(item), *others]))
    return path


def annotated(item):
    item["annotations"].append({"id": 99, "completed_by": 4, "result": choice("HUM"), "unique_id": "u"})


def responded(item):
    item["responses"]["label"].append({"value": "HUM", "user_id": BOB, "status": "submitted"})


EDITS = {
    "label_studio": (annotated, ("4", "relabel", "HUM", "", None)),
    "argilla": (responded, (BOB, "relabel", "HUM", "", None)),
    "doccano": (lambda item: item.update(label=["HUM"], Comments=[]), ("export", "relabel", "HUM", "", None)),
    "prodigy": (
        lambda item: item.update(accept=["HUM"], _annotator_id="eve", _timestamp=1764360584),
        ("eve", "relabel", "HUM", "", None),
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_new_answer_in_a_tool_comes_beside_the_old_ones(tmp_path, name):
    edit, expected = EDITS[name]
    path = tmp_path / f"export{FORMATS[name].ending}"
    made = reviewed()
    write_annotated(made, LABELS, path, name)
    edited(path, edit)
    [first, *others], losses = read(path)
    assert others == made[1:]
    assert first.answers[0] == made[0].answers[0]
    assert said(first)[1:] == [expected]
    assert first.state == "disagreement"
    assert replace(first, answers=made[0].answers, state="kept") == made[0]
    assert losses == []
    assert read(path)[0][0] == first  # under the same id


def test_an_action_that_somebody_writes_into_a_sheet_is_an_answer(tmp_path):
    path = tmp_path / "sheet.csv"
    made = reviewed()
    write_annotated(made, LABELS, path, "csv")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[0, ["action", "label", "reviewer"]] = ["Relabel", "HUM", "eve"]
    table.loc[1, "action"] = "delete"
    table.loc[2, "comment"] = "=neither"
    table.to_csv(path, index=False, sep=";")  # as spreadsheets of other countries save it
    documents, losses = read(path)
    assert said(documents[0])[1:] == [("eve", "relabel", "HUM", "yes", None)]
    assert documents[1] == made[1]
    assert said(documents[2])[1:] == [(BOB, "ambiguous", None, "=neither", None)]
    assert documents[3:] == made[3:]
    assert losses == [("d-1", "action")]


def test_a_sheet_that_excel_saved_as_plain_csv(tmp_path):
    path = tmp_path / "sheet.csv"
    made = [replace(each, text=f"Café {n}?") for n, each in enumerate(reviewed())]
    write_annotated(made, LABELS, path, "csv")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.to_csv(path, index=False, sep=";", encoding="cp1252", lineterminator="\r\n")
    assert find_format(path) == "csv"
    assert read(path) == (made, [])


def test_a_sheet_runs_no_formula_and_programs_get_texts_as_they_are(tmp_path):
    text = "=HYPERLINK(A1)"
    made = [AnnotatedDocument("+1", text, "@LOC", "-HUM", columns={"=name": "\tx"})]
    for name, marks in (("csv", "\"'=HYPERLINK"), ("tsv", "\"'=HYPERLINK"), ("jsonl", '"=HYPERLINK')):
        path = tmp_path / f"export.{name}"
        write_annotated(made, LABELS, path, name)
        content = path.read_text(encoding="utf-8-sig")
        assert marks in content
        if name != "jsonl":
            cells = [cell.strip('"') for cell in content.replace("\n", "\t").replace('","', '"\t"').split("\t")]
            assert not [cell for cell in cells if cell[:1] in "=+-@" and cell]
        assert read(path) == (made, [])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.json",
            '[{"data": {"text": "a"}, "annotations": [], "fields": {"text": "a"}, "responses": {}}]',
            "looks like",
        ),
        ("a.jsonl", '{"question": "Who?"}', "not a file of a labelling tool.*'question'"),
        ("a.csv", "question,label\nWho?,HUM\n", "no field 'text'"),
        ("a.json", "[", "has no end"),
        ("a.json", '[{"text": "a"}] trailing', "something follows"),
        ("nowhere.json", None, "There is no file"),
    ],
)
def test_what_is_no_known_file_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=message):
        find_format(path)


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'label_studio'"):
        read_annotated(tmp_path / "a.json", "labelstudio")


@pytest.mark.parametrize(
    ("name", "n_answers", "states"),
    [
        ("label_studio/export.json", 6, "relabelled kept disagreement skipped kept"),
        ("label_studio/snapshot.json", 6, "relabelled kept disagreement skipped kept undecided"),
        ("label_studio/export_min.json", 5, "relabelled kept disagreement kept"),
        ("label_studio/export.csv", 5, "relabelled kept disagreement kept"),
        ("argilla/records.json", 0, "undecided undecided undecided undecided undecided"),
        ("argilla/records_flat.json", 3, "relabelled undecided undecided skipped relabelled"),
        ("doccano/all.jsonl", 3, "relabelled relabelled undecided relabelled undecided"),
        ("doccano/admin.jsonl", 3, "relabelled relabelled undecided relabelled undecided"),
        ("doccano/all.csv", 3, "relabelled relabelled undecided relabelled undecided"),
    ],
)
def test_other_exports(name, n_answers, states):
    if not (path := SHARED / name).is_file():
        pytest.skip(f"needs {name} of the shared data")
    assert find_format(path) == name.split("/")[0]
    documents, _ = read(path)
    assert [each.state for each in documents] == states.split()
    assert sum(len(each.answers) for each in documents) == n_answers
