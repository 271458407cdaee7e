"""Active learning: what a model chose for a queue, batch by batch, and what was known then. Labels by other models."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds tables and columns that are empty so far."""
    op.add_column("draw", sa.Column("batch", sa.Integer(), nullable=True))
    op.add_column("draw", sa.Column("role", sa.String(length=8), nullable=True))
    op.add_column("run", sa.Column("source", sa.Text(), nullable=True))
    op.create_table(
        "learning",
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("since", sa.String(length=32), nullable=False),
        sa.Column("seen", sa.String(length=32), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("queue_id", name="pk_learning"),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name="fk_learning_queue_id"),
    )
    op.create_table(
        "learning_batch",
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=True),
        sa.Column("after_seq", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("made", sa.String(length=32), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("queue_id", "batch", name="pk_learning_batch"),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name="fk_learning_batch_queue_id"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_learning_batch_run_id"),
    )
