"""Expected contents of the views and summary tables, summed over epochs in plain Python."""

import math
import statistics
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from goodpix.schema import tables
from goodpix.schema.observing.covariates import COMPUTED
from goodpix.schema.views import VIEWS

__all__ = ["assert_summaries_are_true"]

Row = Mapping[str, Any]
Expected = dict[tuple[Hashable, ...], dict[str, Any]]

_SE_COUNTS = ["n_pixels", "n_good_se", "n_se_seg", "n_se_weight", "n_se_bmask"]
_AMPLIFIERS = ["n_good_se_amp_a", "n_pixels_amp_a", "n_good_se_amp_b", "n_pixels_amp_b"]
_OF_COADD = {
    "coadd_n_pixels": "n_pixels",
    "coadd_n_good": "n_good",
    "coadd_n_seg": "n_coadd_seg",
    "coadd_n_weight": "n_coadd_weight",
    "coadd_n_bmask": "n_coadd_bmask",
    "coadd_fraction_good": "fraction_good",
}


def assert_summaries_are_true(connection: sa.Connection) -> None:
    """Compare three views and four summary tables with sums over epochs and coadds, column by column."""
    epochs, coadds, bits = (_rows(connection, each) for each in (tables.epoch, tables.coadd, tables.bit_count))
    ccds = _ccds(epochs)
    _assert_equal(connection, VIEWS["tile_quality"].table, _tiles(epochs, coadds), ["tilename", "band"])
    _assert_equal(connection, VIEWS["ccd_quality"].table, ccds, ["band", "expnum", "ccdnum"])
    _assert_equal(connection, VIEWS["exposure_quality"].table, _exposures(ccds), ["band", "expnum"])
    _assert_equal(connection, tables.tile_run, _runs(epochs), ["tilename", "band", "run_id"])
    _assert_equal(connection, tables.ccd_night, _nights(ccds), ["band", "ccdnum", "nite"])
    _assert_equal(connection, tables.ccd_bit_night, _bits(epochs, ccds, bits), ["band", "ccdnum", "nite", "bit"])
    _assert_equal(connection, tables.ccd_median, _medians(ccds), ["band", "ccdnum"])


def _tiles(epochs: list[Row], coadds: list[Row]) -> Expected:
    out: Expected = {}
    for coadd in coadds:
        own = [each for each in epochs if (each["tilename"], each["band"]) == (coadd["tilename"], coadd["band"])]
        used = [each for each in own if each["se_seg_used"]]
        row = {
            **coadd,
            **{c.name: _sum(used, c.name) for c in VIEWS["tile_quality"].table.c if _is_count(c.name)},
            **{name: _sum(used, name) for name in ("area_good", "area_good_unique")},
            "n_epochs": len(own),
            "n_epochs_used": len(used),
            "n_epochs_stale": sum(each["stale"] for each in own),
            **{label: coadd[name] for label, name in _OF_COADD.items()},
        }
        row["good_area_images_unique"] = row["area_good_unique"]
        row["fraction_good"] = _ratio(row["n_good"], row["n_pixels"])
        row["fraction_good_on_coadd"] = _ratio(row["n_good"], row["n_on_coadd"])
        row["fraction_good_se"] = _ratio(row["n_good_se"], row["n_pixels"])
        out[coadd["tilename"], coadd["band"]] = row
    return out


def _ccds(epochs: list[Row]) -> Expected:
    out: Expected = {}
    for key, of_ccd in _grouped([each for each in epochs if each["se_seg_used"]], "band", "expnum", "ccdnum").items():
        row = {c.name: _max(of_ccd, c.name) for c in tables.epoch.c}
        row["n_tiles"] = len(of_ccd)
        row["tiles_disagree"] = any(len({each[name] for each in of_ccd}) > 1 for name in _SE_COUNTS)
        row["fraction_good_se"] = row["n_good_se"] / row["n_pixels"]
        out[key] = row
    return out


def _exposures(ccds: Expected) -> Expected:
    out: Expected = {}
    for key, of_exposure in _grouped(ccds.values(), "band", "expnum").items():
        row = {c.name: _max(of_exposure, c.name) for c in tables.epoch.c}
        row |= {name: _sum(of_exposure, name) for name in [*_SE_COUNTS, *_AMPLIFIERS]}
        row |= {f"mean_{name}": _mean(of_exposure, name) for name in ("fwhm", "skybrite", "skysigma")}
        row |= {name: _mean(of_exposure, name) for name in COMPUTED}
        row["n_ccds"] = len(of_exposure)
        row["fraction_good_se"] = _ratio(row["n_good_se"], row["n_pixels"])
        out[key] = row
    return out


def _nights(ccds: Expected) -> Expected:
    return {
        key: {
            **dict(zip(("band", "ccdnum", "nite"), key, strict=True)),
            **{name: _sum(of_night, name) for name in [*_SE_COUNTS, *_AMPLIFIERS]},
            "n_ccd_images": len(of_night),
        }
        for key, of_night in _grouped(ccds.values(), "band", "ccdnum", "nite").items()
    }


def _bits(epochs: list[Row], ccds: Expected, bits: list[Row]) -> Expected:
    used = {row["epoch_id"]: (row["band"], row["expnum"], row["ccdnum"]) for row in epochs if row["se_seg_used"]}
    of_images: dict[tuple[Any, ...], Row] = {}
    for bit in bits:
        image = used.get(bit["epoch_id"])
        if image is not None and bit["plane"] == "se":
            known = of_images.get((*image, bit["bit"]))
            if known is None or bit["n_pixels"] > known["n_pixels"]:
                of_images[*image, bit["bit"]] = {**ccds[image], **bit}
    return {
        (band, ccdnum, nite, bit): {
            **dict(zip(("band", "ccdnum", "nite", "bit"), (band, ccdnum, nite, bit), strict=True)),
            "name": of_night[0]["name"],
            "n_ccd_images": len(of_night),
            "n_pixels": _sum(of_night, "n_pixels"),
        }
        for (band, ccdnum, nite, bit), of_night in _grouped(of_images.values(), "band", "ccdnum", "nite", "bit").items()
    }


def _medians(ccds: Expected) -> Expected:
    return {
        (band, ccdnum): {
            "band": band,
            "ccdnum": ccdnum,
            "n_ccd_images": len(of_ccd),
            "fraction_good_se": statistics.median(each["fraction_good_se"] for each in of_ccd),
        }
        for (band, ccdnum), of_ccd in _grouped(ccds.values(), "band", "ccdnum").items()
    }


def _runs(epochs: list[Row]) -> Expected:
    made = [each for each in epochs if each["run_id"] is not None]
    names = ("tilename", "band", "run_id")
    return {
        key: {**dict(zip(names, key, strict=True)), "n_epochs": len(of_run)}
        for key, of_run in _grouped(made, *names).items()
    }


def _rows(connection: sa.Connection, table: sa.FromClause) -> list[Row]:
    return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def _grouped(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    out: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        out.setdefault(tuple(row[name] for name in names), []).append(row)
    return out


def _is_count(name: str) -> bool:
    return name.startswith(("n_", "only_")) and not name.startswith("n_epochs")


def _of_known(rows: list[Row], name: str, function: Callable[[list[Any]], Any]) -> Any:
    known = [row[name] for row in rows if row[name] is not None]
    return function(known) if known else None


def _sum(rows: list[Row], name: str) -> Any:
    return _of_known(rows, name, sum)


def _max(rows: list[Row], name: str) -> Any:
    return _of_known(rows, name, max)


def _mean(rows: list[Row], name: str) -> Any:
    return _of_known(rows, name, statistics.fmean)


def _ratio(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None


def _assert_equal(connection: sa.Connection, table: sa.FromClause, expected: Expected, key: list[str]) -> None:
    found = {tuple(row[name] for name in key): row for row in _rows(connection, table)}
    assert found.keys() == expected.keys()
    for of, row in found.items():
        different = {
            name: (value, expected[of][name]) for name, value in row.items() if not _same(value, expected[of][name])
        }
        assert different == {}, of


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and found is not None:
        return math.isclose(found, expected, rel_tol=1e-12)
    return bool(found == expected) and (found is None) == (expected is None)
