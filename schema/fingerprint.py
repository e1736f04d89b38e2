"""The fingerprint of an image's inputs: what tells whether a mask is still that of its files."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from .planes.files import files_of_row

__all__ = ["FINGERPRINTED", "MASK_RULE_VERSION", "fingerprint", "is_fingerprint"]

MASK_RULE_VERSION = 1
"""Raised whenever the same inputs can give other pixels."""

FINGERPRINTED = ("image", "weight", "bmask", "seg", "head")
"""The planes of an epoch whose files its fingerprint is of."""

_AS_GIVEN = ("tilename", "band", "expnum", "ccdnum", "magzp", "scale", "image_flags", "pfw_attempt_id", "filename")
_PLANES = ("image", "weight", "bmask", "seg", "bkg")
_DEFAULT_EXT = "sci"


def fingerprint(
    files: Mapping[str, object],
    values: Mapping[str, object],
    options: Mapping[str, object],
    rule: int = MASK_RULE_VERSION,
) -> str:
    """Return the sha256, in hexadecimal, of what a mask is made from.

    Parameters
    ----------
    files : mapping of str to object
        What `goodpix.schema.planes.files.file_state` says of each file, by its path as the info file has it.
    values : mapping of str to object
        What the info file says of the image.
    options : mapping of str to object
        The options that change masks.
    rule : int
        The version of how pixels follow from these.
    """
    parts = {"files": files, "info": values, "options": options, "rule": rule}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def is_fingerprint(found: str, row: Mapping[str, Any], files: Mapping[str, object], *, wcs_source: str) -> bool:
    """Tell whether a fingerprint is that of an epoch whose files are in some state.

    Parameters
    ----------
    found : str
        The fingerprint.
    row : mapping
        The epoch's row, and its coadd's fingerprint as ``coadd_fingerprint``.
    files : mapping of str to object
        See `fingerprint`; of the planes `FINGERPRINTED` that the row has.
    wcs_source : str
        That of the catalogue.

    Notes
    -----
    A row does not tell a key that the info file leaves out from one that is empty or has the default
    value, nor which options a run had: each that is possible is tried.
    """
    fixed: dict[str, object] = {"wcs_source": wcs_source, "coadd": row["coadd_fingerprint"]}
    for values in _values(row):
        fixed["allow_missing_se_seg"] = not values["seg_path"]
        for rule, dithered in itertools.product(range(MASK_RULE_VERSION, 0, -1), (False, True)):
            if fingerprint(files, values, fixed | {"allow_dithered_weights": dithered}, rule) == found:
                return True
    return False


def _values(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what the info file may have said of an epoch, the most usual first."""
    files = files_of_row(row)
    values = {name: row[name] for name in _AS_GIVEN}
    for name in _PLANES:
        values[f"{name}_path"], values[f"{name}_ext"] = None, _DEFAULT_EXT
        if name in files:
            values[f"{name}_path"], values[f"{name}_ext"] = files[name].path, files[name].ext
    values["head_path"] = files["head"].path if "head" in files else None
    absent = [name for name, value in values.items() if name.endswith("_path") and value is None]
    # one that the info file leaves out is a whole number
    offsets = (1, 1.0) if row["position_offset"] == 1 else (row["position_offset"],)
    for offset, *paths in itertools.product(offsets, *([(None, "")] * len(absent))):
        yield values | dict(zip(absent, paths, strict=True)) | {"position_offset": offset}
