"""Commands that find places, on a catalogue of a few masks."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse
from astropy.table import Table
from typer.testing import CliRunner, Result

from goodpix.cli.app import app

from ...maskcatalogue import MaskCatalogue


def run(catalogue: MaskCatalogue, *words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words), "--db", catalogue.url], prog_name="goodpix")


def test_blank_sky_is_listed(mask_catalogue: MaskCatalogue) -> None:
    done = run(mask_catalogue, "blank-sky", 3, "--radius", 0.15, "--band", "r", "--format", "csv", "--seed", 9)
    assert done.exit_code == 0
    heading, *rows = done.stdout.splitlines()
    assert (heading, len(rows)) == ("ra,dec,distance_arcsec,n_images_r", 3)


def test_blank_sky_in_ds9_and_fits(mask_catalogue: MaskCatalogue, tmp_path: Path) -> None:
    options = ["blank-sky", 2, "--radius", 0.15, "--band", "r", "--border", 1]
    for ending in ("reg", "fits", "vot", "parquet"):
        done = run(mask_catalogue, *options, "-o", tmp_path / f"places.{ending}")
        assert (done.exit_code, done.stderr.endswith("selection: border 1; filters: band=r\n")) == (0, True)
    table = Table.read(tmp_path / "places.fits")
    assert (table.meta["SELECT"], table.meta["RADIUS"], table.meta["FILTERS"]) == ("border 1", 0.15, "band=r")
    regions = (tmp_path / "places.reg").read_text().splitlines()
    circles = [f'circle({row["ra"].item()!r},{row["dec"].item()!r},0.15")' for row in table]
    assert regions[-3:] == ["icrs", *circles]
    assert "# selection: border 1" in regions
    infos = {info.name: info.value for info in parse(tmp_path / "places.vot").resources[0].infos}
    assert (infos["radius_arcsec"], infos["selection"]) == ("0.15", "border 1")
    assert pq.read_schema(tmp_path / "places.parquet").metadata[b"goodpix.selection"] == b"border 1"


def test_randoms_are_listed_by_number_or_density(mask_catalogue: MaskCatalogue) -> None:
    done = run(mask_catalogue, "randoms", 30, "--format", "csv", "--seed", 1, "--grow", "SE_BMASK=2")
    assert (done.exit_code, done.stderr) == (0, "selection: grow SE_BMASK by 2\n")
    heading, *rows = done.stdout.splitlines()
    assert heading == "ra,dec,tilename,n_images_i,n_good_i,n_images_r,n_good_r,reasons"
    assert len(rows) == 30
    done = run(mask_catalogue, "randoms", "--density", 0.001, "--tile", "NONE")
    assert done.stdout.split() == ["ra[deg]", "dec[deg]", "tilename", "reasons"]
    assert "NONE" in done.stderr


def test_bounds_stand_beside_the_selection(mask_catalogue: MaskCatalogue) -> None:
    done = run(mask_catalogue, "randoms", 3, "--min", "ccdnum=1", "--border", 1)
    assert (done.exit_code, done.stderr) == (0, "selection: border 1; filters: min ccdnum=1\n")


@pytest.mark.parametrize(
    "words",
    [["blank-sky", 0, "--radius", 1], ["blank-sky", 1, "--radius", 0], ["randoms"], ["randoms", 5, "--density", 2]],
)
def test_number_out_of_range_is_refused(words: list[object], mask_catalogue: MaskCatalogue) -> None:
    with pytest.raises(ValueError, match="expected"):
        CliRunner().invoke(
            app, [*map(str, words), "--db", mask_catalogue.url], prog_name="goodpix", catch_exceptions=False
        )
