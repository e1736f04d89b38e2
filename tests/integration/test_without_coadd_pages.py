"""Pages of the dashboard for a catalogue of exposures that have no coadd."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.mask.openmask import OpenMasks
from goodpix.query.dashboard.numbers.scope import tile_positions
from goodpix.query.dashboard.numbers.survey import headline
from goodpix.query.dashboard.pages.focalplane import FocalView
from goodpix.query.dashboard.pages.mask import MaskView
from goodpix.query.dashboard.pages.overview import Overview
from goodpix.query.dashboard.pages.sky import SkyView
from goodpix.query.dashboard.pages.time import TimeView
from goodpix.query.source import open_source

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
