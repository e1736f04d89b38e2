"""Laws of run-length encoding, counts and selections."""

from dataclasses import asdict

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from goodpix.query.masks.mask import Mask
from goodpix.schema.amplifiers import Amplifiers, Region
from goodpix.schema.bits import Criterion, fold_bmask
from goodpix.schema.counts import count
from goodpix.schema.criteria import BoundSelection, Selection
from goodpix.schema.masks.rle import Runs, RunScan, decode, decode_good, encode, sort_starts
from goodpix.schema.rows import MaskKey

from .strategies import FlagsImage, amplifiers, any_images, boxes, flags_images, masks, selections

KEY = MaskKey("DES0124-3332", "i", "epoch", 492768, 11)


@given(any_images)
def test_decoding_undoes_encoding(image: FlagsImage) -> None:
    assert np.array_equal(decode(encode(image)), image)


@given(masks)
def test_encoding_undoes_decoding(runs: Runs) -> None:
    again = encode(decode(runs))
    assert (again.lengths.tolist(), again.flags.tolist()) == (runs.lengths.tolist(), runs.flags.tolist())


@given(any_images)
def test_lengths_sum_to_the_number_of_pixels(image: FlagsImage) -> None:
    assert encode(image).lengths.sum() == image.size


@given(any_images)
def test_neighbouring_runs_differ(image: FlagsImage) -> None:
    assert (np.diff(encode(image).flags) != 0).all()


@given(any_images)
def test_runs_start_where_column_major_pixels_change(image: FlagsImage) -> None:
    pixels = image.T.ravel()
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    assert encode(image).starts.tolist() == [0, *changes.tolist()]


@given(any_images, st.integers(1, 17))
def test_blocks_of_rows_have_the_runs_of_the_whole(image: FlagsImage, height: int) -> None:
    scan = RunScan(image.shape, image.dtype)
    for y in range(0, image.shape[0], height):
        scan.add(image[y : y + height])
    lengths, flags = sort_starts(image.shape, scan.starts())
    assert np.array_equal(np.repeat(flags, lengths), image.T.ravel())


@given(st.data(), flags_images())
def test_checksum_is_that_of_the_pixels(data: st.DataObject, image: FlagsImage) -> None:
    y, x = data.draw(st.integers(0, image.shape[0] - 1)), data.draw(st.integers(0, image.shape[1] - 1))
    other = image.copy()
    other[y, x] ^= 1
    assert encode(image).checksum == encode(image.copy()).checksum != encode(other).checksum


def counts_of_pixels(flags: FlagsImage, amps: Amplifiers) -> dict[str, int]:
    """Count pixels in plain numpy."""

    def within(box: Region, good: npt.NDArray[np.bool_]) -> int:
        return int(good[box.y0 : box.y1, box.x0 : box.x1].sum())

    criteria = flags & 0xFF
    good_se = criteria & 0x07 == 0
    out = {
        "n_pixels": flags.size,
        "n_good": int((criteria == 0).sum()),
        "n_on_coadd": int((criteria & 0x08 == 0).sum()),
        "n_good_se": int(good_se.sum()),
        "n_good_coadd": int((criteria & 0x78 == 0).sum()),
        "n_good_se_amp_a": within(amps.a, good_se),
        "n_good_se_amp_b": within(amps.b, good_se),
        "n_pixels_amp_a": within(amps.a, np.ones_like(good_se)),
        "n_pixels_amp_b": within(amps.b, np.ones_like(good_se)),
    }
    for criterion in Criterion:
        name = str(criterion.name).lower()
        out[f"n_{name}"] = int((criteria & criterion != 0).sum())
        out[f"only_{name}"] = int((criteria == criterion).sum())
    return out


@given(st.data(), flags_images())
def test_counts_of_runs_are_counts_of_pixels(data: st.DataObject, image: FlagsImage) -> None:
    amps = data.draw(amplifiers(image.shape))
    counts = asdict(count(encode(image), amplifiers=amps, pixel_area=1.0, unique=None)[0])
    expected = counts_of_pixels(image, amps)
    assert {name: counts[name] for name in expected} == expected


@given(flags_images())
def test_bit_counts_of_runs_are_those_of_pixels(image: FlagsImage) -> None:
    _, bits = count(encode(image), amplifiers=Amplifiers.halves(image.shape), pixel_area=1.0, unique=None)
    found = [*bits.se.tolist(), *bits.coadd.tolist()]
    assert found == [int((image >> bit & 1).sum()) for bit in range(8, 56)]


def good_pixels(flags: FlagsImage, selection: Selection) -> npt.NDArray[np.bool_]:
    """Apply a selection one criterion at a time, in plain numpy."""
    bad = np.zeros(flags.shape, np.bool_)
    for criterion in Criterion:
        if criterion in selection.ignore:
            continue
        plane = {Criterion.SE_BMASK: ("SE", 8), Criterion.COADD_BMASK: ("COADD", 32)}.get(criterion)
        if plane and selection.ignore_bits.get(plane[0]):
            ignored = [bit_number(plane[0], each) for each in selection.ignore_bits[plane[0]]]
            left = [bit for bit in range(24) if bit not in ignored]
            bad |= np.any([flags >> (plane[1] + bit) & 1 for bit in left], axis=0)
        else:
            bad |= flags & criterion != 0
    return ~bad


def bit_number(plane: str, name: str | int) -> int:
    des = "BPM SATURATE INTERP BADAMP CRAY STAR TRAIL EDGEBLEED SSXTALK EDGE STREAK SUSPECT FIXED NEAREDGE TAPEBUMP"
    named = {name: bit for bit, name in enumerate(des.split())} if plane == "SE" else {"NO_DATA": 0}
    if isinstance(name, int):
        return min(int(np.log2(name)), 23)
    if name == "OTHER":
        return 23
    return int(name[4:]) if name.startswith("BIT_") else named[name]


@given(flags_images(), selections)
def test_selection_on_runs_is_the_selection_on_pixels(image: FlagsImage, selection: Selection) -> None:
    assert np.array_equal(decode_good(encode(image), BoundSelection(selection).reject), good_pixels(image, selection))


@given(flags_images(), selections)
def test_selection_on_flags_is_the_selection_on_pixels(image: FlagsImage, selection: Selection) -> None:
    assert np.array_equal(BoundSelection(selection).good(image), good_pixels(image, selection))


@given(flags_images(), selections)
def test_good_and_bad_are_complements(image: FlagsImage, selection: Selection) -> None:
    mask = Mask(KEY, encode(image))
    assert np.array_equal(mask.good(selection), ~mask.bad(selection))


@given(flags_images(), selections)
def test_count_is_the_number_of_good_pixels(image: FlagsImage, selection: Selection) -> None:
    mask = Mask(KEY, encode(image))
    assert mask.count(selection) == mask.good(selection).sum()


@given(flags_images())
def test_criteria_are_the_low_byte_of_flags(image: FlagsImage) -> None:
    mask = Mask(KEY, encode(image))
    assert np.array_equal(mask.criteria(), mask.flags() & 0xFF)


@given(st.data(), flags_images())
def test_cutout_is_a_slice(data: st.DataObject, image: FlagsImage) -> None:
    box = data.draw(boxes(image.shape).filter(lambda box: box.n_pixels > 0))
    part = Mask(KEY, encode(image)).cutout(box.x0, box.x1, box.y0, box.y1)
    assert np.array_equal(part.flags(), image[box.y0 : box.y1, box.x0 : box.x1])
    assert (part.x0, part.y0) == (box.x0, box.y0)


@settings(max_examples=25)
@given(st.data(), flags_images())
def test_cutout_of_a_cutout_keeps_its_place(data: st.DataObject, image: FlagsImage) -> None:
    part = Mask(KEY, encode(image))
    for _ in range(2):
        box = data.draw(boxes(part.shape).filter(lambda box: box.n_pixels > 0))
        part = part.cutout(box.x0, box.x1, box.y0, box.y1)
    ny, nx = part.shape
    assert np.array_equal(part.flags(), image[part.y0 : part.y0 + ny, part.x0 : part.x0 + nx])


@settings(max_examples=25)
@given(st.data(), flags_images())
def test_split_runs_cover_each_pixel_once(data: st.DataObject, image: FlagsImage) -> None:
    box = data.draw(boxes(image.shape).filter(lambda box: box.n_pixels > 0))
    part = Mask(KEY, encode(image)).cutout(box.x0, box.x1, box.y0, box.y1)
    painted, times = np.full(image.shape, -1, np.int64), np.zeros(image.shape, np.int64)
    for x, y, length, flags in part.runs().itertuples(index=False):
        painted[y : y + length, x] = flags
        times[y : y + length, x] += 1
    inside = np.zeros(image.shape, np.bool_)
    inside[box.y0 : box.y1, box.x0 : box.x1] = True
    assert np.array_equal(times, inside)
    assert np.array_equal(painted[inside], image[inside])


@given(flags_images())
def test_split_runs_end_with_their_columns(image: FlagsImage) -> None:
    runs = Mask(KEY, encode(image)).runs()
    assert (runs["y"] + runs["length"] <= image.shape[0]).all()
    assert (runs["length"] > 0).all()


@given(st.sampled_from(["u1", "i2", "u2", "i4", "u4", "i8", "u8"]), st.data())
def test_folding_keeps_zero_apart_from_all_else(dtype: str, data: st.DataObject) -> None:
    bmask = data.draw(hnp.arrays(dtype, 5))
    assert np.array_equal(fold_bmask(bmask) != 0, bmask != 0)
