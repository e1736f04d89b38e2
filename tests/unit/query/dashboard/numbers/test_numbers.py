"""The numbers and tables of the dashboard, against plain sums over the epochs, on both databases."""

import math
import operator
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from goodpix.query.dashboard.applications import read_ahead
from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.look.table import PAGE_SIZE
from goodpix.query.dashboard.mask.openmask import epoch_of, epochs_in
from goodpix.query.dashboard.numbers import rankings
from goodpix.query.dashboard.numbers.bitcosts import bits_of, sampled_bits
from goodpix.query.dashboard.numbers.ccdhistory import amplifier_months, ccd_history
from goodpix.query.dashboard.numbers.rankings import ccd_page, exposure_page, failure_page, n_exposures, tile_page
from goodpix.query.dashboard.numbers.scope import TileScope, scope_of, tile_positions
from goodpix.query.dashboard.numbers.survey import headline, histograms, ingests, survey_numbers
from goodpix.query.dashboard.pages.overview import Overview
from goodpix.query.dashboard.session import Session
from goodpix.query.dashboard.url import SkyBox, Span, TableView, View
from goodpix.query.source import open_source
from goodpix.schema import tables
from goodpix.schema.errors import MaskNotFoundError, UnknownNameError, UsageError

from .....rowcatalogue import DARK, SICK, TILES, Row, make_catalogue

ALL = TileScope()
EAST = TileScope(names=(TILES[0],))


@pytest.fixture(scope="module")
def made(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[CatalogueCache, list[Row], list[Row]]]:
    """The cache of a catalogue, its epochs that count, and its CCD images, each once."""
    rows = make_catalogue(module_database_url, tmp_path_factory.mktemp("masks") / "masks")
    epochs = [row for row in rows if row["se_seg_used"]]
    _add_failures(module_database_url)
    with open_source(module_database_url) as source:
        cache = CatalogueCache(source)
        yield cache, epochs, list({(row["expnum"], row["ccdnum"]): row for row in epochs}.values())
        cache.close()


def _add_failures(url: str) -> None:
    """Record failures, whose texts are as bad as texts can be."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for number in range(13):
            values = {"failure_key": f"info#{number}/1", "path": "info", "tilename": TILES[0] if number % 2 else None}
            said = {"error_type": "FitsFileError", "message": f"<b>'{number}'; --", "attempts": 1 + number % 3}
            connection.execute(tables.failure.insert().values(**values, **said, failed_at=f"2025-01-{number + 1:02d}"))
    engine.dispose()


Ask = Callable[[Callable[[sa.Connection], Any]], Any]


@pytest.fixture
def ask(made: Any) -> Iterator[Ask]:
    """Call a function with a connection."""
    with made[0].source.database.engine.connect() as connection:
        yield lambda read: read(connection)


def test_what_the_first_page_shows_is_read_ahead(made: Any) -> None:
    cache = CatalogueCache(made[0].source)
    read_ahead(cache)
    cache.pool.shutdown()
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    engine = cache.source.database.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    session = Session(cache, {})
    found = [part.read() for part in Overview(session).updates(session.view, session.since)]
    sa.event.remove(engine, "before_cursor_execute", note)
    assert statements == []
    assert survey_numbers(cache, TileScope(), 0.0) in found


def total(rows: list[Row], name: str) -> Any:
    return sum(row[name] for row in rows)


def in_scope(rows: list[Row], scope: TileScope) -> list[Row]:
    return [
        row
        for row in rows
        if scope.band in ("", row["band"]) and (scope.names is None or row["tilename"] in scope.names)
    ]


@pytest.mark.parametrize("scope", [ALL, TileScope("r"), EAST, TileScope("i", TILES[1:])])
def test_numbers_are_sums_of_epochs(made: Any, scope: TileScope) -> None:
    cache, epochs, _ = made
    found = survey_numbers(cache, scope, 0.0)
    rows = in_scope(epochs, scope)
    assert found.total["n_good_se"] == total(rows, "n_good_se")
    assert found.total["n_on_coadd"] == total(rows, "n_on_coadd")
    assert found.total["n_ccd_images"] == len({(row["expnum"], row["ccdnum"]) for row in rows})
    assert {row["band"]: row["n_pixels"] for row in found.bands} == {
        band: total(in_scope(rows, TileScope(band)), "n_pixels") for band in {row["band"] for row in rows}
    }
    assert found.n_failures == 13


def test_epochs_without_segmentation_map_are_counted_and_in_no_sum(made: Any) -> None:
    found = survey_numbers(made[0], ALL, 0.0)
    assert found.total["n_epochs"] - found.total["n_epochs_used"] == 1


def test_nothing_is_no_zero(made: Any) -> None:
    found = survey_numbers(made[0], TileScope("r", (TILES[2],)), 0.0)
    assert [row["n_good"] for row in found.bands] == [None]
    assert found.total["n_good"] is None


def test_the_headline_names_the_ends_and_the_least_good_tile(made: Any, ask: Ask) -> None:
    _, epochs, _ = made
    shares = {
        (tile, band): total(rows, "n_good") / total(rows, "n_on_coadd")
        for tile in TILES
        for band in "ri"
        if (rows := [row for row in epochs if (row["tilename"], row["band"]) == (tile, band)])
    }
    (tile, band), share = min(shares.items(), key=operator.itemgetter(1))
    assert ask(headline) == (
        f"3 tiles, from {min(TILES)} to {max(TILES)}. Worst: {tile} in {band}, with "
        f"{share:.2%} of pixels on the coadd good.".replace("%", " %")
    )


@pytest.mark.parametrize("few", [True, False])
def test_histograms_count_every_epoch_or_every_tile(
    made: Any, ask: Ask, few: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, epochs, _ = made
    if not few:
        monkeypatch.setattr("goodpix.query.dashboard.numbers.survey._FEW_EPOCHS", 0)
    found = ask(lambda c: histograms(c, ALL))
    counted = {band: int(counts.sum()) for band, counts in found.counts.items()}
    if few:
        known = [row for row in epochs if row["fraction_good_on_coadd"] is not None]
        assert (found.of, counted) == ("epochs", dict(Counter(row["band"] for row in known)))
        assert found.n_null == len(epochs) - len(known)
    else:
        with_epochs = {(row["tilename"], row["band"]) for row in epochs}
        assert (found.of, counted) == ("tiles", dict(Counter(band for _, band in with_epochs)))


def test_a_box_and_a_part_of_a_name_choose_tiles(made: Any) -> None:
    cache, *_ = made
    across = View(box=SkyBox.parse("359:1,-34:-33"))
    assert scope_of(cache, across, 0.0).names == tuple(sorted(TILES[:2]))
    assert scope_of(cache, View(tile="0124-33"), 0.0).names == (TILES[2],)
    assert scope_of(cache, View(tile="' OR 1=1 --"), 0.0).names == ()
    assert scope_of(cache, View(band="r"), 0.0) == TileScope("r")
    assert tile_positions(cache, 0.0).names.tolist() == sorted(TILES)


def all_rows(ask: Ask, page: Callable[..., Any], view: TableView) -> list[Mapping[str, Any]]:
    """Return the rows of all pages of a table."""
    rows: list[Mapping[str, Any]] = []
    while True:
        shown = replace(view, page=len(rows) // PAGE_SIZE + 1)
        found = ask(partial(page, view=shown))
        rows += found.rows
        if len(rows) >= found.total or not found.rows:
            assert len(rows) == found.total
            return rows


@pytest.mark.parametrize("scope", [ALL, TileScope("r"), EAST])
def test_tiles_come_worst_first_and_nulls_last(made: Any, ask: Ask, scope: TileScope) -> None:
    rows = all_rows(ask, lambda c, view: tile_page(c, scope, view), TableView())
    shares = [math.inf if row["fraction_good_on_coadd"] is None else row["fraction_good_on_coadd"] for row in rows]
    assert shares == sorted(shares)
    assert len(rows) == len(scope.names or TILES) * (1 if scope.band else 2)


def test_a_table_is_sorted_and_bounded_by_any_column(made: Any, ask: Ask) -> None:
    rows = all_rows(ask, lambda c, view: tile_page(c, ALL, view), TableView("-n_epochs", 1, "n_epochs", 1, None))
    assert [row["n_epochs"] for row in rows] == sorted((row["n_epochs"] for row in rows), reverse=True)
    assert all(row["n_epochs"] >= 1 for row in rows)
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("view", "says"),
    [
        (TableView("message"), "cannot be sorted by 'message'"),
        (TableView("-failed_at; DROP TABLE epoch"), "cannot be sorted by"),
        (TableView(column="tilename"), "cannot be limited by 'tilename'"),
    ],
)
def test_a_column_that_is_none_of_the_table_is_refused(ask: Ask, view: TableView, says: str) -> None:
    with pytest.raises(UnknownNameError, match=says):
        ask(lambda c: failure_page(c, ALL, view))


def test_failures_come_last_first_page_by_page(ask: Ask) -> None:
    first = ask(lambda c: failure_page(c, ALL, TableView()))
    assert (len(first.rows), first.total, first.rows[0]["message"]) == (PAGE_SIZE, 13, "<b>'12'; --")
    beyond = ask(lambda c: failure_page(c, ALL, TableView(page=99)))
    assert [row["message"] for row in beyond.rows] == ["<b>'2'; --", "<b>'1'; --", "<b>'0'; --"]
    assert ask(lambda c: failure_page(c, EAST, TableView())).total == 6


@pytest.mark.parametrize(
    ("scope", "nite", "ccdnum", "most"),
    [
        (ALL, None, None, None),
        (TileScope("r"), None, None, None),
        (ALL, None, SICK[0], None),
        (TileScope("", (TILES[1],)), None, None, None),
        # nights whose images are looked at one by one, and such that have too many for that
        *((ALL, Span(20150102, 20150103), None, most) for most in (None, 0)),
        *((TileScope("i"), Span(20150102, 20150102), 7, most) for most in (None, 0)),
    ],
)
def test_ccd_images_are_the_worst_of_all_that_match(
    made: Any,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    scope: TileScope,
    nite: Span | None,
    ccdnum: int | None,
    most: int | None,
) -> None:
    _, epochs, _ = made
    monkeypatch.setattr(rankings, "N_WORST", 15)
    if most is not None:
        monkeypatch.setattr(rankings, "_MOST_CCD_IMAGES", most)
    rows = all_rows(ask, lambda c, view: ccd_page(c, scope, nite, ccdnum, view), TableView())
    match = {
        (row["expnum"], row["ccdnum"]): row["fraction_good_se"]
        for row in in_scope(epochs, scope)
        if ccdnum in (None, row["ccdnum"])
        and (nite is None or (row["nite"] is not None and nite.first <= row["nite"] <= nite.last))
    }
    expected = sorted(match.values())[:15]
    assert expected
    assert [row["fraction_good_se"] for row in rows] == pytest.approx(expected)
    assert len({(row["expnum"], row["ccdnum"]) for row in rows}) == len(rows)
    assert all(match[row["expnum"], row["ccdnum"]] == pytest.approx(row["fraction_good_se"]) for row in rows)


def test_the_worst_ccd_images_can_be_sorted_and_say_how_their_ccd_usually_is(
    made: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, ccds = made
    monkeypatch.setattr(rankings, "N_WORST", 25)
    rows = all_rows(ask, lambda c, view: ccd_page(c, ALL, None, None, view), TableView("-nite"))
    nights = [row["nite"] for row in rows]
    known = [night for night in nights if night is not None]
    assert known == sorted(known, reverse=True)
    assert 0 < len(known) < len(nights)
    assert nights[len(known) :] == [None] * (len(nights) - len(known))
    for row in rows[:5]:
        of_ccd = [each for each in ccds if (each["band"], each["ccdnum"]) == (row["band"], row["ccdnum"])]
        assert row["median"] == pytest.approx(statistics.median(each["fraction_good_se"] for each in of_ccd))


def test_too_many_tiles_are_refused_in_words(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goodpix.query.dashboard.numbers.scope.MOST_EPOCHS", 3)
    with pytest.raises(UsageError, match="hold more than 3 epochs: choose fewer"):
        ask(lambda c: ccd_page(c, EAST, None, None, TableView()))
    assert ask(lambda c: ccd_page(c, ALL, None, None, TableView())).total > 3


@pytest.mark.parametrize("scope", [ALL, TileScope("", (TILES[1],))])
@pytest.mark.parametrize("ccdnum", [3, DARK])
def test_the_history_of_a_ccd_is_sums_over_sums_of_its_halves(
    made: Any, ask: Ask, scope: TileScope, ccdnum: int
) -> None:
    _, epochs, _ = made
    found = ask(lambda c: ccd_history(c, scope.nights(), ccdnum))
    images = {(row["expnum"]): row for row in in_scope(epochs, scope) if row["ccdnum"] == ccdnum and row["nite"]}
    by_night = defaultdict(list)
    for row in images.values():
        by_night[row["nite"], row["band"]].append(row)
    assert list(zip(found.nite.tolist(), found.band, strict=True)) == sorted(by_night)
    for half in "ab":
        expected = [
            total(by_night[key], f"n_good_se_amp_{half}") / total(by_night[key], f"n_pixels_amp_{half}")
            for key in sorted(by_night)
        ]
        assert found.fraction[half].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("scope", [ALL, TileScope("", (TILES[1],))])
def test_amplifiers_by_month_are_compared_with_themselves_and_with_all(made: Any, ask: Ask, scope: TileScope) -> None:
    _, epochs, _ = made
    found = ask(lambda c: amplifier_months(c, scope.nights()))
    assert found.months == [201501]
    assert len(found.halves) == 124
    images = {(row["expnum"], row["ccdnum"]): row for row in in_scope(epochs, scope) if row["nite"]}.values()
    of = [row for row in images if row["ccdnum"] == 6]
    share = total(of, "n_good_se_amp_b") / total(of, "n_pixels_amp_b")
    assert found.fraction[found.halves.index("6b"), 0] == pytest.approx(share)
    # a single month is what the half is over all months, so that nothing is left
    assert np.nanmax(np.abs(found.difference)) == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(found.fraction[found.halves.index(f"{DARK}a")]).all()
    one = ask(lambda c: amplifier_months(c, scope.nights(), 6))
    assert one.halves == ["6a", "6b"]


@pytest.mark.parametrize("scope", [ALL, TileScope("r"), EAST])
def test_bits_that_are_counted_are_those_of_the_epochs(
    ask: Ask, scope: TileScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goodpix.query.dashboard.numbers.bitcosts._SAMPLE", 10_000)
    every = ask(lambda c: c.execute(sa.select(tables.epoch)).mappings().all())
    rows = in_scope(every, scope)
    found = ask(lambda c: sampled_bits(c, scope))
    counts: dict[tuple[str, str], int] = Counter()
    ids = {row["epoch_id"] for row in rows}
    for bit in ask(lambda c: c.execute(sa.select(tables.bit_count)).mappings().all()):
        if bit["epoch_id"] in ids:
            counts[bit["plane"], bit["name"]] += bit["n_pixels"]
    wholes = {"se": total(rows, "n_pixels"), "coadd": total(rows, "n_on_coadd")}
    assert {(each.plane, each.name): each.fraction for each in found.bits} == {
        key: pytest.approx(n / wholes[key[0]]) for key, n in counts.items()
    }
    assert {each.error for each in found.bits} == {0.0}
    assert found.words.endswith(f"over {len(rows)} epochs.")


def test_bits_of_a_sample_are_near_and_say_how_near(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goodpix.query.dashboard.numbers.bitcosts._SAMPLE", 10_000)
    exact = {(each.plane, each.name): each.fraction for each in ask(lambda c: sampled_bits(c, ALL)).bits}
    monkeypatch.setattr("goodpix.query.dashboard.numbers.bitcosts._SAMPLE", 150)
    found = ask(lambda c: sampled_bits(c, ALL))
    assert "over 150 of" in found.words
    for each in found.bits:
        assert 0 < each.error < each.fraction
        assert abs(each.fraction - exact[each.plane, each.name]) < 4 * each.error


def test_bits_of_the_whole_survey_are_of_ccd_images_each_once(made: Any, ask: Ask) -> None:
    cache, _, ccds = made
    found = ask(lambda c: bits_of(cache.listings, c, ALL, Span(20150101, 20150102), 6))
    images = [row for row in ccds if row["ccdnum"] == 6 and row["nite"] in (20150101, 20150102)]
    counts: dict[str, int] = Counter()
    for row in images:
        for bit, n in row["bits"]["se"].items():
            counts[cache.source.database.identity.bit_names.name("se", bit)] += n
    assert {each.name: each.fraction for each in found.bits if each.plane == "se"} == {
        name: pytest.approx(n / total(images, "n_pixels")) for name, n in counts.items()
    }


def test_exposures_come_worst_first_and_are_filtered(made: Any, ask: Ask) -> None:
    _, _, ccds = made
    shares = defaultdict(list)
    for row in ccds:
        shares[row["expnum"]].append(row)
    expected = sorted(total(rows, "n_good_se") / total(rows, "n_pixels") for rows in shares.values())
    rows = all_rows(ask, lambda c, view: exposure_page(c, {}, view), TableView())
    assert [row["fraction_good_se"] for row in rows] == pytest.approx(expected)
    assert ask(lambda c: n_exposures(c, {"band": "r", "nite": "20150102:"})) == 2
    assert ask(lambda c: TileScope("", (TILES[2],)).exposures(c)) == []


def test_a_catalogue_without_runs_has_no_growth(ask: Ask) -> None:
    found = ask(ingests)
    assert (found.growth, found.runs, found.failures) == ([], [], [("FitsFileError", 13)])


def test_what_a_view_leaves_open_is_the_first_epoch_that_there_is(ask: Ask) -> None:
    first = ask(lambda c: epoch_of(c, View()))
    assert (first.tilename, first.band) == (TILES[0], "i")
    found = ask(lambda c: epoch_of(c, View(expnum=1002, ccdnum=5)))
    assert (found.tilename, found.band, found.expnum, found.ccdnum) == (TILES[0], "r", 1002, 5)
    assert ask(lambda c: epoch_of(c, View(tile=TILES[1][2:].lower()))).tilename == TILES[1]
    part = View(tile=TILES[0][3:].lower(), expnum=found.expnum, ccdnum=found.ccdnum)
    assert ask(lambda c: epoch_of(c, part)) == found
    with pytest.raises(MaskNotFoundError, match=f"no epoch with tilename {TILES[0]}x, expnum 1002"):
        ask(lambda c: epoch_of(c, View(tile=f"{TILES[0]}x", expnum=1002)))
    with pytest.raises(MaskNotFoundError, match="no epoch with tilename DES0124-3332"):
        ask(lambda c: epoch_of(c, View(tile="DES0124-3332")))
    with pytest.raises(MaskNotFoundError, match="no epoch with band Z"):
        ask(lambda c: epoch_of(c, View(band="Z")))
    listed = ask(lambda c: epochs_in(c, TILES[1]))
    assert [(row.band, row.expnum, row.ccdnum) for row in listed] == sorted(
        (row.band, row.expnum, row.ccdnum) for row in listed
    )


def test_what_was_read_is_kept_until_it_is_too_old(made: Any) -> None:
    cache, *_ = made
    calls: list[float] = []

    def read(_: sa.Connection) -> int:
        calls.append(time.time())
        return len(calls)

    assert cache.get("kept", read, since=0.0) == 1
    assert cache.get("kept", read, since=calls[0] - 5.0) == 1
    assert cache.get("kept", read, since=time.time() + 5.0) == 2


def test_an_error_is_raised_for_all_who_wait_and_not_kept(made: Any) -> None:
    cache, *_ = made

    def fail(_: sa.Connection) -> int:
        raise UsageError("not today")

    for _ in range(2):
        with pytest.raises(UsageError, match="not today"):
            cache.get("fails", fail, since=0.0)
    assert cache.get("fails", lambda _: 5, since=0.0) == 5
