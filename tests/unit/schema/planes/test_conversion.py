"""Converted planes are what plain numpy makes of the pixels that astropy reads."""

import json
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits

from goodpix.schema.errors import DamagedValueError, DitheredWeightError, PlaneError
from goodpix.schema.planes.conversion import Conversion, Meaning
from goodpix.schema.planes.fitsfile import FitsFile
from goodpix.schema.planes.imagefiles import PlaneFile, files_of_row, planes_column
from goodpix.schema.planes.plane import open_plane
from goodpix.schema.planes.reader import check_weight

Pixels = npt.NDArray[Any]

VARIANCES = np.array([[4.0, 0.25, 0.0, -1.0], [np.nan, np.inf, 1e-45, 3e38], [1, 2, 3, 5]], np.float32)


def check(path: Path, conversion: Conversion, expected: Pixels, ext: int = 0) -> None:
    """Compare all that can be asked of a converted plane, whole and row by row."""
    with FitsFile(str(path)) as file:
        plane = open_plane(file, ext, conversion)
        assert plane.shape == expected.shape
        np.testing.assert_array_equal(plane.read(), expected)
        np.testing.assert_array_equal(plane.positive(), np.isfinite(expected) & (expected > 0))
        np.testing.assert_array_equal(plane.nonzero(), expected != 0)
        rows = [plane.read(slice(y, y + 1)) for y in range(plane.shape[0])]
        np.testing.assert_array_equal(np.concatenate(rows), expected)


def written(path: Path, pixels: Pixels) -> Path:
    fits.PrimaryHDU(pixels).writeto(path)
    return path


@pytest.mark.parametrize(("meaning", "power"), [(Meaning.VARIANCE, 1), (Meaning.SIGMA, 2)])
def test_weight_is_the_inverse_variance(tmp_path: Path, meaning: Meaning, power: int) -> None:
    path = written(tmp_path / "a.fits", VARIANCES)
    with np.errstate(all="ignore"):
        expected = np.where(np.isfinite(VARIANCES) & (VARIANCES > 0), 1 / VARIANCES**power, 0).astype(np.float32)
    assert np.isinf(expected[1, 2])  # of a variance too small for an inverse, which is no weight
    check(path, Conversion(meaning), expected)


def test_plane_that_lends_its_shape_has_no_bit_set(tmp_path: Path) -> None:
    path = written(tmp_path / "a.fits", VARIANCES)
    check(path, Conversion(Meaning.NONE, trim=1), np.zeros((1, 2), np.uint32))


def test_weight_of_integer_variances_is_a_double(tmp_path: Path) -> None:
    path = written(tmp_path / "a.fits", np.array([[0, 4], [-2, 5]], np.int16))
    check(path, Conversion(Meaning.VARIANCE), np.array([[0, 0.25], [0, 0.2]]))


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "i8"])
def test_code_n_is_bit_n(tmp_path: Path, dtype: str) -> None:
    codes = np.array([[0, 1, 7, 22], [23, 30, 100, np.iinfo(dtype).max], [8, 5, 3, 0]], dtype)
    expected = np.array([[0, 2, 128, 1 << 22], [1 << 23] * 4, [256, 32, 8, 0]], np.uint32)
    check(written(tmp_path / "a.fits", codes), Conversion(Meaning.CODES), expected)


def test_negative_code_is_another_one(tmp_path: Path) -> None:
    path = written(tmp_path / "a.fits", np.array([[-1, 0, 4]], np.int32))
    check(path, Conversion(Meaning.CODES, bits=((4, 9),)), np.array([[1 << 23, 0, 512]], np.uint32))


def test_bits_take_other_places(tmp_path: Path) -> None:
    stored = np.array([[0, 1, 2, 3], [4, 1 << 20, -1, 1 << 30]], np.int32)
    path = written(tmp_path / "a.fits", stored)
    kept = Conversion(Meaning.BITS, ((0, 5), (1, 0)), others=23)
    check(path, kept, np.array([[0, 32, 1, 33], [1 << 23] * 2 + [33 | 1 << 23, 1 << 23]], np.uint32))
    alone = Conversion(Meaning.BITS, ((2, 0),))
    check(path, alone, np.array([[0, 0, 0, 0], [1, 0, 1, 0]], np.uint32))
    others = Conversion(Meaning.BITS, others=4, left_out=(1, 20))
    check(path, others, np.array([[0, 16, 0, 16], [16, 0, 16, 16]], np.uint32))


@pytest.mark.parametrize("meaning", [Meaning.BITS, Meaning.INVERSE_VARIANCE, Meaning.CODES])
def test_edges_are_trimmed(tmp_path: Path, meaning: Meaning) -> None:
    stored = np.arange(42, dtype=np.int32).reshape(6, 7) % 5
    expected = stored[2:-2, 2:-2]
    if meaning is Meaning.CODES:
        expected = np.where(expected == 0, 0, 1 << expected)
    check(written(tmp_path / "a.fits", stored), Conversion(meaning, trim=2), expected)


def test_plane_without_pixels_inside_its_edges_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.fits", np.zeros((2, 9), np.int32))
    with FitsFile(str(path)) as file, pytest.raises(PlaneError, match="it is 2 x 9: expected more than its trimmed"):
        open_plane(file, 0, Conversion(trim=1))


@pytest.mark.parametrize("meaning", [Meaning.BITS, Meaning.CODES])
def test_mask_of_floats_is_refused(tmp_path: Path, meaning: Meaning) -> None:
    path = written(tmp_path / "a.fits", np.zeros((2, 9), np.float32))
    with FitsFile(str(path)) as file, pytest.raises(PlaneError, match=r"a\.fits.* float32: expected integers, mask "):
        open_plane(file, 0, Conversion(meaning))


def dithered(path: Path, method: str = "SUBTRACTIVE_DITHER_1", codec: str = "RICE") -> Pixels:
    """Write weights with zeros, quantised; return where they were 0."""
    rng = np.random.default_rng(5)
    weights = rng.normal(1, 0.1, (60, 300)).astype(np.float32)
    zero = rng.random(weights.shape) < 0.3
    weights[zero] = 0
    with fitsio.FITS(str(path), "rw", clobber=True) as file:
        file.write(weights, compress=codec, qlevel=4, qmethod=method, dither_seed=1)
    return zero


def astropy_weights(path: Path) -> Pixels:
    """Return the weights as astropy reads them, with those 0 that the rule takes for zeros, tile by tile."""
    with fits.open(path) as file:
        weights: Pixels = np.array(file[1].data)
    with fits.open(path, disable_image_compression=True) as file:
        table, header = file[1].data, file[1].header
        assert (header["ZTILE1"], header["ZTILE2"]) == (weights.shape[1], 1)
        for y, row in enumerate(table):
            if row["ZZERO"] == 0:
                weights[y][weights[y] <= row["ZSCALE"] / 2] = 0
    return weights


def test_zeros_that_dithering_lost_are_0_by_their_tiles_scale(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    was_zero = dithered(path)
    expected = astropy_weights(path)
    with fits.open(path) as file:
        assert 0.3 < (file[1].data[was_zero] > 0).mean() < 0.7  # what is lost
    with FitsFile(str(path)) as file:
        found = open_plane(file, 1, Conversion(lost_zeros=True))
        np.testing.assert_array_equal(found.positive(), expected > 0)
    check(path, Conversion(lost_zeros=True), expected, ext=1)


def test_tiles_whose_zero_is_elsewhere_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    dithered(path)
    with fits.open(path, disable_image_compression=True, mode="update") as file:
        file[1].data["ZZERO"][::2] = 0.01
    expected = astropy_weights(path)
    assert ((expected[::2] > 0) & (expected[::2] < 0.1)).any()
    assert not ((expected[1::2] > 0) & (expected[1::2] < 0.1)).any()
    check(path, Conversion(lost_zeros=True), expected, ext=1)


def test_zeros_that_are_kept_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    was_zero = dithered(path, "SUBTRACTIVE_DITHER_2")
    with FitsFile(str(path)) as file:
        found = open_plane(file, 1, Conversion(lost_zeros=True)).read()
        np.testing.assert_array_equal(found, open_plane(file, 1).read())
    assert not found[was_zero].any()


CONVERSIONS = [
    Conversion(),
    Conversion(Meaning.SIGMA),
    Conversion(lost_zeros=True, trim=1),
    Conversion(Meaning.CODES, ((1, 0), (8, 3))),
    Conversion(Meaning.BITS, ((30, 2),), others=0),
    Conversion(Meaning.BITS, others=23, left_out=(5, 31)),
    Conversion(Meaning.BITS, ((0, 1),), also=(("MSK2", Conversion(Meaning.BITS, ((1, 2),))), (4, Conversion()))),
]


@pytest.mark.parametrize("conversion", CONVERSIONS)
def test_conversion_is_stored_with_its_plane(conversion: Conversion) -> None:
    files = {"weight": PlaneFile("$A/w.fits", "N4", conversion=conversion), "image": PlaneFile("i.fits", 1)}
    assert files_of_row({"planes": planes_column(files)}) == files
    assert json.loads(json.dumps(conversion.values)) == conversion.values


def test_values_say_what_is_not_the_default() -> None:
    assert Conversion().values == {}
    assert Conversion(Meaning.CODES, ((1, 0),), trim=1).values == {"meaning": "codes", "bits": {"1": 0}, "trim": 1}


@pytest.mark.parametrize(
    "values",
    [
        {"meaning": "weights"},
        {"bits": {"a": 1}, "meaning": "bits"},
        {"bits": {"1": 24}, "meaning": "bits"},
        {"bits": {"1": None}, "meaning": "bits"},
        {"bits": {"1": 1}},
        {"bits": []},
        {"left_out": [1]},
        {"left_out": ["1"], "meaning": "bits"},
        {"left_out": 1, "meaning": "bits"},
        {"trim": -1},
        {"also": [[None, {}]]},
        {"also": [1]},
        {"trim": "1"},
        {"others": 24, "meaning": "bits"},
    ],
)
def test_damaged_conversion_is_an_error(values: dict[str, Any]) -> None:
    with pytest.raises(DamagedValueError, match="conversion of a plane"):
        Conversion.of(values)
    with pytest.raises(DamagedValueError, match="conversion of a plane"):
        files_of_row({"planes": json.dumps({"weight": ["a", 1, values]})})


def test_weights_without_exact_zeros_are_taken_by_that_rule_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    dithered(path)
    with FitsFile(str(path)) as file:
        assert check_weight(open_plane(file, 1, Conversion(lost_zeros=True))) == "SUBTRACTIVE_DITHER_1"
        with pytest.raises(DitheredWeightError, match="loses the exact zeros"):
            check_weight(open_plane(file, 1, Conversion()))


def test_bits_of_several_extensions_are_added(tmp_path: Path) -> None:
    first, second = (np.random.default_rng(seed).integers(0, 4, (6, 7)).astype(np.int32) for seed in (1, 2))
    units = [fits.PrimaryHDU(), fits.ImageHDU(first, name="A"), fits.ImageHDU(second, name="B")]
    fits.HDUList([*units, fits.ImageHDU(second[:5], name="C")]).writeto(tmp_path / "a.fits")
    other = Conversion(Meaning.BITS, ((0, 9),))
    expected = np.where(first & 2, 8, 0) | np.where(second & 1, 512, 0)
    check(tmp_path / "a.fits", Conversion(Meaning.BITS, ((1, 3),), also=(("B", other),)), expected.astype(np.uint32), 1)
    with FitsFile(str(tmp_path / "a.fits")) as file, pytest.raises(PlaneError, match="its masks are 6 x 7, 5 x 7"):
        open_plane(file, 1, Conversion(Meaning.BITS, ((1, 3),), also=(("C", other),)))
