"""The encoders of several runs: each as if it were alone, and as transformers would have it."""

import dataclasses
import shutil
import sys

import numpy as np
import pytest
import torch
import transformers

from cal.acquisition.pool import Pool, PoolDocuments
from cal.data.corpus import Corpus
from cal.dynamics import metrics
from cal.errors import CalError, ConfigError, ModelError, StrategyError
from cal.learners.transformer import Transformer
from cal.simulation.request import simulate
from cal.streams import Streams

N = 21
SEEDS = (3, 8, 3)
KINDS = ["bert", "roberta", "deberta", "modernbert"]
SHAPES = [(1, 1), (2, 1), (1, 2), (2, 3)]  # texts and choices of a document
_rng = np.random.default_rng(4)
LABELLED = torch.stack([torch.from_numpy(_rng.permutation(40)[:N]) for _ in SEEDS])
POOL = torch.stack([torch.from_numpy(_rng.permutation(40)[:15]) for _ in SEEDS])
DEVICE = torch.device("cpu")


def fit(learner, corpus, runs=(0, 1, 2), **given):
    rows = LABELLED[list(runs)]
    return learner.fit(rows, torch.from_numpy(corpus.train.gold)[rows], Streams([SEEDS[r] for r in runs], 1), **given)


def assert_same_dynamics(given, expected, **tolerance):
    for name in ("gold_prob", "loss", "margin", "el2n"):
        torch.testing.assert_close(getattr(given, name), getattr(expected, name), **{"rtol": 0, "atol": 0} | tolerance)


@pytest.fixture(scope="module")
def stack(make_learner, corpus):
    """Three runs, which tests must not train again."""
    learner = make_learner(n_runs=3)
    return learner, fit(learner, corpus)


# --- runs beside each other


@pytest.mark.parametrize("run", range(3))
def test_a_run_of_a_stack_is_that_run_alone(stack, make_learner, corpus, run):
    learner, dynamics = stack
    alone = make_learner()
    assert_same_dynamics(
        dataclasses.replace(dynamics, **{name: values[[run]] for name, values in dynamics.tensors().items()}),
        fit(alone, corpus, [run]),
    )
    together, apart = learner.predict(POOL), alone.predict(POOL[[run]])
    assert torch.equal(together.logits[[run]], apart.logits)
    assert torch.equal(together.embeddings[[run]], apart.embeddings)
    assert torch.equal(learner.predict_split("test")[[run]], alone.predict_split("test"))


def test_runs_of_one_seed_and_labelled_set_are_the_same(make_learner, corpus):
    learner = make_learner(n_runs=2)
    rows = LABELLED[[0, 0]]
    dynamics = learner.fit(rows, torch.from_numpy(corpus.train.gold)[rows], Streams([5, 5], 0))
    assert torch.equal(dynamics.loss[0], dynamics.loss[1])


def test_seed_and_round_each_change_the_training(make_learner, corpus):
    learner, rows = make_learner(), LABELLED[:1]
    gold = torch.from_numpy(corpus.train.gold)[rows]
    losses = [learner.fit(rows, gold, Streams([seed], round)).loss for seed, round in ((1, 0), (2, 0), (1, 1))]
    assert not torch.equal(losses[0], losses[1])
    assert not torch.equal(losses[0], losses[2])


def test_some_of_the_runs_say_what_they_said(stack):
    learner = stack[0]
    chosen = learner.select([1, 1, 0])
    assert chosen.n_runs == 3
    whole = learner.predict(POOL[[0, 1, 1]]).logits, learner.predict(POOL[[1, 1, 1]]).logits
    given = chosen.predict(POOL[[1, 1, 1]]).logits
    assert torch.equal(given[0], whole[1][1])
    assert torch.equal(given[1], whole[1][1])
    assert torch.equal(given[2], whole[1][0])


def test_fitting_again_starts_anew(make_learner, corpus):
    learner = make_learner(n_runs=3, lr=1e-2)
    first = fit(learner, corpus)
    learner.dropout_probs(POOL, 2, Streams(SEEDS, 1))
    assert_same_dynamics(fit(learner, corpus), first)


def test_a_learner_keeps_its_networks_while_others_of_the_same_tokens_train(make_learner, corpus):
    learner = make_learner()
    fit(learner, corpus, [0])
    before = learner.predict(POOL[:1]).logits
    other = learner.fresh(2)
    assert other.n_runs == 2
    fit(other, corpus, [1, 2])
    assert torch.equal(learner.predict(POOL[:1]).logits, before)


def test_fresh_ones_train_as_those_of_a_new_learner(stack, make_learner, corpus):
    assert_same_dynamics(fit(stack[0].fresh(1), corpus, [1]), fit(make_learner(), corpus, [1]))


def test_global_generator_is_left_alone(make_learner, corpus):
    torch.manual_seed(5)
    expected = torch.rand(4)
    for changes in ({}, {"lora": 2}, {"gradient_checkpointing": True}):
        torch.manual_seed(5)
        learner = make_learner(**changes)
        fit(learner, corpus, [0])
        learner.dropout_probs(POOL[:1], 2, Streams([1], 0))
        assert torch.equal(torch.rand(4), expected), changes


# --- the same as transformers


def one_by_one(model, tokenizer, by_hand, corpus, split, rows, **options):
    with torch.no_grad():
        return [model(**by_hand.read(corpus, tokenizer, split, [row]), **options) for row in rows]


@pytest.mark.parametrize(("n_texts", "n_choices"), SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_one_document_at_a_time(make_learner, make_corpus, tiny, by_hand, kind, n_texts, n_choices):
    """Padding, a batch and embeddings of the words that occur alone change nothing."""
    corpus = make_corpus(n_texts, n_choices)
    learner = make_learner(corpus, model=tiny(kind), lr=1e-2)
    fit(learner, corpus, [0])
    model, tokenizer, _ = by_hand.plain(tiny(kind), corpus)
    by_hand.with_weights_of(learner, 0, model)
    for split, given in (("train", learner.predict(POOL[:1]).logits), ("test", learner.predict_split("test"))):
        rows = POOL[0] if split == "train" else range(13)
        outputs = one_by_one(model, tokenizer, by_hand, corpus, split, rows)
        torch.testing.assert_close(given[0], torch.cat([out.logits for out in outputs]), rtol=0, atol=1e-5)
    assert given.std() > 1e-3


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("kind", KINDS)
def test_hidden_layers_are_those_of_the_model(make_learner, corpus, tiny, by_hand, kind, pooling):
    learner = make_learner(model=tiny(kind), pooling=pooling)
    fit(learner, corpus, [0])
    model, tokenizer, _ = by_hand.plain(tiny(kind), corpus)
    by_hand.with_weights_of(learner, 0, model)
    outputs = one_by_one(model, tokenizer, by_hand, corpus, "train", POOL[0], output_hidden_states=True)
    for layer, place in ((-1, -1), (1, 2), (0, 1), (-2, 1)):
        states = [out.hidden_states[place][0] for out in outputs]
        expected = torch.stack([state[0] if pooling == "cls" else state.mean(dim=0) for state in states])
        torch.testing.assert_close(learner.hidden(POOL[:1], layer)[0], expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(learner.predict(POOL[:1]).embeddings, learner.hidden(POOL[:1], -1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("layer", [2, -3])
def test_a_layer_that_is_not_there_is_said(stack, layer):
    with pytest.raises(StrategyError, match=f"There is no hidden layer {layer}; this learner has 2, counted from 0"):
        stack[0].hidden(POOL, layer)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_are_means_of_the_untrained_encoder(make_learner, corpus, tiny, kind):
    learner = make_learner(model=tiny(kind), n_runs=3)
    fit(learner, corpus)
    model = transformers.AutoModel.from_pretrained(tiny(kind)).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny(kind))
    with torch.no_grad():
        texts = [[corpus.train.texts[row] for row in rows] for rows in POOL.tolist()]
        expected = [
            [model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(dim=0) for text in some]
            for some in texts
        ]
    expected = torch.stack([torch.stack(some) for some in expected])
    torch.testing.assert_close(learner.inputs(POOL), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_embeddings_lead_to_the_logits_by_the_last_layer(make_learner, corpus, tiny, kind):
    learner = make_learner(model=tiny(kind))
    fit(learner, corpus, [0])
    given = learner.predict(POOL[:1])
    learner.classifier.put(learner._weights[0])
    head = [part for part in learner.classifier.module.modules() if isinstance(part, torch.nn.Linear)][-1]
    expected = given.embeddings @ head.weight.T + head.bias
    torch.testing.assert_close(given.logits, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("pooling", ["head", "cls", "mean"])
def test_vectors_in_multiple_choice_are_one_of_each_choice(make_learner, make_corpus, pooling):
    corpus = make_corpus(2, 3)
    learner = make_learner(corpus, pooling=pooling)
    fit(learner, corpus, [0])
    given = learner.predict(POOL[:1])
    assert given.embeddings.shape == (1, 15, 3 * 16)
    assert given.logits.shape == (1, 15, 3)
    assert learner.inputs(POOL[:1]).shape == (1, 15, 3 * 16)
    if pooling == "head":
        learner.classifier.put(learner._weights[0])
        head = learner.classifier.module.classifier
        expected = (given.embeddings.view(1, 15, 3, 16) @ head.weight.T + head.bias).squeeze(-1)
        torch.testing.assert_close(given.logits, expected, rtol=0, atol=1e-5)


def test_logits_do_not_depend_on_what_else_is_asked_for(stack):
    learner = stack[0]
    whole = learner.predict(torch.arange(40).expand(3, -1)).logits
    for rows in (torch.tensor([[7]] * 3), torch.tensor([[30, 2, 2, 11]] * 3)):
        torch.testing.assert_close(learner.predict(rows).logits, whole[:, rows[0]], rtol=0, atol=1e-6)


def test_a_real_model_reads_as_transformers_reads_it(minilm, corpus, by_hand):
    config = Transformer(model=minilm, n_epochs=1, precision="float32", batch_size=8)
    learner = config.build(config.inputs(corpus, None), corpus.n_classes, 1, DEVICE)
    learner.fit(LABELLED[:1, :8], torch.from_numpy(corpus.train.gold)[LABELLED[:1, :8]], Streams([1], 0))
    model, tokenizer, _ = by_hand.plain(minilm, corpus)
    by_hand.with_weights_of(learner, 0, model)
    outputs = one_by_one(model, tokenizer, by_hand, corpus, "test", range(13))
    given = learner.predict_split("test")[0]
    torch.testing.assert_close(given, torch.cat([out.logits for out in outputs]), rtol=0, atol=1e-5)


# --- dynamics


def test_last_dynamics_are_the_predictions_after_training(stack, corpus):
    learner, dynamics = stack
    logits, gold = learner.predict(LABELLED).logits, torch.from_numpy(corpus.train.gold)[LABELLED]
    torch.testing.assert_close(dynamics.gold_prob[:, -1], metrics.gold_prob(logits, gold), rtol=0, atol=1e-6)
    torch.testing.assert_close(dynamics.margin[:, -1], metrics.margin(logits, gold), rtol=0, atol=1e-5)
    assert dynamics.capture == "end"


def test_what_is_seen_at_the_end_of_an_epoch_is_what_is_recorded(make_learner, corpus):
    learner, seen = make_learner(n_runs=3), []
    gold = torch.from_numpy(corpus.train.gold)[LABELLED]
    dynamics = fit(learner, corpus, on_epoch_end=lambda epoch: seen.append((epoch, learner.predict(LABELLED).logits)))
    assert [epoch for epoch, _ in seen] == [0, 1]
    for epoch, logits in seen:
        torch.testing.assert_close(metrics.gold_prob(logits, gold), dynamics.gold_prob[:, epoch], rtol=0, atol=1e-6)


def test_looking_changes_nothing(stack, make_learner, corpus):
    learner = make_learner(n_runs=3)

    def look(epoch):
        learner.predict_split("test")
        learner.hidden(POOL, 0)
        learner.inputs(POOL)
        learner.dropout_probs(POOL, 2, Streams(SEEDS, 1))

    assert_same_dynamics(fit(learner, corpus, on_epoch_end=look), stack[1])


def test_held_out_instances_are_recorded_and_not_trained_on(stack, make_learner, corpus):
    learner, gold = make_learner(n_runs=3), torch.from_numpy(corpus.train.gold)
    dynamics = fit(learner, corpus, capture="out_of_fold", held_out=(POOL, gold[POOL]))
    assert dynamics.gold_prob.shape == (3, 2, 15)
    assert dynamics.capture == "out_of_fold"
    expected = metrics.gold_prob(learner.predict(POOL).logits, gold[POOL])
    torch.testing.assert_close(dynamics.gold_prob[:, -1], expected, rtol=0, atol=1e-6)
    assert torch.equal(learner.predict(POOL).logits, stack[0].predict(POOL).logits)


def test_a_pool_has_out_of_fold_dynamics(stack, corpus):
    learner, dynamics = stack
    gold = torch.from_numpy(corpus.train.gold)[LABELLED]
    before = learner.predict(POOL).logits
    documents = PoolDocuments(corpus.train.ids, corpus.label_names)
    pool = Pool(learner, POOL, LABELLED, gold, dynamics, Streams(SEEDS, 1), documents, 5)
    given = pool.out_of_fold(3)
    assert given.gold_prob.shape == (3, 2, N)
    assert given.capture == "out_of_fold"
    assert (given.gold_prob - dynamics.gold_prob).abs().max() > 1e-3
    assert torch.equal(learner.predict(POOL).logits, before)


def test_training_on_a_signal_learns_it(make_learner, corpus):
    learner = make_learner(n_epochs=25, lr=1e-2)
    rows = torch.arange(40).unsqueeze(0)
    dynamics = learner.fit(rows, torch.from_numpy(corpus.train.gold)[rows], Streams([1], 0))
    assert dynamics.correct[0, -1].float().mean() > 0.95


# --- what is trained


def weights(learner, run=0):
    """Of a run, by name."""
    learner.classifier.put(learner._weights[run])
    return {name: values.clone() for name, values in learner.classifier.module.named_parameters()}


def pretrained(learner):
    learner.classifier.put(learner.classifier.pretrained)
    return {name: values.clone() for name, values in learner.classifier.module.named_parameters()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 2])
def test_frozen_layers_stay_and_the_rest_is_trained(make_learner, corpus, tiny, kind, n):
    learner = make_learner(model=tiny(kind), freeze=n)
    fit(learner, corpus, [0])
    before, after = pretrained(learner), weights(learner)
    frozen = {
        name
        for name in before
        if ".embeddings." in name or any(f"layer.{k}." in name or f"layers.{k}." in name for k in range(n))
    }
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert frozen
    assert frozen <= same
    # Biases of keys have no gradient, and in DeBERTa, rows of the highest relative positions are not reached.
    assert {name for name in same - frozen if "key.bias" not in name and "key_proj.bias" not in name} == set()


def test_frozen_weights_are_not_kept_per_run(make_learner):
    whole, some = make_learner().classifier.n_weights, make_learner(freeze=2).classifier.n_weights
    assert some == 16 * 16 + 16 + 3 * 16 + 3  # the pooler and the head
    assert some < whole / 5


def test_more_frozen_layers_than_there_are_is_said(make_learner):
    with pytest.raises(ModelError, match=r"learner\.freeze is 3, but .* has 2 layers\. Give 2 or fewer"):
        make_learner(freeze=3)


@pytest.mark.parametrize("kind", KINDS)
def test_low_rank_updates_start_at_the_pretrained_function(make_learner, corpus, tiny, by_hand, kind):
    """With a learning rate of next to nothing, it is a plain model with the same head."""
    learner = make_learner(model=tiny(kind), lora=2, lr=1e-30)
    fit(learner, corpus, [0])
    model, tokenizer, new = by_hand.plain(tiny(kind), corpus)
    model.load_state_dict({name: values for name, values in weights(learner).items() if name in new}, strict=False)
    outputs = one_by_one(model, tokenizer, by_hand, corpus, "train", POOL[0])
    given = learner.predict(POOL[:1]).logits[0]
    torch.testing.assert_close(given, torch.cat([out.logits for out in outputs]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_low_rank_updates_and_the_head_alone_are_trained(make_learner, corpus, tiny, kind):
    learner = make_learner(model=tiny(kind), lora=2)
    fit(learner, corpus, [0])
    before, after = pretrained(learner), weights(learner)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    head = {name for name in before if name.startswith(("classifier", "head", "pooler"))}
    assert head <= changed
    assert {name for name in changed if "lora_" not in name} == head
    assert any("lora_B" in name for name in changed)
    assert learner.classifier.n_weights < make_learner(model=tiny(kind)).classifier.n_weights / 2


def test_low_rank_updates_learn(make_learner, corpus):
    dynamics = fit(make_learner(lora=4, n_epochs=20, lr=3e-2), corpus, [0])
    assert dynamics.correct[0, -1].float().mean() > 0.9


def test_low_rank_updates_need_a_package(make_learner, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ConfigError, match=r"learner\.lora needs the package peft: pip install"):
        make_learner(lora=2)


@pytest.mark.parametrize("changes", [{"lora": 2}, {"lora": 2, "freeze": 1}, {"freeze": 1}, {"new_head": True}])
def test_whatever_is_trained_a_run_is_that_run_alone(make_learner, corpus, tiny, changes):
    folder = tiny(head=True, num_labels=3)
    together = fit(make_learner(model=folder, n_runs=3, **changes), corpus)
    alone = fit(make_learner(model=folder, **changes), corpus, [2])
    assert torch.equal(together.loss[[2]], alone.loss)


def test_a_head_of_the_model_is_what_training_starts_from(make_learner, corpus, tiny, by_hand):
    learner = make_learner(model=tiny(head=True, num_labels=3), lr=1e-30)
    fit(learner, corpus, [0])
    model, tokenizer, new = by_hand.plain(tiny(head=True, num_labels=3), corpus)
    assert not new
    outputs = one_by_one(model, tokenizer, by_hand, corpus, "train", POOL[0])
    given = learner.predict(POOL[:1]).logits[0]
    torch.testing.assert_close(given, torch.cat([out.logits for out in outputs]), rtol=0, atol=1e-5)


def test_a_new_head_is_that_of_a_model_without_one(make_learner, corpus, tiny, tmp_path):
    """The encoder of the model with the head, saved alone, trains to the same."""
    folder = tiny(head=True, num_labels=3)
    shutil.copytree(folder, tmp_path / "encoder")
    transformers.AutoModel.from_pretrained(folder).save_pretrained(tmp_path / "encoder")
    given = fit(make_learner(model=folder, new_head=True), corpus, [0])
    assert_same_dynamics(given, fit(make_learner(model=str(tmp_path / "encoder")), corpus, [0]))


@pytest.mark.parametrize("kind", KINDS)
def test_layers_computed_again_train_the_same(make_learner, corpus, tiny, kind):
    """With dropout, whose masks must be the same the second time."""
    calls = []
    plain, again = (make_learner(model=tiny(kind), dropout=0.2, gradient_checkpointing=on) for on in (False, True))
    layers = [
        part for part in again.classifier.module.modules() if isinstance(part, torch.nn.ModuleList) and len(part) == 2
    ]
    next(layers[0][0].children()).register_forward_hook(lambda *_: calls.append(torch.is_grad_enabled()))
    assert_same_dynamics(fit(again, corpus, [0]), fit(plain, corpus, [0]), atol=1e-5)
    assert sum(calls) == 2 * 2 * 3  # each of three steps in two epochs, and again


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")  # of PyTorch about its own modules
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # which it asks for itself
@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # Python 3.12, of its forks
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_a_compiled_model_trains_the_same(make_learner, corpus, tiny):
    small = {"model": tiny(num_hidden_layers=1), "n_epochs": 1, "dropout": 0.1}
    given = fit(make_learner(compile=True, **small), corpus, [0])
    assert_same_dynamics(given, fit(make_learner(**small), corpus, [0]), atol=1e-4)


def test_rounding_to_bf16_is_near_and_logits_are_not_rounded(make_learner, corpus, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    rounded, exact = (make_learner(precision=precision) for precision in ("bf16", "float32"))
    given, expected = fit(rounded, corpus, [0]), fit(exact, corpus, [0])
    assert 0 < (given.gold_prob - expected.gold_prob).abs().max() < 0.05
    prediction = rounded.predict(POOL[:1])
    assert prediction.logits.dtype == prediction.embeddings.dtype == torch.float32
    assert not torch.equal(prediction.logits, prediction.logits.bfloat16().float())


def test_where_a_device_has_no_bf16_float32_is_used(make_learner, corpus, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    given, expected = (fit(make_learner(precision=precision), corpus, [0]) for precision in ("bf16", "float32"))
    assert torch.equal(given.loss, expected.loss)


# --- what cannot be trained


def renamed(corpus, names):
    return Corpus(corpus.train, corpus.test, names)


def test_a_head_for_another_number_of_labels_is_said(make_learner, tiny):
    message = r"has a head for 2 labels, but there are 3\. Give learner\.new_head=true"
    with pytest.raises(ModelError, match=message):
        make_learner(model=tiny(head=True, num_labels=2))
    assert make_learner(model=tiny(head=True, num_labels=2), new_head=True).classifier.own_labels is None


def test_a_head_with_its_labels_in_another_order_is_said(make_learner, corpus, tiny):
    labels = {0: "Class 1", 1: "class 0", 2: "class 2"}
    folder = tiny(head=True, id2label=labels, label2id={name: i for i, name in labels.items()})
    with pytest.raises(
        ModelError, match=r"has the labels Class 1, class 0, class 2, but corpus has class 0, .*new_head"
    ):
        make_learner(model=folder)
    assert make_learner(renamed(corpus, ["class 1", "class 0", "class 2"]), model=folder).classifier.own_labels
    assert make_learner(model=folder, new_head=True).n_runs == 1


def test_a_head_without_names_of_its_own_fits_any(make_learner, corpus, tiny):
    assert make_learner(renamed(corpus, ["x", "y", "z"]), model=tiny(head=True, num_labels=3)).n_runs == 1


# --- models of other kinds

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


@pytest.fixture
def save(tiny, tmp_path):
    """save(config): a folder with a model of another kind, and the tokenizer of the small ones."""

    def make(kind, **sizes):
        folder = tmp_path / "model"
        shutil.copytree(tiny("roberta"), folder)
        config = getattr(transformers, f"{kind}Config")
        with torch.random.fork_rng():
            made = config(**{"vocab_size": 120, "pad_token_id": 1, "eos_token_id": 2} | sizes)
            model = transformers.AutoModel.from_config(made)
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.data.mul_(8)
        model.save_pretrained(folder)
        return str(folder)

    return make


OTHERS = {
    "DistilBert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24},
    "Electra": {"embedding_size": 8, **SMALL},
    "Albert": {"embedding_size": 8, **SMALL},
    "MPNet": SMALL,
    "XLMRoberta": SMALL,
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_encoders_are_read_as_transformers_reads_them(make_learner, corpus, save, by_hand, kind):
    folder = save(kind, **OTHERS[kind])
    learner = make_learner(model=folder, lr=1e-2)
    fit(learner, corpus, [0])
    model, tokenizer, _ = by_hand.plain(folder, corpus)
    by_hand.with_weights_of(learner, 0, model)
    outputs = one_by_one(model, tokenizer, by_hand, corpus, "train", POOL[0])
    given = learner.predict(POOL[:1]).logits[0]
    torch.testing.assert_close(given, torch.cat([out.logits for out in outputs]), rtol=0, atol=1e-5)
    assert learner.dropout_probs(POOL[:1], 3, Streams([1], 0)).std(dim=1).min() > 1e-5


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("T5", {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 1}),
        (
            "Bart",
            {"d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2}
            | {"decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24},
        ),
    ],
)
def test_an_encoder_with_a_decoder_is_said(make_learner, save, kind, sizes):
    with pytest.raises(ModelError, match="BERT, RoBERTa, DeBERTa or ModernBERT"):
        make_learner(model=save(kind, **sizes))


def test_a_model_that_does_not_read_texts_alone_is_said(make_learner, save):
    text = {"vocab_size": 120, "eos_token_id": 2, "pad_token_id": 1, "bos_token_id": 0, **SMALL}
    parts = {"text_config": text, "vision_config": {"image_size": 8, "patch_size": 4, **SMALL}, "projection_dim": 8}
    with pytest.raises(ModelError, match="BERT, RoBERTa, DeBERTa or ModernBERT"):
        make_learner(model=save("CLIP", **parts))


def test_layers_that_share_their_weights_cannot_be_frozen_one_by_one(make_learner, save):
    with pytest.raises(ModelError, match=r"learner\.freeze") as caught:
        make_learner(model=save("Albert", **OTHERS["Albert"]), freeze=1)
    assert "as many or fewer" not in str(caught.value)


def test_a_model_without_linear_layers_takes_no_low_rank_updates(make_learner, save):
    with pytest.raises(ModelError, match=r"learner\.lora"):
        make_learner(model=save("GPT2", n_embd=16, n_layer=2, n_head=2), lora=2)


def test_everything_wrong_with_a_configuration_is_said_at_once():
    wrong = {
        "n_epochs": 0,
        "batch_size": 2.5,
        "micro_batch_size": 0,
        "lr": float("inf"),
        "warmup": 1.0,
        "weight_decay": -1.0,
        "max_grad_norm": 0.0,
        "max_length": 2,
        "pooling": "max",
        "dropout": 1.0,
        "precision": "fp16",
        "freeze": -1,
        "lora": -1,
    }
    with pytest.raises(ConfigError) as caught:
        Transformer(**wrong)
    assert len(caught.value.problems) == len(wrong)
    for name in wrong:
        assert name in str(caught.value)


# --- in a simulation

QUICK = {"hidden": 8, "n_epochs": 3, "lr": 1e-2}
EVERY = ["random", "margin", "entropy", "bald", {"cal": QUICK}, {"dal": QUICK}, "badge", "averaged_margin"]


@pytest.fixture(scope="module")
def simulated(make_corpus, tiny):
    corpus = make_corpus(n_train=60)
    learner = Transformer(model=tiny(), n_epochs=2, batch_size=8, lr=3e-3, precision="float32", dropout=0.2)
    base = {"strategies": EVERY, "seeds": [1, 2], "seed_size": 12, "query_size": 5, "rounds": 2, "full_data": False}
    base |= {"learner": learner, "features": None, "device": "cpu", "workers": 1, "quiet": True}
    return lambda **changes: simulate(corpus, **base | changes)


@pytest.fixture(scope="module")
def finished(simulated, tmp_path_factory):
    """A folder of the whole simulation, and its curves."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, simulated(output=folder)


@pytest.fixture(scope="module")
def grid(finished):
    return finished[1]


def test_a_simulation_is_the_same_again(simulated, grid, assert_same):
    assert_same(simulated(), grid)


def test_strategies_choose_differently(grid):
    last = grid.acquired[(grid.acquired["round"] > 0) & (grid.acquired.seed == 1)]
    assert len({tuple(sorted(rows.id)) for _, rows in last.groupby("strategy")}) == len(EVERY)


def test_a_strategy_less_changes_no_other(simulated, grid, assert_same):
    few = ["margin", "bald", "badge"]
    assert_same(simulated(strategies=few), grid, only=lambda frame: frame.strategy.isin(few))


@pytest.mark.slow
def test_two_processes_do_what_one_does(simulated, grid, assert_same):
    assert_same(simulated(workers=2), grid)


def test_a_strategy_that_needs_dropout_is_refused_before_a_model_without_is_trained(simulated, tiny, monkeypatch):
    folder = tiny(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    monkeypatch.setattr(torch.Tensor, "backward", lambda *_: pytest.fail("trained"))
    with pytest.raises(CalError, match="dropout"):
        simulated(strategies=["bald"], learner=Transformer(model=folder, n_epochs=1))


@pytest.mark.parametrize("n_kept", [0, 1, 2])
def test_stopped_between_rounds_it_ends_the_same(simulated, finished, grid, assert_same, tmp_path, n_kept):
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    for path in tmp_path.glob("rounds/*.jsonl"):
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:n_kept]))
    assert_same(simulated(output=tmp_path), grid)
