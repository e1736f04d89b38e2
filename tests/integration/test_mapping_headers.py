"""Pixel mappings of headers other than DECam's, compared with wcslib."""

from dataclasses import dataclass

import numpy as np
import pytest

from goodpix.ingest.direct import Side, direct_positions
from goodpix.schema.wcs.pixelmap import RationalMap, WcslibMap
from goodpix.schema.wcs.solution import Wcs

from .directmapping import (
    CCD,
    CENTRE,
    DIRECT,
    HEADERS,
    PIXEL,
    SIP,
    TIE,
    TILE_HERE,
    TPV,
    Cards,
    Floats,
    by_wcslib,
    either_way,
    mapping,
    sample,
    tan,
    without,
)

# near a small coadd's tangent point as many sky projections as there are look alike
ZENITHAL = ["SIN", "ZEA", "ARC", "STG"]


@dataclass(frozen=True, slots=True)
class Pair:
    """An epoch and a coadd, and how wcslib needs to be told of them where it reads the header otherwise."""

    epoch: Cards
    coadd: Cards
    kind: type[RationalMap] | type[WcslibMap]
    told_epoch: Cards | None = None
    told_coadd: Cards | None = None


AS_TAN: Cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}
HIGH: Cards = {
    f"PV{axis}_{m}": (0.3 if axis == 1 else -0.2) / (1 + m % 5) for axis in (1, 2) for m in range(12, 39) if m != 23
}
NO_PV2 = {key: value for key, value in TPV.items() if not key.startswith("PV2")}
NO_PV = {key: value for key, value in TPV.items() if not key.startswith("PV")}
ARCSEC: Cards = {
    "CUNIT1": "arcsec",
    "CUNIT2": "arcsec",
    "CRVAL1": float(TILE_HERE["CRVAL1"]) * 3600,
    "CRVAL2": float(TILE_HERE["CRVAL2"]) * 3600,
    "CD1_1": -0.263,
    "CD2_2": 0.263,
}
SIP_EPOCH = tan(*CENTRE, CCD, "TAN-SIP", **SIP)
PC_COADD = without(TILE_HERE, "CD1_1", "CD1_2", "CD2_1", "CD2_2") | {
    "CDELT1": -PIXEL,
    "CDELT2": PIXEL,
    "PC1_1": 0.8,
    "PC1_2": 0.6,
    "PC2_1": -0.6,
    "PC2_2": 0.8,
}

PAIRS = {
    "TAN with PV": Pair(TPV | AS_TAN, TILE_HERE, RationalMap, told_epoch=TPV),
    "TAN with PV and a radial term": Pair(
        TPV | AS_TAN | {"PV1_3": 0.01}, TILE_HERE, WcslibMap, told_epoch=TPV | {"PV1_3": 0.01}
    ),
    "all polynomial terms": Pair(TPV | HIGH, TILE_HERE, RationalMap),
    "PV_3": Pair(TPV | {"PV1_3": 0.01, "PV2_3": -0.02}, TILE_HERE, WcslibMap),
    "PV_11": Pair(TPV | {"PV1_11": 0.01}, TILE_HERE, WcslibMap),
    "PV_23": Pair(TPV | {"PV2_23": 0.01}, TILE_HERE, WcslibMap),
    "PV_39": Pair(TPV | {"PV1_39": 0.01}, TILE_HERE, WcslibMap),
    "PV1_1 absent": Pair(without(TPV, "PV1_1"), TILE_HERE, RationalMap, told_epoch=TPV | {"PV1_1": 1.0}),
    "PV2 absent": Pair(NO_PV2, TILE_HERE, RationalMap, told_epoch=NO_PV2 | {"PV2_1": 1.0}),
    "TPV without PV": Pair(NO_PV, TILE_HERE, RationalMap, told_epoch=NO_PV | AS_TAN),
    "PV1_1 absent beside a radial term": Pair(
        without(TPV, "PV1_1") | {"PV2_3": 0.01},
        TILE_HERE,
        WcslibMap,
        told_epoch=TPV | {"PV1_1": 1.0, "PV2_3": 0.01},
    ),
    "SIP epoch": Pair(SIP_EPOCH, TILE_HERE, WcslibMap),
    "SIP coadd": Pair(TPV, TILE_HERE | SIP | {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"}, WcslibMap),
    "TPV coadd": Pair(TPV, HEADERS[4] | {"CRVAL1": TPV["CRVAL1"], "CRVAL2": TPV["CRVAL2"]}, WcslibMap),
    "TPV coadd without PV1_1": Pair(TPV, without(TPV, "PV1_1"), WcslibMap, told_coadd=TPV | {"PV1_1": 1.0}),
    "TPV coadd without PV": Pair(
        TPV,
        TILE_HERE | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"},
        RationalMap,
        told_coadd=TILE_HERE,
    ),
    **{
        f"{code} coadd": Pair(TPV, TILE_HERE | {"CTYPE1": f"RA---{code}", "CTYPE2": f"DEC--{code}"}, WcslibMap)
        for code in ZENITHAL
    },
    **{f"{code} epoch": Pair(tan(*CENTRE, CCD, code), TILE_HERE, WcslibMap) for code in ZENITHAL},
    "LONPOLE of the epoch": Pair(TPV | {"LONPOLE": 179.0}, TILE_HERE, WcslibMap),
    "LONPOLE of the coadd": Pair(TPV, TILE_HERE | {"LONPOLE": 150.0}, WcslibMap),
    "LONPOLE and LATPOLE as by default": Pair(TPV | {"LONPOLE": 180.0}, TILE_HERE | {"LATPOLE": 90.0}, RationalMap),
    "LATPOLE of the coadd": Pair(TPV, TILE_HERE | {"LATPOLE": 10.0}, WcslibMap),
    "PC and CDELT": Pair(TPV, PC_COADD, RationalMap),
    "CUNIT arcsec of the coadd": Pair(TPV, TILE_HERE | ARCSEC, WcslibMap),
}


def of_pair(name: str) -> tuple[Floats, Floats, Floats]:
    """Return a pair's positions, of all of a CCD, and wcslib's; and the pixels."""
    pair = PAIRS[name]
    x, y = sample(17, 9)
    found = np.array(mapping(pair.epoch, pair.coadd).positions(x, y))
    expected = by_wcslib(pair.told_epoch or pair.epoch, pair.told_coadd or pair.coadd, x, y)
    return found, expected, np.array([x, y])


@pytest.mark.parametrize("name", PAIRS)
def test_positions_of_other_headers_are_those_of_wcslib(name: str) -> None:
    found, expected, _ = of_pair(name)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found, expected, rtol=0, atol=TIE)


@pytest.mark.parametrize("name", PAIRS)
def test_the_fast_way_is_taken_exactly_where_it_holds(name: str) -> None:
    assert isinstance(mapping(PAIRS[name].epoch, PAIRS[name].coadd), PAIRS[name].kind)


@pytest.mark.parametrize("name", ["TAN with PV", "all polynomial terms", "PV_3", "SIP epoch", "TPV coadd"])
def test_the_check_that_users_run_agrees(name: str) -> None:
    pair = PAIRS[name]
    small = (32, 16)
    epoch = Side(np.zeros(small, np.int64), Wcs.from_header(pair.epoch, "epoch"), 1)
    coadd = Side(np.zeros((9, 9), np.int64), Wcs.from_header(pair.coadd, "coadd"), 1)
    y, x = np.mgrid[0:32, 0:16].astype(np.float64)
    found = mapping(pair.epoch, pair.coadd).positions(x, y)
    np.testing.assert_allclose(direct_positions(epoch, coadd), found, rtol=0, atol=TIE)


@either_way
def test_declination_may_be_the_first_axis_of_the_coadd(way: str) -> None:
    # the same tile, transposed
    names = {"CRPIX1": "CRPIX2", "CRPIX2": "CRPIX1", "CRVAL1": "CRVAL2", "CRVAL2": "CRVAL1"}
    names |= {"CTYPE1": "CTYPE2", "CTYPE2": "CTYPE1", "CD1_1": "CD2_2", "CD2_2": "CD1_1"}
    transposed = {names.get(key, key): value for key, value in TILE_HERE.items()}
    x, y = sample()
    found = np.array(mapping(TPV, transposed).positions(x, y))
    np.testing.assert_allclose(found[::-1], DIRECT[way](TPV, TILE_HERE, x, y), rtol=0, atol=TIE)


def test_declination_may_be_the_first_axis_of_a_tpv_epoch() -> None:
    # the same solution with its axes told in the other order; wcslib (8.4) takes such axes wrongly
    names = {"CTYPE1": "CTYPE2", "CTYPE2": "CTYPE1", "CRVAL1": "CRVAL2", "CRVAL2": "CRVAL1"}
    names |= {f"CD{i}_{j}": f"CD{3 - i}_{j}" for i in (1, 2) for j in (1, 2)}
    names |= {f"PV{i}_{m}": f"PV{3 - i}_{m}" for i in (1, 2) for m in range(11)}
    swapped = {names.get(key, key): value for key, value in TPV.items()}
    x, y = sample()
    found = mapping(swapped, TILE_HERE).positions(x, y)
    np.testing.assert_allclose(found, by_wcslib(TPV, TILE_HERE, x, y), rtol=0, atol=TIE)
