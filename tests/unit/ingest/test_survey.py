"""Facts about ingests of info files."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from goodpix.ingest import survey
from goodpix.ingest.infofiles import Input, PackedTile, read_inputs
from goodpix.ingest.report import IngestReport
from goodpix.ingest.survey import ingest_tiles, worth_starting
from goodpix.schema import tables
from goodpix.schema.bits import BitNames
from goodpix.schema.database import open_for_reading
from goodpix.schema.errors import AmbiguousInputError, InfoFileError, UsageError

from .tinytile import SHIFTS, TILE, entry, make_images


@pytest.fixture
def info_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The info file of a tile whose images are in a folder that a variable names."""
    monkeypatch.setenv("MEDS_DIR", str(tmp_path / "meds"))
    (tmp_path / "meds").mkdir()
    make_images(tmp_path / "meds")
    return write_info(tmp_path / "campaign" / "info" / "a_pizza_cutter_info.yaml")


def write_info(path: Path, tilename: str = TILE) -> Path:
    epochs = [
        entry(f"$MEDS_DIR/{expnum}.fits", expnum=expnum, ccdnum=2, head_path="$NOT_SET/a.head") for expnum in SHIFTS
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(entry("$MEDS_DIR/coadd.fits", tilename=tilename, band="i", src_info=epochs)))
    return path


def ingest(info_path: Path, **options: Any) -> IngestReport:
    folder = info_path.parents[2]
    return ingest_tiles(info_path, db=folder / "goodpix.db", masks=folder / "masks", **options)


def test_catalogue_is_of_the_info_files_campaign(info_path: Path) -> None:
    names = BitNames({"GHOST": 1}, {})
    assert ingest(info_path, bit_names=names).n_epochs == 2
    with open_for_reading(info_path.parents[2] / "goodpix.db") as database:
        assert (database.identity.campaign, database.identity.wcs_source) == ("campaign", "image")
        assert database.identity.bit_names == names


def test_run_remembers_its_arguments_and_the_variables_of_its_paths(
    info_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(info_path.parents[2])
    monkeypatch.setenv("MEDS_DIR", "meds")
    for name, value in (("NOT_USED", "secret"), ("INSIDE", "secret"), ("NO_FOLDER", "secret" * 20_000)):
        monkeypatch.setenv(name, value)
    text = info_path.read_text().replace("$NOT_SET/a.head", "$MEDS_DIR/$INSIDE/a.head", 1)
    info_path.write_text(text.replace("$NOT_SET/a.head", "$NO_FOLDER/a.head"))
    ingest(info_path, retry_failed=True)
    with open_for_reading(info_path.parents[2] / "goodpix.db") as database, database.engine.connect() as connection:
        text = connection.scalars(sa.select(tables.ingest_run.c.arguments)).one()
    arguments = json.loads(text)
    assert "secret" not in text
    assert arguments["inputs"] == [str(info_path)]
    assert (arguments["wcs_source"], arguments["retry_failed"], arguments["force"]) == ("image", True, False)
    assert arguments["variables"] == {"MEDS_DIR": str(info_path.parents[2] / "meds")}


@pytest.mark.parametrize("value", [None, ""])
def test_variable_that_is_not_set_is_named_before_anything_is_made(
    info_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("MEDS_DIR")
    if value is not None:
        monkeypatch.setenv("MEDS_DIR", value)
    says = r"MEDS_DIR is not set, and paths of the info files begin with it, such as \$MEDS_DIR/coadd\.fits: expected"
    with pytest.raises(UsageError, match=says):
        ingest(info_path)
    assert not (info_path.parents[2] / "goodpix.db").exists()


def test_one_info_file_with_a_variable_that_is_not_set_stops_nothing_else(info_path: Path) -> None:
    other = write_info(info_path.with_name("b_pizza_cutter_info.yaml"), "DES0000+0000")
    other.write_text(other.read_text().replace("$MEDS_DIR", "$NOT_SET"))
    folder = info_path.parents[2]
    report = ingest_tiles([info_path.parent], db=folder / "goodpix.db", masks=folder / "masks")
    (failure,) = report.failures
    assert (failure.message, report.n_epochs) == ("$NOT_SET/coadd.fits: no such file: is NOT_SET set?", 2)


def test_variable_of_other_machines_need_not_be_set_here(info_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class OtherMachine(ThreadPoolExecutor):
        """Workers that know the variable; the sender does not."""

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            def there() -> Any:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setenv("MEDS_DIR", str(info_path.parents[2] / "meds"))
                    return fn(*args, **kwargs)

            return super().submit(there)

    monkeypatch.delenv("MEDS_DIR")
    with OtherMachine(1) as executor:
        assert ingest(info_path, executor=executor).n_epochs == 2


def test_report_is_written_as_json(info_path: Path, tmp_path: Path) -> None:
    report = ingest(info_path, report=tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["n_epochs"] == report.n_epochs == 2


def test_report_is_written_though_the_run_is_interrupted(info_path: Path, tmp_path: Path) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(info_path, report=tmp_path / "report.json", progress=stop)
    assert json.loads((tmp_path / "report.json").read_text())["outcome"] == "interrupted"


def test_progress_counts_info_files(info_path: Path) -> None:
    write_info(info_path.with_name("b_pizza_cutter_info.yaml"), "DES0000+0000")
    calls: list[tuple[int, int]] = []
    folder = info_path.parents[2]
    ingest_tiles(
        [info_path.parent], db=folder / "goodpix.db", masks=folder / "masks", progress=lambda *c: calls.append(c)
    )
    assert calls == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wcs_source": "header"}, "wcs_source is 'header': expected image or scamp"),
        ({"workers": 0}, "workers is 0: expected 1 or more"),
        ({"report": "no/such/report.json"}, "report no/such/report.json: its folder does not exist"),
        ({"segment": True, "no_segment": True}, r"\(segment=True\) makes .* --no-segment \(no_segment=True\) does"),
        ({"segment": True, "allow_missing_se_seg": True}, r"--allow-missing-se-seg \(allow_missing_se_seg=True\) does"),
        ({"settings": {"segment_area": "4"}}, r"a setting of maps to be made: expected .*\(segment=True\)"),
        ({"segment": True, "settings": {"segment_aera": "4"}}, "segmentation maps have no setting segment_aera"),
        ({"profile": 7}, "profile is of type int: expected its name"),
        ({"segment": True, "settings": {"segment_area": "few"}}, "segment_area is few: expected minimum number"),
        ({"segment": True, "settings": {"area": "4"}}, "profile des-pizza-cutter has no setting area"),
    ],
)
def test_wrong_option_is_refused_before_anything_is_made(
    info_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        ingest(info_path, **options)
    assert not (info_path.parents[2] / "goodpix.db").exists()


def test_tile_that_two_info_files_list_is_refused(info_path: Path) -> None:
    write_info(info_path.with_name("b_pizza_cutter_info.yaml"))
    with pytest.raises(AmbiguousInputError, match=f"both list tile {TILE}, band i: give one of them"):
        ingest_tiles(info_path.parent, db=info_path.parents[2] / "goodpix.db")


def test_no_info_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no info files given"):
        ingest_tiles([], db=tmp_path / "goodpix.db")


@pytest.mark.parametrize(
    ("n_bytes", "n_workers", "expected"),
    [(0, 8, 1), (99, 8, 1), (100, 8, 1), (250, 8, 2), (100_000, 8, 8), (100_000, 1, 1)],
)
@pytest.mark.parametrize("large", ["coadd", 2])
def test_workers_are_as_many_as_have_enough_to_read(
    info_path: Path, monkeypatch: pytest.MonkeyPatch, large: str | int, n_bytes: int, n_workers: int, expected: int
) -> None:
    monkeypatch.setattr(survey, "BYTES_PER_WORKER", 100)
    for name in ("coadd", *SHIFTS):
        path = Path(os.environ["MEDS_DIR"]) / f"{name}.fits"
        path.write_bytes(b"")
        if name == large:
            path.write_bytes(bytes(n_bytes))
    assert worth_starting(n_workers, read_inputs([info_path])) == expected


def test_files_that_are_missing_and_info_files_without_content_have_no_bytes(info_path: Path) -> None:
    (given,) = read_inputs([info_path])
    assert isinstance(given.content, PackedTile)
    gone = given.content.unpacked().model_copy(update={"image_path": "gone.fits", "src_info": ()})
    inputs = [Input(Path("a"), InfoFileError("a: is empty")), Input(Path("b"), PackedTile.of(gone))]
    assert worth_starting(4, inputs) == 1
