import pytest

from cal.simulation.profile import profile_table, profile_text
from cal.simulation.run_folder import FULL_DATA, Run, RunFolder


@pytest.fixture(scope="module")
def folder(simulated, tmp_path_factory):
    path = tmp_path_factory.mktemp("profiled")
    simulated(
        strategies=["random", "bald", "averaged_margin", {"cal": {"hidden": 8, "n_epochs": 3}}],
        full_data=True,
        output=path,
    )
    return RunFolder(path)


def test_the_table_adds_up_the_records(folder):
    table = profile_table(folder)
    for strategy in ("random", "bald", FULL_DATA):
        records = [record for seed in (1, 2) for record in folder.records(Run(strategy, seed))]
        for phase in ("fit", "fit/steps", "evaluate", "acquire"):
            total = sum(record["seconds"][phase] for record in records)
            assert table.loc[phase, strategy] == pytest.approx(total / 2)
    runs = table.drop(columns="all runs")
    assert (table["all runs"] - 2 * runs.sum(axis=1)).abs().max() < 1e-9


def test_a_phase_is_the_sum_of_what_is_within_it_and_the_rest(folder):
    table = profile_table(folder)
    for outer in ("fit", "acquire", "acquire/discriminator", "acquire/look"):
        within = [path for path in table.index if path.rpartition("/")[0] == outer]
        assert within[-1] == f"{outer}/rest"
        assert (table.loc[within].sum() - table.loc[outer]).abs().max() < 1e-9
        dearest_first = table.loc[within[:-1], "all runs"].tolist()
        assert dearest_first == sorted(dearest_first, reverse=True)
    assert (table.to_numpy() > -1e-9).all()


def test_each_strategy_pays_for_what_it_asks(folder):
    table = profile_table(folder).rename(columns={"cal(hidden=8,n_epochs=3)": "cal"})
    assert (table.loc["acquire/dropout", ["random", "cal", FULL_DATA]] == 0).all()
    assert (table.loc["acquire/discriminator", ["random", "bald", FULL_DATA]] == 0).all()
    assert table.loc["acquire/dropout", "bald"] > 0
    assert table.loc["acquire/discriminator", "cal"] > 0
    assert table.loc["acquire/look/predict", "averaged_margin"] > 0
    assert (table.loc["acquire/look", ["random", "bald", "cal", FULL_DATA]] == 0).all()


def test_the_text_shows_every_phase_and_the_command_around(folder):
    table = profile_table(folder)
    text = profile_text(table, {"corpus": 0.5, "simulate/runs": 12.25})
    assert text.endswith("corpus 0.5, runs 12.2")
    assert [line.split()[0] for line in text.splitlines()[2 : 2 + len(table)]] == [
        path.rpartition("/")[2] for path in table.index
    ]
