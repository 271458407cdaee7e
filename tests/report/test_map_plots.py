"""Data maps of any size, with regions, and of published coordinates."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cal.dynamics.regions import regions
from cal.report.map_plots import LINE, data_maps
from cal.report.plot_style import rendered

COORDINATES = Path(__file__).resolve().parents[2] / (
    "../shared/data/allenai/winogrande_roberta_0_6_data_map_coordinates.jsonl"
)


def points(n=300):
    probs = 1 / (1 + np.exp(-np.random.default_rng(0).normal(1, 2, (6, n))))
    columns = {"confidence": probs.mean(0), "variability": probs.std(0), "correctness": (probs > 0.5).mean(0)}
    return pd.DataFrame(columns)


def drawn(figure):
    """(instance, 2) coordinates of every point in the first map."""
    return np.concatenate([line.get_xydata() for line in figure.axes[0].lines])


def names_in(figure):
    return {text.get_text().rsplit(" ", 2)[0]: text for text in figure.axes[0].texts}


def test_a_sample_is_drawn_once_each_and_says_so():
    given = points()
    figure = data_maps({"all": given}, "Map", most_points=50)
    assert figure.axes[0].get_title(loc="left") == "all  (a sample of 50 of 300)"
    shown = {tuple(row) for row in drawn(figure)}
    assert len(shown) == len(drawn(figure)) == 50
    assert shown <= set(given[["variability", "confidence"]].itertuples(index=False, name=None))


def test_a_map_as_large_as_the_sample_is_drawn_whole():
    figure = data_maps({"all": points()}, "Map", most_points=300)
    assert figure.axes[0].get_title(loc="left") == "all  (300 instances)"
    assert len(drawn(figure)) == 300


def test_a_sample_depends_on_its_seed_alone():
    first, again, other = (drawn(data_maps({"a": points()}, "Map", most_points=50, sample_seed=s)) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_densities_count_what_the_sample_leaves_out():
    panels = [data_maps({"a": points()}, "Map", most_points=n).axes[1].patches[0].get_data() for n in (10, 300)]
    assert np.array_equal(panels[0].values, panels[1].values)


def test_regions_are_named_with_their_shares_inside_the_map():
    given = points().assign(region=["ambiguous"] * 60 + ["easy-to-learn"] * 240)
    named = names_in(data_maps({"all": given}, "Map", most_points=10))
    assert {name: text.get_text() for name, text in named.items()} == {
        "ambiguous": "ambiguous 20.0 %",
        "easy-to-learn": "easy-to-learn 80.0 %",
    }


def test_a_region_is_named_at_its_median_where_there_is_room():
    given = pd.DataFrame({"confidence": [0.9, 0.5, 0.1], "variability": [0.15, 0.3, 0.15], "correctness": [1, 0.5, 0]})
    named = names_in(data_maps({"all": given.assign(region=["easy", "ambiguous", "hard"])}, "Map"))
    assert {name: text.get_position() for name, text in named.items()} == {
        "easy": pytest.approx((0.15, 0.9)),
        "ambiguous": pytest.approx((0.3, 0.5)),
        "hard": pytest.approx((0.15, 0.1)),
    }


@pytest.mark.parametrize("confidence", [0.0, 0.02, 0.5, 0.99, 1.0])
def test_names_of_regions_in_one_place_neither_meet_nor_leave_the_map(confidence):
    given = pd.DataFrame({"confidence": [confidence] * 4, "variability": [0.0] * 4, "correctness": [0.5] * 4})
    figure = data_maps({"all": given.assign(region=list("abcd"))}, "Map")
    heights = sorted(text.get_position()[1] for text in figure.axes[0].texts)
    assert np.diff(heights).min() > LINE - 1e-9
    assert heights[0] >= 0
    assert heights[-1] <= 1


def test_without_regions_nothing_is_named():
    assert len(data_maps({"all": points()}, "Map").axes[0].texts) == 0


@pytest.mark.skipif(not COORDINATES.exists(), reason="the published coordinates are not beside this checkout")
def test_published_winogrande_has_the_shape_the_paper_shows():
    given = pd.read_json(COORDINATES, lines=True)
    given["correctness"] /= 6  # a count in the file
    figure = data_maps({"WinoGrande": given.assign(region=regions(given))}, "Map", most_points=len(given))
    variability, confidence = drawn(figure).T
    assert len(variability) == 40_398
    assert np.corrcoef(variability, confidence)[0, 1] == pytest.approx(-0.78, abs=0.005)
    assert (variability <= np.sqrt(confidence * (1 - confidence)) + 1e-6).all()  # under the bell
    widest = variability.argmax()
    assert 0.4 < confidence[widest] < 0.6  # the bell's right end is at half
    assert rendered(figure)["png"]
