import math

import pytest
import torch
from torch import nn

from cal.errors import StrategyError
from cal.learners.dropout import KeyedDropout, replace_dropout
from cal.learners.transformer import Transformer
from cal.streams import Keyed, Streams

KEYS = Keyed.of(Streams([7], 2), "classifier/dropout").derived(torch.tensor([11, 4, 23, 8]))
SHARED = KEYS[torch.tensor([0])].derived(1)  # of what all sequences share
ORDER = torch.tensor([2, 0, 3, 1])


def dropout(p=0.3):
    """What governs two modules, and these."""
    model = nn.Sequential(nn.Dropout(p), nn.Dropout(p))
    return replace_dropout(model), model


def mask(keys, *shape, p=0.3, module=0):
    """Zero where ones are dropped, more than one elsewhere."""
    mode, model = dropout(p)
    with mode.training(keys, SHARED):
        return model[module](torch.ones(len(keys.keys), *shape))


def test_a_mask_does_not_depend_on_the_place_in_a_batch():
    assert torch.equal(mask(KEYS[ORDER], 6, 16), mask(KEYS, 6, 16)[ORDER])


def test_a_mask_does_not_depend_on_the_rest_of_the_batch():
    alone = torch.cat([mask(KEYS[torch.tensor([row])], 6, 16) for row in range(4)])
    assert torch.equal(alone, mask(KEYS, 6, 16))


@pytest.mark.parametrize("n_padded", [7, 40, 1100])
def test_a_mask_does_not_depend_on_how_far_a_sequence_is_padded(n_padded):
    assert torch.equal(mask(KEYS, n_padded, 16)[:, :6], mask(KEYS, 6, 16))


def test_instances_and_modules_have_masks_of_their_own():
    masks = [*mask(KEYS, 6, 16), *mask(KEYS, 6, 16, module=1)]
    assert len({tuple(one.flatten().tolist()) for one in masks}) == 8


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_so_many_are_dropped_and_the_rest_makes_up_for_it(p):
    numbers = mask(KEYS, 500, 100, p=p)
    deviation = math.sqrt(p * (1 - p) / numbers.numel())
    assert abs((numbers == 0).double().mean() - p) < 5 * deviation + 2**-16
    assert abs(numbers.double().mean() - 1) < (5 * deviation + 2**-16) / (1 - p)
    torch.testing.assert_close(numbers.max(), torch.tensor(1 / (1 - p)))


def test_gradients_pass_where_numbers_do():
    mode, model = dropout()
    x = torch.ones(4, 6, 16, requires_grad=True)
    with mode.training(KEYS, SHARED):
        out = model[0](x)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


def test_a_sampled_network_has_one_mask_for_all_instances_and_tokens():
    mode, model = dropout()
    with mode.sampling(KEYS[torch.tensor([1])]):
        out = model[0](torch.ones(4, 6, 16))
    assert torch.equal(out, out[:1, :1].expand(4, 6, 16))
    assert 0 < (out[0, 0] == 0).sum() < 16


def test_a_sampled_network_is_the_same_for_vectors_and_for_tokens():
    mode, model = dropout()
    with mode.sampling(KEYS[torch.tensor([1])]):
        assert torch.equal(model[0](torch.ones(4, 6, 16))[:, 0], model[0](torch.ones(4, 16)))


def test_nothing_is_dropped_unless_told():
    mode, model = dropout()
    x = torch.randn(4, 6, 16, generator=torch.Generator().manual_seed(0))
    with mode.training(KEYS, SHARED), pytest.raises(KeyboardInterrupt):
        raise KeyboardInterrupt
    assert torch.equal(model.train()(x), x)


def test_attention_is_left_alone():
    mode, model = dropout()
    x = torch.ones(4, 2, 6, 6)
    with mode.training(KEYS, SHARED):
        assert torch.equal(model[0](x), x)


def test_only_modules_that_drop_are_replaced():
    model = nn.ModuleDict(
        {"a": nn.Dropout(0.2), "b": nn.Dropout(0.0), "c": nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1))}
    )
    replace_dropout(model)
    kinds = [type(model["a"]), type(model["b"]), type(model["c"][1])]
    assert kinds == [KeyedDropout, nn.Dropout, KeyedDropout]


def test_one_probability_can_be_given_to_all():
    model = nn.Sequential(nn.Dropout(0.0), nn.Dropout(0.5))
    replace_dropout(model, 0.25)
    assert [module.p for module in model] == [0.25, 0.25]
    assert [type(module) for module in model] == [KeyedDropout, KeyedDropout]


# --- in a learner

ROWS = torch.arange(20).unsqueeze(0)
STREAMS = Streams([5], 1)


@pytest.fixture(scope="module")
def trained(make_learner, corpus):
    learner = make_learner(n_epochs=1, lr=1e-2, dropout=0.3)
    learner.fit(ROWS, torch.from_numpy(corpus.train.gold)[ROWS], STREAMS)
    return learner


def test_sampled_probabilities_are_permuted_with_their_instances(trained):
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    given = trained.dropout_probs(ROWS[:, order], 3, STREAMS)
    torch.testing.assert_close(given, trained.dropout_probs(ROWS, 3, STREAMS)[:, :, order], rtol=0, atol=1e-6)


def test_a_sampled_probability_does_not_depend_on_what_else_is_asked_for(trained):
    some = torch.tensor([[17, 3]])
    expected = trained.dropout_probs(ROWS, 2, STREAMS)[:, :, [17, 3]]
    torch.testing.assert_close(trained.dropout_probs(some, 2, STREAMS), expected, rtol=0, atol=1e-6)


def test_samples_are_probabilities_and_differ(trained):
    probs = trained.dropout_probs(ROWS, 4, STREAMS)
    assert probs.shape == (1, 4, 20, 3)
    assert probs.dtype == torch.float64
    torch.testing.assert_close(probs.sum(-1), torch.ones(1, 4, 20, dtype=torch.float64))
    assert all((probs[0, a] - probs[0, b]).abs().max() > 1e-3 for a in range(4) for b in range(a))


def test_the_same_streams_sample_the_same_networks(trained):
    assert torch.equal(trained.dropout_probs(ROWS, 3, STREAMS), trained.dropout_probs(ROWS, 3, Streams([5], 1)))
    other = trained.dropout_probs(ROWS, 3, Streams([5], 2))
    assert (trained.dropout_probs(ROWS, 3, STREAMS) - other).abs().amax(dim=(0, 2, 3)).min() > 1e-3


def test_more_samples_begin_with_the_fewer(trained):
    assert torch.equal(trained.dropout_probs(ROWS, 5, STREAMS)[:, :2], trained.dropout_probs(ROWS, 2, STREAMS))


def test_runs_of_one_seed_sample_the_same_networks(trained):
    probs = trained.select([0, 0, 0]).dropout_probs(ROWS.expand(3, -1), 2, Streams([5, 9, 5], 1))
    assert torch.equal(probs[0], probs[2])
    assert (probs[0] - probs[1]).abs().max() > 1e-3


def test_sampling_leaves_the_network_as_it_was(trained):
    before = trained.predict(ROWS).logits
    trained.dropout_probs(ROWS, 2, STREAMS)
    assert not any(module.training for module in trained.classifier.module.modules())
    assert torch.equal(trained.predict(ROWS).logits, before)


def test_a_sample_is_the_network_with_some_units_taken_out(trained, corpus, by_hand):
    """Dropout modules of a plain model multiply by the masks of the sample, whatever the text."""
    model, tokenizer, _ = by_hand.plain(trained.tokens.model.name, corpus)
    by_hand.with_weights_of(trained, 0, model)
    keys = Keyed.of(STREAMS, "mc_dropout").derived(1)
    for name, module in trained.classifier.module.named_modules():
        if isinstance(module, KeyedDropout):
            kept = keys.derived(module._number).keep(0.7, 16)[0] / 0.7
            model.get_submodule(name).register_forward_hook(
                lambda part, given, out, kept=kept: out * kept if out.dim() < 4 else out
            )
    with torch.no_grad():
        logits = torch.cat([model(**by_hand.read(corpus, tokenizer, "train", [row])).logits for row in ROWS[0]])
    given = trained.dropout_probs(ROWS, 2, STREAMS)[0, 1]
    torch.testing.assert_close(given, logits.double().softmax(-1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("how", ["learner", "model"])
def test_without_dropout_nothing_can_be_sampled(make_learner, tiny, corpus, how):
    without = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    changes = {"dropout": 0.0} if how == "learner" else {"model": tiny(**without)}
    learner = make_learner(n_epochs=1, **changes)
    with pytest.raises(StrategyError, match=r"has no dropout to sample networks by\. Leave the strategy out"):
        learner.dropout_probs(ROWS, 2, STREAMS)


def test_a_learner_told_not_to_drop_says_that_it_cannot():
    assert Transformer().abilities == {"dropout", "embeddings", "features"}
    assert Transformer(dropout=0.0).abilities == {"embeddings", "features"}


def test_attention_alone_is_nothing_to_sample_by(make_learner, tiny):
    learner = make_learner(model=tiny("deberta", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.1))
    with pytest.raises(StrategyError, match="has no dropout"):
        learner.dropout_probs(ROWS, 2, STREAMS)
