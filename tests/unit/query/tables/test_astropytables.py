"""Tables of astropy: units and provenance, read by astropy."""

import io
import warnings
from importlib.metadata import version
from pathlib import Path

import fitsio
import numpy as np
import pandas as pd
import pytest
from astropy import units
from astropy.io import fits
from astropy.io.votable import parse
from astropy.table import QTable, Table

from goodpix.query.provenance import Provenance, described
from goodpix.query.tables.astropytables import astropy_table
from goodpix.query.tables.formats import Format, rendered
from goodpix.query.tables.ucds import UCDS
from goodpix.schema.bits import DES_Y6
from goodpix.schema.criteria import Selection
from goodpix.schema.database import Identity
from goodpix.schema.views import VIEWS

IDENTITY = Identity("uuid-1", "/disk/masks", "y6", "image", DES_Y6)
LONG = Selection(exclude=[f"ccdnum={n},expnum={100000 + n}" for n in range(1, 40)])
PROVENANCE = Provenance.of(LONG, catalogue=IDENTITY, filters="band=i; min fwhm=3")
ROWS = pd.DataFrame(
    {
        "tilename": ["a", "b"],
        "n_good": pd.Series([1, None], dtype="Int64"),
        "fwhm": [4.0, np.nan],
        "fwhm_arcsec": [1.05, np.nan],
        "pixel_area": [0.069, 0.07],
        "area_good": [1.0, 2.0],
        "ra_cent": [0.1, 359.9],
        "mjd_obs": [56000.5, 56001.5],
        "exptime": [90.0, 90.0],
        "skybrite": [1000.0, 2000.0],
        "skyvara": [3.0, 4.0],
        "skybrite_per_second": [11.1, 22.2],
        "bunit": ["ELECTRONS", "ELECTRONS"],
        "mu_sky": [21.0, 20.0],
        "airmass": [1.0, 1.2],
    }
)
MEANINGS = {column.name: column.doc for view in VIEWS.values() for column in view.columns}
EXPECTED = {
    "n_good": units.pix,
    "fwhm": units.pix,
    "fwhm_arcsec": units.arcsec,
    "pixel_area": units.arcsec**2,
    "area_good": units.arcmin**2,
    "ra_cent": units.deg,
    "mjd_obs": units.day,
    "exptime": units.s,
    "mu_sky": units.mag / units.arcsec**2,
}
ASTROPY = {Format.ecsv: "ascii.ecsv", Format.votable: "votable", Format.fits: "fits"}


def content(rows: pd.DataFrame, format_: Format, name: str = "epochs", provenance: Provenance = PROVENANCE) -> bytes:
    return b"".join(rendered([rows], name, format_, provenance))


def table(rows: pd.DataFrame, format_: Format, name: str = "epochs") -> Table:
    data = content(rows, format_, name)
    source = data.decode() if format_ is Format.ecsv else io.BytesIO(data)
    return Table.read(source, format=ASTROPY[format_])


@pytest.mark.parametrize("format_", ASTROPY)
def test_columns_have_units_that_astropy_knows(format_: Format) -> None:
    found = table(ROWS, format_)
    given = {name: found[name].unit for name in found.colnames if found[name].unit is not None}
    # which is in no standard of FITS or VOTables: there it is text
    electrons = {"skybrite": "electron", "skyvara": "electron2", "skybrite_per_second": "electron / s"}
    if format_ is Format.fits:
        header = fits.getheader(io.BytesIO(content(ROWS, format_)), 1)
        comments = {header[f"TTYPE{n}"]: header.get(f"TCOMM{n}", "") for n in range(1, 1 + len(ROWS.columns))}
        assert {name: text for name, text in comments.items() if "unit: " in text} == {
            name: "; ".join([*filter(None, [MEANINGS.get(name)]), f"unit: {text}"]) for name, text in electrons.items()
        }
    else:
        assert {name: str(given.pop(name)) for name in electrons} == electrons
    assert given == EXPECTED
    assert (found["fwhm"].quantity[0] * 0.2625 * units.arcsec / units.pix).to_value("arcsec") == pytest.approx(1.05)


@pytest.mark.parametrize("format_", ASTROPY)
@pytest.mark.parametrize(
    ("bunits", "unit"),
    [(["ADU", "ADU"], units.adu), (["counts/s", "counts/s"], units.ct / units.s), (["ADU", "electrons"], None)],
)
def test_unit_of_pixel_values_is_that_of_all_rows(format_: Format, bunits: list[str], unit: object) -> None:
    assert table(ROWS.assign(bunit=bunits), format_)["skybrite"].unit == unit


@pytest.mark.parametrize("format_", [Format.ecsv, Format.votable])
def test_unit_that_nobody_knows_keeps_its_text(format_: Format) -> None:
    assert str(table(ROWS.assign(bunit="DN16"), format_)["skybrite"].unit) == "DN16"


@pytest.mark.parametrize("format_", ASTROPY)
def test_answer_of_sql_has_no_units_since_its_names_may_mean_anything(format_: Format) -> None:
    found = table(ROWS, format_, "sql")
    assert [found[name].unit for name in found.colnames] == [None] * len(ROWS.columns)


def test_fits_table_has_the_facts_in_its_header() -> None:
    with fits.open(io.BytesIO(content(ROWS, Format.fits))) as hdus:
        header = hdus[1].header
    names = ("CREATOR", "CATALOG", "CAMPAIGN", "SELECT", "FILTERS")
    assert [header[name] for name in names] == [f"goodpix {version('goodpix')}", "uuid-1", "y6", str(LONG), *FILTERS]
    assert Selection.parse(header["SELECT"]) == LONG
    assert header.comments["CATALOG"] == "UUID of the catalogue"


FILTERS = ["band=i; min fwhm=3"]


def test_fits_header_holds_ascii_of_any_text() -> None:
    odd = Provenance.of(None, catalogue=Identity("u", "m", "\u00e9t\u00e9\nEND", "image", DES_Y6))
    with fits.open(io.BytesIO(content(ROWS, Format.fits, provenance=odd))) as hdus:
        assert hdus[1].header["CAMPAIGN"] == "\\xe9t\\xe9\\nEND"


def test_votable_has_the_facts_as_info() -> None:
    document = parse(io.BytesIO(content(ROWS, Format.votable)))
    found = {info.name: info.value for info in document.resources[0].infos}
    assert found == PROVENANCE.texts()


def test_ecsv_has_the_facts_in_its_meta() -> None:
    assert dict(table(ROWS, Format.ecsv).meta) == dict(PROVENANCE.facts)


@pytest.mark.parametrize("format_", [*ASTROPY, Format.parquet])
def test_same_rows_give_the_same_bytes_without_a_path(format_: Format) -> None:
    assert content(ROWS, format_) == content(ROWS.copy(), format_)
    assert b"/disk/masks" not in content(ROWS, format_)


@pytest.mark.parametrize("format_", [Format.ecsv, Format.votable])
def test_columns_have_ucds_and_meanings(format_: Format) -> None:
    found = table(ROWS, format_)
    assert {name: found[name].meta.get("ucd") for name in found.colnames} == {name: UCDS[name] for name in ROWS.columns}
    meanings = {name: found[name].description for name in found.colnames}
    assert " ".join(meanings["airmass"].split()) == MEANINGS["airmass"]
    assert meanings["n_good"] is None  # which is of an image or of many


def test_fits_columns_have_ucds_where_topcat_looks_for_them() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        header = fits.getheader(io.BytesIO(content(ROWS, Format.fits)), 1)
    names = {n: header[f"TTYPE{n}"] for n in range(1, 1 + len(ROWS.columns))}
    assert {name: header[f"TUCD{n}"] for n, name in names.items()} == {name: UCDS[name] for name in ROWS.columns}
    assert header["TCOMM15"] == MEANINGS["airmass"]


def test_votable_keeps_to_the_standard_and_names_its_frames() -> None:
    document = parse(io.BytesIO(content(ROWS.assign(bunit="ADU"), Format.votable)), verify="exception")
    resource = document.resources[0]
    fields = {each.name: each for each in resource.tables[0].fields}
    (frame,), (clock,) = resource.coordinate_systems, resource.time_systems
    assert (frame.system, frame.ID) == ("ICRS", fields["ra_cent"].ref)
    assert (clock.timeorigin, clock.timescale, clock.ID) == (2400000.5, "UTC", fields["mjd_obs"].ref)
    assert {name for name, each in fields.items() if each.ref} == {"ra_cent", "mjd_obs"}


def test_votable_without_positions_names_no_frame() -> None:
    resource = parse(io.BytesIO(content(ROWS[["tilename"]], Format.votable)), verify="exception").resources[0]
    assert list(resource.coordinate_systems) == list(resource.time_systems) == []


def test_fits_table_is_read_by_cfitsio(tmp_path: Path) -> None:
    rows = ROWS.assign(big=[2**62 + 1, -5], stale=[True, False])
    (tmp_path / "a.fits").write_bytes(content(rows, Format.fits))
    with fitsio.FITS(tmp_path / "a.fits") as file:
        found = file[1].read()
    assert found["big"].tolist() == [2**62 + 1, -5]
    assert found["stale"].tolist() == [True, False]
    assert found["fwhm"][0] == 4.0
    assert np.isnan(found["fwhm"][1])
    assert [text.strip() for text in found["tilename"].tolist()] == ["a", "b"]
    assert found["n_good"].tolist() == [1, np.iinfo(np.int64).min]  # TNULL, which fitsio does not mask


def test_frame_of_the_catalogue_becomes_a_table_with_units_and_provenance() -> None:
    rows = described(ROWS.copy(), IDENTITY)
    found = astropy_table(rows[ROWS.n_good.notna()][["n_good", "exptime", "ra_cent"]])
    assert found["exptime"].unit == units.s
    assert found["ra_cent"].meta == {"ucd": "pos.eq.ra;meta.main"}
    assert found["n_good"].tolist() == [1]
    assert found.meta == dict(Provenance.of(Selection(), catalogue=IDENTITY).facts)
    assert QTable(found)["exptime"].to_value("min").tolist() == [1.5]
    assert astropy_table(rows)["n_good"].mask.tolist() == [False, True]


def test_frame_of_others_becomes_a_table_without_units() -> None:
    found = astropy_table(ROWS)
    assert [found[name].unit for name in found.colnames] == [None] * len(ROWS.columns)
    assert found.meta == {}
