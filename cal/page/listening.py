"""Where a server listens, and what to say when it cannot."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address

from cal.errors import ConfigError

LOOPBACK = "127.0.0.1"
EVERY = ("0.0.0.0", "::")  # nosec B104: whoever starts the server chooses it
PORT = 8000
_TRIES = 20
_NO_SUCH_HOST = (errno.EADDRNOTAVAIL, socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_AGAIN, socket.EAI_FAMILY)


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach an address that a socket is bound to.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("192.168.1.7")
        (True, True, False, False)
    """
    return ip_address(address).is_loopback


def name_of(host: str) -> str:
    """The name by which browsers reach an address.

    Example:
        >>> name_of("127.0.0.1"), name_of("::1")
        ('127.0.0.1', '[::1]')
    """
    return socket.gethostname() if host in EVERY else f"[{host}]" if ":" in host else host


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens.

    Args:
        host: address to listen on.
        port: port to listen on; None takes the first free one from 8000 on.

    Raises:
        ConfigError: if it cannot, saying why and what to do.
    """
    ports = [port] if port is not None else [*range(PORT, PORT + _TRIES), 0]
    for each in ports:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # TCP by name: asyncio sends small answers at once only then, and otherwise each waits 40 ms for the other side.
        made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((host, each))
            made.listen(128)
            return made
        except (ValueError, TypeError) as error:  # a host that no address is written like
            made.close()
            raise ConfigError(
                f"{host!r} is no address to listen on. Give one such as 0.0.0.0, or leave it out."
            ) from error
        except OSError as error:
            made.close()
            if each == ports[-1] or error.errno != errno.EADDRINUSE:
                raise ConfigError(_explained(error, host, each)) from error
    raise AssertionError("one port at least was tried")


def _explained(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is taken, perhaps by a labelling page that is open already. Leave the port out to take a "
            f"free one, or give another, such as --port {port + 1 if port < 65_535 else PORT}."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Port {port} is not for you: those below 1024 need an administrator. Give another, such as {PORT}."
    if error.errno in _NO_SUCH_HOST:
        return (
            f"This machine has no address {host}. Leave the host out to serve the page to this machine, or give "
            "--host 0.0.0.0 to serve it to all that can reach the machine."
        )
    return f"The page cannot be served at {host}, port {port}: {error.strerror or error}. Give another port or host."
