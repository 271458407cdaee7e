"""An installed wheel works outside the checkout."""

import os
import re
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_and_its_configuration_only(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"cal"}
    assert {"cal/benchmarks/step.py", "cal/benchmarks/machine.py"} <= set(names)
    assert {f"cal/maps/static/{path.name}" for path in (ROOT / "cal" / "maps" / "static").iterdir()} <= set(names)
    for folder in ("page", "maps"):
        served = (ROOT / "cal" / folder / "static").rglob("*.*")
        assert {path.relative_to(ROOT).as_posix() for path in served} <= set(names)
    assert {f"cal/conf/{path.relative_to(ROOT / 'conf')}" for path in (ROOT / "conf").rglob("*.yaml")} <= set(names)


def installed(wheel, folder):
    """The interpreter of an environment with the wheel: it is clean of cal, not of torch."""
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    site = next((environment / "lib").iterdir()) / "site-packages"
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))  # those already installed here
    return python


@pytest.mark.slow  # both in one test, because an environment takes a while
def test_an_installed_wheel_runs_a_simulation_and_serves_the_page_outside_the_checkout(wheel, tmp_path):
    python = installed(wheel, tmp_path)
    environment = python.parents[1]
    corpus = tmp_path / "corpus.csv"
    rows = [
        f"{i},{'red apple' if i % 2 else 'blue sky'} number {i % 7} {i},{'fruit' if i % 2 else 'air'}"
        for i in range(90)
    ]
    corpus.write_text("id,text,label\n" + "\n".join(rows) + "\n")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    where = subprocess.run(
        [python, "-c", "import cal; print(cal.__file__)"],
        cwd=tmp_path,
        env=clean,
        check=True,
        capture_output=True,
        text=True,
    )
    assert str(environment) in where.stdout
    run = subprocess.run(
        [
            environment / "bin" / "cal",
            *["simulate", "experiment=smoke", "dataset=files", f"dataset.path={corpus}"],
            *["features.n_components=8", "output=run"],
        ],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "run" / "report.html").exists()
    (tmp_path / "my.csv").write_text("id,text,label\na,How far?,X\nb,Who?,Y\nc,How old?,X\n")
    serve_the_page([python.with_name("cal"), "annotate"], {"cwd": tmp_path, "env": clean, "text": True})


def serve_the_page(cal, how):
    """Serves `my.csv`, and asks for everything that its page names."""
    made = [*cal, "import", "reviews.db", "dataset=files", "dataset.path=my.csv"]
    subprocess.run(made, check=True, capture_output=True, **how)
    with subprocess.Popen([*cal, "serve", "reviews.db", "--no-browser"], stdout=subprocess.PIPE, **how) as process:
        try:
            address = process.stdout.readline().split()[-1]
            page = urllib.request.urlopen(address).read().decode()
            files = re.findall(r'(?:src|href)="(/[^"]+)"', page)
            (main,) = {each for each in files if each.endswith("/page/main.js")}
            for name in [*files, main.replace("page/main.js", "plotly.min.js"), "/api/about"]:
                with urllib.request.urlopen(address.rstrip("/") + name) as answer:
                    assert answer.read(), name
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()
