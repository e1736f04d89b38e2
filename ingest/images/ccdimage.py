"""CCD images: the part of an epoch that is the same in all tiles that contain it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...schema.errors import FitsFileError
from ...schema.inputs.recordedfiles import State
from ...schema.masks.rle import Runs
from ...schema.planes.plane import Plane
from ...schema.planes.reader import PlaneReader, check_weight
from ...schema.rows import SEG_FROM_FILE, SEG_MADE, SEG_NONE
from ..exposurefacts import ExposureFacts
from ..infofile import EpochInfo
from ..inputs import InputFiles, record_files
from ..plan import Options
from .facts import check_identity, check_shapes
from .pixels import PlaneFiles, PlaneRows, Planes
from .segmentation import make_map

__all__ = ["CcdImage", "read_ccd_image"]


@dataclass(frozen=True, slots=True, eq=False)
class CcdImage:
    """A CCD image, checked and ready to be flagged.

    Parameters
    ----------
    header : mapping
        Header of the image, or at least its WCS keywords.
    shape : tuple of int
        (ny, nx).
    exposure : ExposureFacts
        Exposure metadata.
    quantization : str or None
        ZQUANTIZ of its weight plane.
    segmentation : str
        Source of its segmentation map: `SEG_FROM_FILE`, `SEG_MADE` or `SEG_NONE`.
    inputs : InputFiles
        Its files and the tile's SCAMP header.
    planes : iterable of PlaneRows, or Runs
        Consecutive blocks of rows of its planes, or a mask that retains them.
    """

    header: Mapping[str, Any]
    shape: tuple[int, int]
    exposure: ExposureFacts
    quantization: str | None
    segmentation: str
    inputs: InputFiles
    planes: Iterable[PlaneRows] | Runs

    @property
    def seg_used(self) -> bool:
        """True if it has a segmentation map."""
        return self.segmentation != SEG_NONE


def read_ccd_image(reader: PlaneReader, entry: EpochInfo, options: Options, states: Mapping[str, State]) -> CcdImage:
    """Open the planes of a CCD image and check them.

    Parameters
    ----------
    reader : PlaneReader
        Reader that stays open until the rows have been read.
    entry : EpochInfo
        The info file's entry.
    options : Options
        Options that affect masks.
    states : mapping of str to State
        States of the epoch's files, by path.

    Raises
    ------
    GoodpixError
        If a file, a plane or the header cannot be used.
    """
    image = reader.plane(entry.image_path, entry.image_ext)
    header, primary = image.header, reader.primary_header(entry.image_path)
    planes = _planes(reader, entry, image, options)
    quantization = check_weight(planes.weight, allow_dithered=options.allow_dithered_weights)
    planes.check(reader, allow_damaged=options.allow_damaged)
    segmentation = SEG_NONE if planes.seg is None else SEG_FROM_FILE
    if planes.seg is None and options.segment is not None:
        reader.check(image, allow_damaged=options.allow_damaged)
        planes = replace(planes, seg=make_map(image, planes.weight, planes.bmask, options.segment))
        segmentation = SEG_MADE
    return CcdImage(
        header,
        image.shape,
        entry.exposure(header, primary),
        quantization,
        segmentation,
        record_files(states, reader.opened),
        planes.blocks(),
    )


def _planes(reader: PlaneReader, entry: EpochInfo, image: Plane, options: Options) -> Planes:
    """Open the planes and check that they are of this image and of one shape; seg may be missing."""
    if not (entry.seg_path or options.allow_missing_se_seg or options.no_segment or options.segment):
        raise FitsFileError(
            f"epoch {entry.name}: the info file has no seg_path: expected a segmentation map "
            "(--allow-missing-se-seg, allow_missing_se_seg=True, accepts the epoch)"
        )
    files = PlaneFiles.of(entry)
    planes = (replace(files, seg=None) if options.no_segment else files).planes(reader)
    for plane in (image, *planes.named().values()):
        check_identity(plane.header, reader.primary_header(plane.path), plane.header.where, entry.identity)
    what = f"epoch {entry.name} (tile {entry.tilename}, band {entry.band})"
    check_shapes({**planes.named(), "image": image}, what)
    return planes
