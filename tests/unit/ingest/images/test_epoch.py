"""Facts about masks of epochs, on images that lie on the coadd's own pixel grid."""

from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pytest

from goodpix.ingest.images.coadd import Coadd, read_coadd
from goodpix.ingest.images.epoch import make_epoch_mask
from goodpix.ingest.plan import Options
from goodpix.schema.errors import FitsFileError, HeaderMismatchError, PlaneError
from goodpix.schema.masks.rle import Runs, decode
from goodpix.schema.rows import EpochFacts, MaskKey, MaskRow

from ..tinytile import (
    BAND,
    COADD_SHAPE,
    SHAPE,
    SHIFTS,
    TILE,
    cards,
    epoch_flags,
    info_of,
    make_images,
    some_planes,
    write_image,
)

COADD = some_planes(COADD_SHAPE, 0)


@pytest.fixture(scope="module")
def tile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images of the tile, which every test leaves as they are."""
    folder = tmp_path_factory.mktemp("tile")
    make_images(folder)
    return folder


@pytest.fixture(scope="module")
def coadd(tile: Path) -> Coadd:
    return read_coadd(info_of(tile), Options()).for_epochs


def make(
    folder: Path, coadd: Coadd, expnum: int = 1, *, options: Options | None = None, **keys: Any
) -> tuple[MaskRow, Runs]:
    (entry,) = [each for each in info_of(folder).src_info if each.expnum == expnum]
    return make_epoch_mask(entry.model_copy(update=keys), coadd, options or Options(), "f" * 64)


def facts(row: MaskRow) -> EpochFacts:
    assert isinstance(row.facts, EpochFacts)
    return row.facts


@pytest.mark.parametrize("expnum", SHIFTS)
def test_flags_are_its_own_and_those_of_the_nearest_coadd_pixels(tile: Path, coadd: Coadd, expnum: int) -> None:
    row, runs = make(tile, coadd, expnum)
    flags = epoch_flags(some_planes(SHAPE, expnum), COADD, *SHIFTS[expnum])
    assert np.array_equal(decode(runs), flags)
    assert (row.key, row.checksum) == (MaskKey(TILE, BAND, "epoch", expnum, 2), runs.checksum)
    assert (row.counts.n_pixels, row.counts.n_good) == (flags.size, int((flags & 0x7F == 0).sum()))
    assert row.counts.n_off_coadd == (flags & 8 != 0).sum()
    found = {("se", bit): int((flags >> (8 + bit) & 1).sum()) for bit in range(3)}
    assert {("se", bit): n for bit, n in row.bits["se"].items()} == found


def test_image_wholly_off_the_coadd_has_no_fraction_there(tmp_path: Path, coadd: Coadd) -> None:
    write_image(tmp_path / "1.fits", some_planes(SHAPE, 1), cards(x=5000))
    row, runs = make(tmp_path, coadd)
    assert (decode(runs) & 8 != 0).all()
    assert (row.counts.n_on_coadd, row.counts.fraction_good_on_coadd) == (0, None)


def test_position_offset_is_the_epochs_own(tile: Path, coadd: Coadd) -> None:
    _, runs = make(tile, coadd, position_offset=3.0)
    flags = epoch_flags(some_planes(SHAPE, 1), COADD, SHIFTS[1][0] + 2, SHIFTS[1][1] + 2)
    assert np.array_equal(decode(runs), flags)


def test_row_says_what_the_header_says(tmp_path: Path, coadd: Coadd) -> None:
    header = {"NITE": 20161001, "FWHM": 3.5, "DATASECA": "[7:12,1:16]", "DATASECB": "[1:6,1:16]", "EXPNUM": 1}
    planes = some_planes(SHAPE, 1)
    write_image(tmp_path / "1.fits", planes, cards(x=5, y=3) | header)
    row, _ = make(tmp_path, coadd)
    good = epoch_flags(planes, COADD, 5, 3) & 7 == 0
    assert (row.counts.n_good_se_amp_a, row.counts.n_good_se_amp_b) == (good[:, 6:].sum(), good[:, :6].sum())
    assert (facts(row).nite, facts(row).fwhm, facts(row).airmass) == (20161001, 3.5, None)
    assert (facts(row).stale, facts(row).fingerprint) == (False, "f" * 64)


def test_epoch_without_a_segmentation_map_is_refused_unless_allowed(tile: Path, coadd: Coadd) -> None:
    with pytest.raises(FitsFileError, match=r"epoch 1/2: .* no seg_path: .*-se-seg, allow_missing_se_seg=True,"):
        make(tile, coadd, seg_path=None)
    row, runs = make(tile, coadd, options=Options(allow_missing_se_seg=True), seg_path=None)
    planes = some_planes(SHAPE, 1)
    planes["seg"][:] = 0
    assert np.array_equal(decode(runs), epoch_flags(planes, COADD, *SHIFTS[1]))
    assert (facts(row).se_seg_used, row.counts.n_se_seg) == (False, None)


def head(folder: Path, **more: Any) -> str:
    """Write a SCAMP header; return its path."""
    lines = [f"{key:<8}= {value!r}" for key, value in (cards(**more)).items()]
    (folder / "a.head").write_text("\n".join([*lines, "END", ""]))
    return str(folder / "a.head")


@pytest.mark.parametrize(("source", "shift"), [("image", 0), ("scamp", 3)])
def test_scamp_header_is_used_when_asked_and_compared_always(
    tile: Path, tmp_path: Path, coadd: Coadd, source: str, shift: int
) -> None:
    x, y = SHIFTS[1]
    row, runs = make(tile, coadd, options=Options(source), head_path=head(tmp_path, x=x + 3, y=y + 4))
    expected = epoch_flags(some_planes(SHAPE, 1), COADD, x + shift, y + (4 if shift else 0))
    assert np.array_equal(decode(runs), expected)
    assert facts(row).wcs_delta_pix == pytest.approx(5, abs=1e-6)


def test_epoch_without_a_scamp_header_has_none_to_compare_with(tile: Path, coadd: Coadd) -> None:
    assert facts(make(tile, coadd)[0]).wcs_delta_pix is None
    assert facts(make(tile, coadd, head_path="gone.head")[0]).wcs_delta_pix is None
    with pytest.raises(FitsFileError, match=r"1/2: .* no head_path: --wcs scamp \(wcs_source='scamp'\) needs one"):
        make(tile, coadd, options=Options("scamp"))


def test_scamp_header_that_cannot_be_used_costs_the_comparison_alone(
    tile: Path, tmp_path: Path, coadd: Coadd, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.head").write_text("CTYPE1  = 'LINEAR'\nEND\n")
    row, _ = make(tile, coadd, head_path=str(tmp_path / "a.head"))
    assert facts(row).wcs_delta_pix is None
    assert "epoch 1/2: wcs_delta_pix is unknown" in caplog.text


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"EXPNUM": 9}, "EXPNUM is '9', but the info file has 1"),
        ({"CCDNUM": 9}, "CCDNUM is '9', but the info file has 2"),
    ],
)
def test_header_of_another_image_is_refused(tmp_path: Path, coadd: Coadd, header: dict[str, int], message: str) -> None:
    write_image(tmp_path / "1.fits", some_planes(SHAPE, 1), cards() | header)
    with pytest.raises(HeaderMismatchError, match=message):
        make(tmp_path, coadd)


@pytest.mark.parametrize("ext", ["sci", "wgt", "msk", "seg"])
@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("EXPNUM", 9, "EXPNUM is '9', but the info file has 1"),
        ("CCDNUM", 9, "CCDNUM is '9', but the info file has 2"),
        ("BAND", "z", "BAND is 'z', but the info file has 'i'"),
        ("FILTER", "zd DECam k1038", "FILTER is 'zd', but the info file has 'i'"),
    ],
)
def test_plane_of_another_image_is_refused(
    tmp_path: Path, coadd: Coadd, ext: str, key: str, value: object, says: str
) -> None:
    write_image(tmp_path / "1.fits", some_planes(SHAPE, 1), cards() | {"EXPNUM": "1.0", "CCDNUM": 2.0})
    with fitsio.FITS(str(tmp_path / "1.fits"), "rw") as file:
        file[ext].write_key(key, value)
    with pytest.raises(HeaderMismatchError, match=rf"/1\.fits\[{ext}\]: {says}"):
        make(tmp_path, coadd)


def test_of_a_scamp_file_of_several_ccds_the_one_of_the_image_is_used(tile: Path, tmp_path: Path, coadd: Coadd) -> None:
    x, y = SHIFTS[1]
    text = "".join(Path(head(tmp_path, x=x + dx, y=y + 4)).read_text() for dx in (900, 3, -900))
    (tmp_path / "a.head").write_text(text)
    _, runs = make(tile, coadd, options=Options("scamp"), head_path=str(tmp_path / "a.head"))
    assert np.array_equal(decode(runs), epoch_flags(some_planes(SHAPE, 1), COADD, x + 3, y + 4))


def test_planes_of_two_shapes_are_refused(tmp_path: Path, coadd: Coadd) -> None:
    planes = some_planes(SHAPE, 1)
    write_image(tmp_path / "1.fits", planes | {"seg": planes["seg"][:, 1:]}, cards())
    with pytest.raises(PlaneError, match=rf"epoch 1/2 \(tile {TILE}, band i\): seg is 16 x 11, weight is 16 x 12"):
        make(tmp_path, coadd)
