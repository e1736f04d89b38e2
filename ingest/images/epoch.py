"""Epoch masking."""

import logging
from dataclasses import replace

import numpy as np

from ...schema.amplifiers import Amplifiers
from ...schema.columns import values_of
from ...schema.counts import count
from ...schema.errors import FitsFileError, GoodpixError
from ...schema.masks.rle import Runs
from ...schema.planes.imagefiles import PlaneFile, file_state
from ...schema.planes.plane import Plane
from ...schema.planes.reader import PlaneReader, check_weight
from ...schema.rows import SEG_FROM_FILE, SEG_NONE, EpochFacts, MaskKey, MaskRow, nonzero_bits
from ...schema.wcs.footprint import footprint
from ...schema.wcs.pixelgrid import PixelGrid
from ...schema.wcs.pixelmap import pixel_map
from ...schema.wcs.scamphead import HeadOf, read_scamp_head
from ...schema.wcs.solution import Wcs
from ..infofile import EpochInfo
from ..inputs import file_states, record_files
from ..plan import Options, se_fingerprint
from .coadd import Coadd
from .facts import check_identity, check_shapes, exposure_facts, image_facts
from .flagging import flag_epoch
from .pixels import PlaneFiles, Planes

__all__ = ["make_epoch_mask"]

logger = logging.getLogger(__name__)

# Grid points per axis at which the two WCS solutions of an epoch are compared.
_GRID = 9


def make_epoch_mask(entry: EpochInfo, coadd: Coadd, options: Options, fingerprint: str) -> tuple[MaskRow, Runs]:
    """Read an epoch's planes and return its mask with its row.

    Raises
    ------
    GoodpixError
        If a file, a plane or the header cannot be used.
    """
    states = file_states(entry)
    with PlaneReader() as reader:
        image = reader.plane(entry.image_path, entry.image_ext)
        header, primary = image.header, reader.primary_header(entry.image_path)
        planes = _planes(reader, entry, image, options)
        quantization = check_weight(planes.weight, allow_dithered=options.allow_dithered_weights)
        of_image = HeadOf(entry.expnum, entry.ccdnum, header, image.shape)
        grid = PixelGrid(_wcs(entry, of_image, options), image.shape, entry.position_offset)
        mapping = pixel_map(grid, coadd.grid)
        planes.check(reader, allow_damaged=options.allow_damaged)
        inputs = record_files(states, reader.opened)
        flagged = flag_epoch(planes.blocks(), image.shape, mapping, coadd.flags)
    runs = flagged.runs
    covered = footprint(grid)
    exposure = exposure_facts(header, primary)
    seg_used = planes.seg is not None
    counts, bits = count(
        runs,
        amplifiers=Amplifiers.of(exposure.dataseca, exposure.datasecb, image.shape),
        pixel_area=covered.pixel_area,
        unique=(flagged.n_unique, flagged.n_good_unique) if coadd.flags.has_region else None,
        se_seg_used=seg_used,
    )
    facts = EpochFacts(
        wcs_delta_pix=_wcs_delta(entry, of_image, grid, coadd.grid, options),
        se_seg_used=seg_used,
        stale=False,
        se_fingerprint=se_fingerprint(entry, options, inputs.states),
        **values_of(exposure),
        **image_facts(
            entry,
            grid.wcs,
            covered,
            fingerprint=fingerprint,
            quantization=quantization,
            inputs=inputs.facts(SEG_FROM_FILE if seg_used else SEG_NONE),
        ),
    )
    key = MaskKey(entry.tilename, entry.band, "epoch", entry.expnum, entry.ccdnum)
    row = MaskRow(key, runs.nx, runs.ny, runs.checksum, counts, facts, nonzero_bits(bits), covered.hpix)
    return row, runs


def _planes(reader: PlaneReader, entry: EpochInfo, image: Plane, options: Options) -> Planes:
    """Open the planes and check that they are of this epoch and of one shape; seg may be missing."""
    if not (entry.seg_path or options.allow_missing_se_seg):
        raise FitsFileError(
            f"epoch {entry.name}: the info file has no seg_path: expected a segmentation map "
            "(--allow-missing-se-seg accepts the epoch)"
        )
    planes = PlaneFiles.of(entry).planes(reader)
    expected = {"EXPNUM": entry.expnum, "CCDNUM": entry.ccdnum, "BAND": entry.band}
    for plane in (image, *planes.named().values()):
        check_identity(plane.header, reader.primary_header(plane.path), plane.header.where, expected)
    what = f"epoch {entry.name} (tile {entry.tilename}, band {entry.band})"
    check_shapes({**planes.named(), "image": image}, what)
    return planes


def _wcs(entry: EpochInfo, image: HeadOf, options: Options) -> Wcs:
    if options.wcs_source == "image":
        return Wcs.from_header(image.header, entry.image_path)
    if not entry.head_path:
        raise FitsFileError(f"epoch {entry.name}: the info file has no head_path: --wcs scamp needs one")
    return Wcs.from_header(read_scamp_head(PlaneFile(entry.head_path), image), entry.head_path)


def _wcs_delta(entry: EpochInfo, image: HeadOf, grid: PixelGrid, coadd: PixelGrid, options: Options) -> float | None:
    """Return the largest distance between the image's and SCAMP's mapping, coadd pixels.

    `grid` has the solution in use. None if there is no SCAMP header, or if no position is in front of the coadd.
    """
    if not entry.head_path or file_state(entry.head_path) is None:
        return None
    try:
        other = _wcs(entry, image, replace(options, wcs_source="scamp" if options.wcs_source == "image" else "image"))
    except GoodpixError as error:
        logger.warning("epoch %s: wcs_delta_pix is unknown: %s", entry.name, error)
        return None
    ny, nx = grid.shape
    y, x = np.meshgrid(np.linspace(0, ny - 1, _GRID), np.linspace(0, nx - 1, _GRID), indexing="ij")
    maps = (pixel_map(each, coadd) for each in (grid, replace(grid, wcs=other)))
    (ax, ay), (bx, by) = (each.positions(x.ravel(), y.ravel()) for each in maps)
    distance = np.hypot(ax - bx, ay - by)
    return float(np.nanmax(distance)) if np.isfinite(distance).any() else None
