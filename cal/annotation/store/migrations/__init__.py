"""Steps from each earlier version of the schema to the present one, numbered; Alembic runs those that are missing."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

VERSION_TABLE = "alembic_version"


@cache
def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def latest() -> str:
    """The revision that this version of cal writes."""
    return str(_scripts().get_current_head())


def earliest() -> str:
    """The first revision."""
    return str(_scripts().get_base())


def revisions() -> list[str]:
    """All revisions, the earliest first."""
    return [script.revision for script in _scripts().walk_revisions()][::-1]


def is_known(revision: str | None) -> bool:
    """Whether a database of this revision can be upgraded; None is an empty one."""
    return revision is None or revision in revisions()


def upgrade(connection: Connection, to: str = "head") -> None:
    """Runs the missing steps, all in the transaction of the connection."""
    scripts = _scripts()

    def steps(revision: object, _: object) -> list[object]:
        return list(scripts._upgrade_revs(to, revision))  # type: ignore[arg-type]

    context = EnvironmentContext(Config(), scripts, fn=steps, destination_rev=to)
    with context:
        context.configure(connection=connection, transactional_ddl=True, transaction_per_migration=False)
        context.run_migrations()
