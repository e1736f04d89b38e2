"""Facts about coadds and their own masks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pytest

from goodpix.ingest.images.coadd import ReadCoadd, read_coadd
from goodpix.ingest.infofile import TileInfo
from goodpix.ingest.plan import Options
from goodpix.schema.errors import DitheredWeightError, FitsFileError, HeaderMismatchError, PlaneError, WcsError
from goodpix.schema.masks.rle import decode
from goodpix.schema.rows import CoaddFacts, MaskKey
from goodpix.schema.wcs.footprint import UniqueRegion

from ..tinytile import BAND, COADD_SHAPE, TILE, cards, coadd_flags, info_of, some_planes, write_image

PLANES = some_planes(COADD_SHAPE, 0)


def coadd(folder: Path, header: dict[str, Any] | None = None, **more: Any) -> ReadCoadd:
    write_image(folder / "coadd.fits", PLANES, cards() | (header or {}))
    return read_coadd(info_of(folder, **more), Options())


def test_own_mask_is_that_of_its_planes(tmp_path: Path) -> None:
    row, runs = coadd(tmp_path).own_mask("f" * 64)
    flags = coadd_flags(PLANES)
    assert np.array_equal(decode(runs), flags)
    assert (row.key, row.checksum) == (MaskKey(TILE, BAND, "coadd", None, None), runs.checksum)
    assert (row.counts.n_pixels, row.counts.n_good) == (flags.size, int((flags == 0).sum()))
    assert row.bits == {"se": {}, "coadd": {b: int((flags >> (32 + b) & 1).sum()) for b in range(3)}}


def test_row_says_what_the_info_file_says(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"uramin": 20.9, "uramax": 21.1, "udecmin": -33.6, "udecmax": -33.4, "crossra0": "N"}
    row, _ = coadd(tmp_path, **limits, magzp=30.0).own_mask("f" * 64)
    assert isinstance(row.facts, CoaddFacts)
    assert {name: getattr(row.facts, name) for name in limits} == limits
    assert (row.facts.magzp, row.facts.fingerprint, row.facts.weight_zquantiz) == (30.0, "f" * 64, None)
    assert (row.facts.ra_cent, row.facts.dec_cent) == pytest.approx((21.0, -33.5), abs=1e-6)


def test_unique_region_is_counted_where_there_is_one(tmp_path: Path) -> None:
    limits = (20.0, 21.0, -34.0, -33.0)
    keys: dict[str, Any] = dict(zip(("uramin", "uramax", "udecmin", "udecmax"), limits, strict=True))
    found = coadd(tmp_path, **keys)
    row, _ = found.own_mask("f")
    inside = UniqueRegion(*limits).contains_rows(found.grid, slice(0, COADD_SHAPE[0]))
    assert 0 < inside.sum() < inside.size
    assert row.counts.n_unique == inside.sum()
    assert row.counts.n_good_unique == (inside & (coadd_flags(PLANES) == 0)).sum()
    without, _ = coadd(tmp_path).own_mask("f")
    assert (without.counts.n_unique, without.counts.n_good_unique) == (None, None)


def test_epochs_are_given_its_flags_and_its_grid(tmp_path: Path) -> None:
    found = coadd(tmp_path, position_offset=0)
    assert found.for_epochs.flags.shape == found.for_epochs.grid.shape == COADD_SHAPE
    assert found.for_epochs.grid.offset == 0


@pytest.mark.parametrize(
    ("header", "error", "message"),
    [
        ({"BAND": "r"}, HeaderMismatchError, "BAND is 'r', but the info file has 'i'"),
        ({"TILENAME": "DES0000+0000"}, HeaderMismatchError, "TILENAME is 'DES0000.0000', but the info file has"),
        ({"CTYPE1": "LINEAR"}, WcsError, r"coadd\.fits"),
    ],
)
def test_header_that_cannot_be_used_is_refused(
    tmp_path: Path, header: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        coadd(tmp_path, header)


def test_planes_of_two_shapes_are_refused(tmp_path: Path) -> None:
    planes = PLANES | {"weight": PLANES["weight"][:-1]}
    write_image(tmp_path / "coadd.fits", planes, cards())
    with pytest.raises(PlaneError, match=f"coadd .tile {TILE}, band i.: bmask is 24 x 30, weight is 23 x 30"):
        read_coadd(info_of(tmp_path), Options())


def test_missing_plane_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "coadd.fits", {name: PLANES[name] for name in ("image", "weight", "bmask")}, cards())
    with pytest.raises(FitsFileError, match=r"coadd\.fits.* no extension 'seg'"):
        read_coadd(info_of(tmp_path), Options())


def dithered(folder: Path) -> TileInfo:
    """Write a coadd whose weights have lost their zeros."""
    write_image(folder / "coadd.fits", PLANES, cards())
    noisy = np.random.default_rng(1).normal(100, 5, COADD_SHAPE).astype(np.float32)
    path = str(folder / "weight.fits.fz")
    fitsio.write(path, noisy, extname="wgt", compress="RICE", qlevel=16, qmethod="SUBTRACTIVE_DITHER_1")
    return info_of(folder).model_copy(update={"weight_path": path})


def test_weights_that_lost_their_zeros_are_refused_unless_allowed(tmp_path: Path) -> None:
    info, options = dithered(tmp_path), Options()
    with pytest.raises(DitheredWeightError, match="SUBTRACTIVE_DITHER_1"):
        read_coadd(info, options)
    found = read_coadd(info, replace(options, allow_dithered_weights=True))
    assert found.quantization == "SUBTRACTIVE_DITHER_1"


@pytest.mark.parametrize("stated", [True, False], ids=["DATASUM", "no DATASUM"])
def test_data_that_cannot_be_read_are_damaged_where_a_checksum_says_so(tmp_path: Path, stated: bool) -> None:
    write_image(tmp_path / "coadd.fits", PLANES, cards())
    path = tmp_path / "bmask.fits.fz"
    fitsio.write(str(path), PLANES["bmask"], extname="msk", compress="GZIP")
    with fitsio.FITS(str(path), "rw") as file:
        file[1].write_checksum()
        if not stated:
            file[1].write_key("DATASUM", "")
    content = bytearray(path.read_bytes())
    at = content.find(b"\x1f\x8b")
    content[at : at + 2] = b"no"
    path.write_bytes(content)
    info = info_of(tmp_path).model_copy(update={"bmask_path": str(path)})
    with pytest.raises(FitsFileError) as failure:
        read_coadd(info, Options())
    assert ("DATASUM" in str(failure.value)) == stated


def with_key(folder: Path, ext: str, key: str, value: str) -> TileInfo:
    """Write a coadd with a keyword of its own in one extension."""
    write_image(folder / "coadd.fits", PLANES, cards() | {"TILENAME": TILE, "BAND": BAND})
    with fitsio.FITS(str(folder / "coadd.fits"), "rw") as file:
        file[ext].write_key(key, value)
    return info_of(folder)


@pytest.mark.parametrize(
    ("ext", "key"), [(ext, key) for ext in ("sci", "wgt", "msk", "seg") for key in ("TILENAME", "BAND")][:-1]
)
def test_plane_of_another_coadd_is_refused(tmp_path: Path, ext: str, key: str) -> None:
    with pytest.raises(HeaderMismatchError, match=rf"/coadd\.fits\[{ext}\]: {key} is 'other', but the info file has"):
        read_coadd(with_key(tmp_path, ext, key, "other"), Options())


def test_segmentation_map_of_several_bands_may_name_another(tmp_path: Path) -> None:
    assert read_coadd(with_key(tmp_path, "seg", "BAND", "det"), Options()).grid.shape == COADD_SHAPE
