"""Files as people have them: without a test split, with labels spelt in several ways, from other tools."""

import json

import pandas as pd
import pytest

import cal
from cal.cli import main
from cal.data.cautions import check_labels, usage
from cal.data.hub import Hub
from cal.data.local_files import LocalFiles
from cal.data.parts import only
from cal.data.request import DataRequest
from cal.data.spelling import MISSING, alike, normal_form
from cal.errors import ConfigError, DataError, UnknownNameError, nearest_name
from cal.label_errors.audit_request import AuditRequest
from cal.label_errors.suspects_request import SuspectsRequest
from cal.maps.labels import why_absent
from cal.maps.request import MapRequest
from cal.selection.request import SelectRequest
from cal.simulation.request import SimulationRequest

N = 40
FRAME = pd.DataFrame({"text": [f"text {i}" for i in range(N)], "label": [("HUM", "LOC")[i % 2] for i in range(N)]})
QUICK = {"workers": 1, "device": "cpu"}


@pytest.fixture
def save(tmp_path):
    """Writes a frame, with some labels replaced, and gives the path."""

    def save(name: str = "x.csv", frame: pd.DataFrame = FRAME, **labels: str) -> str:
        frame = frame.copy()
        for row, label in labels.items():
            frame.loc[int(row[1:]) - 1, "label"] = label
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            frame.to_parquet(path)
        elif path.suffix == ".jsonl":
            rows = frame.to_dict("records")
            path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        else:
            frame.to_csv(path, index=False)
        return str(path)

    return save


def files(**settings) -> dict:
    return {"dataset": {"files": settings}}


# ---- which documents a command uses

NEED_NO_TEST = {
    "map": lambda **given: MapRequest(**given, **QUICK),
    "suspects": lambda **given: SuspectsRequest(**given, **QUICK),
    "audit": lambda **given: AuditRequest(**given, clean_by=[], **QUICK),
    "select": lambda **given: SelectRequest(**given, recipe="aflite", fraction=0.5),
    "select by active learning": lambda **given: SelectRequest(**given, recipe="al_uncertainty", fraction=0.5),
    "logs": lambda **given: MapRequest(**given, logs="logs"),
    "data": lambda **given: DataRequest(**given),
}
NEED_A_TEST = {
    "simulate": lambda **given: SimulationRequest(**given, **QUICK),
    "audit": lambda **given: AuditRequest(**given, **QUICK),
}


@pytest.mark.parametrize("name", NEED_NO_TEST)
def test_a_command_that_measures_no_accuracy_uses_every_row(name, save):
    path = save()
    assert len(NEED_NO_TEST[name](**files(path=path)).read_corpus().train) == N
    assert len(NEED_NO_TEST[name]().read_corpus(path).train) == N
    explicit = NEED_NO_TEST[name](**files(path=path, test_fraction=0.25)).read_corpus()
    assert (len(explicit.train), len(explicit.test)) == (30, 10)


@pytest.mark.parametrize("name", NEED_A_TEST)
def test_a_command_that_measures_accuracy_holds_out_a_fifth_of_a_file(name, save):
    path = save()
    request = NEED_A_TEST[name](**files(path=path))
    corpus = request.read_corpus()
    assert (len(corpus.train), len(corpus.test)) == (32, 8)
    assert request.used == "x: 8 of 40 documents are held out to measure accuracy; 32 are for training."
    fixed = LocalFiles(path=path, test_fraction=0.2).read()
    for given in (path, cal.read_corpus(path)):
        assert NEED_A_TEST[name]().read_corpus(given).fingerprint == fixed.fingerprint == corpus.fingerprint


def test_no_test_split_is_held_out_where_the_user_wants_none(save):
    with pytest.raises(ConfigError, match="test_fraction=0 leaves no test split"):
        SimulationRequest(**files(path=save(), test_fraction=0), **QUICK).read_corpus()
    assert MapRequest(**files(path=save(), test_fraction=0), **QUICK).read_corpus().test is None


@pytest.fixture
def folder(save, tmp_path):
    """A folder with splits of 24, 8 and 8 documents; two test documents are in train too."""
    save("f/train.csv", FRAME[:24])
    save("f/test.csv", pd.concat([FRAME[:2], FRAME[26:32]]))
    save("f/validation.csv", FRAME[32:])
    return tmp_path / "f"


@pytest.mark.parametrize(
    ("split", "n", "told"),
    [
        (
            "train",
            24,
            "f: the 24 documents of train are used, not 8 of test and 8 of dev. To use others, add split=all",
        ),
        ("test", 8, "f: all 8 documents of test are used."),
        ("dev", 8, "f: all 8 documents of dev are used."),
        ("all", 40, "f: all 40 documents of all splits are used."),
    ],
)
def test_a_given_split_is_used_on_demand(folder, split, n, told):
    request = SuspectsRequest(**files(path=str(folder)), split=split, **QUICK)
    assert len(request.read_corpus().train) == n
    assert request.used.startswith(told)


def test_a_split_that_does_not_exist_or_is_measured_on_is_named(folder, save):
    with pytest.raises(UnknownNameError, match=r"Unknown split 'tests'\. Did you mean 'test'"):
        MapRequest(**files(path=str(folder)), split="tests", **QUICK).read_corpus()
    with pytest.raises(ConfigError, match=r"leaves no test split to measure cleaning on\. Add clean_by="):
        AuditRequest(split="all", **QUICK)
    with pytest.raises(ConfigError, match="split=test is a part of a corpus, and there is none"):
        MapRequest(map="m", split="test").corpus_if_given()


def test_documents_that_flatter_accuracies_or_are_unused_are_named(folder):
    request = SimulationRequest(**files(path=str(folder)), **QUICK)
    corpus = request.read_corpus()
    assert len(corpus.dev) == 8
    assert "The 8 of dev are not used. 2 of the 8 test documents have a text that is also in train" in request.used
    assert "Nothing is trained on dev" in corpus.describe()
    assert "2 of the 8 test documents" in " ".join(corpus.describe().split())
    everything = only(corpus, "all").train
    assert usage(only(corpus, "test"), needs_test=False, split="test").startswith("f: all 8 documents of test")
    assert len(set(everything.ids)) == N
    assert {place.partition(" of ")[2] for place in everything.places} == {"train", "test", "dev"}


def test_several_files_are_one_corpus(save):
    paths = [save("a.csv", FRAME[:10]), save("b.csv", FRAME[10:])]
    together = LocalFiles(path=paths).read()
    assert together.fingerprint == LocalFiles(path=save()).read().fingerprint
    row_of = dict(zip(together.train.texts, together.train.places, strict=True))
    assert (row_of["text 9"], row_of["text 10"]) == ("row 10 of a.csv", "row 1 of b.csv")
    assert len(LocalFiles(train=paths).read().train) == N
    with pytest.raises(DataError, match=r"b\.csv has no column 'label', but .*a\.csv has"):
        LocalFiles(path=[paths[0], save("b.csv", FRAME[["text"]])]).read()


def test_a_folder_without_train_says_how_to_read_its_files(save, tmp_path):
    for name, part in {"f/a.csv": FRAME[:10], "f/b.csv": FRAME[10:]}.items():
        save(name, part)
    with pytest.raises(DataError, match="holds no train file") as refused:
        LocalFiles(path=str(tmp_path / "f")).read()
    listed = str(refused.value).partition("dataset.path=[")[2].removesuffix("].").split(",")
    assert len(LocalFiles(path=listed).read().train) == N


def test_a_column_of_splits_is_read(save):
    frame = FRAME.assign(split=["Train"] * 20 + ["test"] * 12 + ["validation"] * 8)
    corpus = LocalFiles(path=save(frame=frame)).read()
    assert {name: len(split) for name, split in corpus.splits().items()} == {"train": 20, "test": 12, "dev": 8}
    assert len(LocalFiles(path=save(frame=frame), split_column=None).read().train) == N
    with pytest.raises(DataError, match=r"'split' holds 'a'.*dataset\.split_column=null"):
        LocalFiles(path=save(frame=FRAME.assign(split="a"))).read()
    with pytest.raises(ConfigError, match=r"has a test split of 12 documents, and dataset\.test_fraction"):
        LocalFiles(path=save(frame=frame), test_fraction=0.2).read()


# ---- labels


@pytest.mark.parametrize(
    "pair",
    [
        *(("HUM", other) for other in ("HUM ", "hum", "\tHUM", "HUM\u00a0", "HUM\u200b", "\uff28\uff35\uff2d")),
        *(("café", "cafe\u0301"), ("straße", "STRASSE"), ("Sci/Tech", "Sci / Tech"), ("1", "1.0")),
    ],
    ids=ascii,
)
def test_names_that_look_alike_have_one_normal_form(pair):
    assert normal_form(pair[0]) == normal_form(pair[1])
    assert alike([*pair, "other"]) == [list(pair)]


def test_other_names_are_not_alike():
    assert alike(["HUM", "HUMAN", "1", "10", "a-b", "ab", "001", ""]) == []


@pytest.fixture
def spelt(save):
    return save(r1="HUM ", r3="HUM ", r5="hum", r7="nan", r9="None")


def test_labels_that_look_alike_are_named_with_counts_and_rows(spelt, caplog):
    MapRequest(**files(path=spelt), **QUICK).read_corpus()
    (message,) = caplog.messages
    for part in ("'HUM ' (2: row 1, row 3)", "'hum' (1: row 5)", "'nan' (1: row 7)", "'None' (1: row 9)"):
        assert part in message
    assert "dataset.labels=merge" in message


@pytest.mark.parametrize("request_of", [SuspectsRequest, AuditRequest])
def test_what_judges_labels_refuses_those_that_look_alike_until_it_is_decided(request_of, spelt):
    with pytest.raises(DataError, match=r"cannot judge the labels of x.*'HUM '.*dataset\.labels=merge"):
        request_of(**files(path=spelt), **QUICK).read_corpus()
    with pytest.raises(DataError, match="cannot judge"):
        request_of(**QUICK).read_corpus(cal.Corpus.from_frame(pd.read_csv(spelt, na_filter=False)))
    merged = request_of(**files(path=spelt, labels="merge"), **QUICK).read_corpus()
    assert list(merged.label_names) == ["HUM", "LOC"]
    strict = request_of(**files(path=spelt, labels="strict"), **QUICK).read_corpus()
    assert len(strict.label_names) == 6


def test_merging_takes_the_most_frequent_spelling_in_every_split_and_leaves_out_missing_labels(save, tmp_path, caplog):
    save("f/train.csv", FRAME[:30], r1="HUM ", r2="nan")
    save("f/test.csv", FRAME[30:].reset_index(drop=True), r1="hum")
    with pytest.raises(DataError, match=r"unknown label 'hum'\. Did you mean 'HUM'\?.*dataset\.labels=merge"):
        LocalFiles(path=str(tmp_path / "f")).read()
    corpus = LocalFiles(path=str(tmp_path / "f"), labels="merge").read()
    assert list(corpus.label_names) == ["HUM", "LOC"]
    assert (len(corpus.train), len(corpus.test)) == (29, 10)
    assert "1 documents whose label is a word for a missing value, such as 'nan'" in caplog.text


def test_python_decides_on_labels_by_the_same_words(spelt):
    frame = pd.read_csv(spelt, na_filter=False)
    assert list(cal.Corpus.from_frame(frame, spelling="merge").label_names) == ["HUM", "LOC"]
    assert list(cal.read_corpus(spelt, spelling="merge").label_names) == ["HUM", "LOC"]
    texts = cal.Corpus.from_texts(frame["text"], frame["label"], spelling="strict")
    check_labels(texts, judge="cal suspects")
    with pytest.raises(ConfigError, match="spelling must be strict, merge or null, not 'lax'"):
        cal.Corpus.from_frame(frame, spelling="lax")


@pytest.mark.parametrize("word", sorted(MISSING))
def test_a_word_for_a_missing_label_is_left_out_only_by_merging(word, save):
    path = save(r1=word, r3=word)
    assert word in LocalFiles(path=path).read().label_names
    assert len(LocalFiles(path=path, labels="merge").read().train) == N - 2
    named = LocalFiles(path=path, labels="merge", label_names=["HUM", "LOC", word]).read()
    assert len(named.train) == N


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([["HUM"], ["LOC"]], ["HUM", "LOC"]),
        (['["HUM"]', '["LOC"]'], ["HUM", "LOC"]),
        (["['HUM']", "['LOC']"], ["HUM", "LOC"]),
        ([1.0, 0.0], ["0", "1"]),
        ([True, False], ["False", "True"]),
        (["[x", "[y"], ["[x", "[y"]),
    ],
    ids=str,
)
def test_labels_are_read_as_they_are_meant(labels, expected, save):
    frame = FRAME.assign(label=labels * (N // 2))
    assert list(LocalFiles(path=save("x.jsonl", frame)).read().label_names) == expected
    assert list(cal.Corpus.from_frame(frame).label_names) == expected


def test_parquet_stores_whole_numbers_beside_missing_values_as_decimals(save):
    frame = FRAME.assign(label=[None, 1, 0, 1] * 10)
    with pytest.raises(DataError, match=r"column 'label' has no label.*dataset\.unlabelled=skip"):
        LocalFiles(path=save("x.parquet", frame)).read()
    corpus = LocalFiles(path=save("x.parquet", frame), unlabelled="skip", label_names=["no", "yes"]).read()
    assert (len(corpus.train), int(corpus.train.gold.sum())) == (30, 20)


@pytest.mark.parametrize("labels", [[True, False], ["true", "false"], ["1.0", "0.0"], [1, 0]], ids=str)
def test_booleans_and_numbers_are_positions_among_names(labels, save):
    path = save("x.jsonl", FRAME.assign(label=labels * (N // 2)))
    corpus = LocalFiles(path=path, label_names=["no", "yes"]).read()
    gold = dict(zip(corpus.train.texts, corpus.train.gold.tolist(), strict=True))
    assert (gold["text 0"], gold["text 1"]) == (1, 0)


def test_several_labels_of_a_document_are_named(save):
    frame = FRAME.assign(label=[["HUM", "LOC"], ["HUM"]] * (N // 2))
    with pytest.raises(DataError, match=r"row 1: column 'label' holds 2 labels, \['HUM', 'LOC'\]"):
        LocalFiles(path=save("x.jsonl", frame)).read()


def test_labels_that_are_all_different_are_the_reason(save):
    with pytest.raises(DataError, match=r"all 40 labels are different: 'text 0'.*dataset\.label_column=NAME"):
        LocalFiles(path=save(), label_column="text").read()
    with pytest.raises(DataError, match=r"all 40 labels are different.*label='NAME'"):
        cal.Corpus.from_frame(FRAME, label="text")


def test_rows_that_prodigy_rejects_have_no_label(save, caplog):
    answers = ["reject"] * 3 + ["ignore"] + ["accept"] * (N - 4)
    path = save("x.jsonl", FRAME.assign(answer=answers))
    with pytest.raises(DataError, match=r"rows 1, 2, 3 and 4: column 'answer' says 'reject'.*dataset\.unlabelled=skip"):
        LocalFiles(path=path).read()
    assert len(LocalFiles(path=path, unlabelled="skip").read().train) == N - 4
    assert "4 of 40 rows have no accepted label" in caplog.text
    assert list(
        LocalFiles(path=save("y.jsonl", FRAME.assign(answer=["accept", "reject"] * 20)), label_column="answer")
        .read()
        .label_names
    ) == ["accept", "reject"]
    assert len(LocalFiles(path=save("z.jsonl", FRAME.assign(answer="reject it"))).read().train) == N


# ---- columns and ids


def test_a_column_is_found_under_other_blanks_and_capitals_with_a_warning(save, caplog):
    frame = FRAME.assign(ID=range(N)).rename(columns={"text": "Text ", "label": " LABEL"})
    corpus = LocalFiles(path=save(frame=frame)).read()
    assert sorted(corpus.train.ids, key=int) == [str(i) for i in range(N)]
    for name in ("'Text '", "' LABEL'", "'ID'"):
        assert f"column {name} is read as" in caplog.text
    both = FRAME.assign(**{"Text ": "other"})
    assert "text 0" in LocalFiles(path=save(frame=both)).read().train.texts
    assert "has the columns 'text' and 'Text '; 'text' is read" in caplog.text


def test_the_advice_for_a_missing_column_suits_the_reader(save, caplog):
    path = save(frame=FRAME.rename(columns={"text": "txt "}))
    with pytest.raises(DataError) as refused:
        LocalFiles(path=path).read()
    assert "Columns: 'txt ', label. Name the column: \"dataset.text_column='txt '\"." in str(refused.value)
    assert "dataset=files" not in str(refused.value)
    with pytest.raises(DataError, match="Rename the column, or read the file with dataset=files and name it with"):
        Hub("owner/name", path=path).read()
    with pytest.raises(DataError, match=r"dataset\.tests\.extra\.text_column"):
        LocalFiles(path=save(), tests={"extra": {"path": save("y.csv", FRAME.rename(columns={"text": "body"}))}}).read()


def test_a_word_of_a_setting_suggests_that_setting():
    keys = ["blank", "label_column", "label_names", "labels", "test", "text_column", "unlabelled", "id_column"]
    assert [nearest_name(word, keys) for word in ("label", "text", "id")] == [
        "label_column",
        "text_column",
        "id_column",
    ]


def test_ids_that_look_alike_are_named(save, caplog):
    ids = ["1", "1 ", *map(str, range(2, N))]
    LocalFiles(path=save(frame=FRAME.assign(id=ids))).read()
    assert "differ only in whitespace, case or Unicode form (1 in all): '1' (row 1) and '1 ' (row 2)" in caplog.text


@pytest.mark.parametrize(("id_column", "first"), [("row", 0), ("row_from_1", 1)])
def test_row_numbers_are_ids_on_demand(id_column, first, save):
    corpus = LocalFiles(path=save(), id_column=id_column, test_fraction=0.2).read()
    numbered = {
        i: text for split in (corpus.train, corpus.test) for i, text in zip(split.ids, split.texts, strict=True)
    }
    assert numbered == {str(first + row): f"text {row}" for row in range(N)}
    frame = FRAME.assign(split=["train"] * 30 + ["test"] * 10)
    corpus = LocalFiles(path=save(frame=frame), id_column=id_column).read()
    assert dict(zip(corpus.test.texts, corpus.test.ids, strict=True))["text 35"] == str(first + 35)
    assert set(cal.Corpus.from_frame(FRAME, id=id_column).train.ids) == set(numbered)


def test_every_file_counts_from_its_own_first_row(save, tmp_path):
    save("f/train.csv", FRAME[:30])
    save("f/test.csv", FRAME[30:])
    corpus = LocalFiles(path=str(tmp_path / "f"), id_column="row").read()
    assert dict(zip(corpus.test.texts, corpus.test.ids, strict=True))["text 30"] == "test-0"
    assert dict(zip(corpus.train.texts, corpus.train.ids, strict=True))["text 3"] == "3"


def test_a_column_called_row_is_a_column(save):
    corpus = LocalFiles(path=save(frame=FRAME.assign(row=[f"r{i}" for i in range(N)])), id_column="row").read()
    assert "r0" in corpus.train.ids


def test_why_ids_are_absent_is_said_and_the_advice_joins_them(save, folder):
    corpus = LocalFiles(path=save()).read()
    for start, column in ((0, "row"), (1, "row_from_1")):
        ids = range(start, N + start)
        assert f"dataset.id_column={column}," in why_absent(ids, corpus)
        assert set(map(str, ids)) == set(LocalFiles(path=save(), id_column=column).read().train.ids)
    by_row = LocalFiles(path=save(), id_column="row").read()
    assert "dataset.id_column=row_from_1," in why_absent([N], by_row)
    assert "name their column" in why_absent(["q1"], corpus)
    assert "name their column" in why_absent([10_000, 10_001], corpus)  # beyond the last row
    split = LocalFiles(path=str(folder)).read()
    assert f"split={'test'}" in why_absent(split.test.ids[:1], split)
    named = cal.Corpus.from_frame(FRAME, id=[f"q{i}" for i in range(N)])
    assert "differ only in whitespace or case" in why_absent(["Q1 "], named)
    assert why_absent(["z1"], named) == ""


# ---- rows of documents without ids


def test_documents_without_ids_are_found_by_their_rows(save):
    train = LocalFiles(path=save()).read().train
    assert dict(zip(train.texts, train.found_at, strict=True))["text 16"] == "row 17"
    assert dict(zip(train.texts, cal.Corpus.from_frame(FRAME).train.found_at, strict=True))["text 16"] == "index 16"
    assert LocalFiles(path=save(frame=FRAME.assign(id=range(N)))).read().train.found_at is None
    assert "named by their rows" in LocalFiles(path=save()).read().describe()


def test_what_people_read_calls_documents_by_their_rows(save, tmp_path, capsys):
    small = ["features.n_components=4", "learner.hidden=[4]", "n_epochs=2", "workers=1", "device=cpu"]
    data = ["dataset=files", f"dataset.path={save()}", *small]
    assert main(["map", *data, f"output={tmp_path / 'm'}", "hardest=1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("x: all 40 documents are used.\n")
    drawn = pd.read_csv(tmp_path / "m" / "map.csv")
    hardest = drawn.sort_values(["confidence", "loss"], ascending=[True, False]).iloc[0]
    assert hardest["place"] == f"row {int(hardest['text'].split()[1]) + 1}"
    assert f"  {hardest['place']}  gold" in out
    assert f"{hardest['place']}: {hardest['text']}" in (tmp_path / "m" / "map.html").read_text()
    assert main(["suspects", f"map={tmp_path / 'm'}", "n=1", "by=confidence", f"output={tmp_path / 's'}"]) == 0
    first = pd.read_csv(tmp_path / "s" / "suspects.csv").iloc[0]
    assert first["row"] == int(first["text"].split()[1]) + 1
    assert f"(row {first['row']})\n" in capsys.readouterr().out
    assert f'<span class="id"><bdi>row {first["row"]}</bdi></span>' in (tmp_path / "s" / "suspects.html").read_text()
    chosen = cal.select(str(tmp_path / "m"), count=3).to_frame()
    assert chosen.columns[:2].tolist() == ["id", "place"]
    assert "place" in cal.weights(str(tmp_path / "m")).to_frame()
