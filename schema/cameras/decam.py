"""Amplifiers and filters of the Dark Energy Camera."""

from dataclasses import dataclass

__all__ = ["A_IS_HIGH", "DECAM_PROFILES", "FILTERS", "Passband", "decam_sections", "passband"]

DECAM_PROFILES = (None, "des")
"""Values of the column ``profile`` of images that are all of DECam; null in masks of format 1."""

FILTERS = {
    "u": "u DECam c0006 3500.0 1000.0",
    "g": "g DECam SDSS c0001 4720.0 1520.0",
    "r": "r DECam SDSS c0002 6415.0 1480.0",
    "i": "i DECam SDSS c0003 7835.0 1470.0",
    "z": "z DECam SDSS c0004 9260.0 1520.0",
    "Y": "Y DECam c0005 10095.0 1130.0",
    "VR": "VR DECam c0007 6300.0 2600.0",
    "N964": "N964 DECam c0008 9645.0 94.0",
}
"""FILTER in the headers of DECam's images, by band: name, identifier, central wavelength and width in Angstrom."""

# per metre
_ANGSTROMS = 1e10

_COLUMNS = 2048

A_IS_HIGH = range(1, 32)
"""CCDs of which amplifier A reads the half at large x; on the others B reads it."""


@dataclass(frozen=True, slots=True)
class Passband:
    """Wavelengths that a filter passes.

    Parameters
    ----------
    centre, width : float
        Central wavelength and width, Angstrom.
    """

    centre: float
    width: float

    @property
    def shortest(self) -> float:
        """Centre minus half the width, m."""
        return (self.centre - self.width / 2) / _ANGSTROMS

    @property
    def longest(self) -> float:
        """Centre plus half the width, m."""
        return (self.centre + self.width / 2) / _ANGSTROMS

    @property
    def resolving_power(self) -> float:
        """Centre over width."""
        return self.centre / self.width


def passband(band: str) -> Passband:
    """Return the passband of a filter of DECam, one of `FILTERS`."""
    centre, width = FILTERS[band].split()[-2:]
    return Passband(float(centre), float(width))


def decam_sections(ccdnum: int, n_rows: int = 4096) -> tuple[str, str]:
    """Return the sections of amplifiers A and B, before an image is trimmed in x.

    Parameters
    ----------
    ccdnum : int
        CCD number.
    n_rows : int
        Number of rows; each amplifier reads half of every row.

    Returns
    -------
    tuple of str
        Sections as DATASECA and DATASECB of DES's images have them.

    Examples
    --------
    >>> decam_sections(31)
    ('[1025:2048,1:4096]', '[1:1024,1:4096]')
    """
    half = _COLUMNS // 2
    low, high = f"[1:{half},1:{n_rows}]", f"[{half + 1}:{_COLUMNS},1:{n_rows}]"
    return (high, low) if ccdnum in A_IS_HIGH else (low, high)
