"""Reads: what was drawn and read tells how many labels are wrong in all."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

import cal
from cal.cli import main
from cal.corrections.error_count import count_errors, wrong_in
from cal.corrections.reads import PARTS, draw_reads
from cal.errors import CalError, DataError
from cal.exchange.spreadsheet import to_spreadsheet


def ranking(n, labels="HUM"):
    columns = {"row": range(1, n + 1), "id": [f"d{i}" for i in range(n)], "text": "Who?", "label": labels}
    return pd.DataFrame(columns | {"likely": "LOC", "p_wrong": 0.5, "why": "because", "aum": 0.0})


def answered(n=1000, wrong=(), seed=7, **changes):
    """Reads with verdicts, where the given ids are wrong."""
    reads = draw_reads(ranking(n), seed)
    return reads.assign(verdict=np.where(reads["id"].isin(wrong), "wrong", "right")).assign(**changes)


def test_the_first_are_all_read_and_samples_of_the_others():
    reads = draw_reads(ranking(1005), 7)
    assert [*reads] == [
        *("row", "id", "text", "label", "likely", "why", "verdict", "corrected"),
        *("part", "part_size", "draw", "documents"),
    ]
    assert reads["row"][:30].tolist() == [*range(1, 31)]
    following, rest = (reads["row"][reads["part"] == part] for part in PARTS[1:])
    assert len(following) == len(rest) == 30
    assert following.between(31, 131).all()
    assert rest.between(132, 1005).all()
    assert reads.groupby("part")["part_size"].first().to_dict() == {"first": 30, "next": 101, "rest": 874}
    assert (reads["documents"] == 1005).all()
    assert (reads[["verdict", "corrected"]] == "").all(axis=None)


@pytest.mark.parametrize(("n", "sizes"), [(1, [1]), (30, [30]), (31, [30, 1]), (34, [30, 4]), (40, [30, 4, 6])])
def test_all_of_a_small_part_are_read(n, sizes):
    reads = draw_reads(ranking(n), 7)
    assert sorted(reads["row"]) == [*range(1, n + 1)]
    assert reads.drop_duplicates("part")["part_size"].tolist() == sizes


def test_a_sample_depends_on_the_seed_alone_and_begins_a_larger_one():
    assert draw_reads(ranking(1000), 7).equals(draw_reads(ranking(1000), 7))
    assert not draw_reads(ranking(1000), 8)["row"].equals(draw_reads(ranking(1000), 7)["row"])
    larger = draw_reads(ranking(1000), 7, n_sampled=60)
    assert larger[larger["draw"] <= 30].reset_index(drop=True).equals(draw_reads(ranking(1000), 7))


def test_every_label_of_a_part_is_drawn_equally_often():
    n, rows = 80, ranking(60)[["row"]]
    drawn = pd.concat([draw_reads(rows, seed, n_sampled=3)["row"] for seed in range(n)])
    counts = drawn.value_counts().reindex(range(1, 61))
    assert (counts[:30] == n).all()
    for part, share in ((counts[30:36], 1 / 2), (counts[36:], 1 / 8)):
        z = (part - n * share) / np.sqrt(n * share * (1 - share))
        assert np.abs(z).max() < 4.5


@pytest.mark.parametrize("size", [1, 7, 40])
@pytest.mark.parametrize("alpha", [0.05, 0.3])
def test_bounds_invert_the_hypergeometric_distribution(size, alpha):
    for n_read in {0, 1, size // 2, size}:
        for n_wrong in range(n_read + 1):
            in_all = np.arange(size + 1)
            few = hypergeom.cdf(n_wrong, size, in_all, n_read) > alpha / 2
            many = hypergeom.sf(n_wrong - 1, size, in_all, n_read) > alpha / 2
            possible = np.flatnonzero(few & many & (in_all >= n_wrong) & (in_all <= size - n_read + n_wrong))
            assert wrong_in(size, n_read, n_wrong, alpha=alpha) == (possible[0], possible[-1])


def test_bounds_grow_with_what_was_found_and_shrink_with_what_was_read():
    bounds = np.array([wrong_in(500, 30, n_wrong) for n_wrong in range(31)])
    assert (np.diff(bounds, axis=0) > 0).all()
    widths = [np.subtract(*wrong_in(500, n_read, 0)[::-1]) for n_read in (0, 10, 30, 100, 499, 500)]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == 500
    assert widths[-1] == 0


@pytest.mark.parametrize(("of_next", "of_rest", "n"), [(40, 360, 10), (546, 4876, 30), (12, 90, 30)])
def test_the_interval_holds_the_number_at_least_95_times_in_100_wherever_errors_are(of_next, of_rest, n):
    alpha = 0.05 / 2 if of_next > n else 0.05
    reads = [min(n, of_next), min(n, of_rest)]
    bounds = [
        np.array([wrong_in(size, read, x, alpha=alpha) for x in range(read + 1)])
        for size, read in zip((of_next, of_rest), reads, strict=True)
    ]
    low = bounds[0][:, None, 0] + bounds[1][None, :, 0]  # (wrong of next, wrong of rest)
    high = bounds[0][:, None, 1] + bounds[1][None, :, 1]
    coverage = [
        hypergeom.pmf(np.arange(reads[0] + 1), of_next, a, reads[0])
        @ ((low <= a + b) & (a + b <= high))
        @ hypergeom.pmf(np.arange(reads[1] + 1), of_rest, b, reads[1])
        for a in np.unique(np.linspace(0, of_next, 15).astype(int))
        for b in np.unique(np.linspace(0, of_rest, 40).astype(int))
    ]
    assert min(coverage) >= 0.95


def test_drawing_reading_and_counting_miss_the_number_rarely():
    generator, misses = np.random.default_rng(0), 0
    for seed in range(30):
        wrong = {f"d{i}" for i in range(300) if generator.random() < (0.5 if i < 30 else 0.1 if i < 60 else 0.02)}
        counted = count_errors(answered(300, wrong, seed))
        misses += not counted.low <= len(wrong) <= counted.high
    assert misses <= 3


def test_what_is_said():
    counted = count_errors(answered(5452, {f"d{i}" for i in range(12)}))
    assert counted.verdict == (
        "You read 90 of 5,452 labels and found 12 wrong. In all about 12 are wrong (95 % interval 12 to 744)."
    )
    assert counted.to_frame()["low"].tolist() == [12, 0, 0]
    assert "first of the ranking" in str(counted)
    assert counted._repr_html_().startswith("<p>You read 90")


@pytest.mark.parametrize("n_wrong", [0, 5])
@pytest.mark.parametrize("n", [28, 60])
def test_all_read_is_exact(n, n_wrong):
    counted = count_errors(answered(n, {f"d{i}" for i in range(n_wrong)}))
    assert counted.low == counted.high == counted.estimate == n_wrong
    assert counted.verdict == f"You read all {n} labels and found {n_wrong} wrong."


def test_a_part_that_is_read_to_its_end_is_known():
    counted = count_errors(answered(200, {"d0", "d35"}))
    assert counted.parts[1] == ("next", 20, 20, 1, 0, 0, 1, 1)
    assert counted.parts[2].high == wrong_in(150, 30, 0)[1]  # the whole of 5 % is for the one part that was sampled


def test_only_the_unbroken_beginning_of_a_draw_counts():
    reads = answered()
    reads.loc[(reads["part"] == "rest") & (reads["draw"] == 11), "verdict"] = ""
    counted = count_errors(reads)
    assert counted.parts[2][2:6] == (10, 0, 0, 19)
    assert "19 verdicts are left out" in str(counted)
    assert count_errors(reads[reads["verdict"] != ""]) == counted  # a reader may remove what was not read
    assert count_errors(reads.sample(frac=1, random_state=0)) == counted  # and sort


def test_how_many_more_reads_would_halve_the_interval():
    counted = count_errors(answered(5452, {"d0"}))
    part, n = counted.parts[2], counted.parts[2].read + counted.to_halve
    others = (counted.high - counted.low) - (part.high - part.low)
    widths = [others + np.subtract(*wrong_in(part.size, each, 0, alpha=0.025)[::-1]) for each in (n - 1, n)]
    assert widths[1] <= (counted.high - counted.low) / 2 < widths[0]
    assert f"Reading about {counted.to_halve} more labels of part rest would halve it." in str(counted)
    assert count_errors(answered(28)).to_halve is None


def test_unsure_is_right_in_the_lower_bound_and_wrong_in_the_upper():
    reads = answered(wrong={"d0"})
    reads.loc[[1, 60], "verdict"] = "unsure"
    counted = count_errors(reads)
    assert (counted.parts[0].low, counted.parts[0].high) == (1, 2)
    assert counted.parts[2].low == 0
    assert counted.parts[2].high == wrong_in(870, 30, 1, alpha=0.025)[1]
    assert "and are unsure about 2." in counted.verdict


def test_no_number_is_shown_for_what_was_not_read():
    reads = answered(wrong={"d0"})
    reads.loc[reads["part"] == "rest", "verdict"] = ""
    counted = count_errors(reads)
    assert (counted.high, counted.estimate) == (None, None)
    assert "Nobody can tell" in counted.verdict
    assert "about" not in counted.verdict
    assert counted.parts[2].low is None
    assert "unknown" in str(counted)
    assert counted.to_frame()["high"].isna().tolist() == [False, False, True]


def test_labels_of_the_first_part_without_a_verdict_may_be_wrong_or_right():
    reads = answered(wrong={"d0"})
    reads.loc[5:9, "verdict"] = ""
    first = count_errors(reads).parts[0]
    assert (first.low, first.high) == (1, 6)


@pytest.mark.parametrize(
    ("words", "expected"),
    [(("Right", " WRONG ", "?"), (1, 1, 1)), (("r", "w.", "U"), (1, 1, 1)), (("RIGHT", "Wrong!", "unsure"), (1, 1, 1))],
)
def test_verdicts_are_read_with_forgiveness(words, expected):
    (part,) = count_errors(draw_reads(ranking(3), 7).assign(verdict=words)).parts
    assert (part.read - part.wrong - part.unsure, part.wrong, part.unsure) == expected


def test_a_corrected_label_is_a_verdict():
    reads = draw_reads(ranking(3), 7).assign(corrected=["LOC", "HUM", ""], verdict=["", "", "r"])
    (part,) = count_errors(reads).parts
    assert (part.read, part.wrong) == (3, 1)
    with pytest.raises(DataError, match=r"row 2: the verdict is wrong, but the label is 'HUM' and corrected is 'HUM'"):
        count_errors(reads.assign(verdict=["wrong", "wrong", ""]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda reads: reads.assign(verdict=""), "no verdicts yet. Write right, wrong or unsure"),
        (lambda reads: reads.drop(columns="draw"), "no column 'draw'"),
        (lambda reads: reads.drop(columns=["verdict", "corrected"]), "neither a column 'verdict' nor 'corrected'"),
        (
            lambda reads: reads.assign(verdict="yes"),
            "rows 1, 2, 3, 4, 5 and 85 more: the verdict is 'yes'. It may",
        ),
        (lambda reads: reads.assign(verdict=["rihgt", *["r"] * 89]), "row 1: the verdict is 'rihgt'. Write right"),
        (lambda reads: pd.concat([reads, reads.tail(1)]), "another row has the same part and draw"),
        (lambda reads: reads.assign(part_size=reads["part_size"] + 1), "do not fit together"),
        (lambda reads: reads.assign(draw=reads["draw"] + 1), "do not fit together"),
        (lambda reads: reads.assign(draw=["x", *reads["draw"][1:]]), "row 1: column 'draw' holds 'x'"),
        (lambda reads: reads.assign(part="frist"), "part is 'frist'"),
        (lambda reads: reads[reads["part"] == "first"], "no rows of part next and rest"),
        (lambda reads: [1, 2], "must be a file"),
    ],
)
def test_what_was_changed_is_refused_with_what_to_do(change, said):
    with pytest.raises(DataError) as refused:
        count_errors(change(answered()))
    assert said in str(refused.value)


@pytest.mark.parametrize("numbers", [(5, 6, 0), (5, 3, 4), (-1, 0, 0), (5, 2, "1")])
def test_numbers_that_cannot_be_are_refused(numbers):
    with pytest.raises(CalError):
        wrong_in(*numbers)


@pytest.mark.parametrize("words", [["--read", "FILE"], ["read=FILE"], ["--read", "FOLDER"]])
def test_the_command_reads_what_a_spreadsheet_saved(words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "to_read.csv"
    file.write_bytes(to_spreadsheet(answered(wrong={"d0"})).decode("utf-8-sig").replace(",", ";").encode("utf-16"))
    names = {"FILE": str(file), "FOLDER": str(tmp_path)}
    for old, new in names.items():
        words = [word.replace(old, new) for word in words]
    assert main(["suspects", *words]) == 0
    out = capsys.readouterr().out
    assert out.startswith("You read 90 of 1,000 labels and found 1 wrong. In all about 1 is wrong")
    assert "Suspects:" not in out
    assert list(tmp_path.iterdir()) == [file]


def test_verdicts_alone_are_read(tmp_path, capsys):
    assert main(["suspects", "--read", "a.csv", "dataset=docstrings"]) == 1
    assert "Leave dataset, map and logs out" in capsys.readouterr().err
    with pytest.raises(CalError, match=r"cal\.count_errors"):
        cal.suspects(read=tmp_path / "a.csv")
