"""Add the sky area of a tile that is good in at least one epoch."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column, null until the tile's masks are written again."""
    comment = "sky area in the unique region that is good in at least one epoch, arcmin^2"
    op.add_column("coadd", sa.Column("area_good_any_unique", sa.Double(), nullable=True, comment=comment))


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("coadd", "area_good_any_unique")
