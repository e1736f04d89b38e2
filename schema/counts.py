"""Pixel counts recorded in a mask's row."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from .amplifiers import Amplifiers
from .bits import BIT_SHIFT, COADD_CRITERIA, CRITERIA_BITS, N_BITS, OWN_CUT, SE_CRITERIA, Criterion
from .columns import column
from .jit import kernel
from .masks.rle import Runs

__all__ = ["COADD_COUNTS", "SE_COUNTS", "BitCounts", "Counts", "count", "count_coadd"]

SE_COUNTS = ("n_pixels", "n_good_se", "n_se_seg", "n_se_weight", "n_se_bmask")
"""Counts that are about the single-epoch image alone: every tile that holds a CCD image has the same."""

COADD_COUNTS = (
    *("n_on_coadd", "n_good_coadd"),
    *("n_coadd_seg", "n_coadd_weight", "n_coadd_bmask"),
    *("only_coadd_seg", "only_coadd_weight", "only_coadd_bmask"),
)
"""Counts about the coadd that only a catalogue without coadds lacks."""

# what a mask without a coadd lacks besides
_OF_COADD = ("n_off_coadd", "only_off_coadd", "n_unique", "n_good_unique", "fraction_good_on_coadd", "area_good_unique")

_ARCMIN2 = 1 / 3600.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts, fractions and areas of one mask; null where a number has no meaning."""

    n_pixels: int = column("pixels in the image")
    n_good: int = column("good background pixels, which fail no criterion")
    n_on_coadd: int | None = column("pixels that fall on the coadd")
    n_good_se: int | None = column("pixels that pass all three SE criteria, regardless of the coadd")
    n_good_coadd: int | None = column("pixels on the coadd that pass all three coadd criteria")
    n_se_seg: int | None = column("pixels in an object detected in the SE image")
    n_se_weight: int | None = column("pixels with an SE weight that is zero, negative or not finite")
    n_se_bmask: int | None = column("pixels with any SE mask bit set")
    n_off_coadd: int | None = column("pixels that fall outside the coadd")
    n_coadd_seg: int | None = column("pixels in an object detected on the coadd")
    n_coadd_weight: int | None = column("pixels with a coadd weight that is zero, negative or not finite")
    n_coadd_bmask: int | None = column("pixels with any coadd mask bit set")
    only_se_seg: int | None = column("pixels that fail only SE_SEG")
    only_se_weight: int | None = column("pixels that fail only SE_WEIGHT")
    only_se_bmask: int | None = column("pixels that fail only SE_BMASK")
    only_off_coadd: int | None = column("pixels that fail only OFF_COADD")
    only_coadd_seg: int | None = column("pixels that fail only COADD_SEG")
    only_coadd_weight: int | None = column("pixels that fail only COADD_WEIGHT")
    only_coadd_bmask: int | None = column("pixels that fail only COADD_BMASK")
    n_good_se_amp_a: int | None = column("n_good_se in amplifier half A")
    n_good_se_amp_b: int | None = column("n_good_se in amplifier half B")
    n_pixels_amp_a: int | None = column("pixels in amplifier half A: dataseca, else of images of DES x < nx / 2")
    n_pixels_amp_b: int | None = column("pixels in amplifier half B: datasecb, else of images of DES x >= nx / 2")
    n_unique: int | None = column("pixels whose nearest coadd pixel has its centre in the tile's unique region")
    n_good_unique: int | None = column("good pixels in the unique region; may be summed over tiles")
    fraction_good: float = column("n_good / n_pixels")
    fraction_good_on_coadd: float | None = column("n_good / n_on_coadd; null if no pixel falls on the coadd")
    fraction_good_se: float | None = column("n_good_se / n_pixels")
    pixel_area: float = column("solid angle of a pixel at the image centre, arcsec^2")
    area_good: float = column("n_good * pixel_area, arcmin^2")
    area_good_unique: float | None = column("n_good_unique * pixel_area, arcmin^2")


@dataclass(frozen=True, slots=True)
class BitCounts:
    """Numbers of pixels with each mask bit set, shape (24,) per plane."""

    se: npt.NDArray[np.int64]
    coadd: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Tally:
    """Sums from one pass over runs."""

    good: int
    good_se: int
    good_coadd: int
    fail: npt.NDArray[np.int64]
    only: npt.NDArray[np.int64]
    bits: BitCounts
    good_se_amp_a: int
    good_se_amp_b: int


def count(
    runs: Runs,
    *,
    amplifiers: Amplifiers | None,
    pixel_area: float,
    unique: tuple[int, int] | None,
    se_seg_used: bool = True,
    has_coadd: bool = True,
) -> tuple[Counts, BitCounts]:
    """Return the counts of an epoch's mask, from one pass over its runs.

    Parameters
    ----------
    runs : Runs
        The mask.
    amplifiers : Amplifiers or None
        The CCD's halves; None if unknown, and their counts are null.
    pixel_area : float
        Solid angle of a pixel, arcsec^2.
    unique : tuple of int or None
        The counts n_unique and n_good_unique; None if the tile has no unique region.
    se_seg_used : bool
        Whether there was an SE segmentation map; if not, its counts are null.
    has_coadd : bool
        Whether there is a coadd; if not, all counts about it are null.
    """
    tally = _tally(runs, amplifiers or Amplifiers.halves((runs.ny, runs.nx)))
    n_off = int(tally.fail[3])
    n_unique, n_good_unique = unique or (None, None)
    values: dict[str, int | float | None] = {
        **_shared(runs, tally, pixel_area, n_good_unique),
        "n_on_coadd": runs.nx * runs.ny - n_off,
        "n_good_se": tally.good_se,
        "fraction_good_se": tally.good_se / (runs.nx * runs.ny),
        "n_good_se_amp_a": None if amplifiers is None else tally.good_se_amp_a,
        "n_good_se_amp_b": None if amplifiers is None else tally.good_se_amp_b,
        "n_pixels_amp_a": None if amplifiers is None else amplifiers.a.n_pixels,
        "n_pixels_amp_b": None if amplifiers is None else amplifiers.b.n_pixels,
        "n_unique": n_unique,
        "n_good_unique": n_good_unique,
    }
    n_on_coadd = runs.nx * runs.ny - n_off
    values["fraction_good_on_coadd"] = tally.good / n_on_coadd if n_on_coadd else None
    for k, criterion in enumerate(Criterion):
        values[f"n_{str(criterion.name).lower()}"] = int(tally.fail[k])
        values[f"only_{str(criterion.name).lower()}"] = int(tally.only[k])
    if not se_seg_used:
        values["n_se_seg"] = values["only_se_seg"] = None
    if not has_coadd:
        values |= dict.fromkeys((*COADD_COUNTS, *_OF_COADD))
    return Counts(**values), tally.bits  # type: ignore[arg-type]  # one dict of ints and floats


def count_coadd(runs: Runs, *, pixel_area: float, unique: tuple[int, int] | None) -> tuple[Counts, BitCounts]:
    """Return the counts of a coadd's own mask; counts that apply only to epochs are null."""
    tally = _tally(runs, Amplifiers.halves((runs.ny, runs.nx)))
    n_unique, n_good_unique = unique or (None, None)
    values: dict[str, int | float | None] = {each.name: None for each in fields(Counts)}
    values |= _shared(runs, tally, pixel_area, n_good_unique)
    values |= {
        "n_on_coadd": runs.nx * runs.ny,
        "fraction_good_on_coadd": values["fraction_good"],
        "n_unique": n_unique,
        "n_good_unique": n_good_unique,
    }
    for k, criterion in enumerate(Criterion):
        if criterion in COADD_CRITERIA:
            values[f"n_{str(criterion.name).lower()}"] = int(tally.fail[k])
            values[f"only_{str(criterion.name).lower()}"] = int(tally.only[k])
    return Counts(**values), tally.bits  # type: ignore[arg-type]  # one dict of ints and floats


def _shared(runs: Runs, tally: _Tally, pixel_area: float, n_good_unique: int | None) -> dict[str, int | float | None]:
    """Return the counts common to epochs and coadds."""
    n_pixels = runs.nx * runs.ny
    return {
        "n_pixels": n_pixels,
        "n_good": tally.good,
        "n_good_coadd": tally.good_coadd,
        "fraction_good": tally.good / n_pixels,
        "pixel_area": pixel_area,
        "area_good": tally.good * pixel_area * _ARCMIN2,
        "area_good_unique": None if n_good_unique is None else n_good_unique * pixel_area * _ARCMIN2,
    }


def _tally(runs: Runs, amplifiers: Amplifiers) -> _Tally:
    """Return the sums that the counts are made from."""
    by_criteria, bits = np.zeros(_N_COMBINATIONS, np.int64), np.zeros((2, N_BITS), np.int64)
    good_se = np.zeros(2, np.int64)
    boxes = np.array([[r.x0, r.x1, r.y0, r.y1] for r in (amplifiers.a, amplifiers.b)], np.int64)
    _add_runs(runs.lengths, runs.flags, runs.ny, boxes, by_criteria, bits, good_se)
    which = np.arange(_N_COMBINATIONS)
    return _Tally(
        good=int(by_criteria[0]),
        good_se=int(by_criteria[which & _SE == 0].sum()),
        good_coadd=int(by_criteria[which & _NOT_GOOD_COADD == 0].sum()),
        fail=np.array([by_criteria[which & each != 0].sum() for each in Criterion]),
        only=by_criteria[list(Criterion)],
        bits=BitCounts(bits[0], bits[1]),
        good_se_amp_a=int(good_se[0]),
        good_se_amp_b=int(good_se[1]),
    )


_N_COMBINATIONS = CRITERIA_BITS + 1
# a user's own cut is defined on the epoch's pixels, so it counts with the SE criteria
_SE = int(SE_CRITERIA) | OWN_CUT
_NOT_GOOD_COADD = int(COADD_CRITERIA | Criterion.OFF_COADD)
_SHIFT_SE, _ALL_BITS = np.uint64(BIT_SHIFT["se"]), np.uint64((1 << 2 * N_BITS) - 1)


@kernel
def _add_runs(
    lengths: npt.NDArray[np.uint32],
    flags: npt.NDArray[np.int64],
    ny: int,
    boxes: npt.NDArray[np.int64],
    by_criteria: npt.NDArray[np.int64],
    bits: npt.NDArray[np.int64],
    good_se: npt.NDArray[np.int64],
) -> None:
    """Add every run to the sums by combination of criteria, by bit, and by box for pixels that pass the SE criteria."""
    x = y = np.int64(0)
    for k in range(lengths.size):
        left, criteria = np.int64(lengths[k]), flags[k] & (_N_COMBINATIONS - 1)
        by_criteria[criteria] += left
        rest, bit = np.uint64(flags[k]) >> _SHIFT_SE & _ALL_BITS, 0
        while rest:
            if rest & np.uint64(1):
                bits[bit // N_BITS, bit % N_BITS] += left
            rest >>= np.uint64(1)
            bit += 1
        while left > 0:
            n = min(left, ny - y)
            if criteria & _SE == 0:
                for box in range(2):
                    if boxes[box, 0] <= x < boxes[box, 1]:
                        good_se[box] += max(0, min(y + n, boxes[box, 3]) - max(y, boxes[box, 2]))
            left -= n
            y += n
            if y == ny:
                x, y = x + 1, np.int64(0)
