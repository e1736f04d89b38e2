"""The mask that a page shows."""

from pathlib import Path

import pytest

from goodpix.query.dashboard.mask.openmask import OpenMask, epoch_of, epochs_in, python_lines
from goodpix.query.dashboard.url import Pixel, View
from goodpix.query.source import Source
from goodpix.schema.criteria import Selection
from goodpix.schema.database import parse_url
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
    lines = python_lines(key, selection, parse_url("a.db")).splitlines()
    assert lines[-1] == f"good = cat.mask('T', 'r', 1, 2).good({argument})"


def test_program_names_the_database_whatever_the_folder() -> None:
    lines = python_lines(MaskKey("T", "r", "epoch", 1, 2), Selection(), parse_url("some/a.db")).splitlines()
    assert lines[:3] == ["import goodpix", "", f"cat = goodpix.Catalogue('sqlite:///{Path('some/a.db').absolute()}')"]


def test_program_takes_a_password_from_the_environment() -> None:
    url = parse_url("postgresql+psycopg://me:secret@host/survey")
    program = python_lines(MaskKey("T", "r", "epoch", 1, 2), Selection(), url)
    assert "secret" not in program
    assert 'cat = goodpix.Catalogue(os.environ["GOODPIX_DB"])' in program
    assert "# GOODPIX_DB is postgresql+psycopg://me:***@host/survey with its password" in program
    compile(program, "program", "exec")


def test_bits_that_are_present_have_the_names_of_their_planes(source: Source) -> None:
    mask = next(mask for mask in source.masks({"band": "r"}))
    flags = mask.flags()
    planes = {"se": (8, mask.bit_names.se), "coadd": (32, mask.bit_names.coadd)}
    wanted = {
        f"{plane.upper()}:{name}"
        for plane, (shift, names) in planes.items()
        for name, value in names.items()
        if (flags >> shift & value).any()
    }
    found = OpenMask.of(mask, Selection()).bits_present()
    assert wanted
    assert wanted == {each for each in found if ":BIT_" not in each and ":OTHER" not in each}
