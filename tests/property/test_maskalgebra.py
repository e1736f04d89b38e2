"""Laws of combined masks and of selections applied to masks."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from goodpix.query.masks.mask import Mask
from goodpix.schema.criteria import Criterion, Selection
from goodpix.schema.masks.rle import encode
from goodpix.schema.rows import MaskKey

from .strategies import FlagsImage, boxes, flags_images, grown_selections

KEY = MaskKey("DES0124-3332", "i", "epoch", 492768, 11)
BMASK = {"SE": (Criterion.SE_BMASK, 8), "COADD": (Criterion.COADD_BMASK, 32)}
NAMES = {"TRAIL": 6, "STAR": 5, "NO_DATA": 0}


def within(radius: float) -> npt.NDArray[np.bool_]:
    reach = int(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc: npt.NDArray[np.bool_] = x**2 + y**2 <= radius**2
    return disc


def criteria_twin(flags: FlagsImage, selection: Selection) -> npt.NDArray[np.uint8]:
    """Apply a selection pixel by pixel, with scipy's dilation."""
    left = dict(zip(BMASK, (list(range(24)) for _ in BMASK), strict=True))
    for plane, names in selection.ignore_bits.items():
        left[plane] = [bit for bit in left[plane] if bit not in [NAMES[str(name)] for name in names]]
    fails = {each: flags & each != 0 for each in Criterion}
    for plane, (criterion, shift) in BMASK.items():
        if len(left[plane]) < 24:
            fails[criterion] = np.any([flags >> (shift + bit) & 1 for bit in left[plane]], axis=0)
    grown = {each: of.copy() for each, of in fails.items()}
    for name, radius in selection.grow.items():
        plane, colon, bit = name.partition(":")
        criterion = BMASK[plane][0] if colon else Criterion[name]
        seeds = flags >> (BMASK[plane][1] + NAMES[bit]) & 1 if colon else fails[criterion]
        grown[criterion] |= ndimage.binary_dilation(seeds, within(radius))
    out: npt.NDArray[np.uint8] = np.zeros(flags.shape, np.uint8)
    for criterion, of in grown.items():
        if criterion not in selection.ignore:
            out |= np.where(of, np.uint8(criterion), np.uint8(0))
    n, (ny, nx) = selection.border, flags.shape
    y, x = np.indices(flags.shape)
    out[(x < n) | (x >= nx - n) | (y < n) | (y >= ny - n)] |= 0x80
    return out


@settings(max_examples=30)
@given(flags_images(), grown_selections)
def test_recut_is_the_selection_on_pixels(image: FlagsImage, selection: Selection) -> None:
    mask, expected = Mask(KEY, encode(image)), criteria_twin(image, selection)
    assert np.array_equal(mask.criteria(selection), expected)
    assert np.array_equal(mask.good(selection), expected == 0)
    assert mask.count(selection) == (expected == 0).sum()
    assert np.array_equal(mask.recut(selection).flags() >> 8, image >> 8)


@settings(max_examples=25)
@given(st.data(), flags_images(), grown_selections)
def test_recut_of_a_cutout_is_the_cutout_of_the_recut(
    data: st.DataObject, image: FlagsImage, selection: Selection
) -> None:
    whole = Mask(KEY, encode(image))
    part = whole
    for _ in range(2):
        box = data.draw(boxes(part.shape).filter(lambda box: box.n_pixels > 0))
        part = part.cutout(box.x0, box.x1, box.y0, box.y1)
    place = part.place
    expected = criteria_twin(image, selection)[place.y0 : place.y1, place.x0 : place.x1]
    assert np.array_equal(part.criteria(selection), expected)
    assert np.array_equal(part.good(selection), expected == 0)


OPERATORS: list[tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = [
    (operator.and_, np.logical_and),
    (operator.or_, np.logical_or),
    (operator.xor, np.logical_xor),
]


@pytest.mark.parametrize(("combine", "twin"), OPERATORS, ids=["and", "or", "xor"])
@settings(max_examples=20)
@given(st.data())
def test_combined_runs_are_combined_pixels(
    combine: Callable[[Any, Any], Mask], twin: Callable[[Any, Any], Any], data: st.DataObject
) -> None:
    one = data.draw(flags_images())
    other = data.draw(flags_images(shape=one.shape))
    a, b = Mask(KEY, encode(one)), Mask(KEY, encode(other))
    found = combine(a, b)
    assert np.array_equal(found.good(), twin(a.good(), b.good()))
    assert (np.diff(found.encoded.flags) != 0).all()
    assert found.encoded.lengths.sum() == one.size


@settings(max_examples=25)
@given(st.data(), flags_images(), grown_selections, st.sampled_from([operator.and_, operator.or_, operator.xor]))
def test_cutouts_combine_to_the_cutout_of_what_is_combined(
    data: st.DataObject, one: FlagsImage, selection: Selection, combine: Callable[[Any, Any], Mask]
) -> None:
    a, b = Mask(KEY, encode(one)), Mask(KEY, encode(data.draw(flags_images(shape=one.shape))))
    box = data.draw(boxes(a.shape).filter(lambda box: box.n_pixels > 0))
    parts = [each.cutout(box.x0, box.x1, box.y0, box.y1) for each in (a, b, combine(a, b), ~a)]
    assert np.array_equal(combine(*parts[:2]).criteria(selection), parts[2].criteria(selection))
    assert np.array_equal((~parts[0]).criteria(selection), parts[3].criteria(selection))


@settings(max_examples=25)
@given(st.data(), flags_images())
def test_border_is_the_images_whatever_is_made_of_a_cutout(data: st.DataObject, image: FlagsImage) -> None:
    mask, selection = Mask(KEY, encode(image)), Selection(border=data.draw(st.integers(1, 4)))
    box, inner = (data.draw(boxes(mask.shape).filter(lambda box: box.n_pixels > 0)) for _ in range(2))
    part = mask.cutout(box.x0, box.x1, box.y0, box.y1)
    own = Mask.from_bool(np.ones(part.shape, np.bool_), like=part)
    for each in (part & own, own & part, own, ~~part, part.recut(Selection()), mask & Mask.from_bool(mask.good())):
        place = each.place
        within = criteria_twin(image, selection)[place.y0 : place.y1, place.x0 : place.x1] & 0x80 == 0
        assert np.array_equal(each.good(selection), each.good() & within)
    part = (mask & Mask.from_bool(mask.good())).cutout(inner.x0, inner.x1, inner.y0, inner.y1)
    assert np.array_equal(part.good(selection), mask.cutout(inner.x0, inner.x1, inner.y0, inner.y1).good(selection))


@given(flags_images())
def test_complement_is_good_where_the_mask_is_bad(image: FlagsImage) -> None:
    mask = Mask(KEY, encode(image))
    assert np.array_equal((~mask).good(), mask.bad())
    assert np.array_equal((~~mask).good(), mask.good())


@given(flags_images())
def test_bad_pixels_keep_their_reasons(image: FlagsImage) -> None:
    mask = Mask(KEY, encode(image))
    own = Mask.from_bool(np.arange(image.size).reshape(image.shape) % 3 != 0)
    assert np.array_equal((mask & own).flags(), image | np.where(own.good(), 0, 0x80))


@given(flags_images())
def test_own_mask_is_good_where_the_array_is_true(image: FlagsImage) -> None:
    good = image % 2 == 0
    assert np.array_equal(Mask.from_bool(good).good(), good)
    assert np.array_equal(Mask.from_bool(good).good(Selection(ignore=list(Criterion))), good)
