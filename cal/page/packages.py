"""The packages of the server, which are an extra."""

from __future__ import annotations

from cal.errors import ConfigError, missing_package


def require_packages(purpose: str) -> None:
    """Refuses work that needs the packages of the server, if they are missing.

    Args:
        purpose: the work, as the subject of the message.

    Raises:
        ConfigError: naming the one that is missing, and how to install it.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(missing_package(purpose, str(error.name), extra="page")) from error
