"""What all tests, doctests among them, need: a cache of their own, kept between sessions."""

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Keeps tests away from the cache of the user and from the network."""
    os.environ["CAL_CACHE"] = str(config.cache.mkdir("cal"))
    os.environ["HF_HUB_OFFLINE"] = "1"
