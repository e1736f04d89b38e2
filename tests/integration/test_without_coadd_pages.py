"""Pages of the dashboard for a catalogue of exposures that have no coadd."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import goodpix
from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.mask.openmask import OpenMasks
from goodpix.query.dashboard.numbers.rankings import tile_page
from goodpix.query.dashboard.numbers.scope import TileScope, tile_positions
from goodpix.query.dashboard.numbers.survey import headline, histograms
from goodpix.query.dashboard.pages.focalplane import FocalView
from goodpix.query.dashboard.pages.mask import MaskView
from goodpix.query.dashboard.pages.overview import Overview
from goodpix.query.dashboard.pages.sky import SkyView
from goodpix.query.dashboard.pages.time import TimeView
from goodpix.query.dashboard.url import TableView
from goodpix.query.source import open_source
from goodpix.query.summary.skytiles import sky_tiles

from ..unit.query.dashboard.conftest import OpenPage, without_threads
from .exposures import Exposures, install_exposures_profile


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CatalogueCache]:
    folder = tmp_path_factory.mktemp("exposures")
    made = Exposures(folder / "files")
    made.write()
    install_exposures_profile(folder / "site")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "site")
        made.ingest()
    with open_source(made.database) as source:
        cache = without_threads(source)
        yield cache
        cache.close()


def mask_view(session: Any) -> MaskView:
    return MaskView(session, OpenMasks(session.cache))


def epochs_of(cache: CatalogueCache) -> pd.DataFrame:
    with goodpix.Catalogue(cache.listings.shown_url) as catalogue:
        return catalogue.epochs()


@pytest.mark.parametrize(
    ("make", "query"),
    [
        (Overview, ""),
        (Overview, "tile=exp501&band=r"),
        (SkyView, ""),
        (TimeView, ""),
        (FocalView, ""),
        (mask_view, "tile=exp501&band=r&expnum=501&ccdnum=2"),
        (mask_view, ""),
    ],
)
def test_page_opens_without_a_problem(cache: CatalogueCache, make: Callable[..., Any], query: str) -> None:
    page = OpenPage(cache, make, query)
    assert page.problems == ""
    assert page.text


def test_headline_names_the_exposures(cache: CatalogueCache) -> None:
    with cache.source.database.engine.connect() as connection:
        assert headline(connection) == "2 tiles, from exp501 to exp502."


def test_exposures_have_the_position_of_an_image(cache: CatalogueCache) -> None:
    found = tile_positions(cache, 0.0)
    assert found.names.tolist() == ["exp501", "exp502"]
    assert found.dec == pytest.approx(-30.0, abs=0.1)


def test_exposures_are_boxes_about_their_images_across_right_ascension_0(cache: CatalogueCache) -> None:
    tiles = sky_tiles(cache.listings, "fraction_good_se").set_index("tilename")
    for tilename, images in epochs_of(cache).groupby("tilename"):
        ra = (np.array(images[[f"rac{k}" for k in (1, 2, 3, 4)]]) + 180) % 360 - 180
        dec = np.array(images[[f"decc{k}" for k in (1, 2, 3, 4)]])
        assert ra.min() < 0 < ra.max()
        box: Any = tiles.loc[tilename]
        assert [box[f"rac{k}"] for k in (1, 2, 3, 4)] == pytest.approx(
            [ra.max() % 360, ra.min() % 360, ra.min() % 360, ra.max() % 360], abs=1e-9
        )
        assert [box[f"decc{k}"] for k in (1, 2, 3, 4)] == [dec.min(), dec.min(), dec.max(), dec.max()]
        assert float(box.ra_cent) == pytest.approx(((ra.min() + ra.max()) / 2) % 360, abs=1e-9)
        assert float(box.dec_cent) == pytest.approx((dec.min() + dec.max()) / 2)


def test_fractions_shown_are_of_the_images_alone(cache: CatalogueCache) -> None:
    epochs = epochs_of(cache)
    with cache.source.database.engine.connect() as connection:
        found = histograms(connection, TileScope())
        rows = tile_page(connection, TileScope(), TableView()).rows
    assert (found.statistic, found.n_null) == ("fraction_good_se", 0)
    np.testing.assert_array_equal(found.counts["r"], np.histogram(epochs.fraction_good_se, found.edges)[0])
    sums = epochs.groupby("tilename")[["n_good_se", "n_pixels"]].sum()
    worst = (sums.n_good_se / sums.n_pixels).sort_values()
    assert [row["tilename"] for row in rows] == worst.index.tolist()
    sky, overview = OpenPage(cache, SkyView, ""), OpenPage(cache, Overview, "")
    assert "fraction_good_se: n_good_se / n_pixels" in sky.text
    assert "in grey" not in sky.text
    assert "Good SE" in overview.text
    assert "Good area" not in overview.text
