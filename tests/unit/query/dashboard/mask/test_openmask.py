"""The mask that a page shows."""

import pytest

from goodpix.query.dashboard.mask.openmask import epoch_of, epochs_in
from goodpix.query.dashboard.url import View
from goodpix.schema.errors import MaskNotFoundError

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
