"""Facts about the celestial coordinates of a header; wcslib's word is asked of `astropy.wcs` itself."""

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.schema.errors import WcsError
from goodpix.schema.wcs.solution import unit_vectors

from .headers import PIXEL, SIP, TPV, Cards, grid, no_cd, of_wcslib, read, tan, tpv

# radians; a ten-millionth of a DECam pixel is 1.3e-13
NEAR = 1e-14


def largest(difference: Any) -> float:
    return float(np.sqrt((difference**2).sum(axis=0)).max())


FAST = {
    "TAN": tan(),
    "TPV": tpv(),
    "TPV with LONPOLE 180": tpv(LONPOLE=180.0),
    "cubic terms and more": tpv(PV1_12=0.2, PV2_17=-0.3, PV1_38=0.1),
    "zero radial terms": tpv(PV1_3=0.0, PV2_11=0.0, PV1_23=0.0, PV2_39=0.0),
    "CDELT alone": no_cd(CDELT1=-PIXEL, CDELT2=PIXEL),
    "PC and CDELT": no_cd(CDELT1=-PIXEL, CDELT2=2 * PIXEL, PC1_1=0.8, PC1_2=0.6, PC2_1=-0.6, PC2_2=0.8),
    "PC of one element": no_cd(CDELT1=-PIXEL, CDELT2=PIXEL, PC2_1=0.25),
    "diagonal CD": tan(CD1_2=None, CD2_1=None),
    "CDELT of 1 beside CD": tan(CDELT1=1.0, CDELT2=1.0),
    "RA below 0": tan(ra=-30.0),
    "RA over 360": tan(ra=400.0),
    "RA 0": tan(ra=0.0),
    "equator": tan(dec=0.0),
    "north pole": tan(dec=90.0),
    "south pole": tan(dec=-90.0),
    "TPV at the north pole": tpv(CRVAL2=90.0),
    "TPV at the south pole": tpv(CRVAL2=-90.0),
    "a breath from the pole": tan(dec=90 - 1e-10),
    "LATPOLE 90": tan(LATPOLE=90.0),
    "LATPOLE of CRVAL2": tan(LATPOLE=-40.0),
    "LONPOLE 180 at the south pole": tan(dec=-90.0, LONPOLE=180.0),
    "CUNIT deg": tan(CUNIT1="deg", CUNIT2="deg"),
    "EQUINOX and RADESYS": tan(EQUINOX=2000.0, RADESYS="ICRS"),
    "another, alternative WCS": tan(CTYPE1A="RA---SIN", CTYPE2A="DEC--SIN", CRVAL1A=1.0, CRVAL2A=2.0, CRPIX1A=9.0),
    "keywords of other matters": tan(VELREF=1, LTM1_1=0.5, LTV1=3.0, CRDER1=0.1),
}

SLOW = {
    "TAN-SIP": tan(projection="TAN-SIP", **SIP),
    "TAN-SIP without terms": tan(projection="TAN-SIP"),
    "radial PV_3": tpv(PV1_3=0.01, PV2_3=-0.02),
    "radial PV_11": tpv(PV1_11=0.01, PV2_11=-0.02),
    "radial PV_23": tpv(PV1_23=0.01, PV2_23=-0.02),
    "radial PV_39": tpv(PV1_39=0.01, PV2_39=-0.02),
    "LONPOLE": tan(LONPOLE=150.0),
    "LONPOLE of TPV": tpv(LONPOLE=150.0),
    "LONPOLE 180 at the north pole": tan(dec=90.0, LONPOLE=180.0),
    "LONPOLE 0 at the south pole": tan(dec=-90.0, LONPOLE=0.0),
    "LATPOLE": tan(LATPOLE=10.0),
    "CROTA2": no_cd(CDELT1=-PIXEL, CDELT2=1.1 * PIXEL, CROTA2=30.0),
    "CUNIT arcsec": tan(
        ra=30 * 3600.0,
        dec=-40 * 3600.0,
        CUNIT1="arcsec",
        CUNIT2="arcsec",
        CD1_1=-0.263,
        CD1_2=0.0,
        CD2_1=0.0,
        CD2_2=0.263,
    ),
    "CUNIT rad": tan(ra=3.0, dec=-0.7, CUNIT1="rad", CUNIT2="rad", CD1_1=-1e-6, CD1_2=0.0, CD2_1=0.0, CD2_2=1e-6),
    "SIN": tan(projection="SIN"),
    "SIN with a slant": tan(projection="SIN", PV2_1=0.1, PV2_2=0.2),
    "SIN with its own reference point": tan(projection="SIN", PV1_0=1.0, PV1_1=0.0, PV1_2=85.0),
    "ARC": tan(projection="ARC"),
    "ZEA": tan(projection="ZEA"),
    "STG": tan(projection="STG"),
    "ZPN": tan(projection="ZPN", PV2_1=1.0, PV2_3=42.0),
    "AIT": tan(dec=0.0, projection="AIT"),
    "CAR": tan(dec=0.0, projection="CAR"),
    "CEA": tan(dec=0.0, projection="CEA", PV2_1=1.0),
    "COE": tan(projection="COE", PV2_1=-40.0, PV2_2=5.0),
    "HPX": tan(dec=0.0, projection="HPX"),
}

SWAPPED = {
    "TAN": {**tan(-40.0, 30.0), "CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN"},
    "SIP": {**tan(-40.0, 30.0, **SIP), "CTYPE1": "DEC--TAN-SIP", "CTYPE2": "RA---TAN-SIP"},
    "ZEA": {**tan(-40.0, 30.0), "CTYPE1": "DEC--ZEA", "CTYPE2": "RA---ZEA"},
}


@pytest.mark.parametrize("cards", FAST.values(), ids=FAST)
def test_a_tangent_plane_with_polynomial_terms_is_polynomial(cards: Cards) -> None:
    assert read(cards).polynomial


@pytest.mark.parametrize("cards", SLOW.values(), ids=SLOW)
def test_anything_else_is_not_polynomial(cards: Cards) -> None:
    assert not read(cards).polynomial


@pytest.mark.parametrize("cards", [*FAST.values(), *SLOW.values()], ids=[*FAST, *SLOW])
def test_directions_are_those_of_wcslib(cards: Cards) -> None:
    assert largest(read(cards).vectors(*grid()) - of_wcslib(cards)) < NEAR


@pytest.mark.parametrize("cards", SWAPPED.values(), ids=SWAPPED)
def test_declination_may_be_the_first_axis(cards: Cards) -> None:
    assert largest(read(cards).vectors(*grid()) - of_wcslib(cards)) < NEAR


def test_declination_may_be_the_first_axis_of_tpv() -> None:
    # the same solution told with its axes in the other order; wcslib (8.4) takes the axes of such a TPV wrongly
    swapped: Cards = {}
    for key, value in TPV.items():
        other = key.replace("PV1", "PV3").replace("PV2", "PV1").replace("PV3", "PV2")
        if key.startswith(("CRVAL", "CTYPE")):
            other = key[:-1] + str(3 - int(key[-1]))
        elif key.startswith("CD"):
            other = f"CD{3 - int(key[2])}_{key[4]}"
        swapped[other] = value
    assert swapped["CTYPE1"] == "DEC--TPV"
    assert largest(read(swapped).vectors(*grid()) - of_wcslib(TPV)) < NEAR


@pytest.mark.parametrize("m", sorted(set(range(39)) - {3, 11, 23}))
@pytest.mark.parametrize("axis", [1, 2])
def test_each_polynomial_term_is_that_of_wcslib(m: int, axis: int) -> None:
    # PVi_0 and PVi_1 are there already
    cards: Cards = TPV | {f"PV{axis}_{m}": 0.9 if m == 1 else 0.3}
    wcs = read(cards)
    assert wcs.polynomial
    assert largest(wcs.vectors(*grid()) - of_wcslib(cards)) < NEAR


@pytest.mark.parametrize("extra", [{}, {"PV1_12": 0.3}, {"PV2_3": 0.01}], ids=["cubic", "quartic", "radial"])
def test_tan_with_pv_terms_means_tpv(extra: dict[str, Any]) -> None:
    cards = tpv(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", **extra)
    assert largest(read(cards).vectors(*grid()) - of_wcslib(tpv(**extra))) < NEAR


# The registry has 1 for a PVi_1 that is absent (https://fits.gsfc.nasa.gov/registry/tpvwcs.html); wcslib takes 0.
@pytest.mark.parametrize("without", ["PV1_1", "PV2_1", "PV1", "PV2", "PV"])
@pytest.mark.parametrize("extra", [{}, {"PV1_39": 1e-3}, {"LONPOLE": 150.0}], ids=["polynomial", "radial", "LONPOLE"])
def test_an_absent_linear_term_is_one(without: str, extra: dict[str, Any]) -> None:
    keys = [key for key in TPV if key == without or (key.startswith(without) and "_" not in without)]
    cards = {key: value for key, value in TPV.items() if key not in keys} | extra
    told = {"PV1_1": 1.0, "PV2_1": 1.0, **cards}
    assert largest(read(cards).vectors(*grid()) - of_wcslib(told)) < NEAR


@pytest.mark.parametrize("extra", [{}, {"PV1_39": 1e-3}], ids=["polynomial", "radial"])
def test_an_absent_linear_term_is_one_on_the_way_back(extra: dict[str, Any]) -> None:
    cards = {key: value for key, value in tpv(**extra).items() if key not in ("PV1_1", "PV2_1")}
    x, y = grid()
    wcs = read(cards)
    np.testing.assert_allclose(wcs.wcslib_pixels(wcs.vectors(x, y)), [x, y], rtol=0, atol=1e-8)


@pytest.mark.parametrize("value", [0, 0.0])
def test_pv_terms_that_are_all_zero_do_not_crash(value: float) -> None:
    cards = tpv(without="PV", PV2_4=value)
    told = {"PV1_1": 1.0, "PV2_1": 1.0, **cards}
    assert largest(read(cards).vectors(*grid()) - of_wcslib(told)) < NEAR


# Headers on which readers differ, or that say what a reader may miss: wcslib's answer, or a clear refusal.
ODD: dict[str, Cards] = {
    "three axes": tan(WCSAXES=3, CTYPE3="FREQ", CRVAL3=1.0, CRPIX3=1.0, CDELT3=1.0),
    "a third axis that turns into the first": tan(
        WCSAXES=3, CTYPE3="FREQ", CRVAL3=1.0, CRPIX3=5.0, CD3_3=1.0, CD1_3=PIXEL
    ),
    "PC beside CD": tan(CDELT1=-PIXEL, CDELT2=PIXEL, PC1_1=0.8, PC1_2=0.6, PC2_1=-0.6, PC2_2=0.8),
    "PC in its old spelling": no_cd(
        CDELT1=-PIXEL, CDELT2=PIXEL, PC001001=0.8, PC001002=0.6, PC002001=-0.6, PC002002=0.8
    ),
    "PC without CDELT": no_cd(PC1_1=-PIXEL, PC2_2=PIXEL),
    "TAN with the native longitude of the pole": tan(PV1_3=150.0),
    "TAN with the native latitude of the pole": tan(PV1_4=10.0),
    "TAN with its own reference point": tan(PV1_0=1.0, PV1_1=0.0, PV1_2=89.0),
    "TPV beside SIP terms": tpv(**SIP),
    "TAN-SIP beside PV terms": tpv(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", **SIP),
    "TAN with PV and SIP terms": tpv(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", **SIP),
    "SIP terms of one axis": tan(projection="TAN-SIP", A_ORDER=2, A_2_0=1e-6),
    "lower case": tan(CTYPE1="ra---tan", CTYPE2="dec--tan"),
    "CTYPE of two projections": tan(CTYPE2="DEC--SIN"),
    "no such projection": tan(projection="XXX"),
    "a projection without its parameters": tan(projection="ZPN"),
    "units of something else": tan(CUNIT1="s", CUNIT2="s"),
    "no such unit": tan(CUNIT1="furlong", CUNIT2="furlong"),
    "PV term 40": tpv(PV1_40=0.0),
    "PV term of a third axis": tpv(PV3_1=1.0),
    "a leading zero in a PV number": tpv(PV1_05=0.5),
    "zero row of CD": tan(CD1_1=0.0, CD1_2=0.0),
    "one element of CD": tan(CD1_2=None, CD2_1=None, CD2_2=None),
}


# What wcslib refuses, in keywords that mean the same.
PLAIN: dict[str, Cards] = {
    "three axes": tan(),
    "lower case": tan(),
    "PV term 40": tpv(),
    "PV term of a third axis": tpv(),
}


@pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ODD)
def test_an_odd_header_is_read_as_wcslib_reads_it_or_refused(name: str) -> None:
    try:
        vectors = read(ODD[name]).vectors(*grid())
    except WcsError:
        return
    assert largest(vectors - of_wcslib(PLAIN.get(name, ODD[name]))) < NEAR


@pytest.mark.parametrize("name", [*FAST, "CUNIT arcsec", "CUNIT rad", "LONPOLE", "TAN-SIP", "ARC"])
def test_what_is_in_front_is_less_than_90_degrees_from_crval(name: str) -> None:
    cards = (FAST | SLOW)[name]
    unit = {"arcsec": 1 / 3600, "rad": math.degrees(1)}.get(str(cards.get("CUNIT1")), 1.0)
    ra, dec = (float(cards[key]) * unit for key in ("CRVAL1", "CRVAL2"))
    towards = unit_vectors(ra, dec)
    across = np.cross(towards, [0.0, 0.6, 0.8])
    nearly_across = np.array([across + 1e-9 * towards, across - 1e-9 * towards]).T
    whole_sky = name == "ARC"
    assert read(cards).in_front(nearly_across).tolist() == [True, whole_sky]


@pytest.mark.parametrize("dec", [90.0, -90.0, 89.0, 0.0, -40.0])
def test_the_tangent_frame_is_a_rotation(dec: float) -> None:
    basis = read(tan(dec=dec)).basis
    np.testing.assert_allclose(basis @ basis.T, np.eye(3), rtol=0, atol=1e-15)
    assert np.linalg.det(basis) == pytest.approx(1.0)


@pytest.mark.parametrize(("ra", "dec"), [(0.0, 0.0), (359.9999, 10.0), (-30.0, 89.99), (180.0, -90.0)])
def test_sky_runs_from_0_to_360_degrees(ra: float, dec: float) -> None:
    found, _ = read(tan(ra=ra, dec=dec)).sky(*grid())
    assert found.min() >= 0
    assert found.max() < 360


@pytest.mark.parametrize("cards", [tan(ra=30.0), tan(projection="ZEA"), tpv()], ids=["TAN", "ZEA", "TPV"])
def test_sky_is_that_of_wcslib(cards: Cards) -> None:
    ra, dec = read(cards).sky(*grid())
    expected = WCS(fits.Header(list(cards.items()))).wcs_pix2world(*grid(), 1)
    np.testing.assert_allclose([ra, dec], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cards", [*FAST.values(), *SLOW.values()], ids=[*FAST, *SLOW])
def test_wcslib_pixels_undoes_vectors(cards: Cards) -> None:
    wcs = read(cards)
    x, y = grid()
    found = wcs.wcslib_pixels(wcs.vectors(x, y))
    # wcslib's own inverse of the slant SIN is good to a millionth
    near = 2e-6 if "PV2_2" in cards and "SIN" in str(cards["CTYPE1"]) else 1e-7
    np.testing.assert_allclose(found, [x, y], rtol=0, atol=near)


def test_what_one_does_to_wcslibs_solution_reaches_nobody_else() -> None:
    wcs = read(tan())
    expected = wcs.wcslib().wcs.crval.tolist()
    wcs.wcslib().wcs.crval = [5.0, 5.0]
    assert wcs.wcslib().wcs.crval.tolist() == read(tan()).wcslib().wcs.crval.tolist() == expected


def test_keys_in_lower_case_are_read() -> None:
    cards = tan()
    assert read({key.lower(): value for key, value in cards.items()}) == read(cards)


def test_blank_and_missing_values_are_absent_keywords() -> None:
    assert read({**tan(), "LONPOLE": None, "CUNIT1": "  ", "LATPOLE": ""}) == read(tan())


def test_blanks_around_ctype_are_nothing() -> None:
    cards = tan(CTYPE1="RA---TAN  ", CTYPE2="DEC--TAN ")
    assert read(cards) == read(tan())


def test_other_keywords_are_not_kept() -> None:
    assert set(read({**tan(), "EXPNUM": 5, "SKYBRITE": math.nan}).keywords) == set(tan())


@pytest.mark.parametrize("name", ["crval", "crpix", "cd", "pv", "basis"])
def test_coefficients_are_computed_once_and_nobody_writes_into_them(name: str) -> None:
    wcs = read(tan())
    found = getattr(wcs, name)
    assert getattr(wcs, name) is found
    with pytest.raises(ValueError, match="read-only"):
        found[...] = 0


@pytest.mark.parametrize("cards", [*FAST.values(), *SLOW.values()], ids=[*FAST, *SLOW])
def test_it_survives_pickle(cards: Cards) -> None:
    wcs = read(cards)
    copy = pickle.loads(pickle.dumps(wcs))
    assert copy.keywords == wcs.keywords
    np.testing.assert_array_equal(copy.vectors(*grid()), wcs.vectors(*grid()))


@pytest.mark.parametrize("cards", [*FAST.values(), *SLOW.values()], ids=[*FAST, *SLOW])
def test_its_keywords_in_json_rebuild_it(cards: Cards) -> None:
    wcs = read(cards)
    copy = read(json.loads(json.dumps(dict(wcs.keywords))))
    np.testing.assert_array_equal(copy.vectors(*grid()), wcs.vectors(*grid()))


def test_keywords_cannot_be_changed() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        read(tan()).keywords["CRVAL1"] = 1.0  # type: ignore[index]  # that it is refused is the fact
