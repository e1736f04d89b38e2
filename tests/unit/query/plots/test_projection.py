"""The projection of the sky knows no seam and no pole."""

import numpy as np
import pytest
from astropy.wcs import WCS

from goodpix.query.plots.projection import Flat, graticule

MIDDLES = [(0.0, 0.0), (359.9, -33.0), (120.0, 89.0), (10.0, -90.0), (200.0, 45.0)]


@pytest.mark.parametrize(("ra", "dec"), MIDDLES)
def test_positions_lie_where_wcslib_has_them(ra: float, dec: float) -> None:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt = ["RA---ZEA", "DEC--ZEA"], [ra, dec], [1.0, 1.0]
    rng = np.random.default_rng(1)
    others = np.array([rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-0.99, 0.99, 200)))])
    found = Flat(ra, dec).project(*others)
    assert found == pytest.approx(np.array(wcs.wcs_world2pix(*others, 1)), abs=1e-9)


def test_middle_of_positions_about_ra_zero_is_there() -> None:
    flat = Flat.about(np.array([359.0, 1.0, 358.0, 2.0]), np.array([-30.0, -30.0, -31.0, -31.0]))
    assert (flat.ra + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)
    assert flat.dec == pytest.approx(-30.5, abs=0.01)


def test_east_is_positive_across_ra_zero() -> None:
    x, _ = Flat(0.0, -30.0).project(np.array([359.5, 0.0, 0.5]), np.full(3, -30.0))
    assert np.diff(x) == pytest.approx([0.433, 0.433], abs=0.001)


def test_a_tile_around_a_pole_stays_small() -> None:
    corners = Flat.about(np.array([0.0]), np.array([-90.0])).project(
        np.array([45.0, 135.0, 225.0, 315.0]), np.full(4, -89.6)
    )
    assert np.hypot(*corners) == pytest.approx(np.full(4, 0.4), abs=1e-4)


@pytest.mark.parametrize(
    ("flat", "reach", "labels"),
    [
        (Flat(0.0, -30.0), 4.0, {"358°", "0°", "2°", "\N{MINUS SIGN}30°", "\N{MINUS SIGN}28°"}),
        (Flat(22.88, -32.1), 0.03, {"22.88°", "\N{MINUS SIGN}32.1°"}),
        (Flat(77.0, -90.0), 10.0, {*(f"{ra}°" for ra in range(0, 360, 30)), "\N{MINUS SIGN}85°"}),
        (Flat(77.0, 10.0), 10.0, {"80°", "70°", "0°", "+10°"}),
    ],
)
def test_lines_have_round_degrees(flat: Flat, reach: float, labels: set[str]) -> None:
    lines = graticule(flat, reach)
    assert labels <= {line.label for line in lines}
    assert len([line for line in lines if line.of_ra]) <= 12


def test_lines_leave_a_box_at_its_edges() -> None:
    low, high = np.array([-3.0, -3.0]), np.array([3.0, 3.0])
    (meridian,) = (line for line in graticule(Flat(0.0, -30.0), 3.0) if line.label == "0°" and line.of_ra)
    assert [each.edge for each in meridian.exits(low, high)] == ["south", "north"]
    for line in graticule(Flat(0.0, -30.0), 3.0):
        for each in line.exits(low, high):
            assert max(abs(each.x), abs(each.y)) == pytest.approx(3.0)
