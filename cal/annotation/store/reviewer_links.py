"""Links of reviewers: the secret in each says who opens it. Whoever can read the database can read them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import NAMESPACE_OID, uuid5

import sqlalchemy as sa

from cal.annotation.decisions.decision import name_problems
from cal.annotation.store.column_types import now
from cal.annotation.store.schema import PROJECT, REVIEWER
from cal.annotation.store.settings import keep_settings, read_settings
from cal.annotation.store.statements import insert
from cal.checks import refuse
from cal.errors import UnknownNameError

if TYPE_CHECKING:
    from cal.annotation.project import Project

_BYTES = 24


def project_id(project: Project) -> str:
    """An id by which a browser keeps projects apart. It follows from the name and from when it was made."""
    with project.reading() as connection:
        row = connection.execute(sa.select(PROJECT.c.name, PROJECT.c.created)).one()
        return str(uuid5(NAMESPACE_OID, f"{row.created.isoformat()} {row.name}"))


def lead_of(project: Project) -> str | None:
    """Who leads the project: whoever served it to others first."""
    with project.reading() as connection:
        name = read_settings(connection).get("lead")
        return None if name is None else str(name)


def set_lead(project: Project, name: str) -> str:
    """Makes somebody the lead, unless there is one; who that is."""
    refuse(name_problems("reviewer", name))
    return _setting(project, "lead", name)


def reviewer_of_token(project: Project, token: str) -> str | None:
    """Whose link holds a secret; None if nobody's."""
    with project.reading() as connection:
        rows = connection.execute(sa.select(REVIEWER.c.name, REVIEWER.c.token).where(REVIEWER.c.token.is_not(None)))
        found = [row.name for row in rows if secrets.compare_digest(row.token.encode(), token.encode())]
        return str(found[0]) if found else None


def links(project: Project) -> dict[str, str]:
    """The secret of each reviewer who has a link, in the order of the alphabet."""
    with project.reading() as connection:
        query = sa.select(REVIEWER.c.name, REVIEWER.c.token).where(REVIEWER.c.token.is_not(None))
        return {row.name: row.token for row in connection.execute(query.order_by(REVIEWER.c.name))}


def make_links(project: Project, names: Iterable[str], *, again: bool = False) -> dict[str, str]:
    """Gives reviewers a link; their secrets.

    Args:
        project: the project.
        names: names of the reviewers, who may be new.
        again: whether those who have a link get a new one, so that the old one no longer works.

    Raises:
        ConfigError: if a reviewer cannot be called that.
    """
    wanted = list(dict.fromkeys(names))
    refuse([problem for each in wanted for problem in name_problems("reviewer", each)])
    with project.writing() as connection:
        for name in wanted:
            row = {"name": name, "created": now()}
            connection.execute(insert(connection, REVIEWER).values(row).on_conflict_do_nothing())
            change = sa.update(REVIEWER).where(REVIEWER.c.name == name)
            if not again:
                change = change.where(REVIEWER.c.token.is_(None))
            connection.execute(change.values(token=secrets.token_urlsafe(_BYTES)))
    found = links(project)
    return {name: found[name] for name in wanted}


def remove_link(project: Project, name: str) -> None:
    """Takes a reviewer's link away; their decisions stay.

    Raises:
        UnknownNameError: if nobody of that name has one.
    """
    known = links(project)
    if name not in known:
        raise UnknownNameError("reviewer", name, known)
    with project.writing() as connection:
        connection.execute(sa.update(REVIEWER).where(REVIEWER.c.name == name).values(token=None))


def _setting(project: Project, key: str, value: str) -> str:
    """A setting of the project, which is made if it is not there yet."""
    with project.reading() as connection:
        if (known := read_settings(connection).get(key)) is not None:
            return str(known)
    with project.writing() as connection:
        return str(keep_settings(connection, {key: value})[key])
