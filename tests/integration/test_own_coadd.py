"""Exposures with a coadd of one's own, compared pixel by pixel with astropy and numpy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from astropy.io import fits
from astropy.wcs import WCS

import goodpix
from goodpix.query.dashboard.mask.openmask import OpenMasks
from goodpix.query.dashboard.pages.focalplane import FocalView
from goodpix.query.dashboard.pages.mask import MaskView
from goodpix.query.dashboard.pages.overview import Overview
from goodpix.query.dashboard.pages.sky import SkyView
from goodpix.query.dashboard.pages.time import TimeView
from goodpix.query.source import open_source

from ..noirlabfiles import CpExposure
from ..ownfiles import EXPNUMS, SHAPE, own_flags, wcs_cards, write_own_files
from ..unit.query.dashboard.conftest import OpenPage, without_threads
from .conftest import Run
from .test_own_files import YAML

Pixels = npt.NDArray[Any]

COADD = (70, 90)
COADD_YAML = """
tilename: my-tile
band: r
image: {files: coadd.fits}
weight: {files: coadd_rms.fits, meaning: sigma}
mask: {files: coadd_flags.fits, bits: {NO_DATA: 1, STAR: 8}}
seg: {files: coadd_seg.fits}
"""


def coadd_planes() -> dict[str, Pixels]:
    rng = np.random.default_rng(5)
    sigma = rng.uniform(1, 2, COADD).astype(np.float32)
    sigma[rng.random(COADD) < 0.03] = 0
    bits = np.where(rng.random(COADD) < 0.1, rng.choice([1, 8], COADD), 0).astype(np.uint8)
    seg = np.where(rng.random(COADD) < 0.1, 3, 0).astype(np.int16)
    return {"": rng.normal(0, 1, COADD).astype(np.float32), "_rms": sigma, "_flags": bits, "_seg": seg}


def coadd_cards() -> dict[str, Any]:
    """Return the WCS of a coadd that half of the first exposure is on; its centre is on the other side of RA 0."""
    return wcs_cards(COADD, shift=30.3, ra=0.001)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two exposures and a coadd, and their descriptions."""
    write_own_files(tmp_path / "raw")
    (tmp_path / "my.yaml").write_text(YAML)
    (tmp_path / "coadd.yaml").write_text(COADD_YAML)
    for end, pixels in coadd_planes().items():
        unit = fits.PrimaryHDU(pixels)
        unit.header.update(coadd_cards())
        unit.writeto(tmp_path / f"coadd{end}.fits")
    return tmp_path


def command(folder: Path, *more: Any) -> list[Any]:
    where = ["--db", folder / "a.db", "--masks", folder / "masks"]
    return ["ingest", folder / "my.yaml", "--profile", "files", "--coadd", folder / "coadd.yaml", *where, *more]


def expected(number: int) -> Pixels:
    """Return the flags of an exposure with those of the nearest coadd pixel, by astropy."""
    y, x = np.indices(SHAPE)
    sky = WCS(wcs_cards(shift=20.0 * number)).all_pix2world(x.ravel(), y.ravel(), 0)
    cx, cy = (np.floor(v + 0.5).astype(int).reshape(SHAPE) for v in WCS(coadd_cards()).all_world2pix(*sky, 0))
    on = (cx >= 0) & (cx < COADD[1]) & (cy >= 0) & (cy < COADD[0])
    planes = coadd_planes()
    bits = planes["_flags"].astype(np.int64)
    of_coadd = (bits << 32) | np.where(planes["_seg"] > 0, 16, 0) | np.where(planes["_rms"] > 0, 0, 32)
    of_coadd |= np.where(bits > 0, 64, 0)
    flags: Pixels = np.where(on, of_coadd[np.where(on, cy, 0), np.where(on, cx, 0)], 8)
    return flags | own_flags(EXPNUMS[number])


def test_masks_with_a_coadd_of_ones_own_are_those_of_astropy(folder: Path, cli: Run) -> None:
    assert cli(*command(folder)).status == 0
    db = folder / "a.db"
    with goodpix.Catalogue(db) as catalogue:
        for number, expnum in enumerate(EXPNUMS):
            flags = expected(number)
            assert 0.02 < float((flags & 8 > 0).mean()) < 0.98
            mask = catalogue.mask("my-tile", "r", expnum, 3)
            np.testing.assert_array_equal(mask.flags(), flags)
            row = catalogue.epochs(expnum=expnum).iloc[0]
            assert (row.n_off_coadd, row.n_good) == (int((flags & 8 > 0).sum()), int((flags == 0).sum()))
        bits = catalogue.bits()
        assert {"STAR", "NO_DATA"} <= set(bits[bits["plane"] == "coadd"]["name"])
        tiles = catalogue.tiles()
        assert tiles[["tilename", "band"]].values.tolist() == [["my-tile", "r"]]
    for expnum in EXPNUMS:
        assert cli("check", "my-tile", "r", expnum, 3, "--db", db).status == 0
    assert goodpix.verify(db, images=2).ok


def test_maps_sky_rebuild_and_a_second_ingest_work(folder: Path, cli: Run) -> None:
    assert cli(*command(folder)).status == 0
    db = folder / "a.db"
    again = cli(*command(folder))
    assert (again.status, "2 epochs up to date" in again.err) == (0, True)
    with goodpix.Catalogue(db) as catalogue:
        n_good = catalogue.good_epoch_map("my-tile", "r")
        assert np.asarray(n_good).shape == COADD
        assert 0 < np.asarray(n_good).max() <= 2
        sky = catalogue.background(expnum=71)
        with fits.open(folder / "raw" / "exp71_ccd3_sci.fits") as file:
            pixels = np.array(file[1].data)
        assert sky["n"].tolist() == [int((expected(0) == 0).sum())]
        assert sky["median"].iloc[0] == pytest.approx(np.median(pixels[expected(0) == 0]), abs=1e-4)
        before = catalogue.epochs()
        flags = catalogue.mask("my-tile", "r", 71, 3).flags()
    db.unlink()
    goodpix.rebuild(db, folder / "masks")
    with goodpix.Catalogue(db) as catalogue:
        np.testing.assert_array_equal(catalogue.mask("my-tile", "r", 71, 3).flags(), flags)
        pd.testing.assert_frame_equal(
            before.drop(columns=["run_id"], errors="ignore"),
            catalogue.epochs().drop(columns=["run_id"], errors="ignore"),
        )


def test_images_that_overlap_no_coadd_are_left_out(folder: Path, cli: Run) -> None:
    for path in (folder / "raw").glob("exp72*_sci.fits"):
        with fits.open(path, mode="update") as file:
            file[0].header["CRVAL2"] = 30.0
    assert cli(*command(folder)).status == 0
    with goodpix.Catalogue(folder / "a.db") as catalogue:
        assert catalogue.epochs().expnum.tolist() == [71]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seg:", "segm:", "coadd.yaml: segm is no key of a description, did you mean seg?"),
        ("seg: {files: coadd_seg.fits}", "", "coadd.yaml: seg is missing"),
        ("band: r", "band: i", "coadd.yaml: no CCD image of its band overlaps the coadd"),
        ("my-tile", "my/tile", "coadd.yaml: tilename is 'my/tile'"),
        ("NO_DATA: 1", "NO_DATA: 3", "coadd.yaml: mask.bits.NO_DATA is 3: expected a power of two"),
        ("coadd.fits", "no.fits", "no.fits"),
    ],
)
def test_wrong_description_of_a_coadd_is_one_line(folder: Path, cli: Run, old: str, new: str, message: str) -> None:
    (folder / "coadd.yaml").write_text(COADD_YAML.replace(old, new, 1))
    done = cli(*command(folder))
    assert (done.status, len(done.lines)) == (2, 1), done.err
    assert message in done.err


def test_other_names_of_the_bits_of_a_coadd_are_refused(folder: Path, cli: Run) -> None:
    assert cli(*command(folder)).status == 0
    (folder / "coadd.yaml").write_text(COADD_YAML.replace("STAR", "HALO"))
    done = cli(*command(folder))
    assert (done.status, "the coadd mask bits are NO_DATA 1, HALO 8, but" in done.err) == (2, True)


def test_info_files_name_their_own_coadds(folder: Path, cli: Run) -> None:
    (folder / "x_pizza_cutter_info.yaml").write_text("tilename: a")
    done = cli("ingest", folder, "--coadd", folder / "coadd.yaml", "--db", folder / "a.db")
    assert (done.status, "info files of des-pizza-cutter name their coadds" in done.err) == (2, True)


def test_images_with_and_without_a_coadd_are_not_mixed(folder: Path, cli: Run) -> None:
    assert cli(*command(folder)).status == 0
    arguments = command(folder)
    place = arguments.index("--coadd")
    done = cli(*arguments[:place], *arguments[place + 2 :])
    assert (done.status, "tile 71-003 has no coadd, but tile my-tile of the catalogue" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("make", "query"),
    [
        (Overview, "tile=my-tile&band=r"),
        (SkyView, ""),
        (TimeView, ""),
        (FocalView, ""),
        (lambda session: MaskView(session, OpenMasks(session.cache)), "tile=my-tile&band=r&expnum=71&ccdnum=3"),
    ],
)
def test_page_of_the_dashboard_opens_without_a_problem(
    folder: Path, cli: Run, make: Callable[..., Any], query: str
) -> None:
    assert cli(*command(folder)).status == 0
    with open_source(folder / "a.db") as source:
        cache = without_threads(source)
        page = OpenPage(cache, make, query)
        assert (page.problems, bool(page.text)) == ("", True)
        cache.close()


def test_exposures_of_the_community_pipeline_get_a_coadd_too(folder: Path, cli: Run) -> None:
    image = CpExposure(header={"WCSCAL": "Successful"}).write(folder / "cp")
    CpExposure(primary={"EXPNUM": 5, "WCSCAL": "Failed"}).write(folder / "cp", "c4d_5_ooi_z_v1")
    for end, pixels in coadd_planes().items():
        unit = fits.PrimaryHDU(pixels)
        unit.header.update(wcs_cards(COADD, ra=150.0) | {"CRVAL2": 2.0})
        unit.writeto(folder / f"coadd{end}.fits", overwrite=True)
    band = fits.getheader(image)["FILTER"].split()[0]
    (folder / "coadd.yaml").write_text(COADD_YAML.replace("band: r", f"band: {band}"))
    where = ["--db", folder / "cp.db", "--masks", folder / "cp-masks", "--coadd", folder / "coadd.yaml"]
    done = cli("ingest", folder / "cp", "--profile", "noirlab-cp", "--no-segment", *where)
    assert done.status == 0
    assert "CCD images left out, since their WCS has failed: 2" in done.err
    assert "since no coadd of their band overlaps them: 1" in done.err
    with goodpix.Catalogue(folder / "cp.db") as catalogue:
        epochs = catalogue.epochs()
        assert set(epochs.tilename) == {"my-tile"}
        assert 0 < len(epochs) < 3
        assert (epochs.n_on_coadd > 0).all()
        keys = epochs[["expnum", "ccdnum"]].values.tolist()
    for expnum, ccdnum in keys:
        assert cli("check", "my-tile", band, expnum, ccdnum, "--db", folder / "cp.db").status == 0


def test_images_whose_wcs_has_failed_are_counted_where_none_is_left(folder: Path, cli: Run) -> None:
    CpExposure().write(folder / "cp")
    where = ["--db", folder / "cp.db", "--masks", folder / "cp-masks", "--coadd", folder / "coadd.yaml"]
    done = cli("ingest", folder / "cp", "--profile", "noirlab-cp", "--no-segment", *where)
    assert (done.status, len(done.lines)) == (2, 1)
    assert "overlaps the coadd (2 of 2 have a WCS that has failed): expected one or more" in done.err
