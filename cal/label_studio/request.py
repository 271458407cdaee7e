"""The request of `cal annotate label-studio`."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.checks import Problems, is_path, whole_numbers
from cal.errors import ConfigError, shown
from cal.label_studio.options import BackendOptions
from cal.page.packages import require_packages
from cal.request import Request

if TYPE_CHECKING:
    from cal.label_studio.backend import Backend

TOKEN, ADDRESS, PASSWORD = "LABEL_STUDIO_API_KEY", "LABEL_STUDIO_URL", "CAL_PASSWORD"  # nosec B105: names of variables


@dataclass(kw_only=True)
class LabelStudioRequest(BackendOptions, Request):
    """Serve a machine-learning backend to Label Studio, whose uncertainty sampling then follows our strategy.

    Args:
        folder: folder in which the backend keeps what it knows; the first word of the command
        port: port to listen on
        host: address to listen on; 0.0.0.0 lets other machines call, with a password
        password: password of the user cal; null takes the variable CAL_PASSWORD, or makes one if others can call
        url: address of Label Studio, to send predictions to; null takes the variable LABEL_STUDIO_URL, or
            http://localhost:8080 if there is a token
        token: personal access token of Label Studio; null takes the variable LABEL_STUDIO_API_KEY, which keeps it out
            of the list of processes
    """

    folder: Any = None
    port: int = 9090
    host: str = "127.0.0.1"
    password: str | None = None
    url: str | None = None
    token: str | None = None
    leading = ("folder",)
    waits = True  # for messages: no sign of life is needed

    def _resolve(self, problems: Problems) -> None:
        from cal.label_studio.client import address_problems

        if self.folder is None:
            problems.append(
                "There is no folder. Give one for what the backend learns: cal annotate label-studio learned"
            )
        elif not is_path(self.folder):
            problems.append(f"folder must be the path of a folder, not {shown(self.folder)}.")
        else:
            self.folder = Path(self.folder)
        problems += whole_numbers(0, port=self.port)
        if isinstance(self.port, int) and self.port > 65_535:
            problems.append(f"port is at most 65535; given {self.port}.")
        for name in ("host", "password", "token"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and value.strip()):
                problems.append(f"{name} must be text, not {shown(value)}.")
        if self.url is not None:
            problems += address_problems(self.url)
        self.resolve(problems)

    def run(self, corpus: Any = None, *, quiet: bool = False) -> None:
        """Serves until it is interrupted.

        Args:
            corpus: not used; the tasks are in Label Studio.
            quiet: whether to print nothing but the address.

        Raises:
            ConfigError: if the port is taken, or FastAPI is not installed.
            StorageError: if the folder cannot be used.
        """
        backend = self.backend(quiet=quiet)
        sys.stdout.write(f"{backend.address_with_password if quiet else _welcome(backend)}\n")
        sys.stdout.flush()
        backend.run()

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        self.run(quiet=quiet)
        return "" if quiet else f"Stopped. To resume: cal annotate label-studio {self.folder}", Path()

    def backend(self, *, quiet: bool = False) -> Backend:
        """The backend, which does not serve yet.

        Args:
            quiet: whether it prints nothing.
        """
        require_packages("The backend of Label Studio")
        from cal.label_studio.backend import Backend
        from cal.label_studio.client import Client, address_problems

        token, url = self.token or os.environ.get(TOKEN), self.url or os.environ.get(ADDRESS)
        if url and not token:
            raise ConfigError(
                f"There is an address of Label Studio and no token. Give it as {TOKEN}, or leave out the url."
            )
        if token and url and (wrong := address_problems(url)):
            raise ConfigError(wrong)
        return Backend(
            self.folder,
            self,
            host=self.host,
            port=self.port,
            password=self.password or os.environ.get(PASSWORD) or None,
            client=Client(url or "http://localhost:8080", token) if token else None,
            tell=(lambda text: None) if quiet else _print,
        )


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _welcome(backend: Backend) -> str:
    secret = f", user cal, password {backend.password}" if backend.password else ""
    sends = (
        f"Predictions are sent to {backend.exchange.client.address}."
        if backend.exchange
        else "Without a token, Label Studio must ask for predictions: Data Manager, Actions, Retrieve Predictions."
    )
    return (
        f"The backend serves at {backend.address}{secret}.\n"
        f"In Label Studio: Settings, Model, Connect Model, with the address {backend.address_with_password}\n"
        f"Then: Settings, General, Task Sampling, Uncertainty sampling. {sends} Ctrl-C stops it."
    )
