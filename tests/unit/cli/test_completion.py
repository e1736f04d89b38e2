"""Words that shells complete, from a catalogue."""

from typing import Any

import pytest
import typer

from goodpix import Catalogue
from goodpix.cli.app import app
from goodpix.cli.completion import BOUNDED, bounds, columns, completed, map_statistics, numbers, tile_values
from goodpix.query.derivedcolumns import derived_columns
from goodpix.query.tables.texttable import LEADING
from goodpix.schema.tables import metadata
from goodpix.schema.views import VIEWS

from ...maskcatalogue import EAST, WEST, MaskCatalogue


def context(name: str, **params: Any) -> typer.Context:
    made = typer.Context(typer.main.get_command(app), info_name=name)
    made.params = params
    return made


def test_words_begin_as_what_is_there(mask_catalogue: MaskCatalogue) -> None:
    complete = tile_values("tilename")
    ctx = context("epochs", db=mask_catalogue.url)
    assert complete(ctx, "") == sorted([EAST, WEST])
    assert complete(ctx, EAST) == [EAST]
    assert complete(ctx, "no such") == []


def test_without_a_catalogue_there_are_no_words() -> None:
    assert tile_values("band")(context("epochs", db="no-such.db"), "") == []


@pytest.mark.parametrize(
    ("incomplete", "expected"),
    [
        ("fwh", ["fwhm", "fwhm_arcsec"]),
        ("-fwh", ["-fwhm", "-fwhm_arcsec"]),
        ("expnum,cc", ["expnum,ccdnum"]),
        ("expnum,-fwhm_", ["expnum,-fwhm_arcsec"]),
        ("-fwhm,fwh", ["-fwhm,fwhm_arcsec"]),
        ("a,b,fwhm_", ["a,b,fwhm_arcsec"]),
        ("fwh,", None),
    ],
)
def test_columns_go_on_after_a_comma_and_a_minus(
    incomplete: str, expected: list[str] | None, mask_catalogue: MaskCatalogue
) -> None:
    found = columns()(context("ccds", db=mask_catalogue.url), incomplete)
    view = VIEWS["ccd_quality"].table
    every = [f"{incomplete}{column}" for column in (*view.c.keys(), *derived_columns(view))]
    assert found == (sorted(every) if expected is None else expected)


@pytest.mark.parametrize("command", [*LEADING, "list", "profiles", "map", "blank-sky", "randoms"])
def test_columns_are_those_of_the_answer(command: str, mask_catalogue: MaskCatalogue) -> None:
    found = columns()(context(command, db=mask_catalogue.url), "")
    assert set(LEADING.get(command, "").split()) <= set(found) != set()


@pytest.mark.parametrize(("command", "name"), BOUNDED.items())
def test_bounds_are_on_columns_of_the_table_asked(command: str, name: str, mask_catalogue: MaskCatalogue) -> None:
    table = VIEWS[name].table if name in VIEWS else metadata.tables[name]
    found = bounds()(context(command, db=mask_catalogue.url), "")
    numeric = [column.name for column in table.c if column.type.python_type in (int, float)]
    assert found == sorted(f"{column}=" for column in (*numeric, *derived_columns(table)))


@pytest.mark.parametrize(
    ("column", "given"),
    [
        ("expnum", {"tilename": EAST, "band": "i"}),
        ("ccdnum", {"tilename": EAST, "band": "r", "expnum": 1}),
        ("expnum", {"tilename": None}),
        ("ccdnum", {}),
    ],
)
def test_numbers_are_those_of_what_is_given_before(
    column: str, given: dict[str, Any], mask_catalogue: MaskCatalogue
) -> None:
    with Catalogue(mask_catalogue.url) as cat:
        rows = cat.epochs()
    for name in ("tilename", "band", "expnum"):
        if given.get(name) is not None:
            rows = rows[rows[name] == given[name]]
    found = numbers(column)(context("mask", db=mask_catalogue.url, **given), "")
    assert found == sorted(map(str, set(rows[column])))
    assert found != []


def test_statistics_of_a_map_are_those_that_it_takes(mask_catalogue: MaskCatalogue) -> None:
    complete = completed(map_statistics)
    ctx = context("map", db=mask_catalogue.url)
    assert (complete(ctx, "frac"), complete(ctx, "SE:STR")) == (["fracdet", "fraction"], ["SE:STREAK"])
    with Catalogue(mask_catalogue.url) as cat:
        found = cat.healsparse_map(complete(ctx, ""), nside=4096)
    assert set(found) > {"n_images", "SE_SEG"}


def test_words_are_asked_of_the_catalogue_and_the_command(mask_catalogue: MaskCatalogue) -> None:
    complete = completed(lambda database, ctx: [f"{ctx.info_name}-{database.identity.campaign}"])
    assert len(complete(context("sky", db=mask_catalogue.url), "sky-")) == 1
