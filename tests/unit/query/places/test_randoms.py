"""Random points in a catalogue of a few masks; see also the integration tests."""

import numpy as np
import pytest

from goodpix.query.places.randoms import randoms
from goodpix.query.source import Source
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import UsageError

from ....maskcatalogue import EAST, WEST


def test_points_lie_in_their_tiles_and_their_table_says_where_from(source: Source) -> None:
    found = randoms(source, 500, seed=6, selection=Selection(border=1))
    columns = ["n_images_i", "n_good_i", "n_images_r", "n_good_r"]
    assert list(found) == ["ra", "dec", "tilename", *columns, "reasons"]
    assert len(found) == 500
    assert set(found.tilename) == {EAST, WEST}
    (border,) = {found.ra[found.tilename == WEST].max() < found.ra[found.tilename == EAST].min()}
    assert border
    assert {"selection": "border 1", "seed": 6}.items() <= found.attrs.items()


def test_numbers_are_those_of_a_poisson_distribution(source: Source) -> None:
    numbers = [len(randoms(source, density=20, seed=seed, band="r")) for seed in range(20)]
    area = 2 * (np.sin(np.radians(-39)) - np.sin(np.radians(-41))) * np.degrees(1.0)
    assert np.mean(numbers) == pytest.approx(20 * area, abs=4 * np.sqrt(20 * area / 20))


def test_neither_number_nor_density_is_refused(source: Source) -> None:
    with pytest.raises(UsageError, match="expected one of them"):
        randoms(source)
