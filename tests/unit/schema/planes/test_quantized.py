"""Which quantised pixels are positive is what the restored pixels say."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpix.schema.planes.quantized import DITHERS, Quantization, positive, restore

Pixels = npt.NDArray[Any]

NONE = 1 << 62
LEAST, MOST = -(1 << 31), (1 << 31) - 1


def randoms() -> Pixels:
    """Return the sequence as the FITS standard gives it, in double precision."""
    out, seed = [], 1.0
    for _ in range(10000):
        seed = 16807 * seed - 2147483647 * int(16807 * seed / 2147483647)
        out.append(seed / 2147483647)
    assert seed == 1043618065  # the standard's check
    return np.array(out, np.float32)


RANDOMS = randoms()


def restore_twin(values: Pixels, scale: float, zero: float, seed: int, blank: int, dither: int) -> Pixels:
    """Restore one tile in plain numpy."""
    steps = []
    row = seed % 10000
    at = int(RANDOMS[row] * np.float32(500))
    for _ in range(values.size):
        steps.append(float(RANDOMS[at]) - 0.5)
        at += 1
        if at == 10000:
            row = (row + 1) % 10000
            at = int(RANDOMS[row] * np.float32(500))
    with np.errstate(all="ignore"):
        exact = values.astype(np.float64) - (np.array(steps) + 0.5) + 0.5 if dither else values.astype(np.float64)
        out = exact * scale + zero
    if dither == 2:
        out[values == -2147483646] = 0
    out[values == blank] = np.nan
    return out


@st.composite
def tiles(draw: st.DrawFn) -> tuple[Pixels, float, float, int, int]:
    """A tile of integers near the boundary, far from it and at special values; scale, zero, seed, blank value."""
    scale = draw(st.sampled_from([1.0, 0.035, 1e-20, 1e20, 3e27, 1e-44, -2.0, 0.0, float("nan"), float("inf")]))
    level = draw(st.sampled_from([0.0, 0.3, -70.5, 2147483637.2, -2147483640.0, 5e9, 1e300]))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    near = np.nan_to_num(-level).clip(LEAST, MOST)
    values = (near + rng.integers(-6, 7, draw(st.integers(1, 60)))).clip(LEAST, MOST).astype(np.int32)
    special = rng.random(values.size)
    values[special < 0.2] = rng.integers(LEAST, MOST)
    if draw(st.booleans()):
        values[special > 0.8] = draw(st.sampled_from([-2147483646, -2147483647, LEAST, MOST, 0, 5]))
    blank = draw(st.sampled_from([NONE, -2147483647, LEAST, MOST, 0, 5, int(values[0])]))
    with np.errstate(all="ignore"):
        return values, scale, float(np.float64(level) * scale), draw(st.integers(0, 30000)), blank


@pytest.mark.parametrize("dither", DITHERS.values())
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@settings(max_examples=100)
@given(tile=tiles())
def test_positive_is_what_the_restored_pixels_say(
    tile: tuple[Pixels, float, float, int, int], dtype: str, dither: int
) -> None:
    values, scale, zero, seed, blank = tile
    meaning = Quantization(np.array([scale]), np.array([zero]), np.array([seed]), np.array([blank]), dither)
    places = np.array([0, values.size])
    pixels, found = np.empty(values.size, dtype), np.empty(values.size, bool)
    restore(values, places, meaning, pixels)
    with np.errstate(over="ignore", invalid="ignore"):
        twin = restore_twin(values, scale, zero, seed, blank, dither).astype(dtype)
    assert np.array_equal(pixels, twin, equal_nan=True)
    positive(values, places, meaning, np.dtype(dtype), found)
    with np.errstate(invalid="ignore"):
        assert np.array_equal(found, (pixels > 0) & np.isfinite(pixels))


def test_long_tiles_go_on_in_the_sequence_at_the_next_seed() -> None:
    values = np.arange(25000, dtype=np.int32)
    meaning = Quantization(np.ones(1), np.zeros(1), np.array([9999]), np.array([NONE]), 1)
    pixels = np.empty(values.size)
    restore(values, np.array([0, values.size]), meaning, pixels)
    assert np.array_equal(pixels, restore_twin(values, 1, 0, 9999, NONE, 1))


@pytest.mark.parametrize(("places", "seed"), [([0, 5], 0), ([-1, 4], 0), ([0, 4], -1), ([0, 2, 4], 0)])
def test_tile_outside_its_arrays_is_refused(places: list[int], seed: int) -> None:
    meaning = Quantization(np.ones(1), np.zeros(1), np.array([seed]), np.array([NONE]), 1)
    values = np.zeros(4, np.int32)
    with pytest.raises(ValueError, match="a tile lies outside"):
        restore(values, np.array(places), meaning, np.empty(4))
    with pytest.raises(ValueError, match="a tile lies outside"):
        positive(values, np.array(places), meaning, np.dtype("f4"), np.empty(4, bool))
