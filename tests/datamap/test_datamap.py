import statistics

import torch

from cal.datamap.datamap import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics


def dynamics(n_runs=3, n_epochs=6, n=5):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n_runs, n_epochs, n, 3, generator=generator)
    return TrainingDynamics.from_logits(logits, torch.randint(0, 3, (n_runs, n), generator=generator))


def test_a_map_places_each_instance_by_a_plain_loop_over_its_epochs():
    given = dynamics()
    drawn = DataMap.of(given)
    for run in range(3):
        for i in range(5):
            probs = given.gold_prob[run, :, i].tolist()
            assert abs(drawn.confidence[run, i].item() - statistics.fmean(probs)) < 1e-12
            assert abs(drawn.variability[run, i].item() - statistics.pstdev(probs)) < 1e-12
            assert drawn.correctness[run, i].item() == sum(given.correct[run, :, i].tolist()) / 6


def test_the_map_of_one_run_is_that_of_its_dynamics_alone():
    given = dynamics()
    alone = DataMap.of(given[[1]])
    for name in ("confidence", "variability", "correctness"):
        assert torch.equal(getattr(DataMap.of(given)[1], name), getattr(alone, name)[0])
