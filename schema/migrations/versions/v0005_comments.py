"""Reword the comments of columns, where the database stores any."""

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_REWORDED = {
    "filter band, as the info file has it": "filter band, as given in the info file",
    "WCS keywords of the mapping used, JSON": "WCS keywords of the solution used, JSON",
    "right ascension of the first pixel's outer corner, degrees": (
        "right ascension of the outer corner of pixel (0, 0), degrees"
    ),
    "declination of the first pixel's outer corner, degrees": (
        "declination of the outer corner of pixel (0, 0), degrees"
    ),
    "right ascension of the corner at the end of the first row, degrees": (
        "right ascension of the outer corner of pixel (nx - 1, 0), degrees"
    ),
    "declination of the corner at the end of the first row, degrees": (
        "declination of the outer corner of pixel (nx - 1, 0), degrees"
    ),
    "right ascension of the last pixel's outer corner, degrees": (
        "right ascension of the outer corner of pixel (nx - 1, ny - 1), degrees"
    ),
    "declination of the last pixel's outer corner, degrees": (
        "declination of the outer corner of pixel (nx - 1, ny - 1), degrees"
    ),
    "right ascension of the corner at the end of the first column, degrees": (
        "right ascension of the outer corner of pixel (0, ny - 1), degrees"
    ),
    "declination of the corner at the end of the first column, degrees": (
        "declination of the outer corner of pixel (0, ny - 1), degrees"
    ),
    "right ascension of the image's centre, degrees": "right ascension of the image centre, degrees",
    "declination of the image's centre, degrees": "declination of the image centre, degrees",
    "magnitude zero point, as the info file has it": "magnitude zero point from the info file",
    "flux scale, as the info file has it": "flux scale factor from the info file",
    "flags of the image, as the info file has them; never a criterion": (
        "image flags from the info file; not a criterion"
    ),
    "processing attempt, as the info file has it": "processing attempt ID from the info file",
    "file name, as the info file has it": "file name from the info file",
    "path of the image, as the info file has it": "image path as written in the info file",
    "what is added to zero-based coordinates before the WCS": (
        "offset of WCS pixel coordinates from zero-based ones, pixels"
    ),
    "how the weight plane was quantised: ZQUANTIZ; null when not said": (
        "quantization method of the weight plane (ZQUANTIZ); null if absent"
    ),
    "sha256 of what the mask was made from": "SHA-256 of the mask's inputs",
    "largest distance between image and SCAMP mapping, coadd pixels": (
        "maximum distance between the image and SCAMP WCS, coadd pixels"
    ),
    "night of the exposure, YYYYMMDD": "observing night, YYYYMMDD",
    "start of the exposure, MJD in days": "start of the exposure, MJD, days",
    "start of the exposure, DATE-OBS, UTC": "start of the exposure, UTC (DATE-OBS)",
    "seeing, FWHM in pixels": "seeing FWHM, pixels",
    "sky brightness that was subtracted, in bunit": "sky level subtracted from the image, in bunit",
    "sky variance of amplifier A": "sky variance of amplifier A, in bunit^2",
    "sky variance of amplifier B": "sky variance of amplifier B, in bunit^2",
    "unit of the image's pixels": "unit of the pixel values (BUNIT)",
    "detector position, such as N4": "detector position in the focal plane, such as N4",
    "pixels of amplifier A, DATASECA": "pixel section of amplifier A (DATASECA)",
    "pixels of amplifier B, DATASECB": "pixel section of amplifier B (DATASECB)",
    "whether there was an SE segmentation map; epochs without are no one's average": (
        "true if the epoch has an SE segmentation map; aggregates exclude epochs without one"
    ),
    "whether the inputs could not be read again since: mask and row are the last good ones": (
        "true if the inputs can no longer be read; mask and row are from the last successful ingest"
    ),
    "Y when the tile lies across RA = 0": "Y if the tile straddles RA = 0",
    "all pixels of the image": "pixels in the image",
    "good background pixels: no criterion fails": "good background pixels, which fail no criterion",
    "pixels with a nearest coadd pixel": "pixels that fall on the coadd",
    "pixels that pass the three SE criteria, coadd ignored": (
        "pixels that pass all three SE criteria, regardless of the coadd"
    ),
    "pixels on the coadd that pass the three coadd criteria": "pixels on the coadd that pass all three coadd criteria",
    "pixels in an SE detected object": "pixels in an object detected in the SE image",
    "pixels whose SE weight is not finite and positive": (
        "pixels with an SE weight that is zero, negative or not finite"
    ),
    "pixels with an SE mask bit set": "pixels with any SE mask bit set",
    "pixels whose nearest coadd pixel lies outside the coadd": "pixels that fall outside the coadd",
    "pixels in a detected object of the coadd": "pixels in an object detected on the coadd",
    "pixels where the coadd weight is not finite and positive": (
        "pixels with a coadd weight that is zero, negative or not finite"
    ),
    "pixels where a coadd mask bit is set": "pixels with any coadd mask bit set",
    "pixels that fail SE_SEG alone": "pixels that fail only SE_SEG",
    "pixels that fail SE_WEIGHT alone": "pixels that fail only SE_WEIGHT",
    "pixels that fail SE_BMASK alone": "pixels that fail only SE_BMASK",
    "pixels that fail OFF_COADD alone": "pixels that fail only OFF_COADD",
    "pixels that fail COADD_SEG alone": "pixels that fail only COADD_SEG",
    "pixels that fail COADD_WEIGHT alone": "pixels that fail only COADD_WEIGHT",
    "pixels that fail COADD_BMASK alone": "pixels that fail only COADD_BMASK",
    "n_good_se within amplifier half A": "n_good_se in amplifier half A",
    "n_good_se within amplifier half B": "n_good_se in amplifier half B",
    "pixels of amplifier half A: DATASECA, else x < nx / 2": (
        "pixels in amplifier half A: DATASECA, or x < nx / 2 by default"
    ),
    "pixels of amplifier half B: DATASECB, else the rest": (
        "pixels in amplifier half B: DATASECB, or x >= nx / 2 by default"
    ),
    "pixels whose nearest coadd pixel centre is in the tile's unique region": (
        "pixels whose nearest coadd pixel has its centre in the tile's unique region"
    ),
    "n_good within the unique region; may be summed over tiles": (
        "good pixels in the unique region; may be summed over tiles"
    ),
    "n_good / n_on_coadd, null when nothing is on the coadd": (
        "n_good / n_on_coadd; null if no pixel falls on the coadd"
    ),
    "solid angle of a pixel at the image's centre, arcsec^2": "solid angle of a pixel at the image centre, arcsec^2",
    "columns of the image": "image width, pixels",
    "rows of the image": "image height, pixels",
    "identity of the catalogue; its masks root has it too": "UUID of the catalogue, also recorded in its masks root",
    "version of what is stored": "version of the stored format",
    "folder of the mask files; relative to SQLite's": "masks root; may be relative to the SQLite file",
    "processing campaign of every input": "processing campaign of all inputs",
    "image or scamp": "source of the epochs' WCS: image or scamp",
    "names of the mask bits of both planes, JSON": "names and values of the SE and coadd mask bits, JSON",
    "HEALPix resolution of footprint": "HEALPix nside of the table footprint",
    "number of the run": "run ID",
    "version of goodpix": "goodpix version",
    "what the run was asked for, JSON": "arguments of the run, JSON",
    "machine": "host name",
    "UTC, ISO 8601": "start time, UTC, ISO 8601",
    "UTC, ISO 8601; null while it runs or if it died": "end time, UTC, ISO 8601; null unless finished",
    "tiles and bands looked at": "tile and band pairs processed; null unless finished",
    "epochs whose masks were made": "epochs masked; null unless finished",
    "epochs that were up to date": "epochs already up to date; null unless finished",
    "inputs that failed": "inputs that failed; null unless finished",
    "done, failures or interrupted": "done, failures or interrupted; null unless finished",
    "number of the coadd in this database": "coadd ID, specific to this database",
    "how many mask files there have been": "number of mask files of the tile and band so far",
    "mask file of the tile and band, below the root": "mask file, relative to the masks root",
    "run that made it": "ingest run; null after a rebuild",
    "number of the epoch in this database": "epoch ID, specific to this database",
    "row group in the coadd's mask file": "row group in the mask file of the tile and band",
    "number of the row in this database": "row ID, specific to this database",
    "the epoch, or null for a coadd": "epoch; null for a coadd",
    "the coadd, or null for an epoch": "coadd; null for an epoch",
    "se or coadd: whose bmask": "bmask plane, se or coadd",
    "bit of the flags, 0 to 23": "bit number, 0 to 23",
    "the survey's name of the bit": "name of the bit in the survey",
    "pixels with the bit set, never 0": "pixels with the bit set; never 0",
    "HEALPix pixel, nside 256, nested": "HEALPix pixel, nside 256, nested ordering",
    "epoch that touches it": "epoch whose image overlaps the HEALPix pixel",
    "bit k: it touches the pixel 64 hpix + k of 8 times the nside; -1 is every bit, or not known": (
        "bit k: image overlaps HEALPix pixel 64 * hpix + k of 8 times the nside; -1 if all bits or unknown"
    ),
    "info path # expnum/ccdnum, coadd or info": "info file path # expnum/ccdnum, coadd or info",
    "the info file": "path of the info file",
    "null when the info file could not be read": "from the info file; null if it cannot be read",
    "null when the whole tile failed": "from the info file; null if the whole tile failed",
    "class of the error": "exception class",
    "what is wrong, in one line": "error message, one line",
    "sha256 of the inputs that failed": "SHA-256 of the failed inputs; null if temporary",
    "how often it was tried": "number of attempts",
    "when last, UTC, ISO 8601": "time of the last attempt, UTC, ISO 8601",
    "epochs that are stale": "stale epochs",
    "run": "ingest run",
    "epochs of the tile and band that the run made": "epochs of the tile and band masked by the run",
    "tiles that hold it, with an SE segmentation map": "tiles with the image and an SE segmentation map",
    "whether tiles differ in its SE counts": "true if tiles differ in SE counts",
    "median of their n_good_se / n_pixels": "median n_good_se / n_pixels of the CCD images",
}

# summary tables append these to the comments of the columns that they sum
_ENDINGS = ("; sum over the epochs used", "; sum over the CCD images", "; mean of the CCD images", "")


def upgrade() -> None:
    """Set the new comments."""
    _reword(_REWORDED)


def downgrade() -> None:
    """Restore the old comments."""
    _reword({new: old for old, new in _REWORDED.items()})


def _reword(reworded: Mapping[str, str]) -> None:
    if not op.get_bind().dialect.supports_comments:
        return
    tables = sa.inspect(op.get_bind())
    for table in tables.get_table_names():
        for column in tables.get_columns(table):
            comment = str(column["comment"] or "")
            ending = next(each for each in _ENDINGS if comment.endswith(each))
            text = reworded.get(comment.removesuffix(ending))
            if text is not None:
                op.alter_column(table, column["name"], comment=text + ending, existing_comment=comment)
