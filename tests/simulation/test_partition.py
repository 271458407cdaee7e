import torch

from cal.simulation.partition import Partition


def test_a_partition_remembers_the_round_of_every_instance():
    partition = Partition([[0, 5], [2, 3]], n_instances=7)
    partition.acquire([0, 1], torch.tensor([[6, 1], [0, 1]]), round=1)
    partition.acquire([1], torch.tensor([[6]]), round=2)
    assert partition.acquired_at.tolist() == [[0, 1, -1, -1, -1, 0, 1], [1, 1, 0, 0, -1, -1, 2]]


def test_rounds_may_be_many():
    partition = Partition([[0]], n_instances=3)
    partition.acquire([0], torch.tensor([[2]]), round=100_000)
    assert partition.acquired_at.tolist() == [[0, -1, 100_000]]


def test_labelled_and_candidates_ascend_and_share_out_the_train_split():
    partition = Partition([[5, 0], [2, 3]], n_instances=7)
    partition.acquire([0, 1], torch.tensor([[6, 1], [4, 1]]), round=1)
    assert partition.labelled().tolist() == [[0, 1, 5, 6], [1, 2, 3, 4]]
    assert partition.candidates().tolist() == [[2, 3, 4], [0, 5, 6]]


def test_an_empty_pool_is_an_empty_matrix():
    assert Partition([[0, 1], [1, 0]], n_instances=2).candidates().shape == (2, 0)


def test_what_is_set_aside_is_neither_labelled_nor_a_candidate():
    partition = Partition([[0, 5], [2, 3]], n_instances=7, aside=[[6], [0]])
    partition.acquire([0, 1], torch.tensor([[1], [1]]), round=1)
    assert partition.labelled().tolist() == [[0, 1, 5], [1, 2, 3]]
    assert partition.candidates().tolist() == [[2, 3, 4], [4, 5, 6]]
