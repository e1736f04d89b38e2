"""Damaged mask files: readers get an error, never wrong pixels, and repair works."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goodpix
from goodpix.schema.errors import MaskFileError
from goodpix.schema.maskfile import MaskFile, MaskFileWriter
from goodpix.schema.store.masksroot import MasksRoot

from ..integration.damage import flip, mask_path, runs_of
from ..integration.survey import SPEC, Survey
from .commands import Forks
from .conftest import MakeSurvey
from .kills import KILLS
from .scene import Scene

Answers = dict[str, Any]


@pytest.fixture(scope="module")
def whole(survey_of: MakeSurvey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A catalogue of two tiles; the one in band r has two generations of mask files."""
    with Scene.of(survey_of("ir"), tmp_path_factory.mktemp("damaged")) as scene, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", scene.environment["MEDS_DIR"])
        scene.ingest()
        scene.flip_bit()
        scene.ingest()
        scene.keep()
        yield scene


@pytest.fixture
def scene(whole: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The same, restored after a test has damaged it."""
    monkeypatch.setenv("MEDS_DIR", whole.environment["MEDS_DIR"])
    yield whole
    whole.restore()


@pytest.fixture(scope="module")
def right(whole: Scene) -> Answers:
    """The answers of the undamaged catalogue."""
    found = answers(whole)
    assert not any(isinstance(answer, MaskFileError) for answer in found.values())
    return found


def keys(survey: Survey) -> list[tuple[int, ...]]:
    """Return expnum and ccdnum of each epoch, and an empty tuple for the coadd."""
    return [(), *((entry["expnum"], entry["ccdnum"]) for entry in survey.info("r")["src_info"])]


def flags(key: tuple[int, ...], catalogue: goodpix.Catalogue) -> list[list[int]]:
    found: list[list[int]] = catalogue.mask(SPEC.tilename, "r", *key).flags().tolist()
    return found


def counted(catalogue: goodpix.Catalogue) -> list[tuple[str, int]]:
    """Return the number of good pixels of each mask, counted with `Catalogue.map`."""
    found = list(catalogue.map(goodpix.Mask.count, band="r"))
    for each in found:
        if each.error is not None:
            kind, _, message = each.error.partition(": ")
            assert kind in ("MaskFileError", "MaskFileMissingError")
            raise MaskFileError(message)
    return sorted((str(each.key), each.value) for each in found)


QUESTIONS: dict[str, Callable[[goodpix.Catalogue], Any]] = {
    "masks": lambda catalogue: [mask.flags().tolist() for mask in catalogue.masks(band="r")],
    "coadds": lambda catalogue: [mask.flags().tolist() for mask in catalogue.masks(band="r", kind="coadd")],
    "counts": counted,
    "place": lambda catalogue: catalogue.at(SPEC.ra, SPEC.dec, band="r").to_csv(),
}


def answers(scene: Scene, *names: str) -> Answers:
    """Return the answer, or the error, for each of the named questions about band r; all by default."""
    found: Answers = {}
    asked = dict(QUESTIONS)
    for key in keys(scene.survey):
        asked[f"mask {key}"] = partial(flags, key)
    for name in names or asked:
        ask = asked[name]
        with goodpix.Catalogue(scene.url) as catalogue:
            try:
                found[name] = ask(catalogue)
            except MaskFileError as error:
                found[name] = error
    return found


def wrong(found: Answers, right: Answers) -> list[str]:
    """Return the questions answered neither correctly nor with a one-line error about the file."""
    return [
        name
        for name, answer in found.items()
        if not (
            re.match(r"mask file \S+ .*\S$", str(answer))
            if isinstance(answer, MaskFileError)
            else answer == right[name]
        )
    ]


def newest(survey: Survey) -> Path:
    return mask_path(survey, "r", 2)


def truncate(part: float) -> Callable[[Survey], None]:
    def do(survey: Survey) -> None:
        content = newest(survey).read_bytes()
        newest(survey).write_bytes(content[: int(part * len(content))])

    return do


def flip_runs(row_group: int) -> Callable[[Survey], None]:
    def do(survey: Survey) -> None:
        start, size = runs_of(newest(survey), row_group)
        flip(newest(survey), start + size // 2)

    return do


def older(survey: Survey) -> None:
    """Replace the newest generation by the older one."""
    shutil.copyfile(mask_path(survey, "r", 1), newest(survey))


def swapped(survey: Survey) -> None:
    """Swap the files of two bands."""
    one, other = newest(survey), mask_path(survey, "i")
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def of_another_tile(survey: Survey) -> None:
    """Replace the newest file by that of another tile, with the same generation."""
    file = MaskFile.open(newest(survey))
    root = MasksRoot.of(survey.masks.with_name("other"))
    with MaskFileWriter(root, "DES0000+0000", "r", 2, file.bit_names) as writer:
        for k in range(len(file)):
            row = file.row(k)
            writer.add(replace(row, key=replace(row.key, tilename="DES0000+0000")), file.runs(k))
        name = writer.finish()
    shutil.move(str(root.path(name)), newest(survey))


DAMAGES: dict[str, Callable[[Survey], None]] = {
    "gone": lambda survey: newest(survey).unlink(),
    "empty": truncate(0),
    "cut in half": truncate(0.5),
    "cut at the end": truncate(0.999),
    "start": lambda survey: flip(newest(survey), 6),
    "footer": lambda survey: flip(newest(survey), newest(survey).stat().st_size - 200),
    "runs of the coadd": flip_runs(0),
    "runs of an epoch": flip_runs(1),
    "older": older,
    "swapped": swapped,
    "of another tile": of_another_tile,
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_told_and_found_and_mended(scene: Scene, right: Answers, name: str) -> None:
    DAMAGES[name](scene.survey)
    found = answers(scene)
    assert wrong(found, right) == []
    assert any(isinstance(answer, MaskFileError) for answer in found.values())
    problems = scene.verify()
    assert any("band r" in each or "r/" in each for each in problems)
    assert goodpix.verify(scene.url, repair=True).ok
    assert scene.verify() == []
    assert scene.ingest().n_failures == 0
    assert scene.verify() == []
    every_pixel = answers(scene, "masks", "coadds")
    assert every_pixel == {name: right[name] for name in every_pixel}


@pytest.mark.parametrize("name", DAMAGES)
def test_ingest_takes_over_no_mask_that_is_damaged(scene: Scene, name: str) -> None:
    """Another epoch has changed, so the ingest would copy the unchanged masks."""
    DAMAGES[name](scene.survey)
    scene.flip_bit(1)
    assert scene.ingest().n_failures == 0
    assert all(scene.check(number).equal for number in range(2))


def test_flipped_bit_is_found_or_harmless(scene: Scene, right: Answers) -> None:
    path = newest(scene.survey)
    content = path.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    rng = np.random.default_rng(5)
    n = max(2, KILLS // 5)
    parts = [(0, 200, n), (200, footer, n), (footer, len(content), n)]
    for position in np.concatenate([rng.integers(*part) for part in parts]).tolist():
        flipped = bytearray(content)
        flipped[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        assert wrong(found := answers(scene), right) == [], position
        assert scene.verify() or found == right, position


def test_command_says_one_line_about_a_damaged_file(scene: Scene, forks: Forks) -> None:
    newest(scene.survey).write_bytes(b"")
    done = forks.run("mask", SPEC.tilename, "r", "--db", scene.url, environment=scene.environment)
    assert (done.status, done.out, len(done.lines)) == (2, "", 1)
    assert done.err.startswith(f"goodpix: mask file {newest(scene.survey)} is damaged: run goodpix verify --repair")
