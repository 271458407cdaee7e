"""The commands of `cal`."""

from __future__ import annotations

from typing import NamedTuple


class Option(NamedTuple):
    """Another way to give a key, as an option.

    Attributes:
        flag: the option, such as `--read`.
        key: the key that it stands for.
        summary: one line for the help of the command.
        value: what the value is called; empty for an option without one, which gives true.
    """

    flag: str
    key: str
    summary: str
    value: str = ""


class Command(NamedTuple):
    """A command.

    Attributes:
        summary: one line for `cal --help`.
        request: path of the request class, if the command has one.
        result: name and file name of the main result in the output folder.
        kept: what an interrupted command has saved, if it can resume.
        options: options of its own.
    """

    summary: str
    request: str = ""
    result: tuple[str, str] = ("", "")
    kept: str = ""
    options: tuple[Option, ...] = ()


_SERVING = (
    Option("--port", "port", "the same as port=N", "N"),
    Option("--host", "host", "the same as host=ADDRESS", "ADDRESS"),
    Option("--no-browser", "no_browser", "print the address and open no browser"),
)

_PLANNED = (
    Option("--target", "target", "the same as target=N", "N"),
    Option("--workers", "workers", "the same as workers=N", "N"),
)


class Family(NamedTuple):
    """Commands of two words that share the first one.

    Attributes:
        usage: words after the command.
        about: what its help says about all of them.
    """

    usage: str
    about: str


FAMILIES = {
    "annotate": Family(
        "PROJECT [KEY=VALUE ...]",
        "Let people decide about labels. PROJECT is a file such as reviews.db, or the address of a PostgreSQL "
        "database; `cal annotate simulate` needs none, and `cal annotate label-studio` a folder of its own.",
    ),
    "plan": Family(
        "[KEY=VALUE ...] [--target N] [--workers N]",
        "Measure a small part of a command here, and say what the whole would cost: hours, memory, disk and money. A "
        "plan takes the keys of its command, and writes nothing.",
    ),
}
"""Families of commands, by their first word."""

COMMANDS = {
    "simulate": Command(
        "compare strategies by simulated active learning, ending in a report",
        "cal.simulation.request:SimulationRequest",
        ("Report", "report.html"),
        kept="Finished rounds",
    ),
    "report": Command("write the report of one or several run folders"),
    "compare": Command("test which of several methods is best, from a file of scores"),
    "pack": Command("pack the curves and acquired ids of many simulations into one file"),
    "data": Command("describe a corpus: sizes, balance, duplicates, lengths, examples", "cal.data.request:DataRequest"),
    "map": Command(
        "draw the data map of a whole corpus, or of logs", "cal.maps.request:MapRequest", ("Map", "map.html")
    ),
    "map-shards": Command(
        "draw the data map of a corpus of any size, shard by shard",
        "cal.maps.sharded_request:MapShardsRequest",
        ("Map", "map.html"),
        kept="Finished parts",
    ),
    "select": Command(
        "choose what to train on, from a data map",
        "cal.selection.request:SelectRequest",
        ("Selection", "selected.csv"),
    ),
    "weights": Command(
        "weigh the instances of a data map for training",
        "cal.selection.weights_request:WeightsRequest",
        ("Weights", "weights.csv"),
    ),
    "suspects": Command(
        "rank the documents whose labels look wrong, with reasons",
        "cal.label_errors.suspects_request:SuspectsRequest",
        ("Suspects", "suspects.html"),
        options=(Option("--read", "read", "the same as read=FILE", "FILE"),),
    ),
    "correct": Command(
        "correct labels in a copy of your own file, and measure what that does to accuracy",
        "cal.corrections.correct_request:CorrectRequest",
        ("Corrected file", ""),
    ),
    "audit": Command(
        "flip some of your labels and measure how many each detector finds",
        "cal.label_errors.audit_request:AuditRequest",
        ("Report", "report.html"),
        kept="Finished injections",
    ),
    "ask": Command(
        "choose the documents to label next, from files without and with labels",
        "cal.active.ask_request:AskRequest",
        ("To label", ""),
    ),
    "score": Command(
        "choose the documents to label from a corpus of any size, shard by shard",
        "cal.shards.score_request:ScoreRequest",
        ("Chosen", "chosen.csv"),
        kept="Finished parts",
    ),
    "plan scores": Command(
        "say what cal score would cost with more documents or workers",
        "cal.planning.scores_request:ScoresPlanRequest",
        options=_PLANNED,
    ),
    "plan map": Command(
        "say what cal map-shards would cost with more documents or workers",
        "cal.planning.maps_request:MapsPlanRequest",
        options=_PLANNED,
    ),
    "plan simulate": Command(
        "say what cal simulate would cost with more runs or workers",
        "cal.planning.simulation_request:SimulationPlanRequest",
        options=_PLANNED,
    ),
    "annotate import": Command(
        "bring texts, labels, maps and suspects into a labelling project",
        "cal.annotation.requests.import_request:ImportRequest",
    ),
    "annotate suggest": Command(
        "let a language model, rules or another classifier suggest labels",
        "cal.annotation.requests.suggest_request:SuggestRequest",
        kept="Labels so far",
    ),
    "annotate queue": Command(
        "make a queue: which documents people read, and in which order",
        "cal.annotation.requests.queue_request:QueueRequest",
    ),
    "annotate learn": Command(
        "learn from what people label, and choose what they label next",
        "cal.annotation.requests.learn_request:LearnRequest",
        options=(Option("--once", "once", "stop as soon as only people can go on"),),
    ),
    "annotate status": Command(
        "say how far a project is, how many errors may be left, and who decided what",
        "cal.annotation.requests.status_request:StatusRequest",
        options=(Option("--json", "json", "print one JSON object instead of text"),),
    ),
    "annotate export": Command(
        "write documents, labels and answers to a file, for spreadsheets, programs and labelling tools",
        "cal.annotation.requests.export_request:ExportRequest",
    ),
    "annotate decide": Command(
        "record decisions from a spreadsheet or a labelling tool",
        "cal.annotation.requests.decide_request:DecideRequest",
        options=(Option("--from", "source", "the same as source=FILE", "FILE"),),
    ),
    "annotate serve": Command(
        "open the labelling page of a project in a browser",
        "cal.page.serve_request:ServeRequest",
        options=(
            *_SERVING,
            Option("--learn", "learn", "learn from what people label, and choose what they label next"),
        ),
    ),
    "annotate demo": Command(
        "try the labelling page with wrong labels to find, and a short tour",
        "cal.page.demo_request:DemoRequest",
        options=_SERVING,
    ),
    "annotate label-studio": Command(
        "let Label Studio serve tasks in the order of a strategy, as its machine-learning backend",
        "cal.label_studio.request:LabelStudioRequest",
        options=(
            Option("--port", "port", "the same as port=N", "N"),
            Option("--host", "host", "the same as host=ADDRESS", "ADDRESS"),
        ),
    ),
    "annotate simulate": Command(
        "let a simulated reviewer read queues, to plan how much to read",
        "cal.annotation.requests.simulate_request:ReviewsRequest",
        ("Reviews", "reviews.csv"),
    ),
    "map-diff": Command("compare two data maps of the same documents"),
    "lint-logs": Command("explain what is wrong with logs of training dynamics"),
    "strategies": Command("list the strategies with year, cost and needs"),
    "check-strategy": Command("check a strategy, such as your own, against the laws that all keep"),
    "benchmark": Command("compare speed and memory with other libraries and the hardware's limits"),
}


def file_name(command: str) -> str:
    """The name of the file in conf/ that belongs to a command, without its ending.

    Example:
        >>> file_name("annotate import"), file_name("annotate label-studio")
        ('annotate_import', 'annotate_label_studio')
    """
    return command.replace(" ", "_").replace("-", "_")


def family_of(command: str) -> str:
    """The first word of a command of two words, followed by a space; empty for other commands.

    Example:
        >>> family_of("annotate import"), family_of("map")
        ('annotate ', '')
    """
    first, space, _ = command.partition(" ")
    return f"{first} " if space and first in FAMILIES else ""
