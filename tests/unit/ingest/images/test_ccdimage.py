"""Facts about CCD images as they are read from their files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from goodpix.ingest.images.ccdimage import CcdImage, read_ccd_image
from goodpix.ingest.images.segmentation import detect_objects, sep_version
from goodpix.ingest.inputs import file_states
from goodpix.ingest.plan import Options
from goodpix.schema.errors import DamagedFileError, FitsFileError, HeaderMismatchError
from goodpix.schema.inputs.segmentation import Segmentation
from goodpix.schema.masks.rle import Runs
from goodpix.schema.planes.reader import PlaneReader

from ..tinytile import SHAPE, cards, info_of, some_planes, write_image

PLANES = some_planes(SHAPE, 1)


def read(
    folder: Path, header: dict[str, Any] | None = None, *, options: Options | None = None, **keys: Any
) -> CcdImage:
    """Return a CCD image, and check its rows while its file is open."""
    write_image(folder / "1.fits", PLANES, cards() | (header or {}))
    entry = info_of(folder).src_info[0].model_copy(update=keys)
    with PlaneReader() as reader:
        image = read_ccd_image(reader, entry, options or Options(), file_states(entry))
        assert not isinstance(image.planes, Runs)
        (block,) = image.planes
    assert np.array_equal(block.positive, PLANES["weight"] > 0)
    assert np.array_equal(block.bmask, PLANES["bmask"].view(np.uint32))
    assert np.array_equal(block.in_object, (PLANES["seg"] != 0) & image.seg_used)
    return image


def test_image_has_its_planes_and_what_its_header_says(tmp_path: Path) -> None:
    image = read(tmp_path, {"NITE": 20161001, "EXPNUM": 1})
    assert (image.shape, image.exposure.nite, image.quantization, image.seg_used) == (SHAPE, 20161001, None, True)
    assert list(image.inputs.files) == [str(tmp_path / "1.fits")]
    assert image.header["CRVAL1"] == 21.0


def test_header_of_another_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HeaderMismatchError, match="EXPNUM is '9', but the info file has 1"):
        read(tmp_path, {"EXPNUM": 9})


def test_image_without_a_segmentation_map_is_refused_unless_allowed(tmp_path: Path) -> None:
    with pytest.raises(FitsFileError, match=r"epoch 1/2: the info file has no seg_path"):
        read(tmp_path, seg_path=None)
    assert not read(tmp_path, options=Options(allow_missing_se_seg=True), seg_path=None).seg_used


def test_map_is_made_of_an_image_that_has_none(tmp_path: Path) -> None:
    options = Options(segment=Segmentation(sep_version(), threshold=0.1, area=2))
    assert read(tmp_path, options=options).segmentation == "file"
    entry = info_of(tmp_path).src_info[0].model_copy(update={"seg_path": None})
    with PlaneReader() as reader:
        image = read_ccd_image(reader, entry, options, file_states(entry))
        assert not isinstance(image.planes, Runs)
        (block,) = image.planes
    assert options.segment is not None
    expected = detect_objects(PLANES["image"], PLANES["weight"], PLANES["bmask"] != 0, options.segment)
    np.testing.assert_array_equal(block.in_object, expected)
    assert 0 < expected.sum() < expected.size
    assert (image.segmentation, image.seg_used) == ("sep", True)


def test_map_is_not_made_of_a_damaged_image_unless_that_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "1.fits"
    write_image(path, PLANES, cards())
    with fits.open(path) as file:
        file.writeto(path.with_name("sums.fits"), checksum=True)
    path = path.with_name("sums.fits").rename(path)
    content = bytearray(path.read_bytes())
    at = content.find(PLANES["image"].astype(">f4").tobytes())
    content[at + 9] ^= 1
    path.write_bytes(content)
    entry = info_of(tmp_path).src_info[0].model_copy(update={"seg_path": None})
    segment = Segmentation(sep_version())
    with PlaneReader() as reader, pytest.raises(DamagedFileError, match="DATASUM"):
        read_ccd_image(reader, entry, Options(segment=segment), file_states(entry))
    with PlaneReader() as reader:
        taken = read_ccd_image(reader, entry, Options(segment=segment, allow_damaged=True), file_states(entry))
    assert taken.inputs.damaged
    with PlaneReader() as reader:  # without a map to make, its pixels do not matter
        assert not read_ccd_image(reader, entry, Options(allow_missing_se_seg=True), file_states(entry)).inputs.damaged
