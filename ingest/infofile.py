"""Info files: YAML that lists the images of one tile and band."""

import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from ..schema.errors import InfoFileError, expected_by
from ..schema.planes.imagefiles import PlaneFile
from ..schema.planes.regularfile import read_regular, why_not
from .exposurefacts import ExposureFacts, exposure_facts
from .plainyaml import load_yaml

__all__ = ["EpochInfo", "ImageInfo", "TileInfo", "in_utf8", "read_info_file"]

_PLANES = ("image", "weight", "bmask", "seg", "bkg", "head")

# Of an info file; one of 250 epochs has half a million.
_MOST_BYTES = 1 << 25

# Letters of a path, as on Linux, and of a value in a message.
_LONGEST_PATH = 4096
_MOST_SHOWN = 200

# Epochs of a tile; surveys have hundreds.
_MOST_EPOCHS = 20_000

_OF_TYPE = re.compile(r"(str|int|constrained-str)\Z|function-before\[")


def _refuse_words(value: Any) -> Any:
    """Refuse yes, no and 1_000, which pydantic would take for numbers."""
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise ValueError("expected a decimal number")
    return value


# Tile and band become parts of file names, which must not leave the masks folder.
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9+_.-]*$", max_length=64)]
_Text = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=_LONGEST_PATH)]
_Path = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]+$", max_length=_LONGEST_PATH)]
_Decimal = BeforeValidator(_refuse_words)
_Integer = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63), _Decimal]
_Natural = Annotated[int, Field(ge=0, lt=1 << 63), _Decimal]
_Float = Annotated[float, _Decimal]
_Degrees = Annotated[float, Field(ge=-360, le=720, allow_inf_nan=False), _Decimal]
_Ext = Annotated[str, Field(min_length=1)] | Annotated[int, Field(ge=0), _Decimal]


class ImageInfo(BaseModel):
    """Keys common to the entries of a coadd and of an epoch."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    tilename: _Name
    band: _Name
    image_path: _Path
    image_ext: _Ext
    weight_path: _Path
    weight_ext: _Ext
    bmask_path: _Path
    bmask_ext: _Ext
    seg_path: _Text | None = None
    seg_ext: _Ext = "sci"
    position_offset: Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False), _Decimal] = 1
    magzp: _Float | None = None
    scale: _Float | None = None
    image_flags: _Integer | None = None
    pfw_attempt_id: _Integer | None = None
    filename: _Text | None = None

    def file(self, plane: str) -> PlaneFile | None:
        """Return the file of a plane, or of the SCAMP header ``head``; None if the info file has none."""
        path = getattr(self, f"{plane}_path", None)
        return PlaneFile(path, getattr(self, f"{plane}_ext", 0)) if path else None

    @property
    def files(self) -> dict[str, PlaneFile]:
        """Files of all planes, and of the SCAMP header, by name."""
        return {name: file for name in _PLANES if (file := self.file(name))}

    @field_validator("magzp", "scale")
    @classmethod
    def _finite(cls, value: float | None) -> float | None:
        # NaN and infinity become null in the row
        return value if value is not None and abs(value) < float("inf") else None


class EpochInfo(ImageInfo):
    """Entry of one single-epoch CCD image."""

    expnum: _Natural
    ccdnum: Annotated[_Natural, Field(lt=1 << 15)]
    head_path: _Text | None = None
    bkg_path: _Text | None = None
    bkg_ext: _Ext = "sci"

    @property
    def wcs_vouched(self) -> bool | None:
        """Whether the pipeline vouches for the WCS; None: info files do not say."""
        return None

    @property
    def own_wcs(self) -> Mapping[str, Any] | None:
        """WCS keywords that stand elsewhere than in the header of the image; None: info files know no such place."""
        return None

    @property
    def identity(self) -> dict[str, object]:
        """Values that headers have to have where they have the keyword."""
        return {"EXPNUM": self.expnum, "CCDNUM": self.ccdnum, "BAND": self.band}

    def exposure(self, header: Mapping[str, Any], primary: Mapping[str, Any]) -> ExposureFacts:
        """Return the exposure metadata, given the headers of the image HDU and of the primary one."""
        return exposure_facts(header, primary)

    @property
    def name(self) -> str:
        """Name of the epoch in messages: ``expnum/ccdnum``."""
        return f"{self.expnum}/{self.ccdnum}"


class TileInfo(ImageInfo):
    """Content of the info file of one tile and band."""

    seg_path: _Path
    crossra0: _Text | None = None
    uramin: _Degrees | None = None
    uramax: _Degrees | None = None
    udecmin: _Degrees | None = None
    udecmax: _Degrees | None = None
    src_info: Annotated[tuple[EpochInfo, ...], Field(min_length=1, max_length=_MOST_EPOCHS)]

    @field_validator("src_info", mode="before")
    @classmethod
    def _inherit(cls, value: Any, info: ValidationInfo) -> Any:
        """Fill in the tile and band, which an entry may omit."""
        if not isinstance(value, list):
            return value
        tile = {key: info.data[key] for key in ("tilename", "band") if key in info.data}
        return [tile | entry if isinstance(entry, dict) else entry for entry in value]

    @property
    def has_coadd(self) -> bool:
        """True: info files list a coadd."""
        return True

    @property
    def lists_epochs(self) -> bool:
        """Whether `src_info` is the list of an info file, in which an epoch has an index; True."""
        return True

    @property
    def identity(self) -> dict[str, object]:
        """Values that headers of the coadd have to have where they have the keyword."""
        return {"TILENAME": self.tilename, "BAND": self.band}

    @property
    def unique_limits(self) -> tuple[float, float, float, float] | None:
        """Western, eastern, southern and northern limits of the tile's unique region, degrees; None if not given."""
        match (self.uramin, self.uramax, self.udecmin, self.udecmax):
            case (float(west), float(east), float(south), float(north)):
                return west, east, south, north
        return None


def in_utf8(name: str) -> str:
    """Return a file name with its bytes that are not UTF-8 as escapes."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def read_info_file(path: Path) -> TileInfo:
    """Read and check an info file.

    Raises
    ------
    InfoFileError
        If it is not a regular file, cannot be read, is not YAML or has wrong content; the message names the file,
        the key, its value and what was expected.
    """
    if in_utf8(os.fspath(path)) != os.fspath(path):
        raise InfoFileError(f"{path}: its name is not UTF-8: expected a name that databases can store")
    try:
        text = read_regular(os.fspath(path), _MOST_BYTES)
    except (OSError, ValueError) as error:
        raise InfoFileError(f"{path}: {why_not(error, os.fspath(path))}: expected an info file") from error
    try:
        content = load_yaml(text)
    except ValueError as error:
        doubt = "" if b"src_info" in text else "not an info file: "
        raise InfoFileError(f"{path}: {doubt}cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        what = "is empty" if content is None else f"holds a {type(content).__name__}"
        raise InfoFileError(f"{path}: not an info file: {what}: expected a mapping of keys")
    if not content.keys() & {"tilename", "band", "src_info"}:
        raise InfoFileError(f"{path}: not an info file: it has no tilename, band or src_info")
    try:
        info = TileInfo.model_validate(content)
    except ValidationError as error:
        raise InfoFileError(f"{path}: {_first_error(error)}") from error
    _check_entries(path, info)
    return info


def _check_entries(path: Path, info: TileInfo) -> None:
    """Check the epochs against the tile and for duplicates, and the limits of the unique region."""
    for number, entry in enumerate(info.src_info):
        for key in ("tilename", "band"):
            given, expected = getattr(entry, key), getattr(info, key)
            if given != expected:
                raise InfoFileError(f"{path}: src_info.{number}.{key} is {given!r}: expected {expected!r}, the tile's")
    repeated = [name for name, n in Counter(each.name for each in info.src_info).items() if n > 1]
    if repeated:
        raise InfoFileError(f"{path}: src_info lists epoch {repeated[0]} twice: expected each (expnum, ccdnum) once")
    _, _, south, north = info.unique_limits or (0, 0, -90, 90)
    if not -90 <= south < north <= 90:
        limits = f"{south}, {north}"
        raise InfoFileError(f"{path}: udecmin, udecmax are {limits}: expected -90 <= udecmin < udecmax <= 90")


def _first_error(error: ValidationError) -> str:
    """Return the first error and the number of others, in one line."""
    first, *others = error.errors()
    # names of the types of an extension are no part of the key, and their errors are one
    key = _key(first["loc"])
    of_key = [expected_by(first), *(expected_by(each) for each in others if _key(each["loc"]) == key)]
    message = " or ".join([of_key[0], *(each.removeprefix("expected ") for each in of_key[1:])])
    others = others[len(of_key) - 1 :]
    text = f"{key}: {message}"
    if first["type"] == "missing":
        text = f"{key} is missing"
    else:
        shown = " ".join(repr(first["input"]).split())
        if len(shown) <= _MOST_SHOWN or isinstance(first["input"], str | int | float):
            text = f"{key} is {shown if len(shown) <= _MOST_SHOWN else shown[:_MOST_SHOWN] + '...'}: {message}"
    return text + (f" (and {len(others)} more)" if others else "")


def _key(location: "tuple[int | str, ...]") -> str:
    return ".".join(str(part) for part in location if not _OF_TYPE.match(str(part)))
