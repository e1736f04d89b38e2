"""Random points on the sphere."""

import hpgeom
import numpy as np
import pytest
from scipy.stats import kstest

from goodpix.query.places.poisson import CellPoints, RandomPoints, TilePoints
from goodpix.schema.wcs.footprint import UniqueRegion

ACROSS_RA_0 = UniqueRegion(359.6, 0.3, -5.0, -4.4)
AT_THE_POLE = UniqueRegion(10.0, 90.0, 89.5, 90.0)
AREAS: dict[str, RandomPoints] = {
    "RA 0": TilePoints(3, "DES0000-0442", ACROSS_RA_0),
    "pole": TilePoints(3, "POLE", AT_THE_POLE),
    "cell": CellPoints(3, 1_000_000),
    "polar cell": CellPoints(3, (1 << 22) - 1),
}


@pytest.mark.parametrize("name", AREAS)
def test_number_of_points_is_poissonian(name: str) -> None:
    area = AREAS[name]
    numbers = []
    for seed in range(200):
        other = CellPoints(seed, area.cell) if isinstance(area, CellPoints) else TilePoints(seed, *_tile(area))
        numbers.append(other.up_to(20 / area.area).ra.size)
    assert np.mean(numbers) == pytest.approx(20, abs=4 * np.sqrt(20 / 200))
    assert np.var(numbers) == pytest.approx(20, abs=4 * 20 * np.sqrt(2 / 200))


def _tile(area: RandomPoints) -> tuple[str, UniqueRegion]:
    assert isinstance(area, TilePoints)
    return area.tilename, area.region


@pytest.mark.parametrize("name", AREAS)
def test_lower_densities_have_the_first_points(name: str) -> None:
    area = AREAS[name]
    many, few = area.up_to(5000 / area.area), area.up_to(1500 / area.area)
    n = few.ra.size
    assert 1300 < n < 1700
    for coordinate in ("ra", "dec", "density"):
        assert np.array_equal(getattr(many, coordinate)[:n], getattr(few, coordinate))
    assert (np.diff(many.density) > 0).all()


@pytest.mark.parametrize("region", [ACROSS_RA_0, AT_THE_POLE])
def test_points_of_a_tile_are_uniform(region: UniqueRegion) -> None:
    area = TilePoints(1, "T", region)
    points = area.up_to(20_000 / area.area)
    east = (points.ra - region.west) % 360 / ((region.east - region.west) % 360)
    south, north = np.sin(np.radians([region.south, region.north]))
    up = (np.sin(np.radians(points.dec)) - south) / (north - south)
    assert min(kstest(each, "uniform").pvalue for each in (east, up)) > 1e-3
    assert abs(np.corrcoef(east, up)[0, 1]) < 4 / np.sqrt(20_000)


@pytest.mark.parametrize("name", ["cell", "polar cell"])
def test_points_of_a_cell_are_uniform(name: str) -> None:
    area = AREAS[name]
    assert isinstance(area, CellPoints)
    points = area.up_to(16_000 / area.area)
    cells = hpgeom.angle_to_pixel(2048 << 3, points.ra, points.dec)
    assert set(cells >> 6) == {area.cell}
    counts = np.bincount(cells & 63, minlength=64)
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() == pytest.approx(63, abs=5 * np.sqrt(126))


def test_tiles_and_seeds_have_points_of_their_own() -> None:
    drawn = [TilePoints(seed, tile, ACROSS_RA_0).up_to(500).ra for seed, tile in ((1, "A"), (2, "A"), (1, "B"))]
    assert not set(drawn[0]) & set(drawn[1])
    assert not set(drawn[0]) & set(drawn[2])
