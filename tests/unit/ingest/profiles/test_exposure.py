"""Facts about exposures without a coadd."""

import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from goodpix.ingest.exposurefacts import exposure_facts
from goodpix.ingest.infofiles import PackedTile
from goodpix.ingest.profiles.exposure import CcdInfo, ExposureInfo
from goodpix.schema.planes.conversion import Conversion, Meaning
from goodpix.schema.planes.imagefiles import PlaneFile

KEYS = {f"{plane}_path": f"a_{plane}.fits" for plane in ("image", "weight", "bmask")}
KEYS |= {f"{plane}_ext": "N4" for plane in ("image", "weight", "bmask")}


def ccd(**more: Any) -> CcdInfo:
    return CcdInfo.model_validate({"tilename": "exp7", "band": "r", "expnum": 7, "ccdnum": 4, **KEYS, **more})


def test_files_of_an_image_have_their_conversions() -> None:
    sigma = Conversion(Meaning.SIGMA)
    files = ccd(conversions={"weight": sigma}).files
    assert files["weight"] == PlaneFile("a_weight.fits", "N4", conversion=sigma)
    assert files["bmask"].conversion is None


def test_fingerprint_stays_when_conversions_gain_a_parameter() -> None:
    given = {"weight": Conversion(lost_zeros=True), "bmask": Conversion(Meaning.CODES, ((3, 0),), trim=1)}
    expected = {"weight": {"lost_zeros": True}, "bmask": {"meaning": "codes", "bits": {"3": 0}, "trim": 1}}
    assert ccd(conversions=given).model_dump()["conversions"] == expected


def test_facts_are_the_profiles_or_else_those_of_the_header() -> None:
    header = {"EXPTIME": 90.0, "EXPNUM": 8}
    facts = exposure_facts({"EXPTIME": 30.0}, {})
    assert ccd().exposure(header, {}).exptime == 90
    assert ccd(facts=facts).exposure(header, {}).exptime == 30
    assert ccd().identity == {}


def test_exposure_has_no_coadd_and_no_files_of_its_own() -> None:
    info = ExposureInfo(tilename="exp7", band="r", src_info=(ccd(), ccd(ccdnum=5)))
    assert (info.has_coadd, info.files, info.unique_limits) == (False, {}, None)
    packed = PackedTile.of(info)
    assert (packed.images.size, packed.has_seg, packed.unpacked()) == (2, False, info)
    assert pickle.loads(pickle.dumps(info)) == info


def test_exposure_has_an_image() -> None:
    with pytest.raises(ValidationError, match="src_info"):
        ExposureInfo(tilename="exp7", band="r", src_info=())
