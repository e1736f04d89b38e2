"""Readers while their masks are replaced and swept: they get the old generation or the new, never a mixture."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice

import pytest
import sqlalchemy as sa

import goodpix
from goodpix.schema.maskfile import MaskFile

from ..integration.damage import make_older, mask_path
from ..integration.survey import SPEC
from .commands import Forks
from .scene import Scene

Mask = goodpix.Mask
Checksums = frozenset[tuple[str, str]]


def sweep(scene: Scene) -> None:
    """Remove unreferenced mask files as if they were days old."""
    for path in scene.masks.rglob("*.parquet"):
        make_older(path)
    goodpix.gc(scene.url, delete=True)


def replace_all(scene: Scene) -> None:
    """Replace the masks of both tiles, with one epoch of each changed, and remove all old files."""
    before = set(scene.files())
    for band in "ir":
        scene.flip_bit(0, band)
    scene.ingest(force=True)
    sweep(scene)
    assert not before & set(scene.files())


def tiles(masks: Sequence[Mask]) -> set[Checksums]:
    """Return the masks of each tile after checking that the pixels and counts of each mask agree."""
    found: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for mask in masks:
        assert mask.row is not None
        assert mask.row["n_good"] == mask.count()
        found[mask.key.tilename, mask.key.band].add((str(mask.key), mask.encoded.checksum))
    return {frozenset(each) for each in found.values()}


def stored(scene: Scene) -> set[Checksums]:
    with goodpix.Catalogue(scene.url) as catalogue:
        return tiles(list(catalogue.masks()))


def test_masks_go_on_wherever_they_are_replaced(embedded: Scene) -> None:
    embedded.ingest()
    n_masks = 4
    for n_before in range(n_masks + 1):
        old = stored(embedded)
        with goodpix.Catalogue(embedded.url) as catalogue:
            masks = catalogue.masks()
            found = list(islice(masks, n_before))
            replace_all(embedded)
            found += masks
        assert len(found) == n_masks
        assert len(tiles(found)) == 2
        assert tiles(found) <= old | stored(embedded)


def first_mask(catalogue: goodpix.Catalogue) -> str:
    """Return the checksum of the epoch that changes in each generation."""
    key = catalogue.sql("SELECT expnum, ccdnum FROM epoch WHERE band = 'r' ORDER BY mask_row_group").iloc[0]
    return catalogue.mask(SPEC.tilename, "r", key.expnum, key.ccdnum).encoded.checksum


def by_others(catalogue: goodpix.Catalogue) -> list[tuple[object, str | None]]:
    with ThreadPoolExecutor(2) as executor:
        return [(each.value, each.error) for each in catalogue.map(Mask.count, executor, band="r")]


QUESTIONS: dict[str, Callable[[goodpix.Catalogue], object]] = {
    "mask": first_mask,
    "place": lambda catalogue: catalogue.at(SPEC.ra, SPEC.dec, band="r").to_csv(),
    "tile": lambda catalogue: [mask.encoded.checksum for mask in catalogue.masks(band="r")],
    "map": lambda catalogue: [(each.value, each.error) for each in catalogue.map(Mask.count, band="r")],
    "map by others": by_others,
}


def with_a_replacement(scene: Scene, ask: Callable[[goodpix.Catalogue], object], after: int) -> tuple[object, bool]:
    """Ask, replacing all masks after `after` answers of the database; return the answer and whether that happened."""
    n_answers = count(1)

    def answered(*_: object) -> None:
        if next(n_answers) == after:
            replace_all(scene)

    with goodpix.Catalogue(scene.url) as catalogue:
        sa.event.listen(catalogue.database.engine, "checkin", answered)
        answer = ask(catalogue)
    return answer, next(n_answers) > after


@pytest.mark.parametrize("name", QUESTIONS)
def test_question_is_answered_by_the_old_masks_or_the_new(embedded: Scene, name: str) -> None:
    """Even if the masks are replaced between reading a row and opening its file."""
    ask = QUESTIONS[name]
    embedded.ingest()
    answers = []
    for after in count(1):
        with goodpix.Catalogue(embedded.url) as catalogue:
            old = ask(catalogue)
        found, replaced = with_a_replacement(embedded, ask, after)
        if not replaced:
            break
        with goodpix.Catalogue(embedded.url) as catalogue:
            new = ask(catalogue)
        assert old != new
        assert found in (old, new)
        answers.append(found == new)
    assert answers
    assert answers[-1], "the last answer of the database comes before the file is opened"


def test_open_mask_file_outlives_its_sweep(embedded: Scene) -> None:
    embedded.ingest()
    path = mask_path(embedded.survey)
    whole = [MaskFile.open(path).runs(k).checksum for k in range(3)]
    file = MaskFile.open(path)
    replace_all(embedded)
    assert not path.exists()
    assert [file.runs(k).checksum for k in range(3)] == whole


def test_readers_go_on_while_ingests_replace_what_they_read(either: Scene, forks: Forks) -> None:
    either.ingest()
    known, seen = stored(either), []
    for _ in range(3):
        for band in "ir":
            either.flip_bit(0, band)
        running = forks.start(*either.command, environment=either.environment)
        while not running.ended():
            seen.append(stored(either))
            sweep(either)
        assert running.end().status == 0, running.end().err
        known |= stored(either)
        sweep(either)
    assert len(seen) > 3
    assert all(each <= known and len(each) == 2 for each in seen)
