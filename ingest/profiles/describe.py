"""Drafts of descriptions for FITS files."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...schema.errors import GoodpixError, UsageError
from ...schema.files.object import local_path
from ...schema.planes.fitsfile import Unit
from ...schema.planes.headers import Header, whole_number
from ...schema.planes.plane import Plane
from ...schema.planes.reader import PlaneReader
from ...schema.printable import one_line
from ..exposurefacts import header_number, header_text
from ..infofile import in_utf8
from .planewords import (
    COMMUNITY_PIPELINE,
    ENDINGS,
    WEIGHTS,
    WORDS,
    fits_files,
    last_word,
    n_common,
    role_of,
    same_stem,
    word_of,
)

__all__ = ["draft_description"]

# Rows of a mask that are read.
_MOST_ROWS = 4096

_KEYS = {
    "expnum": ("EXPNUM", "EXPID", "EXPOSURE_ID", "VISIT", "OBSNUM", "FRAMENUM", "RUN"),
    "ccdnum": ("CCDNUM", "DETECTOR", "CCDID", "CHIP", "CHIPNUM", "CCD", "DET-ID", "IMAGEID", "EXTVER"),
    "band": ("BAND", "FILTER", "FILTNAM", "FILTER1", "FILTER01", "INSFLNAM"),
}
_FACTS = {
    "exptime": ("EXPTIME", "TEXP", "EXPOSURE", "EXP_TIME"),
    "magzp": ("MAGZP", "MAGZERO", "MAGZPT", "PHOTZP", "ZEROPT", "ZP", "MAG_ZERO"),
    "skybrite": ("SKYBRITE", "SKYLEVEL", "BACKGRND", "AVSKY", "SKYADU", "SKY"),
    "skysigma": ("SKYSIGMA", "SKYNOISE", "AVSIG", "SKYRMS", "NOISE"),
    "fwhm": ("FWHM", "SEEINGP", "SEEING"),
    "bunit": ("BUNIT",),
}
_SITES = {
    "Cerro Tololo": r"tololo|ctio|blanco",
    "Cerro Pachon": r"pach[oó]n|gemini-s|rubin|soar",
    "Kitt Peak": r"kitt|kpno|mayall|bok|wiyn",
    "Mauna Kea": r"mauna ?kea|subaru|cfht|gemini-n|keck",
}
_WCS = ("CTYPE1", "CRVAL1", "CRPIX1")
_DES = re.compile(r"D\d{8}_\w+_c\d+_r\w+_(immasked|segmap)\.fits(\.fz)?")


@dataclass(slots=True)
class _Draft:
    """Lines of a draft, and what goes with them."""

    path: str
    reader: PlaneReader
    lines: list[str] = field(default_factory=list)

    def add(self, line: str, comment: str = "") -> None:
        self.lines.append(f"{line}  # {comment}" if comment and line else line or f"# {comment}")


def draft_description(given: Sequence[Path]) -> str:
    """Return a draft of a description in YAML of some FITS files, with comments on what is guessed or missing.

    Parameters
    ----------
    given : sequence of Path
        FITS files, or folders of such.

    Raises
    ------
    UsageError
        If there is no FITS file.
    GoodpixError
        If the file of images cannot be read.
    """
    files, infos = fits_files([local_path(each, "input") for each in given])
    if infos:
        return f"# This looks like des-pizza-cutter: goodpix ingest {_shown(given[0])}"
    images = [path for path in files if role_of(path) in ("", "image")] or files
    if not images:
        looked = " ".join(in_utf8(str(path)) for path in given)
        raise UsageError(f"{looked}: no FITS file: expected names that end in {', '.join(ENDINGS)}")
    path = images[0]
    if in_utf8(str(path)) != str(path):
        raise UsageError(f"{in_utf8(str(path))}: its name is not UTF-8: expected a name that databases can store")
    with PlaneReader() as reader:
        draft = _Draft(str(path), reader)
        _known_profile(draft, given[0])
        draft.add("", f"Drafted from {path.name}: check what is a guess, then goodpix ingest --profile files my.yaml")
        _planes(draft, [each for each in images if each != path])
    return "\n".join(draft.lines)


def _shown(path: Path) -> str:
    return json.dumps(in_utf8(str(path)), ensure_ascii=False) if re.search(r"[^\w./+-]", str(path)) else str(path)


def _known_profile(draft: _Draft, given: Path) -> None:
    """Say which profile the file is of, if it is."""
    path = Path(draft.path)
    folder = _shown(given if os.path.isdir(given) else path.parent)
    draft.reader.primary_header(draft.path)
    if COMMUNITY_PIPELINE.fullmatch(path.name):
        draft.add("", f"This looks like noirlab-cp: goodpix ingest --profile noirlab-cp --no-segment {folder}")
    elif _DES.fullmatch(path.name):
        draft.add("", "This looks like des-pizza-cutter: goodpix ingest FOLDER, with the info files of DES")
    else:
        units: dict[str, Unit] = {}
        for unit in _units(draft, draft.path):
            units.setdefault((unit.header.text("EXTTYPE") or unit.name).upper(), unit)
        mask = units.get("MASK")
        if mask and {"IMAGE", "VARIANCE"} <= set(units) and any(key.startswith(("MP_", "MSKN")) for key in mask.header):
            draft.add("", f"This looks like lsst: goodpix ingest --profile lsst {folder}")


def _units(draft: _Draft, path: str) -> list[Unit]:
    """Return the units of a file, as far as they can be read."""
    draft.reader.primary_header(path)
    units = []
    try:
        for unit in draft.reader.opened[path].file.units():
            units.append(unit)
    except GoodpixError as error:
        draft.add("", f"damaged: {one_line(error)}")
    return units


def _images(draft: _Draft, path: str) -> list[tuple[Unit, Plane]]:
    """Return the units of a file that are images."""
    found = []
    for unit in _units(draft, path):
        try:
            found.append((unit, draft.reader.plane(path, unit.number)))
        except GoodpixError:
            continue  # a table, or nothing
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    """A plane: file, images in it, the word that names it, and whether that is a guess."""

    path: str
    images: Sequence[tuple[Unit, Plane]]
    word: str
    guessed: bool = False


def _planes(draft: _Draft, others: Sequence[Path]) -> None:
    """Write the lines of the planes, then those of the headers."""
    here = _images(draft, draft.path)
    if not here:
        raise UsageError(f"{draft.path}: none of its extensions is a two-dimensional image")
    found = _by_name(draft.path, here)
    for path in sorted(Path(draft.path).parent.iterdir()):
        plane = role_of(path)
        same = same_stem(path, Path(draft.path))
        if plane not in ("", "image") and plane not in found and same and path.name.lower().endswith(ENDINGS):
            try:
                images = _images(draft, str(path))
            except GoodpixError as error:
                draft.add("", f"damaged: {one_line(error)}")
                continue
            if images:
                found[plane] = _Found(str(path), images, last_word(path))
    _by_type(draft.path, here, found)
    image = found["image"]
    stars = [other for other in others if _pattern(Path(draft.path), other)]
    star = _pattern(Path(draft.path), stars[0]) if stars else None
    for plane in ("image", "weight", "mask", "seg"):
        _plane_line(draft, plane, found, star)
    unit = image.images[0][0]
    primary = draft.reader.primary_header(draft.path)
    _key_line(draft, unit, primary, [each for each, _ in image.images])
    _header_lines(draft, unit.header, primary)


def _by_name(path: str, here: Sequence[tuple[Unit, Plane]]) -> dict[str, _Found]:
    """Return the planes that names of extensions tell."""
    found: dict[str, _Found] = {}
    words = [word_of(unit.header.text("EXTTYPE") or unit.name) for unit, _ in here]
    for plane in ("image", "weight", "mask", "seg"):
        first = next((word for word in words if WORDS.get(word) == plane), None)
        chosen = [each for each, word in zip(here, words, strict=True) if word == first and first]
        if plane in ("mask", "seg"):
            chosen = [each for each in chosen if each[1].dtype.kind in "iu"]
        if chosen:
            found[plane] = _Found(path, chosen, first or "")
    return found


def _by_type(path: str, here: Sequence[tuple[Unit, Plane]], found: dict[str, _Found]) -> None:
    """Add planes that no name tells, by the type of their pixels and their order."""
    taken = {unit.number for each in found.values() if each.path == path for unit, _ in each.images}
    rest = [each for each in here if each[0].number not in taken]
    alone = len({plane for plane, each in found.items() if each.path != path}) > 0
    if "image" not in found:
        floats = [each for each in rest if each[1].dtype.kind == "f"] or rest or list(here)
        # CCD images of one file, whose other planes lie elsewhere, or the first of several planes
        chosen = floats if alone else floats[:1]
        found["image"] = _Found(path, chosen, "", guessed=len(here) > 1)
        rest = [each for each in rest if each not in chosen]
    for plane, kinds in (("weight", "f"), ("mask", "iu")):
        of_kind = [each for each in rest if each[1].dtype.kind in kinds]
        if plane not in found and of_kind:
            found[plane] = _Found(path, of_kind[:1], "", guessed=True)
            rest.remove(of_kind[0])


def _pattern(first: Path, second: Path) -> tuple[int, int] | None:
    """Return where the names of two files of one folder differ: letters before and after that they share."""
    a, b = first.name, second.name
    if first.parent != second.parent or a == b:
        return None
    before = n_common(a, b)
    after = n_common(a[before:][::-1], b[before:][::-1])
    # whole numbers, not some of their digits
    while before and a[before - 1].isdigit():
        before -= 1
    while after and a[len(a) - after].isdigit():
        after -= 1
    return before, after


def _plane_line(draft: _Draft, plane: str, found: Mapping[str, _Found], star: tuple[int, int] | None) -> None:
    if plane not in found:
        missing = {
            "weight": "weight is missing: {files: ..., ext: ..., meaning: inverse variance, variance or sigma}",
            "mask": "no mask was found; a line such as mask: {ext: DQ, bits: {BAD: 1}} takes one",
            "seg": "no segmentation map was found: ingest with --no-segment",
        }
        draft.add("", missing[plane])
        return
    each, image = found[plane], found["image"]
    entries, comments = [], ["a guess"] if each.guessed else []
    if plane == "image" or each.path != draft.path:
        entries.append(f"files: {_quoted(_starred(Path(each.path), Path(draft.path), star))}")
        if plane == "image" and star is None:
            comments.append("or a pattern, in which * stands for any part of a name")
    same_names = [unit.name for unit, _ in each.images] == [unit.name for unit, _ in image.images]
    if plane == "image" or each.path == draft.path or len(each.images) == 1 or not same_names:
        entries.append(f"ext: {_ext([unit for unit, _ in each.images])}")
    if plane == "weight":
        meaning = WEIGHTS.get(each.word, "")
        entries.append(f"meaning: {meaning or 'inverse variance'}")
        if meaning in ("", "inverse variance"):
            comments.append("the meaning is a guess: inverse variance, variance or sigma")
        if each.images[0][1].quantization == "SUBTRACTIVE_DITHER_1":
            entries.append("lost_zeros: true")
            comments.append("SUBTRACTIVE_DITHER_1 has lost exact zeros")
    if plane == "mask":
        comments.append(_values(each))
    draft.add(f"{plane}: {{{', '.join(entries)}}}", "; ".join(filter(None, comments)))


def _starred(path: Path, image: Path, star: tuple[int, int] | None) -> str:
    """Return a path with a star where names of images differ."""
    if star is None:
        return str(path)
    before, after = star
    text = image.name[before : len(image.name) - after]
    return str(path.parent / (path.name[:before] + "*" + path.name[before + len(text) :]))


def _ext(units: Sequence[Unit]) -> str:
    names = [unit.name for unit in units]
    if len(units) == 1:
        return _quoted(names[0]) if names[0] else str(units[0].number)
    prefix = names[0][: min(n_common(names[0], name) for name in names)].rstrip("0123456789")
    if all(names) and len(set(names)) == 1:
        return _quoted(names[0])
    if all(names) and len(set(names)) == len(names) and prefix:
        return _quoted(f"{prefix}*")
    return f"[{', '.join(str(unit.number) for unit in units)}]"


def _quoted(text: str) -> str:
    return (
        text
        if re.fullmatch(r"[A-Z][A-Z_]*[0-9]*", text) and text not in _YAML_WORDS
        else json.dumps(text, ensure_ascii=False)
    )


_YAML_WORDS = {"YES", "NO", "ON", "OFF", "TRUE", "FALSE", "NULL", "Y", "N"}


def _values(mask: _Found) -> str:
    """Return which bits of a mask are set in its first image."""
    plane = mask.images[0][1]
    try:
        pixels = plane.read(slice(0, min(plane.shape[0], _MOST_ROWS)))
    except GoodpixError as error:
        return one_line(error)
    unsigned = pixels.view(f"u{pixels.dtype.itemsize}")
    union = int(unsigned.max() if unsigned.size == 1 else np.bitwise_or.reduce(unsigned, axis=None))
    bits = [str(1 << bit) for bit in range(64) if union >> bit & 1]
    return (
        f"bits set: {', '.join(bits) or 'none'}; names as bits: {{BAD: 1}}, or codes: {{BAD: 1}} where values are codes"
    )


def _key_line(draft: _Draft, unit: Unit, primary: Header, units: Sequence[Unit]) -> None:
    """Write the key, from keywords that all images have."""
    entries, missing = [], []
    for name, keywords in _KEYS.items():
        chosen = next(
            (word for word in keywords if all(_is_key(name, each.header, primary, word) for each in units)), ""
        )
        if (
            name == "ccdnum"
            and chosen
            and len({header_text(each.header, primary, chosen) for each in units}) < len(units)
        ):
            chosen = ""
        if chosen:
            entries.append(f"{name}: {chosen}")
        elif name == "ccdnum" and len(units) == 1:
            entries.append("ccdnum: 1")
            missing.append("ccdnum is a guess: no keyword has it")
        else:
            example = "{constant: r}" if name == "band" else "a keyword, a number"
            missing.append(f"{name} is missing: {example}, or a group of pattern, such as (?P<{name}>...)")
    draft.add(f"key: {{{', '.join(entries)}}}", "; ".join(missing))
    where = [each for each in (unit.header, primary) if all(each.first(key) is not None for key in _WCS)]
    if not where:
        draft.add(
            "", "wcs is missing: no WCS in the header of the image or the primary one; wcs: EXTENSION names another"
        )
    elif where[0] is primary and unit.number:
        draft.add("wcs: 0")


def _is_key(name: str, header: Header, primary: Header, keyword: str) -> bool:
    text = header_text(header, primary, keyword)
    if name == "band":
        return text is not None and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9+_.-]*", text.split()[0]) is not None
    number = whole_number(text)
    return number is not None and 0 <= number < (1 << 15 if name == "ccdnum" else 1 << 63)


def _header_lines(draft: _Draft, header: Header, primary: Header) -> None:
    """Write the keywords of exposure metadata, and the site."""
    entries, missing = [], []
    for name, keywords in _FACTS.items():
        has = header_text if name == "bunit" else header_number
        chosen = next((word for word in keywords if has(header, primary, word) is not None), "")
        if chosen:
            entries.append(f"{name}: {chosen}")
        else:
            missing.append(name)
    comment = [f"not found: {', '.join(missing)}"] if missing else []
    comment += ["fwhm has to be in pixels"] if any(each.startswith("fwhm") for each in entries) else []
    draft.add(f"header: {{{', '.join(entries)}}}" if entries else "", "; ".join(comment))
    text = " ".join(header_text(header, primary, word) or "" for word in ("OBSERVAT", "TELESCOP", "INSTRUME", "SITE"))
    site = next((name for name, pattern in _SITES.items() if re.search(pattern, text, re.IGNORECASE)), "")
    if site:
        draft.add(f"site: {site}", "a guess")
    else:
        draft.add("", "site is not known: a name such as Kitt Peak, or a longitude in degrees east, dates the nights")
