"""The command line: words into a request, the request into a result."""

from __future__ import annotations

import argparse
import gc
import io
import logging
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

from cal import __version__
from cal.commands import COMMANDS, FAMILIES, Command, family_of
from cal.errors import CalError, ConfigError, UnknownNameError
from cal.help import configured_help, family_overview, overview
from cal.plain_commands import PLAIN, Parser, no_exit


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 done, 1 refused or failed, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in FAMILIES and words[1:] and not words[1].startswith("-"):
        words[:2] = [f"{words[0]} {words[1]}"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character shows its code
            stream.reconfigure(errors="backslashreplace")
    before = signal.signal(signal.SIGTERM, _interrupt)
    if "" not in sys.path:
        sys.path.append("")  # the working directory, for strategies that are not installed
    hidden = warnings.catch_warnings()
    hidden.__enter__()
    warnings.filterwarnings("ignore", category=RuntimeWarning)  # of NumPy about 0/0, which we explain ourselves
    try:
        _refuse_undecodable(words)
        if not words or words[0] in ("-h", "--help", "help"):
            print(overview(), flush=True)
        elif words[0] == "--version":
            print(f"cal {__version__}", flush=True)
        elif words[0] in FAMILIES:
            print(family_overview(words[0]), flush=True)
        elif words[0] not in COMMANDS:
            family = family_of(words[0])
            known = [name.removeprefix(family) for name in COMMANDS if name.startswith(family)]
            raise UnknownNameError("command", words[0].removeprefix(family), known, f"See cal {family}--help.")
        else:
            from cal.files import path_errors

            with path_errors():
                _configured(words[0], words[1:]) if COMMANDS[words[0]].request else PLAIN[words[0]](words[1:])
    except CalError as error:
        print(f"cal: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output, such as head, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        kept = COMMANDS[words[0]].kept if words and words[0] in COMMANDS else ""
        advice = f" {kept} are saved; rerun the same command to resume." if kept else ""
        print(f"cal: Interrupted.{advice}", file=sys.stderr)
        return 130
    finally:
        hidden.__exit__(None, None, None)
        signal.signal(signal.SIGTERM, before)
    return 0


def _refuse_undecodable(words: Sequence[str]) -> None:
    """Refuses words that are not text, which could be neither printed nor kept in a configuration."""
    for word in words:
        if any("\ud800" <= character <= "\udfff" for character in word):
            shown = word.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            encoding = sys.getfilesystemencoding()
            remedy = "" if encoding == "utf-8" else "Set the environment variable PYTHONUTF8=1. Or rename"
            raise ConfigError(
                f"'{shown}' is not text in {encoding}. {remedy or 'Rename'} the file or folder, or give a link to it."
            )


def _configured(name: str, words: list[str]) -> None:
    """Composes the request of a command, runs it and prints its result."""
    command = COMMANDS[name]
    parser = Parser(name, lambda: configured_help(name))
    for short, long in (("-q", "--quiet"), ("-v", "--verbose")):
        parser.add_argument(short, long, action="store_true")
    parser.add_argument("--cfg", action="store_true")
    parser.add_argument("--config-dir", type=Path)
    if name == "simulate":
        parser.add_argument("-m", "--multirun", action="store_true")
    for option in command.options:
        parser.add_argument(option.flag, dest=option.key, action="store" if option.value else "store_true")
    given = parser.parse(words)
    if given.cfg and "job" in given.words:  # as Hydra has it: --cfg job
        given.words.remove("job")
    level = logging.INFO if given.verbose else logging.ERROR if given.quiet else logging.WARNING
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s" if given.verbose else "cal: %(message)s")
    logging.getLogger("cal").setLevel(level)

    from cal.config import compose, compose_each, compose_sweep
    from cal.registry import find_target
    from cal.words import quoted

    if _n_launched() > 1 and name != "map":
        raise ConfigError(
            f"cal {name} runs in one process and starts its own workers, but {_n_launched()} processes were launched. "
            "Only cal map learner=transformer can share a training between processes."
        )
    for option in command.options:
        if value := getattr(given, option.key):
            given.words.append(f"{option.key}={quoted(value) if option.value else 'true'}")
    kind = find_target(command.request)
    with no_exit():
        if getattr(given, "multirun", False) and given.cfg:  # one by one: there may be very many
            for number, each in enumerate(compose_each(kind, name, given.words, given.config_dir)):
                print("---\n" * (number > 0) + _as_yaml([each]), end="", flush=True)
            return
        if getattr(given, "multirun", False):
            _sweep(name, compose_sweep(kind, name, given.words, given.config_dir), given)
            return
        request: Any = compose(kind, name, given.words, given.config_dir)
        print(_as_yaml([request]), end="") if given.cfg else _run(command, request, given.quiet)


def _sweep(name: str, requests: list[Any], given: argparse.Namespace) -> None:
    """Runs requests one after another, each in its own folder."""
    from cal.files import dated_folder

    folder = requests[0].output or dated_folder(Path("runs"), "multirun")
    if not given.quiet:
        print(f"Jobs are in {folder}/0 to {len(requests) - 1}; to resume them, add output={folder}")
    for number, request in enumerate(requests):
        request.output = folder / str(number)
        _run(COMMANDS[name], request, given.quiet)


def _run(command: Command, request: Any, quiet: bool) -> None:
    """Runs a request and prints its result and the path to it."""
    from cal.progress import signs_of_life
    from cal.scratch import sweep

    gc.freeze()  # objects of imported libraries are not garbage; scanning them repeatedly takes half a second
    with ExitStack() as stack:
        number = 0  # of this process among those that train together
        if _n_launched() > 1:
            from cal.dynamics.distributed import joined, rank

            stack.enter_context(joined(request.device))
            number = rank()
        if number:
            logging.getLogger("cal").setLevel(logging.ERROR)
        stack.enter_context(signs_of_life(lambda: "still working", quiet or number > 0 or hasattr(request, "waits")))
        sweep()  # what killed commands left behind
        result, folder = request.run_in_folder(quiet=quiet or number > 0)
        if number:
            return
    if not quiet and (used := getattr(request, "used", "")):
        print(used)
    if str(result) and (not quiet or getattr(request, "json", False)):
        print(result)
    if command.result[0] and folder != Path():
        print(f"{command.result[0]}: {(folder / command.result[1]).resolve()}")


def _as_yaml(requests: Sequence[Any]) -> str:
    """The complete configurations, for --cfg."""
    import yaml

    return "---\n".join(yaml.safe_dump(each.as_data(), sort_keys=False, allow_unicode=True) for each in requests)


def _n_launched() -> int:
    """Number of processes that accelerate launch or torchrun has started, including this one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
