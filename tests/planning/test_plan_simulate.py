"""`cal plan simulate`: hand-computed plans, laws of the model, and a small plan from beginning to end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cal
from cal.cli import main
from cal.errors import ConfigError
from cal.planning.measured_simulation import measure_simulation
from cal.planning.simulation import SimulationCosts, full_size, planned_simulation, seconds_of_simulation
from cal.planning.simulation_request import SimulationPlanRequest

SMALL = {"seed_size": 8, "query_size": 4, "rounds": 3, "n_epochs": 4, "workers": 1, "quiet": True}


@pytest.fixture
def task(make_task):
    return make_task()


def costs(**others):
    """Four rounds with 10 to 40 labelled documents: trainings of 1 to 4 s, queries of 0.1 s, or of 1 to 3 s."""
    flat, cheap, dear = ([[each] * 2] for each in (0.1, 0.1, 1.0))
    given = {
        "sizes": (10, 30),
        "n_labelled": [10, 20, 30, 40],
        "train": np.array([[1.0, 3.0]]),
        "evaluate": np.array(flat),
        "write": np.array(flat),
        "acquire": {"random": np.array(cheap), "dal": np.array(dear) * [[1, 3]]},
    }
    return SimulationCosts(**(given | others))


RANDOM = 1 + 2 + 3 + 4 + 4 * 0.2 + 3 * 0.1
DAL = 1 + 2 + 3 + 4 + 4 * 0.2 + 1 + 2 + 3


def test_rounds_lie_on_a_line_through_those_that_were_measured():
    found = costs().rounds("dal")
    assert {phase: float(each[0]) for phase, each in found.items()} == pytest.approx(
        {"training": 10.0, "evaluation": 0.4, "writing": 0.4, "queries": 6.0}
    )
    assert float(sum(costs().rounds("random").values())[0]) == pytest.approx(RANDOM)
    assert full_size(costs(), 100) == pytest.approx(10.1)


def test_runs_of_a_seed_share_their_first_training():
    # One seed, two runs: what both take, without the training and the evaluation of one of them.
    seconds, off = seconds_of_simulation(costs(), 2, 1)
    assert (seconds, off) == (pytest.approx(RANDOM + DAL - 1.1), 0.0)
    alone, _ = seconds_of_simulation(costs(together=False), 2, 1)
    assert alone == pytest.approx(RANDOM + DAL)


def test_the_longest_run_is_the_least_that_many_workers_need():
    first = 1.1 + 0.1 + 1.0 + 0.2  # one training, two queries, and two rounds to write
    assert seconds_of_simulation(costs(), 2, 99)[0] == pytest.approx(first + DAL - 1.2 - 1.0)


def test_what_is_done_once_is_added():
    more = costs(start=3.0, prepare={"corpus": 5.0}, of_seed=0.5, report=7.0, full=20.0)
    assert seconds_of_simulation(more, 2, 1)[0] == pytest.approx(RANDOM + DAL - 1.1 + 3 + 5 + 0.5 + 7 + 20)
    # With two workers one trains on the full data, and the other one has done the first round by then.
    first = 20.0 + max(RANDOM - 1.3, DAL - 2.2)
    assert seconds_of_simulation(more, 2, 2)[0] == pytest.approx(first + 3 + 5 + 0.5 + 7)


def test_any_number_of_runs_is_planned_at_once():
    for runs in (1, 7, 10**6, 2**62):
        seconds, _ = seconds_of_simulation(costs(), runs, 64)
        assert seconds >= runs * (RANDOM - 1.1) / 64


@given(runs=st.integers(2, 3_000), workers=st.integers(1, 100))
def test_twice_the_runs_take_twice_the_time_but_for_what_is_fixed(runs, workers):
    fixed = {"start": 3.0, "report": 7.0}
    once, twice = (seconds_of_simulation(costs(**fixed), n, workers)[0] - 10.0 for n in (2 * runs, 4 * runs))
    assert abs(twice - 2 * once) <= 4 * DAL


@given(runs=st.integers(1, 200), workers=st.integers(0, 100))
def test_workers_beyond_the_runs_help_nothing(runs, workers):
    assert seconds_of_simulation(costs(), runs, runs) == seconds_of_simulation(costs(), runs, runs + workers)


@given(runs=st.integers(1, 300), workers=st.integers(1, 100))
def test_work_is_counted_once(runs, workers):
    request = SimulationPlanRequest(target=runs, workers=workers, seed_size=10, query_size=10, rounds=3)
    plan = planned_simulation(request, costs(full=2.0))
    assert plan.hours * 3600 * workers >= sum(plan.seconds.values()) - 1e-6
    if workers == 1:
        assert plan.hours * 3600 == pytest.approx(sum(plan.seconds.values()))


def test_seeds_that_differ_make_the_interval():
    train = np.array([[0.9, 2.7], [1.0, 3.0], [1.1, 3.3]])
    still = np.zeros((3, 2))
    made = costs(train=train, evaluate=still, write=still, acquire={"random": still})
    seconds, off = seconds_of_simulation(made, 10, 2)
    assert off == pytest.approx(seconds * 2.919986 * 0.1 * np.sqrt(1 / 3 + 1 / 5), rel=1e-5)


def test_the_bottleneck_names_the_dearest_strategy():
    dear = costs(acquire={"random": np.array([[0.1, 0.1]]), "dal": np.array([[30.0, 30.0]])})
    plan = planned_simulation(SimulationPlanRequest(target=4, workers=8), dear)
    assert "Bottleneck: queries" in plan.bottleneck
    assert "Those of dal take 100% of them: {subpool: {of: dal, size: N}}" in plan.bottleneck
    assert "4 runs keep only as many of 8 workers busy" in plan.bottleneck
    assert "Fewer epochs" in planned_simulation(SimulationPlanRequest(workers=1), costs()).bottleneck


def test_a_small_plan_measures_rounds_and_scales_them(task):
    found = cal.plan_simulate(task.corpus, ["random", "margin"], features=task.features, seeds=5, price=1.0, **SMALL)
    assert found.what == "Simulating 10 runs with 1 worker"
    assert 0 < found.hours_low <= found.hours <= found.hours_high
    assert found.hours * 3600 == pytest.approx(sum(found.seconds.values()))
    assert "a round of 2 strategies with 8 and one with 20 labelled documents, for 3 seeds" in found.measured
    assert {"training", "queries", "full data", "report"} <= set(found.seconds)
    assert found.disk["results"] > 10_000
    assert found.money > 0
    many = cal.plan_simulate(task.corpus, ["random"], features=task.features, target=10**6, **SMALL)
    assert many.hours > 10 * found.hours


def measured(task, tmp_path, **others):
    given = {"strategies": ["random"], "features": task.features, **SMALL, **others}
    del given["quiet"]
    return measure_simulation(SimulationPlanRequest(**given), task.corpus, tmp_path)


def test_the_real_simulation_has_the_rounds_and_bytes_that_were_planned(task, tmp_path):
    found = measured(task, tmp_path / "plan")
    output = tmp_path / "run"
    curves = cal.simulate(task.corpus, ["random"], features=task.features, output=output, seeds=2, **SMALL)
    assert found.n_labelled == sorted(set(curves.rounds["n_labelled"]))
    files = [path for name in ("rounds", "maps") for path in (output / name).glob("random-*")]
    assert found.bytes_of_run * 2 == pytest.approx(sum(path.stat().st_size for path in files), rel=0.2)


def test_rounds_end_when_the_pool_is_empty(task, tmp_path):
    n = len(task.corpus.train)
    found = measured(task, tmp_path, rounds=1_000, query_size=n // 3, full_data=False)
    assert found.n_labelled == [8, 8 + n // 3, 8 + 2 * (n // 3), n]
    assert found.sizes == (8, n - 1)
    assert found.full is None


def test_no_rounds_are_one_training(task, tmp_path):
    found = measured(task, tmp_path, rounds=0)
    assert (found.n_labelled, found.sizes) == ([8], (8, 8))
    assert float(found.rounds("random")["queries"].sum()) == 0.0


def test_what_may_end_earlier_is_told(task):
    given = {"features": task.features, "stopping": ["stabilising_predictions"], "stop": True, **SMALL}
    found = cal.plan_simulate(task.corpus, ["random"], parts=1, **given)
    assert "stop=true may end runs earlier." in str(found)
    assert "There is no interval: one measurement has no spread." in str(found)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target": 0}, "target must be a whole number of at least 1 or null, not 0"),
        ({"workers": 0}, "workers must be a whole number of at least 1 or null, not 0"),
        ({"price": -0.5}, "price must be a finite number of at least 0 or null, not -0.5"),
        ({"output": "runs/mine"}, "Unknown parameter 'output'"),
        ({"cluster": "local"}, "Unknown parameter 'cluster'"),
        ({"seed_size": 10**6}, "seed_size is 1000000"),
    ],
)
def test_what_makes_no_plan_is_refused_in_words(task, given, message):
    with pytest.raises(ConfigError, match=message):
        cal.plan_simulate(task.corpus, ["random"], features=task.features, **(SMALL | given))


def test_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    with pytest.raises(ConfigError, match=r"a GPU takes them together\. Give device=cpu"):
        SimulationPlanRequest(device="cuda")


def test_the_command_plans_and_writes_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"Who or what {i % 7} is {name} {i}?,{name}" for name in ("far", "old") for i in range(40)]
    (tmp_path / "corpus.csv").write_text("\n".join(["text,label", *rows]))
    words = ["experiment=smoke", "dataset=files", "dataset.path=corpus.csv", "features.n_components=4"]
    assert main(["plan", "simulate", *words, "--target", "1000", "--workers", "1", "device=cpu"]) == 0
    out = capsys.readouterr().out
    assert "Simulating 1,000 runs with 1 worker: about" in out
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.csv"]
    assert main(["plan", "simulate", *words, "--workers", "0", "output=here"]) == 1
    told = capsys.readouterr().err
    assert "workers must be a whole number" in told
    assert "output" in told
