"""Links of reviewers, and what a ranking says about each document beyond its label: similar documents and curves."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds columns that are empty so far."""
    op.add_column("reviewer", sa.Column("token", sa.Text(), nullable=True))
    op.create_index("ix_reviewer_token", "reviewer", ["token"], unique=True)
    op.add_column("suggestion", sa.Column("neighbours", sa.LargeBinary(), nullable=True))
    op.add_column("suggestion", sa.Column("curves", sa.LargeBinary(), nullable=True))
