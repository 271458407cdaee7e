"""Makes the throw-away environment with the libraries that `peers.py` compares cal with.

    python experiments/benchmarks/peers_env.py            in .bench-peers of the checkout
    python experiments/benchmarks/peers_env.py FOLDER     elsewhere

The environment has the PyTorch version of this one. A library that cannot be installed beside the others is named,
and the others still work; the same command again tries the missing ones only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1] if (HERE.parents[1] / "pyproject.toml").is_file() else Path.cwd()  # or an installed package
DEFAULT = CHECKOUT / ".bench-peers"
INSTALL = f"`python {Path(__file__).resolve()}` installs it."
"""What to tell who lacks a library."""
PACKAGES = ("small-text", "scikit-activeml", "skorch", "baal")


def environment(folder: Path = DEFAULT) -> Path:
    """The interpreter of the environment in a folder, which is made, or completed, if need be."""
    python = folder / "bin" / "python"
    if not python.exists():
        made = _uv("venv", "--python", sys.executable, str(folder))
        if made.returncode:
            sys.exit(f"{folder} cannot be made an environment: {_said(made)}")
    together = [f"torch=={version('torch').partition('+')[0]}"]
    for package in PACKAGES:
        # With those before it, so that none takes away what another needs; compiled, so that no measurement does it.
        done = _uv("pip", "install", "--compile-bytecode", "--python", str(python), *together, package)
        if done.returncode:
            print(f"{package} cannot be installed: {_said(done)}", file=sys.stderr)
        else:
            together.append(package)
    return python


def add_peers(parser: argparse.ArgumentParser) -> None:
    """The option of benchmarks that compare cal with libraries."""
    parser.add_argument(
        "--peers",
        type=Path,
        metavar="PYTHON",
        default=DEFAULT / "bin" / "python",
        help="interpreter that has the libraries (default: %(default)s)",
    )


def _uv(*words: str) -> subprocess.CompletedProcess[str]:
    uv = CHECKOUT / ".venv" / "bin" / "uv"
    if not uv.exists():
        sys.exit(f"There is no {uv}, which installs the peers. Run `make setup` in {CHECKOUT}.")
    settings = {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", ""), "UV_PYTHON_DOWNLOADS": "never"}
    return subprocess.run([uv, *words], capture_output=True, text=True, env=os.environ | settings)


def _said(run: subprocess.CompletedProcess[str]) -> str:
    return " ".join(run.stderr.split())


def build() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    print(environment(parser.parse_args().folder))


if __name__ == "__main__":
    build()
