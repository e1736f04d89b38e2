"""Add the moon, the sun and latitudes to epochs, CCD images and exposures.

The columns are null until `goodpix.ingest.database.migrate` computes them from the rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_ADDED = {
    "moon_separation": "angle from the image centre to the moon at mid-exposure, degrees",
    "moon_altitude": "altitude of the moon at mid-exposure, without refraction, degrees",
    "moon_illumination": "illuminated fraction of the moon's disc at mid-exposure",
    "sun_altitude": "altitude of the sun at mid-exposure, without refraction, degrees",
    "galactic_latitude": "galactic latitude of the image centre, degrees",
    "ecliptic_latitude": "ecliptic latitude of the image centre (mean ecliptic of J2000), degrees",
}
_ENDINGS = {"epoch": "", "ccd_image": "", "exposure_summary": "; mean of the CCD images"}
_AIRMASS = "airmass"
_NEW_AIRMASS = "airmass of the header; where it has none, of the image centre at mid-exposure"


def upgrade() -> None:
    """Add the columns."""
    for table, ending in _ENDINGS.items():
        for name, comment in _ADDED.items():
            op.add_column(table, sa.Column(name, sa.Double(), nullable=True, comment=comment + ending))
        _describe_airmass(table, _AIRMASS, _NEW_AIRMASS)


def downgrade() -> None:
    """Remove the columns; an airmass that was computed stays."""
    for table in _ENDINGS:
        _describe_airmass(table, _NEW_AIRMASS, _AIRMASS)
        for name in reversed(_ADDED):
            op.drop_column(table, name)


def _describe_airmass(table: str, old: str, new: str) -> None:
    if op.get_bind().dialect.supports_comments:
        op.alter_column(table, "airmass", comment=new, existing_comment=old)
