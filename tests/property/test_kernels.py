"""Agreement of the flagging kernels with plain numpy twins."""

import pickle
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpix.ingest.images.coaddflags import CoaddFlags, CodedCoadd, code_coadd
from goodpix.ingest.images.flagging import flag_epoch
from goodpix.ingest.images.pixels import PlaneFiles, PlaneRows, fold_row
from goodpix.ingest.images.sharedarray import SharedArray
from goodpix.schema.errors import PlaneError
from goodpix.schema.masks.rle import decode
from goodpix.schema.planes.imagefiles import PlaneFile
from goodpix.schema.wcs.footprint import UniqueRegion
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.pixelmap import PixelMap, RationalMap, WcslibMap, pixel_map

from .strategies import plane, shapes, tangent_plane, tangent_planes

Pixels = npt.NDArray[Any]
seeds = st.integers(0, 2**32 - 1)

# dtypes of weight, bmask and seg; together they cover every width that kernels are compiled for
DTYPES = [("f4", "i2", "i4"), ("f4", "i4", "i4"), ("f8", "u2", "u1"), ("i4", "u1", "i2"), ("f4", "i8", "i8")]


def three_planes(dtypes: tuple[str, str, str], shape: tuple[int, int], seed: int) -> tuple[Pixels, Pixels, Pixels]:
    weight, bmask, seg = (plane(dtype, shape, seed + k) for k, dtype in enumerate(dtypes))
    return weight, bmask, seg


def plane_flags(weight: Pixels, bmask: Pixels, seg: Pixels, *, criteria: tuple[int, int, int], shift: int) -> Pixels:
    """Return the flags from an image's own planes, in plain numpy."""
    unsigned = bmask.astype(bmask.dtype.str.replace("i", "u")).astype(object)
    folded = np.array([(v & 0x7FFFFF) | (0x800000 if v >> 23 else 0) for v in unsigned.ravel()], np.int64)
    in_object, bad_weight, masked = criteria
    positive = np.isfinite(weight) & (weight > 0)
    out = folded.reshape(bmask.shape) << shift
    out |= np.where(seg != 0, in_object, 0) | np.where(positive, 0, bad_weight) | np.where(bmask != 0, masked, 0)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Flagged:
    flags: Pixels
    n_unique: int
    n_good_unique: int


def flag_epoch_twin(weight: Pixels, bmask: Pixels, seg: Pixels, mapping: PixelMap, coadd: CoaddFlags) -> Flagged:
    flags = plane_flags(weight, bmask, seg, criteria=(1, 2, 4), shift=8)
    inner = coadd.codes.array[1:-1, 1:-1]
    own, unique = coadd.flags[inner], coadd.unique[inner]
    y, x = np.indices(flags.shape).astype(np.float64)
    cx, cy = (np.floor(v + 0.5) for v in mapping.positions(np.asarray(x), np.asarray(y)))
    on_coadd = (cx >= 0) & (cx < own.shape[1]) & (cy >= 0) & (cy < own.shape[0])
    at = (cy[on_coadd].astype(int), cx[on_coadd].astype(int))
    flags[on_coadd] |= own[at]
    flags[~on_coadd] |= 8
    in_region = np.zeros(flags.shape, np.bool_)
    in_region[on_coadd] = unique[at]
    return Flagged(flags, int(in_region.sum()), int((in_region & (flags == 0)).sum()))


def plane_rows(weight: Pixels, bmask: Pixels, seg: Pixels) -> PlaneRows:
    """Return what the cuts need of planes, in plain numpy."""
    return PlaneRows(np.isfinite(weight) & (weight > 0), bmask.view(bmask.dtype.str.replace("i", "u")), seg != 0)


def flagged(planes: tuple[Pixels, Pixels, Pixels], mapping: PixelMap, coadd: CoaddFlags, height: int) -> Flagged:
    """Flag an image with the kernels, in blocks of `height` rows, and again from the mask."""
    shape = planes[0].shape
    blocks = [plane_rows(*(each[y : y + height] for each in planes)) for y in range(0, shape[0], height)]
    found = flag_epoch(blocks, (shape[0], shape[1]), mapping, coadd)
    again = flag_epoch(found.runs, (shape[0], shape[1]), mapping, coadd)
    assert again.runs.checksum == found.runs.checksum
    assert (again.n_unique, again.n_good_unique) == (found.n_unique, found.n_good_unique)
    return Flagged(decode(found.runs), found.n_unique, found.n_good_unique)


def some_coadd(shape: tuple[int, int], seed: int, dtype: str, n_codes: int = 7) -> CoaddFlags:
    """Return a coadd with seven different pixel flags, whose codes are spread over `n_codes`."""
    rng = np.random.default_rng(seed)
    sorts = np.array([8, 0, 0, 16, 32, 64 | 1 << 32, 112 | 1 << 55], np.int64)
    inside = np.array([False, True, False, True, True, False, True])
    which = np.array([0, *range(n_codes - 6, n_codes)])
    flags, unique = np.zeros(n_codes, np.int64), np.zeros(n_codes, np.bool_)
    flags[which], unique[which] = sorts, inside
    codes = np.zeros((shape[0] + 2, shape[1] + 2), dtype)
    codes[1:-1, 1:-1] = which[rng.choice([1, 1, 1, 2, 3, 4, 5, 6], shape)]
    return CoaddFlags(SharedArray(codes), flags, unique, True)


def assert_equal(found: Flagged, expected: Flagged) -> None:
    assert np.array_equal(found.flags, expected.flags)
    assert (found.n_unique, found.n_good_unique) == (expected.n_unique, expected.n_good_unique)


@pytest.mark.parametrize("dtypes", DTYPES, ids="-".join)
@settings(max_examples=15)
@given(st.data(), shapes, shapes, seeds, st.sampled_from([("u1", 7), ("u1", 32), ("u1", 33), ("u2", 65536)]))
def test_epoch_is_flagged_as_by_its_twin(
    dtypes: tuple[str, str, str],
    data: st.DataObject,
    shape: tuple[int, int],
    coadd_shape: tuple[int, int],
    seed: int,
    coded: tuple[str, int],
) -> None:
    planes = three_planes(dtypes, shape, seed)
    epoch = data.draw(tangent_planes(shape, distorted=data.draw(st.booleans())))
    mapping = pixel_map(
        PixelGrid(epoch, shape), PixelGrid(data.draw(tangent_planes(coadd_shape, distorted=False)), coadd_shape)
    )
    assert isinstance(mapping, RationalMap)
    assert mapping.cubic
    coadd = some_coadd(coadd_shape, seed, *coded)
    height = data.draw(st.integers(1, 17))
    assert_equal(flagged(planes, mapping, coadd, height), flag_epoch_twin(*planes, mapping, coadd))


@given(st.data(), seeds)
@settings(max_examples=5)
def test_wide_epoch_is_flagged_as_by_its_twin(data: st.DataObject, seed: int) -> None:
    """The image is wide enough for several strips of columns."""
    shape = (3, 1300)
    planes = three_planes(DTYPES[0], shape, seed)
    mapping = pixel_map(
        *(PixelGrid(data.draw(tangent_planes(shape, distorted=distorted)), shape) for distorted in (True, False))
    )
    coadd = some_coadd(shape, seed, "u1")
    assert_equal(flagged(planes, mapping, coadd, 2), flag_epoch_twin(*planes, mapping, coadd))


@given(st.data(), shapes, seeds)
@settings(max_examples=10)
def test_polynomials_beyond_cubics_are_flagged_as_by_the_twin(
    data: st.DataObject, shape: tuple[int, int], seed: int
) -> None:
    planes = three_planes(DTYPES[0], shape, seed)
    epoch = data.draw(tangent_planes(shape, distorted=True, PV1_12=40.0, PV2_16=-30.0))
    mapping = pixel_map(PixelGrid(epoch, shape), PixelGrid(data.draw(tangent_planes(shape, distorted=False)), shape))
    assert isinstance(mapping, RationalMap)
    assert not mapping.cubic
    coadd = some_coadd(shape, seed, "u1")
    assert_equal(flagged(planes, mapping, coadd, 5), flag_epoch_twin(*planes, mapping, coadd))


@settings(max_examples=8)
@given(st.data(), shapes, shapes, seeds)
def test_epoch_is_flagged_the_slow_way_as_by_its_twin(
    data: st.DataObject, shape: tuple[int, int], coadd_shape: tuple[int, int], seed: int
) -> None:
    planes = three_planes(DTYPES[0], shape, seed)
    epoch = PixelGrid(data.draw(tangent_planes(shape, distorted=True)), shape)
    mapping = WcslibMap(epoch, PixelGrid(data.draw(tangent_planes(coadd_shape, distorted=False)), coadd_shape))
    coadd = some_coadd(coadd_shape, seed, "u2")
    assert_equal(flagged(planes, mapping, coadd, 5), flag_epoch_twin(*planes, mapping, coadd))


@given(st.sampled_from(["u1", "i2", "u2", "i4", "u4", "i8", "u8"]), seeds)
def test_bits_fold_as_by_their_twin(dtype: str, seed: int) -> None:
    bmask = plane(dtype, (1, 16), seed)
    weight, seg = plane("f4", (1, 16), seed), plane("i4", (1, 16), seed)
    out: npt.NDArray[np.uint32] = np.empty(16, np.uint32)
    fold_row(plane_rows(weight, bmask, seg), 0, 0, out)
    assert np.array_equal(out, plane_flags(weight, bmask, seg, criteria=(1, 2, 4), shift=8).ravel())


def coded(planes: tuple[Pixels, Pixels, Pixels], wcs: Any, unique: UniqueRegion | None, **how: Any) -> CodedCoadd:
    """Write a coadd's planes to disk and encode them."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "coadd.fits")
        with fitsio.FITS(path, "rw") as file:
            for name, pixels in zip(("wgt", "msk", "seg"), planes, strict=True):
                file.write(pixels, extname=name)
        files = PlaneFiles(*(PlaneFile(path, name) for name in ("wgt", "msk", "seg")))
        ny, nx = planes[0].shape
        return code_coadd(files, PixelGrid(wcs, (ny, nx)), unique=unique, **how)


def coadd_twin(weight: Pixels, bmask: Pixels, seg: Pixels) -> Pixels:
    return plane_flags(weight, bmask, seg, criteria=(16, 32, 64), shift=32)


def assert_coded(coded: CodedCoadd, expected: Pixels, in_region: npt.NDArray[np.bool_]) -> None:
    found, own = coded.flags, coded.own_runs()
    codes = found.codes.array
    inner = codes[1:-1, 1:-1]
    assert found.shape == expected.shape
    assert np.array_equal(found.flags[inner], expected)
    assert np.array_equal(found.unique[inner], in_region)
    border = np.ones(codes.shape, np.bool_)
    border[1:-1, 1:-1] = False
    assert (codes[border] == 0).all()
    assert (found.flags[0], found.unique[0]) == (8, False)
    assert np.array_equal(decode(own.runs), expected)
    assert (own.n_unique, own.n_good_unique) == (in_region.sum(), (in_region & (expected == 0)).sum())


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
    found = coded(planes, wcs, region)
    assert found.flags.has_region
    assert_coded(found, coadd_twin(*planes), in_region)


@given(tangent_planes((6, 5), distorted=False), seeds)
@settings(max_examples=3)
def test_coadd_without_unique_region_has_no_pixel_in_it(wcs: Any, seed: int) -> None:
    planes = three_planes(DTYPES[0], (6, 5), seed)
    found = coded(planes, wcs, None)
    assert not found.flags.has_region
    assert_coded(found, coadd_twin(*planes), np.zeros((6, 5), np.bool_))


def many_sorts(n_sorts: int, shape: tuple[int, int]) -> tuple[Pixels, Pixels, Pixels]:
    """Return planes whose last `n_sorts` pixels all differ."""
    bmask = np.zeros(shape, np.int32)
    bmask.ravel()[-n_sorts:] = np.arange(n_sorts)
    return np.ones(shape, np.float32), bmask, np.zeros(shape, np.int32)


# Every coadd has codes for 16 common values, two of which occur here, and one for the border.
@pytest.mark.parametrize("n_sorts", [200, 241, 242, 3000])
@settings(max_examples=1)
@given(tangent_planes((300, 40), distorted=False))
def test_coadd_may_have_many_sorts_of_pixels(n_sorts: int, wcs: Any) -> None:
    """The first rows have few different values, so the need for two bytes appears only later."""
    planes = many_sorts(n_sorts, (300, 40))
    found = coded(planes, wcs, None)
    assert found.flags.codes.array.dtype == (np.uint8 if n_sorts <= 241 else np.uint16)
    assert_coded(found, coadd_twin(*planes), np.zeros((300, 40), np.bool_))


@settings(max_examples=3)
@given(tangent_planes((2200, 12), distorted=False), st.integers(0, 2**32 - 1))
def test_parts_of_a_coadd_with_sorts_of_their_own_agree_on_codes(wcs: Any, seed: int) -> None:
    """There are three parts, and each encounters the values in a different order."""
    rng = np.random.default_rng(seed)
    bmask = rng.choice([0, 0, 0, 1, *(1 << rng.permutation(20))], (2200, 12)).astype(np.int32)
    planes = (np.ones(bmask.shape, np.float32), bmask, np.zeros(bmask.shape, np.int32))
    assert_coded(coded(planes, wcs, None), coadd_twin(*planes), np.zeros(bmask.shape, np.bool_))


@settings(max_examples=1)
@given(tangent_planes((2200, 12), distorted=False))
def test_parts_of_a_coadd_that_together_have_many_sorts_agree_on_codes(wcs: Any) -> None:
    """One byte is enough for each part, but not for all of them together."""
    bmask = np.repeat(np.arange(2200 * 12 // 120), 120).reshape(2200, 12).astype(np.int32)
    planes = (np.ones(bmask.shape, np.float32), bmask, np.zeros(bmask.shape, np.int32))
    found = coded(planes, wcs, None)
    assert found.flags.codes.array.dtype == (np.uint8 if len(np.unique(bmask)) < 240 else np.uint16)
    assert_coded(found, coadd_twin(*planes), np.zeros(bmask.shape, np.bool_))


def test_flags_in_a_file_are_those_in_memory(tmp_path: Path) -> None:
    planes = three_planes(DTYPES[0], (40, 30), 7)
    wcs = tangent_plane((40, 30))
    plain, shared = coded(planes, wcs, None).flags, coded(planes, wcs, None, scratch=tmp_path).flags
    attached = pickle.loads(pickle.dumps(shared))
    assert len(pickle.dumps(shared.codes)) < 300
    for each in (shared, attached):
        assert np.array_equal(each.codes.array, plain.codes.array)
        assert np.array_equal(each.flags, plain.flags)


@pytest.mark.parametrize(("n_sorts", "refused"), [(65519, False), (65600, True)])
@settings(max_examples=1)
@given(tangent_planes((2200, 30), distorted=False))
def test_coadd_of_more_sorts_than_codes_is_refused(n_sorts: int, refused: bool, wcs: Any) -> None:
    planes = many_sorts(n_sorts, (2200, 30))
    if refused:
        with pytest.raises(PlaneError, match="bmask has too many different values: expected up to 65,000"):
            coded(planes, wcs, None)
    else:
        assert_coded(coded(planes, wcs, None), coadd_twin(*planes), np.zeros((2200, 30), np.bool_))


@pytest.mark.parametrize("which", [1, 2])
@settings(max_examples=1)
@given(tangent_planes((6, 5), distorted=False))
def test_coadd_mask_or_seg_of_floats_is_refused(which: int, wcs: Any) -> None:
    dtypes = ["f4", "i4", "i4"]
    dtypes[which] = "f4"
    weight, bmask, seg = (np.zeros((6, 5), dtype) for dtype in dtypes)
    with pytest.raises(PlaneError, match="is float32: expected integers"):
        coded((weight, bmask, seg), wcs, None)
