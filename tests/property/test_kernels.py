"""Kernels do what their plain numpy twins do."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpix.ingest.coaddflags import CoaddFlags, read_coadd_flags
from goodpix.ingest.flagging import EpochFlags, flag_epoch
from goodpix.ingest.pixels import as_floats, as_unsigned, fold_bits, is_positive
from goodpix.schema.errors import PlaneError
from goodpix.schema.fitsplanes import Plane, PlaneReader
from goodpix.schema.footprint import UniqueRegion
from goodpix.schema.pixelmap import PixelMap, RationalMap, WcslibMap, pixel_map
from goodpix.schema.rle import decode

from .strategies import plane, shapes, tangent_planes

Pixels = npt.NDArray[Any]
seeds = st.integers(0, 2**32 - 1)

# weight, bmask, seg: between them every width that a kernel is compiled for
DTYPES = [("f4", "i2", "i4"), ("f4", "i4", "i4"), ("f8", "u2", "u1"), ("i4", "u1", "i2"), ("f4", "i8", "i8")]


def three_planes(dtypes: tuple[str, str, str], shape: tuple[int, int], seed: int) -> tuple[Pixels, Pixels, Pixels]:
    weight, bmask, seg = (plane(dtype, shape, seed + k) for k, dtype in enumerate(dtypes))
    return weight, bmask, seg


def plane_flags(weight: Pixels, bmask: Pixels, seg: Pixels, *, criteria: tuple[int, int, int], shift: int) -> Pixels:
    """Return the flags of an image by its own planes, in plain numpy."""
    unsigned = bmask.astype(bmask.dtype.str.replace("i", "u")).astype(object)
    folded = np.array([(v & 0x7FFFFF) | (0x800000 if v >> 23 else 0) for v in unsigned.ravel()], np.int64)
    in_object, bad_weight, masked = criteria
    positive = np.isfinite(weight) & (weight > 0)
    out = folded.reshape(bmask.shape) << shift
    out |= np.where(seg != 0, in_object, 0) | np.where(positive, 0, bad_weight) | np.where(bmask != 0, masked, 0)
    return out


def flag_epoch_twin(weight: Pixels, bmask: Pixels, seg: Pixels, mapping: PixelMap, coadd: CoaddFlags) -> EpochFlags:
    flags = plane_flags(weight, bmask, seg, criteria=(1, 2, 4), shift=8)
    own, unique = coadd.flags[coadd.codes[1:-1, 1:-1]], coadd.unique[coadd.codes[1:-1, 1:-1]]
    y, x = np.indices(flags.shape).astype(np.float64)
    cx, cy = (np.floor(v + 0.5) for v in mapping.coadd_xy(np.asarray(x), np.asarray(y)))
    on_coadd = (cx >= 0) & (cx < own.shape[1]) & (cy >= 0) & (cy < own.shape[0])
    at = (cy[on_coadd].astype(int), cx[on_coadd].astype(int))
    flags[on_coadd] |= own[at]
    flags[~on_coadd] |= 8
    in_region = np.zeros(flags.shape, np.bool_)
    in_region[on_coadd] = unique[at]
    return EpochFlags(flags, int(in_region.sum()), int((in_region & (flags == 0)).sum()))


def some_coadd(shape: tuple[int, int], seed: int, dtype: str) -> CoaddFlags:
    rng = np.random.default_rng(seed)
    flags = np.array([8, 0, 0, 16, 32, 64 | 1 << 32, 112 | 1 << 55], np.int64)
    unique = np.array([False, True, False, True, True, False, True])
    codes = np.zeros((shape[0] + 2, shape[1] + 2), dtype)
    codes[1:-1, 1:-1] = rng.choice([1, 1, 1, 2, 3, 4, 5, 6], shape)
    return CoaddFlags(codes, flags, unique, True)


def assert_equal(found: EpochFlags, expected: EpochFlags) -> None:
    assert np.array_equal(found.flags, expected.flags)
    assert (found.n_unique, found.n_good_unique) == (expected.n_unique, expected.n_good_unique)


@pytest.mark.parametrize("dtypes", DTYPES, ids="-".join)
@settings(max_examples=30)
@given(st.data(), shapes, shapes, seeds)
def test_epoch_is_flagged_as_by_its_twin(
    dtypes: tuple[str, str, str], data: st.DataObject, shape: tuple[int, int], coadd_shape: tuple[int, int], seed: int
) -> None:
    planes = three_planes(dtypes, shape, seed)
    epoch = data.draw(tangent_planes(shape, distorted=data.draw(st.booleans())))
    mapping = pixel_map(epoch, data.draw(tangent_planes(coadd_shape, distorted=False)), shape=shape)
    assert isinstance(mapping, RationalMap)
    coadd = some_coadd(coadd_shape, seed, "u1")
    assert_equal(flag_epoch(*planes, mapping, coadd), flag_epoch_twin(*planes, mapping, coadd))


@settings(max_examples=15)
@given(st.data(), shapes, shapes, seeds)
def test_epoch_is_flagged_the_slow_way_as_by_its_twin(
    data: st.DataObject, shape: tuple[int, int], coadd_shape: tuple[int, int], seed: int
) -> None:
    planes = three_planes(DTYPES[0], shape, seed)
    mapping = WcslibMap(
        data.draw(tangent_planes(shape, distorted=True)), data.draw(tangent_planes(coadd_shape, distorted=False)), 1, 1
    )
    coadd = some_coadd(coadd_shape, seed, "u2")
    assert_equal(flag_epoch(*planes, mapping, coadd), flag_epoch_twin(*planes, mapping, coadd))


@given(st.sampled_from(["f4", "f8", "f2", "i2", "i4", "i8", "u8"]), seeds)
def test_weight_is_positive_where_it_is_finite_and_above_zero(dtype: str, seed: int) -> None:
    if dtype == "f2":
        weight = np.array([0.0, 1.0, -1.0, np.nan, np.inf, 6e-8], np.float16)
    else:
        weight = plane(dtype, (5, 5), seed)
    found = [bool(is_positive(each)) for each in as_floats(weight).ravel()]
    assert found == (np.isfinite(weight) & (weight > 0)).ravel().tolist()


@given(st.sampled_from(["u1", "i2", "u2", "i4", "i8"]), seeds)
def test_bits_fold_as_by_their_twin(dtype: str, seed: int) -> None:
    bmask = plane(dtype, (4, 4), seed)
    zeros = np.zeros(bmask.shape, np.int32)
    expected = plane_flags(zeros + 1, bmask, zeros, criteria=(0, 0, 0), shift=0)
    assert [int(fold_bits(each)) for each in as_unsigned(bmask).ravel()] == expected.ravel().tolist()


@contextmanager
def planes_on_disk(weight: Pixels, bmask: Pixels, seg: Pixels) -> Iterator[tuple[Plane, Plane, Plane]]:
    with tempfile.TemporaryDirectory() as folder, PlaneReader() as reader:
        path = str(Path(folder) / "coadd.fits")
        with fitsio.FITS(path, "rw") as file:
            for name, pixels in (("wgt", weight), ("msk", bmask), ("seg", seg)):
                file.write(pixels, extname=name)
        yield reader.plane(path, "wgt"), reader.plane(path, "msk"), reader.plane(path, "seg")


def coadd_twin(weight: Pixels, bmask: Pixels, seg: Pixels) -> Pixels:
    return plane_flags(weight, bmask, seg, criteria=(16, 32, 64), shift=32)


def assert_coded(found: CoaddFlags, expected: Pixels, in_region: npt.NDArray[np.bool_]) -> None:
    inner = found.codes[1:-1, 1:-1]
    assert found.shape == expected.shape
    assert np.array_equal(found.flags[inner], expected)
    assert np.array_equal(found.unique[inner], in_region)
    border = np.ones(found.codes.shape, np.bool_)
    border[1:-1, 1:-1] = False
    assert (found.codes[border] == 0).all()
    assert (found.flags[0], found.unique[0]) == (8, False)
    assert np.array_equal(decode(found.runs()), expected)
    assert found.n_unique() == (in_region.sum(), (in_region & (expected == 0)).sum())


@pytest.mark.parametrize("dtypes", DTYPES, ids="-".join)
@settings(max_examples=8)
@given(st.data(), shapes, seeds)
def test_coadd_is_flagged_as_by_its_twin(
    dtypes: tuple[str, str, str], data: st.DataObject, shape: tuple[int, int], seed: int
) -> None:
    planes = three_planes(dtypes, shape, seed)
    wcs = data.draw(tangent_planes(shape, distorted=False))
    region = UniqueRegion(359.9991, 0.0003, -33.2008, -33.1995)
    y, x = np.indices(shape).astype(np.float64)
    ra, dec = wcs.sky(x.ravel() + 1, y.ravel() + 1)
    in_region = (((ra - 359.9991) % 360 < 0.0012) & (dec >= -33.2008) & (dec < -33.1995)).reshape(shape)
    with planes_on_disk(*planes) as opened:
        found = read_coadd_flags(*opened, wcs=wcs, offset=1, unique=region)
    assert found.has_region
    assert_coded(found, coadd_twin(*planes), in_region)


@given(tangent_planes((6, 5), distorted=False), seeds)
@settings(max_examples=3)
def test_coadd_without_unique_region_has_no_pixel_in_it(wcs: Any, seed: int) -> None:
    planes = three_planes(DTYPES[0], (6, 5), seed)
    with planes_on_disk(*planes) as opened:
        found = read_coadd_flags(*opened, wcs=wcs, offset=1, unique=None)
    assert not found.has_region
    assert_coded(found, coadd_twin(*planes), np.zeros((6, 5), np.bool_))


@pytest.mark.parametrize("n_sorts", [255, 256, 257, 3000])
@settings(max_examples=1)
@given(tangent_planes((300, 40), distorted=False))
def test_coadd_may_have_many_sorts_of_pixels(n_sorts: int, wcs: Any) -> None:
    """The first rows have few sorts: the codes grow to two bytes on the way."""
    bmask = np.zeros((300, 40), np.int32)
    bmask.ravel()[-n_sorts:] = np.arange(n_sorts)
    weight, seg = np.ones(bmask.shape, np.float32), np.zeros(bmask.shape, np.int32)
    with planes_on_disk(weight, bmask, seg) as opened:
        found = read_coadd_flags(*opened, wcs=wcs, offset=1, unique=None)
    assert found.codes.dtype == (np.uint8 if n_sorts < 256 else np.uint16)
    assert_coded(found, coadd_twin(weight, bmask, seg), np.zeros(bmask.shape, np.bool_))


@pytest.mark.parametrize(("n_sorts", "refused"), [(65535, False), (65536, True)])
@settings(max_examples=1)
@given(tangent_planes((260, 256), distorted=False))
@pytest.mark.slow
def test_coadd_of_more_sorts_than_codes_is_refused(n_sorts: int, refused: bool, wcs: Any) -> None:
    bmask = np.zeros((260, 256), np.int32)
    bmask.ravel()[:n_sorts] = np.arange(n_sorts)
    weight, seg = np.ones(bmask.shape, np.float32), np.zeros(bmask.shape, np.int32)
    with planes_on_disk(weight, bmask, seg) as opened:
        if refused:
            with pytest.raises(PlaneError, match="more than 65,535 sorts of pixels"):
                read_coadd_flags(*opened, wcs=wcs, offset=1, unique=None)
        else:
            found = read_coadd_flags(*opened, wcs=wcs, offset=1, unique=None)
            assert_coded(found, coadd_twin(weight, bmask, seg), np.zeros(bmask.shape, np.bool_))


@pytest.mark.parametrize("which", [1, 2])
@settings(max_examples=1)
@given(tangent_planes((6, 5), distorted=False))
def test_coadd_mask_or_seg_of_floats_is_refused(which: int, wcs: Any) -> None:
    dtypes = ["f4", "i4", "i4"]
    dtypes[which] = "f4"
    with (
        planes_on_disk(*(np.zeros((6, 5), dtype) for dtype in dtypes)) as opened,
        pytest.raises(PlaneError, match="is float32: expected integers"),
    ):
        read_coadd_flags(*opened, wcs=wcs, offset=1, unique=None)
