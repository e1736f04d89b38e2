"""Words in names of files and extensions that tell planes."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ...schema.errors import UsageError
from ..infofile import in_utf8

__all__ = [
    "COMMUNITY_PIPELINE",
    "ENDINGS",
    "WEIGHTS",
    "WORDS",
    "fits_files",
    "last_word",
    "n_common",
    "role_of",
    "same_stem",
    "word_of",
]

ENDINGS = (".fits", ".fits.fz", ".fits.gz", ".fit", ".fts")
"""Ends of names of FITS files."""

# Files of a folder that are looked at.
_MOST_FILES = 10_000

WEIGHTS = {
    **dict.fromkeys(("WHT", "WGT", "WEIGHT", "WT", "IVAR", "INVVAR", "OOW"), "inverse variance"),
    **dict.fromkeys(("VAR", "VARIANCE"), "variance"),
    **dict.fromkeys(("ERR", "ERROR", "SIGMA", "RMS", "STD", "UNCERT"), "sigma"),
}
"""Meaning of a weight by the word in the name of its extension or file."""

WORDS: Mapping[str, str] = {
    **dict.fromkeys(("SCI", "IMAGE", "IMG", "DATA", "OOI"), "image"),
    **dict.fromkeys(WEIGHTS, "weight"),
    **dict.fromkeys(("DQ", "MSK", "MASK", "FLAG", "FLAGS", "BPM", "BADPIX", "OOD"), "mask"),
    **dict.fromkeys(("SEG", "SEGMAP", "SEGM", "SEGMENTATION"), "seg"),
}
"""Plane by the word in the name of its extension or file."""

COMMUNITY_PIPELINE = re.compile(r".+_o[ok][iwd]_.+\.fits(\.fz)?")
"""Names of files of the NOIRLab Community Pipeline."""

_CP_KIND = re.compile(r"(?<=_)o[ok][iwd](?=_)")


def fits_files(given: Sequence[Path]) -> tuple[list[Path], bool]:
    """Return the FITS files, absolute, and whether there are info files of DES."""
    files: dict[Path, None] = {}
    infos = False
    for path in given:
        if os.path.isdir(path):
            found = sorted(_below(path))
            infos |= any(each.name.endswith("_pizza_cutter_info.yaml") for each in found)
            files |= dict.fromkeys(each for each in found if each.name.lower().endswith(ENDINGS))
        elif os.path.exists(path):
            infos |= path.name.endswith("_pizza_cutter_info.yaml")
            files[Path(os.path.abspath(path))] = None
        else:
            raise UsageError(f"{in_utf8(str(path))}: no such file or folder")
    return list(files), infos


def _below(folder: Path) -> Iterator[Path]:
    n = 0
    for parent, _, names in os.walk(os.path.abspath(folder)):
        for name in names:
            n += 1
            if n > _MOST_FILES:
                return
            yield Path(parent, name)


def word_of(name: str) -> str:
    """Return the last word of a name that says what a plane is, in capitals; empty if there is none."""
    words = [word.rstrip("0123456789") for word in re.split(r"[^A-Za-z0-9]+", name.upper())]
    return next((word for word in reversed(words) if word in WORDS), "")


def _stem(path: Path) -> str:
    name = path.name
    ending = next((end for end in sorted(ENDINGS, key=len, reverse=True) if name.lower().endswith(end)), "")
    return name[: len(name) - len(ending)]


def role_of(path: Path) -> str:
    """Return the plane that the end of a file's name says: ``weight`` of ``a.weight.fits`` or ``a_wht.fits``."""
    found = re.split(r"[._-]", _stem(path))
    if COMMUNITY_PIPELINE.fullmatch(path.name):
        return WORDS.get(_CP_KIND.findall(path.name)[-1].upper(), "image")
    word = re.sub(r"\d+$", "", found[-1].upper()) if len(found) > 1 else ""
    return WORDS.get(word, "")


def last_word(path: Path) -> str:
    """Return the last word of a file's name, in capitals, without digits at its end."""
    return re.sub(r"\d+$", "", re.split(r"[._-]", _stem(path))[-1].upper())


def same_stem(path: Path, image: Path) -> bool:
    """Tell whether two files differ in the last word of their names alone, which the image's need not have."""
    if COMMUNITY_PIPELINE.fullmatch(image.name):
        return path != image and _CP_KIND.sub("", path.name) == _CP_KIND.sub("", image.name)
    stem = re.sub(r"[._-][^._-]*$", "", _stem(path))
    own = re.sub(r"[._-][^._-]*$", "", _stem(image)) if role_of(image) == "image" else _stem(image)
    return path != image and stem == own


def n_common(a: str, b: str) -> int:
    """Return how many letters two texts share at their beginning."""
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
