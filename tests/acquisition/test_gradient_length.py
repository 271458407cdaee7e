"""Expected gradient length against autograd."""

import pytest
import torch

from cal.acquisition.gradient_length import ExpectedGradientLength


@pytest.mark.oracle("expected_gradient_length")
def test_it_is_the_expected_length_of_autograds_gradient(trained_pool):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 5, generator=generator)
    pool = trained_pool(x.numpy(), torch.arange(40) % 3, [3, 4], n_labelled=30)
    scores = ExpectedGradientLength().score(pool)
    net = pool.learner.net
    for run in range(2):
        weight = net.weights[-1][run].double().requires_grad_()
        bias = net.biases[-1][run, 0].double().requires_grad_()
        for candidate, h in enumerate(pool.embeddings[run].double()):
            expected = 0.0
            for label in range(3):
                logits = h @ weight + bias
                loss = torch.nn.functional.cross_entropy(logits, torch.tensor(label))
                gradient = torch.cat([part.flatten() for part in torch.autograd.grad(loss, [weight, bias])])
                expected += float(torch.softmax(logits, dim=-1)[label].detach() * gradient.norm())
            assert scores[run, candidate].item() == pytest.approx(expected, rel=1e-5)


def test_a_prediction_that_is_certain_expects_no_change(oracle_pool):
    logits = torch.tensor([[[0.0, 0.0], [1e4, -1e4], [0.0, 0.0], [1.0, 0.0]]])
    embeddings = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [3.0, 4.0], [3.0, 4.0]]])
    certain, doubtful, tending = (
        ExpectedGradientLength().score(oracle_pool(logits, n_labelled=1, embeddings=embeddings))[0].tolist()
    )
    assert certain == 0
    assert doubtful > tending > 0
    assert doubtful == pytest.approx(0.5**0.5 * 26**0.5)
