"""Facts about synthetic tiles."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt
import pytest
import yaml
from astropy.io import fits
from astropy.wcs import WCS

import goodpix.ingest.synthetic as synthetic
from goodpix.schema.bits import DES_Y6

TINY = synthetic.TileSpec(bands=("r",), n_epochs=2, coadd_shape=(160, 170), ccd_shape=(128, 64))
HEADER_FACTS = [
    "EXPNUM",
    "CCDNUM",
    "BAND",
    "FILTER",
    "NITE",
    "DATE-OBS",
    "MJD-OBS",
    "EXPTIME",
    "AIRMASS",
    "FWHM",
    "SKYBRITE",
    "SKYSIGMA",
    "SKYVARA",
    "SKYVARB",
    "BUNIT",
    "DETPOS",
    "DATASECA",
    "DATASECB",
]


class Tile:
    """A small tile on disk and ways to look into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.info_paths = synthetic.make_tile(folder)
        self.infos = [yaml.safe_load(path.read_text()) for path in self.info_paths]
        self.info: dict[str, Any] = self.infos[0]
        self.epochs: list[dict[str, Any]] = self.info["src_info"]

    def path(self, stored: str) -> str:
        return stored.replace("$MEDS_DIR", os.fspath(self.folder))

    def plane(self, entry: dict[str, Any], name: str) -> npt.NDArray[Any]:
        pixels: npt.NDArray[Any] = fitsio.read(self.path(entry[f"{name}_path"]), ext=entry.get(f"{name}_ext", "sci"))
        return pixels

    def header(self, entry: dict[str, Any], extname: str = "sci") -> fitsio.FITSHDR:
        return fitsio.read_header(self.path(entry["image_path"]), ext=extname)

    def wcs(self, entry: dict[str, Any]) -> WCS:
        header = self.header(entry)
        starts = ("CTYPE", "CRVAL", "CRPIX", "CUNIT", "CD1_", "CD2_", "PV1_", "PV2_")
        return WCS(fits.Header([(key, header[key]) for key in header if key.startswith(starts)]))

    def on_coadd(self, entry: dict[str, Any]) -> npt.NDArray[np.bool_]:
        ny, nx = entry["image_shape"]
        yy, xx = np.mgrid[:ny, :nx]
        sky = self.wcs(entry).wcs_pix2world(xx.ravel(), yy.ravel(), 0)
        x, y = self.wcs(self.info).wcs_world2pix(*sky, 0)
        ny, nx = self.info["image_shape"]
        inside: npt.NDArray[np.bool_] = (x > -0.5) & (x < nx - 0.5) & (y > -0.5) & (y < ny - 0.5)
        return inside


@pytest.fixture(scope="module")
def tile(tmp_path_factory: pytest.TempPathFactory) -> Tile:
    return Tile(tmp_path_factory.mktemp("meds"))


def files_below(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in files_below(folder)}


def test_epoch_zero_weights_stay_zero(tile: Tile) -> None:
    hit = tile.plane(tile.epochs[0], "bmask") & DES_Y6.se["CRAY"] != 0
    assert not np.any(tile.plane(tile.epochs[0], "weight")[hit])


def test_coadd_zero_weights_stay_zero(tile: Tile) -> None:
    assert np.all(tile.plane(tile.info, "weight")[:10, :10] == 0)


def test_zero_coadd_weight_is_masked(tile: Tile) -> None:
    assert np.all(tile.plane(tile.info, "bmask")[tile.plane(tile.info, "weight") == 0] == 1)


def test_some_masked_coadd_pixels_have_weight(tile: Tile) -> None:
    assert np.any(tile.plane(tile.info, "weight")[tile.plane(tile.info, "bmask") == 1] > 0)


@pytest.mark.parametrize("extname", ["sci", "wgt"])
def test_planes_are_dithered_by_the_method_that_keeps_zeros(tile: Tile, extname: str) -> None:
    methods = {tile.header(entry, extname)["ZQUANTIZ"] for entry in [tile.info, *tile.epochs]}
    assert methods == {"SUBTRACTIVE_DITHER_2"}


def test_first_epoch_is_on_the_coadd(tile: Tile) -> None:
    assert tile.on_coadd(tile.epochs[0]).all()


def test_second_epoch_is_half_off_the_coadd(tile: Tile) -> None:
    assert tile.on_coadd(tile.epochs[1]).mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("bit", ["SATURATE", "TRAIL", "STAR", "STREAK", "CRAY"])
def test_first_epoch_holds_a_bright_star_with_a_streak(tile: Tile, bit: str) -> None:
    assert np.any(tile.plane(tile.epochs[0], "bmask") & DES_Y6.se[bit])


def test_most_epoch_pixels_are_good(tile: Tile) -> None:
    for entry in tile.epochs:
        good = (tile.plane(entry, "seg") == 0) & (tile.plane(entry, "bmask") == 0)
        good &= tile.plane(entry, "weight") > 0
        assert 0.6 < good.mean() < 0.9


def test_mask_width_alternates(tile: Tile) -> None:
    widths = [tile.plane(entry, "bmask").dtype.itemsize for entry in tile.epochs]
    assert widths == [2, 4, 2]


def test_all_bands_share_one_coadd_segmentation_map(tile: Tile) -> None:
    r, i = (tile.plane(info, "seg") for info in tile.infos)
    np.testing.assert_array_equal(r, i)


def test_background_file_is_the_known_residual(tile: Tile) -> None:
    middle, rise = synthetic.RESIDUAL_LEVEL, synthetic.RESIDUAL_GRADIENT
    rows = tile.plane(tile.epochs[0], "bkg")[[0, -1], 5]
    assert rows == pytest.approx([middle - rise / 2, middle + rise / 2])


def test_residual_is_in_the_image(tile: Tile) -> None:
    entry = tile.epochs[0]
    good = (tile.plane(entry, "seg") == 0) & (tile.plane(entry, "bmask") == 0)
    rest = (tile.plane(entry, "image") - tile.plane(entry, "bkg"))[good]
    # faint wings of sources are left
    assert np.median(rest) == pytest.approx(0.25, abs=0.25)


def test_noise_follows_the_weight(tile: Tile) -> None:
    entry = tile.epochs[0]
    good = (tile.plane(entry, "seg") == 0) & (tile.plane(entry, "bmask") == 0)
    rest = tile.plane(entry, "image") - tile.plane(entry, "bkg")
    assert np.std(rest[good] * np.sqrt(tile.plane(entry, "weight")[good])) == pytest.approx(1, abs=0.03)


def test_truth_is_that_of_the_headers_and_the_background(tile: Tile) -> None:
    path = tile.info_paths[0]
    truth = json.loads(path.with_name(path.name.replace("pizza_cutter_info.yaml", "sky_truth.json")).read_text())
    bkg = tile.plane(tile.epochs[0], "bkg").astype(float)
    assert bkg.mean() == pytest.approx(truth["residual_level"], abs=0.01)
    assert (bkg[-1] - bkg[0]).mean() == pytest.approx(truth["residual_gradient_y"], abs=0.01)
    assert (bkg[:, -1] - bkg[:, 0]).mean() == pytest.approx(truth["residual_gradient_x"], abs=0.01)
    for each, entry in zip(truth["epochs"], tile.epochs, strict=True):
        header = tile.header(entry)
        assert (each["expnum"], each["ccdnum"]) == (entry["expnum"], entry["ccdnum"])
        assert each["noise_amp_a"] ** 2 == pytest.approx(header["SKYVARA"])
        assert each["noise_amp_b"] ** 2 == pytest.approx(header["SKYVARB"])


def test_unique_region_is_inside_the_coadd(tile: Tile) -> None:
    info = tile.info
    ra, dec = np.meshgrid(
        np.linspace(info["uramin"], info["uramax"], 5), np.linspace(info["udecmin"], info["udecmax"], 5)
    )
    x, y = tile.wcs(info).wcs_world2pix(ra.ravel(), dec.ravel(), 0)
    ny, nx = info["image_shape"]
    assert np.all((x > 0) & (x < nx - 1) & (y > 0) & (y < ny - 1))


def test_tile_across_ra_zero_says_so(tmp_path: Path) -> None:
    (path,) = synthetic.make_tile(tmp_path, replace(TINY, ra=0.0))
    info = yaml.safe_load(path.read_text())
    assert (info["crossra0"], round(info["uramin"]), round(info["uramax"])) == ("Y", 360, 0)


@pytest.mark.parametrize("keyword", HEADER_FACTS)
def test_epoch_header_holds(tile: Tile, keyword: str) -> None:
    assert all(keyword in tile.header(entry) for entry in tile.epochs)


@pytest.mark.parametrize("keyword", ["expnum", "ccdnum", "band"])
def test_epoch_header_agrees_with_info_file(tile: Tile, keyword: str) -> None:
    assert all(tile.header(entry)[keyword] == entry[keyword] for entry in tile.epochs)


@pytest.mark.parametrize("extname", ["sci", "msk", "wgt"])
def test_every_plane_says_which_image_it_is_of(tile: Tile, extname: str) -> None:
    for entry in tile.epochs:
        headers = [tile.header(entry, extname), fitsio.read_header(tile.path(entry["seg_path"]), ext="sci")]
        for header in headers:
            assert (header["EXPNUM"], header["CCDNUM"], header["BAND"]) == (
                entry["expnum"],
                entry["ccdnum"],
                entry["band"],
            )
    assert tile.header(tile.info, extname)["TILENAME"] == tile.info["tilename"]
    assert fitsio.read_header(tile.path(tile.info["seg_path"]), ext="sci")["TILENAME"] == tile.info["tilename"]


def test_paths_exist(tile: Tile) -> None:
    wanted = ("image_path", "weight_path", "bmask_path", "seg_path", "head_path")
    entries = [entry for info in tile.infos for entry in (info, *info["src_info"])]
    stored = [entry[key] for entry in entries for key in wanted if key in entry]
    assert all(Path(tile.path(path)).is_file() for path in stored)


def test_some_background_files_are_missing(tile: Tile) -> None:
    assert [Path(tile.path(entry["bkg_path"])).is_file() for entry in tile.epochs] == [True, True, False]


def test_epoch_entries_have_no_seg_ext(tile: Tile) -> None:
    assert not any("seg_ext" in entry for entry in tile.epochs)


def test_scale_follows_from_magzp(tile: Tile) -> None:
    assert all(e["scale"] == pytest.approx(10 ** (0.4 * (30 - e["magzp"]))) for e in tile.epochs)


def test_scamp_head_differs_by_the_stated_shift(tile: Tile) -> None:
    entry = tile.epochs[0]
    head, header = fitsio.read_scamp_head(tile.path(entry["head_path"])), tile.header(entry)
    shift = np.hypot(head["CRPIX1"] - header["CRPIX1"], head["CRPIX2"] - header["CRPIX2"])
    assert shift == pytest.approx(synthetic.SCAMP_SHIFT, abs=1e-9)


def test_no_unfinished_file_is_left(tile: Tile) -> None:
    assert not [path for path in files_below(tile.folder) if path.suffix == ".tmp"]


def test_same_spec_gives_same_bytes(tmp_path: Path) -> None:
    synthetic.make_tile(tmp_path / "one", TINY)
    synthetic.make_tile(tmp_path / "two", TINY)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_other_seed_gives_other_exposures(tmp_path: Path) -> None:
    expnums = []
    for seed in (1, 2):
        (path,) = synthetic.make_tile(tmp_path, replace(TINY, seed=seed))
        expnums.append({entry["expnum"] for entry in yaml.safe_load(path.read_text())["src_info"]})
    assert expnums[0].isdisjoint(expnums[1])
