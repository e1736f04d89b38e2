"""Commands that read a catalogue answer what Python returns."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.io import fits, votable
from astropy.table import Table
from typer.testing import CliRunner, Result

import goodpix
from goodpix.cli.app import app
from goodpix.cli.query import LISTINGS
from goodpix.schema.errors import UsageError
from goodpix.schema.rows import MaskKey

from ...maskcatalogue import EAST, EPOCHS, SHAPE, WEST, MaskCatalogue

FLAGS = EPOCHS[MaskKey(EAST, "r", "epoch", 1, 11)].flags


@pytest.fixture
def run(mask_catalogue: MaskCatalogue, monkeypatch: pytest.MonkeyPatch) -> "Run":
    """The command line, with the catalogue of the environment."""
    monkeypatch.setenv("GOODPIX_DB", mask_catalogue.url)
    return Run()


class Run:
    """Run a command; an error of goodpix is raised."""

    def __call__(self, *arguments: str) -> Result:
        done = CliRunner().invoke(app, arguments)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done


@pytest.mark.parametrize("name", [*LISTINGS, "bits"])
def test_every_listing_is_the_method_of_its_name(name: str, run: Run, mask_catalogue: MaskCatalogue) -> None:
    with goodpix.Catalogue(mask_catalogue.url) as catalogue:
        expected = getattr(catalogue, name)(band="i")
    done = run(name, "--band", "i", "--format", "json") if name != "failures" else run(name, "--format", "json")
    assert done.exit_code == 0
    assert len(json.loads(done.stdout)) == len(expected)
    assert bool(len(expected)) == (name != "failures")


@pytest.mark.parametrize("plane", ["se", "SE"])
def test_bits_are_chosen_by_plane_and_bit(plane: str, run: Run, mask_catalogue: MaskCatalogue) -> None:
    with goodpix.Catalogue(mask_catalogue.url) as catalogue:
        every = catalogue.bits()
    chosen = every[(every.plane == "se") & every.bit.isin([0, 5])]
    done = run("bits", "--plane", plane, "--bit", "STAR", "--bit", "0", "--format", "csv")
    assert (done.exit_code, done.stderr) == (0, "")
    assert 0 < len(chosen) < len(every)
    assert done.stdout == chosen.to_csv(index=False)


def test_bit_that_is_set_nowhere_is_said(run: Run) -> None:
    done = run("bits", "--bit", "TAPEBUMP", "--format", "csv")
    assert (done.exit_code, done.stderr) == (0, "goodpix: nothing matches all of the filters together\n")


def test_epochs_by_the_default_definition_say_nothing_else(run: Run) -> None:
    done = run("epochs", "--format", "csv")
    assert (done.exit_code, done.stderr) == (0, "")
    found = pd.read_csv(io.StringIO(done.stdout)).n_good.tolist()
    assert found == [np.count_nonzero(epoch.flags == 0) for epoch in EPOCHS.values()]


def test_epochs_by_a_selection_name_it_and_count_its_pixels(run: Run) -> None:
    done = run("epochs", "--format", "csv", "--border", "3")
    assert (done.exit_code, done.stderr) == (0, "selection: border 3\n")
    found = pd.read_csv(io.StringIO(done.stdout)).n_good.tolist()
    assert found == [np.count_nonzero(epoch.flags[3:-3, 3:-3] == 0) for epoch in EPOCHS.values()]


@pytest.mark.parametrize(
    ("options", "words", "good"),
    [
        ([], "default", FLAGS == 0),
        (["--ignore", "SE_SEG"], "ignore SE_SEG", FLAGS & 0xFE == 0),
        (["--border", "5"], "border 5", (FLAGS == 0) & np.pad(np.ones((30, 20), bool), 5)),
    ],
)
def test_mask_counts_good_pixels(options: list[str], words: str, good: "np.ndarray[Any, Any]", run: Run) -> None:
    last = run("mask", EAST, "r", "1", "11", *options).stdout.splitlines()[-1]
    assert last == f"good pixels ({words}): {np.count_nonzero(good):,} of {good.size:,}"


def test_mask_without_an_exposure_is_the_coadds(run: Run) -> None:
    assert run("mask", EAST, "r").stdout.startswith(f"<Mask of coadd (tile {EAST}, band r), 60 x 50")


def test_exposure_without_a_ccd_is_refused(run: Run) -> None:
    with pytest.raises(UsageError, match="give both expnum and ccdnum, or neither"):
        run("mask", EAST, "r", "1")


def test_map_is_a_histogram_of_the_coadds_pixels(run: Run) -> None:
    depth = sum(epoch.on_coadd(epoch.flags == 0).astype(int) for key, epoch in EPOCHS.items() if key.band == "i")
    heading, *rows = (line.split() for line in run("map", EAST, "i").stdout.splitlines())
    assert heading == ["n_good_epochs", "n_pixels", "fraction"]
    assert [int(row[1]) for row in rows] == np.bincount(np.ravel(depth)).tolist()


def test_map_of_an_unknown_format_is_refused_before_anything_is_read(run: Run) -> None:
    with pytest.raises(UsageError, match=r"map\.jpg: expected a name that ends in"):
        run("map", "no tile", "i", "-o", "map.jpg")


def test_answer_of_sql_is_its_rows(run: Run) -> None:
    done = run("sql", "SELECT band, count(*) AS n FROM epoch GROUP BY band ORDER BY band", "--format", "csv")
    assert done.stdout == "band,n\ni,1\nr,3\n"


def test_info_has_a_line_for_each_fact(run: Run, mask_catalogue: MaskCatalogue) -> None:
    lines = [line.split(maxsplit=1) for line in run("db", "info").stdout.splitlines()]
    with goodpix.Catalogue(mask_catalogue.url) as catalogue:
        assert dict(lines) == {name: str(value) for name, value in catalogue.info().items()}


def test_position_may_be_negative_and_of_any_turn(run: Run) -> None:
    found = [
        pd.read_csv(io.StringIO(run("at", ra, "-40", "--format", "csv", "--unique").stdout)) for ra in ("30", "-330")
    ]
    assert found[0].drop(columns="ra").equals(found[1].drop(columns="ra"))
    assert found[0][["tilename", "expnum"]].to_numpy().tolist() == [[WEST, 1], [EAST, 3]]
    assert found[0].x.between(0, SHAPE[1]).all()


def test_position_without_reasons_has_no_flags(run: Run) -> None:
    heading = run("at", "30", "-40", "--no-reasons", "--format", "csv").stdout.splitlines()[0].split(",")
    assert not {"good", "flags", "criteria", "se_bits", "coadd_bits"} & set(heading)


@pytest.mark.parametrize("port", ["-1", "65536", "any"])
def test_port_that_is_none_is_refused(port: str, run: Run) -> None:
    assert run("dashboard", "--port", port).exit_code == 2


COMMANDS = {
    "tiles": (["tiles", "--band", "r"], {"filters": "band=r"}),
    "epochs": (["epochs", "--ccdnum", "11:12", "--border", "3"], {"filters": "ccdnum=11:12", "selection": "border 3"}),
    "plain epochs": (["epochs"], {"selection": "default"}),
    "ccds": (["ccds"], {}),
    "bits": (["bits", "--bit", "STAR"], {"filters": "bit=STAR"}),
    "at": (
        ["at", "30", "-40", "--radius", "30arcsec"],
        {"position": "30.0, -40.0, 0.00833333", "selection": "default"},
    ),
    "sql": (["sql", "SELECT  band\nFROM epoch"], {"query": "SELECT band FROM epoch"}),
    "selections": (["selection", "list"], {}),
}


@pytest.mark.parametrize("suffix", ["fits", "vot", "ecsv", "parquet"])
@pytest.mark.parametrize("name", COMMANDS)
def test_file_of_a_listing_says_where_it_comes_from(
    name: str, suffix: str, run: Run, mask_catalogue: MaskCatalogue, tmp_path: Path
) -> None:
    command, more = COMMANDS[name]
    paths = [tmp_path / f"{number}.{suffix}" for number in range(2)]
    for path in paths:
        assert run(*command, "-o", str(path)).exit_code == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with goodpix.Catalogue(mask_catalogue.url) as catalogue:
        identity = catalogue.database.identity
    found = facts(paths[0])
    if "position" in found:
        found["position"] = found["position"][:23]
    expected = {"software": f"goodpix {goodpix.__version__}", "catalogue": identity.uuid, "campaign": identity.campaign}
    assert found == expected | more


def facts(path: Path) -> dict[str, str]:
    """Return the facts of a file, as others read them."""
    if path.suffix == ".parquet":
        metadata = pq.read_schema(path).metadata
        return {
            name.decode().removeprefix("goodpix."): value.decode()
            for name, value in metadata.items()
            if name.startswith(b"goodpix.")
        }
    if path.suffix == ".fits":
        keywords = {"CREATOR": "software", "CATALOG": "catalogue", "SELECT": "selection"}
        keywords |= {name.upper(): name for name in ("campaign", "filters", "position", "query")}
        header = fits.getheader(path, 1)
        return {name: header[keyword] for keyword, name in keywords.items() if keyword in header}
    if path.suffix == ".vot":
        return {info.name: info.value for info in votable.parse(path).resources[0].infos}
    return dict(Table.read(path, format="ascii.ecsv").meta)


def test_json_of_a_listing_stays_a_list_of_rows(run: Run, tmp_path: Path) -> None:
    run("tiles", "-o", str(tmp_path / "tiles.json"))
    found = json.loads((tmp_path / "tiles.json").read_text())
    assert [row["tilename"] for row in found] == [
        row["tilename"] for row in json.loads(run("tiles", "--format", "json").stdout)
    ]


def test_empty_output_is_refused_before_the_work(run: Run) -> None:
    with pytest.raises(UsageError, match=r"^output is '': expected the name of a file$"):
        run("tiles", "-o", "")
