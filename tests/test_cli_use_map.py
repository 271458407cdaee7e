"""`cal select`, `cal weights`, `cal suspects` and `cal audit`, as a user meets them: from a map to every result."""

import json

import pandas as pd
import pytest

from cal.cli import main

SMALL = ["learner.hidden=[8]", "learner.lr=0.01", "n_epochs=3", "workers=1", "device=cpu"]
SMALL += ["features=lsa", "features.n_components=8"]


@pytest.fixture(scope="module")
def dataset(corpus_file):
    """The words that name a corpus of 80 documents."""
    return ["dataset=files", f"dataset.path={corpus_file}", *SMALL]


@pytest.fixture(scope="module")
def data_map(dataset, tmp_path_factory):
    """The folder of its map."""
    folder = tmp_path_factory.mktemp("maps") / "map"
    assert main(["map", *dataset, f"output={folder}"]) == 0
    return folder


def run(capsys, *words):
    """What a command that ends well prints."""
    assert main([str(word) for word in words]) == 0
    return capsys.readouterr().out


def test_a_third_of_a_map_is_selected(data_map, tmp_path, capsys):
    out = run(capsys, "select", f"map={data_map / 'map.parquet'}", "fraction=.33", f"output={tmp_path}")
    points = pd.read_parquet(data_map / "map.parquet")
    n = int(0.33 * len(points))
    chosen = pd.read_csv(tmp_path / "selected.csv")
    assert chosen["variability"].tolist() == sorted(points["variability"], reverse=True)[:n]
    assert f"{n} of {len(points)} instances" in out
    assert out.splitlines()[-1] == f"Selection: {tmp_path / 'selected.csv'}"
    assert json.loads((tmp_path / "manifest.json").read_text())["n_chosen"] == n


def test_quiet_says_where_the_result_is_and_nothing_else(data_map, tmp_path, capsys):
    out = run(capsys, "select", "-q", f"map={data_map}", "count=3", f"output={tmp_path}")
    assert out == f"Selection: {tmp_path / 'selected.csv'}\n"


def test_weights_are_of_every_instance(data_map, tmp_path, capsys):
    run(capsys, "weights", f"map={data_map}", "by=inverse_confidence", f"output={tmp_path}")
    weights = pd.read_csv(tmp_path / "weights.csv")["weight"]
    assert len(weights) == len(pd.read_parquet(data_map / "map.parquet"))
    assert weights.mean() == pytest.approx(1)


def test_suspects_of_a_map_are_those_of_least_aum(data_map, tmp_path, capsys):
    out = run(capsys, "suspects", f"map={data_map}", "n=2", f"output={tmp_path}")
    points = pd.read_parquet(data_map / "map.parquet").sort_values("aum")
    listed = pd.read_csv(tmp_path / "suspects.csv")
    assert listed["id"].tolist() == points["id"].tolist()
    assert points["id"].iloc[0] in out
    assert points["text"].iloc[0] in (tmp_path / "suspects.html").read_text()


def test_suspects_of_a_small_dataset_give_no_weights(dataset, data_map, tmp_path, capsys):
    out = run(capsys, "suspects", *dataset, "seeds=1", "folds=2", "n=1", f"output={tmp_path / 'suspects'}")
    reason = json.loads((tmp_path / "suspects" / "suspects.json").read_bytes())["no_p_wrong"]
    assert "Nothing was changed" in out
    assert reason not in out
    words = ["by=mislabel", f"probabilities={tmp_path / 'suspects'}", f"output={tmp_path / 'weights'}"]
    assert main(["weights", f"map={data_map}", *words]) != 0
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "weights").exists()


def test_an_audit_says_how_many_errors_would_be_found(dataset, tmp_path, capsys):
    words = ["noise=uniform", "rates=0.2", "seeds=2", "folds=2", "detectors=[aum,cleanlab]", "clean_by=aum"]
    out = run(capsys, "audit", *dataset, *words, f"output={tmp_path}")
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert set(scores["detector"]) == {"aum", "cleanlab"}
    assert "no ranking could find more than" in out
    assert "cleanlab flags" in out
    assert out.splitlines()[-1].endswith("report.html")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["select", "count=3"], "no map to work on. Give map=FOLDER"),
        (["select", "map=m", "fraction=2", "metric=variabilty"], "Did you mean 'variability'"),
        (["weights", "map=m", "by=loss"], "by must be variability, inverse_confidence or mislabel"),
        (["suspects", "n=-1"], "n must be"),
        (["audit", "detectors=[aumm]", "rates=[2]"], "Did you mean 'aum'"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(words, said, capsys):
    assert main(words) == 1
    assert said in capsys.readouterr().err
