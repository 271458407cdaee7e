import time

import pytest
import torch

from cal.stopwatch import Stopwatch, phase


def test_phases_within_phases_are_named_by_paths_and_are_part_of_them():
    with Stopwatch() as watch:
        for _ in range(2):
            with phase("fit"):
                with phase("steps"):
                    time.sleep(0.01)
                time.sleep(0.01)
        with phase("evaluate"):
            pass
    assert list(watch.seconds) == ["fit/steps", "fit", "evaluate"]
    assert watch.seconds["fit/steps"] >= 0.02
    assert watch.seconds["fit"] >= watch.seconds["fit/steps"] + 0.02


def test_seconds_are_shared_and_counted_once():
    with Stopwatch() as watch:
        with phase("fit"):
            time.sleep(0.02)
        whole = dict(watch.seconds)
        assert watch.taken(share=4) == {"fit": whole["fit"] / 4}
        assert watch.taken() == {}


def test_a_phase_that_fails_is_counted_and_left():
    with Stopwatch() as watch:
        with pytest.raises(ZeroDivisionError), phase("fit"), phase("steps"):
            _ = 1 / 0
        with phase("evaluate"):
            pass
    assert list(watch.seconds) == ["fit/steps", "fit", "evaluate"]


def test_a_stopwatch_inside_another_counts_alone():
    with Stopwatch() as outer, phase("runs"):
        with Stopwatch() as inner, phase("fit"):
            pass
        with phase("write"):
            pass
    assert list(inner.seconds) == ["fit"]
    assert list(outer.seconds) == ["runs/write", "runs"]


def test_on_a_gpu_phases_within_phases_count_only_where_asked_for(monkeypatch):
    waits = []
    monkeypatch.setattr(torch.cuda, "synchronize", waits.append)
    device = torch.device("cuda")
    for detailed, paths, n_waits in ((False, ["fit/look", "fit"], 4), (True, ["fit/steps", "fit/look", "fit"], 6)):
        waits.clear()
        with Stopwatch(device, detailed) as watch, phase("fit"):
            with phase("steps"):
                pass
            with phase("look", always=True):
                pass
        assert list(watch.seconds) == paths
        assert waits == [device] * n_waits


def test_without_a_stopwatch_a_phase_is_nothing():
    with phase("fit"), phase("steps"):
        pass
    with Stopwatch() as watch:
        pass
    assert watch.seconds == {}
