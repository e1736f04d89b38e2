"""Facts about the way from the sky to the pixels of many images; wcslib's word is asked of `astropy.wcs` itself."""

import importlib.resources
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.schema.errors import DamagedValueError
from goodpix.schema.wcs.skytopixel import WcsStack
from goodpix.schema.wcs.solution import Wcs, unit_vectors

from .headers import PIXEL, Cards, no_cd, tan

Floats = npt.NDArray[np.float64]

DECAM: list[Cards] = [
    entry["wcs"]
    for entry in json.loads(
        importlib.resources.files("goodpix.ingest.synthetic").joinpath("decam_headers.json").read_text()
    )
]
TPV = DECAM[3]

# pixels
NEAR = 1e-6


def moved(ra: float, dec: float, **more: Any) -> Cards:
    """Return a DECam solution about another point of the sky."""
    return TPV | {"CRVAL1": ra, "CRVAL2": dec, "CRPIX1": 900.0, "CRPIX2": 2100.0} | more


FAST: dict[str, Cards] = {
    "TAN": tan(),
    "TAN at RA 0": tan(ra=0.0),
    "TAN just west of RA 0": tan(ra=359.99),
    "TAN at RA 360": tan(ra=360.0),
    "TAN below RA 0": tan(ra=-0.1),
    "TAN at the north pole": tan(dec=90.0),
    "TAN at the south pole": tan(dec=-90.0),
    "TAN near the north pole": tan(dec=89.97),
    "TPV": TPV,
    "TPV at RA 0": moved(0.0, 10.0),
    "TPV just west of RA 0": moved(359.999, -60.0),
    "TPV at the north pole": moved(77.0, 90.0),
    "TPV at the south pole": moved(200.0, -90.0),
    "TPV near the south pole": moved(12.0, -89.98),
    "terms of degree 4 and 7": moved(10.0, -20.0, PV1_12=0.2, PV2_17=-0.3, PV1_38=0.1),
    "zero radial terms": moved(10.0, -20.0, PV1_3=0.0, PV2_11=0.0),
    "CDELT alone": no_cd(CDELT1=-PIXEL, CDELT2=PIXEL),
    "PC and CDELT": no_cd(CDELT1=-PIXEL, CDELT2=2 * PIXEL, PC1_1=0.8, PC1_2=0.6, PC2_1=-0.6, PC2_2=0.8),
    "whole numbers": tan(ra=30, dec=-40, CRPIX1=1000, CRPIX2=2000),
}
SLOW: dict[str, Cards] = {
    "radial PV_3": moved(10.0, -20.0, PV1_3=0.01, PV2_3=-0.02),
    "LONPOLE": tan(LONPOLE=150.0),
    "LATPOLE": tan(LATPOLE=10.0),
    "LONPOLE 180 at the north pole": tan(dec=90.0, LONPOLE=180.0),
    "SIN": tan(projection="SIN"),
    "TAN-SIP": tan(projection="TAN-SIP", A_ORDER=2, B_ORDER=2, A_2_0=1e-6, A_1_1=2e-6, B_0_2=1.5e-6),
    "ZEA": tan(projection="ZEA"),
    "CUNIT arcsec": tan(
        ra=30 * 3600.0, dec=-40 * 3600.0, CUNIT1="arcsec", CUNIT2="arcsec", CD1_1=-0.263, CD1_2=0, CD2_1=0, CD2_2=0.263
    ),
}
ALL = FAST | SLOW


def read(cards: Cards) -> Wcs:
    return Wcs.from_header(cards, "image.fits[sci]")


def positions(seed: int = 1, n: int = 60) -> Floats:
    """Return positions on a CCD and around it; shape (2, n)."""
    rng = np.random.default_rng(seed)
    return np.array([rng.uniform(-900, 2900, n), rng.uniform(-900, 4900, n)])


def by_wcslib(cards: Cards, xy: Floats) -> Floats:
    """Return directions; shape (3, n)."""
    return unit_vectors(*WCS(fits.Header(list(cards.items()))).all_pix2world(*xy, 1))


def all_of(number: int, n: int) -> npt.NDArray[np.intp]:
    return np.full(n, number, np.intp)


@pytest.mark.parametrize("cards", ALL.values(), ids=ALL)
def test_pixels_are_those_that_wcslib_maps_to_the_direction(cards: Cards) -> None:
    xy = positions()
    found = WcsStack.of([read(cards)]).pixels(all_of(0, xy.shape[1]), by_wcslib(cards, xy))
    np.testing.assert_allclose(found, xy, rtol=0, atol=NEAR)


@pytest.mark.parametrize("number", range(len(DECAM)))
def test_pixels_of_every_decam_header_are_those_of_wcslib(number: int) -> None:
    cards, xy = DECAM[number], positions(number)
    wcs = WCS(fits.Header(list(cards.items())))
    sky = wcs.wcs_pix2world(*xy, 1)
    found = WcsStack.of([read(cards)]).pixels(all_of(0, xy.shape[1]), unit_vectors(*sky))
    np.testing.assert_allclose(found, wcs.wcs_world2pix(*sky, 1), rtol=0, atol=NEAR)


@pytest.mark.parametrize("cards", ALL.values(), ids=ALL)
def test_vectors_are_those_of_the_solution_alone(cards: Cards) -> None:
    xy = positions()
    wcs = read(cards)
    found = WcsStack.of([wcs]).vectors(all_of(0, xy.shape[1]), *xy)
    np.testing.assert_allclose(found, wcs.vectors(*xy), rtol=0, atol=1e-15)


def test_many_solutions_together_give_what_each_gives_alone() -> None:
    wcs = [read(cards) for cards in (*ALL.values(), *DECAM)]
    together = WcsStack.of(wcs)
    xy = positions(5, 400)
    which = np.random.default_rng(6).integers(0, len(wcs), 400)
    vectors = together.vectors(which, *xy)
    for number, each in enumerate(wcs):
        mine = which == number
        np.testing.assert_allclose(vectors[:, mine], each.vectors(*xy[:, mine]), rtol=0, atol=1e-15)
    np.testing.assert_allclose(together.pixels(which, vectors), xy, rtol=0, atol=NEAR)


def test_solutions_of_different_degree_are_filled_up_with_zeros() -> None:
    stack = WcsStack.of([read(tan()), read(TPV), read(moved(10.0, -20.0, PV1_38=0.1))])
    assert stack.pv.shape == (3, 2, 8, 8)
    for number, cards in enumerate((tan(), TPV)):
        alone = read(cards).pv
        n = alone.shape[1]
        np.testing.assert_array_equal(stack.pv[number, :, :n, :n], alone)
        assert not stack.pv[number, :, n:].any()
        assert not stack.pv[number, :, :, n:].any()


def test_only_what_is_not_polynomial_goes_through_wcslib() -> None:
    stack = WcsStack.of([read(cards) for cards in ALL.values()])
    assert list(stack.others) == list(range(len(FAST), len(ALL)))


def test_stored_texts_give_the_same_as_solutions() -> None:
    wcs = [read(cards) for cards in (*ALL.values(), *ALL.values())]
    texts = [json.dumps(dict(each.keywords), sort_keys=True) for each in wcs]
    from_json, of = WcsStack.from_json(texts), WcsStack.of(wcs)
    assert len(from_json) == len(of) == len(texts)
    for name in ("crpix", "cd", "to_pixels", "frames", "pv"):
        np.testing.assert_array_equal(getattr(from_json, name), getattr(of, name))
    assert sorted(from_json.others) == sorted(of.others)


def test_solutions_with_the_same_keywords_are_told_apart_by_their_values() -> None:
    # a radial term or a pole that is not zero makes one of two headers that look alike another kind
    pairs = [
        (moved(10.0, -20.0, PV1_3=0.0), moved(10.0, -20.0, PV1_3=0.01)),
        (tan(LONPOLE=180.0), tan(LONPOLE=150.0)),
        (tan(LATPOLE=90.0), tan(LATPOLE=10.0)),
        (tan(), tan(projection="SIN")),
    ]
    stack = WcsStack.of([read(cards) for pair in pairs for cards in pair])
    assert sorted(stack.others) == [1, 3, 5, 7]


def test_no_solutions_are_an_empty_stack() -> None:
    stack = WcsStack.from_json([])
    assert len(stack) == 0
    assert stack.pixels(np.empty(0, np.intp), np.empty((3, 0))).shape == (2, 0)


@pytest.mark.parametrize("name", ["TAN", "TPV", "TPV at the north pole", "LONPOLE"])
def test_what_is_90_degrees_or_more_away_has_no_pixel(name: str) -> None:
    wcs = read(ALL[name])
    towards = unit_vectors(*wcs.crval)
    across = np.cross(towards, [0.0, 0.6, 0.8])
    across /= np.linalg.norm(across)
    away = np.array([-towards, across - 1e-6 * towards]).T
    assert np.isnan(WcsStack.of([wcs]).pixels(all_of(0, 2), away)).all()


def test_a_direction_that_no_position_maps_to_has_no_pixel() -> None:
    folded = read(tan(projection="TPV", PV1_1=1.0, PV2_1=1.0, PV1_4=-100.0))
    stack = WcsStack.of([folded])
    # xi = u - 100 u**2 has its greatest value, 0.0025 degrees, at u = 0.005
    frame = stack.frames[0]
    for xi, there in ((0.0024, True), (0.0026, False)):
        vector = frame[2] + np.radians(xi) * frame[0]
        found = stack.pixels(all_of(0, 1), (vector / np.linalg.norm(vector))[:, np.newaxis])
        assert np.isfinite(found).all() == there
        if there:
            back = folded.vectors(*found)
            np.testing.assert_allclose(back[:, 0], vector / np.linalg.norm(vector), rtol=0, atol=1e-13)


@pytest.mark.parametrize("cards", FAST.values(), ids=FAST)
def test_every_pixel_maps_back_or_there_is_none(cards: Cards) -> None:
    rng = np.random.default_rng(9)
    vectors = rng.normal(size=(3, 500))
    vectors /= np.sqrt((vectors**2).sum(axis=0))
    wcs = read(cards)
    found = WcsStack.of([wcs]).pixels(all_of(0, 500), vectors)
    there = np.isfinite(found).all(axis=0)
    scale = np.sqrt((found[:, there] ** 2).sum(axis=0)).clip(1)
    missed = np.sqrt(((wcs.vectors(*found[:, there]) - vectors[:, there]) ** 2).sum(axis=0))
    assert (missed < 1e-12 * scale).all()


def newton_twin(stack: WcsStack, number: int, vector: Floats) -> Floats:
    """Return the position of one direction, by numpy's polynomials and derivatives by differences."""
    down = stack.frames[number, 2] @ vector
    target = np.degrees(stack.frames[number, :2] @ vector / down)
    uv = np.zeros(2)

    def plane(at: Floats) -> Floats:
        return np.array([np.polynomial.polynomial.polyval2d(at[0], at[1], each) for each in stack.pv[number]])

    for _ in range(40):
        step = 1e-6
        jacobian = np.array([(plane(uv + d) - plane(uv - d)) / (2 * step) for d in np.eye(2) * step]).T
        uv = uv + np.linalg.solve(jacobian, target - plane(uv))
    found: Floats = stack.crpix[number] + stack.to_pixels[number] @ uv
    return found


@pytest.mark.parametrize("name", ["TAN", "TPV", "terms of degree 4 and 7", "TPV at the south pole"])
def test_the_kernel_equals_its_plain_twin(name: str) -> None:
    stack = WcsStack.of([read(FAST[name])])
    xy = positions(11, 12)
    vectors = stack.vectors(all_of(0, 12), *xy)
    found = stack.pixels(all_of(0, 12), vectors)
    expected = np.array([newton_twin(stack, 0, each) for each in vectors.T]).T
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    "entries",
    [
        {"CTYPE1": "RA---XYZ"},
        {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 10**9, "B_ORDER": 10**9},
        {"NAXIS1": "x"},
        {"CRVAL1": 10**400},
    ],
    ids=["projection", "order", "size", "number"],
)
def test_damaged_text_is_an_error_of_one_line(entries: dict[str, Any]) -> None:
    text = json.dumps(dict(read(TPV).keywords) | entries)
    with pytest.raises(DamagedValueError, match=r"^stored WCS: [^\n]*: run goodpix verify --repair$"):
        WcsStack.from_json([text])
