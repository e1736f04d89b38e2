"""Facts about coadds of one's own."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.wcs import WCS

from goodpix.ingest.profiles.owncoadd import coadd_bit_names, overlap, read_coadds
from goodpix.schema.bits import BitNames
from goodpix.schema.errors import AmbiguousInputError, UsageError
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.solution import Wcs

Floats = npt.NDArray[np.float64]

PIXEL = 0.3 / 3600
YAML = "tilename: t\nband: r\nimage: {files: c.fits}\nweight: {files: w.fits}\nseg: {ext: 2}\n"


def cards(ra: float, dec: float, shape: tuple[int, int], turn: float = 0.0) -> dict[str, Any]:
    c, s = np.cos(np.radians(turn)) * PIXEL, np.sin(np.radians(turn)) * PIXEL
    found = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": ra, "CRVAL2": dec}
    found |= {"CRPIX1": (shape[1] + 1) / 2, "CRPIX2": (shape[0] + 1) / 2}
    return found | {"CD1_1": -c, "CD1_2": s, "CD2_1": s, "CD2_2": c}


def grid(header: dict[str, Any], shape: tuple[int, int]) -> PixelGrid:
    return PixelGrid(Wcs.from_header(header, "test"), shape)


def n_shared(sky: tuple[Floats, Floats], coadd: WCS, size: tuple[int, int]) -> int:
    """Return how many places lie on a coadd, by astropy."""
    cx, cy = coadd.all_world2pix(*sky, 0)
    return int(((cx > -0.5) & (cx < size[1] - 0.5) & (cy > -0.5) & (cy < size[0] - 0.5)).sum())


@pytest.mark.parametrize(("ra", "dec"), [(0.0, -30.0), (150.0, 0.0), (20.0, 89.99)])
def test_overlap_is_that_of_the_pixels(ra: float, dec: float) -> None:
    shape, size = (60, 30), (50, 70)
    coadd = cards(ra, dec, size)
    # an outline that is within a pixel of the coadd counts as overlapping
    wider = WCS(coadd | {"CRPIX1": coadd["CRPIX1"] + 4, "CRPIX2": coadd["CRPIX2"] + 4})
    wcs, on_coadd = WCS(coadd), grid(coadd, size)
    y, x = np.indices(shape).reshape(2, -1)
    found = {True: 0, False: 0}
    for turn, dx, dy in itertools.product((0.0, 40.0), range(-64, 65, 8), range(-64, 65, 8)):
        (place,) = wcs.all_pix2world([[34.5 + dx, 24.5 + dy]], 0)
        image = cards(float(place[0]), float(place[1]), shape, turn)
        sky = WCS(image).all_pix2world(x, y, 0)
        told = overlap(grid(image, shape), on_coadd)
        assert told or not n_shared(sky, wcs, size)
        assert not told or n_shared(sky, wider, (58, 78))
        found[told] += 1
    assert min(found.values()) > 50


def test_coadd_in_the_middle_of_an_image_overlaps_and_one_behind_it_does_not() -> None:
    image = grid(cards(10.0, 0.0, (400, 400)), (400, 400))
    assert overlap(image, grid(cards(10.0, 0.0, (4, 4)), (4, 4)))
    assert not overlap(image, grid(cards(190.0, 0.0, (4, 4)), (4, 4)))


def test_description_has_absolute_paths_and_the_file_of_the_image_by_default(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"{YAML}unique: {{uramin: 1, uramax: 2, udecmin: -1, udecmax: 1}}")
    (coadd,) = read_coadds([path, path]).values()
    assert (coadd.image_path, coadd.seg_path, coadd.seg_ext) == (str(tmp_path / "c.fits"), str(tmp_path / "c.fits"), 2)
    assert (coadd.bmask_path, coadd.unique_limits) == (coadd.weight_path, (1, 2, -1, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("band: r\n", "", "band is missing: expected a band"),
        ("c.fits", "'*.fits'", "image.files is .*: expected the path of one file"),
        ("ext: 2", "ext: [1, 2]", r"seg.ext is \[1, 2\]: expected one extension"),
        ("band: r", "band: r\nunique: {uramin: 1}", "unique.uramax is missing: expected degrees"),
        ("band: r", "band: r/i", "band is 'r/i'"),
    ],
)
def test_wrong_description_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(YAML.replace(old, new))
    with pytest.raises(UsageError, match=rf"c\.yaml: {message}"):
        read_coadds([path])


def test_two_coadds_of_a_tile_or_of_other_bits_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(YAML)
    (tmp_path / "b.yaml").write_text(YAML)
    with pytest.raises(AmbiguousInputError, match="are both of tile t, band r"):
        read_coadds([tmp_path / "a.yaml", tmp_path / "b.yaml"])
    (tmp_path / "b.yaml").write_text(YAML.replace("tilename: t", "tilename: u\nmask: {ext: 3, bits: {A: 1}}"))
    coadds = read_coadds([tmp_path / "a.yaml", tmp_path / "b.yaml"])
    with pytest.raises(AmbiguousInputError, match="name mask bits differently"):
        coadd_bit_names(BitNames(se={}, coadd={}), coadds)
