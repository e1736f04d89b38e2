"""Changes of files since the ingest are noticed, also where the row does not record their states."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from goodpix.ingest.infofile import EpochInfo
from goodpix.schema.inputs.fingerprint import fingerprint, inputs_unchanged, matches_unrecorded_inputs
from goodpix.schema.planes.imagefiles import file_state

GIVEN: dict[str, Any] = {
    "tilename": "DES0124-3332",
    "band": "i",
    "expnum": 492768,
    "ccdnum": 11,
    **{f"{name}_path": f"{name}.fits" for name in ("image", "weight", "bmask", "seg", "bkg", "head")},
    "image_ext": "sci",
    "weight_ext": 2,
    "bmask_ext": "msk",
    "magzp": 31.5,
    "scale": 0.25,
    "image_flags": 4,
    "pfw_attempt_id": 7,
    "filename": "image.fits",
}
LEFT_OUT = ("seg_path", "bkg_path", "head_path", "magzp", "scale", "image_flags", "pfw_attempt_id", "filename")


def row_of(entry: EpochInfo, found: str) -> dict[str, Any]:
    """Return what a catalogue's row of format 1 keeps of an entry of an info file."""
    planes = {
        name: [getattr(entry, f"{name}_path"), getattr(entry, f"{name}_ext")]
        for name in ("image", "weight", "bmask", "seg", "bkg")
        if getattr(entry, f"{name}_path")
    }
    if entry.head_path:
        planes["head"] = [entry.head_path]
    row = entry.model_dump() | {"planes": json.dumps(planes), "coadd_fingerprint": "c" * 64}
    return row | {"position_offset": float(entry.position_offset), "fingerprint": found, "files": None}


def states(entry: EpochInfo) -> dict[str, object]:
    names = ("image", "weight", "bmask", "seg", "head")
    paths = [getattr(entry, f"{name}_path") for name in names]
    return {path: file_state(path) for path in paths if path}


def of_0_1_0(entry: EpochInfo, wcs_source: str = "image", *, seg: bool = False, dithered: bool = False) -> str:
    """Return the fingerprint that goodpix 0.1.0 gave an epoch with these options."""
    options = {
        "wcs_source": wcs_source,
        "allow_missing_se_seg": seg and not entry.seg_path,
        "allow_dithered_weights": dithered,
        "coadd": "c" * 64,
    }
    return fingerprint(states(entry), entry.model_dump(), options)


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("image", "weight", "bmask", "seg", "bkg", "head"):
        Path(f"{name}.fits").write_text(name)


@pytest.mark.parametrize(
    ("left_out", "given"),
    [
        *((pair, {}) for pair in itertools.combinations(LEFT_OUT, 2)),
        *itertools.product([(), LEFT_OUT], [{}, *({"position_offset": offset} for offset in (1.0, 0, 1.5))]),
    ],
    ids=str,
)
def test_fingerprint_of_every_entry_is_known_again(left_out: tuple[str, ...], given: dict[str, Any]) -> None:
    values = {name: value for name, value in (GIVEN | given).items() if name not in left_out}
    empty: dict[str, Any] = {name: "" for name in left_out if name.endswith("_path")}
    for entry in (EpochInfo(**values), EpochInfo(**values, **empty)):
        for wcs_source, seg, dithered in itertools.product(("image", "scamp"), (False, True), (False, True)):
            if not (entry.seg_path or seg):
                continue  # such an epoch is not made
            found = of_0_1_0(entry, wcs_source, seg=seg, dithered=dithered)
            row, files = row_of(entry, found), states(entry)
            assert matches_unrecorded_inputs(row, files, wcs_source=wcs_source)
            assert not matches_unrecorded_inputs(row, files, wcs_source="other")


@pytest.mark.parametrize("name", ["image", "weight", "bmask", "seg", "head"])
def test_file_that_changed_or_is_gone_has_another(name: str) -> None:
    entry = EpochInfo(**GIVEN)
    found = of_0_1_0(entry)
    Path(f"{name}.fits").write_text("longer than before")
    assert not inputs_unchanged(row_of(entry, found), states(entry), wcs_source="image")
    Path(f"{name}.fits").unlink()
    assert not inputs_unchanged(row_of(entry, found), states(entry), wcs_source="image")


@pytest.mark.parametrize(
    "change",
    [{"scale": 0.5}, {"magzp": None}, {"position_offset": 2.0}, {"coadd_fingerprint": "d" * 64}, {"filename": ""}],
    ids=str,
)
def test_row_of_another_ingest_has_another(change: dict[str, Any]) -> None:
    entry = EpochInfo(**GIVEN)
    found = of_0_1_0(entry)
    assert not inputs_unchanged(row_of(entry, found) | change, states(entry), wcs_source="image")


def test_background_is_no_part_of_it() -> None:
    entry = EpochInfo(**GIVEN)
    found = of_0_1_0(entry)
    Path("bkg.fits").unlink()
    assert inputs_unchanged(row_of(entry, found), states(entry), wcs_source="image")
