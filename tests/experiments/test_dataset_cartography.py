"""Experiments of Dataset Cartography: what they compute, against loops, and each from a small corpus to its table."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import f1_score

from cal.dynamics.data_map import DataMap
from cal.errors import AnalysisError, ConfigError, DataError
from cal.learners.mlp import MLP
from cal.maps.request import MapRequest
from cal.maps.training import train_map
from cal.streams import Streams


def full_map(corpus, **given):
    return train_map(MapRequest(**given), corpus, None, quiet=True)


WORDS = {"place": ["where", "city", "river"], "person": ["who", "wrote", "king"], "number": ["many", "far", "old"]}


@pytest.fixture
def script(modules_of):
    """script(name): the module of an experiment."""
    return modules_of("dataset_cartography")


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """The configuration of a corpus of three classes, in which a word in four is of another class."""
    folder, generator = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    for name, n in {"train": 120, "test": 30}.items():
        labels = generator.choice(list(WORDS), n)
        told = np.where(generator.random((4, n)) < 0.75, labels, generator.choice(list(WORDS), (4, n)))
        texts = [" ".join(generator.choice(WORDS[label]) for label in document) for document in told.T]
        texts = [f"{text} and so on" if row % 5 == 0 else text for row, text in enumerate(texts)]
        ids = [f"{name}{row}" for row in range(n)]
        pd.DataFrame({"id": ids, "text": texts, "label": labels}).to_csv(folder / f"{name}.csv", index=False)
    given = ["dataset=files", f"dataset.path={folder}", "n_epochs=6", "seeds=2", "workers=1", "device=cpu"]
    return [*given, "learner.hidden=[16]", "learner.lr=0.02"]


@pytest.fixture
def task(script, words, tmp_path):
    """The task of that configuration."""
    return script("task").read_task(words, None, tmp_path / "results")


def assert_results(output, table, names):
    """The table has rows, and each name a CSV with rows or a figure."""
    assert len(table.splitlines()) > 2
    assert "nan" not in table
    for name in names:
        path = output / name
        assert len(pd.read_csv(path)) if path.suffix == ".csv" else path.stat().st_size > 1000


@pytest.mark.parametrize(
    ("name", "results"),
    [
        ("selection", ["selection.csv"]),
        ("shares", ["shares.csv", "shares.png"]),
        ("noise", ["noise.csv", "noise_detectors.csv", "noise.png"]),
        ("dropout", ["dropout.csv", "dropout.png"]),
        ("burn_out", ["burn_out.csv", "between_seeds.csv", "burn_out.png"]),
    ],
)
def test_an_experiment_ends_in_a_table_and_a_figure(script, task, name, results):
    assert_results(task.output, script(name).main(task), results)


@pytest.mark.parametrize(("out", "name"), [("length", "longer"), ("topic", "other topics")])
def test_what_is_set_apart_is_trained_on_no_more(script, words, tmp_path, out, name):
    """Documents of train and test are in one split each, with the label they had."""
    whole, apart = (script("task").read_task(words, how, tmp_path).corpus for how in (None, out))
    assert list(apart.tests) == [name]
    set_apart = dict(zip(apart.tests[name].split.ids, apart.tests[name].split.gold, strict=True))
    for split in ("train", "test"):
        before, after = (getattr(corpus, split) for corpus in (whole, apart))
        moved = {
            key.removeprefix(f"{split} "): label for key, label in set_apart.items() if key.startswith(f"{split} ")
        }
        kept = dict(zip(after.ids, after.gold, strict=True))
        assert moved
        assert not kept.keys() & moved.keys()
        assert kept | moved == dict(zip(before.ids, before.gold, strict=True))


def test_all_that_is_longer_is_longer(script, words, tmp_path):
    apart = script("task").read_task(words, "length", tmp_path).corpus
    longest = max(len(text.split()) for text in apart.train.texts)
    assert min(len(text.split()) for text in apart.tests["longer"].split.texts) > longest


def test_a_mean_is_said_without_the_zero_before_its_point(script):
    said = script("task").said
    assert said([0.5, 0.5]) == ".500 [.500, .500]"
    assert said([20.25, 20.25], 1) == "20.2 [20.2, 20.2]"
    assert said([-0.25, -0.25], 2) == "-.25 [-.25, -.25]"


def test_the_flips_of_a_detector_and_of_its_test_are_others_and_wrong(script, task):
    gold, (of_seed, _) = task.corpus.train.gold, task.maps()
    noise = script("noise")
    (first, classes), (second, _) = noise.two_sets(of_seed, 3, seed=1)
    assert not set(first) & set(second)
    changed = np.flatnonzero(noise.flipped_labels(gold, first, classes) != gold)
    assert sorted(first) == changed.tolist()


def test_balanced_f1_is_that_of_weighted_labels(script):
    wrong, flagged = np.array([1] * 4 + [0] * 10), np.array([1, 1, 1, 0] + [1, 1] + [0] * 8)
    weights = np.where(wrong, 1 / 4, 1 / 10)
    expected = f1_score(wrong, flagged, sample_weight=weights)
    assert script("noise").balanced_f1(3 / 4, 2 / 10) == pytest.approx(expected)


def test_dropout_estimates_are_those_of_a_loop_over_samples(script):
    generator = torch.Generator().manual_seed(0)
    probs = torch.rand((1, 7, 5, 3), generator=generator)  # (run, sample, instance, class)
    learner = SimpleNamespace(dropout_probs=lambda rows, n_samples, streams: probs[:, :n_samples, rows[0]])
    gold, recorded = torch.tensor([2, 0, 1, 1, 0]), torch.tensor([[3, 0]])
    told = script("dropout").DropoutEstimates(gold, n_samples=6)(learner, recorded, Streams([1], 0))
    for place, row in enumerate([3, 0]):
        of_gold = [probs[0, sample, row, gold[row]].item() for sample in range(6)]
        assert told["confidence"][0, place].item() == pytest.approx(np.mean(of_gold))
        assert told["variability"][0, place].item() == pytest.approx(np.std(of_gold))


def test_a_weighted_regression_is_that_of_repeated_instances(script):
    generator = np.random.default_rng(0)
    x, y, weights = generator.random(20), generator.random(20), generator.integers(0, 4, (3, 20))
    for found, times in zip(script("dropout").regressions(x, y, weights), weights, strict=True):
        repeated = np.repeat(x, times), np.repeat(y, times)
        np.testing.assert_allclose(found, [np.corrcoef(*repeated)[0, 1], *np.polyfit(*repeated, 1)])


def test_all_epochs_are_the_end_and_pairs_of_seeds_average_to_the_correlation_of_the_map(script, make_task):
    corpus, features = make_task()
    given = {"features": features, "learner": MLP(hidden=[16], n_epochs=3), "seeds": 3, "device": "cpu", "workers": 1}
    dynamics = full_map(corpus, **given)
    burn_out = script("burn_out")
    ends = burn_out.with_the_end([dynamics[run] for run in range(3)], [1, 2, 3])
    pairs = burn_out.between_seeds([dynamics[run] for run in range(3)], [1, 2, 3])
    expected = DataMap.of(dynamics).correlation()
    for name in ("confidence", "variability"):
        assert ends[name][ends["n_epochs"] == 3].to_numpy() == pytest.approx(1)
        assert pairs[name][pairs["n_epochs"] == 3].mean() == pytest.approx(expected[name])


def test_encoders_are_compared_on_one_corpus(script, task):
    table = script("encoders").main(task, ["bow", "lstm", "mlp"])
    assert_results(task.output, table, ["encoders.csv", "encoders_alike.csv", "encoders.png"])


def test_an_unknown_encoder_is_refused(script, task):
    with pytest.raises(ConfigError, match="Did you mean 'lstm'"):
        script("encoders").main(task, ["lstn"])


@pytest.mark.parametrize("name", ["bow", "lstm"])
def test_what_a_loop_says_of_a_document_depends_on_no_other(script, name):
    encoders = script("encoders")
    model = encoders.LOOPS[name][0](8, 3)
    encoders.initialise(model, torch.Generator().manual_seed(0))
    documents = torch.tensor([[4, 2, 0, 0, 0], [1, 2, 3, 7, 5], [0, 0, 0, 0, 0]])
    together = encoders.logits_of(model, documents)
    alone = torch.cat([encoders.logits_of(model, document[None]) for document in documents])
    torch.testing.assert_close(together, alone)


def test_a_loop_draws_from_its_seed_alone(script, task):
    encoders, before = script("encoders"), torch.get_rng_state()
    first, again = (encoders.by_loop(task, "lstm") for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    for of_first, of_again in zip(first.maps, again.maps, strict=True):
        assert torch.equal(of_first.confidence, of_again.confidence)
    assert not torch.equal(first.maps[0].confidence, first.maps[1].confidence)
    assert np.array_equal(first.maps[0].gold, task.corpus.train.gold)


def test_agreement_is_the_expected_value_of_ties_broken_at_random(script):
    def slow(labels):
        shares = []
        for place, own in enumerate(labels):
            others = labels[:place] + labels[place + 1 :]
            most = max(map(others.count, others))
            winners = {label for label in others if others.count(label) == most}
            shares.append(Fraction(own in winners, len(winners)))
        return float(sum(shares) / len(shares))

    rated = ["aaaaa", "aaaab", "aaabb", "aabbc", "abcab", "ab", "aa", "abc"]
    counts = np.array([[labels.count(label) for label in "abc"] for labels in rated])
    found = script("agreement").agreement(counts)
    np.testing.assert_allclose(found, [slow(list(labels)) for labels in rated])


def test_nothing_of_a_cubic_is_unexplained(script):
    x = np.linspace(0, 1, 30)
    np.testing.assert_allclose(script("agreement").unexplained(2 * x**3 - x**2 + 4, x), 0, atol=1e-12)


def test_annotations_in_rows_and_in_columns_are_the_same(script, tmp_path):
    (tmp_path / "long.csv").write_text("id,annotator,label\na,1,yes\na,2,no\nb,1,no\na,3,yes\nb,2,no\n")
    (tmp_path / "plain.csv").write_text("id,label\na,yes\na,no\nb,no\na,yes\nb,no\n")
    (tmp_path / "wide.txt").write_text(
        "gold_label\tpairID\tlabel1\tlabel2\tlabel3\n-\ta\tyes\tno\tyes\n-\tb\tno\tno\t\n"
    )
    read = script("agreement").read_annotations
    long = read(tmp_path / "long.csv")
    assert long.loc["a"].to_dict() == {"no": 1, "yes": 2}
    pd.testing.assert_frame_equal(read(tmp_path / "plain.csv"), long)
    pd.testing.assert_frame_equal(read(tmp_path / "wide.txt"), long)


def test_an_annotator_who_labels_a_document_twice_is_refused(script, tmp_path):
    (tmp_path / "twice.csv").write_text("id,annotator,label\na,1,yes\na,1,no\n")
    with pytest.raises(DataError, match="1 labels a twice"):
        script("agreement").read_annotations(tmp_path / "twice.csv")


def test_annotations_of_other_documents_are_refused(script, tmp_path):
    points = pd.DataFrame({"id": ["a"], "confidence": [0.5], "variability": [0.1]})
    counts = pd.DataFrame({"yes": [2], "no": [1]}, index=pd.Index(["z"], name="id"))
    with pytest.raises(AnalysisError, match="by the ids of the map, such as 'a'"):
        script("agreement").main(points, counts, "annotators", tmp_path)


def test_simulated_annotators_are_called_so(script, task, words, tmp_path):
    task.maps()[0].save(tmp_path / "map.csv")
    given = [str(tmp_path / "map.csv"), "--simulate", "4", "--output", str(tmp_path / "out"), *words]
    table = script("agreement").command(given)
    assert "agreement of 4 simulated annotators" in table
    assert_results(tmp_path / "out", table, ["agreement.csv", "agreement.png"])
    assert set(pd.read_csv(tmp_path / "out" / "agreement.csv")["annotators"]) == {"4 simulated annotators"}
