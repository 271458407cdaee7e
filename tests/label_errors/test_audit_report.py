"""Audit report: tables, sentences and figures say what the frames hold."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from cal.label_errors.audit import AuditResult, Cell
from cal.label_errors.audit_classes import class_table
from cal.label_errors.audit_report import audit_document, audit_text, recall_figure
from cal.label_errors.audit_tables import (
    cleaning_table,
    detector_table,
    injections,
    mean_over_seeds,
    means_of,
)
from cal.label_errors.detection_scores import CURVE, class_scores, detection_scores, recall_curve
from cal.label_errors.detectors import Detection
from cal.label_errors.error_estimate import ErrorEstimate
from cal.report.markup import to_html, to_markdown

N = 200


def make_result(seeds=(1, 2, 3), noises=("uniform", "annotator"), mended=True, signal=3, untold=(), n_test=None):
    """An audit of made-up scores: `sharp` finds more than `blunt`, which flags and estimates."""
    rows = {"scores": [], "curves": [], "accuracies": [], "classes": []}
    for noise, seed in product(noises, seeds):
        cell, rng = Cell(noise, 0.1, seed)._asdict(), np.random.default_rng([seed, len(noise)])
        wrong = rng.permutation(N) < 20
        right = np.arange(N) % 2
        scores = {
            name: rng.normal(size=N) + signal * wrong for name, signal in (("blunt", min(signal, 1)), ("sharp", signal))
        }
        estimate = ErrorEstimate(*[wrong.astype(float)] * 3, 18.0 + seed, 11.0, 31.0)
        for name, score in scores.items():
            flagged, said = (score > 0, estimate) if name == "blunt" else (None, None)
            reason = "Classes are too small." if name == "blunt" and seed in untold else ""
            said = None if reason else said
            detection = Detection(score, flagged=flagged, estimate=said, no_estimate=reason, seconds=2.5)
            which = cell | {"detector": name}
            rows["scores"].append(which | detection_scores(detection, wrong))
            curve = zip(CURVE, recall_curve(score, wrong), strict=True)
            rows["curves"] += [which | {"reviewed": x, "recall": y} for x, y in curve]
            rows["classes"] += [which | row for row in class_scores(score, right, right ^ wrong, ["no", "yes"])]
        kinds = [("as is", "", 0), ("clean", "", 20), *product(("fix", "drop"), ("sharp", "random"), (10,))]
        rows["accuracies"] += [
            cell | {"treatment": t, "detector": d, "k": k, "accuracy": rng.uniform(), "macro_f1": rng.uniform()}
            for t, d, k in kinds
            if mended
        ]
    scores = pd.DataFrame(rows["scores"])
    numbers = [name for name in scores if name not in (*Cell._fields, "detector", "no_estimate")]
    frames = {name: pd.DataFrame(rows[name]) for name in ("curves", "accuracies", "classes")}
    pairs = [(name, 1, 2, overlap) for name, overlap in (("blunt", 0.2), ("sharp", 0.8)) if len(seeds) > 1]
    frames["stability"] = pd.DataFrame(pairs, columns=["detector", "seed", "other", "overlap"])
    return AuditResult(scores.astype(dict.fromkeys(numbers, float)), **frames, about={"n_test": n_test})


@pytest.fixture(scope="module")
def result():
    return make_result()


def row_of(table, name):
    (row,) = [row for row in table.rows if row[0] == name]
    return dict(zip(table.header[1:], row[1:], strict=True))


def mean_of(result, column, detector, noise="uniform"):
    scores = result.scores
    return scores.loc[(scores["noise"] == noise) & (scores["detector"] == detector), column].mean()


def test_an_interval_is_of_all_resamples_of_seeds():
    values = np.array([0.1, 0.35, 0.4, 0.9])
    means = [np.mean(drawn) for drawn in product(values, repeat=4)]  # all 256 are equally likely
    mean = mean_over_seeds(values)
    assert mean.mean == pytest.approx(0.4375)
    np.testing.assert_allclose(mean[1:], np.quantile(means, [0.025, 0.975]), atol=0.02)


def test_seeds_without_a_number_are_left_out():
    assert mean_over_seeds(np.array([0.5, np.nan])).percent() == "50 %"
    assert mean_over_seeds(np.array([np.nan])).decimals() == "–"


def test_the_table_holds_means_over_seeds(result):
    table = detector_table(injections(result)[0])
    row = row_of(table, "blunt")
    assert row["AP"].startswith(f"{mean_of(result, 'average_precision', 'blunt'):.3f} [")
    assert row["found at 20 %"] == f"{100 * mean_of(result, 'recall_at_20', 'blunt'):.0f} %"
    assert row["wrong of first 5 %"] == f"{100 * mean_of(result, 'precision_at_5', 'blunt'):.0f} %"
    assert row["seconds"] == "2.5"


def test_means_are_of_every_measure_of_every_detector(result):
    means = means_of(result).set_index(["noise", "detector", "measure"])
    row = means.loc["annotator", "blunt", "recall_at_10"]
    assert row["mean"] == pytest.approx(mean_of(result, "recall_at_10", "blunt", "annotator"))
    assert row["low"] <= row["mean"] <= row["high"]
    assert len(means) == 2 * 2 * (len(result.scores.columns) - 5)


def test_detectors_stand_between_what_is_possible_and_chance(result):
    table = detector_table(injections(result)[0])
    assert [row[0] for row in table.rows] == ["at most", "sharp", "blunt", "at random"]
    assert row_of(table, "at most")["found at 5 %"] == "50 %"  # 10 of 20
    assert row_of(table, "at random")["AP"] == "0.100"


def test_gains_are_paired_by_seed(result):
    part = injections(result)[0]
    row = row_of(cleaning_table(part), "10 by sharp")
    wide = part.accuracies.pivot(index="seed", columns=["treatment", "detector"], values="accuracy")
    gains = (wide["fix", "sharp"] - wide["as is", ""]).to_numpy()
    expected = mean_over_seeds(gains)
    assert row["accuracy, fixed"] == f"{wide['fix', 'sharp'].mean():.3f}"
    assert cleaning_table(part).rows[1][2] == expected.decimals("+.3f")
    over_random = (wide["fix", "sharp"] - wide["fix", "random"]).to_numpy()
    expected = mean_over_seeds(over_random)
    assert cleaning_table(part).rows[1][3] == expected.decimals("+.3f")


def test_the_text_begins_with_what_to_use_and_what_that_finds(result):
    text = audit_text(result, "made up")
    recall = 100 * mean_of(result, "recall_at_5", "sharp")
    assert f"Uniform noise, 10 %: Reading 5 % (10 documents) by sharp finds {recall:.0f} % [" in text
    assert text.startswith("Use sharp on this corpus: in the 5 % of the documents that it ranks first, it finds ")


def test_flags_and_estimates_are_told_where_a_detector_gives_them(result):
    text = audit_text(result, "made up")
    share, precision, recall = (
        100 * mean_of(result, column, "blunt") for column in ("flagged_share", "flag_precision", "flag_recall")
    )
    said = next(line for line in text.splitlines() if "flags" in line)
    for number in (share, precision, recall):
        assert f" {number:.0f} % [" in said
    assert "blunt estimates 20 wrong labels (its interval: 11 to 31" in text
    assert "sharp flags" not in text
    assert "sharp estimates" not in text


def test_where_a_number_cannot_be_estimated_the_reason_is_told():
    text = audit_text(make_result(untold=[2], noises=["uniform"]), "made up")
    assert "blunt estimates 20 wrong labels (its interval: 11 to 31; means over 2 seeds); 20 were injected." in text
    assert "blunt gives no number of wrong labels with 1 of 3 seeds: Classes are too small." in text
    text = audit_text(make_result(untold=[1], seeds=[1], noises=["uniform"]), "made up")
    assert "blunt estimates" not in text
    assert "blunt gives no number of wrong labels: Classes are too small." in text


@pytest.mark.parametrize(("given", "said"), [
    ({"signal": 0}, "No detector is of use on this corpus: in its first "),
    ({"n_test": 3}, "Accuracy is measured on 3 test documents, each worth 33 points"),
    ({}, "Brackets hold 95 % intervals of the mean over 3 seeds"),
    ({"seeds": [1]}, "With one seed there are no intervals"),
])  # fmt: skip
def test_text_and_document_say_what_the_numbers_do_not_tell(given, said):
    result = make_result(**given)
    page = to_markdown(audit_document(result, "made up", "{}")[0])
    assert said in audit_text(result, "made up")
    assert said in page


def test_what_can_be_told_is_not_warned_of():
    text = audit_text(make_result(n_test=500), "made up")
    for said in ("of no use", "mostly chance", "test documents"):
        assert said not in text


def test_few_wrong_labels_are_down_to_chance():
    result = make_result(seeds=[1])
    result = replace(result, scores=result.scores.assign(n_wrong=1.0))
    text = audit_text(result, "made up")
    assert "With 1 wrong label per seed, the numbers are mostly chance. Use higher rates" in text
    assert "Uniform noise, 10 % (1 wrong label)" in text


def test_the_document_has_a_section_and_a_figure_for_each_injection(result):
    document, figures = audit_document(result, "made up", "{}")
    titles = [section.title for section in document.sections]
    assert titles == ["Summary", "Uniform noise, 10 %", "Annotator noise, 10 %", "Setting"]
    assert list(figures) == ["recall_uniform_10", "recall_annotator_10"]
    page = to_html(document, {name: b"<svg/>" for name in figures})
    for text in (page, to_markdown(document)):
        assert "injected errors" in text
        assert f"{mean_of(result, 'average_precision', 'sharp', 'annotator'):.3f} " in text


def test_the_verdict_is_what_to_use(result):
    document, _ = audit_document(result, "made up", "{}")
    assert document.verdict == audit_text(result, "made up").splitlines()[0]


def test_the_overview_says_what_stays_with_another_seed_and_what_a_ranking_costs(result):
    text = audit_text(result, "made up").splitlines()
    header, *rows = text[5:9]
    assert header.split("  ")[0] == "detector"
    assert [row.split()[0] for row in rows] == ["sharp", "blunt", "at"]
    assert [row.split()[-3:] for row in rows[:2]] == [["80", "%", "2.5"], ["20", "%", "2.5"]]
    assert rows[2].split()[2:] == ["10", "%", "5", "%"]  # half of the 10 % can be found by reading 5 %


def test_without_two_trainings_nothing_is_said_to_be_stable():
    result = make_result(seeds=[1])
    for text in (audit_text(result, "made up"), to_markdown(audit_document(result, "made up", "{}")[0])):
        assert "same first" not in text
        assert "With one seed there are no intervals, and it is not known how much of the ranking stays" in text


def test_classes_are_told_apart_by_the_label_that_is_wrong_and_by_the_right_one(result):
    table = class_table(result, "sharp")
    of_sharp = result.classes[result.classes["detector"] == "sharp"]
    for side, (n, share) in {"given": (1, 2), "right": (3, 4)}.items():
        for label in ("no", "yes"):
            rows = of_sharp[(of_sharp["side"] == side) & (of_sharp["label"] == label)]
            (row,) = [row for row in table.rows if row[0] == label]
            assert row[n] == str(rows["n_wrong"].sum())
            assert row[share] == f"{100 * rows['found'].sum() / rows['n_wrong'].sum():.0f} %"
    assert table.rows[-1][:2] == ["all classes", "120"]


def test_of_few_wrong_labels_in_a_class_there_is_no_share():
    rows = [("given", "a", 9, 0.0), ("given", "b", 10, 5.0), ("right", "b", 10, 5.0), ("right", "c", 9, 0.0)]
    classes = pd.DataFrame(rows, columns=["side", "label", "n_wrong", "found"]).assign(detector="aum")
    result = replace(make_result(), classes=classes.assign(noise="uniform", rate=0.1))
    table = class_table(result, "aum")
    assert table.rows[:3] == [["b", "10", "50 %", "10", "50 %"], ["a", "9", "", "0", ""], ["c", "0", "", "9", ""]]
    assert result.class_recall()["recall"].isna().tolist() == [True, False, False, True]


def test_of_many_classes_the_worst_are_shown_and_the_others_counted():
    rows = [("given", f"c{i}", 20, i / 2) for i in range(25)] + [("right", "c0", 500, 150.0)]
    classes = pd.DataFrame(rows, columns=["side", "label", "n_wrong", "found"]).assign(detector="aum")
    table = class_table(replace(make_result(), classes=classes), "aum")
    assert [row[0] for row in table.rows] == [*(f"c{i}" for i in range(20)), "all classes"]
    assert "class_recall.csv has 5 more classes." in table.caption


def test_long_names_of_classes_keep_their_ends():
    labels = [f"a long name of a class with a number at its end, {i}" for i in range(2)]
    classes = pd.DataFrame(
        {"side": ["given", "right"], "label": labels, "n_wrong": 20, "found": 5.0, "detector": "aum"}
    )
    table = class_table(replace(make_result(), classes=classes), "aum")
    assert [row[0] for row in table.rows[:2]] == [f"a long name of a cla…umber at its end, {i}" for i in range(2)]


def test_without_mending_there_is_no_table_of_it():
    result = make_result(mended=False)
    document, _ = audit_document(result, "made up", "{}")
    assert "over random" not in to_markdown(document) + audit_text(result, "made up")


def test_one_seed_has_no_interval():
    result = make_result(seeds=[1], noises=["uniform"])
    document, _ = audit_document(result, "made up", "{}")
    assert "[" not in document.verdict
    assert "Use more, such as seeds=5" in to_markdown(document)


def test_a_figure_shows_the_curves_their_ceiling_and_chance(result):
    part = injections(result)[0]
    figure = recall_figure(part)
    lines = {line.get_label(): line.get_xydata() for line in figure.axes[0].lines}
    for name in ("sharp", "blunt"):
        curves = part.curves[part.curves["detector"] == name].groupby("reviewed")["recall"].mean()
        np.testing.assert_allclose(lines[name], np.stack([curves.index, 100 * curves], axis=1))
        assert (lines[name][:, 1] <= lines["ceiling"][:, 1] + 1e-9).all()
    np.testing.assert_allclose(lines["ceiling"][[10, 20, 30], 1], [50, 100, 100])
    np.testing.assert_array_equal(*lines["at random"].T)


def test_a_perfect_ranking_is_at_the_ceiling_also_where_percent_are_no_whole_documents():
    wrong = np.arange(60) < 7
    curve = recall_curve(wrong.astype(float), wrong)
    frame = pd.DataFrame({"noise": "uniform", "rate": 7 / 60, "seed": 1, "detector": "best"}, index=[0])
    scores = frame.assign(n_instances=60.0, n_wrong=7.0, average_precision=1.0)
    curves = frame.merge(pd.DataFrame({"reviewed": CURVE, "recall": curve, "seed": 1}))
    (part,) = injections(AuditResult(scores, curves, pd.DataFrame()))
    lines = {line.get_label(): line.get_ydata() for line in recall_figure(part).axes[0].lines}
    np.testing.assert_allclose(lines["best"], lines["ceiling"])
