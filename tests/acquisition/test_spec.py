import functools
import linecache
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from cal import registry
from cal.acquisition.base import Acquisition, unmet_needs
from cal.acquisition.cartography import Cal
from cal.acquisition.digest import digest, without_docstrings
from cal.acquisition.discriminative import Dal
from cal.acquisition.mix import Mix
from cal.acquisition.one_run import one_run
from cal.acquisition.spec import Function, make_strategies
from cal.acquisition.uncertainty import Entropy, Margin
from cal.acquisition.wrappers import Prefilter
from cal.errors import ConfigError


@dataclass
class Mine(Acquisition):
    alpha: float = 1.0

    def score(self, pool):
        return pool.probs[..., 0] * self.alpha


class NotAStrategy:
    pass


def most_confident(pool):
    return pool.probs.amax(-1)


HERE = __name__


def problems(*specs):
    with pytest.raises(ConfigError) as caught:
        make_strategies(list(specs))
    return caught.value.problems


def test_every_registered_name_makes_its_class():
    for name, entry in registry.STRATEGIES.items():
        if name != "mix":
            strategy = make_strategies([name])[name]
            assert isinstance(strategy, Acquisition)
            assert type(strategy).__name__ == entry.path.partition(":")[2]


def test_labels_keep_the_order_given():
    assert list(make_strategies(["entropy", "random", "cal"])) == ["entropy", "random", "cal"]


def test_parameters_reach_the_strategy_and_show_in_its_label():
    made = make_strategies([{"cal": {"threshold": 0.4, "hidden": 8}}, {"random": None}])
    assert list(made) == ["cal(threshold=0.4,hidden=8)", "random"]
    assert made["cal(threshold=0.4,hidden=8)"] == Cal(threshold=0.4, hidden=8)


def test_one_strategy_may_stand_twice_with_different_parameters():
    assert len(make_strategies(["cal", {"cal": {"threshold": 0.4}}, {"cal": {"threshold": 0.6}}])) == 3


def test_a_mixture_holds_its_parts_and_shares():
    mix = make_strategies([{"mix": {"dal": 1, "cal": 3}}])["mix(dal=1,cal=3)"]
    assert isinstance(mix, Mix)
    assert (mix.parts, mix.shares) == ([Dal(), Cal()], [1, 3])


def test_an_own_class_by_path():
    made = make_strategies([{"_target_": f"{HERE}.Mine", "alpha": 2.0}, {"_target_": f"{HERE}:Mine"}])
    assert made == {"Mine(alpha=2.0)": Mine(2.0), "Mine": Mine()}


def test_an_object_is_taken_as_it_is():
    mine = Mine(3.0)
    assert make_strategies([mine])["Mine(alpha=3.0)"] is mine


def test_a_function_of_the_pool_is_a_strategy(oracle_pool):
    pool = oracle_pool(torch.randn(1, 9, 3, generator=torch.Generator().manual_seed(0)))
    for spec in (most_confident, {"_target_": f"{HERE}.most_confident"}):
        assert torch.equal(make_strategies([spec])["most_confident"].score(pool), pool.probs.amax(-1))


def test_an_unknown_name_suggests_the_nearest_and_lists_all():
    (problem,) = problems("entrpy")
    assert problem.startswith("Unknown strategy 'entrpy'. Did you mean 'entropy'?")
    assert all(name in problem for name in registry.STRATEGIES)


def test_all_problems_are_said_at_once():
    given = problems("entrpy", {"cal": {"treshold": 0.4}}, {"cal": {"threshold": 20}}, "mix", {"mix": {"dal": 1}}, 5)
    assert len(given) == 6


def test_an_unknown_parameter_suggests_the_nearest():
    (problem,) = problems({"cal": {"treshold": 0.4}})
    assert "strategy 'cal' has no parameter 'treshold'. Did you mean 'threshold'?" in problem


def test_a_missing_parameter_is_named():
    with pytest.raises(ConfigError, match=r"^stopping criterion 'target_macro_f1' needs a value for macro_f1\.$"):
        registry.choose(registry.STOPPING, "stopping criterion", "target_macro_f1")


@pytest.mark.parametrize(
    "spec", [{"cal": {"threshold": "high"}}, {"bald": {"n_samples": None}}, {"cal": {"threshold": [0.2]}}], ids=str
)
def test_a_value_of_the_wrong_kind_is_a_configuration_error(spec):
    (problem,) = problems(spec)
    assert next(iter(spec)) in problem


def test_a_label_may_stand_only_once():
    (problem,) = problems("entropy", "random", "entropy")
    assert problem == "Strategy 'entropy' is listed twice; label one of them: {label: strategy}."


@pytest.mark.parametrize("specs", [[], "random", None, 5], ids=str)
def test_strategies_must_be_a_list_of_some(specs):
    with pytest.raises(ConfigError, match="such as"):
        make_strategies(specs)


@pytest.mark.parametrize(
    "shares",
    [
        {"dal": 1},
        {"dal": float("inf"), "cal": 1},
        {"dal": float("nan"), "cal": 1},
        {"dal": 0, "cal": 1},
        {"dal": -1, "cal": 2},
        {"dal": True, "cal": 1},
        3,
        None,
        ["dal"],
    ],
    ids=str,
)
def test_a_mixture_needs_two_strategies_with_shares_above_zero(shares):
    (problem,) = problems({"mix": shares})
    assert re.search("mix needs .*strategies with shares above 0", problem)


def test_unknown_parts_of_a_mixture_are_all_named():
    assert len(problems({"mix": {"dall": 1, "entrpy": 1}})) == 2


@pytest.mark.parametrize(
    "path", ["no.such.module.Strategy", f"{HERE}.NoSuchClass", "Strategy", "", "..relative.Strategy"], ids=str
)
def test_a_path_that_cannot_be_imported_says_so(path):
    (problem,) = problems({"_target_": path})
    assert f"Cannot import '{path}'" in problem


@pytest.mark.parametrize("path", [f"{HERE}.NotAStrategy", "math.pi", "os.path", f"{HERE}.HERE"], ids=str)
def test_a_path_to_something_else_says_so(path):
    (problem,) = problems({"_target_": path})
    assert path.rpartition(".")[2] in problem or "float" in problem or "str" in problem


def test_a_function_takes_no_parameters():
    (problem,) = problems({"_target_": f"{HERE}.most_confident", "alpha": 3})
    assert "alpha" in problem


def test_a_class_in_place_of_an_object_is_made_with_its_defaults():
    assert make_strategies([Entropy]) == {"Entropy": Entropy()}


def test_two_objects_with_different_parameters_have_different_labels():
    assert list(make_strategies([Mine(2.0), Mine(3.0), Mine()])) == ["Mine(alpha=2.0)", "Mine(alpha=3.0)", "Mine"]


class FakeEntryPoint:
    """What importlib.metadata gives for an installed package."""

    def __init__(self, name, load):
        self.name, self.load, self.value, self.dist = name, load, f"package:{name}", None


@pytest.fixture
def installed(monkeypatch):
    def install(**loaders):
        found = [FakeEntryPoint(name, load) for name, load in loaders.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: found if group == registry.STRATEGY_GROUP else [])

    return install


def test_a_strategy_of_an_installed_package_is_found_by_name(installed):
    installed(mine=lambda: Mine)
    assert make_strategies([{"mine": {"alpha": 2.0}}]) == {"mine(alpha=2.0)": Mine(2.0)}
    assert "mine" in registry.strategy_names()


def test_a_broken_package_is_named_and_breaks_nothing_else(installed):
    def broken():
        raise RuntimeError("no CUDA here")

    installed(broken=broken, mine=lambda: Mine)
    (problem,) = problems("broken")
    assert "Strategy 'broken'" in problem
    assert "no CUDA here" in problem
    assert list(make_strategies(["random", "mine"])) == ["random", "mine"]


def test_unknown_names_suggest_installed_strategies_too(installed):
    installed(typicality=lambda: Mine)
    (problem,) = problems("typicalty")
    assert "Did you mean 'typicality'?" in problem


def test_a_built_in_name_is_not_taken_over(installed):
    installed(entropy=lambda: Mine)
    assert make_strategies(["entropy"])["entropy"] == Entropy()


class Callable_:
    """A callable object that is no strategy."""

    def __call__(self, pool):
        return pool.probs[..., 0]


def by_share(pool, share):
    return pool.probs[..., 0] * share


def test_labels_hold_no_addresses():
    """They name files, and must be the same in the process that goes on."""
    specs = [functools.partial(by_share, share=2), Callable_(), {"subpool": {"of": most_confident}}]
    assert list(make_strategies(specs)) == ["by_share(share=2)", "Callable_", "subpool(of=most_confident)"]


def test_strategies_within_lists_show_as_they_do_alone():
    (label,) = make_strategies([{"blend": {"parts": ["margin", {"power": {"of": "entropy"}}]}}])
    assert label == "blend(parts=[margin,power(of=entropy)])"


def test_a_label_may_be_given():
    made = make_strategies([{"mine": Mine(2.0)}, {"yours": Mine(2.0)}, {"theirs": lambda pool: pool.probs[..., 0]}])
    assert list(made) == ["mine", "yours", "theirs"]


def test_defaults_made_anew_do_not_show():
    assert list(make_strategies([Prefilter(), Prefilter(factor=3)])) == ["Prefilter", "Prefilter(factor=3)"]


def test_needs_of_a_function_are_an_attribute_of_it():
    def shortest(pool):
        return pool.uniform("u")

    shortest.needs = {"texts"}
    assert make_strategies([shortest])["shortest"].needs == {"texts"}
    assert one_run(most_confident, needs=["features"]).needs == {"features"}


@dataclass
class Several(Acquisition):
    of: Acquisition | None = None
    more: list[Acquisition] = field(default_factory=list)

    def score(self, pool):
        return pool.probs[..., 0]


def test_parts_are_made_whatever_the_hint_says_beside():
    made = make_strategies(
        [{"_target_": f"{HERE}.Several", "of": "margin", "more": ["entropy", {"cal": {"hidden": 8}}]}]
    )
    (several,) = made.values()
    assert several == Several(Margin(), [Entropy(), Cal(hidden=8)])


def test_a_value_of_another_kind_in_place_of_a_set_of_needs_is_refused():
    class Loose(Acquisition):
        needs = "dropout"

        def score(self, pool):
            return pool.probs[..., 0]

    with pytest.raises(ConfigError, match="needs of Loose must be a set"):
        unmet_needs(Loose(), set())


def test_whatever_a_class_raises_is_a_configuration_error():
    (problem,) = problems({"_target_": f"{HERE}.Raising"})
    assert "no such file" in problem


class Raising(Acquisition):
    def __init__(self):
        raise FileNotFoundError("no such file")


def test_a_callable_object_is_no_strategy_by_path():
    """It may be anything, such as `exit`; in Python it can be given as it is."""
    (problem,) = problems({"_target_": f"{HERE}.MADE"})
    assert "MADE is not a strategy but" in problem
    assert list(make_strategies([{"MADE": MADE}])) == ["MADE"]


MADE = Callable_()


def test_two_packages_of_one_name_are_both_named(monkeypatch):
    def entry(package):
        found = FakeEntryPoint("twice", lambda: Mine)
        found.dist = type("Dist", (), {"name": package})()
        return found

    monkeypatch.setattr(registry, "entry_points", lambda group: [entry("one"), entry("other")])
    (problem,) = problems("twice")
    assert "provided by the packages one, other" in problem
    assert registry.strategy_names().count("twice") == 1


def test_digests_tell_code_and_parameters_apart():
    def one(pool):
        return pool.probs[..., 0]

    def other(pool):
        return -pool.probs[..., 0]

    strategies = [Mine(1.0), Mine(2.0), Function(one), Function(other), Entropy(), Prefilter(), Prefilter(by=Entropy())]
    assert len({digest(strategy) for strategy in strategies}) == len(strategies)
    assert digest(Mine(2.0)) == digest(Mine(2.0))
    assert digest(Function(Callable_())) == digest(Function(Callable_()))


def test_what_is_said_about_a_strategy_does_not_change_its_digest():
    def made(docstring, body):
        namespace = {}
        source = f"def mine(pool):\n    {docstring}\n\n    return {body}\n"
        linecache.cache["<mine>"] = (len(source), None, source.splitlines(keepends=True), "<mine>")
        exec(compile(source, "<mine>", "exec"), namespace)
        return digest(Function(namespace["mine"]))

    one, other = '"""One."""', '"""Another,\n    in two lines."""'
    assert made(one, "pool.probs[..., 0]") == made(other, "pool.probs[..., 0]") != made(one, "pool.probs[..., 1]")
    assert without_docstrings(f"class A:\n    {one}\n    x = 1\n") == without_docstrings(
        f"class A:\n    {other}\n\n    x = 1\n"
    )
    assert without_docstrings("f = lambda x: (") == "f = lambda x: ("  # as a lambda within a call may be cut


def test_digests_are_the_same_in_every_process():
    specs = ["tidal", {"blend": {"parts": ["bald", "predicted_ucb", "epoch_disagreement"]}}]
    code = (
        "from cal.acquisition.digest import digest\nfrom cal.acquisition.spec import make_strategies\n"
        f"print([digest(strategy) for strategy in make_strategies({specs}).values()])"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert printed == {f"{[digest(strategy) for strategy in make_strategies(specs).values()]}\n"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"cal": {"threshold": 0}}, {"cal": {"threshold": 0.0}}),
        ({"power": {"beta": 2}}, {"power": {"beta": 2.0}}),
        ({"power": {"of": {"power": {"beta": 3}}}}, {"power": {"of": {"power": {"beta": 3.0}}}}),
    ],
)
def test_2_and_2_0_are_one_parameter(one, other):
    (label,), (same,) = make_strategies([one]), make_strategies([other])
    assert label == same
    assert digest(make_strategies([one])[label]) == digest(make_strategies([other])[label])
    (problem,) = problems(one, other)
    assert "is listed twice" in problem


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cal", {"cal": {"threshold": Cal().threshold}}),
        ({"cal": {"hidden": 8, "lr": 0.1}}, {"cal": {"lr": 0.1, "hidden": 8}}),
    ],
)
def test_one_strategy_under_two_labels_is_listed_once(one, other):
    (problem,) = problems(one, other)
    assert "are the same; list one of them" in problem
    assert len(make_strategies([one, {"again": Cal()}])) == 2  # a label of one's own is on purpose


_CLOSURE = "def of(k): return lambda pool: pool.probs * k\n"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def mine(pool): return pool.probs[..., 0]", "def mine(pool): return pool.probs[..., 1]"),
        ("def mine(pool): return pool.probs.log()", "def mine(pool): return pool.probs.exp()"),
        ("def mine(pool, k=1): return pool.probs * k", "def mine(pool, k=2): return pool.probs * k"),
        (
            "def of(k): return lambda pool: pool.probs * k\nmine = of(1)",
            "def of(k): return lambda pool: pool.probs * k\nmine = of(2)",
        ),
    ],
)
def test_functions_of_an_interactive_session_have_digests_of_their_own(one, other):
    def digest_of(source):
        namespace = {}
        exec(source, namespace)
        return digest(Function(namespace["mine"]))

    assert digest_of(one) == digest_of(one) != digest_of(other)


def test_classes_of_an_interactive_session_have_digests_of_their_own():
    def digest_of(column):
        namespace = {"Acquisition": Acquisition, "__name__": "interactive"}
        exec(
            f"class Mine(Acquisition):\n    def score(self, pool):\n        return pool.probs[..., {column}]", namespace
        )
        return digest(namespace["Mine"]())

    assert digest_of(0) == digest_of(0) != digest_of(1)


def test_arrays_among_parameters_count_whole():
    class Weighted(Acquisition):
        def __init__(self, weights):
            self.weights = weights

    one, other = np.zeros(5_000), np.zeros(5_000)
    other[2_500] = 1
    assert digest(Weighted(one)) == digest(Weighted(one.copy())) != digest(Weighted(other))
