"""Facts about rows."""

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from goodpix.schema.counts import COADD_COUNTS, BitCounts
from goodpix.schema.errors import DamagedValueError, InfoFileError, UsageError
from goodpix.schema.rows import EpochFacts, MaskKey, MaskRow, nonzero_bits

from ...rows import coadd_row, epoch_row, some_runs

RUNS = some_runs(3)
ROWS = {"epoch": epoch_row(RUNS, unique=(9, 4)), "coadd": coadd_row(RUNS)}


def stored(row: MaskRow) -> dict[str, Any]:
    """Return the values of a row's columns, as a mask file has them."""
    own = {"nx": row.nx, "ny": row.ny, "checksum": row.checksum, "record": row.record}
    return asdict(row.key) | asdict(row.counts) | own


@pytest.mark.parametrize("kind", ["epoch", "coadd"])
def test_row_comes_back_from_its_values(kind: str) -> None:
    assert MaskRow.from_values(stored(ROWS[kind])) == ROWS[kind]


@pytest.mark.parametrize("value", [None, 0.0, 1e-300, 0.1 + 0.2, -1234567.891])
def test_fact_comes_back_exactly(value: float | None) -> None:
    row = epoch_row(RUNS, airmass=value)
    assert MaskRow.from_values(stored(row)).facts == row.facts


def test_record_is_the_same_text_for_the_same_row() -> None:
    assert epoch_row(RUNS).record == epoch_row(some_runs(3)).record


def test_record_holds_what_the_other_columns_do_not() -> None:
    row = ROWS["epoch"]
    assert set(json.loads(row.record)) == {*asdict(row.facts), "bits", "hpix", "cells"} - {"wcs_ok", "src_index"}


@pytest.mark.parametrize("given", [{"wcs_ok": True}, {"wcs_ok": False}, {"src_index": 0}, {"src_index": 4}], ids=str)
def test_record_has_later_facts_where_they_are_known(given: dict[str, Any]) -> None:
    row = ROWS["epoch"]
    assert isinstance(row.facts, EpochFacts)
    known = replace(row, facts=replace(row.facts, **given))
    assert json.loads(known.record) == json.loads(row.record) | given
    assert MaskRow.from_values(stored(known)) == known


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_record_refuses_what_json_cannot_hold(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        _ = epoch_row(RUNS, airmass=value).record


@pytest.mark.parametrize("name", ["n_good", "record", "kind", "checksum"])
def test_missing_column_is_an_error(name: str) -> None:
    values = stored(ROWS["epoch"])
    del values[name]
    with pytest.raises(KeyError, match=name):
        MaskRow.from_values(values)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{}", "wcs is null"),
        ('{"bits": {}, "hpix": []}', "wcs is null"),
        ("[", "Expecting value"),
        ("[]", "expected a JSON object"),
        ('{"airmass": NaN}', "NaN is no number in JSON"),
        ("[" * 100_000, "record is .*: expected JSON"),
        (" " * (1 << 20) + "{}", "record is 1,048,578 characters long: expected JSON of at most 1,048,576"),
    ],
    ids=range(7),
)
def test_incomplete_record_is_an_error(record: str, message: str) -> None:
    with pytest.raises(DamagedValueError, match=message):
        MaskRow.from_values(stored(ROWS["epoch"]) | {"record": record})


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"airmass": "high"}, "airmass is 'high': expected float"),
        ({"nite": 2.5}, r"nite is 2\.5: expected int"),
        ({"nite": True}, "nite is True: expected int"),
        ({"nite": 10**30}, "nite is 10+: expected a finite number of 64 bits"),
        ({"stale": 1}, "stale is 1: expected bool"),
        ({"filename": "a\0b"}, "filename is .*: expected Unicode text"),
        ({"detpos": "\ud800"}, "detpos is .*: expected Unicode text"),
        ({"wcs": "[]"}, "wcs is .*: expected a JSON object"),
        ({"wcs": '{"CRVAL1": [1]}'}, "wcs is not text and finite numbers by keyword"),
        ({"wcs": '{"CRVAL1": 1e999}'}, "wcs is not text and finite numbers by keyword"),
        ({"wcs": f'{{"CRVAL1": {10**400}}}'}, "wcs is not text and finite numbers by keyword"),
        ({"planes": "x"}, "planes is 'x': expected JSON"),
        ({"files": '{"a": {"size": 1}}'}, "files has no size, time and digests of a"),
        ({"bits": {"se": {"24": 1}, "coadd": {}}}, "bits of the record"),
        ({"bits": {"se": {"3": "many"}, "coadd": {}}}, "bits of the record"),
        ({"bits": {"se": [], "coadd": {}}}, "bits of the record"),
        ({"hpix": [786432], "cells": [1]}, "footprint of the record"),
        ({"hpix": [7], "cells": [1, 2]}, "footprint of the record"),
        ({"hpix": [1 << 70], "cells": [1]}, "footprint of the record"),
        ({"hpix": {}}, "footprint of the record"),
    ],
    ids=str,
)
def test_malformed_entry_of_a_record_is_an_error(entries: dict[str, object], message: str) -> None:
    with pytest.raises(DamagedValueError, match=message):
        MaskRow.from_values(with_record(ROWS["epoch"], entries))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("pixel_area", float("inf"), "pixel_area is inf: expected a finite number"),
        ("fraction_good", float("nan"), "fraction_good is nan: expected a finite number"),
        ("kind", "own", "kind is 'own'"),
        ("kind", "coadd", "kind is 'coadd' with expnum 492768"),
        ("expnum", None, "kind is 'epoch' with expnum None"),
        ("band", "r\0x", "band is .*: expected Unicode text"),
        ("checksum", None, "checksum is None: expected Unicode text"),
    ],
)
def test_malformed_column_is_an_error(name: str, value: object, message: str) -> None:
    with pytest.raises(DamagedValueError, match=message):
        MaskRow.from_values(stored(ROWS["epoch"]) | {name: value})


def test_record_too_long_to_be_read_again_is_not_written() -> None:
    with pytest.raises(InfoFileError, match=r"its facts are .* characters long: expected at most 1,048,576"):
        _ = epoch_row(RUNS, filename="a" * (1 << 20)).record


def test_bits_that_do_not_occur_are_left_out() -> None:
    se, coadd = np.zeros(24, np.int64), np.zeros(24, np.int64)
    se[3], coadd[23] = 7, 1
    assert nonzero_bits(BitCounts(se, coadd)) == {"se": {3: 7}, "coadd": {23: 1}}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (MaskKey("T", "i", "epoch", 5, 6), "epoch 5/6 (tile T, band i)"),
        (MaskKey("T", "i", "coadd", None, None), "coadd (tile T, band i)"),
    ],
)
def test_key_names_tile_band_and_image(key: MaskKey, text: str) -> None:
    assert str(key) == text


@pytest.mark.parametrize(("expnum", "ccdnum", "what"), [(1 << 63, 1, "expnum"), (1, 1 << 15, "ccdnum")])
def test_key_that_no_column_can_hold_is_refused(expnum: int, ccdnum: int, what: str) -> None:
    with pytest.raises(UsageError, match=rf"{what} is .*: expected a number of"):
        MaskKey("DES0124-3332", "r", "epoch", expnum, ccdnum)


@pytest.mark.parametrize(
    "name", [b"DES0000+0000  ", "DES0000+0000 ", np.array(b"DES0000+0000"), np.str_("DES0000+0000")]
)
def test_key_of_a_fits_table_is_the_same(name: Any) -> None:
    key = MaskKey(name, np.bytes_(b"r "), "epoch", np.float32(7), "11 ")  # type: ignore[arg-type]
    assert key == MaskKey("DES0000+0000", "r", "epoch", 7, 11)


@pytest.mark.parametrize(("tilename", "expnum"), [(7, 7), (None, 7), (b"\xff", 7), ("T", True), ("T", 1.5), ("T", "x")])
def test_key_that_is_none_is_refused(tilename: Any, expnum: Any) -> None:
    with pytest.raises(UsageError, match=r"(tilename|expnum) is .*: expected"):
        MaskKey(tilename, "r", "epoch", expnum, 11)


def test_key_of_numpys_integers_has_pythons() -> None:
    key = MaskKey("T", "r", "epoch", np.int64(211000), np.int16(12))  # type: ignore[arg-type]  # numpy's are not int
    assert (type(key.expnum), type(key.ccdnum)) == (int, int)


def with_record(row: MaskRow, change: dict[str, Any], *without: str) -> dict[str, Any]:
    """Return the values of a row whose record has other entries."""
    record = json.loads(row.record) | change
    return stored(row) | {"record": json.dumps({name: value for name, value in record.items() if name not in without})}


@pytest.mark.parametrize("kind", ["epoch", "coadd"])
def test_unknown_entry_of_a_record_is_passed_over(kind: str) -> None:
    assert MaskRow.from_values(with_record(ROWS[kind], {"colour": "blue"})) == ROWS[kind]


@pytest.mark.parametrize(
    "name", ["files", "planes_checked", "damaged_taken", "profile", "segmentation", "src_index", "airmass"]
)
def test_missing_entry_of_a_record_is_null(name: str) -> None:
    row = epoch_row(RUNS, unique=(9, 4), airmass=None)
    assert MaskRow.from_values(with_record(row, {}, name)) == row


@pytest.mark.parametrize("name", ["wcs", "fingerprint", "se_seg_used"])
def test_missing_entry_that_every_record_has_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is null"):
        MaskRow.from_values(with_record(ROWS["epoch"], {}, name))


@pytest.mark.parametrize("profile", [None, "des"])
@pytest.mark.parametrize("kind", ["epoch", "coadd"])
@pytest.mark.parametrize("name", COADD_COUNTS)
def test_counts_about_the_coadd_are_never_null_where_there_are_coadds(
    name: str, kind: str, profile: str | None
) -> None:
    with pytest.raises(ValueError, match=f"{name} is null"):
        MaskRow.from_values(with_record(ROWS[kind], {"profile": profile}) | {name: None})


@pytest.mark.parametrize("name", [*COADD_COUNTS, "n_off_coadd", "only_off_coadd", "fraction_good_on_coadd"])
def test_counts_about_the_coadd_are_null_in_a_profile_without(name: str) -> None:
    row = MaskRow.from_values(with_record(ROWS["epoch"], {"profile": "other"}) | {name: None})
    assert getattr(row.counts, name) is None


@pytest.mark.parametrize("name", ["n_pixels", "n_good", "n_good_se", "n_se_weight", "fraction_good"])
def test_counts_of_the_image_are_null_in_no_profile(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is null"):
        MaskRow.from_values(with_record(ROWS["epoch"], {"profile": "other"}) | {name: None})
