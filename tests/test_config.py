"""Every shipped configuration composes; every fault is found before work starts, all at once."""

import re

import pytest

from cal import registry
from cal.commands import COMMANDS
from cal.config import compose, compose_sweep, conf_dir, options, summary
from cal.errors import ConfigError
from cal.simulation.request import SimulationRequest


def request_of(*overrides, **options):
    return compose(SimulationRequest, "simulate", overrides, **options)


def composed(*overrides, **options):
    return request_of(*overrides, **options).as_data()


def problems_of(*overrides, command="simulate", sweep=False, **options):
    request = registry.find_target(COMMANDS[command].request)
    with pytest.raises(ConfigError) as caught:
        (compose_sweep if sweep else compose)(request, command, overrides, **options)
    return caught.value.problems


@pytest.mark.parametrize("name", options("experiment"))
def test_every_experiment_composes(name):
    vectors = ["features.vectors=v.vec"] if name in ("cal_trec", "cal_agnews") else []
    request = request_of(f"experiment={name}", *vectors)
    assert request.dataset is not None
    assert (request.features is not None) == request.learner.reads_features


@pytest.mark.parametrize("name", [name for name in options("experiment") if name.startswith("cartography")])
@pytest.mark.parametrize("command", ["map", "suspects", "audit"])
def test_the_corpora_of_dataset_cartography_compose_for_other_commands(command, name):
    kind = registry.find_target(COMMANDS[command].request)
    request = compose(kind, command, [f"experiment={name}"])
    assert (request.dataset is not None, request.features) == (True, None)
    assert request.learner.n_epochs in (5, 6)


@pytest.mark.parametrize("group", ["dataset", "features", "learner"])
def test_every_option_of_a_group_composes(group):
    for name in options(group):
        needed = ["features.vectors=v.vec"] if name == "fasttext_paper" else []
        needed += ["features.path=x.parquet"] if name == "precomputed" else []
        needed += ["dataset.path=x.csv"] if name == "files" else []
        needed += ["dataset.project=x.db"] if name == "annotation" else []
        needed += ["strategies=[random, cal]"] if group == "learner" and name == "scikit" else []  # it has no dropout
        assert composed(f"{group}={name}", *needed)[group]


@pytest.mark.parametrize("path", sorted(conf_dir().rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_says_what_it_is_and_gives_a_command(path):
    assert summary(path).endswith(".")
    assert any(line.startswith("# cal ") for line in path.read_text().splitlines())


def test_the_paper_experiments_hold_the_numbers_of_the_paper():
    trec = composed("experiment=cal_trec", "features.vectors=v.bin")
    news = composed("experiment=cal_agnews", "features.vectors=v.bin")
    assert [(c["seed_size"], c["query_size"], c["rounds"], c["learner"]["batch_size"]) for c in (trec, news)] == [
        (500, 50, 30, 16),
        (1000, 50, 30, 64),
    ]
    assert trec["learner"] == {
        "kind": "mlp",
        "hidden": [300, 300, 300],
        "dropout": 0.3,
        "n_epochs": 30,
        "batch_size": 16,
        "lr": 1e-4,
        "weight_decay": 0.01,
        "precision": "float32",
        "class_weights": None,
    }
    assert trec["features"]["pool"] == "sum"
    assert trec["features"]["standardise"] is False


def test_a_group_given_by_hand_overrides_that_of_the_experiment():
    config = composed("experiment=cal_trec", "features=lsa", "seeds=2", "dataset.path=somewhere")
    assert (config["features"]["kind"], len(config["seeds"]), config["dataset"]["path"]) == ("lsa", 2, "somewhere")


def test_all_faults_are_reported_at_once_with_the_nearest_names():
    problems = problems_of(
        "rouns=3",
        "+seds=1",
        "dataset=trek",
        "++features.n_component=9",
        "seed_size=many",
        "learner.hiden=[1]",
        "device=cud",
        "strategies=[cal,entrpy]",
    )
    for expected in [
        "'rouns'. Did you mean 'rounds'",
        "'seds'. Did you mean 'seeds'",
        "'trek'. Did you mean 'trec'",
        "'features.n_component'. Did you mean 'features.n_components'",
        "seed_size: Value 'many'",
        "'learner.hiden'. Did you mean 'learner.hidden'",
        "'cud'. Did you mean 'cuda'",
        "'entrpy'. Did you mean 'entropy'",
    ]:
        assert sum(expected in problem for problem in problems) == 1, expected
    assert len(problems) == 8


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("+learner.device=cpu", "learner.device is a key of the command: write device=cpu."),
        ("+n_components=30", "n_components is a key of features=lsa: write features.n_components=30."),
        ("features.model=x", "features.model is a key of features=encoder: add features=encoder."),
        ("dataset.path=x.csv", "dataset.path is a key of dataset=files: add dataset=files."),
    ],
)
def test_a_key_in_the_wrong_place_is_shown_in_the_right_one(word, problem):
    assert problems_of(word) == [problem]


def test_a_typo_in_a_file_is_refused(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\n# Mine.\nquery_sise: 3\n")
    (problem,) = problems_of("experiment=mine", config_dir=tmp_path)
    assert "'query_sise'. Did you mean 'query_size'" in problem


def test_a_file_of_ones_own_is_found(tmp_path):
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "mine.yaml").write_text("# Mine.\nreader: files\npath: mine.csv\n")
    assert composed("dataset=mine", config_dir=tmp_path)["dataset"]["path"] == "mine.csv"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seeds=0", "seeds must be a number of seeds"),
        ("seeds=[1,1]", "seeds has a seed twice"),
        ("seeds=[]", "seeds must be"),
        ("rounds=-1", "rounds must be a whole number of at least 0"),
        ("query_size=0", "query_size must be"),
        ("workers=0", "workers must be"),
        ("learner.dropout=1", "learner: dropout must be"),
        ("learner.lr=0", "learner: lr must be a finite number above 0"),
        ("strategies=cal", "strategies must be a list"),
        ("strategies=5", "strategies must be a list"),
        ("strategies=[]", "strategies is empty"),
        ("strategies=[cal,cal]", "listed twice"),
        ("strategies=[{cal:{treshold:.4}}]", "Did you mean 'threshold'"),
        ("strategies=[{cal:{threshold:1.5}}]", "threshold must be"),
        ("strategies=[{mix:{cal:.5}}]", "mix needs"),
        ("strategies=[{mix:{cal:.5,dall:.5}}]", "Did you mean 'dal'"),
        ("strategies=[{_target_:cal.nowhere.Strategy}]", "Cannot import"),
        ("seed_set=kmean", "Did you mean 'kmeans'"),
        ("seed_set={kmeans:{max_iterations:0}}", "max_iterations must be"),
        ("stopping=expected_gain", "must be a list"),
        ("stopping=[expected_gian]", "Did you mean 'expected_gain'"),
        ("stopping=[{any_of:[expected_gain,{max_rounds:{round:3}}]}]", "Did you mean 'rounds'"),
        ("stopping=[{target_macro_f1:{macro_f1:80}}]", "macro_f1 must be a number from 0 to 1, not 80"),
        ("stop=true", "give stopping="),
        ("dev_size=5", "no stopping criterion uses"),
        ("experiment=smok", "Did you mean 'smoke'"),
        ("rounds=1,2", "add -m"),
        ("features=fasttext_paper", "features.vectors must be given"),
        ("dataset.reader=fils", "Did you mean 'files'"),
        ("dataset=files", "Set either dataset.path"),
    ],
)
def test_a_value_that_cannot_be_is_refused(override, expected):
    assert any(expected in problem for problem in problems_of(override))


def test_seed_sets_and_stopping_criteria_are_taken_as_they_are_written():
    config = composed("seed_set={kmeans:{max_iterations:5}}", "stopping=[expected_gain,{max_rounds:{rounds:3}}]")
    assert config["seed_set"] == {"kmeans": {"max_iterations": 5}}
    assert config["stopping"] == ["expected_gain", {"max_rounds": {"rounds": 3}}]


def test_strategies_that_need_dropout_say_so_before_training():
    problems = problems_of("strategies=[random,bald]", "learner.dropout=0")
    assert any("bald" in problem and "needs dropout" in problem for problem in problems)


def test_paths_with_signs_that_the_grammar_does_not_know_are_taken_as_they_are():
    assert composed("dataset=files", "dataset.path=/data/Übung (1).csv")["dataset"]["path"] == "/data/Übung (1).csv"


@pytest.mark.parametrize(
    ("command", "keys"),
    [("map", "map={0} or dataset=files dataset.path={0}"), ("audit", "dataset=files dataset.path={0}")],
)
def test_a_file_without_a_key_is_told_the_keys_that_take_it(command, keys, tmp_path):
    (tmp_path / "mine.csv").touch()
    given = str(tmp_path / "mine.csv")
    with pytest.raises(ConfigError, match=re.escape(f"has no key. Give {keys.format(given)}.")):
        compose(registry.find_target(COMMANDS[command].request), command, [given])


def test_a_sweep_gives_one_configuration_per_combination():
    requests = compose_sweep(SimulationRequest, "simulate", ["rounds=1,2", "seeds=3,4", "stop=false"])
    assert [(each.rounds, len(each.seeds)) for each in requests] == [(1, 3), (1, 4), (2, 3), (2, 4)]


def test_a_key_of_a_group_needs_a_choice():
    for word in ("dataset.path=a.csv", "++dataset.path=a.csv"):
        (problem,) = problems_of(word, command="map")
        assert problem.startswith("Give dataset=NAME with dataset.path: one of ag_news, annotation, docstrings, files")


def test_a_group_of_other_commands_is_an_unknown_key():
    for word in ("features=null", "features=lsa", "~features"):
        (problem,) = problems_of("dataset=files", "dataset.path=a.csv", word, command="data")
        assert problem.startswith("Unknown key 'features'")


def test_a_group_can_be_null():
    assert request_of("features=null").features is None
    assert request_of("experiment=null", "dataset=null").dataset is None
    assert [each.features is None for each in compose_sweep(SimulationRequest, "simulate", ["features=lsa,null"])] == [
        False,
        True,
    ]
    (problem,) = problems_of("learner=null")
    assert problem == "learner cannot be null. Leave it out, or give one of mlp, scikit, small_mlp, transformer."


def test_a_fault_in_any_job_of_a_sweep_is_found_before_the_first():
    problems = problems_of("device=cpu,cud", sweep=True)
    assert any("'cud'" in problem for problem in problems)


def test_every_registered_choice_can_be_loaded():
    for entries in (registry.STRATEGIES, registry.READERS, registry.FEATURES, registry.LEARNERS):
        for name in entries:
            assert isinstance(registry.find(entries, "choice", name), type)


def test_a_huge_sweep_is_shown_job_by_job():
    from itertools import islice

    from cal.config import compose_each
    from cal.simulation.request import SimulationRequest

    jobs = compose_each(SimulationRequest, "simulate", ["rounds=range(0,100000)"])
    assert [job.rounds for job in islice(jobs, 3)] == [0, 1, 2]
