"""A catalogue of a visit image as the LSST Science Pipelines wrote it, counted again with astropy."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

import goodpix

from ..lsstfiles import OLD, VALUES, write_visit_image
from .conftest import Run

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "lsst" / "HSC-0908120-056-small.fits"
PATTERN = "pattern=HSC-(?P<expnum>[0-9]+)-(?P<ccdnum>[0-9]+)"
NAMES = ("BAD", "SAT", "INTRP", "CR", "EDGE", "SUSPECT", "NO_DATA", "VIGNETTED", "CROSSTALK")
"""The first bits of a catalogue, in their order."""


@pytest.mark.skipif(not SAMPLE.is_file(), reason="the sample of ../shared is not here")
def test_real_image_is_counted_as_astropy_reads_it(tmp_path: Path, cli: Run) -> None:
    where = ["--db", tmp_path / "a.db", "--masks", tmp_path / "masks"]
    refused = cli("ingest", SAMPLE, "--profile", "lsst", *where)
    assert refused.status == 1
    assert "expected --set expnum=... --set ccdnum=... --set band=..., or --set pattern=..." in refused.err
    assert cli("ingest", SAMPLE, "--profile", "lsst", "--set", PATTERN, "--set", "band=i", *where).status == 0
    with fits.open(SAMPLE) as file:
        mask, variance, header = np.array(file[2].data, np.int64), np.array(file[3].data), file[2].header
        wcs = WCS(file[1].header)
    expected = np.where(np.isfinite(variance) & (variance > 0), 0, 2)
    expected |= np.where(mask >> header["MP_DETECTED"] & 1, 1, 0)
    bits = np.zeros(mask.shape, np.int64)
    for place, name in [*enumerate(NAMES), (12, "UNMASKEDNAN"), (13, "DETECTED_NEGATIVE")]:
        if f"MP_{name}" in header:
            bits |= np.where(mask >> header[f"MP_{name}"] & 1, 1 << place, 0)
    expected |= bits << 8 | np.where(bits > 0, 4, 0)
    with goodpix.Catalogue(tmp_path / "a.db") as catalogue:
        found = catalogue.mask("908120-056", "i", 908120, 56)
        np.testing.assert_array_equal(found.flags(), expected)
        row = catalogue.epochs().iloc[0]
        assert (row.n_se_seg, row.n_se_bmask) == (int((expected & 1 > 0).sum()), int((bits > 0).sum()))
        assert row.segmentation == "file"
        (ra, dec) = wcs.all_pix2world([[120.0, 40.0]], 0)[0]  # TAN-SIP
        at = catalogue.at(float(ra), float(dec))
        assert (at.x[0], at.y[0]) == (pytest.approx(120, abs=1e-6), pytest.approx(40, abs=1e-6))
    assert goodpix.verify(tmp_path / "a.db", images=1).ok
    assert cli("check", "908120-056", "i", 908120, 56, "--db", tmp_path / "a.db").status == 0
    assert cli("ingest", SAMPLE, "--profile", "lsst", "--set", PATTERN, "--set", "band=i", *where).status == 0


def test_copied_file_with_several_masks_is_unchanged_and_a_changed_one_is_not(tmp_path: Path) -> None:
    more = {"MSKN0000": "STREAK", "MSKM0000": 1, "MSKN0001": "DETECTED", "MSKM0001": 2}
    path = write_visit_image(tmp_path / "a.fits", [(VALUES, OLD), (VALUES >> 3, more)])
    where: dict[str, Any] = {"db": tmp_path / "a.db", "masks": tmp_path / "masks", "profile": "lsst"}
    assert goodpix.ingest_tiles(path, **where).n_epochs == 1
    os.utime(path, ns=(1, 1))
    assert goodpix.ingest_tiles(path, **where).n_unchanged == 1
    assert goodpix.verify(tmp_path / "a.db", images=1).ok
    with fits.open(path, mode="update") as file:
        file[3].data[:] = 1
    os.utime(path, ns=(2, 2))
    assert goodpix.ingest_tiles(path, **where).n_epochs == 1
    with goodpix.Catalogue(tmp_path / "a.db") as catalogue:
        assert catalogue.bits().set_index("name").n_pixels["STREAK"] == VALUES.size


def test_file_without_detected_objects_needs_an_option(tmp_path: Path, cli: Run) -> None:
    path = write_visit_image(tmp_path / "a.fits", {"MP_BAD": 0})
    where = ["--db", tmp_path / "a.db", "--masks", tmp_path / "masks", "--profile", "lsst"]
    assert cli("ingest", path, *where).status == 2
    assert cli("ingest", path, "--no-segment", *where).status == 0
