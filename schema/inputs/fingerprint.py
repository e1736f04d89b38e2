"""Fingerprints of the inputs of masks."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..planes.imagefiles import files_of_row
from .recordedfiles import recorded_files

__all__ = [
    "MASK_RULE_VERSION",
    "fingerprint",
    "inputs_unchanged",
    "matches_unrecorded_inputs",
]

MASK_RULE_VERSION = 1
"""Version of the rules that make masks; raised whenever the same inputs can give other pixels."""

_AS_GIVEN = ("tilename", "band", "expnum", "ccdnum", "magzp", "scale", "image_flags", "pfw_attempt_id", "filename")
_PLANES = ("image", "weight", "bmask", "seg", "bkg")
_DEFAULT_EXT = "sci"


def fingerprint(
    files: Mapping[str, object],
    values: Mapping[str, object],
    options: Mapping[str, object],
    rule: int = MASK_RULE_VERSION,
) -> str:
    """Return the SHA-256 of a mask's inputs, in hexadecimal.

    Parameters
    ----------
    files : mapping of str to object
        State of each file from `goodpix.schema.planes.imagefiles.file_state`, by its path in the info file.
    values : mapping of str to object
        The info file's entry for the image.
    options : mapping of str to object
        Options that affect masks.
    rule : int
        Version of the rules that make masks; see `MASK_RULE_VERSION`.
    """
    inputs = {"files": files, "info": values, "options": options, "rule": rule}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def inputs_unchanged(row: Mapping[str, Any], files: Mapping[str, object], *, wcs_source: str) -> bool:
    """Return True if the files of an epoch have not changed since its mask was made.

    Parameters
    ----------
    row : mapping
        The epoch's row, with its coadd's fingerprint as ``coadd_fingerprint``.
    files : mapping of str to object
        Present state of each file of the row's planes in `goodpix.schema.inputs.recordedfiles.FINGERPRINTED`.
    wcs_source : str
        WCS source of the catalogue.
    """
    if row["files"] is None:
        return matches_unrecorded_inputs(row, files, wcs_source=wcs_source)
    recorded = recorded_files(row["files"], files_of_row(row))
    return all(state == (recorded[path].state if path in recorded else None) for path, state in files.items())


def matches_unrecorded_inputs(row: Mapping[str, Any], files: Mapping[str, object], *, wcs_source: str) -> bool:
    """Return True if the fingerprint of an epoch of format 1 matches its row and files; see `inputs_unchanged`.

    Notes
    -----
    Format 1 does not record the states of the files, the options of the run, or whether a key of the info file was
    absent, empty or equal to the default, so all possibilities are tried.
    """
    fixed: dict[str, object] = {"wcs_source": wcs_source, "coadd": row["coadd_fingerprint"]}
    for values in _values(row):
        fixed["allow_missing_se_seg"] = not values["seg_path"]
        for rule, dithered in itertools.product(range(MASK_RULE_VERSION, 0, -1), (False, True)):
            if fingerprint(files, values, fixed | {"allow_dithered_weights": dithered}, rule) == row["fingerprint"]:
                return True
    return False


def _values(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the possible info file entries of an epoch, the most common first."""
    files = files_of_row(row)
    values = {name: row[name] for name in _AS_GIVEN}
    for name in _PLANES:
        values[f"{name}_path"], values[f"{name}_ext"] = None, _DEFAULT_EXT
        if name in files:
            values[f"{name}_path"], values[f"{name}_ext"] = files[name].path, files[name].ext
    values["head_path"] = files["head"].path if "head" in files else None
    absent = [name for name, value in values.items() if name.endswith("_path") and value is None]
    # an offset absent from the info file is an int
    offsets = (1, 1.0) if row["position_offset"] == 1 else (row["position_offset"],)
    for offset, *paths in itertools.product(offsets, *([(None, "")] * len(absent))):
        yield values | dict(zip(absent, paths, strict=True)) | {"position_offset": offset}
