"""Add the cells of each footprint pixel that the image touches; unknown for existing epochs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "footprint",
        sa.Column(
            "cells",
            sa.BigInteger(),
            nullable=False,
            server_default="-1",
            comment="bit k: it touches the pixel 64 hpix + k of 8 times the nside; -1 is every bit, or not known",
        ),
    )


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("footprint", "cells")
