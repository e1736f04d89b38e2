"""Regions of CCDs that surveys are known to leave out, by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["SHIPPED_EXCLUSIONS", "ShippedExclusion"]


@dataclass(frozen=True, slots=True)
class ShippedExclusion:
    """An exclusion that comes with goodpix.

    Parameters
    ----------
    entry : str
        The exclusion in words, as `goodpix.Selection` takes it.
    meaning : str
        What is excluded.
    source : str
        URL of the software or text that leaves it out.
    """

    entry: str
    meaning: str
    source: str


SHIPPED_EXCLUSIONS: Mapping[str, ShippedExclusion] = MappingProxyType(
    {
        # zero-based columns of images with and without the outermost column
        "decam-s7": ShippedExclusion(
            "ccdnum=31,box=1023:2048:0:4096",
            "the bad half of DECam's S7 (CCD 31), at large x",
            "https://github.com/legacysurvey/legacypipe/blob/main/py/legacypipe/decam.py",
        ),
        "decam-s17": ShippedExclusion(
            "ccdnum=16,box=538:545:0:3890",
            "the bad columns of DECam's S17 (CCD 16) below a defect, with those between them",
            "https://github.com/legacysurvey/legacypipe/issues/760",
        ),
        "decasu-31a": ShippedExclusion(
            "ccdnum=31,amplifier=A",
            "the bad amplifier of DECam's CCD 31 (S7), as decasu has it",
            "https://github.com/erykoff/decasu/blob/main/decasu/configuration.py",
        ),
    }
)
"""Exclusions by name, each to be given as ``exclude=["decam-s7"]`` or ``--exclude decam-s7``."""
