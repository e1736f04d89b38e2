"""Name sums of areas over images in the views.

No table changes: the views, which every migration makes anew, have ``good_area_images_unique``.
"""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Change nothing."""


def downgrade() -> None:
    """Change nothing."""
