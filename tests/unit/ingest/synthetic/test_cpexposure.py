"""The synthetic exposure of the Community Pipeline's kind."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from goodpix.ingest.profiles.noirlab_cp import NoirlabCp
from goodpix.ingest.synthetic.cpexposure import CP_CCDS, make_cp_exposure


def test_exposure_is_the_same_every_time(tmp_path: Path) -> None:
    first, second = make_cp_exposure(tmp_path / "a"), make_cp_exposure(tmp_path / "b")
    assert first.name == second.name
    for path in first.parent.iterdir():
        assert path.read_bytes() == (second.parent / path.name).read_bytes()


def test_exposure_is_what_its_profile_takes(tmp_path: Path) -> None:
    image = make_cp_exposure(tmp_path)
    profile = NoirlabCp()
    assert profile.find([tmp_path], {}) == [image]
    info = profile.read(image, {})
    assert {ccd.image_ext: ccd.ccdnum for ccd in info.src_info} == dict(CP_CCDS)
    assert {(ccd.expnum, ccd.band, ccd.magzp, ccd.wcs_ok) for ccd in info.src_info} == {(802955, "r", 30.2, True)}
    with fits.open(str(image).replace("_ooi_", "_ood_")) as file:
        codes = {int(code) for unit in file[1:] for code in np.unique(unit.data)}
    assert codes == {0, 1, 3, 4, 5, 7, 8}
