"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates all tables."""
    op.create_table(
        "document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sequences", sa.Text(), nullable=True),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=True),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_document"),
        sa.UniqueConstraint("external_id", name="uq_document_external_id"),
    )
    op.create_index(
        "ix_document_withdrawn",
        "document",
        ["id"],
        unique=False,
        sqlite_where=sa.text("withdrawn"),
        postgresql_where=sa.text("withdrawn"),
    )
    op.create_table(
        "label",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("colour", sa.String(length=9), nullable=False),
        sa.Column("merged_into", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["merged_into"], ["label.id"], name="fk_label_merged_into"),
        sa.PrimaryKeyConstraint("id", name="pk_label"),
    )
    op.create_table(
        "label_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_label_version"),
    )
    op.create_table(
        "lease",
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("queue_id", "position", "reviewer", name="pk_lease"),
    )
    op.create_index("ix_lease_document_id", "lease", ["document_id"], unique=False)
    op.create_index("ix_lease_reviewer", "lease", ["reviewer"], unique=False)
    op.create_index("ix_lease_until", "lease", ["until"], unique=False)
    op.create_table(
        "project",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("guidelines", sa.Text(), nullable=False),
        sa.Column("created", sa.String(length=32), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_project"),
    )
    op.create_table(
        "reviewer",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_reviewer"),
    )
    op.create_table(
        "earlier_content",
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sequences", sa.Text(), nullable=True),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="fk_earlier_content_document_id"),
        sa.ForeignKeyConstraint(["version_id"], ["label_version.id"], name="fk_earlier_content_version_id"),
        sa.PrimaryKeyConstraint("document_id", "version_id", name="pk_earlier_content"),
    )
    op.create_table(
        "given",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("label_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="fk_given_document_id"),
        sa.ForeignKeyConstraint(["label_id"], ["label.id"], name="fk_given_label_id"),
        sa.ForeignKeyConstraint(["version_id"], ["label_version.id"], name="fk_given_version_id"),
        sa.PrimaryKeyConstraint("version_id", "document_id", name="pk_given"),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("seeds", sa.Text(), nullable=True),
        sa.Column("label_ids", sa.Text(), nullable=True),
        sa.Column("n_epochs", sa.Integer(), nullable=True),
        sa.Column("capture", sa.String(length=16), nullable=True),
        sa.Column("settings", sa.Text(), nullable=True),
        sa.Column("git", sa.Text(), nullable=True),
        sa.Column("made", sa.String(length=32), nullable=True),
        sa.Column("imported", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["label_version.id"], name="fk_run_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.UniqueConstraint("digest", name="uq_run_digest"),
    )
    op.create_table(
        "state",
        sa.Column("document_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("label_id", sa.Integer(), nullable=True),
        sa.Column("returned", sa.Text(), nullable=True),
        sa.Column("n_verdicts", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="fk_state_document_id"),
        sa.ForeignKeyConstraint(["label_id"], ["label.id"], name="fk_state_label_id"),
        sa.PrimaryKeyConstraint("document_id", name="pk_state"),
    )
    op.create_index("ix_state_state", "state", ["state"], unique=False)
    op.create_table(
        "verdict",
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("label_id", sa.Integer(), nullable=True),
        sa.Column("adjudicates", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="fk_verdict_document_id"),
        sa.ForeignKeyConstraint(["label_id"], ["label.id"], name="fk_verdict_label_id"),
        sa.PrimaryKeyConstraint("document_id", "reviewer", name="pk_verdict"),
    )
    op.create_index("ix_verdict_reviewer", "verdict", ["reviewer"], unique=False)
    op.create_table(
        "map_point",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("variability", sa.Float(), nullable=True),
        sa.Column("correctness", sa.Float(), nullable=True),
        sa.Column("region", sa.String(length=16), nullable=True),
        sa.Column("metrics", sa.Text(), nullable=True),
        sa.Column("predicted_id", sa.Integer(), nullable=True),
        sa.Column("curves", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="fk_map_point_document_id"),
        sa.ForeignKeyConstraint(["predicted_id"], ["label.id"], name="fk_map_point_predicted_id"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_map_point_run_id"),
        sa.PrimaryKeyConstraint("run_id", "document_id", name="pk_map_point"),
    )
    op.create_table(
        "queue",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("order", sa.String(length=16), nullable=False),
        sa.Column("filter", sa.Text(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("n_documents", sa.Integer(), nullable=False),
        sa.Column("after_seq", sa.Integer(), nullable=False),
        sa.Column("created", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_queue_run_id"),
        sa.ForeignKeyConstraint(["version_id"], ["label_version.id"], name="fk_queue_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_queue"),
        sa.UniqueConstraint("name", name="uq_queue_name"),
    )
    op.create_table(
        "suggestion",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("label_id", sa.Integer(), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("p_wrong", sa.Float(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("columns", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="fk_suggestion_document_id"),
        sa.ForeignKeyConstraint(["label_id"], ["label.id"], name="fk_suggestion_label_id"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_suggestion_run_id"),
        sa.PrimaryKeyConstraint("run_id", "document_id", name="pk_suggestion"),
    )
    op.create_table(
        "draw",
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=True),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("at_random", sa.Boolean(), nullable=False),
        sa.Column("n_reviewers", sa.Integer(), nullable=False),
        sa.Column("n_decided", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("seen_by", sa.String(), nullable=False),
        sa.Column("served", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="fk_draw_document_id"),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name="fk_draw_queue_id"),
        sa.PrimaryKeyConstraint("queue_id", "position", name="pk_draw"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_draw_closed",
        "draw",
        ["queue_id", "position"],
        unique=False,
        sqlite_where=sa.text("NOT is_open"),
        postgresql_where=sa.text("NOT is_open"),
    )
    op.create_index("ix_draw_document_id", "draw", ["document_id"], unique=False)
    op.create_index(
        "ix_draw_open",
        "draw",
        ["queue_id", "seen_by", "position"],
        unique=False,
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    )
    op.create_index(
        "ix_draw_served",
        "draw",
        ["queue_id", "position"],
        unique=False,
        sqlite_where=sa.text("served IS NOT NULL"),
        postgresql_where=sa.text("served IS NOT NULL"),
    )
    op.create_table(
        "event",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=True),
        sa.Column("bulk", sa.String(length=36), nullable=True),
        sa.Column("undoes", sa.String(length=36), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("adjudicates", sa.Boolean(), nullable=False),
        sa.Column("label_id", sa.Integer(), nullable=True),
        sa.Column("old_value", sa.Text(), nullable=True),
        sa.Column("new_value", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("digest", sa.String(length=32), nullable=True),
        sa.Column("seen", sa.Text(), nullable=True),
        sa.Column("queue_id", sa.Integer(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("client_time", sa.String(length=32), nullable=True),
        sa.Column("server_time", sa.String(length=32), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="fk_event_document_id"),
        sa.ForeignKeyConstraint(["label_id"], ["label.id"], name="fk_event_label_id"),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name="fk_event_queue_id"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_event_run_id"),
        sa.ForeignKeyConstraint(["version_id"], ["label_version.id"], name="fk_event_version_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_event"),
        sa.UniqueConstraint("uuid", name="uq_event_uuid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_bulk", "event", ["bulk"], unique=False)
    op.create_index("ix_event_document_id", "event", ["document_id"], unique=False)
    op.create_index("ix_event_undoes", "event", ["undoes"], unique=False)
