"""seeds=until_decided adds seeds until a paired test has decided, and no more, whatever else."""

import numpy as np
import pytest

from cal.anytime import decide
from cal.config import compose
from cal.errors import ConfigError, StorageError
from cal.report.scores import area_under_curve
from cal.request import make
from cal.seeds import list_seeds
from cal.simulation import blocks, until_decided
from cal.simulation.curves import LearningCurves
from cal.simulation.progress import Progress
from cal.simulation.request import SimulationRequest
from cal.simulation.run_folder import Run, RunFolder

UNTIL = {"seeds": "until_decided", "strategies": ["random", "entropy", "margin"], "rounds": 1}
SEEDS = list_seeds(50)
EIGHT = {**UNTIL, "decide": "random", "max_seeds": 20}


@pytest.fixture
def areas(monkeypatch):
    """Areas under curves that are not those of the simulation: margin is decided after 6 seeds, entropy after 8."""
    rng = np.random.default_rng(0)
    given = {"random": 0.5 + 0 * rng.normal(size=50), "margin": 0.7 + rng.normal(0, 0.01, 50)}
    given["entropy"] = 0.6 + rng.normal(0, 0.01, 50)
    given["entropy"][3] = 0.499
    monkeypatch.setattr(until_decided, "_area", lambda folder, run: given[run.strategy][SEEDS.index(run.seed)])
    return given


def decided(areas, pairs=(("entropy", "random"), ("margin", "random"))):
    return max(each.n_seeds for each in decide(areas, pairs))


def test_it_ends_with_the_seed_that_decides_and_is_the_simulation_with_as_many(kept, simulated, areas, tmp_path):
    n = decided(areas)
    assert 6 < n < 20
    curves = simulated(**EIGHT, output=tmp_path / "until")
    assert curves.seeds == SEEDS[:n]
    simulated(**{**UNTIL, "seeds": n}, output=tmp_path / "given")
    assert kept(tmp_path / "until") == kept(tmp_path / "given")


@pytest.mark.parametrize("n_at_once", [2, 5, 50])
def test_neither_the_verdict_nor_the_result_depends_on_how_many_run_at_once(
    simulated, assert_same, areas, tmp_path, monkeypatch, n_at_once
):
    one_by_one = simulated(**EIGHT)
    monkeypatch.setattr(until_decided, "_n_at_once", lambda *_: n_at_once)
    curves = simulated(**EIGHT, output=tmp_path)
    assert_same(curves, one_by_one)
    assert curves.seeds == one_by_one.seeds == RunFolder(tmp_path).known_runs()[1]


def test_what_is_undecided_at_the_largest_number_of_seeds_remains_so_and_can_go_on(simulated, areas, tmp_path, trained):
    areas["entropy"][:] = areas["random"]
    assert simulated(**{**EIGHT, "max_seeds": 7}, output=tmp_path).seeds == SEEDS[:7]
    trained.clear()
    assert simulated(**{**EIGHT, "max_seeds": 9}, output=tmp_path).seeds == SEEDS[:9]
    assert sum(trained) == 2 * (1 + 3)
    trained.clear()
    simulated(**{**EIGHT, "max_seeds": 9}, output=tmp_path)
    assert not trained


@pytest.mark.parametrize("n_kept", [0, 5, 37, 44])
def test_killed_at_any_time_it_ends_the_same(kept, simulated, areas, tmp_path, monkeypatch, n_kept):
    expected = simulated(**EIGHT, output=tmp_path / "whole")
    keep, left = blocks._keep, [n_kept]

    def dying(plan, run, finished):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        keep(plan, run, finished)

    with monkeypatch.context() as patched:
        patched.setattr(blocks, "_keep", dying)
        with pytest.raises(KeyboardInterrupt):
            simulated(**EIGHT, output=tmp_path / "killed")
    assert simulated(**EIGHT, output=tmp_path / "killed").seeds == expected.seeds
    assert kept(tmp_path / "killed") == kept(tmp_path / "whole")


def test_seeds_that_a_folder_holds_are_kept_and_the_verdict_is_that_of_looking_from_the_first(
    simulated, areas, tmp_path, trained
):
    n = decided(areas)
    simulated(**{**UNTIL, "seeds": n + 2}, output=tmp_path)
    trained.clear()
    assert simulated(**EIGHT, output=tmp_path).seeds == SEEDS[: n + 2]
    assert not trained
    assert simulated(**{**UNTIL, "seeds": n + 3}, output=tmp_path).seeds == SEEDS[: n + 3]
    with pytest.raises(StorageError, match="holds more than is asked for: seed"):
        simulated(**{**UNTIL, "seeds": n}, output=tmp_path)


def test_an_unfinished_dated_folder_is_taken_up_again(simulated, make_task, areas, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus, features = make_task()
    from cal.simulation.simulate import run_simulation

    def run():
        request = make(SimulationRequest, {"features": features, "full_data": False, "workers": 1, **small, **EIGHT})
        run_simulation(request, request.read_corpus(corpus), True, dated_in=tmp_path / "runs")
        return request.output

    small = {"learner": "small_mlp", "n_epochs": 2, "seed_size": 12, "query_size": 5, "device": "cpu"}
    first = run()
    RunFolder(first).cut(Run("margin", SEEDS[4]), 1)
    assert run() == first


def test_decisions_are_those_of_the_areas_in_the_order_of_the_seeds(simulated, tmp_path):
    curves = simulated(**{**UNTIL, "max_seeds": 7, "decide": [["entropy", "random"]]}, output=tmp_path)
    runs = {key: rows for key, rows in curves.rounds.groupby(["strategy", "seed"])}
    scores = {
        name: [area_under_curve(runs[name, seed].n_labelled, runs[name, seed].accuracy) for seed in curves.seeds]
        for name in curves.strategies
    }
    assert curves.decisions() == decide(scores, [("entropy", "random")])
    assert curves.decisions("random") == decide(scores, [("entropy", "random"), ("margin", "random")])
    loaded = LearningCurves.load(tmp_path)
    assert loaded.decisions() == curves.decisions() == list(loaded.compare().decisions)


def test_a_comparison_and_the_report_show_decisions(simulated, tmp_path, blank_pictures):
    curves = simulated(**{**UNTIL, "max_seeds": 6}, output=tmp_path)
    shown = str(curves.compare())
    for decision in curves.decisions():
        assert f"{decision}." in shown
    assert "Seeds were added until the pairs were decided." in shown
    assert "| pair | better | after seeds | e-value | difference |" in " ".join(shown.replace(":", "-").split())
    curves.report(tmp_path)
    for name in ("report.md", "report.html"):
        assert f"{curves.decisions()[0]}." in (tmp_path / name).read_text()


def test_a_simulation_with_a_number_of_seeds_decides_nothing_unless_asked(simulated):
    curves = simulated(**{**UNTIL, "seeds": 2})
    assert curves.decisions() == []
    assert "undecided after 2 seeds" in str(curves.compare(decide="all"))


def test_the_command_line_ends_with_the_decisions(corpus_file, tmp_path, capsys, blank_pictures):
    words = f"dataset=files dataset.path={corpus_file} features=lsa learner=small_mlp n_epochs=2 seed_size=10"
    more = (
        "rounds=1 query_size=5 seeds=until_decided max_seeds=6 decide=random strategies=[margin,random] full_data=false"
    )
    request = compose(
        SimulationRequest, "simulate", [*words.split(), *more.split(), f"output={tmp_path}", "workers=1", "device=cpu"]
    )
    text, _ = request.run_in_folder(quiet=True)
    assert "after 6 seeds (e-value " in text
    assert RunFolder(tmp_path).config()["seeds"] == "until_decided"
    assert RunFolder(tmp_path).known_runs()[1] == SEEDS[:6]


def test_the_bar_knows_the_largest_number_and_says_what_is_undecided(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    folder.create({}, {})
    with Progress(folder, [Run("cal", seed) for seed in SEEDS], 2) as progress:
        progress.tell(until_decided.undecided([("cal", "random")], [0], 7, 50))
        assert progress._said() == "0 of 100 rounds done; undecided after 7 of at most 50 seeds: cal – random"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_seeds": 5}, "max_seeds must be .* at least 6"),
        ({"decide": "cal"}, "decide names 'cal', which is not among the strategies random, entropy, margin"),
        ({"strategies": ["cal"]}, "Two strategies or more can be compared"),
        ({"stopping": ["expected_gain"], "stop": True}, "areas under whole curves, and stop=true ends runs"),
        ({"seeds": 3, "decide": "random"}, "decide is for seeds=until_decided"),
        ({"seeds": [1], "decide": "random", "max_seeds": 9}, "max_seeds is for seeds=until_decided"),
        ({"seeds": "until decided"}, "not 'until decided'. Or give seeds=until_decided"),
    ],
    ids=str,
)
def test_what_cannot_be_decided_is_refused_before_any_work(changes, message):
    with pytest.raises(ConfigError, match=message):
        make(SimulationRequest, {**UNTIL, **changes})


def test_the_configuration_makes_the_same_request_again():
    request = make(SimulationRequest, {**EIGHT, "decide": [["margin", "random"]]})
    of_runs = ("strategies", "seeds", "max_seeds", "decide", "rounds")
    again = make(SimulationRequest, {key: request.as_data()[key] for key in of_runs})
    assert again.as_data() == request.as_data()
    assert (again.pairs, again.all_seeds) == ([("margin", "random")], SEEDS[:20])


@pytest.mark.parametrize("n", [1, 5, 6, 100])
def test_the_first_seeds_of_more_are_those_of_fewer(n):
    """So that seeds can be added."""
    assert list_seeds(10_000)[:n] == list_seeds(n)
