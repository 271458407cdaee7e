"""Command-line words: how commands read them, and the options that several have."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cal.errors import ConfigError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise ConfigError(f"{message}. See {self.prog} --help.")


def plain_parser(command: str, help_text: Callable[[], str]) -> argparse.ArgumentParser:
    """Of a command that takes words, `overrides`, and says its own help."""
    parser = _Parser(prog=f"cal {command}", add_help=False, allow_abbrev=False)
    parser.format_help = help_text  # type: ignore[method-assign]
    parser.add_argument("-h", "--help", action="help")
    parser.add_argument("overrides", nargs="*")
    return parser


def configured_parser(command: str, help_text: Callable[[], str]) -> argparse.ArgumentParser:
    """Of a command that a configuration describes: with -q, -v, --cfg and --config-dir."""
    parser = plain_parser(command, help_text)
    for short, name in (("-q", "--quiet"), ("-v", "--verbose")):
        parser.add_argument(short, name, action="store_true")
    parser.add_argument("--cfg", action="store_true")
    parser.add_argument("--config-dir", type=Path)
    return parser


def configs_text(configs: Sequence[Mapping[str, Any]]) -> str:
    """What --cfg prints: complete configurations as YAML."""
    import yaml

    return "---\n".join(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True) for config in configs)


def set_up_logging(verbose: bool, quiet: bool) -> None:
    """Lets the log of cal be seen: warnings, with -v everything, with -q errors alone."""
    level = logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s" if verbose else "cal: %(message)s")
    logging.getLogger("cal").setLevel(level)
