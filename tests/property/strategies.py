"""Hypothesis strategies: flags images, runs, selections, planes and WCS solutions."""

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from goodpix.schema.amplifiers import Amplifiers, Region
from goodpix.schema.bits import DES_Y6
from goodpix.schema.criteria import Criterion, Selection
from goodpix.schema.masks.rle import Runs, encode
from goodpix.schema.wcs.solution import Wcs

FlagsImage = npt.NDArray[np.int64]

_OFF = 0x08

shapes = st.tuples(st.integers(1, 17), st.integers(1, 17))
"""(ny, nx) of small images, including single rows and columns."""


def _some_flags(rng: np.random.Generator) -> int:
    """Return flags that an ingest can make: mask bits set their criterion, and no coadd flag is set off the coadd."""
    se, coadd = (
        sum(1 << (shift + int(bit)) for bit in rng.choice(24, rng.integers(4), replace=False)) for shift in (8, 32)
    )
    flags = int(rng.choice([0, 0, 1, 2, 3])) | se | (4 if se else 0)
    if rng.random() < 0.5:
        return flags | int(rng.choice([0, 0, 16, 32, 48])) | coadd | (64 if coadd else 0)
    return flags | int(rng.choice([0, _OFF]))


# sampling from a list is twice as fast as drawing each bit
_rng = np.random.default_rng(1)
pixel_flags: st.SearchStrategy[int] = st.sampled_from([0, *(_some_flags(_rng) for _ in range(600))])


@st.composite
def flags_images(draw: st.DrawFn, shape: tuple[int, int] | None = None) -> FlagsImage:
    """Draw images with a few different flags, in runs along columns as on a CCD, or scattered."""
    ny, nx = shape or draw(shapes)
    sorts = np.array(draw(st.lists(pixel_flags, min_size=1, max_size=6)), np.int64)
    stretch = draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    stretches = rng.choice(sorts, -(-ny * nx // stretch))
    image: FlagsImage = np.repeat(stretches, stretch)[: ny * nx].reshape(nx, ny).T
    return image


any_images: st.SearchStrategy[FlagsImage] = hnp.arrays(np.int64, shapes, elements=st.sampled_from([-1, 0, 1, 1 << 62]))
"""Images of arbitrary integers."""

masks: st.SearchStrategy[Runs] = flags_images().map(encode)


@st.composite
def boxes(draw: st.DrawFn, shape: tuple[int, int]) -> Region:
    """Draw half-open boxes inside an image, including empty ones."""
    ny, nx = shape
    x0, y0 = draw(st.integers(0, nx)), draw(st.integers(0, ny))
    return Region(x0, draw(st.integers(x0, nx)), y0, draw(st.integers(y0, ny)))


@st.composite
def amplifiers(draw: st.DrawFn, shape: tuple[int, int]) -> Amplifiers:
    return Amplifiers(draw(boxes(shape)), draw(boxes(shape)))


_names: dict[str, list[str | int]] = {
    "SE": [*DES_Y6.se, "OTHER", "BIT_17", 1, 2048, 1 << 22, 1 << 23, 1 << 31],
    "COADD": ["NO_DATA", "OTHER", "BIT_5", 1, 1 << 20, 1 << 40],
}
selections: st.SearchStrategy[Selection] = st.builds(
    Selection,
    ignore=st.lists(st.sampled_from([str(each.name) for each in Criterion]), unique=True),
    ignore_bits=st.fixed_dictionaries(
        {}, optional={plane: st.lists(st.sampled_from(of), max_size=4) for plane, of in _names.items()}
    ),
)


_what: list[str] = ["SE_SEG", "COADD_SEG", "SE_WEIGHT", "OFF_COADD", "SE_BMASK", "SE:TRAIL", "COADD:NO_DATA"]
grown_selections: st.SearchStrategy[Selection] = st.builds(
    Selection,
    ignore=st.lists(st.sampled_from(["COADD_WEIGHT", "SE_WEIGHT"]), max_size=1),
    ignore_bits=st.fixed_dictionaries({}, optional={"SE": st.just(["STAR"])}),
    grow=st.dictionaries(st.sampled_from([each for each in _what if each != "SE_WEIGHT"]), st.floats(0, 6), max_size=3),
    border=st.integers(0, 4),
)


def plane(dtype: str, shape: tuple[int, int], seed: int) -> npt.NDArray[Any]:
    """Return a plane of critical values of a dtype: zeros, signs, extremes, NaN."""
    kind = np.dtype(dtype)
    values: list[float] | list[int]
    if kind.kind == "f":
        values = [1.0, 2.5, 1e-38, 0.0, -0.0, -1.0, np.nan, np.inf, -np.inf, float(np.finfo(kind).max)]
    else:
        limits = np.iinfo(kind)
        values = [0, 0, 1, 2, 1 << (limits.bits - 2), int(limits.max), int(limits.min)]
    rng = np.random.default_rng(seed)
    return rng.choice(np.array(values, kind), shape)


def tangent_plane(shape: tuple[int, int], *, angle: float = 0.3, scale: float = 1.0, **cards: float | str) -> Wcs:
    """Return the WCS of an image near a fixed position."""
    ny, nx = shape
    degrees = scale * 0.263 / 3600
    header = {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": 359.9997,
        "CRVAL2": -33.2,
        "CRPIX1": nx * 0.5 + 0.3717,
        "CRPIX2": ny * 0.5 + 0.6411,
        "CD1_1": -degrees * np.cos(angle),
        "CD1_2": degrees * np.sin(angle),
        "CD2_1": degrees * np.sin(angle),
        "CD2_2": degrees * np.cos(angle),
    }
    return Wcs.from_header(header | cards, "test")


@st.composite
def tangent_planes(draw: st.DrawFn, /, shape: tuple[int, int], *, distorted: bool, **cards: float | str) -> Wcs:
    """Draw WCS solutions near a fixed position, with different rotations, shifts and scales."""
    ny, nx = shape
    part = st.floats(-0.6, 0.6, allow_subnormal=False)
    angle, scale = float(np.radians(draw(st.floats(0, 360)))), draw(st.floats(0.5, 1.5))
    cards |= {"CRPIX1": nx * (0.5 + draw(part)) + 0.3717, "CRPIX2": ny * (0.5 + draw(part)) + 0.6411}
    if distorted:
        cards |= {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"}
        cards |= {"PV1_1": 1.0 + 0.02 * draw(part), "PV1_4": 3.0 * draw(part), "PV2_2": 0.01 * draw(part)}
    return tangent_plane(shape, angle=angle, scale=scale, **cards)
