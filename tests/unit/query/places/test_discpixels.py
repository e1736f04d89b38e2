"""Pixel values in discs, compared with numpy, on images whose pixels are those of a coadd."""

import numpy as np
import pytest

from goodpix.query.background.epochplanes import EpochFiles
from goodpix.query.places.blanksky import images_of
from goodpix.query.places.discpixels import DiscPixels, levels_and_noise
from goodpix.query.source import Source
from goodpix.schema.criteria import BoundSelection

from ....maskcatalogue import SHAPE, grid_of, pixels_of

SCALE = 1.1
"""What the rows have as the info file's scale."""

DISCS = [(10.3, 12.2), (20.0, 30.5), (7.8, 33.1)]
"""Centres in pixels of the first image."""

RADIUS = 1.3


def expected() -> list[tuple[float, float]]:
    """Return level and noise of each disc, which two images of the band hold, or one."""
    out = []
    for x, y in DISCS:
        parts = []
        for expnum, (x0, y0) in ((1, (5, 8)), (2, (-6, 20))):
            rows, columns = np.indices(SHAPE)
            at_x, at_y = x + 5 - x0, y + 8 - y0
            within = 0.263 * np.hypot(columns - at_x, rows - at_y) <= RADIUS
            if -0.5 <= at_x < SHAPE[1] - 0.5 and -0.5 <= at_y < SHAPE[0] - 0.5:
                parts.append(SCALE * pixels_of(expnum).astype(float)[within])
        squared = sum(((each - each.mean()) ** 2).sum() for each in parts)
        noise = np.sqrt(squared / sum(each.size - 1 for each in parts))
        out.append((float(np.concatenate(parts).mean()), float(noise)))
    return out


def measured(source: Source, *, allow_changed: bool) -> dict[str, list[float]]:
    x, y = np.array(DISCS).T
    centres = grid_of((5, 8), SHAPE).vectors(x, y)
    pixels = DiscPixels(EpochFiles.of(source, allow_changed=allow_changed), centres, RADIUS)
    images = images_of(source, BoundSelection.of(None), {"band": "r"})
    return {name: each.tolist() for name, each in levels_and_noise(source, pixels, images, ["r"]).items()}


def test_level_and_noise_are_those_of_numpy(source: Source) -> None:
    found = measured(source, allow_changed=True)
    for k, (level, noise) in enumerate(expected()):
        assert found["level_r"][k] == pytest.approx(level, rel=1e-6)
        assert found["noise_r"][k] == pytest.approx(noise, rel=1e-5)


def test_images_that_have_changed_are_said_and_null(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    found = measured(source, allow_changed=False)
    assert np.isnan(found["level_r"]).all()
    assert np.isnan(found["noise_r"]).all()
    assert "files have changed since the ingest" in caplog.text
