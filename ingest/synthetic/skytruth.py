"""What is known of the sky of a synthetic band's epochs."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .drawing import RESIDUAL_GRADIENT, RESIDUAL_LEVEL
from .exposure import AMP_B_VARIANCE, Exposure

__all__ = ["write_truth"]


def _sky_truth(exposures: Sequence[Exposure]) -> dict[str, Any]:
    """Return the residual sky that a band's epochs have, and their noise.

    Parameters
    ----------
    exposures : sequence of Exposure
        The epochs.

    Returns
    -------
    dict
        ``residual_level``: at the middle of every CCD. ``residual_gradient_x``, ``residual_gradient_y``: last
        column minus first, last row minus first; in between it is linear. ``correlation``: of the noise of
        neighbouring pixels. Per epoch ``noise_amp_a``, ``noise_amp_b``: standard deviation of the noise of either
        amplifier half; that of each pixel is 1 / sqrt(weight). All in ``unit``.

    Notes
    -----
    The wings of sources come on top, as on a real sky: see `RESIDUAL_LEVEL`.
    """
    return {
        "unit": "ADU",
        "residual_level": RESIDUAL_LEVEL,
        "residual_gradient_x": 0.0,
        "residual_gradient_y": RESIDUAL_GRADIENT,
        "correlation": 0.0,
        "epochs": [
            {
                "expnum": each.expnum,
                "ccdnum": each.ccdnum,
                "noise_amp_a": each.sigma,
                "noise_amp_b": each.sigma * math.sqrt(AMP_B_VARIANCE),
            }
            for each in exposures
        ],
    }


def write_truth(path: Path, exposures: Sequence[Exposure]) -> None:
    """Write what is known to a JSON file.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    exposures : sequence of Exposure
        The epochs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_sky_truth(exposures), indent=1) + "\n")
