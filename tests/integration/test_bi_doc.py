"""`docs/operations/bi.md`: every query runs on both databases and gives what plain sums over the epochs give."""

import os
import re
import sqlite3
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

import goodpix
from goodpix.ingest.database.summaries import fill_summaries
from goodpix.schema.bits import DES_Y6

from ..rowcatalogue import NIGHTS, Row, make_catalogue

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "operations" / "bi.md").read_text()
QUERIES = re.findall(r"### ([^\n]*)\n[^#]*?```sql\n(.*?)```", TEXT, re.DOTALL)
SQL = dict(zip(("ccds", "nights", "disagree", "bits", "tiles"), (query for _, query in QUERIES), strict=True))
CCDNUMS = (1, 2, 3, 31, 35)


@pytest.fixture(scope="module")
def made(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[goodpix.Catalogue, list[Row]]]:
    # five exposures a night and band, but for the last of them
    masks = tmp_path_factory.mktemp("masks") / "masks"
    rows = make_catalogue(module_database_url, masks, n_exposures=39, ccdnums=CCDNUMS)
    with goodpix.Catalogue(module_database_url) as catalogue:
        yield catalogue, [row for row in rows if row["se_seg_used"]]


@pytest.fixture(scope="module")
def cat(made: tuple[goodpix.Catalogue, list[Row]]) -> goodpix.Catalogue:
    return made[0]


@pytest.fixture(scope="module")
def ccds(made: tuple[goodpix.Catalogue, list[Row]]) -> list[Row]:
    """The CCD images, each once."""
    return list({(row["expnum"], row["ccdnum"]): row for row in made[1]}.values())


def grouped(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    out = defaultdict(list)
    for row in rows:
        out[tuple(row[name] for name in names)].append(row)
    return out


def records(frame: pd.DataFrame) -> list[Row]:
    """Return the rows of an answer."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def total(rows: Iterable[Row], name: str) -> Any:
    return sum(row[name] for row in rows)


def share(rows: list[Row], name: str) -> float:
    return float(total(rows, name) / total(rows, "n_pixels"))


def set_pixels(rows: Iterable[Row]) -> dict[str, int]:
    """Return the pixels of each SE bit that is set somewhere, by name."""
    out: dict[str, int] = defaultdict(int)
    for row in rows:
        for bit, n in row["bits"]["se"].items():
            out[DES_Y6.name("se", bit)] += n
    return out


def test_there_are_five_questions() -> None:
    assert len(QUERIES) == TEXT.count("```sql") == 5


def test_ccds_come_with_their_bits(cat: goodpix.Catalogue, ccds: list[Row]) -> None:
    found = cat.sql(SQL["ccds"])
    expected = {
        (band, ccdnum, bit): (share(rows, "n_good_se"), n / total(rows, "n_pixels"))
        for (band, ccdnum), rows in grouped(ccds, "band", "ccdnum").items()
        for bit, n in set_pixels(rows).items()
    }
    assert {
        (row.band, row.ccdnum, row.bit): (row.fraction_good_se, row.fraction_set) for row in found.itertuples()
    } == {key: pytest.approx(values) for key, values in expected.items()}
    assert found.fraction_good_se.is_monotonic_increasing


def test_bad_nights_are_those_below_the_limit_with_enough_exposures(cat: goodpix.Catalogue, ccds: list[Row]) -> None:
    nights = {key: rows for key, rows in grouped(ccds, "nite", "band").items() if len(grouped(rows, "expnum")) >= 5}
    assert len(nights) == 2 * len(NIGHTS) - 1  # the last has four exposures in one band
    fractions = {key: share(rows, "n_good_se") for key, rows in nights.items()}
    limit = statistics.median(fractions.values())
    query, n = re.subn(r"< 0\.8\n", f"< {limit!r}\n", SQL["nights"])
    assert n == 1
    found = cat.sql(query)
    bad = {key for key, each in fractions.items() if each < limit}
    assert 0 < len(bad) < len(nights)
    rows_found = records(found)
    assert {(night(row), row["band"]) for row in rows_found} == bad
    for row in rows_found:
        key = night(row), row["band"]
        exposures = [
            (mean(of, "skybrite"), of[0]["exptime"], mean(of, "fwhm")) for of in grouped(nights[key], "expnum").values()
        ]
        both = [(sky, time) for sky, time, _ in exposures if sky is not None and time is not None]
        assert row["n_exposures"] == len(exposures)
        assert row["fraction_good_se"] == pytest.approx(fractions[key])
        assert row["sky_rate"] == pytest.approx(sum(sky for sky, _ in both) / sum(time for _, time in both))
        assert row["seeing_pixels"] == pytest.approx(statistics.fmean(float(fwhm or 0) for *_, fwhm in exposures))
    assert len(cat.sql(SQL["nights"])) == sum(each < 0.8 for each in fractions.values())


def night(row: Row) -> int | None:
    """Return a night, or None for a null of SQL."""
    nite = row["nite"]
    return None if nite is None else int(nite)


def mean(rows: list[Row], name: str) -> float | None:
    known = [row[name] for row in rows if row[name] is not None]
    return statistics.fmean(known) if known else None


def test_tiles_agree(cat: goodpix.Catalogue) -> None:
    assert cat.sql(SQL["disagree"]).empty


def test_a_tile_that_disagrees_is_found(database_url: str, tmp_path: Path) -> None:
    make_catalogue(database_url, tmp_path / "masks", n_exposures=1, ccdnums=[3, 4, 6])
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        wrong = "UPDATE epoch SET n_good_se = n_good_se - 1 WHERE ccdnum = 6 AND tilename = 'DES2359-3332'"
        assert connection.execute(sa.text(wrong)).rowcount == 1
        fill_summaries(connection)
    engine.dispose()
    with goodpix.Catalogue(database_url) as catalogue:
        (row,) = catalogue.sql(SQL["disagree"]).to_dict("records")
    assert (row["expnum"], row["ccdnum"], row["n_tiles"]) == (1000, 6, 2)


def test_bits_cost_what_ccd_images_have_of_them(cat: goodpix.Catalogue, ccds: list[Row]) -> None:
    found = cat.sql(SQL["bits"])
    expected = [
        (band, bit, n, n / total(rows, "n_pixels"))
        for (band,), rows in grouped(ccds, "band").items()
        for bit, n in set_pixels(rows).items()
    ]
    expected.sort(key=lambda row: (row[0], -row[2], row[1]))
    rows = [(row["band"], row["bit"], row["n_set"], row["fraction_set"]) for row in records(found)]
    assert [row[:3] for row in rows] == [row[:3] for row in expected]
    assert [row[3] for row in rows] == pytest.approx([row[3] for row in expected])
    assert len(rows) > 4


def test_tiles_come_by_their_unique_area(cat: goodpix.Catalogue, made: tuple[goodpix.Catalogue, list[Row]]) -> None:
    found = cat.sql(SQL["tiles"])
    expected = {
        key: (total(rows, "area_good_unique"), total(rows, "n_good_unique") / total(rows, "n_unique"))
        for key, rows in grouped(made[1], "tilename", "band").items()
    }
    rows = {
        (row.tilename, row.band): (row.good_area_images_unique, row.fraction_good_unique) for row in found.itertuples()
    }
    assert rows == {key: pytest.approx(values) for key, values in expected.items()}
    assert found.good_area_images_unique.is_monotonic_increasing


def test_nights_and_times_become_dates(cat: goodpix.Catalogue) -> None:
    column = 2 if cat.database.engine.dialect.name == "postgresql" else 1
    cells = [re.split(r"(?<!\\)\|", line) for line in re.findall(r"^\| (?:night|start) .*", TEXT, re.MULTILINE)]
    of_night, of_start = (row[column + 1].strip().strip("`").replace(r"\|", "|") for row in cells)
    night = f"SELECT DISTINCT CAST({of_night} AS TEXT) AS night FROM exposure_quality WHERE nite = {NIGHTS[0]}"
    assert cat.sql(night).night.tolist() == ["2015-01-01"]
    start = f"SELECT CAST({of_start} AS TEXT) AS start FROM exposure_quality WHERE expnum = 1000"
    assert cat.sql(start).start[0].startswith("2015-01-01 00:00:00")


def test_copy_for_a_tool_is_whole_and_cannot_be_written(tmp_path: Path) -> None:
    make_catalogue(f"sqlite:///{tmp_path / 'goodpix.db'}", tmp_path / "masks", n_exposures=2, ccdnums=[3])
    (commands,) = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    subprocess.run(["bash", "-ec", commands], cwd=tmp_path, check=True, env=os.environ)
    copy = tmp_path / "goodpix-bi.db"
    assert copy.stat().st_mode & 0o222 == 0
    with closing(sqlite3.connect(f"file:{copy}?immutable=1", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for query in SQL.values():
            connection.execute(query).fetchall()
