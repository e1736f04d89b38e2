"""The mask of a coadd, and what its epochs need of it."""

from dataclasses import dataclass
from pathlib import Path

from ..schema.counts import count_coadd
from ..schema.fitsplanes import PlaneReader, check_weight
from ..schema.footprint import footprint
from ..schema.rle import Runs
from ..schema.rows import CoaddFacts, MaskKey, MaskRow, nonzero_bits
from ..schema.wcs import Wcs
from .coaddflags import CoaddFlags, code_coadd
from .fingerprint import Options
from .headerfacts import check_identity
from .imagefacts import check_shapes, image_facts
from .infofile import TileInfo
from .pixels import PlaneFiles
from .workers import Spread

__all__ = ["Coadd", "make_coadd_mask"]


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
    """

    flags: CoaddFlags
    wcs: Wcs
    offset: float


def make_coadd_mask(
    info: TileInfo, options: Options, fingerprint: str, *, spread: Spread = map, scratch: Path | None = None
) -> tuple[Coadd, tuple[MaskRow, Runs]]:
    """Read a tile's coadd; return what its epochs need, and its own mask with its row.

    Parameters
    ----------
    info : TileInfo
        What the info file says.
    options : Options
        What changes masks besides the inputs.
    fingerprint : str
        Of its inputs.
    spread : Spread
        How the parts of the coadd are done.
    scratch : Path, optional
        Where its flags lie when other processes are to see them.

    Raises
    ------
    GoodpixError
        If a file, a plane or the header cannot be used.
    """
    files = PlaneFiles.of(info)
    with PlaneReader() as reader:
        image = reader.plane(info.image_path, info.image_ext)
        header, primary = image.header, reader.primary_header(info.image_path)
        expected = {"BAND": info.band, "TILENAME": info.tilename}
        check_identity(header, primary, info.image_path, expected)
        wcs = Wcs.from_header(header, info.image_path)
        planes = files.planes(reader)
        check_shapes({**planes.named(), "image": image}, f"coadd (tile {info.tilename}, band {info.band})")
        quantization = check_weight(planes.weight, allow_dithered=options.allow_dithered_weights)
        shape = planes.bmask.shape
    region = info.unique_region
    flags, own = code_coadd(
        files, shape, wcs=wcs, offset=info.position_offset, unique=region, spread=spread, scratch=scratch
    )
    place = footprint(wcs, shape, info.position_offset)
    unique = (own.n_unique, own.n_good_unique) if region else None
    counts, bits = count_coadd(own.runs, pixel_area=place.pixel_area, unique=unique)
    facts = CoaddFacts(
        crossra0=info.crossra0,
        uramin=info.uramin,
        uramax=info.uramax,
        udecmin=info.udecmin,
        udecmax=info.udecmax,
        **image_facts(info, wcs, place, fingerprint=fingerprint, quantization=quantization),
    )
    key = MaskKey(info.tilename, info.band, "coadd", None, None)
    row = MaskRow(key, own.runs.nx, own.runs.ny, own.runs.checksum, counts, facts, nonzero_bits(bits), place.hpix)
    return Coadd(flags, wcs, info.position_offset), (row, own.runs)
