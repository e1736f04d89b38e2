"""The mask of a coadd, and what its epochs need of it."""

from dataclasses import dataclass

from ..schema.counts import count_coadd
from ..schema.fitsplanes import PlaneReader, check_weight
from ..schema.footprint import footprint
from ..schema.rle import Runs
from ..schema.rows import CoaddFacts, MaskKey, MaskRow, nonzero_bits
from ..schema.wcs import Wcs
from .coaddflags import CoaddFlags, read_coadd_flags
from .fingerprint import Options
from .headerfacts import check_identity
from .imagefacts import check_shapes, image_facts
from .infofile import TileInfo

__all__ = ["Coadd", "make_coadd_mask", "read_coadd"]


@dataclass(frozen=True, slots=True, eq=False)
class Coadd:
    """A coadd as its epochs need it.

    Parameters
    ----------
    flags : CoaddFlags
        Flags of each pixel.
    wcs : Wcs
        Its solution.
    offset : float
        Its ``position_offset``.
    quantization : str or None
        How its weight plane was quantised.
    """

    flags: CoaddFlags
    wcs: Wcs
    offset: float
    quantization: str | None


def read_coadd(info: TileInfo, options: Options) -> Coadd:
    """Read a tile's coadd.

    Raises
    ------
    GoodpixError
        If a file, a plane or the header cannot be used.
    """
    with PlaneReader() as reader:
        image = reader.plane(info.image_path, info.image_ext)
        primary = reader.primary_header(info.image_path)
        expected = {"BAND": info.band, "TILENAME": info.tilename}
        check_identity(image.header, primary, info.image_path, expected)
        wcs = Wcs.from_header(image.header, info.image_path)
        weight = reader.plane(info.weight_path, info.weight_ext)
        bmask = reader.plane(info.bmask_path, info.bmask_ext)
        seg = reader.plane(info.seg_path, info.seg_ext)
        planes = {"weight": weight, "image": image, "bmask": bmask, "seg": seg}
        check_shapes(planes, f"coadd (tile {info.tilename}, band {info.band})")
        check_weight(weight, allow_dithered=options.allow_dithered_weights)
        flags = read_coadd_flags(weight, bmask, seg, wcs=wcs, offset=info.position_offset, unique=info.unique_region)
        return Coadd(flags, wcs, info.position_offset, weight.quantization)


def make_coadd_mask(coadd: Coadd, info: TileInfo, fingerprint: str) -> tuple[MaskRow, Runs]:
    """Return the coadd's own mask, and its row."""
    runs = coadd.flags.runs()
    place = footprint(coadd.wcs, coadd.flags.shape, coadd.offset)
    unique = coadd.flags.n_unique() if info.unique_region else None
    counts, bits = count_coadd(runs, pixel_area=place.pixel_area, unique=unique)
    facts = CoaddFacts(
        crossra0=info.crossra0,
        uramin=info.uramin,
        uramax=info.uramax,
        udecmin=info.udecmin,
        udecmax=info.udecmax,
        **image_facts(info, coadd.wcs, place, fingerprint=fingerprint, quantization=coadd.quantization),
    )
    key = MaskKey(info.tilename, info.band, "coadd", None, None)
    row = MaskRow(key, runs.nx, runs.ny, runs.checksum, counts, facts, nonzero_bits(bits), place.hpix)
    return row, runs
