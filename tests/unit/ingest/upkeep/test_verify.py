"""Facts about the check of a whole catalogue."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from goodpix.ingest.upkeep.report import VerifyReport
from goodpix.ingest.upkeep.verify import verify
from goodpix.schema.errors import CatalogueError, UsageError

from ....rows import folder_of
from ..conftest import SmallCatalogue


def test_catalogue_that_is_right_has_no_problems(kept_catalogue: SmallCatalogue) -> None:
    assert verify(kept_catalogue.path) == VerifyReport((), (), (), 1, 4, 0, None, n_coadds=1)


def test_sample_is_counted_and_named_by_its_seed(kept_catalogue: SmallCatalogue) -> None:
    assert verify(kept_catalogue.path, sample=2, seed=7) == VerifyReport((), (), (), 1, 2, 0, 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": -1}, "sample is -1: expected 0 or more"),
        ({"images": -1}, "images is -1: expected 0 or more"),
        ({"sample": 0, "repair": True}, "repair checks every mask: expected no sample with it"),
        ({"workers": 0}, "workers is 0: expected 1 or more"),
    ],
)
def test_wrong_options_are_refused(kept_catalogue: SmallCatalogue, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        verify(kept_catalogue.path, **options)


def test_wrong_row_is_found_and_repaired_when_asked(catalogue: SmallCatalogue) -> None:
    catalogue.change("UPDATE epoch SET nite = NULL WHERE epoch_id = 1")
    found = verify(catalogue.path)
    assert [each.what for each in found.problems] == ["row"] + ["summary"] * (len(found.problems) - 1)
    repaired = verify(catalogue.path, repair=True)
    assert (repaired.problems, repaired.n_lost) == ((), 0)
    assert repaired.repaired[0] == found.problems[0]
    assert verify(catalogue.path).ok


def test_lost_file_costs_its_masks_until_the_next_ingest(catalogue: SmallCatalogue) -> None:
    (folder_of(catalogue.root) / catalogue.mask_file()).unlink()
    report = verify(catalogue.path, repair=True)
    assert (report.ok, report.n_lost) == (True, 4)
    assert (catalogue.count("epoch"), catalogue.count("failure")) == (0, 4)


def test_root_that_is_missing_is_one_problem(catalogue: SmallCatalogue) -> None:
    shutil.rmtree(folder_of(catalogue.root))
    (problem,) = verify(catalogue.path).problems
    assert (problem.what, problem.where) == ("masks root", str(catalogue.root))
    assert problem.message.startswith("does not exist: ")


def test_root_that_lost_its_marker_is_a_problem(catalogue: SmallCatalogue) -> None:
    (folder_of(catalogue.root) / "_goodpix.json").unlink()
    (problem,) = verify(catalogue.path).problems
    assert "its _goodpix.json is missing" in problem.message


def test_image_that_is_gone_is_a_problem(catalogue: SmallCatalogue) -> None:
    planes = json.dumps({name: ["gone.fits", "sci"] for name in ("image", "weight", "bmask")})
    catalogue.change(f"UPDATE epoch SET planes = '{planes}'")
    report = verify(catalogue.path, images=1)
    (problem,) = [each for each in report.problems if each.what == "image"]
    assert (report.n_images, report.seed) == (1, 1)
    assert problem.message == "cannot be compared: gone.fits: no such file"


def test_files_that_no_row_names_are_notes_and_counted(
    catalogue: SmallCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goodpix.ingest.upkeep.verify._SHOWN", 1)
    path = folder_of(catalogue.root) / catalogue.mask_file()
    copies = [shutil.copy(path, path.with_name(path.name.replace("_g1_", f"_g{n}_"))) for n in (2, 3)]
    (path.parent / "mine.parquet").write_bytes(b"")
    n_bytes = path.stat().st_size
    report = verify(catalogue.path)
    assert report.ok
    assert report.notes == (
        "i/mine.parquet: not named like a mask file",
        f"i/{Path(copies[0]).name}: no row names it ({n_bytes:,} bytes)",
        f"2 files in total that no row names, {2 * n_bytes:,} bytes: goodpix gc lists them",
    )


def test_progress_counts_tiles(kept_catalogue: SmallCatalogue) -> None:
    calls: list[tuple[int, int]] = []
    verify(kept_catalogue.path, progress=lambda *call: calls.append(call))
    assert calls == [(1, 1)]


def test_repair_needs_a_catalogue(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no catalogue at"):
        verify(tmp_path / "none.db", repair=True)
    assert list(tmp_path.iterdir()) == []
