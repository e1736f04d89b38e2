"""Facts about the exposures of a synthetic camera."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.ingest.profiles.noirlab_cp import NoirlabCp
from goodpix.ingest.synthetic.camera import CameraSpec, Worsening, make_cp_exposures, make_exposures
from goodpix.ingest.synthetic.decam import CCD_SHAPE, PIXEL_ARCSEC
from goodpix.ingest.synthetic.exposure import amplifiers
from goodpix.query.focalplane import FOCAL_PLANE, MM_PER_PIXEL
from goodpix.schema.bits import DES_Y6
from goodpix.schema.errors import UsageError

SHAPE = (128, 64)
SPEC = CameraSpec((3, 31, 41), SHAPE, n_nights=2, dead=((31, "A"),), worsening=Worsening(41, "B", 1, 0.25))


def planes(path: Path, kind: str) -> dict[str, fits.ImageHDU]:
    with fits.open(str(path).replace("_sci.", f"_{kind}."), memmap=False) as file:
        return {unit.name: unit.copy() for unit in file[1:]}


def test_exposures_are_the_same_every_time(tmp_path: Path) -> None:
    first, second = (make_exposures(tmp_path / name, SPEC) for name in "ab")
    assert [path.name for path in first] == ["D00310000_r_sci.fits.fz", "D00310001_r_sci.fits.fz"]
    for path in first[0].parent.iterdir():
        assert path.read_bytes() == (second[0].parent / path.name).read_bytes()


def test_one_amplifier_gets_worse_from_its_night_on(tmp_path: Path) -> None:
    before, after = (planes(path, "msk") for path in make_exposures(tmp_path, SPEC))
    _, half_b = amplifiers(41, SHAPE[1])
    bad_columns = [
        np.flatnonzero((masks["CCD41"].data & DES_Y6.se["BPM"] != 0).all(axis=0)) for masks in (before, after)
    ]
    added = set(bad_columns[1]) - set(bad_columns[0])
    assert len(added) == 8
    assert added <= set(range(half_b.start, half_b.stop))
    dead = amplifiers(31, SHAPE[1])[0]
    for masks in (before, after):
        flagged = masks["CCD31"].data & DES_Y6.se["BADAMP"] != 0
        assert flagged[:, dead].all()
        assert np.count_nonzero(flagged) == flagged[:, dead].size
        assert not np.any(masks["CCD3"].data & DES_Y6.se["BADAMP"])


def test_satellites_cross_all_images_of_a_crowded_night(tmp_path: Path) -> None:
    spec = replace(SPEC, ccdnums=tuple(range(1, 11)), crowded_night=1)
    crossed = [
        sum(bool(np.any(unit.data & DES_Y6.se["STREAK"])) for unit in planes(path, "msk").values())
        for path in make_exposures(tmp_path, spec)
    ]
    assert crossed[0] < crossed[1] == 10


def test_nights_are_those_of_the_headers(tmp_path: Path) -> None:
    headers = [planes(path, "sci")["CCD3"].header for path in make_exposures(tmp_path, SPEC)]
    assert tuple(int(header["NITE"]) for header in headers) == SPEC.nites == (20161001, 20161002)


@pytest.mark.parametrize("ccdnum", [1, 31, 32, 62])
def test_ccds_lie_as_in_the_focal_plane(tmp_path: Path, ccdnum: int) -> None:
    spec = CameraSpec((ccdnum,), SHAPE)
    (path,) = make_exposures(tmp_path, spec)
    header = planes(path, "sci")[f"CCD{ccdnum}"].header
    assert header["DETPOS"] == FOCAL_PLANE[ccdnum].detpos
    ra, dec = WCS(header).all_pix2world((SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2, 0)
    scale = PIXEL_ARCSEC / 3600 / MM_PER_PIXEL * SHAPE[0] / CCD_SHAPE[0]
    north = dec - spec.pointings[0][1]
    east = (ra - spec.pointings[0][0]) * np.cos(np.radians(dec))
    assert (east, north) == pytest.approx((FOCAL_PLANE[ccdnum].y * scale, -FOCAL_PLANE[ccdnum].x * scale), abs=1e-5)


def test_community_pipeline_files_are_what_their_profile_takes(tmp_path: Path) -> None:
    spec = replace(SPEC, bands=("g", "r"), exptime=60.0)
    images = make_cp_exposures(tmp_path, spec)
    profile = NoirlabCp()
    assert profile.find([tmp_path], {}) == images
    infos = [profile.read(image, {}) for image in images]
    assert [info.band for info in infos] == ["g", "r"]
    assert [ccd.ccdnum for ccd in infos[0].src_info] == [3, 31, 41]
    assert {ccd.facts and ccd.facts.exptime for info in infos for ccd in info.src_info} == {60.0}


@pytest.mark.parametrize("wrong", [{"ccdnums": (63,)}, {"ccdnums": ()}, {"n_nights": 0}])
def test_specification_without_meaning_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="expected"):
        replace(SPEC, **wrong)  # type: ignore[arg-type]  # wrong on purpose
