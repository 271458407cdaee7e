"""Samplers in a data loader: what each epoch sees, and in which order."""

import pytest
import torch
from torch.utils.data import DataLoader

from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import ConfigError
from cal.selection.schedule import EasyToHard, SelfPaced, easy_to_hard

ORDER = [7, 2, 9, 0, 5, 1, 8, 3, 6, 4]


def epochs(sampler, n):
    """What a loader gives in each epoch."""
    loader = DataLoader(torch.arange(10), batch_size=3, sampler=sampler, num_workers=0)
    seen = []
    for epoch in range(n):
        sampler.set_epoch(epoch)
        batches = list(loader)
        assert len(batches) == len(loader)
        seen.append([int(row) for batch in batches for row in batch])
    return seen


def test_the_easiest_are_those_of_highest_confidence_and_least_variability():
    logits = torch.randn(4, 20, 3, generator=torch.Generator().manual_seed(0))
    data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.zeros(20, dtype=torch.long)))
    assert easy_to_hard(data_map).tolist() == data_map.confidence.argsort(descending=True).tolist()
    assert easy_to_hard(data_map, "variability").tolist() == data_map.variability.argsort().tolist()


def test_as_many_buckets_as_instances_leave_the_order_as_it_is():
    assert epochs(EasyToHard(ORDER, n_buckets=10), 2) == [ORDER, ORDER]


def test_buckets_follow_each_other_and_are_shuffled_inside_anew_in_every_epoch():
    seen = epochs(EasyToHard(ORDER, n_buckets=2, seed=5), 4)
    for epoch in seen:
        assert set(epoch[:5]) == set(ORDER[:5])
        assert sorted(epoch) == list(range(10))
    assert len({tuple(epoch) for epoch in seen}) == 4


def test_stages_add_a_bucket_each_until_all_are_there():
    seen = epochs(SelfPaced(ORDER, n_buckets=3, epochs_per_stage=2), 8)
    assert [set(epoch) for epoch in seen] == [set(ORDER[:n]) for n in (4, 4, 7, 7, 10, 10, 10, 10)]
    assert all(len(epoch) == len(set(epoch)) for epoch in seen)
    assert any(set(epoch[:4]) != set(ORDER[:4]) for epoch in seen[2:])  # one shuffle of all that is seen


@pytest.mark.parametrize("kind", [EasyToHard, SelfPaced])
def test_an_epoch_depends_on_seed_and_number_alone(kind):
    first, again, other = (kind(ORDER, n_buckets=2, seed=seed) for seed in (1, 1, 2))
    again.set_epoch(3)
    assert epochs(first, 4)[3] == list(again)
    assert epochs(first, 4) != epochs(other, 4)


@pytest.mark.parametrize("given", [{"n_buckets": 11}, {"n_buckets": 0}, {"seed": -1}, {"epochs_per_stage": 0}])
def test_what_makes_no_schedule_is_refused(given):
    with pytest.raises(ConfigError):
        SelfPaced(ORDER, **given)
