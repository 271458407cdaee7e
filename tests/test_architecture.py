"""The shape of the package: who imports whom, what an import costs, how long a module is."""

import ast
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import cal

ROOT = Path(cal.__file__).parent
MODULES = {
    ".".join(["cal", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}

# The ground floor, whose modules may know each other, then the rooms: each may import those above it in this list.
ORDER = [
    [
        *("errors", "checks", "arguments", "arrays", "files", "text_files", "rounding", "shares", "stored", "streams"),
        *("seeds", "built_in", "registry", "stopwatch", "progress", "provenance", "request", "commands"),
        *("scratch", "watchdog", "threads", "anytime", "pickled", "words"),
    ],
    ["dynamics"],
    ["exchange"],
    ["data"],
    ["learners"],
    ["acquisition"],
    ["testing"],
    ["simulation"],
    ["report"],
    ["shards"],
    ["maps"],
    ["doubtful_texts"],
    ["corrections"],
    ["label_errors"],
    ["selection"],
    ["active"],
    ["planning"],
    ["annotation"],
    ["page"],
    ["label_studio"],
    ["config"],
    ["help"],
    ["plain_commands"],
    ["cli"],
    ["__main__"],
]
RANK = {part: rank for rank, parts in enumerate(ORDER) for part in parts}

# Results show themselves through rooms above them, which they import lazily, inside a method.
SHOWN_BY = {
    "cal.dynamics.map_display": ["report", "maps", "selection"],
    "cal.simulation.curves": ["report"],
    "cal.annotation.project": ["page"],
}

HEAVY = [
    *["torch", "numpy", "pandas", "sklearn", "scipy", "gensim", "datasets", "matplotlib", "hydra", "omegaconf"],
    *["plotly", "deepsig", "transformers", "peft", "accelerate", "joblib", "pyarrow", "cleanlab", "distributed"],
]
HOMES = {
    "gensim": ["cal.data.fasttext", "cal.data.word_vectors"],
    "datasets": ["cal.data.", "cal.exchange."],
    "transformers": ["cal.data.pretrained", "cal.learners.adapt", "cal.dynamics.huggingface"],
    "peft": ["cal.learners.adapt"],
    "accelerate": ["cal.dynamics.distributed"],
    "cleanlab": ["cal.label_errors.confident_learning"],
    "matplotlib": [
        *("cal.report.", "cal.maps.", "cal.selection.plot", "cal.active.progress_plot"),
        *("cal.label_errors.audit_report", "cal.label_errors.suspects_plot"),
        *("cal.annotation.status.status_plots", "cal.annotation.proof.reviews_plot"),
        "cal.annotation.suggestions.comparison_plot",
    ],
    "deepsig": ["cal.report.significance"],
    "hydra": ["cal.config", "cal.cli"],
    "omegaconf": ["cal.config", "cal.cli"],
    "joblib": [
        *("cal.learners.compute", "cal.learners.grid", "cal.learners.tasks", "cal.simulation."),
        *("cal.report.significance", "cal.planning.plan_request"),
    ],
    "cloudpickle": ["cal.pickled", "cal.shards.vectors"],
    "sqlalchemy": ["cal.annotation.", "cal.page."],
    "alembic": ["cal.annotation.store.migrations"],
    "krippendorff": ["cal.annotation.status.agreement"],
    "fastapi": ["cal.page.", "cal.label_studio."],
    "starlette": ["cal.page.", "cal.label_studio."],
    "pydantic": ["cal.page.", "cal.label_studio."],
    "uvicorn": ["cal.page.", "cal.label_studio."],
    "filelock": ["cal.files"],
    "tqdm": ["cal.progress", "cal.simulation.progress"],
    "pyarrow": [
        "cal.simulation.run_folder",
        "cal.simulation.packed",
        "cal.data.",
        "cal.exchange.arrow",
        "cal.exchange.recognise",
        "cal.dynamics.log_folder",
        "cal.dynamics.shard_recorder",
        *("cal.maps.map_file", "cal.maps.sharded", "cal.maps.shard_tasks"),
        "cal.shards.",
        "cal.planning.measured_scores",
    ],
    "fsspec": ["cal.shards.files"],
    "distributed": ["cal.learners.cluster_tasks", "cal.learners.clusters"],
    "dask_jobqueue": ["cal.learners.clusters"],
    "dask_kubernetes": ["cal.learners.clusters"],
}


@cache
def imports(name, for_types=False):
    """Absolute names of modules that a module imports anywhere, in functions too, and perhaps for type checking."""
    skipped = {
        id(node)
        for block in ast.walk(TREES[name])
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test) and not for_types
        for node in ast.walk(block)
    }
    found = set()
    for node in ast.walk(TREES[name]):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively in line {node.lineno}"
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {member if member in MODULES else node.module for member in members}
    return found


def part_of(name):
    return name.split(".")[1]


INNER = [name for name in MODULES if name != "cal"]


@pytest.mark.parametrize("name", INNER)
def test_imports_go_leftwards(name):
    wrong = [
        other
        for other in imports(name)
        if other.startswith("cal.") and part_of(other) != part_of(name) and RANK[part_of(other)] >= RANK[part_of(name)]
        if RANK[part_of(other)] > 0 and part_of(other) not in SHOWN_BY.get(name, [])
    ]
    assert not wrong, f"{name} must not import {wrong}"


@pytest.mark.parametrize("name", SHOWN_BY)
def test_results_show_themselves_through_the_room_above_lazily(name):
    at_once = {node.module for node in TREES[name].body if isinstance(node, ast.ImportFrom)}
    for room in SHOWN_BY[name]:
        assert any(other.startswith(f"cal.{room}") for other in imports(name))
        assert not any(other.startswith(f"cal.{room}") for other in at_once)


def test_every_module_has_a_place_in_the_order():
    assert {part_of(name) for name in INNER} <= set(RANK)


def test_modules_import_each_other_in_no_circle():
    # Within a room a module may name the types of another one: a request runs the work, which takes the request.
    known = {
        name: {
            other
            for other in imports(name, for_types=True) & MODULES.keys()
            if other in imports(name) or part_of(other) != part_of(name)
        }
        for name in INNER
    }
    shown_by = {name: {other for other in INNER if part_of(other) in SHOWN_BY.get(name, [])} for name in INNER}
    graph = {name: others - {name} - shown_by[name] for name, others in known.items()}
    while leaves := [name for name, others in graph.items() if not others & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert not graph, f"in or behind a circle: {sorted(graph)}"


@pytest.mark.parametrize("library", HOMES)
def test_a_library_lives_in_its_modules(library):
    homes = tuple(HOMES[library])
    users = {name for name in MODULES for other in imports(name) if other.split(".")[0] == library}
    astray = {name for name in users if not any(name == home or name.startswith(home) for home in homes)}
    assert not astray, f"{library} is imported by {sorted(astray)}"


def loaded_by(statement):
    script = f"import sys; {statement}; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import cal, cal.errors, cal.registry") == []


def test_formats_are_looked_up_without_pandas():
    assert "pandas" not in loaded_by("import cal.exchange.formats, cal.exchange.sheets")


def test_reports_are_written_without_torch():
    assert "torch" not in loaded_by("import cal.report.write, cal.simulation.curves, cal.simulation.profile")


def test_the_page_is_served_without_torch():
    assert "torch" not in loaded_by("import cal.page.server")


def test_listing_strategies_loads_nothing_heavy():
    assert loaded_by("from cal.registry import strategy_names; strategy_names()") == []


def test_every_public_name_can_be_had():
    for name in cal.__all__:
        assert getattr(cal, name) is not None
    assert set(cal.__all__) == set(dir(cal))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'simulat'"):
        _ = cal.simulat


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_one_idea_long(name):
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= 350


def public(tree):
    """Functions and classes of a module whose names have no underscore."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def test_no_two_public_classes_share_a_name():
    names = Counter(node.name for tree in TREES.values() for node in public(tree) if isinstance(node, ast.ClassDef))
    assert not {name for name, n in names.items() if n > 1}


@pytest.mark.parametrize("name", MODULES)
def test_everything_public_says_what_it_is(name):
    tree = TREES[name]
    silent = [node.name for node in public(tree) if not ast.get_docstring(node)]
    assert ast.get_docstring(tree), f"{name} has no docstring"
    assert not silent, f"{name}: no docstring: {silent}"


@pytest.mark.parametrize("name", MODULES)
def test_library_code_prints_nothing(name):
    calls = [
        node.lineno
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not calls or part_of(name) in ("cli", "plain_commands", "__main__"), f"{name} prints in lines {calls}"


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_named_for_having_no_idea(name):
    assert name.rpartition(".")[2] not in ("utils", "util", "helpers", "common", "misc")


def test_every_registered_name_can_be_loaded():
    from cal import registry

    for entries in (registry.STRATEGIES, registry.READERS, registry.FEATURES, registry.LEARNERS):
        for entry in entries.values():
            assert isinstance(registry.find_target(entry.path), type)
            assert entry.summary
