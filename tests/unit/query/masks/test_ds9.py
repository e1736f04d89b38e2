"""Regions for DS9: together they are the bad pixels, and their tags the reasons."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from regions import Regions

from goodpix.query.masks.ds9 import write_regions
from goodpix.query.masks.mask import Mask
from goodpix.query.palette import OVER_IMAGE_COLOURS
from goodpix.query.plots.reasons import REASONS, reason_image
from goodpix.schema.bits import OWN_CUT, Criterion
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import UsageError
from goodpix.schema.masks.rle import encode
from goodpix.schema.rows import MaskKey

SHAPE = (40, 30)
TAGS = ["OWN_CUT", *(str(Criterion(each.bit).name) for each in REASONS[1:])]


def made_mask() -> Mask:
    """A mask with blobs, single pixels and holes of several reasons that touch and overlap."""
    rng = np.random.default_rng(7)
    flags = np.zeros(SHAPE, np.int64)
    for criterion in (Criterion.SE_SEG, Criterion.SE_BMASK, Criterion.COADD_SEG):
        for y, x in rng.integers(0, (37, 27), (12, 2)):
            flags[y : y + rng.integers(1, 7), x : x + rng.integers(1, 7)] |= criterion
    flags[10:14, 10:14] = 0
    return Mask(MaskKey("T", "r", "epoch", 5, 7), encode(flags))


def drawn(path: Path, shape: tuple[int, int]) -> dict[str, npt.NDArray[np.bool_]]:
    """Return the pixels of the regions in a file, by tag, as another library reads it."""
    out: dict[str, npt.NDArray[np.bool_]] = {}
    for region in Regions.read(path, format="ds9"):
        (tag,) = region.meta["tag"]
        found = region.to_mask(mode="center").to_image(shape)
        out.setdefault(tag, np.zeros(shape, np.bool_))
        assert not (out[tag] & found.astype(np.bool_)).any()
        out[tag] |= found.astype(np.bool_)
    return out


@pytest.mark.parametrize("selection", [None, Selection(ignore=["SE_SEG"], border=3)])
def test_regions_are_the_bad_pixels_by_the_reason_that_plots_show(tmp_path: Path, selection: Selection | None) -> None:
    mask, path = made_mask(), tmp_path / "mask.reg"
    n = mask.to_regions(path, selection)
    found, reasons = drawn(path, SHAPE), reason_image(mask, selection)
    assert np.array_equal(np.any(list(found.values()), axis=0), mask.bad(selection))
    expected = {name: reasons == code for code, name in enumerate(TAGS, 1) if (reasons == code).any()}
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert n == len(Regions.read(path, format="ds9")) > len(expected)


def test_file_says_where_it_comes_from_and_what_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "mask.reg"
    n = write_regions(path, made_mask(), Selection(border=2), 4)
    lines = path.read_text().splitlines()
    assert lines[0] == "# Region file format: DS9 version 4.1"
    assert {"# tilename: T", "# ccdnum: 7", "# selection: border 2", "# without areas of fewer than 4 pixels"} < {
        *lines
    }
    assert len(lines) - lines.index("image") - 1 == n
    sizes = [region.to_mask(mode="center").data.sum() for region in Regions.read(path, format="ds9")]
    assert min(sizes) >= 4


def test_regions_of_a_cut_out_lie_in_the_whole_image(tmp_path: Path) -> None:
    mask = made_mask()
    mask.cutout(5, 25, 8, 33).to_regions(tmp_path / "part.reg")
    found = np.any(list(drawn(tmp_path / "part.reg", SHAPE).values()), axis=0)
    inside = np.zeros(SHAPE, np.bool_)
    inside[8:33, 5:25] = True
    assert np.array_equal(found, mask.bad() & inside)


def test_colour_is_that_of_the_reason_over_an_image(tmp_path: Path) -> None:
    flags = np.zeros((4, 4), np.int64)
    flags[0, 0], flags[3, 3] = Criterion.SE_WEIGHT, OWN_CUT
    Mask(MaskKey("T", "r", "epoch", 5, 7), encode(flags)).to_regions(tmp_path / "mask.reg")
    colours = {region.meta["tag"][0]: region.visual["edgecolor"] for region in Regions.read(tmp_path / "mask.reg")}
    assert colours == {
        "OWN_CUT": REASONS[0].over_image,
        "SE_WEIGHT": OVER_IMAGE_COLOURS[Criterion.SE_WEIGHT],
    }


def test_ending_reg_is_regions(tmp_path: Path) -> None:
    made_mask().save(tmp_path / "a.reg")
    made_mask().to_regions(tmp_path / "b.reg")
    assert (tmp_path / "a.reg").read_bytes() == (tmp_path / "b.reg").read_bytes()


@pytest.mark.parametrize("min_pixels", [0, -1, 1.5, True])
def test_smallest_area_is_a_whole_number(tmp_path: Path, min_pixels: float) -> None:
    with pytest.raises(UsageError, match=r"^min_pixels is .*: expected a whole number of pixels, 1 or more$"):
        write_regions(tmp_path / "mask.reg", made_mask(), None, min_pixels)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
