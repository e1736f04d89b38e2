"""Blank sky in a catalogue of a few masks; see also the integration tests."""

import numpy as np
import pytest

from goodpix.query.places.blanksky import blank_sky, checked_seed, images_of
from goodpix.query.source import Source
from goodpix.schema.criteria import BoundSelection
from goodpix.schema.errors import UsageError

from ....maskcatalogue import EAST, EPOCHS, WEST


def test_each_image_comes_once_with_the_epochs_that_match(source: Source) -> None:
    bound = BoundSelection.of(None)
    images = {image.key.expnum: image.key.tilename for image in images_of(source, bound, {"band": "r"})}
    assert images == {1: f"{WEST}+{EAST}", 2: EAST}
    (image,) = images_of(source, bound, {"tilename": WEST})
    assert image.key.tilename == WEST


def test_places_are_in_one_image_and_their_table_says_where_from(source: Source) -> None:
    found = blank_sky(source, 3, 0.15, band="r", seed=9)
    assert list(found) == ["ra", "dec", "distance_arcsec", "n_images_r"]
    assert len(found) == 3
    assert found.distance_arcsec.min() >= 0.15
    facts = {"selection": "default", "filters": "band=r", "radius_arcsec": 0.15, "seed": 9}
    assert facts.items() <= found.attrs.items()
    assert found.attrs["catalogue"] == source.database.identity.uuid


def test_no_place_without_room(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    assert blank_sky(source, 2, 30.0).empty
    assert "found 0 blank places of radius 30 arcsec, 2 were asked for" in caplog.text
    assert EPOCHS


@pytest.mark.parametrize(("given", "seed"), [(None, 0), (5, 5), (np.int32(7), 7)])
def test_seed_is_a_whole_number(given: int | None, seed: int) -> None:
    assert checked_seed(given) == seed


@pytest.mark.parametrize("given", [-1, 2.0, True, "1"])
def test_seed_that_is_none_is_refused(given: object) -> None:
    with pytest.raises(UsageError, match="expected a whole number, 0 or more"):
        checked_seed(given)
