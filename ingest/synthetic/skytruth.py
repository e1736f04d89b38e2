"""Known residual sky and noise of a synthetic band's epochs."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .defects import StarHalo
from .drawing import RESIDUAL_GRADIENT, RESIDUAL_LEVEL
from .exposure import AMP_B_VARIANCE, Exposure

__all__ = ["write_truth"]


def _sky_truth(exposures: Sequence[Exposure], halo: StarHalo | None) -> dict[str, Any]:
    """Return the residual sky and the noise of a band's epochs.

    Parameters
    ----------
    exposures : sequence of Exposure
        The epochs.
    halo : StarHalo or None
        Halo of bright stars.

    Returns
    -------
    dict
        ``residual_level``: at the centre of every CCD. ``residual_gradient_x``, ``residual_gradient_y``: last
        column minus first, last row minus first; linear in between. ``correlation``: of the noise of adjacent
        pixels. Per epoch ``noise_amp_a``, ``noise_amp_b``: standard deviation of the noise in each amplifier
        half; that of a pixel is 1 / sqrt(weight). ``star_halo``: `StarHalo`, where there is one. All levels are
        in ``unit``.

    Notes
    -----
    The wings of sources add to the residual sky, see `RESIDUAL_LEVEL`.
    """
    return {
        "unit": "ADU",
        "residual_level": RESIDUAL_LEVEL,
        "residual_gradient_x": 0.0,
        "residual_gradient_y": RESIDUAL_GRADIENT,
        "correlation": 0.0,
        **({} if halo is None else {"star_halo": asdict(halo)}),
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


def write_truth(path: Path, exposures: Sequence[Exposure], halo: StarHalo | None = None) -> None:
    """Write the known sky of a band's epochs to a JSON file.

    Parameters
    ----------
    path : Path
        Output file; its folder is created.
    exposures : sequence of Exposure
        The epochs.
    halo : StarHalo, optional
        Halo of bright stars in their images.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_sky_truth(exposures, halo), indent=1) + "\n")
