"""Profile of the NOIRLab Community Pipeline: InstCal images of DECam, Mosaic-3 and 90prime."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...schema.amplifiers import trimmed_sections
from ...schema.bits import BitNames
from ...schema.cameras.decam import decam_sections
from ...schema.errors import AmbiguousInputError, FitsFileError, InfoFileError, PlaneError, UsageError
from ...schema.inputs.profile import ProfileId
from ...schema.planes.conversion import Conversion, Meaning
from ...schema.planes.headers import Header, whole_number
from ...schema.planes.imagefiles import file_state
from ...schema.planes.reader import PlaneReader
from ..exposurefacts import ExposureFacts, exposure_facts, frame_of, header_number, header_text
from ..infofile import in_utf8
from .exposure import CcdInfo, ExposureInfo
from .search import find_files

__all__ = ["NoirlabCp"]

_NAME = re.compile(r"(?P<exposure>.+)_(?P<kind>o[ok]i)_(?P<rest>(?P<filter>[^_.]+)(?:_(?P<suffix>[^.]+))?\..*)")
_FILES = re.compile(r".+_o[ok]i_[^_.]+(_[^.]+)?(\.[A-Za-z0-9]+)?\.fits(\.fz)?")

_CODES = ("BAD", "NO_VALUE", "SATURATED", "BLEED", "COSMIC_RAY", "LOW_WEIGHT", "DIFFERENCE", "STREAK")
_UNKNOWN = range(9, 20)
# code 0 is a good pixel, which leaves bit 0
_EDGE_2, _INTERPOLATED, _EDGE_BLEED, _EDGE, _OTHER = 0, 20, 21, 22, 23
_PLACES = {
    **{name: number for number, name in enumerate(_CODES, start=1)},
    **{f"CODE_{number}": number for number in _UNKNOWN},
}
_PLACES |= {"EDGE_2": _EDGE_2, "INTERPOLATED": _INTERPOLATED, "EDGE_BLEED": _EDGE_BLEED, "EDGE": _EDGE}

# codes above the unknown ones, whose bits are those of the older masks
_AS_CODES = Conversion(Meaning.CODES, tuple((code, _OTHER) for code in (_INTERPOLATED, _EDGE_BLEED, _EDGE)))

# DECam before version 3.5.0 of the pipeline: bit numbers of values 1, 2, 4, 16, 64, 128, 256, 512
_AS_BITS = Conversion(
    Meaning.BITS,
    (
        *((0, _PLACES["BAD"]), (1, _PLACES["SATURATED"]), (2, _INTERPOLATED), (4, _PLACES["COSMIC_RAY"])),
        *((6, _PLACES["BLEED"]), (7, _EDGE_BLEED), (8, _EDGE), (9, _EDGE_2)),
    ),
    others=_OTHER,
)
_FIRST_WITH_CODES = (3, 5, 0)

# DECam before it: cosmic rays and streaks are mixed up.
_FIRST_WITHOUT_STREAKS = (4, 8, 0)

_WEIGHT = Conversion(lost_zeros=True)
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_OBSID = re.compile(r"\d\d(\d{6})T(\d{6})", re.IGNORECASE)
_BOK_NAME = re.compile(r"d(\d+)\.(\d+)(?:\.fits.*)?")

# Hour UT of local noon at Cerro Tololo and Kitt Peak.
_NOON_CTIO, _NOON_KPNO = 14, 19


@dataclass(frozen=True, slots=True)
class _Name:
    """Parts of an image file's name."""

    path: Path
    exposure: str
    kind: str
    filter: str
    suffix: str
    rest: str

    @classmethod
    def of(cls, path: Path) -> "_Name | None":
        found = _NAME.fullmatch(path.name)
        if found is None or _FILES.fullmatch(path.name) is None:
            return None
        return cls(path, found["exposure"], found["kind"], found["filter"], found["suffix"] or "", found["rest"])

    @property
    def image(self) -> tuple[str, str, str]:
        """Exposure, filter and the CCD of a file of one CCD alone, such as ``S4``."""
        ending = self.rest.removeprefix(self.filter).removeprefix(f"_{self.suffix}")
        return self.exposure, self.filter, ending.removesuffix(".fz").removesuffix(".fits")

    def of_plane(self, letter: str) -> Path:
        """Return the file of weights, ``w``, or data quality, ``d``: packed as the image or else not."""
        path = self.path.with_name(f"{self.exposure}_oo{letter}_{self.rest}")
        other = path.with_name(path.name.removesuffix(".fz") if path.name.endswith(".fz") else f"{path.name}.fz")
        return other if file_state(str(path)) is None and file_state(str(other)) is not None else path


class NoirlabCp:
    """Files ``*_ooi_*.fits.fz`` with weights ``*_oow_*`` and data quality ``*_ood_*`` beside them."""

    identity: ProfileId = ProfileId("noirlab-cp", "2")
    summary: str = "NOIRLab Community Pipeline (DECam, Mosaic-3, 90prime): *_ooi_*.fits[.fz] with *_oow_* and *_ood_*"
    bit_names: BitNames = BitNames(se={name: 1 << number for name, number in _PLACES.items()}, coadd={})
    settings: Mapping[str, str] = {"suffix": "version of each exposure to take, such as ls9 of *_ooi_r_ls9.fits.fz"}
    selections: Mapping[str, str] = {
        "cp-legacy-surveys": "ignore SE:STREAK",
        "cp-legacy-surveys-before-4.8": "ignore SE:COSMIC_RAY, ignore SE:STREAK",
        "cp-legacy-surveys-mosaic-90prime": "ignore SE:DIFFERENCE, ignore SE:STREAK",
    }

    def find(self, given: Sequence[Path], settings: Mapping[str, str]) -> list[Path]:
        """Return the image files, each exposure once.

        Raises
        ------
        AmbiguousInputError
            If there are two versions of an exposure, and no suffix is set.
        UsageError
            If a path does not exist, is not named like an image, or there is no image with the suffix.
        """
        found = find_files(given, lambda name: _FILES.fullmatch(name) is not None, "*_ooi_*.fits or *_ooi_*.fits.fz")
        versions: dict[tuple[str, str, str], list[_Name]] = defaultdict(list)
        for path in found:
            name = _Name.of(path)
            if name is None:
                raise UsageError(f"{path}: its name is not that of an image: expected *_ooi_*.fits or *_ooi_*.fits.fz")
            if name.suffix == settings.get("suffix", name.suffix):
                versions[name.image].append(name)
        for same in versions.values():
            if len(same) > 1:
                first, second = same[:2]
                chosen = "" if first.suffix == second.suffix else f", or --set suffix={first.suffix}"
                raise AmbiguousInputError(
                    f"{first.path} and {second.path} are both of exposure {first.exposure}: give one of them{chosen}"
                )
        if not versions:
            raise UsageError(f"{given[0]}: no image has the suffix {settings['suffix']}")
        return [name.path for (name,) in versions.values()]

    def selections_of(self, paths: Sequence[Path], settings: Mapping[str, str]) -> Mapping[str, str]:  # noqa: ARG002
        """Return ``cp-legacy-surveys`` as it is right for every one of some images."""
        kinds = set()
        for path in paths:
            with PlaneReader() as reader:
                kinds.add(_Camera(reader.primary_header(str(path)), str(path)).ignored)
        if not kinds:
            return {}
        ignored = sorted(frozenset.intersection(*kinds))
        return {"cp-legacy-surveys": ", ".join(f"ignore SE:{name}" for name in ignored) or "default"}

    def campaign(self, path: Path, settings: Mapping[str, str]) -> str:  # noqa: ARG002  # all files have the same
        """Return the campaign, which is that of the pipeline."""
        return self.identity.name

    def read(self, path: Path, settings: Mapping[str, str]) -> ExposureInfo:  # noqa: ARG002
        """Return the CCD images of an exposure.

        Raises
        ------
        InfoFileError
            If a file is missing or cannot be read, or the headers do not say what they have to.
        """
        name = _Name.of(path)
        if name is None or in_utf8(str(path)) != str(path):
            raise InfoFileError(f"{in_utf8(str(path))}: its name is not that of an image: expected *_ooi_*.fits")
        files = {"image": path, "weight": name.of_plane("w"), "bmask": name.of_plane("d")}
        for plane, what in (("weight", "weights"), ("bmask", "data quality")):
            if file_state(str(files[plane])) is None:
                raise InfoFileError(f"{path}: its {what}, {files[plane].name}, are missing beside it")
        with PlaneReader() as reader:
            camera = _Camera(reader.primary_header(str(path)), str(path))
            headers = _images(reader, path)
            if not headers:
                raise InfoFileError(f"{path}: no extension with an EXTNAME holds an image: expected one per CCD")
            ccds = [
                _ccd(name, camera, header, _conversions(reader, files, header, camera), files) for header in headers
            ]
        return ExposureInfo(tilename=name.exposure, band=camera.band, src_info=tuple(ccds))


def _images(reader: PlaneReader, path: Path) -> list[Header]:
    """Return the headers of the images in a file, those without an EXTNAME left out."""
    headers = []
    for unit in reader.opened[str(path)].file.units():
        if unit.number and unit.name:
            try:
                headers.append(reader.plane(str(path), unit.number).header)
            except PlaneError:
                continue  # a table
    return headers


def _conversions(
    reader: PlaneReader, files: Mapping[str, Path], header: Header, camera: "_Camera"
) -> dict[str, Conversion]:
    """Return the conversions of weights and data quality, trimmed where they are one pixel larger at each edge."""
    found = {}
    shape = _shape(reader, files["image"], header)
    for plane, conversion in (("weight", _WEIGHT), ("bmask", camera.mask)):
        try:
            larger = _shape(reader, files[plane], header)
        except FitsFileError:
            larger = shape  # without the extension, the image fails when it is read
        is_larger = larger == (shape[0] + 2, shape[1] + 2)
        found[plane] = replace(conversion, trim=1) if is_larger else conversion
    return found


def _shape(reader: PlaneReader, path: Path, header: Header) -> tuple[int, int]:
    return reader.plane(str(path), header.text("EXTNAME")).shape


@dataclass(frozen=True, slots=True)
class _Camera:
    """What the primary header of an exposure says.

    Parameters
    ----------
    primary : Header
        The header.
    path : str
        File, for messages.
    """

    primary: Header
    path: str

    @property
    def instrument(self) -> str:
        """Name of the camera in lower case, without blanks and hyphens."""
        return re.sub(r"[\s-]", "", self.primary.text("INSTRUME").lower())

    @property
    def is_decam(self) -> bool:
        return self.instrument == "decam"

    @property
    def band(self) -> str:
        """Band: BAND, else the first word of FILTER."""
        band = self.primary.text("BAND") or self.primary.text("FILTER").split(" ")[0]
        if not band:
            raise InfoFileError(f"{self.path}: it has neither BAND nor FILTER: expected a band, such as r")
        return band

    @property
    def mask(self) -> Conversion:
        """Conversion of data quality: codes, or bits for DECam before version 3.5.0 of the pipeline."""
        if not self.is_decam:
            return _AS_CODES
        return _AS_CODES if self.version >= _FIRST_WITH_CODES else _AS_BITS

    @property
    def version(self) -> tuple[int, ...]:
        """Version of the pipeline: PLVER as numbers."""
        version = self.primary.text("PLVER")
        found = _VERSION.search(version)
        if found is None:
            raise InfoFileError(
                f"{self.path}: PLVER is {version!r}: expected a version of the pipeline, such as V4.8.2a"
            )
        return tuple(int(part or 0) for part in found.groups())

    @property
    def ignored(self) -> frozenset[str]:
        """Names of the codes that legacypipe ignores."""
        if not self.is_decam:
            return frozenset({"DIFFERENCE", "STREAK"})
        if self.mask is _AS_BITS:
            return frozenset()
        return frozenset({"STREAK"} if self.version >= _FIRST_WITHOUT_STREAKS else {"COSMIC_RAY", "STREAK"})

    def expnum(self, header: Header) -> int:
        """Exposure number: EXPNUM, else that in DTACQNAM of 90prime, else the time in OBSID."""
        number = whole_number(header_text(header, self.primary, "EXPNUM"))
        if number is not None and number > 0:
            return number
        raw = (header_text(header, self.primary, "DTACQNAM") or "").rpartition("/")[2]
        bok, obsid = _BOK_NAME.fullmatch(raw), _OBSID.search(header_text(header, self.primary, "OBSID") or "")
        if bok is not None:
            return int(bok[1] + bok[2])
        if obsid is not None:
            return int(obsid[1] + obsid[2])
        raise InfoFileError(f"{self.path}: EXPNUM is not a number: expected EXPNUM, a time in OBSID, or DTACQNAM d*.*")


def _ccdnum(header: Header, primary: Header, path: str) -> int:
    """Return the CCD number: CCDNUM, else the digits at the end of EXTNAME, such as CCD3."""
    number = whole_number(header_text(header, primary, "CCDNUM"))
    digits = re.search(r"\d+$", header.text("EXTNAME"))
    if number is None and digits is not None and header.text("EXTNAME").upper().startswith("CCD"):
        number = int(digits[0])
    if number is None:
        raise InfoFileError(f"{path}[{header.text('EXTNAME')}]: it has no CCDNUM: expected a CCD number")
    return number


def _ccd(
    name: _Name, camera: _Camera, header: Header, conversions: Mapping[str, Conversion], files: Mapping[str, Path]
) -> CcdInfo:
    primary, ccdnum = camera.primary, _ccdnum(header, camera.primary, camera.path)
    keys: dict[str, Any] = {f"{plane}_path": str(path) for plane, path in files.items()}
    keys |= {f"{plane}_ext": header.text("EXTNAME") for plane in files}
    return CcdInfo(
        tilename=name.exposure,
        band=camera.band,
        expnum=camera.expnum(header),
        ccdnum=ccdnum,
        # Mosaic-3's is wrong by 5 mag
        magzp=header_number(header, primary, "MAGZERO") if camera.is_decam else None,
        filename=name.path.name,
        conversions=conversions,
        facts=_facts(camera, header, ccdnum),
        wcs_ok=_wcs_ok(camera, header),
        **keys,
    )


def _wcs_ok(camera: _Camera, header: Header) -> bool:
    """Return whether the pipeline has found a WCS; for DECam SCAMP's own word counts as well."""
    success = (header_text(header, camera.primary, "WCSCAL") or "").lower().startswith("success")
    return success or (camera.is_decam and header_number(header, camera.primary, "SCAMPFLG") == 0)


def _facts(camera: _Camera, header: Header, ccdnum: int) -> ExposureFacts:
    """Return the exposure metadata; the sky level is that in the image, since it is kept."""
    primary = camera.primary

    def number(*keywords: str) -> float | None:
        found = (header_number(header, primary, keyword) for keyword in keywords)
        return next((value for value in found if value is not None), None)

    facts = exposure_facts(header, primary, night_starts=_NOON_CTIO if camera.is_decam else _NOON_KPNO)
    if camera.is_decam:
        shape, (shift, _) = frame_of(header)
        a, b = trimmed_sections(decam_sections(ccdnum, shape[0]), shape, (shift, 0))
        facts = replace(facts, dataseca=a, datasecb=b)
    return replace(
        facts,
        fwhm=number("FWHM", "SEEINGP"),
        skybrite=number("AVSKY", "SKYADU"),
        skysigma=number("AVSIG", "SKYNOISE"),
        # the extensions of 90prime say ADU, the primary counts/s, which is right
        bunit=primary.text("BUNIT") or header.text("BUNIT") or ("ADU" if camera.is_decam else None),
    )
