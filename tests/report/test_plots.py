"""Figures show the numbers they are given, distinguish every strategy, and are the same every time."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from scipy import stats

from cal.report import map_plots, plots
from cal.report.batches import batch_statistics, overlap
from cal.report.plot_style import label, line_style, rendered

TWELVE = [f"strategy {k}" for k in range(12)]


def test_no_two_of_twelve_strategies_look_alike_without_colour():
    looks = {(line_style(TWELVE, name)["marker"], str(line_style(TWELVE, name)["linestyle"])) for name in TWELVE}
    assert len(looks) == 12


def test_the_first_eight_strategies_differ_in_colour_on_white():
    colours = [np.array(to_rgb(line_style(TWELVE, name)["color"])) for name in TWELVE[:8]]
    assert min(np.linalg.norm(a - b) for k, a in enumerate(colours) for b in colours[:k]) > 0.2
    assert max(colour @ [0.2126, 0.7152, 0.0722] for colour in colours) < 0.75


def test_band_is_the_t_interval_of_the_mean(curves_of):
    figure = curves_of(seeds=range(6)).plot()
    run = curves_of(seeds=range(6)).rounds.query("strategy == 'cal' and round == 4")["accuracy"]
    low, high = stats.t.interval(0.95, 5, loc=run.mean(), scale=stats.sem(run))
    band = figure.axes[3].collections[0].get_paths()[0].vertices
    at_end = band[band[:, 0] == 80, 1]
    assert (at_end.min(), at_end.max()) == pytest.approx((low, high))


def test_titles_name_the_strategies_with_the_largest_mean_area_whatever_they_reach_at_the_end(curves_of):
    areas = {"random": np.array([0.7, 0.8]), "entropy": np.array([0.6, 0.9]), "cal": np.array([0.7, 0.7])}
    for figure in (
        plots.learning_curves(curves_of().rounds, areas, 0.75),  # in which cal ends highest
        plots.area_strips(areas, list(areas)),
    ):
        assert figure.axes[0].get_title(loc="left").endswith(": random, entropy")


def test_each_panel_shows_every_curve_in_grey(curves_of):
    means = curves_of().rounds.groupby(["strategy", "n_labelled"])["accuracy"].mean()
    for panel in curves_of().plot().axes[1:]:
        x, y = panel.lines[0].get_data()
        shown = sorted(zip(x[~np.isnan(y)], y[~np.isnan(y)], strict=True))
        assert shown == sorted((n_labelled, mean) for (_, n_labelled), mean in means.items())


@pytest.mark.parametrize("n", [1, 7, 25])
def test_every_name_in_a_legend_lies_inside_the_figure(curves_of, n):
    strategies = [f"{k} with a name as long as any" for k in range(n)]
    curves = curves_of(strategies, seeds=[1], n_rounds=2)
    for figure in (
        curves.plot(),
        plots.batch_panels(batch_statistics(curves.rounds), strategies),
    ):
        figure.get_layout_engine().execute(figure)
        legend = (*figure.legends, *(axes.get_legend() for axes in figure.axes[:1] if axes.get_legend()))[0]
        box, page = legend.get_window_extent(), figure.bbox
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1


def test_matrix_prints_every_value_off_the_diagonal():
    eps_min = np.array([[np.nan, 0.05], [0.95, np.nan]])
    figure = plots.eps_min_matrix(eps_min, ["a", "b"], 0.2)
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["0.05", "0.95"]
    assert len(figure.axes[0].patches) == 1  # the frame of the dominant cell


def test_overlap_of_nothing_is_drawn(curves_of):
    pairs = overlap(curves_of().acquired, ["random", "cal"], n_open=400).assign(shared=0.0, ratio=0.0)
    axes = plots.overlap_matrix(pairs, ["random", "cal"]).axes[0]
    assert [text.get_text() for text in axes.texts] == ["0.0×", "0.0×"]
    cells = axes.collections[0]
    assert not np.ma.is_masked(cells.norm(cells.get_array()[0, 1]))  # coloured, not left blank


def test_bars_add_up_to_the_seconds_of_a_run(curves_of):
    figure = plots.seconds_bars(curves_of().rounds, ["random", "entropy", "cal"])
    assert [text.get_text().strip() for text in figure.axes[0].texts] == ["13.0 s"] * 3  # 5 rounds of 2 + .1 + .5


def test_data_map_draws_every_instance_once():
    points = pd.DataFrame(
        np.random.default_rng(0).uniform(0, 0.5, (500, 3)), columns=["confidence", "variability", "correctness"]
    )
    points.loc[:2, "correctness"] = [0.0, 0.2, 1.0]
    figure = map_plots.data_maps({"seed set": points}, "Seed map")
    assert sum(len(line.get_xdata()) for line in figure.axes[0].lines) == 500


def test_density_panels_sum_to_a_hundred_percent():
    points = pd.DataFrame({"confidence": [0, 0.5, 1.0], "variability": [0, 0.2, 0.5], "correctness": [0, 0.5, 1.0]})
    figure = map_plots.data_maps({"seed set": points}, "Seed map")
    for panel in figure.axes[1:]:
        assert panel.patches[0].get_data().values.sum() == pytest.approx(100)


def test_equal_figures_are_equal_files(curves_of):
    first, second = (rendered(plots.seconds_bars(curves_of().rounds, ["random", "cal", "entropy"])) for _ in range(2))
    assert first == second


def test_plots_leave_the_settings_of_matplotlib_alone(curves_of):
    before = dict(mpl.rcParams)
    rendered(plots.area_strips({"cal": np.array([0.7, 0.8])}, ["cal"]))
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", ["_hidden", "$x_1$ and $", "中文", "a" * 80])
def test_unusual_names_are_drawn_as_they_are(name):
    figure = plots.area_strips({name: np.array([0.7, 0.8])}, [name])
    assert rendered(figure)["png"]
    assert figure.axes[0].get_yticklabels()[0].get_text() == label(name)
