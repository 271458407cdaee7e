"""The store of a labelling project: documents, labels, runs, queues, and an append-only list of events."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from html import escape
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.decision import Decision
from cal.annotation.decisions.recording import Recorded, record
from cal.annotation.decisions.undoing import undo
from cal.annotation.decisions.verdicts import UNDECIDED
from cal.annotation.project_documents import ProjectDocuments
from cal.annotation.project_exchange import ProjectExchange
from cal.annotation.project_learning import ProjectLearning
from cal.annotation.project_queues import ProjectQueues
from cal.annotation.project_suggestions import ProjectSuggestions
from cal.annotation.store.column_types import now
from cal.annotation.store.database import connect, shown_address, storage
from cal.annotation.store.label_store import (
    add_labels,
    merge_labels,
    recolour_label,
    rename_label,
    reorder_labels,
)
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import Label, LabelNames
from cal.annotation.store.schema import DOCUMENT, EVENT, PROJECT, STATE
from cal.annotation.tables import ProjectTables
from cal.arguments import check_arguments
from cal.checks import known_name, problems_of, refuse
from cal.errors import ConfigError, missing_package
from cal.exchange.records import STATES

if TYPE_CHECKING:
    import pandas as pd

    from cal.page.server import Server

REVIEWER = "reviewer"


class Project(ProjectDocuments, ProjectExchange, ProjectLearning, ProjectQueues, ProjectSuggestions, ProjectTables):
    """A labelling project, in a SQLite file or a PostgreSQL database.

    Every decision is an event that is kept for ever: undoing it is another event. What the labels are now follows from
    the events. Several people and programs may use a project at once.

    Use it in a `with` statement, or call `close` at the end.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "reviews.db"
        >>> with Project.create(path, labels=["HUM", "LOC"]) as project:
        ...     project.add_label("NUM")
        ...     project.label_names
        ['HUM', 'LOC', 'NUM']
        >>> Project.open(path)
        Project 'reviews': 0 documents, 3 labels
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        weakref.finalize(self, engine.dispose)  # for who forgets to close it

    @classmethod
    def open(cls, project: str | Path) -> Self:
        """Opens a project. One that an earlier version has written is copied and upgraded.

        Args:
            project: its file, or the address of its database, such as `postgresql://user@host/name`.

        Raises:
            ConfigError: if it is an address that cannot be used.
            DataError: if there is no project, or a newer version of cal has written it.
            StorageError: if the database refuses.
        """
        check_arguments(cls.open, {"project": project})
        return cls(connect(project))

    @classmethod
    def create(
        cls, project: str | Path, *, labels: Sequence[str] = (), name: str | None = None, guidelines: str = ""
    ) -> Self:
        """Makes a project, or opens it if it is there.

        Args:
            project: a file, or the address of an empty database, such as `postgresql://user@host/name`.
            labels: names of the labels in their order; those of the documents are added on import.
            name: name of the project; None takes that of the file or database.
            guidelines: what reviewers should know, in Markdown.

        Raises:
            ConfigError: if it is an address that cannot be used, or a label cannot be called that.
            DataError: if there is something else.
            StorageError: if the database refuses.
        """
        check_arguments(cls.create, {key: each for key, each in locals().items() if key != "cls"})
        engine = connect(project, create=True)
        try:
            with storage(engine, writes=True) as connection:
                if connection.execute(sa.select(PROJECT.c.id)).first() is None:
                    called = name or Path(str(engine.url.database)).stem
                    row = {"id": 1, "name": called, "guidelines": guidelines, "created": now(), "settings": {}}
                    connection.execute(sa.insert(PROJECT).values(row))
                add_labels(connection, labels, REVIEWER)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Closes the connections to the database."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        with self.reading() as connection:
            name = connection.execute(sa.select(PROJECT.c.name)).scalar_one()
            n = connection.execute(sa.select(sa.func.count()).select_from(DOCUMENT)).scalar_one()
            return f"Project '{name}': {n:,} documents, {len(read_labels(connection).current)} labels"

    def _repr_html_(self) -> str:
        """The numbers of documents in each state, for notebooks."""
        states = "".join(f"<tr><th>{state}</th><td>{n:,}</td></tr>" for state, n in self.counts().items() if n)
        return f"<p>{escape(repr(self))}</p><table>{states}</table>"

    def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        reviewers: Sequence[str] = (),
        new_links: bool = False,
        tour: bool = False,
        learn: bool | Mapping[str, Any] = False,
    ) -> Server:
        """Serves the labelling page in the background. In a notebook, the result is a link to it.

        Args:
            host: address to listen on; `0.0.0.0` lets others reach the page, each through a link of their own.
            port: port to listen on; None takes the first free one from 8000 on.
            reviewers: names of reviewers who get a link, if others can reach the page.
            new_links: whether you and they get new links, so that the old ones no longer work.
            tour: whether the page offers its tour.
            learn: whether a process beside the page learns from what people label, as `cal annotate learn` does, or
                its options, such as `{"strategy": "blend", "batch": 50}`.

        Returns:
            The server: its `address`, its `links` by name, `close` to stop it, and `wait` for scripts that have nothing
            else to do. It is a context manager, too.

        Raises:
            ConfigError: if the port is taken, or FastAPI is not installed.
            StorageError: if the database refuses.
        """
        check_arguments(Project.serve, locals())
        try:
            from cal.page.server import start
        except ModuleNotFoundError as error:
            raise ConfigError(missing_package("The labelling page", str(error.name), extra="page")) from error

        options = None if learn is False else {} if learn is True else dict(learn)
        served = {"host": host, "port": port, "reviewers": reviewers, "new_links": new_links, "tour": tour}
        return start(self, learn=options, **served)  # type: ignore[arg-type]

    @property
    def address(self) -> str:
        """Its file, or the address of its database without the password."""
        return shown_address(self.engine.url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads; all of it sees the same moment."""
        with storage(self.engine) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: all of it is kept, or nothing."""
        with storage(self.engine, writes=True) as connection:
            yield connection

    # Labels and guidelines

    @property
    def labels(self) -> list[Label]:
        """The labels in use, in their order."""
        with self.reading() as connection:
            return read_labels(connection).current

    @property
    def label_names(self) -> list[str]:
        """Names of the labels in use, in their order."""
        return [each.name for each in self.labels]

    def add_label(self, name: str, *, reviewer: str = REVIEWER) -> None:
        """Adds a label; one that is there stays as it is."""
        check_arguments(Project.add_label, {"name": name, "reviewer": reviewer})
        with self.writing() as connection:
            add_labels(connection, [name], reviewer)

    def rename_label(self, old: str, new: str, *, reviewer: str = REVIEWER) -> None:
        """Gives a label another name, in all decisions too."""
        check_arguments(Project.rename_label, {"old": old, "new": new, "reviewer": reviewer})
        with self.writing() as connection:
            rename_label(connection, old, new, reviewer)

    def merge_labels(self, old: str, into: str, *, reviewer: str = REVIEWER) -> None:
        """Merges a label into another, in all decisions and given labels too."""
        check_arguments(Project.merge_labels, {"old": old, "into": into, "reviewer": reviewer})
        with self.writing() as connection:
            merge_labels(connection, old, into, reviewer)

    def recolour_label(self, name: str, colour: str, *, reviewer: str = REVIEWER) -> None:
        """Gives a label another colour, such as `#4477aa`."""
        check_arguments(Project.recolour_label, {"name": name, "colour": colour, "reviewer": reviewer})
        with self.writing() as connection:
            recolour_label(connection, name, colour, reviewer)

    def reorder_labels(self, names: Sequence[str], *, reviewer: str = REVIEWER) -> None:
        """Puts labels into this order; those that are not named follow."""
        check_arguments(Project.reorder_labels, {"names": names, "reviewer": reviewer})
        with self.writing() as connection:
            reorder_labels(connection, names, reviewer)

    @property
    def guidelines(self) -> str:
        """What reviewers should know, in Markdown."""
        with self.reading() as connection:
            return str(connection.execute(sa.select(PROJECT.c.guidelines)).scalar_one())

    def write_guidelines(self, guidelines: str, *, reviewer: str = REVIEWER) -> None:
        """Replaces the guidelines; the earlier ones stay in the events."""
        check_arguments(Project.write_guidelines, {"guidelines": guidelines, "reviewer": reviewer})
        with self.writing() as connection:
            before = connection.execute(sa.select(PROJECT.c.guidelines).with_for_update()).scalar_one()
            connection.execute(sa.update(PROJECT).values(guidelines=guidelines))
            values = {"uuid": str(uuid4()), "action": "guidelines", "reviewer": reviewer, "adjudicates": False}
            values |= {"old_value": before, "new_value": guidelines, "server_time": now()}
            connection.execute(sa.insert(EVENT).values(values))

    # Decisions

    def decide(self, document: str, action: str, label: str | None = None, **more: Any) -> Recorded:
        """Records a reviewer's decision about a document.

        Args:
            document: id of the document.
            action: keep, relabel, ambiguous, exclude, skip or comment.
            label: name of the new label, for relabel.
            more: other fields of `Decision`, such as reviewer, comment, seconds and id.

        Returns:
            The event, once it is safe on the disk.

        Raises:
            ConfigError: listing what is wrong with the decision.
            DataError: if the document or label is not in the project, or the id was used for another decision.
            StorageError: if the database refuses; nothing is kept then.
        """
        known = [each.name for each in fields(Decision)]
        refuse(problems_of(lambda: [known_name("parameter", name, known) for name in more]))
        return self.decide_all([Decision(document, action, label=label, **more)])[0]

    def decide_all(self, decisions: Sequence[Decision], *, bulk: str | None = None) -> list[Recorded]:
        """Records decisions, all of them or none.

        Args:
            decisions: the decisions, in their order.
            bulk: uuid of the bulk decision that they form, which is undone as a whole; None records single decisions.
        """
        check_arguments(Project.decide_all, {"decisions": decisions, "bulk": bulk})
        with self.writing() as connection:
            return record(connection, decisions, read_labels(connection), bulk)

    def undo(self, *, reviewer: str = REVIEWER, event: str | None = None, id: str | None = None) -> int:
        """Takes back a decision, or a bulk decision as a whole.

        Args:
            reviewer: who takes it back.
            event: id of the decision or bulk decision; None takes the reviewer's latest that was not undone.
            id: uuid of the undo itself; sent again with the same id, it is not doubled.

        Returns:
            Number of documents whose state may have changed.

        Raises:
            DataError: if there is no such decision, or it was undone before.
        """
        check_arguments(Project.undo, {"reviewer": reviewer, "event": event, "id": id})
        with self.writing() as connection:
            return len(undo(connection, reviewer, event, id))

    def counts(self) -> dict[str, int]:
        """Number of documents in each state."""
        with self.reading() as connection:
            query = sa.select(STATE.c.state, sa.func.count()).group_by(STATE.c.state)
            found = dict.fromkeys(STATES, 0) | dict(connection.execute(query).all())
            n = connection.execute(sa.select(sa.func.count()).select_from(DOCUMENT)).scalar_one()
            return found | {UNDECIDED: n - sum(found.values()) + found[UNDECIDED]}

    def events(self) -> pd.DataFrame:
        """All events, in the order of the store, with the ids of their documents."""
        import pandas as pd

        columns = [each for each in EVENT.c if each.name not in ("document_id", "label_id")]
        query = sa.select(DOCUMENT.c.external_id.label("document"), *columns)
        query = query.select_from(EVENT).outerjoin(DOCUMENT, DOCUMENT.c.id == EVENT.c.document_id)
        with self.reading() as connection:
            result = connection.execute(query.order_by(EVENT.c.seq))
            return pd.DataFrame(result.all(), columns=list(result.keys()))

    def check(self) -> list[str]:
        """What differs between the view and a replay of all events: nothing, unless something else wrote the file."""
        from cal.annotation.decisions.replay import differences

        with self.reading() as connection:
            return differences(connection)


__all__ = ["Label", "LabelNames", "Project"]
