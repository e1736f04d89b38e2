"""Amplifiers of the Dark Energy Camera."""

__all__ = ["A_IS_HIGH", "DECAM_PROFILES", "decam_sections"]

DECAM_PROFILES = (None, "des")
"""Values of the column ``profile`` of images that are all of DECam; null in masks of format 1."""

_COLUMNS = 2048

A_IS_HIGH = range(1, 32)
"""CCDs of which amplifier A reads the half at large x; on the others B reads it."""


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
