"""The mask that a page shows."""

import pytest

from goodpix.query.dashboard.mask.openmask import OpenMask, epoch_of, epochs_in, python_lines
from goodpix.query.dashboard.url import Pixel, View
from goodpix.query.source import Source
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import MaskNotFoundError
from goodpix.schema.rows import MaskKey

from .....rowcatalogue import TILES
from ..conftest import Ask


def test_what_a_view_leaves_open_is_the_first_epoch_that_there_is(ask: Ask) -> None:
    first = ask(lambda c: epoch_of(c, View()))
    assert (first.tilename, first.band) == (TILES[0], "i")
    found = ask(lambda c: epoch_of(c, View(expnum=1002, ccdnum=5)))
    assert (found.tilename, found.band, found.expnum, found.ccdnum) == (TILES[0], "r", 1002, 5)
    assert ask(lambda c: epoch_of(c, View(tile=TILES[1][2:].lower()))).tilename == TILES[1]
    part = View(tile=TILES[0][3:].lower(), expnum=found.expnum, ccdnum=found.ccdnum)
    assert ask(lambda c: epoch_of(c, part)) == found
    with pytest.raises(MaskNotFoundError, match=f"no epoch with tilename {TILES[0]}x, expnum 1002"):
        ask(lambda c: epoch_of(c, View(tile=f"{TILES[0]}x", expnum=1002)))
    with pytest.raises(MaskNotFoundError, match="no epoch with tilename DES0124-3332"):
        ask(lambda c: epoch_of(c, View(tile="DES0124-3332")))
    with pytest.raises(MaskNotFoundError, match="no epoch with band Z"):
        ask(lambda c: epoch_of(c, View(band="Z")))
    listed = ask(lambda c: epochs_in(c, TILES[1]))
    assert [(row.band, row.expnum, row.ccdnum) for row in listed] == sorted(
        (row.band, row.expnum, row.ccdnum) for row in listed
    )


def test_pixel_that_is_excluded_is_labelled(source: Source) -> None:
    mask = next(mask for mask in source.masks({"band": "r"}))
    ny, nx = mask.shape
    opened = OpenMask.of(mask, Selection(border=2, exclude=["box=0:5:0:5"]))
    labels = [opened.explain(Pixel(*each)) for each in ((1, 1), (4, 4), (nx - 1, 4), (5, 5))]
    assert [bool(each and "EXCLUDED" in each.criteria) for each in labels] == [True, True, False, False]
    assert [bool(each and "OWN_CUT" in each.criteria) for each in labels] == [False, False, True, False]
    assert opened.counts["n_good"] == mask.good()[2 : ny - 2, 2 : nx - 2].sum() - mask.good()[2:5, 2:5].sum()


@pytest.mark.parametrize(
    ("selection", "argument"),
    [
        (Selection(), ""),
        (
            Selection(border=4, exclude=["ccdnum=31,amplifier=A"]),
            "goodpix.Selection(border=4, exclude=['ccdnum=31,amplifier=A'])",
        ),
        (Selection(border=4).with_name("shear-v1"), "cat.selection('shear-v1')"),
    ],
)
def test_lines_of_python_ask_for_the_same_selection(selection: Selection, argument: str) -> None:
    key = MaskKey("T", "r", "epoch", 1, 2)
    assert python_lines(key, selection, "a.db").splitlines()[-1] == f"good = cat.mask('T', 'r', 1, 2).good({argument})"
