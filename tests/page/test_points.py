"""The points of maps at the server, against pandas, matplotlib's polygons and brute force."""

import json

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from matplotlib.path import Path as Polygon

from cal.annotation import Project
from cal.annotation.store.column_types import now
from cal.annotation.store.schema import DOCUMENT, GIVEN, LABEL_VERSION, MAP_POINT, RUN, SUGGESTION
from cal.page.changes import read_changes
from cal.page.errors import Refused
from cal.page.map_sample import BINS, draw
from cal.page.map_views import TOP, map_view, point_tip, top_of_queue
from cal.page.models.maps import MapAsked
from cal.page.points import MOST_BYTES, Places, inside, placed, points_of

LABELS = ["HUM", "LOC", '<img src=x onerror="alert(1)">']
N, EPOCHS = 300, 5


def fill(project, n=N, n_epochs=EPOCHS, seed=0):
    """Documents, given labels, two maps with curves and a ranking, written into the tables; returns the curves."""
    rng = np.random.default_rng(seed)
    with project.writing() as connection:
        ids = list(connection.execute(sa.text("SELECT id FROM label ORDER BY position")).scalars())
        connection.execute(sa.insert(LABEL_VERSION), [{"id": 1, "name": "v", "digest": "v", "created": now()}])
        documents = [
            {
                "id": k + 1,
                "external_id": f"d{k}",
                "digest": f"{k}",
                "text": f"text {k}",
                "split": "train" if k % 3 else "test",
                "columns": {"length": k, "kind": f"kind {k % 20}"},
                "withdrawn": False,
            }
            for k in range(n)
        ]
        connection.execute(sa.insert(DOCUMENT), documents)
        given = rng.integers(-1, len(ids), n)
        labels = [None if k < 0 else ids[k] for k in given]
        rows = [{"version_id": 1, "document_id": k + 1, "label_id": label} for k, label in enumerate(labels)]
        connection.execute(
            sa.insert(GIVEN),
            [{"version_id": 1, "document_id": k + 1, "label_id": label} for k, label in enumerate(labels)],
        )
        curves = {}
        for run in (1, 2):
            facts = {"id": run, "kind": "map", "name": f"map {run}", "digest": f"m{run}", "version_id": 1}
            connection.execute(sa.insert(RUN), [{**facts, "label_ids": ids, "n_epochs": n_epochs, "imported": now()}])
            values = rng.dirichlet([1] * len(ids), (n, n_epochs)).astype(np.float16)
            values[rng.random((n, n_epochs)) < 0.05] = np.nan
            curves[run] = values
            of_given = np.where(
                (given < 0)[:, None], np.nan, values[np.arange(n), :, np.maximum(given, 0)].astype(float)
            )
            frame = pd.DataFrame(of_given)
            means, spreads = frame.mean(axis=1).fillna(0.5), frame.std(axis=1, ddof=0).fillna(0.1)
            rows = [
                {
                    "run_id": run,
                    "document_id": int(k) + 1,
                    "confidence": float(means[k]),
                    "variability": float(spreads[k]),
                    "correctness": float(rng.random()),
                    "region": ["easy-to-learn", "ambiguous", "hard-to-learn"][int(rng.integers(3))],
                    "predicted_id": ids[int(rng.integers(len(ids)))],
                    "curves": values[k].astype("<f2").tobytes(),
                }
                for k in rng.permutation(n)[: n - 10 * (run - 1)]  # the second map lacks some
            ]
            connection.execute(sa.insert(MAP_POINT), rows)
        facts = {"id": 3, "kind": "suspects", "name": "sus", "digest": "s", "version_id": 1, "imported": now()}
        connection.execute(sa.insert(RUN), [facts])
        connection.execute(
            sa.insert(SUGGESTION),
            [
                {
                    "run_id": 3,
                    "document_id": k + 1,
                    "label_id": ids[k % 3],
                    "score": 0.5,
                    "p_wrong": k / n,
                    "columns": {},
                }
                for k in range(n)
            ],
        )
    return given, curves


@pytest.fixture
def made(tmp_path):
    with Project.create(tmp_path / "map.db", labels=LABELS) as project:
        given, curves = fill(project)
        yield project, given, curves


def unpacked(answer):
    """The header and the arrays of an answer, as the page reads them."""
    length = int.from_bytes(answer[:4], "little")
    header = json.loads(answer[4 : 4 + length])
    assert (4 + length) % 8 == 0
    arrays = {
        each["name"]: np.frombuffer(
            answer, f"<{np.dtype(each['type']).str[1:]}", each["length"], 4 + length + each["offset"]
        )
        for each in header["arrays"]
    }
    return header, arrays


def ask(project, **asked):
    return unpacked(map_view(project, MapAsked(**{"run": 1, **asked})))


def points_frame(project, run):
    with project.reading() as connection:
        rows = connection.execute(sa.select(MAP_POINT).where(MAP_POINT.c.run_id == run)).mappings().all()
    return pd.DataFrame(rows).set_index("document_id").sort_index()


def test_all_points_of_a_small_map_are_drawn_where_the_run_has_them(made):
    project, _, _ = made
    header, arrays = ask(project)
    rows = points_frame(project, 1)
    assert arrays["numbers"].tolist() == rows.index.tolist()
    np.testing.assert_array_equal(arrays["x"], rows.variability.to_numpy(np.float32))
    np.testing.assert_array_equal(arrays["y"], rows.confidence.to_numpy(np.float32))
    assert header["total"] == header["in_view"] == N
    assert header["whole"]
    assert not header["sampled"]
    names = np.array(header["colour"]["names"])[arrays["codes"]]
    assert names.tolist() == rows.region.tolist()


@pytest.mark.parametrize("epochs", range(1, EPOCHS + 1))
def test_the_first_epochs_are_the_mean_and_deviation_of_the_given_label(made, epochs):
    project, given, curves = made
    _, arrays = ask(project, epochs=epochs)
    frame = pd.DataFrame(
        [
            curves[1][k, :epochs, label].astype(float) if label >= 0 else [np.nan] * epochs
            for k, label in enumerate(given)
        ],
        index=range(1, N + 1),
    )
    if epochs < EPOCHS:  # documents about whose label nothing is known are on the map of all epochs only
        known = frame.dropna(how="all").index
        assert arrays["numbers"].tolist() == known.tolist()
    else:
        known = frame.index
    at = pd.DataFrame({"x": arrays["x"], "y": arrays["y"]}, index=arrays["numbers"])
    some = frame.dropna(how="all").index
    np.testing.assert_allclose(at.y[some], frame.loc[some].mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(at.x[some], frame.loc[some].std(axis=1, ddof=0), atol=1e-6)
    assert len(known) == len(at)


def test_epochs_that_are_missing_do_not_count():
    curves = np.array([[0.5, np.nan, np.nan], [1.0, 0.25, np.nan]], dtype=np.float16)
    places = placed(curves)
    np.testing.assert_array_equal(places.y, np.float32([0.75, 0.25, np.nan]))
    np.testing.assert_array_equal(places.x, np.float32([0.25, 0.0, np.nan]))


def test_a_run_without_curves_has_all_epochs_only(made):
    project, _, _ = made
    with project.writing() as connection:
        connection.execute(sa.update(MAP_POINT).where(MAP_POINT.c.run_id == 2).values(curves=None))
    header, _ = ask(project, run=2)
    assert header["n_epochs"] == 0
    with pytest.raises(Refused, match="no curves"):
        ask(project, run=2, epochs=2)
    with pytest.raises(Refused, match="1 to 5 epochs; given 6"):
        ask(project, epochs=6)
    with pytest.raises(Refused, match="no run number 9"):
        ask(project, run=9)
    with pytest.raises(Refused, match="sus places no documents"):
        ask(project, run=3)


def cloud(n, seed=0):
    rng = np.random.default_rng(seed)
    return Places(rng.beta(1, 4, n).astype(np.float32) / 2, rng.random(n).astype(np.float32))


def test_the_density_counts_every_point_in_view_once():
    places = cloud(30_000)
    order, shown = np.random.default_rng(1).permutation(30_000), np.random.default_rng(2).random(30_000) < 0.9
    view = (0.05, 0.3, 0.2, 0.7)
    drawn = draw(places, order, shown, None, np.array([], int), view, most=1000, sample=3000)
    x0, x1, y0, y1 = view
    inside_view = shown & (places.x >= x0) & (places.x <= x1) & (places.y >= y0) & (places.y <= y1)
    assert drawn.sampled
    assert drawn.n_in_view == inside_view.sum() == drawn.counts.sum()
    edges = np.linspace(x0, x1, BINS[0] + 1), np.linspace(y0, y1, BINS[1] + 1)
    expected, _, _ = np.histogram2d(
        places.x[inside_view].astype(float), places.y[inside_view].astype(float), bins=edges
    )
    # the edges of cells are computed in another way, so that a point on one may be counted beside it
    assert np.abs(expected.T.ravel() - drawn.counts).sum() <= 4
    assert inside_view[drawn.positions].all()
    assert 2000 < len(drawn.positions) <= 3000


def test_the_sample_shows_odd_points_and_what_comes_next():
    n = 50_000
    x, y = np.full(n, 0.2, np.float32), np.full(n, 0.9, np.float32)
    x[7], y[7] = 0.45, 0.1  # one far from all others
    always = np.array([3, 5, 8])
    drawn = draw(Places(x, y), np.arange(n)[::-1], np.ones(n, bool), None, always, most=1000, sample=100)
    assert {3, 5, 7, 8} <= set(drawn.positions.tolist())
    assert len(drawn.positions) <= 105


def test_only_documents_of_the_filter_are_sampled():
    places, n = cloud(20_000), 20_000
    coloured = np.arange(n) % 50 == 0
    drawn = draw(
        places,
        np.random.default_rng(0).permutation(n),
        np.ones(n, bool),
        coloured,
        np.array([], int),
        most=100,
        sample=300,
    )
    assert coloured[drawn.positions].all()
    assert drawn.n_in_view == drawn.counts.sum() == n


def test_zooming_in_draws_all_points_in_view():
    places, n = cloud(20_000), 20_000
    view = (0.1, 0.12, 0.4, 0.5)
    drawn = draw(places, np.arange(n), np.ones(n, bool), None, np.array([], int), view, most=500, sample=100)
    expected = (places.x >= 0.1) & (places.x <= 0.12) & (places.y >= 0.4) & (places.y <= 0.5)
    assert not drawn.sampled
    np.testing.assert_array_equal(drawn.positions, np.flatnonzero(expected))


def test_the_undecided_top_of_the_queue_is_drawn_in_each_view(made, monkeypatch):
    project, _, _ = made
    monkeypatch.setattr("cal.page.map_views.TOP", 20)
    monkeypatch.setattr("cal.page.map_sample.draw.__kwdefaults__", {"most": 50, "sample": 30}, raising=False)
    project.queue(by="p_wrong", order="ranked")
    first = project.tasks("ann", 1)[0]
    project.decide_all([first.decision("keep", None)])
    with project.reading() as connection:
        top = top_of_queue(connection, None)
    number = int(first.document[1:]) + 1
    assert len(top) == 20
    assert number not in top
    header, arrays = ask(project)
    assert header["sampled"]
    assert len(arrays["numbers"]) < N
    assert set(top.tolist()) <= set(arrays["numbers"].tolist())
    _, half = ask(project, x0=-1, x1=1, y0=0.0, y1=0.45)
    rows = points_frame(project, 1)
    below = [each for each in top.tolist() if rows.confidence[each] <= 0.45]
    assert below
    assert set(below) <= set(half["numbers"].tolist())
    assert TOP >= 500


def star(rng, corners):
    """A polygon that crosses itself, or not."""
    angles = np.sort(rng.random(corners)) * 2 * np.pi if rng.random() < 0.5 else rng.random(corners) * 2 * np.pi
    radius = rng.uniform(0.02, 0.3, corners)
    return [(float(0.2 + r * np.cos(a)), float(0.5 + r * np.sin(a))) for a, r in zip(angles, radius, strict=True)]


@pytest.mark.parametrize("seed", range(20))
def test_a_lasso_holds_the_points_inside_its_polygon(seed):
    rng = np.random.default_rng(seed)
    places = cloud(2_000, seed)
    polygon = star(rng, int(rng.integers(3, 200)))
    # matplotlib fills by winding, so that each point's crossings are counted one by one here
    expected = [i for i in range(2_000) if crossings(float(places.x[i]), float(places.y[i]), polygon) % 2]
    assert places.heights.inside(polygon).tolist() == expected
    convex = [(0.2 + 0.15 * np.cos(a), 0.5 + 0.3 * np.sin(a)) for a in np.sort(rng.random(12)) * 2 * np.pi]
    drawn = Polygon(convex, closed=False).contains_points(np.c_[places.x, places.y].astype(float))
    assert places.heights.inside(convex).tolist() == np.flatnonzero(drawn).tolist()


def crossings(x, y, polygon):
    """How often a ray to the right crosses a polygon, as points.js counts."""
    n = 0
    for (ax, ay), (bx, by) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        n += (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax
    return n


def test_points_on_the_border_and_beyond_all_numbers():
    grid = np.float32([0, 0.25, 0.5, 0.75, 1])
    x, y = (each.ravel() for each in np.meshgrid(grid, grid))
    square = [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]
    found = Places(x, y).heights.inside(square)
    expected = [i for i in range(25) if crossings(float(x[i]), float(y[i]), square) % 2]
    assert found.tolist() == expected
    assert len(found) == 4
    assert len(Places(x, y).heights.inside([(-1e30, -1e30), (1e30, -1e30), (0, 1e30)])) == 25
    assert len(Places(x, y).heights.inside([(0, 0.5), (1, 0.5), (0.5, 0.5)])) == 0


def test_a_lasso_leaves_out_withdrawn_documents_and_those_without_a_point(made):
    project, _, _ = made
    everything = [(-1, -1), (2, -1), (2, 2), (-1, 2)]
    with project.writing() as connection:
        connection.execute(sa.update(DOCUMENT).where(DOCUMENT.c.id.in_([4, 5])).values(withdrawn=True))
    rows = points_frame(project, 2)
    with project.reading() as connection:
        found = inside(project, connection, 2, None, everything)
    assert found.tolist() == [each for each in rows.index if each not in (4, 5)]
    header, arrays = ask(project, run=2)
    assert header["total"] == N - 12 == len(arrays["numbers"])


def test_states_and_labels_are_read_anew(made):
    project, _, _ = made
    _, arrays = ask(project, colour="state")
    assert not arrays["states"].any()
    project.decide("d3", "keep", reviewer="ann")
    project.decide("d4", "relabel", LABELS[2], reviewer="bob")
    project.decide("d5", "exclude", reviewer="bob")
    header, arrays = ask(project, colour="state")
    names = np.array(header["colour"]["names"])
    assert names[arrays["codes"]][[3, 4, 5, 6]].tolist() == ["kept", "relabelled", "excluded", "undecided"]
    assert (arrays["states"] == arrays["codes"]).all()
    header, arrays = ask(project, colour="label")
    assert header["colour"]["names"] == [*LABELS, "no label"]
    assert header["colour"]["names"][arrays["codes"][4]] == LABELS[2]
    header, arrays = ask(project, colour="reviewer")
    assert [header["colour"]["names"][each] for each in arrays["codes"][3:7]] == ["ann", "bob", "bob", "nobody yet"]
    project.undo(reviewer="bob")
    assert not ask(project)[1]["states"][5]
    tip = point_tip(project, 5, hidden=False)
    assert (tip.text, tip.label, tip.state) == ("text 4", LABELS[2], "relabelled")
    assert point_tip(project, 5, hidden=True).label is None


def test_blind_decisions_do_not_show_to_the_second_reviewer(made):
    project, _, _ = made
    project.queue(by="p_wrong", order="ranked", double_share=1.0)
    task = project.tasks("ann", 1)[0]
    project.decide_all([task.decision("relabel", LABELS[0])])
    at = int(task.document[1:])

    def seen_by(reviewer, colour):
        header, arrays = unpacked(map_view(project, MapAsked(run=1, colour=colour), reviewer))
        return header["colour"]["names"][arrays["codes"][at]], int(arrays["states"][at])

    assert seen_by("ann", "state") == ("relabelled", 2)
    assert seen_by("bob", "state") == ("undecided", 0)
    assert seen_by("ann", "reviewer")[0] == "ann"
    assert seen_by("bob", "reviewer")[0] == "nobody yet"
    assert seen_by("ann", "label")[0] == LABELS[0]
    assert seen_by("bob", "label") == seen_by("bob", "given")
    assert point_tip(project, at + 1, "bob", hidden=False).state == "undecided"
    with project.reading() as connection:
        assert read_changes(connection, 0).documents == []
    assert point_tip(project, at + 1, "ann", hidden=False).state == "relabelled"
    (second,) = [each for each in project.tasks("bob", 5) if each.document == task.document]
    project.decide_all([second.decision("keep")])
    with project.reading() as connection:
        assert [each.state for each in read_changes(connection, 0).documents] == ["disagreement"]
    assert seen_by("bob", "state")[0] == "disagreement"


def test_points_are_coloured_by_whatever_documents_have(made):
    project, given, _ = made
    header, arrays = ask(project, colour="given")
    expected = [LABELS[k] if k >= 0 else "no label" for k in given]
    assert [header["colour"]["names"][each] for each in arrays["codes"]] == expected
    header, arrays = ask(project, colour="suggested")
    assert [header["colour"]["names"][each] for each in arrays["codes"][:4]] == [*LABELS, LABELS[0]]
    header, arrays = ask(project, colour="column.length")
    assert arrays["values"].tolist() == list(range(N))
    assert header["colour"]["range"] == [0, N - 1]
    header, arrays = ask(project, colour="suspects.p_wrong")
    np.testing.assert_allclose(arrays["values"], np.arange(N) / N, rtol=1e-6)
    header, arrays = ask(project, colour="correctness")
    np.testing.assert_allclose(arrays["values"], points_frame(project, 1).correctness, rtol=1e-6)
    header, arrays = ask(project, colour="column.kind")
    names = header["colour"]["names"]
    assert len(names) == 12
    assert names[-1] == "others or none"
    assert all(names[code] in (f"kind {k % 20}", names[-1]) for k, code in enumerate(arrays["codes"].tolist()))
    header, arrays = ask(project, colour="split")
    assert [header["colour"]["names"][each] for each in arrays["codes"][:3]] == ["test", "train", "train"]


def test_a_filter_says_which_points_match(made):
    project, _, _ = made
    header, arrays = ask(project, filter="p_wrong>=.5 and split=train")
    expected = [k / N >= 0.5 and k % 3 > 0 for k in range(N)]
    assert arrays["matches"].astype(bool).tolist() == expected
    assert header["matching"] == sum(expected)


def test_switching_runs_tells_the_way_of_each_point_and_how_many_moved(made):
    project, _, _ = made
    header, arrays = ask(project, run=1, from_run=2)
    one, two = points_frame(project, 1), points_frame(project, 2)
    both = one.index.intersection(two.index)
    at = pd.DataFrame({"x": arrays["from_x"], "y": arrays["from_y"]}, index=arrays["numbers"])
    np.testing.assert_array_equal(at.x[both], two.variability[both].to_numpy(np.float32))
    np.testing.assert_array_equal(at.y[both], two.confidence[both].to_numpy(np.float32))
    assert at.x.isna().sum() == N - len(both) == 10
    moved = one.region[both] != two.region[both]
    ways = pd.DataFrame({"old": two.region[both][moved], "new": one.region[both][moved]}).value_counts()
    assert header["moved"]["both"] == len(both)
    assert header["moved"]["moved"] == moved.sum()
    assert {(a, b): n for a, b, n in header["moved"]["ways"]} == ways.to_dict()
    header, arrays = ask(project, epochs=2, from_run=1, from_epochs=1)
    assert header["moved"] is None
    assert "from_x" in arrays


def test_points_are_kept_in_bounded_memory(made, monkeypatch):
    project, _, _ = made
    first = points_of(project, 1)
    assert points_of(project, 1) is first
    assert first.n_bytes < MOST_BYTES
    points_of(project, 2)
    assert points_of(project, 1) is first
    monkeypatch.setattr("cal.page.points.MOST_BYTES", first.n_bytes)
    points_of(project, 2)
    assert points_of(project, 1) is not first
