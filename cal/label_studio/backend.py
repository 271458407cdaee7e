"""Backend: the server, the training and the exchange together, in front of a terminal or in the background."""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

import uvicorn

from cal.files import OwnedFolder, storage_errors
from cal.label_studio.app import create_app
from cal.label_studio.client import Client
from cal.label_studio.exchange import Exchange
from cal.label_studio.guard import USER, Entrance
from cal.label_studio.options import BackendOptions
from cal.label_studio.state import FILE, BackendState
from cal.label_studio.trainer import BackendTrainer
from cal.page.http_server import HttpServer, server_config
from cal.page.listening import is_loopback, listen, name_of

PASSWORD = "password"  # nosec B105: the name of the file that keeps it
_SWITCHING = 0.0005  # seconds after which a training lets answers run


class Backend(HttpServer):
    """A machine-learning backend of Label Studio.

    Args:
        folder: where it keeps what it knows.
        options: how tasks are chosen.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        password: password of the user `cal`; None makes one if other machines can reach the backend.
        client: calls the API of Label Studio; None waits for its messages only.
        tell: takes sentences for whoever has started it.

    Raises:
        ConfigError: if the port is taken, or the host is none of this machine.
        StorageError: if the folder is not its own, or another backend uses it.

    Attributes:
        state: what it knows.
        port: port that it listens on.
        password: password of the user `cal`; empty if none is needed.
    """

    def __init__(
        self,
        folder: str | Path,
        options: BackendOptions,
        *,
        host: str = "127.0.0.1",
        port: int = 9090,
        password: str | None = None,
        client: Client | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.folder, self.host = Path(folder), host
        names = (f"{FILE}-wal", f"{FILE}-shm", PASSWORD)
        with contextlib.ExitStack() as kept:
            kept.enter_context(OwnedFolder(self.folder, "cal annotate label-studio", FILE, names).taken())
            listening = listen(host, port)
            kept.callback(listening.close)
            self.port = int(listening.getsockname()[1])
            is_local = is_loopback(str(listening.getsockname()[0]))
            self.password = password or ("" if is_local else _kept_password(self.folder))
            self.state = BackendState(self.folder)
            kept.callback(self.state.close)
            self._kept = kept.pop_all()
        self.trainer = BackendTrainer(self.state, options, tell, self._made)
        look_at = self.trainer.look_at
        self.exchange = Exchange(self.state, client, options.question, tell, look_at) if client else None
        entrance = Entrance(self.password, host, is_local)
        self.app = create_app(self.state, options.question, entrance, self, tell)
        super().__init__(uvicorn.Server(server_config(self.app)), listening, "cal-label-studio")

    @property
    def address(self) -> str:
        """Where Label Studio on this machine reaches it."""
        return f"http://{name_of(self.host)}:{self.port}"

    @property
    def address_with_password(self) -> str:
        """The address with user and password, as Label Studio needs it for webhooks, too."""
        return self.address.replace("http://", f"http://{USER}:{self.password}@") if self.password else self.address

    def heard(self, uid: str, says_new: bool, connects: bool, train: bool) -> None:
        """Hears of messages: see `Listener`."""
        if self.exchange is not None and (connects or train):
            self.exchange.read(uid, again=train)
        if says_new:
            self.trainer.look_at(uid)

    def close(self) -> None:
        """Stops. Whatever was answered is on the disk; a training that is given up is made again."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self.trainer.close()
        if self.exchange is not None:
            self.exchange.close()
        self._kept.close()

    def _begin(self) -> None:
        sys.setswitchinterval(_SWITCHING)
        self.trainer.start()
        if self.exchange is not None:
            self.exchange.start()

    def _made(self, uid: str) -> None:
        if self.exchange is not None:
            self.exchange.send(uid)

    def __enter__(self) -> Self:
        return self.start()


def _kept_password(folder: Path) -> str:
    """The password in a folder, which is made when first needed and only its owner can read."""
    path = folder / PASSWORD
    with storage_errors(f"write {path}", "Make room, or give another folder."):
        try:
            return path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            password = secrets.token_urlsafe(24)
            path.touch(mode=0o600)
            path.write_text(f"{password}\n", encoding="ascii")
            return password
