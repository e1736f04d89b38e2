"""Source Extractor, run with the parameters of segmentation maps."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits

from goodpix.schema.inputs.segmentation import Segmentation

__all__ = ["Booleans", "Pixels", "intersection_over_union", "needs_source_extractor", "source_extractor_map"]

Pixels = npt.NDArray[Any]
Booleans = npt.NDArray[np.bool_]

_PROGRAM = next((found for name in ("source-extractor", "sex") if (found := shutil.which(name))), None)

needs_source_extractor = pytest.mark.skipif(_PROGRAM is None, reason="Source Extractor is not installed")


def source_extractor_map(
    folder: Path, image: Pixels, weight: Pixels, bad: Booleans, parameters: Segmentation
) -> Booleans:
    """Return the pixels that Source Extractor detects, of weight 0 where they are bad; weights are absolute."""
    assert _PROGRAM is not None
    assert parameters.kernel is not None
    folder.mkdir(parents=True, exist_ok=True)
    fits.writeto(folder / "image.fits", image.astype(np.float32), overwrite=True)
    fits.writeto(folder / "weight.fits", np.where(bad, 0, weight).astype(np.float32), overwrite=True)
    kernel = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in parameters.kernel)
    (folder / "kernel.conv").write_text(f"CONV NORM\n{kernel}\n")
    (folder / "names.param").write_text("NUMBER\n")
    options = {
        "CATALOG_NAME": folder / "catalogue.txt",
        "PARAMETERS_NAME": folder / "names.param",
        "DETECT_THRESH": parameters.threshold,
        "ANALYSIS_THRESH": parameters.threshold,
        "DETECT_MINAREA": parameters.area,
        "FILTER_NAME": folder / "kernel.conv",
        "WEIGHT_TYPE": "MAP_WEIGHT",
        "WEIGHT_IMAGE": folder / "weight.fits",
        "RESCALE_WEIGHTS": "N",
        "BACK_SIZE": "{},{}".format(*parameters.mesh),
        "BACK_FILTERSIZE": "{},{}".format(*parameters.mesh_filter),
        "SATUR_LEVEL": 1e9,
        "CHECKIMAGE_TYPE": "SEGMENTATION",
        "CHECKIMAGE_NAME": folder / "seg.fits",
        "VERBOSE_TYPE": "QUIET",
    }
    (folder / "options.sex").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    subprocess.run([_PROGRAM, folder / "image.fits", "-c", folder / "options.sex"], check=True, capture_output=True)
    found: Booleans = fits.getdata(folder / "seg.fits") != 0
    return found


def intersection_over_union(a: Booleans, b: Booleans, among: Booleans) -> float:
    """Return the number of pixels that are in both maps over that of pixels in either."""
    return float((a & b & among).sum() / ((a | b) & among).sum())
