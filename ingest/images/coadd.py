"""Coadd reading and masking."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ...schema.counts import count_coadd
from ...schema.errors import GoodpixError
from ...schema.executors import Spread
from ...schema.inputs.profile import ProfileId
from ...schema.masks.rle import Runs
from ...schema.planes.reader import PlaneReader, check_weight
from ...schema.rows import SEG_FROM_FILE, CoaddFacts, MaskKey, MaskRow, nonzero_bits
from ...schema.wcs.footprint import UniqueRegion, footprint
from ...schema.wcs.pixelgrid import PixelGrid
from ...schema.wcs.solution import Wcs
from ..infofile import TileInfo
from ..inputs import InputFiles, file_states, record_files
from ..plan import Options
from .coaddflags import CoaddFlags, CodedCoadd, code_coadd
from .facts import check_identity, check_shapes, image_facts
from .pixels import PlaneFiles

__all__ = ["Coadd", "ReadCoadd", "read_coadd"]


@dataclass(frozen=True, slots=True, eq=False)
class Coadd:
    """Coadd data with which epochs are flagged.

    Parameters
    ----------
    flags : CoaddFlags
        Flags of each pixel.
    grid : PixelGrid
        Its pixels on the sphere.
    """

    flags: CoaddFlags
    grid: PixelGrid


@dataclass(frozen=True, slots=True, eq=False)
class ReadCoadd:
    """A coadd that was read; its own mask can be made later, while its epochs are being processed.

    Parameters
    ----------
    info : TileInfo
        Contents of the info file.
    grid : PixelGrid
        Its pixels on the sphere.
    coded : CodedCoadd
        Its coded flags.
    quantization : str or None
        ZQUANTIZ of its weight plane.
    inputs : InputFiles
        Its files.
    profile : ProfileId
        Profile of the files.
    """

    info: TileInfo
    grid: PixelGrid
    coded: CodedCoadd
    quantization: str | None
    inputs: InputFiles
    profile: ProfileId

    @property
    def for_epochs(self) -> Coadd:
        """The data with which its epochs are flagged."""
        return Coadd(self.coded.flags, self.grid)

    def own_mask(self, fingerprint: str) -> tuple[MaskRow, Runs]:
        """Return the coadd's own mask and its row, given the fingerprint of its inputs."""
        info, own = self.info, self.coded.own_runs()
        covered = footprint(self.grid)
        unique = (own.n_unique, own.n_good_unique) if self.coded.flags.has_region else None
        counts, bits = count_coadd(own.runs, pixel_area=covered.pixel_area, unique=unique)
        facts = CoaddFacts(
            crossra0=info.crossra0,
            uramin=info.uramin,
            uramax=info.uramax,
            udecmin=info.udecmin,
            udecmax=info.udecmax,
            **image_facts(
                info,
                self.grid.wcs,
                covered,
                fingerprint=fingerprint,
                quantization=self.quantization,
                inputs=self.inputs.facts(info, SEG_FROM_FILE, self.profile),
            ),
        )
        key = MaskKey(info.tilename, info.band, "coadd", None, None)
        row = MaskRow(key, own.runs.nx, own.runs.ny, own.runs.checksum, counts, facts, nonzero_bits(bits), covered.hpix)
        return row, own.runs


def read_coadd(info: TileInfo, options: Options, *, spread: Spread = map, scratch: Path | None = None) -> ReadCoadd:
    """Read a tile's coadd.

    Parameters
    ----------
    info : TileInfo
        Contents of the info file.
    options : Options
        Options that change masks.
    spread : Spread
        Map function over blocks of rows.
    scratch : Path, optional
        Folder for flags that are shared with other processes.

    Raises
    ------
    GoodpixError
        If a file, a plane or the header cannot be used.
    """
    files, states = PlaneFiles.of(info), file_states(info)
    with PlaneReader() as reader:
        image = reader.plane(info.image_path, info.image_ext)
        wcs = Wcs.from_header(image.header, info.image_path)
        planes = files.planes(reader)
        for name, plane in {"image": image, **planes.named()}.items():
            # seg is one map of objects detected in several bands
            expected = {key: value for key, value in info.identity.items() if (name, key) != ("seg", "BAND")}
            check_identity(plane.header, reader.primary_header(plane.path), plane.header.where, expected)
        check_shapes({**planes.named(), "image": image}, f"coadd (tile {info.tilename}, band {info.band})")
        quantization = check_weight(planes.weight, allow_dithered=options.allow_dithered_weights)
        grid = PixelGrid(wcs, planes.bmask.shape, info.position_offset)
        unique = UniqueRegion(*info.unique_limits) if info.unique_limits else None
        with ThreadPoolExecutor(1, "goodpix-datasum") as thread:
            # once, and not for each part that is read
            checked = thread.submit(planes.check, reader, allow_damaged=options.allow_damaged)
            try:
                coded = code_coadd(files, grid, unique=unique, spread=spread, scratch=scratch)
            except GoodpixError:
                checked.result()  # damage is why data cannot be read
                raise
            checked.result()
        inputs = record_files(states, reader.opened)
    return ReadCoadd(info, grid, coded, quantization, inputs, options.profile)
