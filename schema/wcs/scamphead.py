"""SCAMP headers, of which a file may hold one for each CCD of an exposure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FitsFileError, HeaderMismatchError, WcsError
from ..planes.headers import CARD, Header, whole_number
from ..planes.imagefiles import PlaneFile, expand
from ..planes.regularfile import read_regular, why_not
from .solution import Wcs

__all__ = ["IMAGE_NAMES", "SCAMP_RULE_VERSION", "HeadOf", "read_scamp_head"]

SCAMP_RULE_VERSION = 2
"""Version of the rule that chooses the header of an image; raised whenever it can choose another one."""

IMAGE_NAMES = ("EXTNAME", "DETPOS")
"""Keywords of an image header by which one of several SCAMP headers without CCDNUM is chosen."""

# Maximum bytes of a SCAMP header file; one with all CCDs of an exposure has half a megabyte.
_MOST_BYTES = 1 << 22

_COMMENTS = ("COMMENT", "HISTORY")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_ASSIGNMENT = re.compile(r"([A-Za-z0-9_-]{1,8})\s*= ?(.*)")
_VALUE = re.compile(r"'(?:[^']|'')*'|[^/]*")


@dataclass(frozen=True, slots=True)
class HeadOf:
    """Image whose SCAMP header is wanted.

    Parameters
    ----------
    expnum, ccdnum : int
        Exposure and CCD number.
    header : mapping
        Its own header: EXTNAME, DETPOS and its WCS, which SCAMP improved.
    shape : tuple of int
        (ny, nx).
    """

    expnum: int
    ccdnum: int
    header: Mapping[str, Any]
    shape: tuple[int, int]


def read_scamp_head(file: PlaneFile, image: HeadOf) -> Header:
    """Return the SCAMP header of an image.

    Of several headers in a file, it is the one whose CCDNUM is that of the image; else the only one with the EXTNAME or
    DETPOS of the image as its EXTNAME; else the one that puts the image's centre nearest to where the image's own WCS
    does, at most half the shorter side of the image away and less than half as far as any other.

    Raises
    ------
    FitsFileError
        If the file is missing, is not a regular file, or cannot be read, or which of its headers belongs to the
        image cannot be told.
    HeaderMismatchError
        If the header is of another exposure or CCD.
    """
    try:
        heads = list(_heads(read_regular(expand(file.path_now), _MOST_BYTES), file.path))
    except (OSError, ValueError) as error:
        raise FitsFileError(f"{file.path}: cannot read this SCAMP header ({why_not(error, file.path_now)})") from None
    head = heads[0] if len(heads) == 1 else _choose(heads, image, file.path)
    for keyword, expected in (("EXPNUM", image.expnum), ("CCDNUM", image.ccdnum)):
        if keyword in head and whole_number(head[keyword]) != expected:
            raise HeaderMismatchError(f"{file.path}: {keyword} is {head[keyword]!r}, but the info file has {expected}")
    return head


def _choose(heads: list[Header], image: HeadOf, path: str) -> Header:
    """Return the one of several headers that belongs to the image."""
    if all("CCDNUM" in head for head in heads):
        heads = [head for head in heads if whole_number(head["CCDNUM"]) == image.ccdnum]
        what = f"CCDNUM {image.ccdnum}"
    else:
        heads, what = _of_name(heads, image), "the EXTNAME, CCDNUM or position of the image"
        if len(heads) > 1:
            heads = _nearest(heads, image, path)
    if len(heads) != 1:
        raise FitsFileError(f"{path}: {len(heads)} headers have {what}: expected 1")
    return heads[0]


def _of_name(heads: list[Header], image: HeadOf) -> list[Header]:
    """Return the headers with the image's EXTNAME or DETPOS; all headers if there are none."""
    for keyword in IMAGE_NAMES:
        name = str(image.header.get(keyword) or "").strip().lower()
        if name and (found := [head for head in heads if head.text("EXTNAME").lower() == name]):
            return found
    return heads


def _nearest(heads: list[Header], image: HeadOf, path: str) -> list[Header]:
    """Return the headers that put the image where its own WCS does.

    That is the one that puts the image's centre nearest to where its own WCS does, if that is not half its shorter side
    away; and any other that is not twice as far, so that there is no telling between them.
    """
    ny, nx = image.shape
    x, y = (nx + 1) / 2, (ny + 1) / 2
    try:
        own = Wcs.from_header(image.header, "the image")
    except WcsError:
        return []
    centre, side, end = own.vectors(np.array([x, x + nx / 2, x]), np.array([y, y, y + ny / 2])).T
    distances = []
    for head in heads:
        try:
            (there,) = Wcs.from_header(head, path).vectors(np.array([x]), np.array([y])).T
        except WcsError:
            distances.append(float("inf"))
        else:
            distances.append(_distance(centre, there))
    limit = min(_distance(centre, side), _distance(centre, end), 2 * min(distances))
    return [head for head, distance in zip(heads, distances, strict=True) if distance <= limit]


def _distance(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    return float(np.linalg.norm(a - b))


def _heads(content: bytes, path: str) -> Iterator[Header]:
    """Yield the headers in lines of text, each with its END; a single empty one if there are none.

    Raises
    ------
    ValueError
        If the content is not text, a line is too long for a card, or a header has two values of one keyword.
    """
    if _BINARY.search(content):
        raise ValueError("it is not text")
    cards: list[str] = []
    n_heads = 0
    for line in [*content.decode("latin-1").split("\n"), "END"]:
        text = line.strip()
        if (found := _ASSIGNMENT.match(text)) and found[1] not in _COMMENTS:
            cards.append(_card(found[1], found[2]))
        elif text == "END" and cards:
            yield _header(cards, path)
            cards, n_heads = [], n_heads + 1
    if not n_heads:
        yield _header([], path)


def _card(keyword: str, field: str) -> str:
    card = f"{keyword:<8}= {field}"
    if len(card) > CARD:  # by its comment, perhaps
        value = _VALUE.match(field)
        card = f"{keyword:<8}= {value[0].strip() if value else field}"
    if len(card) > CARD:
        raise ValueError(f"{keyword} is longer than {CARD} letters")
    return card.ljust(CARD)


def _header(cards: list[str], path: str) -> Header:
    header = Header("".join(cards).encode("latin-1"), path)
    for key in header:
        if header.first(key) != header[key]:
            raise ValueError(f"{key} has two values: is an END missing?")
    return header
