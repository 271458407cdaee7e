"""Audit: its frames, the cells kept on disk, and that an injection does not depend on the others."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix

import cal.label_errors.audit as module
from cal.data.corpus import Corpus
from cal.data.features import Features
from cal.data.noise import inject
from cal.errors import ConfigError, DataError, StorageError
from cal.label_errors.audit import run_audit
from cal.label_errors.audit_request import AuditRequest
from cal.label_errors.audit_result import audit_folder
from cal.label_errors.detectors import detect
from cal.label_errors.linear_models import Logistic
from cal.label_errors.views import document_views
from cal.learners.grid import Setup, cross_validation
from cal.learners.mlp import MLP

KEYS = ["noise", "rate", "seed", "detector"]
GIVEN = {
    "learner": MLP(hidden=[8], lr=1e-2),
    "n_epochs": 8,
    "noise": ["uniform", "class_dependent", "confused"],
    "rates": [0.1],
    "seeds": [1, 2],
    "detectors": ["aum", "cv_self_confidence"],
    "folds": 2,
    "clean_by": ["aum"],
    "device": "cpu",
    "workers": 1,
}


def audit(corpus, *, folder=None, **given):
    return run_audit(AuditRequest(**given), corpus, folder and audit_folder(folder), quiet=True)


@pytest.fixture(scope="module")
def task(make_task):
    return make_task(n_train=60, signal=2.0)


@pytest.fixture(scope="module")
def audited(task, tmp_path_factory):
    """The result of the small audit, and the folder that kept it."""
    folder = tmp_path_factory.mktemp("audit")
    return audit(task.corpus, features=task.features, folder=folder, **GIVEN), folder


def assert_same(one, other, only=lambda frame: frame):
    for name in ("scores", "curves", "accuracies", "classes"):
        frames = [
            only(getattr(each, name)).drop(columns="seconds", errors="ignore").reset_index(drop=True)
            for each in (one, other)
        ]
        assert len(frames[0])
        pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_every_injection_has_a_row_per_detector(audited):
    result, _ = audited
    rows = [(n, 0.1, s, d) for s in (1, 2) for n in GIVEN["noise"] for d in GIVEN["detectors"]]
    assert list(result.scores[KEYS].itertuples(index=False, name=None)) == rows


def test_only_cleaning_needs_a_test_split(task, audited):
    corpus = replace(task.corpus, test=None)
    features = Features(task.features.train)
    with pytest.raises(DataError, match=r"cleaning of an audit measures accuracy on a test split.*hold_out"):
        audit(corpus, features=features, **GIVEN)
    result = audit(corpus, features=features, **GIVEN | {"clean_by": [], "seeds": [1]})
    assert len(result.scores) == len(GIVEN["noise"]) * len(GIVEN["detectors"])


def test_recall_is_of_the_labels_that_were_injected(task, audited):
    result, _ = audited
    wrong = inject(task.corpus, "uniform", 0.1, 1).wrong
    first = result.scores.iloc[0]
    assert (first["n_instances"], first["n_wrong"]) == (60, wrong.sum())
    assert first["ceiling_at_5"] == 3 / 6


def test_aum_finds_more_than_chance(audited):
    result, _ = audited
    by_aum = result.scores[(result.scores["detector"] == "aum") & (result.scores["noise"] == "uniform")]
    assert by_aum["auroc"].mean() > 0.55


def test_wrong_labels_of_documents_without_ids_are_written_with_their_rows():
    corpus = Corpus.from_texts([f"text {i}" for i in range(20)], ["a", "b"] * 10)
    written = module._wrong_labels(corpus, inject(corpus, "uniform", 0.1, 1))
    assert [corpus.train.texts[corpus.train.ids.index(i)] for i in written["id"]] == [
        f"text {place.split()[1]}" for place in written["place"]
    ]


def test_wrong_labels_are_written_with_the_gold_label(task, audited):
    corpus, (_, folder) = task.corpus, audited
    noised = inject(corpus, "uniform", 0.1, 2)
    (path,) = (folder / "wrong").glob("uniform-0.1-2-*.csv")
    written = pd.read_csv(path).set_index("id")
    names = np.array(corpus.label_names)
    expected = {corpus.train.ids[row]: row for row in np.flatnonzero(noised.wrong)}
    assert set(written.index) == set(expected)
    for instance_id, row in expected.items():
        assert written.loc[instance_id, "gold"] == names[corpus.train.gold[row]]
        assert written.loc[instance_id, "given"] == names[noised.corpus.train.gold[row]]


def out_of_fold(task, seed):
    """(instance, class) probabilities by scikit-learn's logistic regression, as the audit chooses it."""
    gold = task.corpus.train.gold
    folds = [(each.rows, each.held_out) for each in cross_validation(gold, seed, 2)]
    model = Logistic.chosen(document_views(task.corpus, task.features), gold, 3, folds[0])
    probs = np.zeros((60, 3))
    for rows, held_out in folds:
        fitted = LogisticRegression(C=1 / model.penalty, tol=1e-3, max_iter=100).fit(model.x[rows], gold[rows])
        probs[held_out] = fitted.predict_proba(model.x[held_out])
    return probs


def test_class_dependent_noise_goes_where_a_cross_validated_classifier_errs(task, audited):
    corpus, (_, folder) = task.corpus, audited
    confusions = confusion_matrix(corpus.train.gold, out_of_fold(task, 2).argmax(axis=1))
    noised = inject(corpus, "class_dependent", 0.1, 2, confusions=confusions)
    (path,) = (folder / "wrong").glob("class_dependent-0.1-2-*.csv")
    given = np.array(corpus.label_names)[noised.corpus.train.gold[noised.wrong]]
    assert pd.read_csv(path)["given"].tolist() == given.tolist()


def test_confused_noise_is_drawn_with_probabilities_of_documents_that_were_not_seen(task, audited):
    corpus, (_, folder) = task.corpus, audited
    noised = inject(corpus, "confused", 0.1, 2, probs=out_of_fold(task, 2))
    (path,) = (folder / "wrong").glob("confused-0.1-2-*.csv")
    given = np.array(corpus.label_names)[noised.corpus.train.gold[noised.wrong]]
    assert pd.read_csv(path)["given"].tolist() == given.tolist()


def test_confusions_of_the_user_say_which_classes_err_and_how(task, audited, tmp_path):
    names, (_, folder) = task.corpus.label_names, audited
    (tmp_path / "cells").mkdir()
    (tmp_path / "audit.json").write_bytes((folder / "audit.json").read_bytes())
    for path in (folder / "cells").glob("uniform-*.json"):
        (tmp_path / "cells" / path.name).write_bytes(path.read_bytes())
    confusions = pd.DataFrame({"label": [names[2]] * 3, "corrected": [names[0], names[0], ""]})
    given = GIVEN | {"confusions": confusions, "clean_by": [], "stability": False, "seeds": [1]}
    run = audit(task.corpus, features=task.features, folder=tmp_path, **given)
    wrong = {
        path.name.split("-")[0]: pd.read_csv(path)[["gold", "given"]].drop_duplicates().values.tolist()
        for path in (tmp_path / "wrong").glob("*.csv")
    }
    assert wrong["confused"] == [[names[0], names[2]]]
    assert [names[0], names[2]] in wrong["class_dependent"]
    n_wrong = run.classes[run.classes["noise"] == "confused"].groupby(["side", "label"])["n_wrong"].first()
    assert n_wrong.to_dict() == {("given", names[2]): 6, ("right", names[0]): 6}


def test_of_the_users_confusions_only_what_uses_them_depends(task, audited, monkeypatch):
    _, folder = audited
    monkeypatch.setattr(module, "detect", None)
    names = task.corpus.label_names
    confusions = {"given": [names[1]], "right": [names[0]]}
    again = GIVEN | {"confusions": confusions, "noise": ["uniform", "confused"], "seeds": [1, 2]}
    with pytest.raises(TypeError, match="not callable"):
        audit(task.corpus, features=task.features, folder=folder, **again)
    with pytest.raises(ConfigError, match="confusions are for noise=class_dependent or noise=confused"):
        audit(task.corpus, features=task.features, folder=folder, **again | {"noise": ["uniform"]})


def test_confusions_that_allow_too_few_errors_are_refused_before_training(task, monkeypatch):
    monkeypatch.setattr("cal.label_errors.injection.Logistic", None)
    names = task.corpus.label_names
    given = GIVEN | {"confusions": {"given": [names[1]], "right": [names[0]]}, "rates": [0.5]}
    with pytest.raises(DataError, match="The confusions name errors in 1 class only"):
        audit(task.corpus, features=task.features, **given)


def test_wrong_labels_of_classes_add_up_to_what_is_found(audited):
    result, _ = audited
    sums = result.classes.groupby([*KEYS, "side"])[["n_wrong", "found"]].sum()
    scores = result.scores.set_index(KEYS)
    for side in ("given", "right"):
        of_side = sums.xs(side, level="side").loc[scores.index]
        np.testing.assert_array_equal(of_side["n_wrong"], scores["n_wrong"])
        np.testing.assert_allclose(of_side["found"], scores["recall_at_5"] * scores["n_wrong"])


def test_stability_is_what_two_trainings_on_the_labels_as_they_are_have_in_common(task, audited):
    result, _ = audited
    setup = Setup(replace(GIVEN["learner"], n_epochs=8), task.features, workers=1)
    first = {}
    for seed in (1, 2):
        for name, detection in detect(
            task.corpus, GIVEN["detectors"], setup, seeds=[seed], folds=2, stops=False
        ).items():
            first.setdefault(name, []).append(set(np.argsort(-detection.score)[:3].tolist()))
    expected = [(name, 1, 2, len(one & other) / 3) for name, (one, other) in first.items()]
    assert list(result.stability.itertuples(index=False, name=None)) == expected


@pytest.mark.parametrize("given", [{"seeds": [1]}, {"stability": False}], ids=["one seed", "not wanted"])
def test_stability_is_not_measured_with_one_seed_or_if_it_is_not_wanted(task, monkeypatch, given):
    monkeypatch.setattr(module, "first_documents", None)
    small = GIVEN | {"clean_by": [], "noise": ["uniform"], "detectors": ["aum"]}
    assert audit(task.corpus, features=task.features, **small | given).stability.empty


def test_of_two_classes_kinds_that_differ_in_the_new_label_are_one(make_task, caplog):
    task = make_task(n_train=40, n_classes=2)
    result = audit(task.corpus, features=task.features, **GIVEN | {"clean_by": [], "seeds": [1], "detectors": ["aum"]})
    assert result.scores["noise"].tolist() == ["uniform", "confused"]
    said = "noise=class_dependent is left out: there are two classes, so it is the same as noise=uniform."
    assert said in caplog.text
    assert said in str(result)


def test_where_classes_have_one_size_an_annotator_is_not_asked_twice():
    texts = [f"{start} is it {i}?" for i in range(8) for start in ("How far", "Who", "Where")]
    corpus = Corpus.from_texts(texts, ["number", "person", "place"] * 8)
    given = GIVEN | {"noise": ["uniform", "annotator"], "clean_by": [], "seeds": [1], "detectors": ["aum"]}
    result = audit(corpus, features="lsa", **given)
    assert result.scores["noise"].tolist() == ["uniform"]
    assert "noise=annotator is left out: all classes have the same size" in str(result)


def test_resumed_is_uninterrupted(task, audited, tmp_path):
    result, folder = audited
    (tmp_path / "audit.json").write_bytes((folder / "audit.json").read_bytes())
    for path in (folder / "cells").glob("*-1-*.json"):  # those of the first seed are finished
        (tmp_path / "cells").mkdir(exist_ok=True)
        (tmp_path / "cells" / path.name).write_bytes(path.read_bytes())
    assert_same(audit(task.corpus, features=task.features, folder=tmp_path, **GIVEN), result)


def test_finished_cells_are_not_trained_again(task, audited, monkeypatch):
    result, folder = audited
    monkeypatch.setattr("cal.label_errors.injection.Logistic", None)
    monkeypatch.setattr(module, "detect", None)
    assert_same(audit(task.corpus, features=task.features, folder=folder, **GIVEN), result)


@pytest.mark.parametrize(
    "change",
    [
        {"folds": 3},
        {"learner": MLP(hidden=[8], lr=2e-2)},
        {"clean_by": []},
        {"detectors": ["aum", "cv_self_confidence", "loss"]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_cells_of_another_setting_are_not_taken(task, audited, monkeypatch, change):
    _, folder = audited
    monkeypatch.setattr(module, "detect", None)
    with pytest.raises(TypeError, match="not callable"):
        audit(task.corpus, features=task.features, folder=folder, **GIVEN | {"noise": ["uniform"]} | change)


def test_a_seed_does_not_depend_on_the_others(task, audited):
    result, _ = audited
    alone = audit(task.corpus, features=task.features, **GIVEN | {"seeds": [2], "noise": ["uniform"]})
    assert_same(alone, result, lambda frame: frame[(frame["seed"] == 2) & (frame["noise"] == "uniform")])


def test_without_cleaning_nothing_is_trained_for_it(task, monkeypatch):
    monkeypatch.setattr(module, "cleaned_accuracies", None)
    given = GIVEN | {"clean_by": [], "noise": ["uniform"], "seeds": [1], "detectors": ["loss"]}
    assert audit(task.corpus, features=task.features, **given).accuracies.empty


def test_a_damaged_cell_is_named(task, audited, tmp_path):
    _, folder = audited
    (tmp_path / "audit.json").write_bytes((folder / "audit.json").read_bytes())
    (tmp_path / "cells").mkdir()
    path = next((folder / "cells").glob("uniform-0.1-1-*.json"))
    (tmp_path / "cells" / path.name).write_bytes(b'{"scores": [')
    with pytest.raises(StorageError, match=f"{path.name} is damaged"):
        audit(task.corpus, features=task.features, folder=tmp_path, **GIVEN)


def test_a_rate_that_is_refused_is_refused_before_training(task, monkeypatch):
    monkeypatch.setattr(module, "detect", None)
    with pytest.raises(DataError, match="Give one that makes 1 to"):
        audit(task.corpus, features=task.features, **GIVEN | {"rates": [0.1, 0.001]})


def test_everything_wrong_with_the_arguments_is_listed():
    with pytest.raises(ConfigError) as refused:
        AuditRequest(
            noise=["unifrom"],
            rates=[2],
            seeds=0,
            detectors=["amu"],
            folds=1,
            clean_by=["loss"],
            device="gpu",
            workers=0,
        )
    text = str(refused.value)
    wanted = [
        "'uniform'?",
        "below 1, not 2",
        "seeds must",
        "'aum'?",
        "folds must",
        "clean_by names loss",
        "'gpu'",
        "workers must",
    ]
    assert [part for part in wanted if part not in text] == []


def test_what_is_named_twice_counts_once():
    once = AuditRequest(noise=["uniform"] * 2, rates=[0.1, 0.1], detectors=["aum", "aum"], clean_by=["aum", "aum"])
    assert (once.noise, once.rates, once.detectors, once.clean_by) == (["uniform"], [0.1], ["aum"], ["aum"])


def test_single_values_are_lists_of_one():
    given = AuditRequest(noise="uniform", rates=0.1, detectors="aum", clean_by="aum")
    assert (given.noise, given.rates, given.detectors, given.clean_by) == (["uniform"], [0.1], ["aum"], ["aum"])


def test_cleanlab_is_usual_only_where_it_is_installed(monkeypatch):
    refused = "cal.label_errors.detectors.refused_detectors"
    monkeypatch.setattr(refused, lambda names: ["no cleanlab"] if "cleanlab" in names else [])
    usual = AuditRequest()
    assert "cleanlab" not in usual.detectors
    assert usual.clean_by == ["consensus", "cv_self_confidence"]
