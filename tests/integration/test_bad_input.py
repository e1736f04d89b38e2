"""Bad input: one clear line, the right exit status, and nothing that was stored before is lost."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import goodpix

from .badcases import (
    BAD,
    BAD_COADDS,
    BAD_EPOCHS,
    BAD_HEADS,
    BAD_INFO,
    PYTHON_TAG,
    Break,
    Case,
    content,
    dither,
    remove,
)
from .conftest import Run
from .survey import MANY, SPEC, Done, Survey, records, same


def one_line(done_lines: list[str], says: tuple[str, ...]) -> str:
    """Return the only line that says all of that; there is no traceback among the lines."""
    assert not any("Traceback" in line for line in done_lines), "\n".join(done_lines)
    (found,) = [line for line in done_lines if all(re.search(each, line) for each in says)] or [""]
    assert found, f"none of these says {says}:\n" + "\n".join(done_lines)
    return found


def the_failure(survey: Survey) -> Any:
    """Return the only failure that the catalogue has."""
    with survey.catalogue() as catalogue:
        (row,) = records(catalogue.failures())
    assert "\n" not in row.message
    return row


def failures_of(survey: Survey) -> dict[str, Any]:
    """Return the failures that the catalogue has, by their keys."""
    with survey.catalogue() as catalogue:
        return {row.failure_key: row for row in records(catalogue.failures())}


def names_of(survey: Survey, band: str = "r") -> set[str]:
    with survey.catalogue() as catalogue:
        return {f"{row.expnum}/{row.ccdnum}" for row in records(catalogue.epochs(band=band))}


def ingest(cli: Run, survey: Survey, *options: object) -> Done:
    return cli("ingest", survey.folder, "--db", survey.database, "--masks", survey.masks, *options)


def test_bad_info_file_fails_in_one_line_and_loses_nothing(ingested: Survey, stored: Survey, cli: Run) -> None:
    # all at once: an info file each of one tile, the first in the place of the good one
    original = stored.info_path().read_bytes()
    paths = {}
    for number, bad in reversed(list(enumerate(BAD_INFO))):
        stored.info_path().write_bytes(original)
        bad.change(stored, BAD)
        paths[bad.name] = stored.info_path()
        if number:
            paths[bad.name] = stored.folder / str(number) / stored.info_path().relative_to(stored.folder)
            paths[bad.name].parent.mkdir(parents=True)
            paths[bad.name].write_bytes(stored.info_path().read_bytes())
    done = ingest(cli, stored)
    assert done.status == 1
    failures = failures_of(stored)
    assert set(failures) == {f"{path}#info" for path in paths.values()}
    for bad in BAD_INFO:
        path = paths[bad.name]
        line = one_line(done.lines, (re.escape(f"{path}"), *bad.says))
        assert failures[f"{path}#info"].message == line, bad.name
    assert same(stored, ingested)


# As many at once as leave one epoch good.
AT_ONCE = MANY.n_epochs - 1
GROUPS = [BAD_EPOCHS[first : first + AT_ONCE] for first in range(0, len(BAD_EPOCHS), AT_ONCE)]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group[0].name}-to-{group[-1].name}")
def test_bad_epoch_fails_alone_in_one_line_and_loses_nothing(
    group: list[Case], made_many: Survey, many: Survey, cli: Run
) -> None:
    names = [many.name(number) for number in range(len(group))]
    for number, bad in enumerate(group):
        bad.change(many, number)
    done = ingest(cli, many)
    assert done.status == 1
    failures = failures_of(many)
    assert set(failures) == {f"{many.info_path()}#{name}" for name in names}
    for name, bad in zip(names, group, strict=True):
        one_line(done.lines, (name, *bad.says))
        failure = failures[f"{many.info_path()}#{name}"]
        assert f"{failure.expnum}/{failure.ccdnum}" == name
        assert "\n" not in failure.message
        assert all(re.search(each, failure.message) for each in bad.says), (bad.name, failure.message)
    assert same(many, made_many)
    with many.catalogue() as catalogue:
        stale = catalogue.epochs().query("stale")
    assert {f"{row.expnum}/{row.ccdnum}" for row in records(stale)} == set(names)


def test_bad_scamp_header_fails_its_epoch_alone(many: Survey, cli: Run) -> None:
    # every other epoch has a header of its own
    for number in range(1, MANY.n_epochs, 2):
        many.set_entry(number, {"head_path": many.epoch(0)["head_path"]})
    numbers = range(BAD, MANY.n_epochs, 2)
    names = [many.name(number) for number in numbers]
    for number, bad in zip(numbers, BAD_HEADS, strict=True):
        bad.change(many, number)
    many.database.unlink()
    shutil.rmtree(many.masks)
    done = ingest(cli, many, "--wcs", "scamp")
    assert done.status == 1
    for name, bad in zip(names, BAD_HEADS, strict=True):
        one_line(done.lines, (name, *bad.says))
    assert set(failures_of(many)) == {f"{many.info_path()}#{name}" for name in names}
    assert names_of(many) == {many.name(number) for number in range(MANY.n_epochs)} - set(names)


@pytest.mark.parametrize("bad", BAD_COADDS, ids=lambda bad: bad.name)
def test_bad_coadd_fails_its_tile_alone_in_one_line_and_loses_nothing(
    bad: Case, ingested: Survey, stored: Survey, cli: Run
) -> None:
    bad.change(stored, None)
    done = ingest(cli, stored)
    assert done.status == 1
    one_line(done.lines, ("coadd", *bad.says))
    failure = the_failure(stored)
    assert failure.failure_key == f"{stored.info_path()}#coadd"
    assert all(re.search(each, failure.message) for each in bad.says), failure.message
    assert same(stored, ingested)


def test_bad_epoch_of_a_new_tile_leaves_the_others_stored(survey: Survey, cli: Run) -> None:
    survey.path(BAD, "seg").unlink()
    assert ingest(cli, survey).status == 1
    assert names_of(survey) == {survey.name(0), survey.name(1)}
    assert names_of(survey, "i") == {survey.name(number, "i") for number in range(3)}


@pytest.mark.parametrize("change", [content(b"band: [r\n"), remove("seg")], ids=["info", "coadd"])
def test_bad_new_tile_leaves_the_others_stored(change: Break, survey: Survey, cli: Run) -> None:
    change(survey, None)
    assert ingest(cli, survey).status == 1
    with survey.catalogue() as catalogue:
        assert catalogue.tiles().band.tolist() == ["i"]


def test_yaml_object_tag_is_not_executed(
    survey: Survey, cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    survey.info_path().write_bytes(PYTHON_TAG)
    ingest(cli, survey)
    assert not list(tmp_path.rglob("executed"))


def test_bad_name_writes_nothing_outside_the_masks_folder(survey: Survey, cli: Run) -> None:
    def outside() -> set[Path]:
        return {path for path in survey.folder.parent.rglob("*") if survey.masks not in path.parents}

    before = outside()
    survey.set_entry(None, {"tilename": "../../escaped", "band": "../r"})
    ingest(cli, survey)
    assert outside() - before == {survey.database, survey.masks}


def test_folder_without_info_files_exits_2(survey: Survey, cli: Run, tmp_path: Path) -> None:
    empty = tmp_path / "DES_r_pizza_cutter_info.yaml"
    empty.mkdir()
    done = cli("ingest", empty, "--db", survey.database, "--masks", survey.masks)
    assert (done.status, len(done.lines)) == (2, 1)
    assert re.search(r"the folder contains no \*_pizza_cutter_info\.yaml", done.err)


def test_folder_named_like_an_info_file_is_none(survey: Survey, cli: Run) -> None:
    path = survey.info_path()
    path.unlink()
    path.mkdir()
    done = ingest(cli, survey)
    assert (done.status, done.lines[-1].split(":")[0]) == (0, "1 tile")


@pytest.mark.parametrize("place", ["nowhere.yaml", "nowhere/"])
def test_path_that_does_not_exist_exits_2(place: str, survey: Survey, cli: Run) -> None:
    done = cli("ingest", survey.folder / place, "--db", survey.database, "--masks", survey.masks)
    assert (done.status, len(done.lines)) == (2, 1)
    assert re.search(r"nowhere.*no such file or folder", done.err)
    assert not survey.database.exists()


def test_dithered_weights_are_taken_when_allowed(survey: Survey, cli: Run) -> None:
    for number in (BAD, None):
        dither(survey, number)
    assert ingest(cli, survey, "--allow-dithered-weights").status == 0
    with survey.catalogue() as catalogue:
        for table in ("epoch", "coadd"):
            found = catalogue.sql(f"SELECT weight_zquantiz FROM {table} WHERE band = 'r'").weight_zquantiz
            assert sorted(found).count("SUBTRACTIVE_DITHER_1") == 1


def test_every_epoch_bad_still_stores_the_coadd(survey: Survey) -> None:
    for number in range(3):
        survey.path(number, "seg").unlink()
    report = survey.ingest()
    assert len(report.failures) == 3
    with survey.catalogue() as catalogue:
        assert catalogue.mask(SPEC.tilename, "r").shape == SPEC.coadd_shape
        (tile,) = records(catalogue.tiles(band="r"))
    assert tile.n_epochs == 0


def test_only_bad_input_makes_a_catalogue_that_opens(survey: Survey) -> None:
    for band in SPEC.bands:
        survey.info_path(band).write_text("")
    assert len(survey.ingest().failures) == 2
    with survey.catalogue() as catalogue:
        assert catalogue.epochs().empty


def test_ingest_of_no_path_is_refused(survey: Survey) -> None:
    with pytest.raises(goodpix.GoodpixError, match="no info files given"):
        goodpix.ingest_tiles([], db=survey.database, masks=survey.masks)


def test_yaml_is_read_as_utf_8(stored: Survey) -> None:
    with stored.editing() as info:
        info["observer"] = "Gödel"
    text = yaml.safe_dump(stored.info(), allow_unicode=True)
    stored.info_path().write_text(text, encoding="utf-8")
    assert not stored.ingest().failures
