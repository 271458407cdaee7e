"""Agreement of reviewers: kappa, alpha, confusion and regions, against libraries and published figures."""

import itertools

import krippendorff
import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from cal.annotation.decisions.decision import Decision
from cal.annotation.status.agreement import Agreement
from cal.annotation.store.schema import DOCUMENT, DRAW, MAP_POINT, RUN
from cal.errors import CalError, ConfigError, DataError


def agreement(table, **more):
    """Of rows of answers by reviewer, with None where one is missing."""
    rows = [(d, who, each) for who, of in table.items() for d, each in enumerate(of) if each is not None]
    frame = pd.DataFrame(rows, columns=["document", "reviewer", "answer"])
    shared = frame[frame.groupby("document")["reviewer"].transform("size") > 1]
    return Agreement(shared, sorted(set(frame["answer"])), **more)


def test_alpha_of_the_published_example():
    # Krippendorff, Computing Krippendorff's alpha-reliability (2011), section C: nominal data, four observers: .743
    dots = np.nan
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, dots, dots, dots],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, dots, 3],
        [dots, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, dots],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, dots],
    ]
    table = {f"o{i}": [None if np.isnan(x) else str(x) for x in row] for i, row in enumerate(observers)}
    assert agreement(table).alpha == pytest.approx(0.743, abs=5e-4)


def test_kappa_of_a_published_example():
    # Wikipedia, Cohen's kappa: 50 grant applications, 20 both yes, 15 both no, 5 and 10 apart: kappa .4
    ann = ["yes"] * 25 + ["no"] * 25
    bob = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    row = agreement({"ann": ann, "bob": bob}).to_frame().iloc[0]
    assert (row["reviewer"], row["other"], row["n"], row["agreed"]) == ("ann", "bob", 50, 0.7)
    assert row["kappa"] == pytest.approx(0.4)
    counts = agreement({"ann": ann, "bob": bob}).confusion("ann", "bob")
    assert counts.loc["yes", "yes"] == 20
    assert counts.loc["yes", "no"] == 5
    assert counts.loc["no", "yes"] == 10


@given(st.lists(st.lists(st.sampled_from(["A", "B", "C", None]), min_size=3, max_size=3), min_size=2, max_size=30))
def test_figures_are_those_of_the_libraries(rows):
    made = agreement(dict(zip("abc", zip(*rows, strict=True), strict=True)), least=1)
    values = pd.DataFrame(rows, columns=list("abc"))
    shared = values[values.notna().sum(axis=1) > 1]
    if made.alpha is not None:
        codes = shared.T.replace({"A": 0.0, "B": 1.0, "C": 2.0}).to_numpy(dtype=float, na_value=np.nan)
        assert made.alpha == pytest.approx(krippendorff.alpha(codes, level_of_measurement="nominal"))
    else:
        assert shared.stack().nunique() < 2
        assert made.why_not
    for pair in made.to_frame().itertuples():
        both = values[[pair.reviewer, pair.other]].dropna()
        assert pair.n == len(both)
        assert pair.agreed == pytest.approx((both.iloc[:, 0] == both.iloc[:, 1]).mean())
        if pair.why_not:
            assert len(set(both.to_numpy().ravel())) == 1
        else:
            assert pair.kappa == pytest.approx(cohen_kappa_score(both.iloc[:, 0], both.iloc[:, 1]))


def test_undefined_figures_say_why():
    constant = agreement({"ann": ["A"] * 12, "bob": ["A"] * 12})
    assert constant.alpha is None
    assert "all answers are the same" in constant.why_not
    assert "all answers are the same" in constant.to_frame()["why_not"][0]
    assert constant.agreed == 1
    few = agreement({"ann": list("ABAB"), "bob": list("ABBB")})
    assert few.alpha is None
    assert few.why_not == "4 shared documents, fewer than the 10 needed"
    assert few.to_frame()[["agreed", "kappa"]].isna().all(axis=None)
    nobody = agreement({"ann": ["A"] * 12})
    assert nobody.alpha is None
    assert nobody.why_not.startswith("0 shared documents")
    assert len(nobody.to_frame()) == 0
    assert "No blind double reviews yet" in str(nobody)


def test_a_reviewer_against_themselves_or_unknown_is_refused():
    made = agreement({"ann": list("AB") * 6, "bob": list("AB") * 6})
    with pytest.raises(ConfigError, match="Give two reviewers"):
        made.confusion("ann", "ann")
    with pytest.raises(ConfigError, match=r"Unknown reviewer .bop.\. Did you mean 'bob'"):
        made.confusion("ann", "bop")
    with pytest.raises(CalError, match="belong to no project"):
        made.by_region()


def test_agreement_with_each_label_and_of_each_reviewer():
    made = agreement({"ann": list("AAAABBBBCC"), "bob": list("AAAABBBBBB"), "eve": [*"AAAABBBBCC"]})
    by_label = made.by_label().set_index("answer")
    assert by_label["n"].to_dict() == {"A": 4, "B": 6, "C": 2}
    assert agreement({"ann": list("AB") * 10, "bob": list("AB") * 10}).by_label()["alpha"].tolist() == [1, 1]
    by_reviewer = made.by_reviewer().set_index("reviewer")
    assert by_reviewer["agreed"].to_dict() == {"ann": 0.9, "bob": 0.8, "eve": 0.9}


@pytest.fixture
def project(reviews):
    """24 documents, all drawn for two reviewers, and a map; X is a label that none has."""
    reviews.add_label("X")
    reviews.queue(order="random", double_share=1)
    return reviews


def read(project, reviewer, numbers, label=None, **more):
    """Decisions about draws of the queue, as a client sends them."""
    with project.reading() as connection:
        query = sa.select(DOCUMENT.c.external_id, DRAW.c.position).join(DRAW, DRAW.c.document_id == DOCUMENT.c.id)
        places = dict(connection.execute(query).all())
    action = "keep" if label is None else "relabel"
    project.decide_all(
        [Decision(f"q{i}", action, reviewer, label, queue=1, position=places[f"q{i}"], **more) for i in numbers]
    )


def test_blind_double_reviews_by_default_and_all_if_asked(project):
    read(project, "ann", range(15))
    read(project, "bob", range(14))
    project.undo(reviewer="bob")
    read(project, "bob", range(13, 15), "X")
    read(project, "eve", [14], adjudicates=True)
    for who in ("ann", "eve"):
        project.decide("q19", "ambiguous", reviewer=who)
    blind, every = project.agreement(), project.agreement(blind=False)
    assert (blind.n_documents, every.n_documents) == (15, 16)
    assert blind.reviewers == ["ann", "bob"]
    assert blind.agreed == pytest.approx(13 / 15)
    assert blind.to_frame()["n"].tolist() == [15]
    assert blind.confusion("ann", "bob").to_numpy().tolist() == [[5, 0, 0, 0], [0, 4, 0, 1], [0, 0, 4, 1], [0] * 4]
    assert set(every.answers["answer"]) == {"HUM", "LOC", "NUM", "X", "[ambiguous]"}
    assert "alpha is" in str(blind)
    assert repr(blind) == "Agreement of 2 reviewers on 15 documents"


def test_a_later_decision_elsewhere_is_not_blind(project):
    read(project, "ann", range(12))
    read(project, "bob", range(12), "X")
    project.decide("q0", "keep", reviewer="bob")
    assert project.agreement().agreed == 0
    assert project.agreement(blind=False).agreed == pytest.approx(1 / 12)


def test_a_draw_for_one_reviewer_is_no_double_review(in_file):
    in_file.queue(order="random")
    read(in_file, "ann", range(12))
    read(in_file, "bob", range(12))
    assert in_file.agreement().n_documents == 0
    assert in_file.agreement(blind=False).n_documents == 12


def test_merged_labels_are_the_same_answer(project):
    read(project, "ann", range(12))
    read(project, "bob", range(12), "X")
    project.merge_labels("X", "HUM")
    assert project.agreement().agreed == pytest.approx(1 / 3)


def test_agreement_by_region(project):
    read(project, "ann", range(20))
    read(project, "bob", [0, 3], "X")
    read(project, "bob", {*range(20)} - {0, 3})
    made = project.agreement(least=7).by_region()
    rows = made.to_frame().set_index("region")
    assert list(rows.index) == ["easy-to-learn", "ambiguous", "hard-to-learn"]
    assert rows["n"].tolist() == [7, 7, 6]
    assert rows["agreed"].tolist()[:2] == [pytest.approx(5 / 7), 1]
    assert "all answers are the same" in rows["why_not"].iloc[1], "all of them are LOC"
    assert rows["why_not"].iloc[2] == "6 shared documents, fewer than the 7 needed"
    assert len(made.plot().axes[0].patches) == 3
    assert "easy-to-learn" in repr(made)
    assert project.agreement(least=7).by_region("map").to_frame().equals(made.to_frame())
    with pytest.raises(DataError, match=r"no map run 7\. Known: 2 \(map\)"):
        project.agreement().by_region(7)


def test_regions_need_a_map(in_file):
    with in_file.writing() as connection:
        connection.execute(sa.delete(MAP_POINT))
        connection.execute(sa.delete(RUN).where(RUN.c.kind == "map"))
    with pytest.raises(DataError, match="no data map"):
        in_file.agreement().by_region()


def test_many_labels_cost_no_memory():
    rows = [(d, who, f"L{(d * k) % 400}") for d in range(2000) for who, k in (("ann", 1), ("bob", 3))]
    made = Agreement(pd.DataFrame(rows, columns=["document", "reviewer", "answer"]), [f"L{i}" for i in range(400)])
    n = len(list(itertools.groupby(rows, key=lambda row: row[0])))
    assert n == made.n_documents
    assert -0.1 < made.alpha < 0.1
