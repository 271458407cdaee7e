"""The released code's faults, each against a loop over PyTorch's own modules, and the tables of the paper."""

import importlib
import io
import itertools
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from gensim.models import KeyedVectors
from scipy import stats
from sklearn.model_selection import train_test_split
from torch import nn

from cal.acquisition.pool import Pool, PoolDocuments
from cal.data.corpus import Corpus, Split
from cal.data.features import Features
from cal.learners.mlp import MLP
from cal.seeds import PAPER_SEEDS
from cal.simulation.request import simulate
from cal.simulation.seed_sets import choose_seed_set
from cal.streams import Streams

N, WIDTH, N_CLASSES, SEED = 24, 5, 3, 7
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, WIDTH)).astype(np.float32)
GOLD = torch.from_numpy(RNG.integers(0, N_CLASSES, N))
SEED_SET, BATCH = torch.tensor([[1, 4, 5, 9, 12, 13, 20]]), torch.tensor([[0, 6, 22]])
SMALL = {"hidden": [6, 4], "n_epochs": 3, "batch_size": 4, "lr": 3e-2, "dropout": 0.0}


@pytest.fixture(autouse=True)
def _importable(modules_of):
    modules_of("cal_paper")


@pytest.fixture
def legacy():
    return importlib.import_module("legacy")


@pytest.fixture
def parts():
    """The learner's module and the strategies' module."""
    return importlib.import_module("legacy_learner"), importlib.import_module("legacy_strategies")


@pytest.fixture
def trained(parts):
    """trained(faults): a learner after the seed set and one batch, the dynamics of both rounds, and its pool."""

    def train(**given):
        learner = parts[0].LegacyMLP(**{**SMALL, **given}).build(Features(X, X[:2]), N_CLASSES, 1, torch.device("cpu"))
        labelled = torch.cat([SEED_SET, BATCH], dim=1).sort(dim=1).values
        dynamics = [
            learner.fit(rows, GOLD[rows], Streams([SEED], round)) for round, rows in enumerate([SEED_SET, labelled])
        ]
        candidates = torch.tensor([sorted(set(range(N)) - set(labelled[0].tolist()))])
        documents = PoolDocuments([str(row) for row in range(N)], ["a", "b", "c"])
        streams = Streams([SEED], 1)
        pool = Pool(learner, candidates, labelled, GOLD[labelled], dynamics[1], streams, documents, 4)
        return SimpleNamespace(learner=learner, dynamics=dynamics, pool=pool)

    return train


def plain_net(widths, streams, purpose):
    """Linear layers with the draws of a stacked network."""
    init, layers = streams.start(f"{purpose}/init"), []
    for n_in, n_out in itertools.pairwise(widths):
        layer = nn.Linear(n_in, n_out)
        for parameter, shape in ((layer.weight, (n_in, n_out)), (layer.bias, (1, n_out))):
            drawn = (init.uniform(*shape, dtype=torch.float32)[0] * 2 - 1) * n_in**-0.5
            parameter.data = (drawn.T if parameter is layer.weight else drawn[0]).clone()
        layers.append(layer)
    return layers


def hidden_of(layers, x):
    for layer in layers[:-1]:
        x = torch.relu(layer(x))
    return x


def epochs(layers, optimiser, x, gold, batches_of_epoch, of_logits=lambda logits: logits):
    """(epoch, instance, ...) logits and last hidden layers, each computed just before its step."""
    passes = []
    for batches in batches_of_epoch:
        logits, hidden = torch.empty(len(x), layers[-1].out_features), torch.empty(len(x), layers[-1].in_features)
        for batch in batches:
            h = hidden_of(layers, x[batch])
            hidden[batch], logits[batch] = h.detach(), of_logits(layers[-1](h)).detach()
            optimiser.zero_grad()
            nn.functional.cross_entropy(of_logits(layers[-1](h)), gold[batch]).backward()
            optimiser.step()
        passes.append((logits, hidden))
    return [torch.stack(each) for each in zip(*passes, strict=True)]


def adamw(layers, lr=SMALL["lr"]):
    return torch.optim.AdamW([parameter for layer in layers for parameter in layer.parameters()], lr=lr)


def shuffled(streams, n, n_epochs=SMALL["n_epochs"], batch_size=SMALL["batch_size"], purpose="classifier"):
    draws = streams.start(f"{purpose}/shuffle")
    return [draws.permutation(n)[0].split(batch_size) for _ in range(n_epochs)]


def plain_round(round, rows):
    """A round from fresh weights, shuffled."""
    layers = plain_net([WIDTH, *SMALL["hidden"], N_CLASSES], Streams([SEED], round), "classifier")
    x, gold = torch.from_numpy(X)[rows], GOLD[rows]
    return layers, epochs(layers, adamw(layers), x, gold, shuffled(Streams([SEED], round), len(rows)))


def assert_weights(learner, layers):
    for weight, bias, layer in zip(learner.net.weights, learner.net.biases, layers, strict=True):
        torch.testing.assert_close(weight[0], layer.weight.data.T, rtol=0, atol=2e-5)
        torch.testing.assert_close(bias[0, 0], layer.bias.data, rtol=0, atol=2e-5)


def test_without_faults_rounds_start_afresh(trained):
    made = trained()
    assert_weights(made.learner, plain_round(1, made.pool.labelled[0])[0])


def test_warm_start_keeps_weights_and_moments(trained):
    made = trained(warm_start=True)
    layers = plain_net([WIDTH, *SMALL["hidden"], N_CLASSES], Streams([SEED], 0), "classifier")
    optimiser = adamw(layers)
    for round, rows in enumerate([SEED_SET[0], made.pool.labelled[0]]):
        batches = shuffled(Streams([SEED], round), len(rows))
        epochs(layers, optimiser, torch.from_numpy(X)[rows], GOLD[rows], batches)
    assert_weights(made.learner, layers)


@pytest.mark.parametrize("fixed_split", [False, True])
def test_without_shuffling_the_newest_batch_is_trained_on_last(trained, parts, fixed_split):
    made, place = trained(no_shuffle=True, fixed_split=fixed_split), parts[0].place(SEED, N, fixed_split)
    rows = torch.cat([part[0][place[part[0]].argsort()] for part in (SEED_SET, BATCH)])
    assert torch.equal(made.pool.labelled[0][made.learner.order[0]], rows)
    layers = plain_net([WIDTH, *SMALL["hidden"], N_CLASSES], Streams([SEED], 1), "classifier")
    batches = [torch.arange(len(rows)).split(SMALL["batch_size"])] * SMALL["n_epochs"]
    epochs(layers, adamw(layers), torch.from_numpy(X)[rows], GOLD[rows], batches)
    assert_weights(made.learner, layers)


def test_dynamics_are_recorded_as_each_batch_is_trained_on(trained):
    made = trained(during_capture=True)
    rows = made.pool.labelled[0]
    _, (logits, _) = plain_round(1, rows)
    expected = torch.softmax(logits, dim=-1)[:, torch.arange(len(rows)), GOLD[rows]]
    torch.testing.assert_close(made.dynamics[1].gold_prob[0], expected, rtol=0, atol=2e-5)


def test_hidden_layers_of_the_first_epochs_are_those_of_the_training_pass(trained):
    made = trained(kept_epochs=2)
    _, (_, hidden) = plain_round(1, made.pool.labelled[0])
    torch.testing.assert_close(made.learner.seen[0], hidden[:2], rtol=0, atol=2e-5)


def test_dropout_stays_on_whenever_something_is_predicted(trained):
    made = trained(dropout_at_eval=True, dropout=0.25, hidden=[200])
    learner, rows = made.learner, made.pool.candidates
    h = torch.relu(torch.from_numpy(X)[rows[0]] @ learner.net.weights[0][0] + learner.net.biases[0][0])
    prediction = learner.predict(rows)
    kept = prediction.embeddings[0] != 0
    torch.testing.assert_close(prediction.embeddings[0], torch.where(kept, h / 0.75, 0.0))
    assert 0.7 < kept[h > 0].double().mean() < 0.8
    logits = prediction.embeddings @ learner.net.weights[1] + learner.net.biases[1]
    torch.testing.assert_close(prediction.logits, logits)
    backwards = learner.predict(rows.flip(1)).embeddings.flip(1)
    assert torch.equal(backwards, prediction.embeddings)  # a mask belongs to an instance
    before = learner._epoch
    learner._epoch = 0
    assert not torch.equal(learner.predict(rows).embeddings, prediction.embeddings)  # and to an epoch
    learner._epoch = before


def test_the_split_is_scikit_learns_whatever_the_seed(parts):
    expected, pool = train_test_split(np.arange(N), train_size=7, random_state=42)
    for seed in (1, 2):
        assert choose_seed_set(parts[0].FixedSplit(), GOLD.numpy(), None, 7, seed) == sorted(expected)
    place = parts[0].place(SEED, N, fixed=True)
    assert place[torch.from_numpy(pool)].tolist() == list(range(N - 7))
    assert place[torch.from_numpy(expected)].tolist() == list(range(N - 7, N))


def test_questions_are_padded_with_the_first_word(legacy, tmp_path):
    vectors = KeyedVectors(3)
    words = ["how", "far", "who", "is", "it"]
    vectors.add_vectors(words, RNG.normal(size=(len(words), 3)).astype(np.float32))
    vectors.save(str(tmp_path / "words.kv"))
    texts = ["How far", "who is it far", "far"]
    splits = Split(["a", "b", "c"], texts, [0, 1, 0], "train"), Split(["d"], ["who unknown"], [1], "test")
    corpus = Corpus(*splits, ["number", "person"])
    found = legacy.Padded(str(tmp_path / "words.kv"), length=3).compute(corpus)
    padded = {"a": ["how", "far", "how"], "b": ["who", "is", "it", "far"], "c": ["far", "how", "how"]}
    expected = [sum(vectors[word] for word in padded[each]) for each in corpus.train.ids]
    np.testing.assert_allclose(found.train, expected, rtol=1e-5)
    np.testing.assert_allclose(found.test, [vectors["who"] + vectors["how"]], rtol=1e-5)


def discriminator(x, positive, widths, streams, batches, relu=False):
    layers = plain_net(widths, streams, "discriminator")
    of_logits = torch.relu if relu else lambda logits: logits
    passes = epochs(layers, adamw(layers, 1e-2), x, positive.long(), batches, of_logits)
    return layers, of_logits, passes[0]


DISCRIMINATOR = {"n_epochs": 3, "batch_size": 5, "lr": 1e-2}


@pytest.mark.parametrize("first_epoch_features", [False, True])
@pytest.mark.parametrize("relu_logits", [False, True])
@pytest.mark.parametrize("hidden", [None, 6])
@pytest.mark.parametrize("no_shuffle", [False, True])
def test_cal_has_the_discriminator_of_the_released_code(
    trained, parts, first_epoch_features, relu_logits, hidden, no_shuffle
):
    made = trained(kept_epochs=1, no_shuffle=no_shuffle)
    pool, given = made.pool, {"first_epoch_features": first_epoch_features, "relu_logits": relu_logits}
    correctness = pool.data_map.correctness[0]
    threshold = float(correctness.sort().values[4])
    strategy = parts[1].LegacyCal(**DISCRIMINATOR, **given, hidden=hidden, no_shuffle=no_shuffle, threshold=threshold)
    order = made.learner.order[0]
    x = (made.learner.seen[0, 0] if first_epoch_features else pool.labelled_embeddings[0])[order]
    n = len(x)
    batches = [torch.arange(n).split(5)] * 3 if no_shuffle else shuffled(pool.streams, n, 3, 5, "discriminator")
    widths = [x.shape[1], *([hidden] if hidden else []), 2]
    high = (correctness > threshold)[order]
    assert 0 < high.sum() < n
    layers, of_logits, _ = discriminator(x, high, widths, pool.streams, batches, relu_logits)
    probs = torch.softmax(of_logits(layers[-1](hidden_of(layers, pool.embeddings[0]))), dim=-1)[:, 1]
    torch.testing.assert_close(strategy.score(pool)[0], -(probs - 0.5).abs().double(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("repeats_labelled", [False, True])
@pytest.mark.parametrize("scores_while_training", [False, True])
@pytest.mark.parametrize("relu_logits", [False, True])
def test_dal_has_the_discriminator_of_the_released_code(
    trained, parts, repeats_labelled, scores_while_training, relu_logits
):
    made = trained(kept_epochs=3)
    pool, seen = made.pool, made.learner.seen[0]
    faults = {"repeats_labelled": repeats_labelled, "scores_while_training": scores_while_training}
    strategy = parts[1].LegacyDal(**DISCRIMINATOR, **faults, relu_logits=relu_logits, hidden=6)
    place = parts[0].place(SEED, N, fixed=False)[pool.candidates[0]]
    by_place = place.argsort()
    labelled = seen.flatten(0, 1) if repeats_labelled else pool.labelled_embeddings[0]
    x = torch.cat([labelled, pool.embeddings[0][by_place]])
    unlabelled, n = torch.arange(len(x)) >= len(labelled), len(x)
    batches = (
        [torch.arange(n).split(5)] * 3 if scores_while_training else shuffled(pool.streams, n, 3, 5, "discriminator")
    )
    layers, of_logits, logits = discriminator(x, unlabelled, [x.shape[1], 6, 2], pool.streams, batches, relu_logits)
    after = of_logits(layers[-1](hidden_of(layers, x)))
    logits = logits[-1] if scores_while_training else after
    expected = torch.softmax(logits, dim=-1)[len(labelled) :, 1].double()
    torch.testing.assert_close(strategy.score(pool)[0][by_place], expected, rtol=0, atol=1e-5)


def test_dead_logits_tie_and_the_first_rows_of_the_pool_are_taken(trained, parts, monkeypatch):
    pool = trained(kept_epochs=1).pool
    strategy = parts[1].LegacyCal(**DISCRIMINATOR, relu_logits=True)
    monkeypatch.setattr(strategy, "prob_positive", lambda pool, x, high: torch.full_like(pool.candidates, 0.5).double())
    place = parts[0].place(SEED, N, fixed=False)[pool.candidates[0]]
    assert strategy.select(pool, 4).positions[0].tolist() == place.argsort()[:4].tolist()


@pytest.mark.parametrize("binned", [False, True])
def test_correctness_is_rounded_to_fifths_as_python_rounds(oracle_pool, parts, monkeypatch, binned):
    counts = torch.arange(31).view(1, -1)
    pool = oracle_pool(torch.zeros(1, 40, 3), n_labelled=31, counts=counts)
    seen = {}

    def keep(pool, x, high):
        seen["high"] = high[0].tolist()
        return torch.zeros(1, 9).double()

    strategy = parts[1].LegacyCal(binned_correctness=binned)
    monkeypatch.setattr(strategy, "prob_positive", keep)
    strategy.score(pool)
    assert seen["high"] == [(round(k / 30 * 5) / 5 if binned else k / 30) > 0.2 for k in range(31)]


@pytest.mark.parametrize("faults", [(), ("warm_start", "no_shuffle", "two_hidden_layers", "during_capture")])
def test_a_setting_says_what_is_on(legacy, faults):
    given = legacy.setting(faults, "words.kv", n_epochs=4)
    learner, strategies = given["learner"], dict(each for spec in given["strategies"][4:] for each in spec.items())
    assert {name: getattr(learner, name) for name in ("warm_start", "no_shuffle", "during_capture")} == {
        name: name in faults for name in ("warm_start", "no_shuffle", "during_capture")
    }
    assert learner.hidden == [300] * (2 if "two_hidden_layers" in faults else 3)
    assert learner.carries is bool(faults)
    assert strategies["cal"].no_shuffle is strategies["dal"].no_shuffle is ("no_shuffle" in faults)
    assert (strategies["cal"].hidden, strategies["dal"].repeats_labelled, learner.kept_epochs) == (300, False, 0)


def test_an_unknown_fault_is_refused(legacy):
    with pytest.raises(ValueError, match=r"'warm'.*known: warm_start"):
        legacy.setting({"warm"}, "words.kv")


def test_without_faults_everything_is_acquired_as_cal_does(legacy, parts, make_task):
    corpus, features = make_task()
    given = {"features": features, "seeds": 2, "seed_size": 12, "query_size": 6, "rounds": 2, "full_data": False}
    small = {"hidden": [8, 8], "n_epochs": 4, "batch_size": 8, "lr": 1e-2}
    own = legacy.setting((), "words.kv", **small)
    released = [{name: own[name]} for name in ("learner", "seed_set")]
    strategies = [{"cal": parts[1].LegacyCal(n_epochs=3, lr=1e-2)}, {"dal": parts[1].LegacyDal(n_epochs=3, lr=1e-2)}]
    ours = [{"cal": {"n_epochs": 3, "lr": 1e-2}}]
    one = simulate(corpus, strategies, **given, **released[0], **released[1], workers=1, quiet=True)
    other = simulate(corpus, ours, **given, learner=MLP(**small), workers=1, quiet=True)
    of_cal = one.rounds["strategy"] == "cal"
    assert one.rounds[of_cal]["accuracy"].tolist() == other.rounds["accuracy"].tolist()
    of_cal = one.acquired["strategy"] == "cal"
    assert one.acquired[of_cal]["id"].tolist() == other.acquired["id"].tolist()


# --- what finished runs say


@pytest.fixture
def measures():
    return importlib.import_module("measures")


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_difference_has_the_interval_of_scipy(measures, n):
    a, b = ({seed: float(value) for seed, value in enumerate(RNG.normal(size=n))} for _ in range(2))
    found = measures.difference(a | {99: 1.0}, b)
    expected = stats.ttest_rel([*a.values()], [*b.values()]).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.n == n


def test_a_difference_of_one_seed_has_no_interval(measures):
    told = [str(measures.difference(dict.fromkeys(range(n), 0.5), {0: 0.25, 1: 0.25, 2: 0.25})) for n in range(3)]
    assert told == ["", "+0.250, 1 seed", "+0.250 [+0.250, +0.250], p 0.500, 2 seeds"]


@pytest.mark.parametrize(
    ("interval", "verdicts"),
    [
        ((0.01, 0.02), ("confirmed", "contradicted", "confirmed")),
        ((-0.005, 0.004), ("not confirmed", "confirmed", "confirmed")),
        ((-0.03, 0.04), ("not confirmed", "not confirmed", "not confirmed")),
        ((-0.03, -0.02), ("contradicted", "confirmed", "contradicted")),
    ],
)
def test_a_verdict_is_that_of_the_interval(measures, interval, verdicts):
    found = measures.Difference(sum(interval) / 2, *interval, 0.1, 3)
    assert tuple(found.verdict(claimed) for claimed in ("above", "not above", "not below")) == verdicts


def test_overlaps_are_counted_by_id_and_by_position(measures):
    ids = list("abcdefgh")
    acquired = {"cal": [["a", "h"], ["b", "c"], ["d", "e"]], "random": [["a", "h"], ["d", "c"], ["e", "g"]]}
    rows = [
        {"strategy": strategy, "seed": 1, "round": round, "id": each}
        for strategy, rounds in acquired.items()
        for round, batch in enumerate(rounds)
        for each in batch
    ]
    found = measures.overlaps(measures.Runs(None, pd.DataFrame(rows), None), ids)
    row = found[(found["a"] == "CAL") & (found["b"] == "Rand.")].iloc[0]
    assert (row["seeds"], row["shared"], row["expected"]) == (1, 3, 4 * 4 / 6)  # c, d and e
    # Pools b-g of both: positions 0, 1 and 2, 1. Then d e f g: 0, 1; and b e f g: 1, 3.
    assert row["by_position"] == 2
    assert found[found["b"] == "LC"]["seeds"].tolist() == [0, 0]


def test_every_cell_has_a_folder_of_its_own():
    cells = list(importlib.import_module("grids").queue())
    assert len({cell.path for cell in cells}) == len(cells)
    assert {cell.seed for cell in cells} == set(PAPER_SEEDS)


def test_the_faults_of_a_cell_are_those_of_its_name(legacy):
    cell = importlib.import_module("grids").LegacyCell
    assert cell("all", "cal", 1).faults == set(legacy.FAULTS)
    assert cell("only_warm_start", "cal", 1).faults == {"warm_start"}
    assert cell("without_warm_start", "cal", 1).faults == set(legacy.FAULTS) - {"warm_start"}


def test_vectors_are_those_of_the_wheel(tmp_path):
    vectors, (matrix, words) = importlib.import_module("vectors"), (io.BytesIO(), io.BytesIO())
    given = RNG.normal(size=(2, 4)).astype(np.float32)
    np.save(matrix, given)
    pd.DataFrame({"index": ["how", "null"]}).to_parquet(words)
    with zipfile.ZipFile(tmp_path / "glove.whl", "w") as wheel:
        wheel.writestr(vectors.MATRIX, matrix.getvalue())
        wheel.writestr(vectors.WORDS, words.getvalue())
    found = vectors.read(tmp_path / "glove.whl")
    assert np.array_equal(np.stack([found["how"], found["null"]]), given)


def test_positions_collide_by_chance():
    tables = importlib.import_module("tables")
    assert tables.positions(10, n_batch=2, n_rounds=3) == pytest.approx(4 / 10 + 4 / 8 + 4 / 6)


@pytest.fixture
def small_paper(monkeypatch, tmp_path):
    """Where a small corpus, vectors of its words and its finished runs are, instead of TREC and its thirty rounds."""
    words = {"place": ["where", "city"], "person": ["who", "wrote"], "number": ["many", "far"]}
    folder = tmp_path / "data" / "trec"
    folder.mkdir(parents=True)
    for name, n in {"train": 60, "test": 30}.items():
        labels = RNG.choice(list(words), n)
        texts = [f"{RNG.choice(words[label])} {RNG.choice(words['place'])} {row}" for row, label in enumerate(labels)]
        rows = {"id": [f"{name}{row}" for row in range(n)], "text": texts, "label": labels}
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    vectors = KeyedVectors(4)
    vectors.add_vectors([*itertools.chain(*words.values())], RNG.normal(size=(6, 4)).astype(np.float32))
    vectors.save(str(tmp_path / "glove.kv"))
    grids, measures, run = map(importlib.import_module, ("grids", "measures", "run"))
    learner = MLP(hidden=[8], n_epochs=3, batch_size=8, lr=1e-2)
    tiny = {"learner": learner, "seed_size": 12, "query_size": 6, "rounds": 2}
    monkeypatch.setitem(grids.SETTINGS, "trec", tiny)
    monkeypatch.setitem(grids.GROUPS, "paper", ["random", "least_confidence", "dal", "cal"])
    places = measures.Places(tmp_path / "runs", tmp_path / "data", tmp_path / "glove.kv")
    cells = [grids.Cell("trec", "glove", "paper", seed) for seed in PAPER_SEEDS[:2]]
    run.simulate(cells, places.data, places.glove, places.runs)
    return places, cells


def test_from_cells_to_tables(blank_pictures, small_paper, monkeypatch, capsys):
    (places, cells), run, tables = small_paper, importlib.import_module("run"), importlib.import_module("tables")
    monkeypatch.setattr(type(cells[0]), "simulate", lambda *_: pytest.fail("simulated again"))
    capsys.readouterr()
    run.simulate(cells, places.data, places.glove, places.runs)
    assert capsys.readouterr().out == ""
    for name in ("table2", "table4", "figure3", "figure4", "full_data", "legacy", "claims"):
        assert "CAL" in tables.RESULTS[name].text(places)
    assert {path.name for path in (places.runs / "figures").iterdir()} == {"figure3_trec.png", "figure4_trec.png"}
    scores = run.scores(places.runs)
    assert scores["strategy"].value_counts().to_dict() == dict.fromkeys(
        ["random", "least_confidence", "dal", "cal", "all data"], 2
    )


def test_before_any_run_is_finished_that_is_said_and_kept_scores_stay(tmp_path, monkeypatch, capsys):
    run = importlib.import_module("run")
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    (tmp_path / "scores.csv").write_text("kept")
    results = ["table2", "table3", "table4", "figure3", "figure4", "full_data", "lsa", "legacy", "claims"]
    monkeypatch.setattr("sys.argv", ["run.py", "data", "glove.kv", "--runs", "none", "--finished", *results])
    run.main()
    expected = [f"{name}: none of its runs is finished in none." for name in results]
    assert capsys.readouterr().out.split("\n")[1::2] == expected
    assert (tmp_path / "scores.csv").read_text() == "kept"


def test_a_file_that_is_missing_is_one_line(monkeypatch, capsys):
    run = importlib.import_module("run")
    monkeypatch.setattr("sys.argv", ["run.py", "no_data", "glove.kv", "table1"])
    with pytest.raises(SystemExit):
        run.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert "no_data" in line


def test_a_fault_that_cannot_touch_a_strategy_leaves_its_scores(monkeypatch):
    faults = importlib.import_module("faults")

    def runs(area):
        return SimpleNamespace(scores=lambda strategy, measure: {1: area})

    monkeypatch.setattr(faults.Faulty, "found", {"none": runs(0.5), "all": runs(0.6), "only_relu_logits": runs(0.7)})
    faulty = faults.Faulty(Path())
    assert faulty.scores("only_relu_logits", "random") == {1: 0.5}
    assert faulty.scores("only_relu_logits", "cal") == {1: 0.7}
    assert faulty.scores("without_relu_logits", "random") == {1: 0.6}
    assert faulty.scores("without_relu_logits", "cal") == {}
