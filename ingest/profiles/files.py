"""Profile of FITS files of any origin, as a description of one's own has them."""

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...schema.bits import BitNames
from ...schema.errors import FitsFileError, InfoFileError, PlaneError, UsageError
from ...schema.inputs.profile import ProfileId
from ...schema.planes.conversion import Conversion, Meaning
from ...schema.planes.fitsfile import Unit
from ...schema.planes.headers import Header, whole_number
from ...schema.planes.imagefiles import Extension, PlaneFile
from ...schema.planes.reader import PlaneReader
from ...schema.wcs.solution import Wcs
from ..exposurefacts import ExposureFacts, exposure_facts, header_number, header_value
from ..infofile import in_utf8
from .description import Description, PlaneDescription, Source
from .exposure import CcdInfo, ExposureInfo

__all__ = ["DescribedCcd", "Files"]


class DescribedCcd(CcdInfo):
    """A CCD image whose WCS may stand in another extension."""

    wcs_ext: str | int | None = None
    """Extension of the image's file whose header has the WCS; None for the image's own."""

    wcs_cards: Mapping[str, Any] | None = None
    """Keywords of that WCS."""

    @property
    def files(self) -> dict[str, PlaneFile]:
        """Files of all planes, and of the WCS if it stands in another extension than the image, by name."""
        files = super().files
        return files if self.wcs_ext is None else files | {"wcs": PlaneFile(self.image_path, self.wcs_ext)}

    @property
    def own_wcs(self) -> Mapping[str, Any] | None:
        """WCS keywords that stand elsewhere than in the header of the image."""
        return self.wcs_cards


class Files:
    """FITS files as a YAML file of one's own describes them; `configured` returns the profile of one.

    Parameters
    ----------
    description : Description, optional
        Content of the YAML file.
    """

    identity: ProfileId = ProfileId("files", "1")
    summary: str = "any FITS files, as a YAML file of your own describes them (goodpix describe drafts one)"
    settings: Mapping[str, str] = {}
    selections: Mapping[str, str] = {}

    def __init__(self, description: Description | None = None) -> None:
        self._description = description
        mask = None if description is None else description.mask
        self.bit_names = BitNames(se={} if mask is None else mask.names, coadd={})

    def configured(self, given: Sequence[Path]) -> "Files":
        """Return the profile of the files that a YAML file describes.

        Raises
        ------
        UsageError
            If there is not exactly one YAML file, or it cannot be used.
        """
        if len(given) != 1 or os.path.isdir(given[0]):
            shown = " ".join(in_utf8(str(path)) for path in given[:3])
            raise UsageError(f"{shown}: expected one YAML file that describes the files (goodpix describe drafts one)")
        return Files(Description.read(given[0]))

    def find(self, given: Sequence[Path], settings: Mapping[str, str]) -> list[Path]:  # noqa: ARG002  # described
        """Return the files of images.

        Raises
        ------
        UsageError
            If there is none.
        """
        pattern = self._known.image.files or ""
        found = [Path(path) for path, _ in _matching(pattern)]
        if not found:
            raise UsageError(f"{self._known.image.where}files is {pattern}: no such file")
        return found

    def campaign(self, path: Path, settings: Mapping[str, str]) -> str:  # noqa: ARG002  # all files have the same
        """Return the campaign, which the description may name."""
        return self._known.campaign

    def read(self, path: Path, settings: Mapping[str, str]) -> ExposureInfo:  # noqa: ARG002
        """Return the CCD images in a file.

        Raises
        ------
        InfoFileError
            If a file is missing or cannot be read, or lacks what the description says.
        """
        if in_utf8(str(path)) != str(path):
            raise InfoFileError(
                f"{in_utf8(str(path))}: its name is not UTF-8: expected a name that databases can store"
            )
        with PlaneReader() as reader:
            exposure = _Exposure(self._known, path, reader)
            ccds = exposure.ccds()
        bands = list(dict.fromkeys(str(ccd["band"]) for ccd in ccds))
        if len(bands) > 1:
            raise InfoFileError(f"{path}: its images are of bands {bands[0]} and {bands[1]}: expected one")
        first = ccds[0]
        # a file of one CCD is not all of its exposure
        tilename = f"{first['expnum']}" + (f"-{int(first['ccdnum']):03d}" if len(ccds) == 1 else "")
        made = tuple(DescribedCcd(tilename=tilename, filename=path.name, **ccd) for ccd in ccds)
        repeated = [name for name in dict.fromkeys(ccd.name for ccd in made) if [c.name for c in made].count(name) > 1]
        if repeated:
            raise InfoFileError(f"{path}: two of its images are {repeated[0]}: expected each (expnum, ccdnum) once")
        return ExposureInfo(tilename=tilename, band=made[0].band, src_info=made)

    @property
    def _known(self) -> Description:
        if self._description is None:
            raise UsageError("profile files: expected a YAML file that describes the files")
        return self._description


def _matching(pattern: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the paths that match a pattern, in order, and what stands in place of each of its stars."""
    found: list[tuple[str, tuple[str, ...]]] = [("/", ())]
    for part in pattern.split("/")[1:]:
        if "*" not in part:
            found = [(os.path.join(folder, part), stars) for folder, stars in found]
            continue
        regex, deeper = _regex(part), []
        for folder, stars in found:
            names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
            matches = [(name, match) for name in names if (match := regex.fullmatch(name))]
            deeper += [(os.path.join(folder, name), stars + match.groups()) for name, match in matches]
        found = deeper
    return [(path, stars) for path, stars in found if os.path.exists(path)]


def _regex(pattern: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    return re.compile("(.*)".join(re.escape(part) for part in pattern.split("*")), flags | re.DOTALL)


def _filled(pattern: str, stars: Sequence[str]) -> str:
    """Return a pattern with what stands in place of the stars of the image's; one without stars as it is."""
    return (
        "".join(itertools.chain(*itertools.zip_longest(pattern.split("*"), stars, fillvalue="")))
        if "*" in pattern
        else pattern
    )


@dataclass(frozen=True, slots=True)
class _Exposure:
    """A file of images, open."""

    description: Description
    path: Path
    reader: PlaneReader

    def ccds(self) -> list[dict[str, Any]]:
        """Return the values of each CCD image."""
        image = self.description.image
        stars = _stars(image.files or "", str(self.path))
        files = {"image": str(self.path)}
        planes = {"image": image, "weight": self.description.weight}
        planes |= {"seg": self.description.seg} if self.description.seg is not None else {}
        planes |= {"bmask": self.description.mask} if self.description.mask is not None else {}
        for name, plane in planes.items():
            files[name] = str(self.path) if plane.files is None else _filled(plane.files, stars)
        images = _images(self.reader, image, str(self.path))
        out = []
        for number, (unit, of_ext) in enumerate(images):
            keys: dict[str, Any] = {}
            conversions: dict[str, Conversion] = {}
            for name, plane in planes.items():
                ext = unit.number
                if name != "image":
                    ext = self._ext(plane, files[name], (number, len(images)), unit, of_ext)
                keys |= {f"{name}_path": files[name], f"{name}_ext": ext}
                if plane.conversion is not None:
                    conversions[name] = plane.conversion
            if "bmask" not in planes:
                keys |= {"bmask_path": keys["weight_path"], "bmask_ext": keys["weight_ext"]}
                conversions["bmask"] = Conversion(Meaning.NONE)
            out.append(keys | {"conversions": conversions} | self._values(unit))
        return out

    def _ext(
        self, plane: PlaneDescription, path: str, place: tuple[int, int], image: Unit, stars: Sequence[str]
    ) -> int:
        """Return the extension of a plane that goes with an image: the n-th of some images."""
        number, n_images = place
        wanted: Extension | tuple[Extension, ...] | None = plane.ext
        if isinstance(wanted, tuple):
            if len(wanted) != n_images:
                raise InfoFileError(
                    f"{path}: {plane.where}ext has {len(wanted)} extensions: expected {n_images}, one for each image"
                )
            wanted = wanted[number]
        if wanted is None:
            wanted = image.name or image.number
        if isinstance(wanted, str) and "*" in wanted:
            wanted = _filled(wanted, stars)
        units = _units(self.reader, path, wanted)
        if len(units) > 1 and len(units) != n_images:
            raise InfoFileError(
                f"{path}: it has {len(units)} extensions {wanted}, for {n_images} images: expected as many, or numbers"
            )
        return units[number if len(units) > 1 else 0].number

    def _values(self, unit: Unit) -> dict[str, Any]:
        """Return the key and the metadata of a CCD image."""
        header, primary = unit.header, self.reader.primary_header(str(self.path))
        values: dict[str, Any] = self._key(unit, primary)
        sources = self.description.header
        values["facts"] = _facts(header, primary, sources, self.description.night_starts)
        values["magzp"] = _number(header, primary, sources.get("magzp"))
        if self.description.wcs is not None:
            of_wcs = _units(self.reader, str(self.path), self.description.wcs)[0]
            cards = dict(Wcs.from_header(of_wcs.header, of_wcs.header.where).keywords)
            values |= {"wcs_ext": of_wcs.number, "wcs_cards": cards}
        return values

    def _key(self, unit: Unit, primary: Header) -> dict[str, Any]:
        text = f"{self.path.name}[{unit.name or unit.number}]"
        pattern = self.description.pattern
        match = re.search(pattern, text) if pattern else None
        if pattern and match is None:
            raise InfoFileError(f"{self.path}: {text} does not match key.pattern of {self.description.path}: {pattern}")
        of_name = {} if match is None else match.groupdict()
        key: dict[str, Any] = {}
        for name in ("expnum", "ccdnum", "band"):
            source = self.description.key.get(name)
            what = f"in the name {text}" if source is None else f"{source.keyword or 'constant'}"
            found: Any = of_name.get(name) if source is None else source.constant
            if source is not None and source.keyword:
                found = header_value(unit.header, primary, source.keyword)
            value = (str(found).split() or [""])[0] if name == "band" else whole_number(found)
            if found is None or value in (None, ""):
                state = "missing" if found is None else repr(found)
                expected = "a band, such as r" if name == "band" else "a whole number"
                raise InfoFileError(
                    f"{unit.header.where}: {name} ({what}) is {state}: expected {expected} "
                    f"(key.{name} of {self.description.path})"
                )
            key[name] = value
        return key


def _stars(pattern: str, path: str) -> tuple[str, ...]:
    """Return what stands in a path in place of the stars of its pattern; as found, each within one name."""
    stars: tuple[str, ...] = ()
    for part, name in zip(pattern.split("/"), path.split("/"), strict=True):
        match = _regex(part).fullmatch(name)
        stars += () if match is None else match.groups()
    return stars


def _images(reader: PlaneReader, image: PlaneDescription, path: str) -> list[tuple[Unit, tuple[str, ...]]]:
    """Return the units of the images in a file, and what stands in place of the stars of their names."""
    if isinstance(image.ext, tuple):
        return [(_units(reader, path, ext)[0], ()) for ext in image.ext]
    if isinstance(image.ext, str) and "*" in image.ext:
        regex = _regex(image.ext, re.IGNORECASE)
        named = [(unit, regex.fullmatch(unit.name)) for unit in _all_units(reader, path) if unit.name]
        found = [(unit, match.groups()) for unit, match in named if match and is_image(reader, path, unit)]
        if not found:
            raise InfoFileError(f"{path}: it has no image whose EXTNAME is like {image.ext} ({image.where}ext)")
        return found
    if image.ext is not None:
        return [(unit, ()) for unit in _units(reader, path, image.ext)]
    images = [unit for unit in _all_units(reader, path) if is_image(reader, path, unit)]
    if len(images) != 1:
        names = ", ".join(unit.name or str(unit.number) for unit in images) or "none"
        raise InfoFileError(f"{path}: its images are {names}: expected {image.where}ext to name one, or one image")
    return [(images[0], ())]


def _all_units(reader: PlaneReader, path: str) -> list[Unit]:
    reader.primary_header(path)
    return list(reader.opened[path].file.units())


def _units(reader: PlaneReader, path: str, ext: Extension) -> list[Unit]:
    """Return every unit of a name, or the one of a number."""
    if isinstance(ext, str):
        found = [unit for unit in _all_units(reader, path) if unit.name.lower() == ext.strip().lower()]
        if found:
            return found
    reader.primary_header(path)
    return [reader.opened[path].file.unit(ext)]


def is_image(reader: PlaneReader, path: str, unit: Unit) -> bool:
    """Tell whether a unit of a file is a two-dimensional image."""
    try:
        reader.plane(path, unit.number)
    except (PlaneError, FitsFileError):
        return False
    return True


def _facts(header: Header, primary: Header, sources: Mapping[str, Source], night_starts: int | None) -> ExposureFacts:
    """Return the exposure metadata: by the keywords of DES, unless the description has others."""
    renamed: dict[str, Any] = {}
    for name, source in sources.items():
        value = header_value(header, primary, source.keyword) if source.keyword else source.constant
        renamed[name.upper().replace("_", "-")] = value
    # a value that the description names comes from there alone
    by_name = _Renamed(header, renamed)
    facts = exposure_facts(
        by_name, _Renamed(primary, renamed), night_starts=14 if night_starts is None else night_starts
    )
    if night_starts is None and header_value(by_name, _Renamed(primary, renamed), "NITE") is None:
        facts = replace(facts, nite=None)
    return facts


class _Renamed(Mapping[str, Any]):
    """A header in which some keywords have other values."""

    def __init__(self, header: Header, values: Mapping[str, Any]) -> None:
        self._header, self._values = header, values

    def __getitem__(self, key: str) -> Any:
        return self._values[key] if key in self._values else self._header[key]

    def __iter__(self) -> Any:
        return iter({**dict.fromkeys(self._header), **self._values})

    def __len__(self) -> int:
        return len({**dict.fromkeys(self._header), **self._values})


def _number(header: Header, primary: Header, source: Source | None) -> float | None:
    """Return the number of a source; None if there is none."""
    if source is None:
        return None
    if source.keyword:
        return header_number(header, primary, source.keyword)
    return header_number({"VALUE": source.constant}, {}, "VALUE")
