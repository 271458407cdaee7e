"""Labels by other models: imported as sources, told apart from rankings, and seen by who decides."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cal.annotation import Project
from cal.annotation.queues.basis import Basis
from cal.errors import ConfigError, DataError, UnknownNameError
from cal.exchange.records import AnnotatedDocument

LABELS = ["HUM", "LOC", "NUM"]
IDS = [f"d{i}" for i in range(12)]


def frame(labels, scores=None, ids=IDS, **more):
    table = pd.DataFrame({"id": list(ids)[: len(labels)], "label": labels})
    return table.assign(**({} if scores is None else {"score": scores}), **more)


@pytest.fixture
def project(database):
    """Twelve documents, of which the first six have the label HUM and the others none."""
    with Project.create(database, labels=LABELS) as project:
        given = ["HUM"] * 6 + [None] * 6
        rows = zip(IDS, given, strict=True)
        project.import_documents([AnnotatedDocument(id, f"text of {id}", given=label) for id, label in rows])
        yield project


def ids_of(project, filter):
    return sorted((each.id for each in project.documents(filter=filter)), key=IDS.index)


def said(project, id="d0"):
    """What each source says of a document now."""
    history = project.document(id).suggestions
    return [(each.label, each.score, each.source) for each in history]


def test_labels_of_a_source_are_suggestions_and_decide_nothing(project):
    told = project.import_suggestions(frame(["LOC"] * 12, [0.5] * 12, why="it says where"), source="gpt")
    assert str(told) == "Source gpt: labels of 12 documents."
    assert project.counts()["undecided"] == 12
    assert {each.label for each in project.documents()} == {"HUM", None}
    project.queue(order="random")
    task = project.next("ann")
    assert task.suggestion is None
    (suggestion,) = task.suggestions.values()
    assert (suggestion.label, suggestion.score, suggestion.why) == ("LOC", 0.5, "it says where")
    assert project.check() == []


def test_a_file_names_its_source_and_a_column_names_several(project, tmp_path):
    frame(["LOC"] * 3).to_csv(tmp_path / "gpt-4.1.csv", index=False)
    project.import_suggestions(tmp_path / "gpt-4.1.csv")
    several = pd.concat([frame(["HUM"] * 2, source="rules"), frame(["NUM"] * 2, source="")])
    several.to_json(tmp_path / "all.jsonl", orient="records", lines=True)
    told = project.import_suggestions(tmp_path / "all.jsonl", source="bert")
    assert [(each.source, each.n_new) for each in told.sources] == [("rules", 2), ("bert", 2)]
    assert ids_of(project, "gpt-4.1.label=LOC and rules.label=HUM") == ["d0", "d1"]
    frame(["NUM"]).to_parquet(tmp_path / "p.parquet")
    project.import_suggestions(str(tmp_path / "p.parquet"))
    assert ids_of(project, "p.label=NUM") == ["d0"]


def test_more_labels_are_added_and_other_labels_are_a_new_version(project):
    project.import_suggestions(frame(["LOC", "LOC"], [0.5, 0.5]), source="gpt")
    more = project.import_suggestions(frame(["LOC"] * 4, [0.5] * 4), source="gpt")
    assert str(more) == "Source gpt: labels of 2 more documents and the same of 2 documents."
    assert (
        str(project.import_suggestions(frame(["LOC"], [0.5]), source="gpt"))
        == "Source gpt: nothing new about 1 document."
    )
    other = project.import_suggestions(frame(["HUM"], [0.5]), source="gpt")
    assert str(other) == "Source gpt: other labels than before of 1 document (version 2)."
    assert said(project, "d0") == [("LOC", 0.5, "gpt"), ("HUM", 0.5, "gpt")]  # the earlier version is kept
    assert ids_of(project, "gpt.label=HUM") == ["d0"]
    assert ids_of(project, "gpt.label=LOC") == ["d1", "d2", "d3"]  # what it says about the others still counts


def test_a_decision_keeps_the_labels_that_were_seen(project):
    project.import_suggestions(frame(["LOC"] * 12, [0.5] * 12), source="gpt")
    project.import_suggestions(frame(["NUM"] * 12), source="rules")
    project.queue(order="random")
    task = project.next("ann")
    project.decide_all([task.decision("relabel", "NUM")])
    project.import_suggestions(frame(["HUM"], ids=[task.document]), source="gpt")
    (event,) = project.document(task.document).events
    seen = {"gpt": {"label": "LOC", "score": 0.5}, "rules": {"label": "NUM", "score": None}}
    assert event["seen"]["suggestions"] == seen


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (frame(["HUM", "PERSON"]), r"Row 2: Unknown label 'PERSON'.*new_labels=true"),
        (frame(["HUM"], ids=["q9"]), r"1 id not in the project: 'q9' \(row 1\).*import the documents first"),
        (frame(["HUM"], [93]), r"Row 1: the score '93' is no number from 0 to 1. Divide percentages by 100"),
        (frame(["HUM"], ["high"]), r"Row 1: the score 'high' is no number"),
        (frame(["HUM", "LOC"], ids=["d1", "d1"]), r"Rows 1 and 2: source gpt labels 'd1' several times"),
        (frame(["HUM"], ids=[""]), r"Row 1: the id is empty"),
        (frame([None], [0.5]), r"Row 1: there is a score and no label"),
        (frame([None], ids=[None]), r"holds no suggestions"),
        (
            pd.DataFrame({"id": ["d1"], "labels": ["HUM"]}),
            r"has no column 'label'. Did you write 'labels' for 'label'\?",
        ),
        (frame(["HUM"], scores_=[0.5]), r"has a column 'scores_'. If it is the score, call it 'score'"),
        (frame(["HUM"] * 3, text="something else"), r"The texts differ .* for 3 of 3 rows, e.g. 'd0', 'd1', 'd2'"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_and_nothing_is_imported(in_file, table, told):
    with Project.create(in_file.address.replace(".db", "2.db"), labels=LABELS) as project:
        project.import_documents([AnnotatedDocument(id, f"text of {id}") for id in IDS])
        with pytest.raises(DataError, match=told):
            project.import_suggestions(table, source="gpt")
        with pytest.raises(ConfigError):
            ids_of(project, "gpt.label=HUM")


def test_labels_that_the_project_lacks_are_added_if_that_was_asked_for(project):
    told = project.import_suggestions(frame(["PERSON", "HUM"]), source="gpt", new_labels=True)
    assert told.new_labels == ["PERSON"]
    assert project.label_names == [*LABELS, "PERSON"]


@pytest.mark.parametrize("name", ["map", "column", "sources", "", "a\nb"])
def test_a_source_has_a_name_that_filters_understand(project, name):
    with pytest.raises(ConfigError):
        project.import_suggestions(frame(["HUM"]), source=name)


def test_a_frame_without_a_source_is_refused(project):
    with pytest.raises(DataError, match="Give source=NAME, or a column source"):
        project.import_suggestions(frame(["HUM"]))


def test_ids_that_a_spreadsheet_has_changed_are_found(database):
    with Project.create(database, labels=LABELS) as project:
        project.import_documents([AnnotatedDocument(str(i), "text") for i in range(3)])
        project.import_suggestions({"id": ["1.0", " 2"], "label": ["HUM", "LOC"]}, source="gpt")
        assert [each.id for each in project.documents(filter='gpt.label!=""')] == ["1", "2"]


def test_a_ranking_stays_what_queues_look_at_unless_a_source_is_chosen(reviews):
    labels = pd.DataFrame({"id": [f"q{i}" for i in range(24)], "label": "HUM", "score": [i / 24 for i in range(24)]})
    with reviews.reading() as connection:
        before = Basis.of(connection)
    reviews.import_suggestions(labels, source="gpt")
    with reviews.reading() as connection:
        assert Basis.of(connection) == before
        assert Basis.of(connection, "gpt").source == "gpt"
    assert reviews.queue(order="ranked").by == "p_wrong"
    assert reviews.next("ann").suggestion.source == "ranking"
    of_source = reviews.queue(order="ranked", from_run="gpt")
    assert of_source.by == "gpt.score"
    task = reviews.next("ann", of_source.id)
    assert (task.document, task.suggestion.source, task.suggestion.label) == ("q0", "gpt", "HUM")


def test_the_least_sure_and_the_most_disputed_come_first(project):
    project.import_suggestions(frame(["LOC"] * 12, [1 - i / 12 for i in range(12)]), source="gpt")
    project.import_suggestions(frame(["HUM"] + ["LOC"] * 11), source="rules")
    project.queue(by="gpt.score", order="ranked")
    assert project.next("ann").document == "d11"
    project.queue(by="disagreement", order="ranked")
    assert project.next("bob").document == "d0"
    assert project.queue(by="+gpt.score", order="ranked").by == "+gpt.score"
    assert project.next("bob").document == "d0"


def test_filters_know_what_sources_say(project):
    project.import_suggestions(frame(["LOC", "HUM", "HUM"], [0.2, 0.9, 0.4]), source="gpt")
    project.import_suggestions(frame(["LOC", "NUM"], ids=["d0", "d8"]), source="my rules")
    assert ids_of(project, "gpt.label=HUM,NUM") == ["d1", "d2"]
    assert ids_of(project, 'gpt.label!=""') == ["d0", "d1", "d2"]
    assert ids_of(project, "gpt.score<.5") == ["d0", "d2"]
    assert ids_of(project, "gpt.agrees=given") == ["d1", "d2"]
    assert ids_of(project, "gpt.differs=given") == ["d0"]
    assert ids_of(project, '"my rules.agrees"=gpt') == ["d0"]
    assert ids_of(project, 'gpt.differs="my rules"') == []
    assert ids_of(project, "sources=agree") == ["d0"]
    assert ids_of(project, "sources=differ") == []
    project.decide("d0", "relabel", "LOC")
    assert ids_of(project, "gpt.differs=label") == []
    assert ids_of(project, "gpt.differs=given") == ["d0"]


def test_merged_labels_are_one_label_to_filters_and_orders(project):
    project.import_suggestions(frame(["LOC", "NUM"]), source="a")
    project.import_suggestions(frame(["NUM", "HUM"]), source="b")
    assert ids_of(project, "sources=differ") == ["d0", "d1"]
    project.merge_labels("NUM", "LOC")
    assert (
        ids_of(project, "sources=differ")
        == ids_of(project, "a.differs=b")
        == ids_of(project, "disagreement>0")
        == ["d1"]
    )
    assert ids_of(project, "a.label=LOC") == ["d0", "d1"]


@pytest.mark.parametrize(
    "filter", ["gpt.label=PERSON", "gpt.agrees=nobody", "gpt.label>HUM", "claude.label=HUM", "gpt.score=x"]
)
def test_a_filter_that_means_nothing_is_refused(project, filter):
    project.import_suggestions(frame(["LOC"]), source="gpt")
    with pytest.raises(ConfigError):
        ids_of(project, filter)


def test_sources_are_compared_only_if_there_are_two(project):
    project.import_suggestions(frame(["LOC"]), source="gpt")
    with pytest.raises(ConfigError, match="the project has one"):
        ids_of(project, "sources=differ")
    with pytest.raises(UnknownNameError):
        project.queue(by="disagreement")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    imports=st.lists(
        st.dictionaries(
            st.sampled_from(IDS[:4]), st.tuples(st.sampled_from(LABELS), st.sampled_from([None, 0.5, 1.0]))
        ),
        max_size=6,
    )
)
def test_a_source_says_what_it_said_last_about_each_document(tmp_path_factory, imports):
    with Project.create(tmp_path_factory.mktemp("said") / "p.db", labels=LABELS) as project:
        project.import_documents([AnnotatedDocument(id, "text") for id in IDS])
        now = {}
        for table in filter(None, imports):
            rows = {"id": list(table), "label": [a for a, _ in table.values()], "score": [b for _, b in table.values()]}
            project.import_suggestions(rows, source="gpt")
            now |= table
        project.queue(order="random")
        tasks = project.tasks("ann", len(IDS))
        assert {each.document: (said.label, said.score) for each in tasks for said in each.suggestions.values()} == now
