"""Images at points on the sky, counted by band."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import hpgeom
import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.bits import BIT_SHIFT, CRITERIA_BITS, N_BITS, OWN_CUT, BitNames, Criterion
from ...schema.criteria import BoundSelection
from ...schema.database import Identity
from ...schema.errors import MaskFileMissingError
from ...schema.masks.runpixels import find_runs
from ...schema.store.masksroot import MasksRoot
from ...schema.wcs.footprint import CELL_SHIFT, NSIDE, UniqueRegion, footprint
from ...schema.wcs.skytopixel import WcsStack
from ...schema.wcs.solution import unit_vectors
from ..masks.exclusions import ImageBox, excluded_pixels
from ..masks.reader import MaskLocation, MaskReader
from ..position.images import SkyImages

__all__ = ["SampleJob", "Samples", "cells_of", "reason_texts", "sample", "sample_if_there"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]

_EXCLUDED = np.int64(1 << 56)

_LIMITS = ("uramin", "uramax", "udecmin", "udecmax")
_IMAGE = ("wcs", "nx", "ny", "position_offset")

_BITS = {plane: np.int64(((1 << N_BITS) - 1) << BIT_SHIFT[plane]) for plane in ("se", "coadd")}
_BMASKS = {"se": Criterion.SE_BMASK, "coadd": Criterion.COADD_BMASK}


@dataclass(frozen=True, slots=True, eq=False)
class SampleJob:
    """Points on the sky, and the epochs near them.

    Parameters
    ----------
    root : MasksRoot
        Masks root of the catalogue.
    catalogue : Identity
        The catalogue.
    selection : BoundSelection
        The definition of good.
    bands : sequence of str
        Bands to count.
    ra, dec : ndarray of float64, shape (n,)
        Points, degrees.
    locations : sequence of MaskLocation
        Epochs in order of band, expnum, ccdnum and tilename; their rows have the limits of the tile's unique region
        and, with the prefix ``coadd_``, the coadd's WCS and size.
    tilenames : sequence of str
        Tiles without a unique region, by name: the points that their images hold are theirs.
    reasons : bool
        Whether to read the masks.
    """

    root: MasksRoot
    catalogue: Identity
    selection: BoundSelection
    bands: Sequence[str]
    ra: Floats
    dec: Floats
    locations: Sequence[MaskLocation]
    tilenames: Sequence[str] = ()
    reasons: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Images at points.

    Parameters
    ----------
    n_images, n_good : ndarray of int32, shape (n_bands, n)
        Number of CCD images that hold each point, and of those whose pixel there is good.
    taken : ndarray of int64, shape (n,)
        Reasons of those whose pixel is bad; see `reason_texts`.
    tile : ndarray of int64, shape (n,)
        Number of the first of the job's `tilenames` with an image at the point; their number if there is none.
    """

    n_images: npt.NDArray[np.int32]
    n_good: npt.NDArray[np.int32]
    taken: Ints
    tile: Ints


def sample(job: SampleJob) -> Samples:
    """Return the images at points: each CCD image once, from the tile that `at(..., unique=True)` takes it from."""
    points, n = _Points.of(job.ra, job.dec), job.ra.size
    n_images, n_good = np.zeros((2, len(job.bands), n), np.int32)
    taken, tile = np.zeros(n, np.int64), np.full(n, len(job.tilenames), np.int64)
    numbers = {tilename: number for number, tilename in enumerate(job.tilenames)}
    reader = MaskReader(job.root, job.catalogue)
    try:
        for _, of_image in groupby(job.locations, lambda each: (each.key.band, each.key.expnum, each.key.ccdnum)):
            for location, on_image, hits in _chosen(points, list(of_image)):
                number = numbers.get(location.key.tilename, len(numbers))
                tile[on_image.point] = np.minimum(tile[on_image.point], number)
                k = job.bands.index(location.key.band)
                n_images[k, hits.point] += 1
                if job.reasons and hits.point.size:
                    reasons = _reasons(reader, location, hits.pixel, job.selection)
                    n_good[k, hits.point] += reasons == 0
                    taken[hits.point] |= reasons
    finally:
        reader.close()
    return Samples(n_images, n_good, taken, tile)


def sample_if_there(job: SampleJob) -> Samples | None:
    """Return the images at points; None if a mask file is missing, as after an ingest that has replaced it."""
    try:
        return sample(job)
    except MaskFileMissingError:
        return None


def reason_texts(taken: Ints, bit_names: BitNames) -> list[str]:
    """Return the names of the reasons at each point: criteria, then mask bits, such as ``SE_BMASK, SE:STAR``."""
    distinct, number = np.unique(taken, return_inverse=True)
    texts = [_reason_text(each, bit_names) for each in distinct.tolist()]
    return [texts[each] for each in number.tolist()]


def _reason_text(taken: int, bit_names: BitNames) -> str:
    names = [str(each.name) for each in Criterion if taken & each]
    names += ["OWN_CUT"] if taken & OWN_CUT else []
    names += ["EXCLUDED"] if taken & int(_EXCLUDED) else []
    for plane, shift in BIT_SHIFT.items():
        names += [f"{plane.upper()}:{bit_names.name(plane, bit)}" for bit in range(N_BITS) if taken >> shift + bit & 1]
    return ", ".join(names)


def cells_of(hpix: Mapping[int, int]) -> list[int]:
    """Return the cells of a footprint: nested HEALPix pixels, from coarser ones and the bits of their cells."""
    n_cells = 1 << 2 * CELL_SHIFT
    return [n_cells * pixel + k for pixel, bits in hpix.items() for k in range(n_cells) if bits >> k & 1]


@dataclass(frozen=True, slots=True, eq=False)
class _Points:
    """Points as unit vectors (3, n), and their numbers in order of the cells of footprints, with those cells."""

    vectors: Floats
    order: Indices
    cells: Ints

    @classmethod
    def of(cls, ra: Floats, dec: Floats) -> "_Points":
        vectors = unit_vectors(ra, dec)
        cells = np.atleast_1d(hpgeom.vector_to_pixel(NSIDE << CELL_SHIFT, *vectors)).astype(np.int64)
        order = np.argsort(cells, kind="stable")
        return cls(vectors, order, cells[order])

    def near(self, location: MaskLocation) -> Indices:
        """Return the points in cells that an image touches."""
        cells = cells_of(footprint(location.grid).hpix)
        start, stop = (np.searchsorted(self.cells, cells, side=side) for side in ("left", "right"))
        near = [self.order[a:b] for a, b in zip(start.tolist(), stop.tolist(), strict=True) if a < b]
        return np.concatenate([np.empty(0, np.intp), *near])


@dataclass(frozen=True, slots=True, eq=False)
class _Hits:
    """Points on an image, and the number ``x * ny + y`` of the pixel at each."""

    point: Indices
    pixel: Ints

    def __getitem__(self, wanted: "npt.NDArray[np.bool_]") -> "_Hits":
        return _Hits(self.point[wanted], self.pixel[wanted])


def _chosen(points: _Points, of_image: list[MaskLocation]) -> Iterator[tuple[MaskLocation, _Hits, _Hits]]:
    """Yield the epochs of one CCD image, the points on each, and those for which it is the one that counts."""
    hits: dict[tuple[object, ...], _Hits] = {}
    every = []
    for location in of_image:
        solution = tuple(location.row[name] for name in _IMAGE)
        if solution not in hits:
            hits[solution] = _hits(points, location)
        every.append(hits[solution])
    if len(of_image) == 1:
        yield of_image[0], every[0], every[0]
        return
    n = points.vectors.shape[1]
    best = np.full(n, -1, np.int8)
    owner = np.full(n, -1, np.int16)
    for number, (location, on_image) in enumerate(zip(of_image, every, strict=True)):
        rank = _rank(location, points.vectors[:, on_image.point])
        higher = on_image.point[rank > best[on_image.point]]
        best[on_image.point] = np.maximum(best[on_image.point], rank)
        owner[higher] = number
    for number, (location, on_image) in enumerate(zip(of_image, every, strict=True)):
        yield location, on_image, on_image[owner[on_image.point] == number]


def _hits(points: _Points, location: MaskLocation) -> _Hits:
    near = points.near(location)
    image, which = _image(location, ""), np.zeros(near.size, np.intp)
    positions = image.positions(which, points.vectors[:, near])
    inside = image.hold(which, positions)
    x, y = np.floor(positions[:, inside] + 0.5).astype(np.int64)
    return _Hits(near[inside], x * int(location.row["ny"]) + y)


def _rank(location: MaskLocation, vectors: Floats) -> npt.NDArray[np.int8]:
    """Return the rank of an epoch at directions: 2 in its tile's unique region, and 1 more on the coadd."""
    coadd, which = _image(location, "coadd_"), np.zeros(vectors.shape[1], np.intp)
    rank = coadd.hold(which, coadd.positions(which, vectors)).astype(np.int8)
    limits = [location.row[name] for name in _LIMITS]
    if None not in limits:
        rank += 2 * UniqueRegion(*limits).contains(vectors).astype(np.int8)
    return rank


def _image(location: MaskLocation, prefix: str) -> SkyImages:
    wcs, nx, ny, offset = (location.row[prefix + name] for name in _IMAGE)
    return SkyImages(WcsStack.from_json([wcs]), np.array([nx]), np.array([ny]), np.array([float(offset)]))


def _reasons(reader: MaskReader, location: MaskLocation, pixels: Ints, selection: BoundSelection) -> Ints:
    """Return why pixels are bad by a selection: criteria, mask bits of those that fail, and exclusions; 0 is good."""
    if not selection.selection.shapes_mask:
        flags = reader.flags_at(location, pixels)
        failing = selection.criteria(flags).astype(np.int64)
    else:
        mask = reader.read(location)
        flags = mask.encoded.flags[find_runs(mask.encoded.lengths, pixels)]
        recut = mask.recut(BoundSelection(replace(selection.selection, exclude=()), selection.bit_names)).encoded
        failing = recut.flags[find_runs(recut.lengths, pixels)] & np.int64(CRITERIA_BITS)
    for plane, criterion in _BMASKS.items():
        failing |= np.where(failing & int(criterion), flags & _BITS[plane] & _left(selection, criterion), np.int64(0))
    return failing | _excluded(location, pixels, selection)


def _left(selection: BoundSelection, criterion: Criterion) -> np.int64:
    """Return the bits of a criterion's plane that a selection does not ignore."""
    plane = "se" if criterion is Criterion.SE_BMASK else "coadd"
    left = np.int64(selection.reject) & _BITS[plane]
    return left if left else _BITS[plane]


def _excluded(location: MaskLocation, pixels: Ints, selection: BoundSelection) -> Ints:
    ny, nx = int(location.row["ny"]), int(location.row["nx"])
    image = ImageBox(location.key, location.row, Region(0, nx, 0, ny), (ny, nx))
    excluded = excluded_pixels(selection.selection.exclude, image)
    if excluded is None:
        return np.zeros(pixels.size, np.int64)
    return excluded[pixels % ny, pixels // ny] * _EXCLUDED
