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
from ...schema.planes.reader import PlaneReader
from ...schema.rows import EpochFacts, MaskKey, MaskRow, nonzero_bits
from ...schema.wcs.footprint import footprint
from ...schema.wcs.pixelgrid import PixelGrid
from ...schema.wcs.pixelmap import pixel_map
from ...schema.wcs.scamphead import HeadOf, read_scamp_head
from ...schema.wcs.solution import Wcs
from ..infofile import EpochInfo
from ..inputs import file_states
from ..plan import Options, se_fingerprint
from .ccdimage import read_ccd_image
from .coadd import Coadd
from .coaddflags import RegionRuns
from .facts import image_facts
from .flagging import flag_epoch, flag_image
from .sourcemask import SourceMasks

__all__ = ["make_epoch_mask"]

logger = logging.getLogger(__name__)

# Grid points per axis at which the two WCS solutions of an epoch are compared.
_GRID = 9


def make_epoch_mask(
    entry: EpochInfo,
    coadd: Coadd | None,
    options: Options,
    fingerprint: str,
    sources: SourceMasks | None = None,
    *,
    overlap: bool = True,
) -> tuple[MaskRow, Runs]:
    """Return the mask of an epoch with its row, from a source mask or else from its planes.

    Without a coadd the mask has the criteria and bits of the image alone. For `overlap` see
    `goodpix.ingest.images.flagging.flag_epoch`.

    Raises
    ------
    GoodpixError
        If a file, a plane or the header cannot be used.
    """
    states = file_states(entry)
    with PlaneReader() as reader:
        image = None if sources is None else sources.ccd_image(reader, entry, options, states)
        if image is None:
            image = read_ccd_image(reader, entry, options, states)
        of_image = HeadOf(entry.expnum, entry.ccdnum, image.header, image.shape)
        grid = PixelGrid(_wcs(entry, of_image, options), image.shape, entry.position_offset)
        if coadd is None:
            flagged = RegionRuns(flag_image(image.planes, image.shape), 0, 0)
        else:
            mapping = pixel_map(grid, coadd.grid)
            flagged = flag_epoch(image.planes, image.shape, mapping, coadd.flags, overlap=overlap)
    runs = flagged.runs
    covered = footprint(grid)
    exposure = image.exposure
    sections = {"dataseca": exposure.dataseca, "datasecb": exposure.datasecb}
    counts, bits = count(
        runs,
        amplifiers=Amplifiers.of_image(sections | {"profile": options.profile.stored_name}, image.shape),
        pixel_area=covered.pixel_area,
        unique=(flagged.n_unique, flagged.n_good_unique) if coadd is not None and coadd.flags.has_region else None,
        se_seg_used=image.seg_used,
        has_coadd=coadd is not None,
    )
    facts = EpochFacts(
        wcs_delta_pix=None if coadd is None else _wcs_delta(entry, of_image, grid, coadd.grid, options),
        se_seg_used=image.seg_used or options.no_segment,
        stale=False,
        wcs_ok=entry.wcs_vouched,
        se_fingerprint=se_fingerprint(entry, options, image.inputs.states),
        **values_of(exposure),
        **image_facts(
            entry,
            grid.wcs,
            covered,
            fingerprint=fingerprint,
            quantization=image.quantization,
            inputs=image.inputs.facts(entry, image.segmentation, options.profile),
        ),
    )
    key = MaskKey(entry.tilename, entry.band, "epoch", entry.expnum, entry.ccdnum)
    row = MaskRow(key, runs.nx, runs.ny, runs.checksum, counts, facts, nonzero_bits(bits), covered.hpix)
    return row, runs


def _wcs(entry: EpochInfo, image: HeadOf, options: Options) -> Wcs:
    if options.wcs_source == "image":
        return Wcs.from_header(image.header if entry.own_wcs is None else entry.own_wcs, entry.image_path)
    if not entry.head_path:
        raise FitsFileError(
            f"epoch {entry.name}: the info file has no head_path: --wcs scamp (wcs_source='scamp') needs one"
        )
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
