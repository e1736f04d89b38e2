"""Row of a mask file that has no coadd."""

from dataclasses import fields

from ..counts import Counts
from ..inputs.profile import ProfileId
from ..rows import CoaddFacts, MaskKey, MaskRow

__all__ = ["file_row"]


def file_row(tilename: str, band: str, profile: ProfileId, segmentation: str) -> MaskRow:
    """Return the row that stands in the table coadd for a mask file without a coadd.

    Such a row is not in the file: all its values but the key, the profile and the source of segmentation maps are null.

    Parameters
    ----------
    tilename, band : str
        Tile name and band of the file.
    profile : ProfileId
        Profile of the images.
    segmentation : str
        Source of the segmentation maps.
    """
    facts = dict.fromkeys(each.name for each in fields(CoaddFacts)) | {
        "profile": profile.stored_name,
        "segmentation": segmentation,
    }
    counts = dict.fromkeys(each.name for each in fields(Counts))
    return MaskRow(
        key=MaskKey(tilename, band, "coadd", None, None),
        nx=None,  # type: ignore[arg-type]  # null in this row alone
        ny=None,  # type: ignore[arg-type]
        checksum="",
        counts=Counts(**counts),  # type: ignore[arg-type]
        facts=CoaddFacts(**facts),  # type: ignore[arg-type]
        bits={"se": {}, "coadd": {}},
        hpix={},
    )
