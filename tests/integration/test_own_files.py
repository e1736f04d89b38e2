"""FITS files of any origin, from a description in YAML to a catalogue, compared with plain numpy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

import goodpix

from ..ownfiles import BITS, EXPNUMS, own_flags, own_planes, wcs_cards, write_own_files
from .conftest import Run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "profiles.md"
YAML = PAGE.read_text().split("```yaml\n", 1)[1].split("```", 1)[0]
"""The example in the documentation, as written."""


@pytest.fixture
def described(tmp_path: Path) -> Path:
    """The description in the documentation, and the files that it describes."""
    write_own_files(tmp_path / "raw")
    path = tmp_path / "my.yaml"
    path.write_text(YAML)
    return path


def where(path: Path) -> list[Any]:
    return ["--profile", "files", "--db", path.parent / "a.db", "--masks", path.parent / "masks"]


def test_description_in_the_documentation_has_about_ten_lines() -> None:
    assert 8 <= len(YAML.splitlines()) <= 12


def test_described_files_are_ingested_as_numpy_reads_them(described: Path, cli: Run) -> None:
    assert cli("ingest", described, *where(described)).status == 0
    db = described.parent / "a.db"
    with goodpix.Catalogue(db) as catalogue:
        for number, expnum in enumerate(EXPNUMS):
            expected = own_flags(expnum)
            np.testing.assert_array_equal(catalogue.mask(f"{expnum}-003", "r", expnum, 3).flags(), expected)
            (ra, dec) = WCS(wcs_cards(shift=20.0 * number)).all_pix2world([[12.0, 40.0]], 0)[0]
            at = catalogue.at(float(ra), float(dec))
            row = at[at.expnum == expnum].iloc[0]
            assert (row.x, row.y) == (pytest.approx(12, abs=1e-6), pytest.approx(40, abs=1e-6))
        epochs = catalogue.epochs()
        assert epochs[["nite", "exptime", "skysigma", "magzp"]].drop_duplicates().values.tolist() == [
            [20200101, 30.0, 4.5, 25.0]
        ]
        bits = catalogue.bits().groupby("name").n_pixels.sum()
        values = [own_flags(expnum) >> 8 for expnum in EXPNUMS]
        assert {name: bits[name] for name in BITS} == {
            name: sum(int((flags & value > 0).sum()) for flags in values) for name, value in BITS.items()
        }
        assert bits["BIT_6"] == sum(int((flags & 64 > 0).sum()) for flags in values)
    assert goodpix.verify(db, images=2).ok
    assert cli("check", "71-003", "r", 71, 3, "--db", db).status == 0
    again = cli("ingest", described, *where(described))
    assert (again.status, "2 epochs up to date" in again.err) == (0, True)


def test_image_without_a_mask_has_no_bit_set(described: Path, cli: Run) -> None:
    described.write_text("\n".join(line for line in YAML.splitlines() if not line.startswith(("mask:", "seg:"))))
    refused = cli("ingest", described, *where(described))
    assert (refused.status, "--no-segment" in refused.err) == (2, True)
    assert cli("ingest", described, "--no-segment", *where(described)).status == 0
    with goodpix.Catalogue(described.parent / "a.db") as catalogue:
        flags = catalogue.mask("71-003", "r", 71, 3).flags()
        np.testing.assert_array_equal(flags, own_flags(71, seg=False) & 2)
    assert cli("check", "71-003", "r", 71, 3, "--db", described.parent / "a.db").status == 0


def test_changed_wcs_in_another_extension_makes_the_mask_again(described: Path) -> None:
    given: dict[str, Any] = {"db": described.parent / "a.db", "masks": described.parent / "m", "profile": "files"}
    goodpix.ingest_tiles(described, **given)
    with fits.open(described.parent / "raw" / "exp71_ccd3_sci.fits", mode="update") as file:
        file[0].header["CRVAL2"] = -31.0
    report = goodpix.ingest_tiles(described, **given)
    assert (report.n_epochs, report.n_unchanged) == (1, 1)
    with goodpix.Catalogue(given["db"]) as catalogue:
        assert catalogue.epochs(expnum=71).dec_cent.iloc[0] == pytest.approx(-31, abs=0.01)


def test_other_names_of_bits_are_refused(described: Path, cli: Run) -> None:
    assert cli("ingest", described, *where(described)).status == 0
    described.write_text(YAML.replace("SATURATED: 4", "HOT: 4"))
    done = cli("ingest", described, *where(described))
    assert (done.status, len(done.lines)) == (2, 1)
    assert "the se mask bits are BAD 1, HOT 4, COSMIC_RAY 16, but the catalogue" in done.err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("image:", "imag:", "imag is no key of a description, did you mean image?"),
        ("site:", "sites:", "sites is no key of a description, did you mean site?"),
        ("raw/*_sci", "raw/*_nothing", "no such file"),
        (
            "meaning: variance",
            "meaning: var",
            "weight.meaning is 'var': expected inverse variance or variance or sigma",
        ),
        ("SATURATED: 4", "SATURATED: 5", "mask.bits.SATURATED is 5: expected a power of two"),
        ("SATURATED: 4", "BAD: 4", "BAD stands twice, in lines"),
        ("band: FILTER", "bands: FILTER", "key.bands is no key of a description, did you mean band?"),
        ("(?P<expnum>", "(?P<expnum", "key.pattern is "),
        ("Kitt Peak", "Kitt Peek", "site is 'Kitt Peek': expected Cerro Tololo"),
        ("_var.fits", "_v*r.fits", "expected 1 *, as in the image's, or none"),
        ("wcs: 0", "wcs: 1.5", "wcs is 1.5: expected an EXTNAME or a number"),
    ],
)
def test_wrong_description_is_one_line(described: Path, cli: Run, old: str, new: str, message: str) -> None:
    assert old in YAML
    described.write_text(YAML.replace(old, new, 1))
    done = cli("ingest", described, *where(described))
    assert (done.status, len(done.lines)) == (2, 1), done.err
    assert f"{described}: " in done.err
    assert message in done.err
    assert not (described.parent / "a.db").exists()


def test_folder_is_no_description(tmp_path: Path, cli: Run) -> None:
    done = cli("ingest", tmp_path, "--profile", "files", "--db", tmp_path / "a.db")
    assert (done.status, "expected one YAML file" in done.err) == (2, True)


def test_missing_keyword_and_missing_weight_are_failures_of_their_file(described: Path, cli: Run) -> None:
    described.write_text(YAML.replace("band: FILTER", "band: COLOUR"))
    done = cli("ingest", described, *where(described))
    assert (done.status, "band (COLOUR) is missing: expected a band, such as r (key.band of" in done.err) == (1, True)
    described.write_text(YAML)
    (described.parent / "raw" / "exp72_ccd3_var.fits").unlink()
    done = cli("ingest", described, *where(described))
    assert (done.status, "exp72_ccd3_var.fits: no such file" in done.err) == (1, True), done.err


def test_draft_of_a_plain_file_is_ingested_as_printed(tmp_path: Path, cli: Run) -> None:
    planes = own_planes(71)
    primary = fits.PrimaryHDU()
    primary.header.update({"EXPNUM": 7, "FILTER": "r", "CCDNUM": 3})
    units = [fits.ImageHDU(planes[end], name=name) for end, name in (("sci", "SCI"), ("var", "WHT"), ("dq", "DQ"))]
    for unit in units:
        unit.header.update(wcs_cards())
    fits.HDUList([primary, *units]).writeto(tmp_path / "plain.fits")
    draft = cli("describe", tmp_path / "plain.fits")
    assert (draft.status, draft.err) == (0, "")
    path = tmp_path / "my.yaml"
    path.write_text(draft.out)
    assert cli("ingest", path, "--no-segment", *where(path)).status == 0
    with goodpix.Catalogue(tmp_path / "a.db") as catalogue:
        np.testing.assert_array_equal(catalogue.mask("7-003", "r", 7, 3).flags(), own_flags(71, seg=False))
