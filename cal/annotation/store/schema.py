"""The tables of a project.

Labels are numbers here: renaming one changes its row in `label`, and merging one points it to another, so that neither
touches a decision. `state` and `verdict` hold nothing that does not follow from `event`: they are a view that is kept
up to date, and `Project.check` compares them with a replay.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)

from cal.annotation.store.column_types import AnyText, Json, Time

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _document(nullable: bool = False, index: bool = False) -> Column[int]:
    return Column("document_id", Integer, ForeignKey("document.id"), nullable=nullable, index=index)


PROJECT = Table(
    "project",
    METADATA,
    Column("id", Integer, primary_key=True),  # always 1: a database holds one project
    Column("name", AnyText, nullable=False),
    Column("guidelines", AnyText, nullable=False),  # Markdown
    Column("created", Time, nullable=False),
    Column("settings", Json, nullable=False),
)

LABEL = Table(  # follows from the label events
    "label",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", AnyText, nullable=False),
    Column("position", Integer, nullable=False),
    Column("colour", String(9), nullable=False),
    Column("merged_into", Integer, ForeignKey("label.id")),
)

LABEL_VERSION = Table(  # one import of a corpus: which label each document had
    "label_version",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", AnyText, nullable=False),
    Column("source", Json),
    Column("digest", String(64), nullable=False),
    Column("created", Time, nullable=False),
)

DOCUMENT = Table(
    "document",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("external_id", AnyText, nullable=False, unique=True),
    Column("digest", String(32), nullable=False),  # of its content
    Column("text", AnyText, nullable=False),  # what people read
    Column("sequences", Json),  # parts of a pair or of choices; NULL if the document is just its text
    Column("split", AnyText, nullable=False),
    Column("columns", Json),  # what else its row held
    Column("withdrawn", Boolean, nullable=False),  # missing from the latest import
    Index("ix_document_withdrawn", "id", sqlite_where=text("withdrawn"), postgresql_where=text("withdrawn")),
)

EARLIER_CONTENT = Table(  # what a document said before an import changed it
    "earlier_content",
    METADATA,
    _document(),
    Column("version_id", Integer, ForeignKey("label_version.id"), nullable=False),  # the import that changed it
    Column("digest", String(32), nullable=False),
    Column("text", AnyText, nullable=False),
    Column("sequences", Json),
    Column("split", AnyText, nullable=False),
    Column("columns", Json),
    PrimaryKeyConstraint("document_id", "version_id"),
)

GIVEN = Table(
    "given",
    METADATA,
    Column("version_id", Integer, ForeignKey("label_version.id"), nullable=False),
    _document(),
    Column("label_id", Integer, ForeignKey("label.id")),  # NULL: unlabelled
    PrimaryKeyConstraint("version_id", "document_id"),
)

RUN = Table(  # the map of a training, a ranking of suspects, or the labels of a labeller
    "run",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),  # map, suspects or labeller
    Column("name", AnyText, nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("version_id", Integer, ForeignKey("label_version.id")),  # the labels it saw
    Column("model", AnyText),
    Column("seeds", Json),
    Column("label_ids", Json),  # number of the label of each of its classes, in the order of `curves`
    Column("n_epochs", Integer),
    Column("capture", String(16)),
    Column("settings", Json),
    Column("git", AnyText),
    Column("made", Time),
    Column("imported", Time, nullable=False),
    Column("source", AnyText),  # the labeller whose labels these are; its latest run holds all that it says now
)

MAP_POINT = Table(
    "map_point",
    METADATA,
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    _document(),
    Column("confidence", Float),
    Column("variability", Float),
    Column("correctness", Float),
    Column("region", String(16)),
    Column("metrics", Json),  # the other metrics
    Column("predicted_id", Integer, ForeignKey("label.id")),
    Column("curves", LargeBinary),  # p of each class by epoch: float16, (epoch, class), classes as label_ids of the run
    PrimaryKeyConstraint("run_id", "document_id"),
)

SUGGESTION = Table(
    "suggestion",
    METADATA,
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    _document(),
    Column("label_id", Integer, ForeignKey("label.id")),
    Column("score", Float),  # probability of the suggested label
    Column("p_wrong", Float),  # NULL outside the range in which it was validated
    Column("why", AnyText),
    Column("columns", Json),  # the other scores
    Column("neighbours", LargeBinary),  # the most similar documents, as `store.evidence` packs them
    Column("curves", LargeBinary),  # as in `map_point`, by models that never saw the document
    PrimaryKeyConstraint("run_id", "document_id"),
)

QUEUE = Table(
    "queue",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", AnyText, nullable=False, unique=True),
    Column("by", AnyText, nullable=False),
    Column("order", String(16), nullable=False),  # sampled, ranked, mixed or random; or active, which grows
    Column("filter", AnyText, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("settings", Json, nullable=False),
    Column("run_id", Integer, ForeignKey("run.id")),
    Column("version_id", Integer, ForeignKey("label_version.id")),
    Column("n_documents", Integer, nullable=False),
    Column("after_seq", Integer, nullable=False),  # latest event when it was made; only later decisions are its reads
    Column("created", Time, nullable=False),
)

DRAW = Table(  # the order of a queue, drawn once, each with its probability among what was left
    "draw",
    METADATA,
    Column("queue_id", Integer, ForeignKey("queue.id"), nullable=False),
    Column("position", Integer, nullable=False),  # from 0
    _document(),
    Column("weight", Float),
    Column("probability", Float),  # NULL: not drawn at random
    Column("at_random", Boolean, nullable=False),
    Column("n_reviewers", Integer, nullable=False),  # how many are to decide it; 2 for blind double review
    Column("n_decided", Integer, nullable=False),  # how many have, since the queue was made
    Column("is_open", Boolean, nullable=False),  # whether it still waits for decisions
    Column("seen_by", String, nullable=False),  # marks of those who have decided or skipped it since
    Column("served", Time),  # when it was first served
    Column("batch", Integer),  # of active learning, that it belongs to; NULL in other queues
    Column("role", String(8)),  # why active learning took it: one of `ROLES` of `learning.roles`
    PrimaryKeyConstraint("queue_id", "position"),
    Index("ix_draw_document_id", "document_id"),
    Index(
        *("ix_draw_open", "queue_id", "seen_by", "position"),
        sqlite_where=text("is_open"),
        postgresql_where=text("is_open"),
    ),
    Index(
        *("ix_draw_closed", "queue_id", "position"),
        sqlite_where=text("NOT is_open"),
        postgresql_where=text("NOT is_open"),
    ),
    Index(
        *("ix_draw_served", "queue_id", "position"),
        sqlite_where=text("served IS NOT NULL"),
        postgresql_where=text("served IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

LEASE = Table(  # a draw that a reviewer has before them; it expires, so that a killed client blocks nobody
    "lease",
    METADATA,
    Column("queue_id", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("reviewer", AnyText, nullable=False),
    Column("document_id", Integer, nullable=False),
    Column("until", Float, nullable=False),  # seconds since 1970
    PrimaryKeyConstraint("queue_id", "position", "reviewer"),
    Index("ix_lease_reviewer", "reviewer"),
    Index("ix_lease_document_id", "document_id"),
    Index("ix_lease_until", "until"),
)

LEARNING = Table(  # a queue whose documents a model chooses, batch by batch
    "learning",
    METADATA,
    Column("queue_id", Integer, ForeignKey("queue.id"), primary_key=True, autoincrement=False),
    Column("options", Json, nullable=False),
    Column("stage", String(16), nullable=False),  # what its worker does: one of `STAGES` of `learning.roles`
    Column("message", AnyText),  # what people should know about it
    Column("since", Time, nullable=False),  # when the stage began
    Column("seen", Time),  # last sign of life of its worker
    Column("worker", AnyText),  # machine and process
)

LEARNING_BATCH = Table(  # append-only: killed anywhere, a worker finds the batch that it made
    "learning_batch",
    METADATA,
    Column("queue_id", Integer, ForeignKey("queue.id"), nullable=False),
    Column("batch", Integer, nullable=False),  # from 0
    Column("round", Integer),  # of the training that chose it, from 0; NULL while there was none
    Column("after_seq", Integer, nullable=False),  # latest event that it follows from
    Column("run_id", Integer, ForeignKey("run.id")),  # the map of the training
    Column("made", Time, nullable=False),
    Column("record", Json, nullable=False),  # what was measured then: see `learning.record`
    PrimaryKeyConstraint("queue_id", "batch"),
)

REVIEWER = Table(
    "reviewer",
    METADATA,
    Column("name", AnyText, primary_key=True),
    Column("created", Time, nullable=False),
    Column("token", AnyText, index=True, unique=True),  # the secret of the reviewer's link; NULL if there is none
)

EVENT = Table(  # append-only
    "event",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("uuid", String(36), nullable=False, unique=True),  # given by the client: a replay is the same event
    Column("action", String(16), nullable=False),
    _document(nullable=True, index=True),
    Column("bulk", String(36), index=True),  # shared by the events of one bulk decision
    Column("undoes", String(36), index=True),  # uuid or bulk of what this event undoes
    Column("reviewer", AnyText, nullable=False),
    Column("adjudicates", Boolean, nullable=False),  # settles a disagreement
    Column("label_id", Integer, ForeignKey("label.id")),
    Column("old_value", AnyText),
    Column("new_value", AnyText),
    Column("comment", AnyText),
    Column("seconds", Float),
    # What the reviewer saw
    Column("version_id", Integer, ForeignKey("label_version.id")),
    Column("run_id", Integer, ForeignKey("run.id")),
    Column("digest", String(32)),
    Column("seen", Json),
    Column("queue_id", Integer, ForeignKey("queue.id")),
    Column("position", Integer),
    Column("client_time", Time),
    Column("server_time", Time, nullable=False),
    Column("source", AnyText),  # the file or tool it came from; NULL if decided here
    sqlite_autoincrement=True,
)

VERDICT = Table(  # the last decision of each reviewer about a document that was not undone
    "verdict",
    METADATA,
    _document(),
    Column("reviewer", AnyText, nullable=False),
    Column("action", String(16), nullable=False),
    Column("label_id", Integer, ForeignKey("label.id")),
    Column("adjudicates", Boolean, nullable=False),
    Column("seq", Integer, nullable=False),
    PrimaryKeyConstraint("document_id", "reviewer"),
    Index("ix_verdict_reviewer", "reviewer"),
)

STATE = Table(  # of documents about which there are events; others are undecided
    "state",
    METADATA,
    Column("document_id", Integer, ForeignKey("document.id"), primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False, index=True),
    Column("label_id", Integer, ForeignKey("label.id")),  # the decided label; NULL keeps the given one
    Column("returned", AnyText),  # why a decided document comes back; NULL if it does not
    Column("n_verdicts", Integer, nullable=False),
    Column("seq", Integer, nullable=False),  # of the latest event about it
)

__all__ = [name for name, each in globals().items() if isinstance(each, Table)]
