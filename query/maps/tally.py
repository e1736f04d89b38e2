"""Sums over the pixels of maps: good area and values of images."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import hpgeom
import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Amplifiers, Region
from ...schema.criteria import BoundSelection
from ...schema.jit import kernel
from ...schema.wcs.footprint import CELL_SHIFT, NSIDE
from ...schema.wcs.healpixlookup import BLOCK_NSIDE, OUTSIDE, CentreLookup, morton
from ..masks.mask import Mask
from .imagevalues import MEASURED, QUANTITIES, Halves, ImageValues
from .patches import Epoch, Patch
from .statistics import Statistic

__all__ = ["LEFT_OUT", "Sums", "Tally"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint64]
ImageKey = tuple[Any, ...]

# Bits of a centre's code, below those of the flags asked for: in an image, good there, in the half of amplifier B.
_SEEN, _GOOD, _HALF_B, _FIRST_FLAG = 0, 1, 2, 3

# Bits of the state of a centre: good in an image, and in one that has a weight.
_COVERED, _WEIGHTED = 1, 2

LEFT_OUT = ("images", "no weight", "no zero point", "mu_sky", *MEASURED)
"""Numbers of images: all, without a weight, without a zero point, with a surface brightness of no night sky, and
without each of the `MEASURED` values."""


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums over pixels of a map.

    Parameters
    ----------
    pixels : ndarray of int64, shape (n,)
        Nested HEALPix pixels.
    n_centres : int
        Number of centres in a pixel.
    arrays : dict of str to ndarray of float64, shape (n,)
        Numbers of centres: ``seen`` in images and ``good`` in them, both summed over images; ``covered``, good in at
        least one, and ``weighted``, in at least one with a weight; ``flag <bit>``, in images whose flag is set.
        ``images``: images with good centres. ``<operation> <quantity>``: sums of values, their minimum or maximum.
        ``n <operation> <quantity>``: the weights of those sums. ``depth``: sum of inverse variances.
    images : tuple of frozenset
        Images with good centres in each pixel, if other patches may have the same pixel; else empty.
    left_out : dict of str to int
        Numbers of images whose centre lies in the patch; see `LEFT_OUT`.
    """

    pixels: Ints
    n_centres: int
    arrays: dict[str, Floats]
    images: tuple[frozenset[ImageKey], ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)

    def merged(self, other: "Sums") -> "Sums":
        """Return the sums of two patches in the same pixels."""
        combined = {
            name: _COMBINE.get(name.partition(" ")[0], np.add)(array, other.arrays[name])
            for name, array in self.arrays.items()
        }
        images = tuple(own | others for own, others in zip(self.images, other.images, strict=True))
        combined["images"] = np.array([len(each) for each in images], np.float64)
        return Sums(self.pixels, self.n_centres, combined, images)

    def values(self, statistic: Statistic) -> Floats:
        """Return a statistic at each pixel; NaN is null."""
        sums, name = self.arrays, f"{statistic.operation} {statistic.quantity}"
        if statistic.name == "n_images":
            return sums["images"]
        if statistic.name in ("n_images_mean", "fracdet"):
            return sums["covered" if statistic.name == "fracdet" else "good"] / self.n_centres
        with np.errstate(divide="ignore", invalid="ignore"):
            if statistic.name == "fraction":
                return sums["good"] / sums["seen"]
            if statistic.flags:
                return sums[f"flag {statistic.flags}"] / sums["seen"]
            if statistic.name == "maglim":
                # 10 sigma of the sky in an aperture
                limits: Floats = 30.0 - 2.5 * np.log10(10.0 / np.sqrt(sums["depth"] / sums["weighted"]))
                return np.where(sums["weighted"] > 0, limits, np.nan)
            if statistic.operation == "sum":
                return np.where(sums[f"n {name}"] > 0, sums[name] / self.n_centres, np.nan)
            if statistic.operation in ("mean", "wmean"):
                return sums[name] / sums[f"n {name}"]
        return sums[name]


_COMBINE: Mapping[str, np.ufunc] = {"min": np.fmin, "max": np.fmax}


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over the pixels of maps; a function of a patch.

    Parameters
    ----------
    nside : int
        Resolution of the maps.
    centres_nside : int
        Resolution of the centres at which they are evaluated, at least that of blocks.
    selection : BoundSelection
        The definition of good.
    statistics : tuple of Statistic
        The statistics asked for.
    unique : bool
        Whether to limit tiles to their unique regions.
    """

    nside: int
    centres_nside: int
    selection: BoundSelection
    statistics: tuple[Statistic, ...]
    unique: bool = True

    def __call__(self, patch: Patch, images: Iterator[list[Epoch]], /) -> Sums:
        """Return the sums over the pixels of a patch that images touch."""
        total = _PatchTally(self, patch)
        for image in images:
            total.add(image)
        return total.sums()

    @property
    def flags(self) -> tuple[int, ...]:
        """The flags bits whose area is asked for."""
        return tuple(dict.fromkeys(each.flags for each in self.statistics if each.flags))

    def codes(self, mask: Mask) -> tuple[Codes, Codes]:
        """Return a code for each run of a mask, and its lengths; the bits are those of centres."""
        bound = self.selection
        runs = mask.encoded if bound.by_pixel else mask.recut(bound).encoded
        criteria = bound.criteria(runs.flags) if bound.by_pixel else (runs.flags & 0xFF).astype(np.uint8)
        good = (runs.flags & np.int64(bound.reject)) == 0 if bound.by_pixel else criteria == 0
        codes = np.uint64(1 << _SEEN) | good.astype(np.uint64) << np.uint64(_GOOD)
        for k, bit in enumerate(self.flags, _FIRST_FLAG):
            failing = criteria & bit if bit <= 0xFF else runs.flags & np.int64(bit)
            codes |= (failing != 0).astype(np.uint64) << np.uint64(k)
        return codes, runs.lengths.astype(np.uint64)


class _PatchTally:
    """Sums over the pixels of one patch."""

    def __init__(self, tally: Tally, patch: Patch) -> None:
        self._tally, self._patch = tally, patch
        self._side = tally.centres_nside // BLOCK_NSIDE
        self._cells = _Cells.of(patch, tally.nside, self._side)
        n_pixels = self._cells.pixels.size
        self._arrays = {name: np.zeros(n_pixels) for name in ("seen", "good", "covered", "weighted", "images", "depth")}
        self._arrays |= {f"flag {bit}": np.zeros(n_pixels) for bit in tally.flags}
        self._kinds = list(dict.fromkeys((s.operation, s.quantity) for s in tally.statistics if s.quantity))
        for operation, quantity in self._kinds:
            extreme = operation in _COMBINE
            self._arrays[f"{operation} {quantity}"] = np.full(n_pixels, np.nan if extreme else 0.0)
            if not extreme:
                self._arrays[f"n {operation} {quantity}"] = np.zeros(n_pixels)
        self._states: dict[int, npt.NDArray[np.uint8]] = {}
        self._images: list[set[ImageKey]] = [set() for _ in range(n_pixels if tally.nside < patch.nside else 0)]
        self._left_out = dict.fromkeys(LEFT_OUT, 0)

    def add(self, image: list[Epoch]) -> None:
        """Add a CCD image."""
        first = image[0].mask
        assert first.row is not None
        values = ImageValues(first.row)
        counts = self._counts(image, np.isfinite(values.weight))
        touched = np.flatnonzero(counts[:, _SEEN].sum(axis=0))
        of_cells = counts[:, :, touched].astype(np.float64)
        seen, good, arrays = of_cells[:, _SEEN], of_cells[:, _GOOD], self._arrays
        arrays["seen"][touched] += seen.sum(axis=0)
        arrays["good"][touched] += good.sum(axis=0)
        arrays["images"][touched] += good.sum(axis=0) > 0
        for k, bit in enumerate(self._tally.flags):
            arrays[f"flag {bit}"][touched] += of_cells[:, 2 + k].sum(axis=0)
        for pixel in touched[good.sum(axis=0) > 0] if self._images else ():
            self._images[pixel].add((first.key.band, first.key.expnum, first.key.ccdnum))
        self._add_values(values, touched, seen, good)
        self._count_left_out(values)

    def sums(self) -> Sums:
        """Return the sums over the pixels that images touch."""
        for block, states in self._states.items():
            cells = self._cells.of_block(block)
            assert cells is not None
            _count_states(states, cells, self._arrays["covered"], self._arrays["weighted"])
        held = self._arrays["seen"] > 0
        images = tuple(frozenset(each) for each, is_held in zip(self._images, held, strict=False) if is_held)
        arrays = {name: array[held] for name, array in self._arrays.items()}
        n_centres = (self._tally.centres_nside // self._tally.nside) ** 2
        return Sums(self._cells.pixels[held], n_centres, arrays, images, self._left_out)

    def _counts(self, image: list[Epoch], weighted: npt.NDArray[np.bool_]) -> Ints:
        """Return numbers of centres by half, bit of the code without `_HALF_B`, and pixel of the map."""
        counts = np.zeros((2, 2 + len(self._tally.flags), self._cells.pixels.size), np.int64)
        sampled: dict[int, Codes] = {}
        for epoch in image:
            self._sample(epoch, sampled)
        states = np.where(weighted, _COVERED | _WEIGHTED, _COVERED).astype(np.uint8)
        for block, codes in sampled.items():
            cells = self._cells.of_block(block)
            if cells is not None:
                of_block = self._states.setdefault(block, np.zeros(codes.shape, np.uint8))
                _count(codes, cells, states, counts, of_block)
        return counts

    def _sample(self, epoch: Epoch, sampled: dict[int, Codes]) -> None:
        """Write the codes of centres by block; of two tiles' codes, that of a good pixel, or else the first."""
        mask, side = epoch.mask, self._side
        codes, lengths = self._tally.codes(mask)
        columns = np.repeat(codes.astype(np.uint8) if codes.max() < 1 << 8 else codes, lengths.astype(np.int64))
        row: Any = mask.row
        # where the amplifiers are unknown all pixels have the values of the first
        halves = Amplifiers.of_image(row, mask.shape)
        half = Region(0, 0, 0, 0) if halves is None else halves.b
        box = np.array([half.x0, half.x1, half.y0, half.y1, mask.shape[0]], np.int64)
        lookup = CentreLookup.of(mask.grid, self._tally.centres_nside)
        pixels = np.empty((side, side), np.int32)
        for block in lookup.blocks():
            if self._patch.holds(block, BLOCK_NSIDE):
                lookup.locate(block, epoch.region if self._tally.unique else None, pixels)
                _sample(pixels, columns, box, sampled.setdefault(block, np.zeros((side, side), np.uint64)))

    def _add_values(self, values: ImageValues, touched: Ints, seen: Floats, good: Floats) -> None:
        """Add the values of an image, given its numbers of centres by half and touched pixel."""
        arrays, weight = self._arrays, _column(values.weight)
        arrays["depth"][touched] += (good * np.nan_to_num(_column(values.aperture_weight))).sum(axis=0)
        for operation, quantity in self._kinds:
            of_halves, name = _column(QUANTITIES[quantity].of(values)), f"{operation} {quantity}"
            if operation in _COMBINE:
                held = np.where(good > 0, of_halves, np.nan)
                combine = _COMBINE[operation]
                arrays[name][touched] = combine(arrays[name][touched], combine(held[0], held[1]))
            else:
                per_centre = weight if operation == "wmean" else np.ones_like(weight)
                known = np.isfinite(of_halves * per_centre)
                weights, numbers = np.where(known, per_centre, 0.0), np.where(known, of_halves, 0.0)
                arrays[name][touched] += (good * weights * numbers).sum(axis=0)
                # a sum is 0 where images with a value have no good area, and null where no image has a value
                arrays[f"n {name}"][touched] += ((seen if operation == "sum" else good) * weights).sum(axis=0)

    def _count_left_out(self, values: ImageValues) -> None:
        """Count the image and what it lacks in the patch that holds its centre, and in no other."""
        ra, dec = (float(values.row[name]) for name in ("ra_cent", "dec_cent"))
        if int(hpgeom.angle_to_pixel(self._patch.nside, ra, dec, nest=True)) != self._patch.pixel:
            return
        mu = values.given_mu_sky
        no_night_sky = not np.isnan(mu) and np.isnan(values.mu_sky[0])
        lacks = (True, not np.isfinite(values.weight).all(), np.isnan(values.zero_point), no_night_sky)
        measured = (each in values.lacking for each in MEASURED)
        for name, lacking in zip(LEFT_OUT, (*lacks, *measured), strict=True):
            self._left_out[name] += bool(lacking)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Pixels of a map in a patch, and the place among them of each centre.

    Parameters
    ----------
    pixels : ndarray of int64, shape (n,)
        Nested HEALPix pixels.
    first : dict of int to int
        Place of the first pixel of the map in each pixel of footprints.
    halvings : int
        Halvings of a block's side that give the side of a pixel; negative if pixels are larger.
    within : ndarray of int64, shape (side, side)
        Place of a block's centres among the pixels in it.
    """

    pixels: Ints
    first: dict[int, int]
    halvings: int
    within: Ints

    @classmethod
    def of(cls, patch: Patch, nside: int, side: int) -> "_Cells":
        """Return the pixels of a resolution in a patch."""
        halvings = nside.bit_length() - BLOCK_NSIDE.bit_length()
        cells = np.array(patch.cells, np.int64)
        finer = 2 * (nside.bit_length() - NSIDE.bit_length())
        if finer >= 0:
            pixels = (cells[:, np.newaxis] << finer) + np.arange(1 << finer)
            first = {cell: k << finer for k, cell in enumerate(patch.cells)}
            pixels = pixels.reshape(-1)
        else:
            pixels, numbers = np.unique(cells >> -finer, return_inverse=True)
            first = dict(zip(patch.cells, numbers.tolist(), strict=True))
        return cls(pixels, first, halvings, _within(side, max(halvings, 0)))

    def of_block(self, block: int) -> Ints | None:
        """Return the places of the pixels that hold the centres of a block; None if the patch has none there."""
        first = self.first.get(block >> 2 * CELL_SHIFT)
        if first is None:
            return None
        number = block & (1 << 2 * CELL_SHIFT) - 1
        coarser = min(max(-self.halvings, 0), CELL_SHIFT)
        return self.within + (first + (number >> 2 * coarser << 2 * max(self.halvings, 0)))


def _within(side: int, halvings: int) -> Ints:
    """Return the nested number within a block of the pixel that holds each centre; shape (side, side)."""
    per_side = 1 << halvings
    nested = np.arange(per_side * per_side, dtype=np.int64)
    x, y = morton(nested)
    numbers = np.empty((per_side, per_side), np.int64)
    numbers[y, x] = nested
    return np.repeat(np.repeat(numbers, side // per_side, axis=0), side // per_side, axis=1)


def _column(halves: Halves) -> Floats:
    return np.array(halves)[:, np.newaxis]


@kernel
def _sample(pixels: npt.NDArray[np.int32], columns: npt.NDArray[Any], half: Ints, codes: Codes) -> None:
    good = np.uint64(1 << _GOOD)
    x0, x1, y0, y1, ny = half
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            pixel = pixels[row, column]
            if pixel == OUTSIDE:
                continue
            before, code = codes[row, column], np.uint64(columns[pixel])
            if before == 0 or (code & good and not before & good):
                x, y = pixel // ny, pixel % ny
                in_half = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
                # the bit of the half stands below those of flags
                low, high = code & np.uint64(3), code >> np.uint64(_FIRST_FLAG) << np.uint64(_FIRST_FLAG)
                codes[row, column] = low | high | (np.uint64(1 << _HALF_B) if in_half else np.uint64(0))


@kernel
def _count_states(states: npt.NDArray[np.uint8], cells: Ints, covered: Floats, weighted: Floats) -> None:
    for row in range(states.shape[0]):
        for column in range(states.shape[1]):
            covered[cells[row, column]] += states[row, column] & _COVERED
            weighted[cells[row, column]] += (states[row, column] & _WEIGHTED) // _WEIGHTED


@kernel
def _count(
    codes: Codes, cells: Ints, raised: npt.NDArray[np.uint8], counts: Ints, states: npt.NDArray[np.uint8]
) -> None:
    n_flags = counts.shape[1] - 2
    for row in range(codes.shape[0]):
        for column in range(codes.shape[1]):
            code = codes[row, column]
            if code == 0:
                continue
            cell, half = cells[row, column], np.int64(code >> np.uint64(_HALF_B) & np.uint64(1))
            counts[half, _SEEN, cell] += 1
            if code >> np.uint64(_GOOD) & np.uint64(1):
                counts[half, _GOOD, cell] += 1
                states[row, column] |= raised[half]
            for k in range(n_flags):
                counts[half, 2 + k, cell] += np.int64(code >> np.uint64(_FIRST_FLAG + k) & np.uint64(1))
