"""Facts about selections applied to runs."""

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.schema.amplifiers import Region
from goodpix.schema.bits import OWN_CUT, Criterion
from goodpix.schema.criteria import BoundSelection, Selection
from goodpix.schema.masks.applyselection import apply_selection, apply_selection_to_box
from goodpix.schema.masks.rle import decode, encode
from goodpix.schema.masks.runalgebra import crop

from ....rows import flags_image

Flags = npt.NDArray[np.int64]

SHAPE = (40, 30)
FLAGS = flags_image(3, SHAPE)
SE_SEG, SE_BMASK = int(Criterion.SE_SEG), int(Criterion.SE_BMASK)


def applied(flags: Flags, selection: Selection) -> Flags:
    return decode(apply_selection(encode(flags), BoundSelection(selection)))


def near(bad: npt.NDArray[np.bool_], radius: float) -> npt.NDArray[np.bool_]:
    """Return which pixels are within a radius of a bad one."""
    y, x = np.nonzero(bad)
    yy, xx = np.mgrid[: bad.shape[0], : bad.shape[1]]
    distance = (yy[..., np.newaxis] - y) ** 2 + (xx[..., np.newaxis] - x) ** 2
    found: npt.NDArray[np.bool_] = (distance <= radius**2).any(axis=-1)
    return found


def test_default_selection_changes_nothing() -> None:
    assert np.array_equal(applied(FLAGS, Selection()), FLAGS)


def test_ignored_criterion_is_cleared_and_mask_bits_stay() -> None:
    found = applied(FLAGS, Selection(ignore=["SE_BMASK", "COADD_SEG"]))
    assert np.array_equal(found, FLAGS & ~np.int64(4 | 16))


def test_ignored_bit_is_cleared_from_its_criterion_alone() -> None:
    flags = np.array([[4 | 1 << 8, 4 | 1 << 13, 4 | 1 << 8 | 1 << 13]], np.int64)
    found = applied(flags, Selection(ignore_bits={"SE": ["STAR"]}))
    assert found.tolist() == [[4 | 1 << 8, 1 << 13, 4 | 1 << 8 | 1 << 13]]


def test_runs_that_become_equal_are_one() -> None:
    flags = np.array([[0], [1], [0]], np.int64)
    assert len(apply_selection(encode(flags), BoundSelection(Selection(ignore=["SE_SEG"])))) == 1


@pytest.mark.parametrize("radius", [1, 1.5, 3, 60])
def test_grown_criterion_fails_within_the_radius(radius: float) -> None:
    expected = FLAGS | np.where(near(FLAGS & SE_SEG != 0, radius), SE_SEG, 0)
    assert np.array_equal(applied(FLAGS, Selection(grow={"SE_SEG": radius})), expected)


def test_grown_bit_fails_its_criterion_but_is_not_set() -> None:
    expected = FLAGS | np.where(near(FLAGS >> 13 & 1 != 0, 2), SE_BMASK, 0)
    assert np.array_equal(applied(FLAGS, Selection(grow={"SE:STAR": 2})), expected)


@pytest.mark.parametrize("border", [1, 7, 15, 1000])
def test_border_is_cut_along_all_edges(border: int) -> None:
    found = applied(FLAGS, Selection(border=border))
    inside = np.zeros(SHAPE, np.bool_)
    inside[border : SHAPE[0] - border, border : SHAPE[1] - border] = True
    assert np.array_equal(found, np.where(inside, FLAGS, FLAGS | OWN_CUT))


def test_image_of_one_pixel_is_all_border() -> None:
    assert applied(np.zeros((1, 1), np.int64), Selection(border=1)).tolist() == [[OWN_CUT]]


BOXES = [Region(0, 30, 0, 40), Region(0, 1, 0, 1), Region(29, 30, 39, 40), Region(7, 20, 11, 12), Region(12, 13, 0, 40)]
SELECTIONS = [
    Selection(),
    Selection(ignore=["SE_SEG"], border=3),
    Selection(grow={"SE_SEG": 2.5, "COADD_SEG": 4}, border=5),
    Selection(grow={"SE:STAR": 100}),
]


@pytest.mark.parametrize("box", BOXES, ids=str)
@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_box_is_that_of_the_whole_image(box: Region, selection: Selection) -> None:
    runs, bound = encode(FLAGS), BoundSelection(selection)
    found = apply_selection_to_box(runs, bound, box)
    assert found.checksum == crop(apply_selection(runs, bound), box).checksum


def test_box_needs_its_surroundings() -> None:
    """A box cut out beforehand has lost the objects beside it."""
    flags = np.zeros((9, 9), np.int64)
    flags[4, 4] = SE_SEG
    bound, box = BoundSelection(Selection(grow={"SE_SEG": 2})), Region(5, 9, 0, 9)
    assert decode(apply_selection_to_box(encode(flags), bound, box))[:, 0].nonzero()[0].tolist() == [3, 4, 5]
    assert not decode(apply_selection(crop(encode(flags), box), bound)).any()
