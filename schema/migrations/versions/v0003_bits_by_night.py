"""Add the summary table of mask bits by CCD and night, and fill it from the epochs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# any tile that holds a CCD image will do: all have counted the same SE pixels
_FILL = """
INSERT INTO ccd_bit_night (band, ccdnum, nite, bit, name, n_ccd_images, n_pixels)
SELECT band, ccdnum, nite, bit, name, count(*), CAST(sum(n_pixels) AS BIGINT)
FROM (
    SELECT i.band, i.ccdnum, i.nite, i.expnum, b.bit, b.name, max(b.n_pixels) AS n_pixels
    FROM ccd_image AS i
    JOIN epoch AS e ON e.band = i.band AND e.expnum = i.expnum AND e.ccdnum = i.ccdnum
    JOIN bit_count AS b ON b.epoch_id = e.epoch_id
    WHERE e.se_seg_used AND b.plane = 'se'
    GROUP BY i.band, i.ccdnum, i.nite, i.expnum, b.bit, b.name
) AS of_image
GROUP BY band, ccdnum, nite, bit, name
"""


def upgrade() -> None:
    """Make the table, and fill it."""
    op.create_table(
        "ccd_bit_night",
        sa.Column("band", sa.Text(), nullable=False, comment="filter band, as the info file has it"),
        sa.Column("ccdnum", sa.SmallInteger(), nullable=False, comment="CCD number"),
        sa.Column("nite", sa.BigInteger(), nullable=True, comment="night of the exposure, YYYYMMDD"),
        sa.Column("bit", sa.SmallInteger(), nullable=False, comment="bit of the flags, 0 to 23"),
        sa.Column("name", sa.Text(), nullable=False, comment="the survey's name of the bit"),
        sa.Column("n_ccd_images", sa.BigInteger(), nullable=False, comment="CCD images of the night with the bit set"),
        sa.Column(
            "n_pixels", sa.BigInteger(), nullable=False, comment="pixels with the bit set; sum over the CCD images"
        ),
    )
    op.execute(_FILL)
    # of the few CCD images that tiles count differently, if any
    key, some = ["band", "expnum", "ccdnum"], sa.text("tiles_disagree")
    name = "ix_ccd_image_disagree"
    op.create_index(name, "ccd_image", key, unique=False, sqlite_where=some, postgresql_where=some)
    # large at the survey's size, and so indexed when it is full
    of_bit = ["band", "bit", "name", "ccdnum", "nite", "n_ccd_images", "n_pixels"]
    op.create_index("ix_ccd_bit_night_bit", "ccd_bit_night", of_bit, unique=False)
    op.create_index("ix_ccd_bit_night_ccd", "ccd_bit_night", ["band", "ccdnum", "nite"], unique=False)


def downgrade() -> None:
    """Remove the table."""
    op.drop_index("ix_ccd_image_disagree", "ccd_image")
    op.drop_table("ccd_bit_night")
