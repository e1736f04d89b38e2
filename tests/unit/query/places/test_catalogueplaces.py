"""Methods of a catalogue for positions."""

from typing import Any

import pandas as pd
import pytest

from goodpix.query.places.blanksky import blank_sky
from goodpix.query.places.catalogueplaces import CataloguePlaces
from goodpix.query.places.randoms import randoms
from goodpix.query.position.at import epochs_at
from goodpix.query.source import Source
from goodpix.schema.criteria import Selection


@pytest.fixture(scope="module")
def places(source: Source) -> CataloguePlaces:
    return CataloguePlaces(source)


def test_options_of_at_reach_the_search(places: CataloguePlaces, source: Source) -> None:
    given: dict[str, Any] = {"radius": 1e-3, "reasons": False, "band": "r"}
    expected = epochs_at(source, 30.0, -40.0, **given)
    assert len(expected) == 3
    pd.testing.assert_frame_equal(places.at(30.0, -40.0, **given), expected)


def test_options_of_blank_sky_reach_the_search(places: CataloguePlaces, source: Source) -> None:
    given: dict[str, Any] = {"seed": 4, "selection": Selection(border=2), "min_images": 2, "workers": 1, "band": "r"}
    pd.testing.assert_frame_equal(places.blank_sky(2, 0.14, **given), blank_sky(source, 2, 0.14, **given))


def test_options_of_randoms_reach_the_search(places: CataloguePlaces, source: Source) -> None:
    given: dict[str, Any] = {"seed": 4, "selection": Selection(border=2), "workers": 1, "band": "r"}
    pd.testing.assert_frame_equal(places.randoms(50, **given), randoms(source, 50, **given))
    assert len(places.randoms(density=10, **given)) == len(randoms(source, density=10, **given))
