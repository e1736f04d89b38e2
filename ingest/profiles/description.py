"""Description of one's own FITS files: YAML for the profile ``files`` and for coadds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...schema.bits import OTHER_BIT
from ...schema.errors import UsageError, did_you_mean
from ...schema.planes.conversion import Conversion, Meaning
from ...schema.planes.imagefiles import Extension, expand
from ...schema.planes.regularfile import read_regular, why_not
from ..infofile import in_utf8
from ..plainyaml import load_yaml

__all__ = ["FACTS", "KEYS", "SITES", "Description", "Entries", "PlaneDescription", "Source", "read_entries"]

FACTS = (*("nite", "mjd_obs", "date_obs", "exptime", "airmass", "fwhm", "skybrite", "skysigma", "bunit", "magzp"),)
"""Exposure metadata that a description may take from headers."""

KEYS = ("expnum", "ccdnum", "band")
"""Parts of the key of a CCD image."""

SITES: Mapping[str, float] = {"Cerro Tololo": 14, "Cerro Pachon": 14, "Kitt Peak": 19, "Mauna Kea": 22}
"""Hour UT at which the date of the observing night changes, by the site's name."""

_MOST_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_WEIGHTS = (Meaning.INVERSE_VARIANCE, Meaning.VARIANCE, Meaning.SIGMA)

# Codes that a conversion can tell apart.
_LAST_CODE = 254


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries of a mapping in a description, taken out one by one.

    Parameters
    ----------
    where : str
        File and key of the mapping, for messages.
    values : dict
        The entries.
    """

    where: str
    values: dict[str, Any]

    def take(self, key: str, kind: type | tuple[type, ...], expected: str, default: Any = None) -> Any:
        """Return a value and remove it.

        Raises
        ------
        UsageError
            If it is of another type.
        """
        value = self.values.pop(key, default)
        if value is not default and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            raise self.error(key, value, expected)
        return value

    def error(self, key: str, value: object, expected: str) -> UsageError:
        """Return the error of a wrong value."""
        shown = "missing" if value is None else " ".join(repr(value).split())[:200]
        return UsageError(f"{self.where}{key} is {shown}: expected {expected}")

    def below(self, key: str, expected: str, *, required: bool = False) -> "Entries | None":
        """Return the entries of a mapping below a key; None if there is none.

        Raises
        ------
        UsageError
            If it is not a mapping, or is missing though required.
        """
        values = self.take(key, dict, expected)
        if values is None and required:
            raise self.error(key, None, expected)
        return None if values is None else Entries(f"{self.where}{key}.", dict(values))

    def only(self, *known: str) -> "Entries":
        """Return the entries after checking that there is no unknown key.

        Raises
        ------
        UsageError
            If there is one.
        """
        for key in self.values:
            if key not in known:
                hint = did_you_mean(key, known, show=str)
                raise UsageError(f"{self.where}{key} is no key of a description{hint}")
        return self


def read_entries(path: Path, what: str) -> Entries:
    """Return the content of a YAML file.

    Raises
    ------
    UsageError
        If it cannot be read, or is not a mapping.
    """
    name = in_utf8(str(path))
    try:
        content = load_yaml(read_regular(str(path), _MOST_BYTES))
    except OSError as error:
        raise UsageError(f"{name}: {why_not(error, str(path))}: expected {what}") from error
    except ValueError as error:
        raise UsageError(f"{name}: cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        kind = "empty" if content is None else f"a {type(content).__name__}"
        raise UsageError(f"{name}: it is {kind}: expected {what}")
    return Entries(f"{name}: ", content)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from: a header keyword, or a constant."""

    keyword: str = ""
    constant: str | int | float | None = None

    @classmethod
    def take(cls, entries: Entries, key: str) -> "Source | None":
        """Return the source below a key; None if there is none.

        Raises
        ------
        UsageError
            If it is neither a keyword, nor a number, nor a constant.
        """
        expected = "a header keyword, a number, or {constant: ...}"
        value = entries.take(key, (str, int, float, dict), expected)
        if value is None:
            return None
        if isinstance(value, dict):
            if list(value) != ["constant"] or not isinstance(value["constant"], str | int | float):
                raise entries.error(key, value, expected)
            return cls(constant=value["constant"])
        if isinstance(value, str):
            if not value.strip() or not value.isprintable():
                raise entries.error(key, value, expected)
            return cls(keyword=value.strip().upper())
        return cls(constant=value)


@dataclass(frozen=True, slots=True)
class PlaneDescription:
    """Files and extension of a plane.

    Parameters
    ----------
    where : str
        Description and key, for messages.
    files : str or None
        Path, absolute, in which each ``*`` stands for any part of a name; None for the file of the image.
    ext : str, int, list or None
        Extension, or extensions in the order of those of the image; ``*`` in a name as in a path.
    conversion : Conversion or None
        Conversion of the stored numbers.
    names : mapping of str to int
        Value of each named mask bit, as it is stored.
    """

    where: str
    files: str | None
    ext: Extension | tuple[Extension, ...] | None
    conversion: Conversion | None = None
    names: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def take(cls, parent: Entries, plane: str, folder: Path, *, required: bool = False) -> "PlaneDescription | None":
        """Return the description of a plane below its key; None if there is none.

        Raises
        ------
        UsageError
            If a key or value is not as expected.
        """
        entries = parent.below(plane, "a mapping with files, ext", required=required)
        if entries is None:
            return None
        entries.only("files", "ext", *_KEYS.get(plane, ()))
        text = entries.take("files", str, "a path, in which * stands for any part of a name")
        if text is not None and (not text.strip() or "\0" in text or "**" in text):
            raise entries.error("files", text, "a path, in which * stands for any part of a name")
        ext = entries.take("ext", (str, int, list), "an EXTNAME, a number, or a list of them")
        for each in ext if isinstance(ext, list) else [ext or 0]:
            is_number = isinstance(each, int) and not isinstance(each, bool) and each >= 0
            if not is_number and not isinstance(each, str):
                raise entries.error("ext", ext, "an EXTNAME, a number, or a list of them")
        if text is None and (plane == "image" or ext is None):
            raise entries.error("files" if plane == "image" else "ext", None, "a path" if plane == "image" else _NEEDED)
        conversion, names = None, dict[str, int]()
        if plane == "weight":
            conversion = _weight(entries)
        elif plane == "mask":
            conversion, names = _mask(entries)
        files = None if text is None else str(folder / expand(text))
        return cls(entries.where, files, tuple(ext) if isinstance(ext, list) else ext, conversion, names)


_NEEDED = "an extension, since the plane lies in the file of the image"
_KEYS = {"weight": ("meaning", "lost_zeros"), "mask": ("bits", "codes")}


def _weight(entries: Entries) -> Conversion:
    meaning = entries.take("meaning", str, " or ".join(_WEIGHTS), "inverse variance")
    if meaning not in [str(each) for each in _WEIGHTS]:
        raise entries.error("meaning", meaning, " or ".join(_WEIGHTS))
    lost = entries.take("lost_zeros", bool, "true or false", default=False)
    return Conversion(Meaning(meaning), lost_zeros=lost)


def _mask(entries: Entries) -> tuple[Conversion | None, dict[str, int]]:
    """Return the conversion of a mask, and the names of its bits as they are stored."""
    bits = entries.below("bits", "a mapping of names to values, such as {BAD: 1, SATURATED: 2}")
    codes = entries.below("codes", "a mapping of names to codes, such as {BAD: 1, SATURATED: 3}")
    if bits is not None and codes is not None:
        raise UsageError(f"{entries.where}bits and codes both stand there: expected one of them")
    numbers = dict[str, int]()
    of = bits or codes
    for name in list(of.values) if of is not None else ():
        number = of.take(name, int, "a whole number") if of is not None else None
        if of is not None and (_NAME.fullmatch(name) is None or name.upper() == "OTHER"):
            raise UsageError(f"{of.where}{name} is no name of a bit: expected letters, digits and _, such as SATURATED")
        if bits is not None and (number is None or number <= 0 or number & (number - 1) or number >= 1 << 63):
            raise bits.error(name, number, "a power of two, the value of one bit")
        if codes is not None and (number is None or not 0 < number <= _LAST_CODE):
            raise codes.error(name, number, f"a code from 1 to {_LAST_CODE}")
        if of is not None and number in numbers.values():
            raise of.error(name, number, "another number than that of an earlier name")
        numbers[name] = int(number or 0)
    if codes is None:
        return None, numbers
    return _codes(numbers)


def _codes(codes: Mapping[str, int]) -> tuple[Conversion, dict[str, int]]:
    """Return the conversion of codes: code n is bit n, a higher one with a name any bit that no name has."""
    places = {code: code for code in codes.values() if code < OTHER_BIT}
    free = [bit for bit in (0, *range(OTHER_BIT - 1, 0, -1)) if bit not in places]
    moved = dict(zip(sorted(code for code in codes.values() if code >= OTHER_BIT), free, strict=False))
    names = {name: 1 << (places | moved).get(code, OTHER_BIT) for name, code in codes.items()}
    # a code whose bit another one has taken
    others = tuple((bit, OTHER_BIT) for bit in moved.values() if bit)
    unnamed = {f"CODE_{n}": 1 << n for n in range(1, OTHER_BIT) if n not in places and n not in moved.values()}
    pairs = tuple(sorted((*moved.items(), *others)))
    return Conversion(Meaning.CODES, pairs), names | unnamed


@dataclass(frozen=True, slots=True)
class Description:
    """Content of a description of files.

    Parameters
    ----------
    path : str
        The YAML file.
    image, weight : PlaneDescription
        Image and weight.
    mask, seg : PlaneDescription or None
        Mask and segmentation map.
    key, header : mapping of str to Source
        Sources of the key and of exposure metadata.
    pattern : str
        Regular expression for names of files with parts of the key; empty if there is none.
    wcs : str, int or None
        Extension of the image's file that has the WCS; None for the image's own.
    site : str or float or None
        Name of the site, or its longitude, degrees east.
    campaign : str
        Campaign of the catalogue.
    """

    path: str
    image: PlaneDescription
    weight: PlaneDescription
    mask: PlaneDescription | None
    seg: PlaneDescription | None
    key: Mapping[str, Source]
    header: Mapping[str, Source]
    pattern: str
    wcs: Extension | None
    site: str | float | None
    campaign: str

    @classmethod
    def read(cls, path: Path) -> "Description":
        """Read a description.

        Raises
        ------
        UsageError
            If it cannot be used; the message names the file, the key, its value and what was expected.
        """
        entries = read_entries(path, "a description of files, with image, weight and key")
        entries.only("image", "weight", "mask", "seg", "key", "header", "wcs", "site", "campaign")
        folder = path.absolute().parent
        planes = {
            plane: PlaneDescription.take(entries, plane, folder, required=plane in ("image", "weight"))
            for plane in ("image", "weight", "mask", "seg")
        }
        image, weight = planes["image"], planes["weight"]
        if image is None or weight is None:  # never: they are required
            raise entries.error("image", None, "a mapping")
        for plane in planes.values():
            _check_stars(plane, image)
        key, pattern = _key(entries)
        header = entries.below("header", "a mapping of values to header keywords")
        facts = {} if header is None else {name: Source.take(header.only(*FACTS), name) for name in FACTS}
        wcs = entries.take("wcs", (str, int), "an EXTNAME or a number")
        site = entries.take("site", (str, int, float), _SITE)
        if (isinstance(site, str) and site not in SITES) or (isinstance(site, int | float) and not abs(site) <= 360):
            raise entries.error("site", site, _SITE)
        campaign = entries.take("campaign", str, "a word", default="files")
        sources = {name: source for name, source in facts.items() if source is not None}
        return cls(str(path), image, weight, planes["mask"], planes["seg"], key, sources, pattern, wcs, site, campaign)

    @property
    def night_starts(self) -> int | None:
        """Hour UT at which the date of the observing night changes; None without a site."""
        if self.site is None:
            return None
        return int(SITES[self.site]) if isinstance(self.site, str) else round(12 - self.site / 15) % 24


def _check_stars(plane: PlaneDescription | None, image: PlaneDescription) -> None:
    """Check that names have as many stars as those of the image, or none."""
    for key in ("files", "ext"):
        text, of_image = getattr(plane, key, None), str(getattr(image, key)).count("*")
        if plane is not None and isinstance(text, str) and text.count("*") not in (0, of_image):
            raise UsageError(f"{plane.where}{key} is {text!r}: expected {of_image} *, as in the image's, or none")


_SITE = f"{', '.join(SITES)}, or a longitude in degrees east"


def _key(entries: Entries) -> tuple[dict[str, Source], str]:
    """Return the sources of the key, and the regular expression."""
    key = entries.below("key", "a mapping with expnum, ccdnum, band", required=True)
    if key is None:  # never: it is required
        return {}, ""
    key.only(*KEYS, "pattern")
    pattern = key.take("pattern", str, "a regular expression", default="")
    given = {name: source for name in KEYS if (source := Source.take(key, name)) is not None}
    groups: Mapping[str, int] = {}
    if pattern:
        try:
            groups = re.compile(pattern).groupindex
        except (re.error, OverflowError, RecursionError) as error:
            raise key.error("pattern", pattern, f"a regular expression ({error})") from error
        if not groups or set(groups) - set(KEYS):
            raise key.error("pattern", pattern, "groups (?P<expnum>...), (?P<ccdnum>...) or (?P<band>...)")
    for name in KEYS:
        if name in given and name in groups:
            raise key.error(name, given[name].keyword or given[name].constant, "it here or in the pattern, not in both")
        if name not in given and name not in groups:
            raise key.error(name, None, "a header keyword, a number, {constant: ...}, or a group of pattern")
    return given, pattern
