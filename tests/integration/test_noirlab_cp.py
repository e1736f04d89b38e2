"""Catalogues of NOIRLab Community Pipeline files, counted again with astropy."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.table import Table

import goodpix
from goodpix.schema.errors import UsageError

from ..noirlabfiles import CpExposure
from .conftest import Run
from .survey import records

Pixels = npt.NDArray[Any]

KEY = ("c4d_150110_053718", "z", 396388)

CUTOUTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "noirlab-cp"


def ingest(folder: Path, *inputs: Path, **options: Any) -> Path:
    """Ingest files and return the database."""
    database = folder / "cp.db"
    given = {"profile": "noirlab-cp", "no_segment": True, "db": database, "masks": folder / "cp-masks"}
    assert goodpix.ingest_tiles(inputs, **{**given, **options}).failures == ()
    return database


def expected_flags(image: Path, ext: str, *, bits: bool = False) -> Pixels:
    """Return the flags of an image as astropy reads its weights and data quality; trimming and packing included."""
    with fits.open(image) as file:
        shape = file[ext].data.shape
    path = Path(str(image).replace("_ooi_", "_oow_"))
    with fits.open(path) as file:
        weight = np.array(file[ext].data)
    with fits.open(path, disable_image_compression=True) as file:
        if file[ext].header.get("ZQUANTIZ") == "SUBTRACTIVE_DITHER_1":
            for y, row in enumerate(file[ext].data):  # a tile is a row
                if row["ZZERO"] == 0:
                    weight[y][weight[y] <= row["ZSCALE"] / 2] = 0
    if weight.shape != shape:
        weight = weight[1:-1, 1:-1]
    with fits.open(str(image).replace("_ooi_", "_ood_")) as file:
        values = np.array(file[ext].data, np.int64)
    if bits:
        places = {1: 1, 2: 3, 4: 20, 16: 5, 64: 4, 128: 21, 256: 22, 512: 0}
        mask = np.zeros(shape, np.int64)
        for value, bit in places.items():
            mask |= np.where(values & value > 0, 1 << bit, 0)
    else:
        mask = np.where(values > 0, 1 << values, 0)
    flags: Pixels = mask << 8 | np.where(mask > 0, 4, 0) | np.where(np.isfinite(weight) & (weight > 0), 0, 2)
    return flags


def test_amplifiers_of_mosaic_3_are_unknown(tmp_path: Path) -> None:
    path = CpExposure("mosaic3", ccds={"CCD1": 1}, shape=(60, 2046)).write(tmp_path / "files")
    with goodpix.Catalogue(ingest(tmp_path, path)) as catalogue:
        assert catalogue.epochs()[["n_pixels_amp_a", "n_good_se_amp_b"]].isna().all(axis=None)
        (sky,) = records(catalogue.background(amplifiers=True))
        assert sky.problem == "its amplifiers are unknown: expected statistics of whole images or boxes"
        assert catalogue.epochs(selection=goodpix.Selection(border=2)).n_pixels_amp_a.isna().all()


@pytest.mark.skipif(not CUTOUTS.is_dir(), reason="the cut-outs of ../shared are not here")
def test_seven_real_cutouts_are_counted_as_astropy_reads_them(tmp_path: Path, cli: Run) -> None:
    database = ingest(tmp_path, CUTOUTS)
    with goodpix.Catalogue(database) as catalogue:
        epochs = catalogue.epochs()
        rows = {row.tilename: row for row in records(epochs)}
        assert len(epochs) == 7
        for path in sorted(CUTOUTS.rglob("*_ooi_*.fits")):
            row = rows[path.name.split("_ooi_")[0]]
            expected = expected_flags(path, path.name.split(".")[1])
            found = catalogue.mask(row.tilename, row.band, row.expnum, row.ccdnum).flags()
            np.testing.assert_array_equal(found, expected)
            assert row.n_good == int((expected == 0).sum())
            assert (row.n_se_weight, row.n_se_bmask) == (int((expected & 2 > 0).sum()), int((expected & 4 > 0).sum()))
            done = cli("check", row.tilename, row.band, row.expnum, row.ccdnum, "--db", database)
            assert (done.status, "of " in done.out) == (0, True)
    assert epochs.weight_zquantiz.dropna().tolist() == ["SUBTRACTIVE_DITHER_1"]  # Mosaic-3
    assert epochs.wcs_ok.all()


@pytest.fixture(params=["decam", "decam-bits", "mosaic3", "90prime", "larger"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, CpExposure, bool]:
    """The images of an exposure of one kind, what was written, and whether its data quality holds bits."""
    kinds = {
        "decam": CpExposure(),
        "decam-bits": CpExposure(primary={"PLVER": "V3.2"}, codes=(1, 2, 4, 16, 64, 128, 256, 512, 1 | 64, 2 | 16)),
        "mosaic3": CpExposure("mosaic3", ccds={"CCD1": 1, "CCD3": 3}),
        "90prime": CpExposure("90prime", ccds={"CCD2": None, "CCD4": None}),
        "larger": CpExposure(larger=1),
    }
    exposure = kinds[request.param]
    return exposure.write(tmp_path / "files"), exposure, request.param == "decam-bits"


def test_masks_are_what_astropy_reads(made: tuple[Path, CpExposure, bool], tmp_path: Path) -> None:
    path, exposure, bits = made
    database = ingest(tmp_path, path)
    with goodpix.Catalogue(database) as catalogue:
        for mask, ext in zip(catalogue.masks(), exposure.ccds, strict=True):
            np.testing.assert_array_equal(mask.flags(), expected_flags(path, ext, bits=bits))
            assert catalogue.epochs().weight_zquantiz.tolist() == ["SUBTRACTIVE_DITHER_1"] * 2
    assert goodpix.verify(database, images=2).ok


def test_zeros_that_packing_lost_are_zeros_again(tmp_path: Path) -> None:
    exposure = CpExposure()
    path = exposure.write(tmp_path / "files")
    with fits.open(str(path).replace("_ooi_", "_oow_")) as file:
        stored = np.array(file["N15"].data)
    zero = exposure.planes(0)["w"] == 0
    assert 0.3 < (stored[zero] > 0).mean() < 0.7
    with goodpix.Catalogue(ingest(tmp_path, path)) as catalogue:
        flags = catalogue.mask("c4d_150110_053718", "z", 396388, 46).flags()
        np.testing.assert_array_equal(flags & 2 > 0, zero)
        # statistics that weigh with the weights see the same zeros
        assert catalogue.background().n.tolist() == catalogue.epochs().n_good.tolist()


def test_unknown_code_has_a_name_and_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    exposure = CpExposure(codes=(1, 12, 40))
    with goodpix.Catalogue(ingest(tmp_path, exposure.write(tmp_path / "files"))) as catalogue:
        bits = catalogue.bits().groupby("name").n_pixels.sum()
    n = {code: sum(int((exposure.planes(ccd)["d"] == code).sum()) for ccd in range(2)) for code in exposure.codes}
    assert bits.to_dict() == {"BAD": n[1], "CODE_12": n[12], "OTHER": n[40]}
    unknown = [("CODE_12", n[12]), ("OTHER", n[40])]
    words = "pixels with a mask code that the profile does not know"
    expected = [f"c4d_150110_053718 z: {name}: {n_pixels} {words}" for name, n_pixels in unknown]
    assert [each.getMessage() for each in caplog.records if "mask code" in each.message] == expected


def test_image_whose_wcs_failed_has_no_position_and_is_in_no_map(tmp_path: Path) -> None:
    good = CpExposure(primary={"EXPNUM": 1, "WCSCAL": "Successful"}).write(tmp_path / "files", "c4d_1_ooi_z_v1")
    bad = CpExposure(primary={"EXPNUM": 2, "WCSCAL": "Failed"}).write(tmp_path / "files", "c4d_2_ooi_z_v1")
    with goodpix.Catalogue(ingest(tmp_path, good, bad)) as catalogue:
        assert catalogue.epochs().groupby("expnum").wcs_ok.all().to_dict() == {1: True, 2: False}
        mask = catalogue.mask("c4d_1", "z", 1, 46)
        ra, dec = mask.grid.sky(np.array([30.0]), np.array([30.0]))
        place = float(ra[0]), float(dec[0])
        assert catalogue.at(*place).expnum.tolist() == [1]
        assert catalogue.sky_area() == catalogue.sky_area(expnum=1) > 0
        assert set(catalogue.background().expnum) == {1, 2}
        assert catalogue.blank_sky(3, 0.02, expnum=2).empty
        assert catalogue.randoms(3, expnum=2).empty
        # and back again
        assert catalogue.at(*place, any_wcs=True).expnum.tolist() == [1, 2]
        assert catalogue.sky_area(expnum=2) == 0
        assert catalogue.sky_area(expnum=2, any_wcs=True) > 0
        assert len(catalogue.blank_sky(3, 0.02, expnum=2, any_wcs=True)) == 3
        assert catalogue.randoms(3, any_wcs=True).n_images_z.tolist() == [2, 2, 2]
        both, alone = (catalogue.healsparse_map("n_images", nside=32768, any_wcs=any_wcs) for any_wcs in (True, False))
        pixels = alone.valid_pixels
        assert pixels.size
        assert both[pixels].tolist() == (2 * alone[pixels]).tolist()
        with pytest.raises(UsageError, match="any_wcs is 'yes': expected True or False"):
            catalogue.at(*place, any_wcs="yes")  # type: ignore[arg-type]  # wrong on purpose


def test_catalogue_has_the_selections_of_the_legacy_surveys(tmp_path: Path) -> None:
    path = CpExposure().write(tmp_path / "files")
    database = ingest(tmp_path, path)
    with goodpix.Catalogue(database) as catalogue:
        assert "cp-legacy-surveys" in catalogue.selections().name.tolist()
        mask = catalogue.mask("c4d_150110_053718", "z", 396388, 46)
        flags, selection = mask.flags(), catalogue.selection("cp-legacy-surveys")
        np.testing.assert_array_equal(mask.good(selection), (flags == 0) | (flags == (1 << 16 | 4)))
    other = CpExposure("mosaic3").write(tmp_path / "mosaic", "k4m_160319_075112_ooi_zd_v1")
    goodpix.ingest_tiles(
        other, db=tmp_path / "m.db", masks=tmp_path / "m", profile="noirlab-cp", no_segment=True, workers=1
    )
    with goodpix.Catalogue(tmp_path / "m.db") as catalogue:
        assert str(catalogue.selection("cp-legacy-surveys")).endswith(", ignore SE:DIFFERENCE, ignore SE:STREAK")
    goodpix.remove_selection(database, "cp-legacy-surveys")
    ingest(tmp_path, path)
    with goodpix.Catalogue(database) as catalogue:
        assert "cp-legacy-surveys" not in catalogue.selections().name.tolist()


def test_missing_data_quality_is_a_failure_of_its_exposure_alone(tmp_path: Path, cli: Run) -> None:
    folder = tmp_path / "files"
    CpExposure().write(folder, "c4d_1_ooi_z_v1")
    CpExposure(primary={"EXPNUM": 2}).write(folder, "c4d_2_ooi_z_v1")
    (folder / "c4d_1_ood_z_v1.fits.fz").unlink()
    where = ["--db", tmp_path / "a.db", "--masks", tmp_path / "masks"]
    done = cli("ingest", folder, "--profile", "noirlab-cp", "--no-segment", *where)
    assert done.status == 1
    assert "c4d_1_ood_z_v1.fits.fz, are missing beside it" in done.err
    with goodpix.Catalogue(tmp_path / "a.db") as catalogue:
        assert set(catalogue.epochs().tilename) == {"c4d_2"}


def test_amplifiers_that_are_not_known_are_null(tmp_path: Path) -> None:
    small = CpExposure(primary={"EXPNUM": 1}).write(tmp_path / "files", "c4d_1_ooi_z_v1")
    whole = CpExposure(primary={"EXPNUM": 2}, shape=(8, 2046)).write(tmp_path / "files", "c4d_2_ooi_z_v1")
    database = ingest(tmp_path, small, whole)
    names = ["n_good_se_amp_a", "n_good_se_amp_b", "n_pixels_amp_a", "n_pixels_amp_b"]
    with goodpix.Catalogue(database) as catalogue:
        assert catalogue.epochs(expnum=1)[names].isna().all(axis=None)
        found = catalogue.epochs(expnum=2, ccdnum=28)[names].to_numpy().tolist()
        good = catalogue.mask("c4d_2", "z", 2, 28).flags() == 0
    assert found == [[int(good[:, 1023:].sum()), int(good[:, :1023].sum()), 1023 * 8, 1023 * 8]]
    assert goodpix.verify(database).ok


def ccd_table(folder: Path, **columns: Any) -> Path:
    keys = {"expnum": [396388, 396388], "ccdname": ["N15", "S4"], "ccdzpt": [25.0, 25.5], "fwhm": [3.5, 4.5]}
    Table({**keys, "ccd_cuts": [0, 4096], **columns}).write(folder / "survey-ccds.fits", overwrite=True)
    return folder / "survey-ccds.fits"


def test_ccd_table_gives_zero_points_seeing_and_cuts(tmp_path: Path, cli: Run) -> None:
    path = CpExposure(header={"EXPTIME": 100.0}, primary={"WCSCAL": "Successful"}).write(tmp_path / "files")
    places = ("--db", tmp_path / "cp.db", "--masks", tmp_path / "cp-masks")
    ingest_it = ("ingest", "--profile", "noirlab-cp", "--no-segment", *places, path)
    assert cli(*ingest_it, "--ccd-table", ccd_table(tmp_path)).status == 0
    with goodpix.Catalogue(tmp_path / "cp.db") as catalogue:
        epochs = catalogue.epochs().set_index("ccdnum")
        first = catalogue.epochs().fingerprint.tolist()
        assert epochs.magzp.to_dict() == {46: 30.0, 28: 30.5}
        assert epochs.fwhm.to_dict() == {46: 3.5, 28: 4.5}
        assert epochs.image_flags.to_dict() == {46: 0, 28: 4096}
        assert catalogue.epochs(max={"image_flags": 0}).ccdnum.tolist() == [46]
        cut = catalogue.selection("ccd-table")
        recut = catalogue.epochs(selection=cut).set_index("ccdnum")
        assert (recut.n_good[28], recut.n_good[46]) == (0, epochs.n_good[46])
        assert epochs.n_good[28] > 0
        assert catalogue.sky_area(cut) == catalogue.sky_area(ccdnum=46) < catalogue.sky_area()
        ra, dec = (float(each[0]) for each in catalogue.mask(*KEY, 28).grid.sky(np.array([20.0]), np.array([20.0])))
        assert "EXCLUDED" in catalogue.at(ra, dec, selection=cut, ccdnum=28).criteria[0]
        assert not catalogue.ccd_mask("z", 396388, 28).good(cut).any()
    # again with the same table nothing is made; with another zero point both images are, as by an info file
    assert "0 epochs made" in cli(*ingest_it, "--ccd-table", ccd_table(tmp_path)).err
    assert "2 epochs made" in cli(*ingest_it, "--ccd-table", ccd_table(tmp_path, ccdzpt=[25.1, 25.6])).err
    with goodpix.Catalogue(tmp_path / "cp.db") as catalogue:
        assert set(catalogue.epochs().fingerprint).isdisjoint(first)
    (tmp_path / "cp.db").unlink()
    assert cli("rebuild", *places).status == 0
    with goodpix.Catalogue(tmp_path / "cp.db") as catalogue:
        assert catalogue.epochs().image_flags.tolist() == [4096, 0]
        assert catalogue.selection("ccd-table") == cut


def test_ccd_table_that_lacks_images_says_so(tmp_path: Path, cli: Run, caplog: pytest.LogCaptureFixture) -> None:
    path = CpExposure(header={"EXPTIME": 100.0, "MAGZERO": 29.5}).write(tmp_path / "files")
    table = ccd_table(tmp_path, ccdname=["N15", "S5"])
    places = ("--db", tmp_path / "cp.db", "--masks", tmp_path / "cp-masks")
    done = cli("ingest", "--profile", "noirlab-cp", "--no-segment", *places, path, "--ccd-table", table)
    assert done.status == 0
    line = f"{table}: it has no row for 1 of 2 CCD images, which keep what their files say, such as epoch 396388/28"
    assert line in [each.getMessage() for each in caplog.records] or line in done.err
    with goodpix.Catalogue(tmp_path / "cp.db") as catalogue:
        assert catalogue.epochs().set_index("ccdnum").magzp.to_dict() == {46: 30.0, 28: 29.5}
    table.write_bytes(b"")
    done = cli("ingest", "--profile", "noirlab-cp", "--no-segment", *places, path, "--ccd-table", table)
    assert (done.status, done.err.count("\n")) == (2, 1)
