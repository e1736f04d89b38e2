"""Facts about CCD images as they are read from their files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodpix.ingest.images.ccdimage import CcdImage, read_ccd_image
from goodpix.ingest.inputs import file_states
from goodpix.ingest.plan import Options
from goodpix.schema.errors import FitsFileError, HeaderMismatchError
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
