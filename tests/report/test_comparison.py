"""The comparison of many strategies, from scores of any kind."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest

from cal.errors import AnalysisError, ConfigError
from cal.report import aso, aso_matrix, compare


def scores(n: int, mean: float, seed: int) -> np.ndarray:
    return mean + 0.01 * np.random.default_rng(seed).standard_normal(n)


def test_matrix_is_bonferroni_corrected_over_pairs():
    named = {name: scores(12, 0.8 + 0.003 * k, k) for k, name in enumerate("abcd")}
    comparison = aso_matrix(named, n_bootstrap=20_000)
    assert comparison.n_comparisons == 6
    for (row, a), (column, b) in combinations(enumerate("abcd"), 2):
        expected = aso(named[a], named[b], n_comparisons=6, n_bootstrap=20_000, seed=1)
        assert comparison.eps_min[row, column] == pytest.approx(expected, abs=0.02)


def test_deepsig_matrix_holds_the_engine_both_ways():
    named = {name: scores(6, 0.8 + 0.006 * k, k) for k, name in enumerate("abc")}
    matrix = aso_matrix(named, n_bootstrap=10, engine="deepsig").eps_min
    for row, column in [(0, 2), (2, 0)]:
        pair = named["abc"[row]], named["abc"[column]]
        assert matrix[row, column] == aso(*pair, n_comparisons=3, n_bootstrap=10, engine="deepsig")


def test_another_strategy_leaves_uncorrected_p_values_as_they_are():
    named = {name: scores(8, 0.8 + 0.003 * k, k) for k, name in enumerate("abc")}
    fewer = aso_matrix({name: named[name] for name in "ab"})
    np.testing.assert_array_equal(aso_matrix(named).uncorrected[:2, :2], fewer.uncorrected)


def test_the_order_of_strategies_changes_no_bound():
    named = {name: scores(8, 0.8 + 0.003 * k, k) for k, name in enumerate("abc")}
    one, other = aso_matrix(named), aso_matrix({name: named[name] for name in "cab"})
    moved = [other.names.index(name) for name in one.names]
    np.testing.assert_array_equal(one.eps_min, other.eps_min[np.ix_(moved, moved)])


def test_same_strategy_twice_is_not_called_better():
    same = scores(12, 0.8, 1)
    comparison = aso_matrix({"a": same, "b": same})
    assert comparison.verdicts() == ["No difference is shown for 1 of 1 pairs: a – b."]


def test_headline_names_the_best_and_what_it_beats():
    named = {"low": scores(12, 0.7, 1), "high": scores(12, 0.9, 2)}
    assert "high has the highest mean score" in aso_matrix(named).headline()
    assert "better than low by ASO and the permutation test" in aso_matrix(named).headline()


def test_one_seed_gives_no_verdict():
    comparison = aso_matrix({"a": [0.7], "b": [0.9]})
    assert comparison.verdicts() == [comparison.headline()]
    assert "any difference may be chance" in comparison.headline()


def test_five_seeds_are_warned_about_and_cannot_be_confirmed():
    few, impossible = aso_matrix({"a": scores(5, 0.7, 1), "b": scores(5, 0.9, 2)}).warnings()
    assert "5 per strategy" in few
    assert "2/2^5 = 0.0625" in impossible
    assert "At least 6 seeds" in impossible


def test_twelve_seeds_of_two_strategies_need_no_warning():
    assert aso_matrix({"a": scores(12, 0.7, 1), "b": scores(12, 0.9, 2)}).warnings() == []


def test_strategies_with_unequal_seeds_are_compared_unpaired_only():
    named = {"a": scores(12, 0.7, 1), "b": scores(11, 0.9, 2)}
    with pytest.raises(AnalysisError, match="paired=False"):
        aso_matrix(named)
    comparison = aso_matrix(named, paired=False)
    assert np.isnan(comparison.p_values).all()
    assert "permutation test is left out" in comparison.warnings()[0]


LONG = "strategy,seed,score\n" + "".join(
    f"{name},{k},{mean + k / 999}\n" for k in range(12) for name, mean in (("lc", 0.7), ("cal", 0.8))
)
WIDE = "seed,lc,cal\n" + "".join(f"{k},{0.7 + k / 999},{0.8 + k / 999}\n" for k in range(12))


def test_long_and_wide_files_give_the_same_comparison(tmp_path):
    (tmp_path / "long.csv").write_text(LONG)
    (tmp_path / "wide.csv").write_text(WIDE)
    long, wide = (str(compare(tmp_path / name)) for name in ("long.csv", "wide.csv"))
    assert long.replace("long.csv", "wide.csv") == wide
    assert "cal is better than lc" in wide


def test_curves_file_is_compared_by_area(tmp_path, curves_of):
    curves_of(seeds=range(12)).rounds.to_csv(tmp_path / "curves.csv", index=False)
    assert "area under the learning curve" in str(compare(tmp_path / "curves.csv"))


def test_file_with_unequal_seeds_leaves_the_paired_test_out(tmp_path):
    (tmp_path / "s.csv").write_text(LONG.rsplit("\n", 2)[0])
    text = str(compare(tmp_path / "s.csv"))
    assert "permutation test is left out" in text
    assert "Two-sided" not in text


def test_file_with_other_seeds_of_equal_number_is_unpaired_too(tmp_path):
    (tmp_path / "s.csv").write_text(LONG.replace("cal,11,", "cal,99,"))
    assert "permutation test is left out" in str(compare(tmp_path / "s.csv"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("strategy,seed\ncal,1\n", "no 'score'"),
        ("lc,cal\n0.1,\n", "row 1: column 'cal' is empty"),
        ("lc,cal\n0.1,high\n", "'high'"),
        ("lc,cal\n0.1,inf\n", "'inf'"),
        ("lc,cal\n0.1,1_0\n", "'1_0'"),
        ("lc;cal\n71,123;82,123\n72,123;83,123\n", "decimals or thousands"),
        ("lc;cal\n0,71;0,82\n0.72;0,81\n", "decimals or thousands"),
        ("seed,fold,cal\n1,1,0.5\n", "1 column of scores beside 'seed' and 'fold'"),
        ("strategy,seed,score\ncal,,0.5\n", "'seed' is empty"),
        ("strategy,seed,Seed,score\ncal,1,1,0.5\n", "two columns, 'seed' and 'Seed'"),
        ("strategy,seed,round,n_labelled,accuracy\ncal,x,0,10,0.5\n", "'seed' holds 'x'"),
        ("strategy,seed,round,n_labelled,accuracy\ncal,1,0.5,10,0.5\n", "are whole numbers"),
        ("cal\n0.1\n0.2\n", "at least 2"),
        ("strategy,seed,score\ncal,1,0.5\ncal,1,0.6\n", "rows 1 and 2 repeat a strategy and seed: cal, 1"),
        ("", "has no rows"),
    ],
)
def test_unusable_files_are_explained(tmp_path, content, message):
    (tmp_path / "s.csv").write_text(content)
    with pytest.raises(AnalysisError, match=message):
        compare(tmp_path / "s.csv")


@pytest.mark.parametrize(
    "counter",
    ["Unnamed: 0", "Seed", "run", "fold", "index", "", "RunID", "trial no.", "random_state", "rep", "Versuch"],
)
@pytest.mark.parametrize("as_frame", [False, True])
def test_a_column_that_numbers_the_rows_is_no_strategy(tmp_path, counter, as_frame):
    frame = pd.DataFrame({counter: range(12), "lc": scores(12, 0.7, 1), "cal": scores(12, 0.8, 2)})
    frame.to_csv(tmp_path / "s.csv", index=False)
    comparison = compare(frame if as_frame else tmp_path / "s.csv")
    assert comparison.names == ("lc", "cal")
    assert repr(counter) in str(comparison)


def test_a_column_of_settings_beside_scores_from_0_to_1_is_no_strategy():
    frame = pd.DataFrame({"batch_size": [32] * 12, "lc": scores(12, 0.7, 1), "cal": scores(12, 0.8, 2)})
    comparison = compare(frame)
    assert comparison.names == ("lc", "cal")
    assert "'batch_size' holds whole numbers" in str(comparison)
    assert compare(frame.assign(lc=70, cal=81)).names == ("batch_size", "lc", "cal")


@pytest.mark.parametrize(
    "text",
    ["lc;cal\n0,71;0,81\n0,72;0,82\n", "lc\tcal\n0.71\t0.81\n0.72\t0.82\n", 'lc,cal\n",71","0,81"\n0.72,"0,820"\n'],
)
def test_separators_and_decimal_commas_are_read(tmp_path, text):
    (tmp_path / "s.csv").write_text(text.replace("0.72,", '"0,72",'))
    given = compare(tmp_path / "s.csv").scores
    assert {name: values.tolist() for name, values in given.items()} == {"lc": [0.71, 0.72], "cal": [0.81, 0.82]}


def test_what_reads_and_separates_a_file_can_be_named(tmp_path):
    (tmp_path / "s.csv").write_bytes("strategy^seed^score\nä^1^.7\nö^1^.8\n".encode("latin-1"))
    assert compare(tmp_path / "s.csv", encoding="latin-1", separator="^").names == ("ä", "ö")
    with pytest.raises(AnalysisError, match="--encoding=cp1252"):
        compare(tmp_path / "s.csv", separator="^")
    with pytest.raises(ConfigError, match="are for files"):
        compare({"a": [0.1], "b": [0.2]}, separator=";")


NAMELESS = [
    *(pd.DataFrame([[0.1, 0.2]], columns=names) for names in (["a", None], ["a", " A"], ["a", "a"], ["a", "nan"])),
    *({"a": [0.1], name: [0.2]} for name in (None, "", "A ")),
    *(
        pd.DataFrame({"strategy": names, "seed": [1, 1], "score": [0.1, 0.2]})
        for names in (["a", None], ["a", float("nan")], ["a", "None"], ["a", "A"])
    ),
]


@pytest.mark.parametrize("given", NAMELESS)
def test_strategies_have_names_of_their_own(given):
    with pytest.raises(AnalysisError, match=r"name|empty"):
        compare(given)


def test_names_are_the_same_with_blanks_around_them(tmp_path):
    (tmp_path / "s.csv").write_text("Strategy, Seed, Score\ncal,1,.8\nlc,1,.7\n cal ,2,.9\nlc ,2,.8\n")
    assert compare(tmp_path / "s.csv").names == ("cal", "lc")


def test_seeds_are_numbers_where_they_can_be(tmp_path):
    rows = [("a", "9", 0.1), ("a", "10", 0.2), ("b", "10.0", 0.4), ("b", "9", 0.3)]
    frame = pd.DataFrame(rows, columns=["strategy", "seed", "score"])
    comparison = compare(frame)
    assert comparison.paired
    assert [values.tolist() for values in comparison.scores.values()] == [[0.1, 0.2], [0.3, 0.4]]


def test_scores_of_another_kind_are_refused():
    with pytest.raises(AnalysisError, match="a path, a data frame or a mapping, not list"):
        compare([0.1, 0.2])


def test_missing_file_is_explained(tmp_path):
    with pytest.raises(AnalysisError, match="There is no file"):
        compare(tmp_path / "none.csv")


def test_a_data_frame_is_compared_as_its_file(tmp_path):
    (tmp_path / "scores").write_text(LONG)
    frame = pd.read_csv(tmp_path / "scores")
    before = frame.copy()
    assert str(compare(frame)) == str(compare(tmp_path / "scores"))
    pd.testing.assert_frame_equal(frame, before)


def test_a_mapping_is_compared_as_the_wide_table_of_it():
    named = {"lc": scores(8, 0.7, 1), "cal": scores(8, 0.8, 2)}
    assert str(compare(named)) == str(compare(pd.DataFrame(named)))


def test_a_mapping_of_unequal_numbers_of_scores_is_unpaired():
    assert not compare({"a": scores(12, 0.7, 1), "b": scores(11, 0.9, 2)}).paired


def test_a_bad_cell_of_a_data_frame_is_named_by_its_row():
    frame = pd.DataFrame({"lc": [0.1, 0.2], "cal": [0.1, np.nan]}, index=["one", "two"])
    with pytest.raises(AnalysisError, match="The data frame, index two: column 'cal' is empty"):
        compare(frame)


def test_the_frame_holds_both_matrices():
    comparison = compare({name: scores(12, 0.8 + 0.005 * k, k) for k, name in enumerate("abc")})
    frame = comparison.to_frame().set_index(["strategy", "other"])
    assert list(frame.index) == list(permutations("abc", 2))
    for (a, row), (b, column) in permutations(enumerate("abc"), 2):
        pair = frame.loc[(row, column)]
        assert pair["eps_min"] == comparison.eps_min[a, b]
        assert pair["p_value"] == comparison.p_values[a, b]
        assert pair["dominates"] == comparison.dominates(a, b)
        assert pair["difference"] == pytest.approx(-frame.loc[(column, row), "difference"])


def test_a_comparison_shows_itself():
    comparison = compare({"a_1": scores(12, 0.7, 1), "<b>": scores(12, 0.9, 2)})
    assert repr(comparison) == "Comparison of 'scores': 2 strategies, 12 seeds"
    assert len(comparison.plot().axes[0].patches) == 1  # the frame of the dominant cell
    html = comparison._repr_html_()
    assert "<table>" in html
    assert "data:image/svg" in html
    assert "<b>" not in html
    assert comparison.to_latex().count(r"\begin{tabular}") == 3


def test_one_seed_is_shown_without_a_matrix():
    comparison = compare({"a": [0.7], "b": [0.9]})
    assert "svg" not in comparison._repr_html_()
    with pytest.raises(AnalysisError, match="two seeds or more"):
        comparison.plot()
