"""Rows of mask files: the key, the image facts and the counts of one mask."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from .bits import N_BITS
from .columns import MAX_JSON, check_text, column, columns, json_object, key_number, key_text, values_of
from .counts import COADD_COUNTS, BitCounts, Counts
from .errors import DamagedValueError, InfoFileError, UsageError
from .inputs.profile import DES_PROFILE
from .inputs.recordedfiles import recorded_files
from .wcs.footprint import EVERY_CELL, NSIDE

__all__ = [
    "SEG_FROM_FILE",
    "SEG_MADE",
    "SEG_NONE",
    "CoaddFacts",
    "EpochFacts",
    "ImageFacts",
    "MaskKey",
    "MaskRow",
    "nonzero_bits",
]

SEG_FROM_FILE, SEG_NONE, SEG_MADE = "file", "none", "sep"
"""Values of ``segmentation``: the map of the survey's file, no map, or one that sep made during the ingest."""

_REVISION = "0006"


@dataclass(frozen=True, slots=True)
class MaskKey:
    """The identity of a mask; a user's own mask has the kind ``own`` and is not stored."""

    tilename: str = column("coadd tile, such as DES0124-3332")
    band: str = column("filter band, as given in the info file")
    kind: str = column("epoch, or coadd for the coadd's own mask")
    expnum: int | None = column("exposure number; null for the coadd")
    ccdnum: int | None = column("CCD number; null for the coadd")

    def __post_init__(self) -> None:
        object.__setattr__(self, "tilename", key_text("tilename", self.tilename))
        object.__setattr__(self, "band", key_text("band", self.band))
        for what, given, n_bits in (("expnum", self.expnum, 64), ("ccdnum", self.ccdnum, 16)):
            if given is None:
                continue
            number = key_number(what, given)
            if not -(1 << (n_bits - 1)) <= number < 1 << (n_bits - 1):
                raise UsageError(f"{what} is {number}: expected a number of {n_bits} bits")
            object.__setattr__(self, what, number)

    @property
    def name(self) -> str:
        """Name of the mask within its tile and band: ``expnum/ccdnum``, or ``coadd``."""
        return f"{self.expnum}/{self.ccdnum}" if self.kind == "epoch" else self.kind

    @classmethod
    def own(cls) -> "MaskKey":
        """Return the key of a user's own mask."""
        return cls("", "", "own", None, None)

    def __str__(self) -> str:
        if self.kind == "own":
            return "a user's own mask"
        what = f"epoch {self.name}" if self.kind == "epoch" else "coadd"
        return f"{what} (tile {self.tilename}, band {self.band})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """Facts recorded for epochs and coadds alike."""

    wcs: str = column("WCS keywords of the solution used, JSON")
    rac1: float = column("right ascension of the outer corner of pixel (0, 0), degrees")
    decc1: float = column("declination of the outer corner of pixel (0, 0), degrees")
    rac2: float = column("right ascension of the outer corner of pixel (nx - 1, 0), degrees")
    decc2: float = column("declination of the outer corner of pixel (nx - 1, 0), degrees")
    rac3: float = column("right ascension of the outer corner of pixel (nx - 1, ny - 1), degrees")
    decc3: float = column("declination of the outer corner of pixel (nx - 1, ny - 1), degrees")
    rac4: float = column("right ascension of the outer corner of pixel (0, ny - 1), degrees")
    decc4: float = column("declination of the outer corner of pixel (0, ny - 1), degrees")
    ra_cent: float = column("right ascension of the image centre, degrees")
    dec_cent: float = column("declination of the image centre, degrees")
    magzp: float | None = column("magnitude zero point from the info file")
    scale: float | None = column("flux scale factor from the info file")
    image_flags: int | None = column("image flags from the info file; not a criterion")
    pfw_attempt_id: int | None = column("processing attempt ID from the info file")
    filename: str | None = column("file name from the info file")
    image_path: str = column("image path as written in the info file")
    planes: str = column("path and extension of each plane, JSON")
    position_offset: float = column("offset of WCS pixel coordinates from zero-based ones, pixels")
    weight_zquantiz: str | None = column("quantization method of the weight plane (ZQUANTIZ); null if absent")
    fingerprint: str = column("SHA-256 of the mask's inputs")
    files: str | None = column(
        "size, mtime and digests of each input file, JSON; null for masks of format 1", None, since=_REVISION
    )
    planes_checked: bool | None = column(
        "true if all planes agreed with their DATASUM; null for masks of format 1", None, since=_REVISION
    )
    damaged_taken: bool | None = column(
        "true if planes that disagree with their DATASUM were used; null for masks of format 1", None, since=_REVISION
    )
    profile: str | None = column(
        "profile of the images, such as des; null for masks of format 1", None, since=_REVISION
    )
    segmentation: str | None = column(
        "source of the segmentation map: file, none, or sep for one made at ingest; null for masks of format 1",
        None,
        since=_REVISION,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFacts(ImageFacts):
    """Facts recorded for an epoch."""

    wcs_delta_pix: float | None = column("maximum distance between the image and SCAMP WCS, coadd pixels")
    nite: int | None = column("observing night, YYYYMMDD")
    mjd_obs: float | None = column("start of the exposure, MJD, days")
    date_obs: str | None = column("start of the exposure, UTC (DATE-OBS)")
    exptime: float | None = column("exposure time, s")
    airmass: float | None = column("airmass of the header; where it has none, of the image centre at mid-exposure")
    fwhm: float | None = column("seeing FWHM, pixels")
    skybrite: float | None = column("sky level subtracted from the image, in bunit")
    skysigma: float | None = column("sky noise, in bunit")
    skyvara: float | None = column("sky variance of amplifier A, in bunit^2")
    skyvarb: float | None = column("sky variance of amplifier B, in bunit^2")
    bunit: str | None = column("unit of the pixel values (BUNIT)")
    detpos: str | None = column("detector position in the focal plane, such as N4")
    dataseca: str | None = column("pixel section of amplifier A: DATASECA, else AMPSECA in the frame of the image")
    datasecb: str | None = column("pixel section of amplifier B: DATASECB, else AMPSECB in the frame of the image")
    se_seg_used: bool = column(
        "true if aggregates include the epoch: it has an SE segmentation map, or the catalogue is without any"
    )
    stale: bool = column("true if the inputs can no longer be read; mask and row are from the last successful ingest")
    se_fingerprint: str | None = column(
        "SHA-256 of the SE inputs, equal in all tiles with the image; null for masks of format 1", None, since=_REVISION
    )
    wcs_ok: bool | None = column(
        "false if the pipeline does not vouch for the WCS: no positions, not in maps; null if it does not say",
        None,
        since="0010",
    )
    src_index: int | None = column(
        "index of the epoch in src_info of the info file, from 0; null without an info file or if not recorded",
        None,
        since="0012",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CoaddFacts(ImageFacts):
    """Facts recorded for a coadd."""

    crossra0: str | None = column("Y if the tile straddles RA = 0")
    uramin: float | None = column("western limit of the tile's unique region, degrees")
    uramax: float | None = column("eastern limit of the tile's unique region, degrees")
    udecmin: float | None = column("southern limit of the tile's unique region, degrees")
    udecmax: float | None = column("northern limit of the tile's unique region, degrees")


_COUNT_COLUMNS = columns(Counts)
_COUNTS = [each.name for each in _COUNT_COLUMNS]
_FACT_COLUMNS = {kind: columns(kind) for kind in (EpochFacts, CoaddFacts)}
# entries that records have only where they are known, so that those of before stay as they are, byte for byte
_ABSENT_IF_NULL = {"wcs_ok", "src_index"}
_NULL_FOR_COADDS = {each.name for each in _COUNT_COLUMNS if each.nullable} - {*COADD_COUNTS}
_BIT_NUMBERS = {str(bit) for bit in range(N_BITS)}
_N_HPIX = 12 * NSIDE**2
# for epochs without an SE segmentation map, without a unique region, or wholly off the coadd
_NULL_FOR_EPOCHS = {
    "n_se_seg",
    "only_se_seg",
    "n_unique",
    "n_good_unique",
    "area_good_unique",
    "fraction_good_on_coadd",
}
_OF_AMPLIFIERS = {f"n_{what}_amp_{half}" for what in ("good_se", "pixels") for half in "ab"}
_NULL_WITHOUT_COADD = _NULL_FOR_EPOCHS | {*COADD_COUNTS, "n_off_coadd", "only_off_coadd", *_OF_AMPLIFIERS}
# masks of format 1 have no profile: all are of DES
_PROFILES_WITH_COADD = (None, DES_PROFILE)


@dataclass(frozen=True, slots=True)
class MaskRow:
    """One row of a mask file, without the runs.

    Parameters
    ----------
    key : MaskKey
        Identity of the mask.
    nx, ny : int
        Image size in pixels.
    checksum : str
        See `goodpix.schema.masks.rle.Runs.checksum`.
    counts : Counts
        Numbers of pixels.
    facts : EpochFacts or CoaddFacts
        The other columns.
    bits : mapping
        Number of pixels with each mask bit that occurs, by plane (``"se"``, ``"coadd"``).
    hpix : mapping of int to int
        Footprint: nested HEALPix pixels and the cells touched in each.
    """

    key: MaskKey
    nx: int
    ny: int
    checksum: str
    counts: Counts
    facts: EpochFacts | CoaddFacts
    bits: Mapping[str, Mapping[int, int]]
    hpix: Mapping[int, int]

    @property
    def record(self) -> str:
        """Facts, bits and footprint as JSON, the same text for equal rows."""
        touched = {"hpix": list(self.hpix), "cells": list(self.hpix.values())}
        facts = {
            name: value
            for name, value in values_of(self.facts).items()
            if value is not None or name not in _ABSENT_IF_NULL
        }
        every = facts | {"bits": self.bits} | touched
        text = json.dumps(every, sort_keys=True, separators=(",", ":"), allow_nan=False)
        if len(text) > MAX_JSON:
            raise InfoFileError(
                f"{self.key}: its facts are {len(text):,} characters long: expected at most {MAX_JSON:,}"
            )
        return text

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "MaskRow":
        """Return the row from the column values of a mask file, ``record`` included.

        Raises
        ------
        DamagedValueError
            If a column or an entry of the record is missing, or is not what a row holds.
        UsageError
            If the key is not one of a mask.
        """
        record = json_object(values["record"], "record")
        key = MaskKey(**{each.name: values[each.name] for each in fields(MaskKey)})
        facts = _facts(EpochFacts if _is_epoch(key) else CoaddFacts, record)
        may_be_null = _nullable_counts(facts)
        for each in _COUNT_COLUMNS:
            replace(each, nullable=each.name in may_be_null).check(values[each.name])
        check_text("checksum", values["checksum"])
        return cls(
            key=key,
            nx=values["nx"],
            ny=values["ny"],
            checksum=values["checksum"],
            counts=Counts(**{name: values[name] for name in _COUNTS}),
            facts=facts,
            bits=_bits(record.get("bits")),
            hpix=_touched(record),
        )


def _is_epoch(key: MaskKey) -> bool:
    """Tell a stored epoch from a coadd.

    Raises
    ------
    DamagedValueError
        If the key is of neither.
    """
    numbered = key.expnum is not None and key.ccdnum is not None
    if key.kind not in ("epoch", "coadd") or numbered != (key.kind == "epoch"):
        raise DamagedValueError(f"kind is {key.kind!r} with expnum {key.expnum} and ccdnum {key.ccdnum}")
    for name in ("tilename", "band"):
        check_text(name, getattr(key, name))
    return key.kind == "epoch"


def _bits(stored: object) -> dict[str, dict[int, int]]:
    """Return the numbers of pixels with each mask bit, by plane."""
    bits: dict[str, dict[int, int]] = {}
    for plane in ("se", "coadd"):
        of_plane = stored.get(plane) if isinstance(stored, dict) else None
        if not isinstance(of_plane, dict) or not all(
            each in _BIT_NUMBERS and _is_int(n) and n > 0 for each, n in of_plane.items()
        ):
            raise DamagedValueError("bits of the record are not numbers of pixels by plane and bit")
        bits[plane] = {int(each): n for each, n in of_plane.items()}
    return bits


def _touched(record: Mapping[str, Any]) -> dict[int, int]:
    """Return the footprint; older files have no cells."""
    hpix = record.get("hpix")
    cells = record.get("cells", [EVERY_CELL] * len(hpix)) if isinstance(hpix, list) else None
    if (
        not isinstance(hpix, list)
        or not isinstance(cells, list)
        or len(hpix) != len(cells)
        or not all(_is_int(each) and 0 <= each < _N_HPIX for each in hpix)
        or not all(_is_int(each) for each in cells)
    ):
        raise DamagedValueError(f"footprint of the record is not pixels below {_N_HPIX} with their cells")
    return dict(zip(hpix, cells, strict=True))


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63


def _facts(kind: type[EpochFacts] | type[CoaddFacts], record: Mapping[str, Any]) -> EpochFacts | CoaddFacts:
    """Return the facts of a record: null where another version has no such entry; its own entries are ignored."""
    values: dict[str, Any] = {}
    for each in _FACT_COLUMNS[kind]:
        value = values[each.name] = record.get(each.name)
        each.check(value)
    json_object(values["planes"], "planes")
    keywords = json_object(values["wcs"], "wcs")
    if not all(
        # an integer beyond every float is no finite number either
        isinstance(each, str | bool) or _is_int(each) or (isinstance(each, float) and math.isfinite(each))
        for each in keywords.values()
    ):
        raise DamagedValueError("wcs is not text and finite numbers by keyword")
    if values["files"] is not None:
        recorded_files(values["files"], {})
    return kind(**values)


def _nullable_counts(facts: EpochFacts | CoaddFacts) -> set[str]:
    """Return the names of the counts that may be null beside these facts."""
    if isinstance(facts, CoaddFacts):
        return _NULL_FOR_COADDS
    return _NULL_FOR_EPOCHS if facts.profile in _PROFILES_WITH_COADD else _NULL_WITHOUT_COADD


def nonzero_bits(counts: BitCounts) -> dict[str, dict[int, int]]:
    """Return the counts of the bits that occur, by plane."""
    planes = {"se": counts.se, "coadd": counts.coadd}
    return {plane: {bit: int(n) for bit, n in enumerate(values) if n} for plane, values in planes.items()}
