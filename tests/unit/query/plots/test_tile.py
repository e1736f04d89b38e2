"""Maps of a tile, reduced to fit a picture."""

import numpy as np
import pytest

from goodpix.query.plots.tile import reduced


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_reduced_map_is_of_means(step: int) -> None:
    image = np.random.default_rng(1).integers(0, 9, (12, 17)).astype(np.int16)
    found = reduced(image, step)
    assert found.shape == (-(-12 // step), -(-17 // step))
    for y, x in np.ndindex(found.shape):
        part = image[y * step : (y + 1) * step, x * step : (x + 1) * step]
        assert found[y, x] == pytest.approx(part.mean())
