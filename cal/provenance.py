"""Provenance of results: versions, git commit, device and command."""

from __future__ import annotations

import hashlib
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

_PACKAGES = ("cartography-active-learning", "torch", "numpy", "scikit-learn", "gensim", "transformers")


def provenance(device: str) -> dict[str, Any]:
    """Versions, git commit, device, command and time of this process.

    Args:
        device: device of the computation, such as `cpu` or `cuda`.
    """
    name = platform.processor() or platform.machine()
    if device.startswith("cuda"):
        name = torch.cuda.get_device_name() if torch.cuda.is_available() else "of other machines"
    return {
        "versions": {"python": platform.python_version()} | {package: _version(package) for package in _PACKAGES},
        "git_commit": _git_commit(),
        "device": f"{device} ({name})",
        "platform": platform.platform(),
        "command": shlex.join(sys.argv),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def data_digest(ids: Iterable[object], gold: Iterable[object]) -> str:
    """A hash of ids and gold labels, whatever their order: what a result is about.

    Example:
        >>> data_digest(["a", "b"], [0, 1]) == data_digest(["b", "a"], [1, 0])
        True
        >>> data_digest(["a", "b"], [0, 1]) == data_digest(["a", "b"], [0, 0])
        False
    """
    pairs = sorted(map(repr, zip(map(str, ids), map(str, gold), strict=True)))
    return hashlib.blake2b("\n".join(pairs).encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git_commit() -> str | None:
    """The commit of the checkout that this package runs from, with a + if files have changed; None outside one."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return None
    try:
        commit, changes = (
            subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=True, timeout=10).stdout
            for args in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.strip() + ("+" if changes.strip() else "")
