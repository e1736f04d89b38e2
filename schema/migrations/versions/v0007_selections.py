"""Add the table of named selections."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "selection",
        sa.Column("name", sa.Text(), primary_key=True, comment="name of the selection"),
        sa.Column(
            "selection", sa.Text(), nullable=False, comment="the selection in words, as Selection.parse reads it"
        ),
        sa.Column("description", sa.Text(), nullable=False, comment="purpose of the selection; may be empty"),
        sa.Column("hash", sa.Text(), nullable=False, comment="SHA-256 of the content of the selection"),
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("selection")
