"""Profile of visit images of the LSST Science Pipelines, stored as FITS."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...schema.bits import BitNames
from ...schema.errors import InfoFileError, UsageError
from ...schema.inputs.profile import ProfileId
from ...schema.planes.conversion import Conversion, Meaning
from ...schema.planes.headers import Header, whole_number
from ...schema.planes.reader import PlaneReader
from ..exposurefacts import ExposureFacts, exposure_facts, header_number, header_text
from ..infofile import in_utf8
from .exposure import CcdInfo, ExposureInfo
from .search import find_files

__all__ = ["Lsst"]

_ENDINGS = (".fits", ".fits.fz")

_PLANES = (
    *(
        "BAD",
        "SAT",
        "INTRP",
        "CR",
        "EDGE",
        "SUSPECT",
        "NO_DATA",
        "VIGNETTED",
        "CROSSTALK",
        "ITL_DIP",
        "SPIKE",
        "STREAK",
    ),
    *("UNMASKEDNAN", "DETECTED_NEGATIVE", "NOT_DEBLENDED"),
    *("INJECTED", "INJECTED_CORE", "INJECTED_TEMPLATE", "INJECTED_CORE_TEMPLATE"),
)
_HARMLESS = [name for name in _PLANES if name == "NOT_DEBLENDED" or name.startswith("INJECTED")]
_PLACES = {name: number for number, name in enumerate(_PLANES)}
_OTHER = 23

# the new name of a plane, and the one that it had
_ALIASES = {"SATURATED": "SAT", "COSMIC_RAY": "CR", "INTERPOLATED": "INTRP", "DETECTION_EDGE": "EDGE"}

_DETECTED = "DETECTED"

# Keywords in which a key stands, the first that is there; butler's own, then those of cameras.
_KEYWORDS = {
    "expnum": ("LSST BUTLER DATAID VISIT", "VISIT", "EXPID", "EXPNUM"),
    "ccdnum": ("LSST BUTLER DATAID DETECTOR", "DETECTOR", "DET-ID", "CCDNUM"),
    "band": ("LSST BUTLER DATAID BAND", "BAND", "FILTER"),
}
_UNKNOWN = "_unknown_"

# Hour UT of local noon at Mauna Kea, and at Cerro Pachón.
_NOON_SUBARU, _NOON_RUBIN = 22, 14

# AB magnitude of 1 nJy.
_ZERO_POINT_NJY = 31.4


class Lsst:
    """FITS files with extensions IMAGE, MASK and VARIANCE, one CCD image each."""

    identity: ProfileId = ProfileId("lsst", "2")
    summary: str = "LSST Science Pipelines: visit images as FITS, one detector each (IMAGE, MASK, VARIANCE)"
    bit_names: BitNames = BitNames(se={name: 1 << number for name, number in _PLACES.items()}, coadd={})
    settings: Mapping[str, str] = {
        "expnum": "visit, where headers and names do not say it",
        "ccdnum": "detector, likewise",
        "band": "band, likewise",
        "pattern": "regular expression for file names, with groups such as (?P<expnum>[0-9]+)",
    }
    selections: Mapping[str, str] = {"lsst-visit": ", ".join(f"ignore SE:{name}" for name in _HARMLESS)}

    def find(self, given: Sequence[Path], settings: Mapping[str, str]) -> list[Path]:
        """Return the FITS files.

        Raises
        ------
        UsageError
            If a path does not exist, a folder has no FITS file, or the pattern cannot be used.
        """
        _pattern(settings)
        return find_files(given, lambda name: name.lower().endswith(_ENDINGS), "*.fits or *.fits.fz")

    def campaign(self, path: Path, settings: Mapping[str, str]) -> str:  # noqa: ARG002  # all files have the same
        """Return the campaign, which is that of the pipelines."""
        return self.identity.name

    def read(self, path: Path, settings: Mapping[str, str]) -> ExposureInfo:
        """Return the CCD image in a file.

        Raises
        ------
        InfoFileError
            If the file cannot be read, lacks an extension or a WCS, or its key is not known.
        """
        where = str(path)
        if in_utf8(where) != where:
            raise InfoFileError(f"{in_utf8(where)}: its name is not UTF-8: expected a name that databases can store")
        with PlaneReader() as reader:
            primary = reader.primary_header(where)
            parts = _Parts.of(reader, where)
        if not parts.image.text("CTYPE1"):
            raise InfoFileError(
                f"{where}: its image has no WCS: expected one of FITS, which the pipelines leave out where the "
                "true one has no such form"
            )
        key = _key(path, parts.image, primary, settings)
        files = {"image": parts.image_ext, "weight": parts.variance_ext, "bmask": parts.masks[0].ext}
        conversions = {"weight": Conversion(Meaning.VARIANCE), "bmask": parts.bmask}
        detected = next((mask for mask in parts.masks if _DETECTED in mask.planes), None)
        if detected is not None:
            files["seg"] = detected.ext
            conversions["seg"] = Conversion(Meaning.BITS, ((detected.planes[_DETECTED], 0),))
        keys: dict[str, Any] = {f"{plane}_path": where for plane in files} | {
            f"{plane}_ext": ext for plane, ext in files.items()
        }
        # an exposure of the pipelines is one detector of a visit
        tilename = f"{key['expnum']}-{int(key['ccdnum']):03d}"
        ccd = CcdInfo(
            tilename=tilename,
            **key,
            **keys,
            filename=path.name,
            conversions=conversions,
            facts=_facts(parts.image, primary),
            magzp=_zero_point(parts.image, primary),
        )
        return ExposureInfo(tilename=tilename, band=ccd.band, src_info=(ccd,))


@dataclass(frozen=True, slots=True)
class _Mask:
    """An extension with masks: its number, and the number of each plane's bit by the plane's name."""

    ext: int
    planes: Mapping[str, int]

    @property
    def conversion(self) -> Conversion:
        """Conversion of its bits to those of the catalogue, without detected objects; bits without a name count too."""
        known = {number: _PLACES[name] for name, number in self.planes.items() if name in _PLACES}
        detected = tuple(number for name, number in self.planes.items() if name == _DETECTED)
        return Conversion(Meaning.BITS, tuple(sorted(known.items())), others=_OTHER, left_out=detected)

    @classmethod
    def of(cls, header: Header, ext: int, where: str) -> "_Mask":
        """Return the planes that a header names: MP_<name> has a bit's number, MSKMnnnn the value of MSKNnnnn."""
        planes: dict[str, int] = {}
        for keyword in header:
            value: Any = header[keyword]
            name, number = keyword.removeprefix("MP_"), whole_number(value)
            if found := re.fullmatch(r"MSKN(\d+)", keyword):
                name, bits = str(value).strip(), whole_number(header.first(f"MSKM{found[1]}"))
                number = None if bits is None or bits <= 0 or bits & (bits - 1) else bits.bit_length() - 1
            elif not keyword.startswith("MP_"):
                continue
            if number is None or not 0 <= number < 64:
                raise InfoFileError(f"{where}[{ext}]: {keyword} is {value!r}: expected a mask plane with one bit")
            planes[_ALIASES.get(name.upper(), name.upper())] = number
        return cls(ext, planes)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The extensions of a file."""

    image: Header
    image_ext: int
    variance_ext: int
    masks: tuple[_Mask, ...]

    @property
    def bmask(self) -> Conversion:
        """Conversion of the first mask, with the others beside it."""
        first, *others = self.masks
        return replace(first.conversion, also=tuple((mask.ext, mask.conversion) for mask in others))

    @classmethod
    def of(cls, reader: PlaneReader, where: str) -> "_Parts":
        images: dict[str, tuple[int, Header]] = {}
        masks = []
        for unit in reader.opened[where].file.units():
            kind = (unit.header.text("EXTTYPE") or unit.name).upper()
            if kind == "MASK":
                masks.append(_Mask.of(unit.header, unit.number, where))
            elif kind in ("IMAGE", "VARIANCE") and unit.number:
                images.setdefault(kind, (unit.number, unit.header))
        missing = [kind for kind in ("IMAGE", "VARIANCE") if kind not in images] + ([] if masks else ["MASK"])
        if missing:
            raise InfoFileError(f"{where}: it has no extension with EXTTYPE or EXTNAME {missing[0]}")
        return cls(images["IMAGE"][1], images["IMAGE"][0], images["VARIANCE"][0], tuple(masks))


def _pattern(settings: Mapping[str, str]) -> re.Pattern[str] | None:
    if "pattern" not in settings:
        return None
    try:
        pattern = re.compile(settings["pattern"])
    except re.error as error:
        raise UsageError(f"--set pattern={settings['pattern']}: not a regular expression ({error})") from error
    unknown = [name for name in pattern.groupindex if name not in _KEYWORDS]
    if unknown or not pattern.groupindex:
        raise UsageError(
            f"--set pattern={settings['pattern']}: expected groups (?P<expnum>...), (?P<ccdnum>...) or (?P<band>...)"
        )
    return pattern


def _key(path: Path, header: Header, primary: Header, settings: Mapping[str, str]) -> dict[str, Any]:
    """Return expnum, ccdnum and band: as set, else from the file's name, else from the headers."""
    pattern = _pattern(settings)
    match = pattern.search(path.name) if pattern is not None else None
    of_name = match.groupdict() if match is not None else {}
    key: dict[str, Any] = {}
    missing = []
    for name, keywords in _KEYWORDS.items():
        found = (header_text(header, primary, keyword) for keyword in keywords)
        given = (
            settings.get(name)
            or of_name.get(name)
            or next((each for each in found if each not in (None, _UNKNOWN)), "")
        )
        value = str(given).split(" ")[0] if name == "band" else whole_number(given)
        if value is None and given:
            raise InfoFileError(f"{path}: its {name} is {given!r}: expected a whole number")
        if value is None or value == "":
            missing.append(name)
        key[name] = value
    if missing:
        what = " and ".join(f"its {name} ({', '.join(_KEYWORDS[name])})" for name in missing)
        stand, given = "stands" if len(missing) == 1 else "stand", " ".join(f"--set {name}=..." for name in missing)
        groups = ", ".join(f"(?P<{name}>...)" for name in missing)
        raise InfoFileError(
            f"{path}: {what} {stand} in no header: expected {given}, or --set pattern=... with a group {groups}"
        )
    return key


def _facts(header: Header, primary: Header) -> ExposureFacts:
    telescope = f"{header_text(header, primary, 'TELESCOP')} {header_text(header, primary, 'INSTRUME')}".lower()
    is_subaru = "subaru" in telescope or "hsc" in telescope or "hyper" in telescope
    return exposure_facts(header, primary, night_starts=_NOON_SUBARU if is_subaru else _NOON_RUBIN)


def _zero_point(header: Header, primary: Header) -> float | None:
    """Return the zero point of the image's values: of nJy, else by the flux of magnitude 0."""
    if (header_text(header, primary, "BUNIT") or "").lower() == "njy":
        return _ZERO_POINT_NJY
    flux = header_number(header, primary, "FLUXMAG0") or 0.0
    return 2.5 * math.log10(flux) if flux > 0 else None
