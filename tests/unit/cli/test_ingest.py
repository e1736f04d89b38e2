"""What the commands that make masks refuse, and where an ingest puts them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from goodpix.cli.app import app
from goodpix.cli.ingest import _masks_of_environment
from goodpix.schema.errors import UsageError

from ...maskcatalogue import MaskCatalogue

RUNNER = CliRunner()


def test_local_processes_and_a_cluster_are_not_both_used(tmp_path: Path) -> None:
    db = tmp_path / "goodpix.db"
    done = RUNNER.invoke(app, ["ingest", ".", "--db", str(db), "--dask", "tcp://127.0.0.1:1", "--workers", "2"])
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == "--workers starts local processes: expected --dask or --workers, not both"
    assert not db.exists()


@pytest.mark.parametrize("workers", ["0", "two"])
def test_number_of_workers_is_one_or_more(workers: str) -> None:
    done = RUNNER.invoke(app, ["ingest", ".", "--workers", workers])
    assert (done.exit_code, "--workers" in done.stderr) == (2, True)


def test_number_of_epochs_is_for_the_full_size_tile_alone(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["demo", str(tmp_path / "demo"), "--epochs", "4"])
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == "--epochs 4 applies to the full-size tile only: expected --full as well"
    assert not (tmp_path / "demo").exists()


def test_full_size_tile_needs_an_epoch(tmp_path: Path) -> None:
    assert RUNNER.invoke(app, ["demo", str(tmp_path / "demo"), "--full", "--epochs", "0"]).exit_code == 2
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize(("masks", "root"), [("elsewhere", "elsewhere"), ("", None), (None, None)])
def test_new_catalogue_has_the_masks_root_of_the_environment(
    masks: str | None, root: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GOODPIX_MASKS", raising=False)
    if masks is not None:
        monkeypatch.setenv("GOODPIX_MASKS", masks)
    assert _masks_of_environment(f"sqlite:///{tmp_path / 'new.db'}") == root


def test_catalogue_that_exists_keeps_its_masks_root(
    mask_catalogue: MaskCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOODPIX_MASKS", "elsewhere")
    assert _masks_of_environment(mask_catalogue.url) is None
