"""What pictures show, against plain sums over the epochs, on both databases."""

import math
import re
import shutil
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

import goodpix
from goodpix.ingest.database.opening import open_for_writing
from goodpix.query.focalplane import FOCAL_PLANE
from goodpix.query.summary.ccdhalves import ccd_halves
from goodpix.query.summary.costs import bit_costs, criteria_costs
from goodpix.query.summary.overtime import over_time
from goodpix.query.summary.skytiles import sky_tiles
from goodpix.schema.errors import CatalogueVersionError, UnknownNameError, UsageError

from ....rowcatalogue import BANDS, COADD_NO_DATA, DARK, NIGHTS, SICK, TILES, Row, make_catalogue


@pytest.fixture(scope="module")
def made(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[goodpix.Catalogue, list[Row]]]:
    rows = make_catalogue(module_database_url, tmp_path_factory.mktemp("masks") / "masks")
    with goodpix.Catalogue(module_database_url) as catalogue:
        yield catalogue, rows


@pytest.fixture(scope="module")
def cat(made: tuple[goodpix.Catalogue, list[Row]]) -> goodpix.Catalogue:
    return made[0]


@pytest.fixture(scope="module")
def epochs(made: tuple[goodpix.Catalogue, list[Row]]) -> list[Row]:
    """The epochs that count."""
    return [row for row in made[1] if row["se_seg_used"]]


@pytest.fixture(scope="module")
def ccds(epochs: list[Row]) -> list[Row]:
    """The CCD images, each once."""
    return list({(row["expnum"], row["ccdnum"]): row for row in epochs}.values())


@pytest.fixture
def empty(tmp_path: Any) -> Iterator[goodpix.Catalogue]:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    with open_for_writing(url, masks=tmp_path / "masks", campaign="test", wcs_source="image"):
        pass
    with goodpix.Catalogue(url) as catalogue:
        yield catalogue


def grouped(rows: Iterable[Row], *names: str) -> dict[Any, list[Row]]:
    out = defaultdict(list)
    for row in rows:
        out[tuple(row[name] for name in names)].append(row)
    return out


def ratio(rows: Iterable[Row], part: str, whole: str) -> float:
    known = [(row[part], row[whole]) for row in rows if row[part] is not None and row[whole] is not None]
    return sum(each for each, _ in known) / sum(each for _, each in known) if known else math.nan


def same(found: "pd.Series[Any]", expected: list[float]) -> bool:
    return [None if pd.isna(a) else a for a in found] == [None if math.isnan(b) else pytest.approx(b) for b in expected]


@pytest.mark.parametrize(
    ("statistic", "of"),
    [
        ("fraction_good_on_coadd", lambda rows: ratio(rows, "n_good", "n_on_coadd")),
        ("fraction_good_se", lambda rows: ratio(rows, "n_good_se", "n_pixels")),
        ("fraction_coadd_seg", lambda rows: ratio(rows, "n_coadd_seg", "n_on_coadd")),
        ("fraction_only_se_bmask", lambda rows: ratio(rows, "only_se_bmask", "n_pixels")),
        ("area_good_unique", lambda rows: sum(row["area_good_unique"] for row in rows) if rows else math.nan),
        ("n_epochs", lambda rows: float(len(rows))),
    ],
)
@pytest.mark.parametrize("band", [None, "r"])
def test_tiles_have_the_sums_of_their_epochs(
    cat: goodpix.Catalogue, made: Any, statistic: str, of: Callable[[list[Row]], float], band: str | None
) -> None:
    rows = made[1] if statistic == "n_epochs" else [row for row in made[1] if row["se_seg_used"]]
    by_tile = grouped([row for row in rows if band in (None, row["band"])], "tilename")
    found = sky_tiles(cat, statistic, band=band)
    assert found.tilename.tolist() == sorted(TILES)
    assert same(found.value, [of(by_tile[(tilename,)]) for tilename in found.tilename])
    assert set(found.n_bands) == {len(BANDS) if band is None else 1}


def test_tiles_come_with_the_corners_of_their_coadds(cat: goodpix.Catalogue) -> None:
    found = sky_tiles(cat, band="i").set_index("tilename")
    coadds = cat.tiles(band="i").set_index("tilename")
    names = ["ra_cent", "dec_cent", *(f"{what}c{k}" for k in (1, 2, 3, 4) for what in ("ra", "dec"))]
    pd.testing.assert_frame_equal(found[names], coadds[names])
    assert float(str(found.loc["DES0001-3332", "rac2"])) > 359  # across RA = 0 as it is


def nightly_median(rows: list[Row], part: str, whole: str) -> float:
    return statistics.median(ratio(of_night, part, whole) for of_night in grouped(rows, "nite").values())


@pytest.mark.parametrize("nite", [None, "20150101:20150102"])
@pytest.mark.parametrize("band", [None, "i"])
@pytest.mark.parametrize("statistic", ["fraction_good_se", "fraction_se_bmask", "n_se_seg"])
def test_halves_have_the_median_of_nights(
    cat: goodpix.Catalogue, ccds: list[Row], statistic: str, band: str | None, nite: str | None
) -> None:
    wanted = [r for r in ccds if band in (None, r["band"]) and (nite is None or r["nite"] in NIGHTS[:2])]
    of_ccd = grouped(wanted, "ccdnum")
    found = ccd_halves(cat, statistic, band=band, nite=nite)
    assert list(zip(found.ccdnum, found.half, strict=True)) == [(n, half) for n in FOCAL_PLANE for half in "ab"]
    expected = []
    for ccdnum, half in zip(found.ccdnum, found.half, strict=True):
        rows = of_ccd[(ccdnum,)]
        if not rows:
            expected.append(math.nan)
        elif statistic == "fraction_good_se":
            expected.append(nightly_median(rows, f"n_good_se_amp_{half}", f"n_pixels_amp_{half}"))
        elif statistic == "fraction_se_bmask":
            expected.append(nightly_median(rows, "n_se_bmask", "n_pixels"))
        else:
            expected.append(float(sum(row["n_se_seg"] for row in rows)))
    assert same(found.value, expected)
    assert found.n_ccd_images.tolist() == [len(of_ccd[(n,)]) for n in found.ccdnum]
    assert found.n_nights.tolist() == [len(grouped(of_ccd[(n,)], "nite")) for n in found.ccdnum]


@pytest.mark.parametrize("nite", [None, "20150101:20150102"])
@pytest.mark.parametrize("band", [None, "i"])
@pytest.mark.parametrize("statistic", ["SE:BPM", "SE:OTHER", "se:1"])
def test_halves_have_the_share_of_a_bit(
    cat: goodpix.Catalogue, ccds: list[Row], statistic: str, band: str | None, nite: str | None
) -> None:
    bit = {"SE:OTHER": 23}.get(statistic, 0)
    counted = [{**row, "n_set": row["bits"]["se"].get(bit, 0)} for row in ccds]
    of_ccd = grouped(
        [r for r in counted if band in (None, r["band"]) and (nite is None or r["nite"] in NIGHTS[:2])], "ccdnum"
    )
    found = ccd_halves(cat, statistic, band=band, nite=nite)
    expected = [nightly_median(of_ccd[(n,)], "n_set", "n_pixels") if of_ccd[(n,)] else math.nan for n in found.ccdnum]
    assert same(found.value, expected)
    assert found.n_ccd_images.tolist() == [len(of_ccd[(n,)]) for n in found.ccdnum]


@pytest.mark.parametrize("filters", [{}, {"band": "r"}, {"ccdnum": "3:9", "nite": NIGHTS[1]}])
def test_bits_cost_what_ccd_images_have_of_them(
    cat: goodpix.Catalogue, ccds: list[Row], filters: dict[str, Any]
) -> None:
    wanted = [
        row
        for row in ccds
        if row["band"] == filters.get("band", row["band"])
        and ("nite" not in filters or (3 <= row["ccdnum"] <= 9 and row["nite"] == NIGHTS[1]))
    ]
    expected = {
        (band, bit): (sum(row["bits"]["se"].get(bit, 0) for row in rows), sum(row["n_pixels"] for row in rows))
        for (band,), rows in grouped(wanted, "band").items()
        for bit in range(24)
    }
    found = bit_costs(cat, **filters)
    assert {(row.band, row.bit): (row.n_set, row.n_pixels) for row in found.itertuples()} == {
        key: sums for key, sums in expected.items() if sums[0]
    }
    assert found.fraction.tolist() == pytest.approx((found.n_set / found.n_pixels).tolist())
    assert dict(zip(found["bit"], found["name"], strict=True)) == {0: "BPM", 5: "STAR", 23: "OTHER"}


def test_bits_of_coadds_are_those_of_their_own_masks(cat: goodpix.Catalogue) -> None:
    found = bit_costs(cat, "coadd", band="i")
    (row,) = found.to_dict("records")
    assert (row["band"], row["plane"], row["bit"], row["name"]) == ("i", "coadd", 0, "NO_DATA")
    assert (row["n_set"], row["n_pixels"]) == (
        len(TILES) * COADD_NO_DATA,
        int(cat.tiles(band="i").coadd_n_pixels.sum()),
    )


@pytest.mark.parametrize("ask", [bit_costs, ccd_halves], ids=["bits", "halves"])
def test_a_catalogue_of_an_earlier_version_is_told_the_cure(tmp_path: Any, ask: Callable[..., Any]) -> None:
    frozen = Path(__file__).resolve().parents[3] / "data" / "catalogue_v1"
    with goodpix.Catalogue(Path(shutil.copytree(frozen, tmp_path / "old")) / "goodpix.db") as old:
        with pytest.raises(CatalogueVersionError, match="goodpix db upgrade"):
            ask(old)
        assert len(sky_tiles(old)) == 1


def test_a_ccd_without_images_is_null_and_no_outlier(cat: goodpix.Catalogue) -> None:
    dark = ccd_halves(cat).query(f"ccdnum == {DARK}")
    assert dark.value.isna().all()
    assert not dark.outlier.any()
    assert dark.n_ccd_images.tolist() == [0, 0]


def test_a_sick_half_is_an_outlier(cat: goodpix.Catalogue) -> None:
    found = ccd_halves(cat)
    outliers = found[found.outlier]
    assert list(zip(outliers.ccdnum, outliers.half, strict=True)) == [SICK]


@pytest.mark.parametrize("band", [None, "r"])
def test_costs_are_sums_over_epochs(cat: goodpix.Catalogue, epochs: list[Row], band: str | None) -> None:
    by_band = grouped([row for row in epochs if band in (None, row["band"])], "band")
    found = criteria_costs(cat, band=band)
    assert len(found) == 7 * len(by_band)
    for row in found.itertuples():
        rows, name = by_band[(row.band,)], str(row.criterion).lower()
        whole = "n_on_coadd" if name.startswith("coadd") else "n_pixels"
        sums = [sum(each[column] for each in rows) for column in (f"n_{name}", f"only_{name}", whole)]
        assert [row.n_fail, row.n_only, row.n_pixels] == sums
        assert [row.fraction_fail, row.fraction_only] == pytest.approx([sums[0] / sums[2], sums[1] / sums[2]])


@pytest.mark.parametrize("by", ["night", "exposure"])
@pytest.mark.parametrize("ccdnum", [None, 7, 1])
@pytest.mark.parametrize("statistic", ["fraction_good_se", "sky_rate", "fraction_se_seg", "fwhm", "n_good_se"])
def test_nights_and_exposures_have_their_sums(
    cat: goodpix.Catalogue, ccds: list[Row], statistic: str, ccdnum: int | None, by: str
) -> None:
    rows = [row for row in ccds if ccdnum in (None, row["ccdnum"])]
    key = ("nite", "band") if by == "night" else ("nite", "band", "expnum")
    expected = grouped(rows, *key)
    found = over_time(cat, statistic, by=by, ccdnum=ccdnum)
    assert len(found) == len(expected)
    for row in found.to_dict("records"):
        of_row = expected[tuple(None if pd.isna(row[name]) else row[name] for name in key)]
        exposures = grouped(of_row, "expnum").values()
        assert row["n_ccd_images"] == len(of_row)
        if statistic == "sky_rate":
            # an exposure's sky is the mean of its CCD images'
            means = [{"sky": mean(each, "skybrite"), "exptime": each[0]["exptime"]} for each in exposures]
            value = ratio(means, "sky", "exptime")
        elif statistic == "fwhm":
            value = statistics.fmean(statistics.fmean(row["fwhm"] for row in each) for each in exposures)
        elif statistic == "n_good_se":
            value = sum(each["n_good_se"] for each in of_row)
        else:
            value = ratio(
                of_row, {"fraction_good_se": "n_good_se", "fraction_se_seg": "n_se_seg"}[statistic], "n_pixels"
            )
        assert (None if pd.isna(row["value"]) else row["value"]) == (
            None if math.isnan(value) else pytest.approx(value)
        )


def mean(rows: list[Row], name: str) -> float | None:
    known = [row[name] for row in rows if row[name] is not None]
    return statistics.fmean(known) if known else None


@pytest.mark.parametrize("by", ["night", "exposure"])
def test_time_goes_on_and_what_has_no_date_comes_last(cat: goodpix.Catalogue, by: str) -> None:
    found = over_time(cat, by=by)
    dated = found[found.nite.notna()]
    assert dated.nite.is_monotonic_increasing
    assert found.nite.notna().tolist() == [True] * len(dated) + [False] * (len(found) - len(dated))
    assert len(found) > len(dated)
    if by == "exposure":
        assert dated.mjd_obs.is_monotonic_increasing


@pytest.mark.parametrize(
    "frame", [sky_tiles, ccd_halves, criteria_costs, over_time], ids=lambda each: str(getattr(each, "__name__", each))
)
def test_an_empty_catalogue_and_filters_that_nothing_matches_give_no_number(
    cat: goodpix.Catalogue, empty: goodpix.Catalogue, frame: Callable[..., pd.DataFrame]
) -> None:
    whole = frame(cat)
    for found in (frame(empty), frame(cat, band="Q")):
        assert found.columns.tolist() == whole.columns.tolist()
        assert len(found) == (124 if frame is ccd_halves else 0)
        if "value" in found:
            assert found.value.isna().all()


@pytest.mark.parametrize(
    ("frame", "given", "message"),
    [
        (sky_tiles, {"statistic": "fraction_god_se"}, "tile_quality has no statistic 'fraction_god_se', did you mean"),
        (sky_tiles, {"statistic": "mask_file"}, "column mask_file is not numeric"),
        (sky_tiles, {"nite": 20150101}, "tile_quality cannot be filtered by nite: expected"),
        (ccd_halves, {"statistic": "fraction_off_coadd"}, "ccd_night has no statistic 'fraction_off_coadd'"),
        (ccd_halves, {"tilename": "DES"}, "ccd_night cannot be filtered by tilename: expected"),
        (over_time, {"by": "year"}, "by is 'year': expected night or exposure"),
        (over_time, {"colour": "red"}, "unknown filter 'colour'"),
        (ccd_halves, {"statistic": "SE:STARS"}, "STARS"),
        (ccd_halves, {"statistic": "COADD:NO_DATA"}, "expected a bit of the SE mask"),
        (ccd_halves, {"statistic": "SE:STAR", "min": {"n_pixels": 5}}, "cannot be filtered by min, max or where"),
        (bit_costs, {"plane": "weight"}, "plane is 'weight': expected se or coadd"),
        (bit_costs, {"max": {"n_pixels": 5}}, "cannot be filtered by min, max or where"),
        (bit_costs, {"plane": "coadd", "nite": 20150101}, "coadd cannot be filtered by nite: expected"),
        (criteria_costs, {"expnum": 5}, "tile_quality cannot be filtered by expnum: expected"),
    ],
)
def test_wrong_names_are_refused(
    cat: goodpix.Catalogue, frame: Callable[..., Any], given: dict[str, Any], message: str
) -> None:
    with pytest.raises((UnknownNameError, UsageError), match=message):
        frame(cat, **given)


def test_no_statement_reads_the_epochs(cat: goodpix.Catalogue) -> None:
    asked = list[str]()

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    engine = cat.database.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    for frame in (sky_tiles, ccd_halves, criteria_costs, over_time):
        frame(cat)
    over_time(cat, ccdnum=3)
    ccd_halves(cat, "SE:STAR")
    bit_costs(cat)
    sa.event.remove(engine, "before_cursor_execute", note)
    assert sum("value" in each or "n_pixels" in each for each in asked) == 7
    assert not [each for each in asked if re.search(r"\bepoch\b|epoch_quality", each)]
