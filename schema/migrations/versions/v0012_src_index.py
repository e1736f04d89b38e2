"""Add the index of epochs in their info files; say of amplifiers that only images of DES have them by default."""

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_SRC_INDEX = "index of the epoch in src_info of the info file, from 0; null without an info file or if not recorded"
_SECTIONS = {
    "pixel section of amplifier A (DATASECA)": (
        "pixel section of amplifier A: DATASECA, else AMPSECA in the frame of the image"
    ),
    "pixel section of amplifier B (DATASECB)": (
        "pixel section of amplifier B: DATASECB, else AMPSECB in the frame of the image"
    ),
}
_HALVES = {
    "pixels in amplifier half A: DATASECA, or x < nx / 2 by default": (
        "pixels in amplifier half A: dataseca, else of images of DES x < nx / 2"
    ),
    "pixels in amplifier half B: DATASECB, or x >= nx / 2 by default": (
        "pixels in amplifier half B: datasecb, else of images of DES x >= nx / 2"
    ),
}
# summary tables append these to the comments of the columns that they sum
_SUMMED = "; sum over the CCD images"
_ENDINGS = {"epoch": "", "coadd": "", "ccd_image": "", "exposure_summary": _SUMMED, "ccd_night": _SUMMED}


def upgrade() -> None:
    """Add the column and set the comments."""
    op.add_column("epoch", sa.Column("src_index", sa.BigInteger(), nullable=True, comment=_SRC_INDEX))
    _reword(_SECTIONS, _HALVES)


def downgrade() -> None:
    """Remove the column and restore the comments."""
    _reword({new: old for old, new in _SECTIONS.items()}, {new: old for old, new in _HALVES.items()})
    op.drop_column("epoch", "src_index")


def _reword(sections: Mapping[str, str], halves: Mapping[str, str]) -> None:
    if not op.get_bind().dialect.supports_comments:
        return
    for name, (old, new) in zip(("dataseca", "datasecb"), sections.items(), strict=True):
        op.alter_column("epoch", name, comment=new, existing_comment=old)
    for table, ending in _ENDINGS.items():
        for name, (old, new) in zip(("n_pixels_amp_a", "n_pixels_amp_b"), halves.items(), strict=True):
            op.alter_column(table, name, comment=new + ending, existing_comment=old + ending)
