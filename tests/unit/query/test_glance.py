"""A catalogue at a glance."""

from collections.abc import Iterator

import pytest

from goodpix.query.catalogue import Catalogue
from goodpix.query.glance import Glance

from ...rowcatalogue import BANDS, TILES
from .conftest import RowCatalogue


@pytest.fixture(scope="module")
def catalogue(row_catalogue: RowCatalogue) -> Iterator[Catalogue]:
    with Catalogue(row_catalogue.url) as opened:
        yield opened


def test_bands_have_their_numbers(catalogue: Catalogue, row_catalogue: RowCatalogue) -> None:
    title, _heads, *lines = repr(catalogue).splitlines()
    assert title.startswith("<Catalogue ")
    assert title.endswith(": test>")
    assert [line.split()[0] for line in lines] == list(BANDS)
    for line, band in zip(lines, BANDS, strict=True):
        rows = [row for row in row_catalogue.rows if row["band"] == band]
        images = [row for row in row_catalogue.ccd_images if row["band"] == band]
        n_exposures, nights = len({row["expnum"] for row in images}), [row["nite"] for row in images if row["nite"]]
        used = [row for row in rows if row["se_seg_used"]]
        good = sum(row["n_good"] for row in used) / sum(row["n_on_coadd"] for row in used)
        span = f"{min(nights)} to {max(nights)}"
        expected = f"{band} {len(TILES)} {len(rows):,} {n_exposures:,} {span} {good:.1%}"
        assert " ".join(line.split()) == expected


def test_html_has_the_same_numbers(catalogue: Catalogue) -> None:
    lines, html = repr(catalogue).splitlines()[1:], catalogue._repr_html_()
    for word in " ".join(lines).replace(" to ", " ").split():
        assert word in html
    assert html.count("<tr>") == len(lines)


def test_empty_catalogue_says_so() -> None:
    assert str(Glance("sqlite:///x.db: c", [])) == "<Catalogue sqlite:///x.db: c>\nno tiles yet"
    assert "no tiles yet" in Glance("a<b", []).html()
    assert "a&lt;b" in Glance("a<b", []).html()
