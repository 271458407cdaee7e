import inspect
import pickle

import pytest

from cal import errors

EXAMPLES = [
    errors.ConfigError("one problem"),
    errors.ConfigError(["one", "two"]),
    errors.UnknownNameError("strategy", "entrpy", ["entropy", "random"], "A hint."),
    errors.DataError("no such column"),
    errors.HubError("no network"),
    errors.FeatureError("too few vectors"),
    errors.ModelError("no such model"),
    errors.LearnerError("diverged"),
    errors.StrategyError("wrong shape"),
    errors.WorkerError("killed"),
    errors.AnalysisError("one seed"),
    errors.StorageError("disk full"),
]


def test_every_error_has_an_example():
    named = {value for _, value in inspect.getmembers(errors, inspect.isclass)}
    classes = {value for value in named if issubclass(value, errors.CalError)} - {errors.CalError}
    assert {type(example) for example in EXAMPLES} == classes


@pytest.mark.parametrize(
    "error",
    EXAMPLES,
    ids=lambda error: type(error).__name__,
)
def test_an_error_crosses_from_a_worker_process_whole(error):
    given = pickle.loads(pickle.dumps(error))
    assert type(given) is type(error)
    assert str(given) == str(error)
    assert vars(given) == vars(error)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_every_error_is_a_cal_error(error):
    assert isinstance(error, errors.CalError)


def test_several_problems_are_listed_one_a_line():
    error = errors.ConfigError(["rounds is -1.", "seeds is empty."])
    assert str(error).splitlines() == ["2 problems in the configuration:", "- rounds is -1.", "- seeds is empty."]


def test_the_nearest_name_is_suggested_whatever_its_case():
    assert errors.nearest_name("ENTRPY", ["cal", "Entropy"]) == "Entropy"


def test_nothing_is_suggested_where_nothing_is_near():
    assert errors.nearest_name("zzz", ["cal", "entropy"]) is None
    assert "Did you mean" not in str(errors.UnknownNameError("strategy", "zzz", ["cal", "entropy"]))
