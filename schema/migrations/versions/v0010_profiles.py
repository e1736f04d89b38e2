"""Record the profile of a catalogue's inputs; null in those from before, which are of des-pizza-cutter."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"

_ADDED = {"profile": "profile of all inputs", "profile_version": "version of the profile"}


def upgrade() -> None:
    """Add the columns."""
    for name, comment in _ADDED.items():
        op.add_column("catalogue", sa.Column(name, sa.Text(), nullable=True, comment=comment))


def downgrade() -> None:
    """Remove the columns."""
    for name in reversed(_ADDED):
        op.drop_column("catalogue", name)
