"""Facts about the files of a synthetic tile."""

from datetime import datetime
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt
import pytest
import yaml

from goodpix.ingest.infofile import EpochInfo, TileInfo
from goodpix.ingest.profiles.des_pizza_cutter import campaign_of
from goodpix.ingest.synthetic.exposure import Exposure
from goodpix.ingest.synthetic.surveyfiles import (
    CoaddPaths,
    EpochPaths,
    ImageExtension,
    write_info,
    write_packed,
    write_plain,
)

EXPOSURE = Exposure(200_007, 5, "r", datetime(2016, 10, 1, 2, 10), 31.5, 4.0, 400.0, 10.0, 1.2)
COADD = CoaddPaths("y6-v8", "DES0131-3206", "r")
EPOCH = EpochPaths(COADD, EXPOSURE)


def test_info_file_lies_two_folders_below_its_campaign() -> None:
    assert COADD.info == "y6-v8/pizza_cutter_info/DES0131-3206_r_pizza_cutter_info.yaml"
    assert campaign_of(Path("/meds") / COADD.info) == "y6-v8"
    assert Path(COADD.truth).parent == Path(COADD.info).parent


def test_files_have_the_surveys_names() -> None:
    attempt = "y6-v8/DES0131-3206/sources-r/OPS/multiepoch/Y6A1/r0001/DES0131-3206/p01"
    assert COADD.image == f"{attempt}/coadd/DES0131-3206_r0001p01_r.fits.fz"
    assert COADD.seg == f"{attempt}/seg/DES0131-3206_r0001p01_r_segmap.fits"
    night = "y6-v8/DES0131-3206/sources-r/OPS/finalcut/Y6A1/r0001/20160930/D00200007/p01"
    assert EPOCH.image == f"{night}/red/immask/D00200007_r_c05_r0001p01_immasked.fits.fz"
    assert EPOCH.seg == f"{night}/seg/D00200007_r_c05_r0001p01_segmap.fits.fz"
    assert len({COADD.image, COADD.seg, EPOCH.image, EPOCH.seg, EPOCH.bkg, EPOCH.head}) == 6


def entries(*, has_head: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
    return COADD.entry((600, 640), 11), EPOCH.entry((512, 256), 12, has_head)


def test_entries_are_an_info_file() -> None:
    tile, epoch = entries()
    info = TileInfo.model_validate({**tile, "src_info": [epoch]})
    (entry,) = info.src_info
    assert (info.tilename, info.band, info.magzp) == ("DES0131-3206", "r", 30.0)
    assert (entry.expnum, entry.ccdnum, entry.pfw_attempt_id) == (200_007, 5, 12)
    for each, files in ((info, COADD), (entry, EPOCH)):
        assert {each.image_path, each.weight_path, each.bmask_path} == {f"$MEDS_DIR/{files.image}"}
        assert each.seg_path == f"$MEDS_DIR/{files.seg}"
        assert (each.image_ext, each.weight_ext, each.bmask_ext, each.seg_ext) == ("sci", "wgt", "msk", "sci")
    assert entry.head_path == f"$MEDS_DIR/{EPOCH.head}"


def test_entry_of_an_epoch_lacks_what_the_surveys_lacks() -> None:
    _, epoch = entries(has_head=False)
    assert not {"seg_ext", "head_path"} & set(epoch)
    assert EpochInfo.model_validate(epoch).head_path is None


def test_scale_follows_from_the_zero_point() -> None:
    _, epoch = entries()
    assert epoch["scale"] == pytest.approx(10**-0.6)


def noise(dtype: str) -> npt.NDArray[Any]:
    pixels = np.random.default_rng(1).normal(100, 10, (40, 50)).astype(dtype)
    pixels[5:9] = 0
    return pixels


def test_packed_numbers_keep_exact_zeros(tmp_path: Path) -> None:
    path, pixels = tmp_path / "new" / "a.fits.fz", noise("f4")
    write_packed(
        path,
        [ImageExtension("sci", pixels, {"EXPNUM": 7, "BAND": "r"}), ImageExtension("msk", noise("i2"), {}, "PLIO")],
    )
    with fitsio.FITS(str(path)) as file:
        assert [each.get_extname() for each in file][1:] == ["SCI", "MSK"]
        found, header = file["SCI"].read(), file["SCI"].read_header()
        assert np.array_equal(file["MSK"].read(), noise("i2"))
    assert (header["ZQUANTIZ"], header["EXPNUM"], header["BAND"]) == ("SUBTRACTIVE_DITHER_2", 7, "r")
    assert not found[5:9].any()
    assert 0 < np.abs(found - pixels).max() < 10 / 16


def test_packed_pixels_do_not_depend_on_the_time(tmp_path: Path) -> None:
    write_packed(tmp_path / "a", [ImageExtension("sci", noise("f4"), {})])
    assert fitsio.read_header(str(tmp_path / "a"), ext=1)["ZDITHER0"] == 1


def test_plain_plane_is_not_compressed(tmp_path: Path) -> None:
    write_plain(tmp_path / "new" / "a.fits", ImageExtension("sci", noise("i4"), {"A": 1}, "RICE"))
    with fitsio.FITS(str(tmp_path / "new" / "a.fits")) as file:
        assert not file[1].is_compressed()
        assert np.array_equal(file["sci"].read(), noise("i4"))


def test_info_file_is_written_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "info.yaml"
    for content in ({"a": 1}, {"b": [2, {"c": None}]}):
        write_info(path, content)
        assert yaml.safe_load(path.read_text()) == content
    assert list(path.parent.iterdir()) == [path]
