"""A mask file to read, and one to change."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from goodpix.schema.store.masksroot import MasksRoot

from ....rows import coadd_and_epochs, folder_of, write_masks

MASKS = coadd_and_epochs(3)


@pytest.fixture
def root(tmp_path: Path) -> MasksRoot:
    return MasksRoot.of(tmp_path / "masks")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mask file that nobody changes."""
    root = MasksRoot.of(tmp_path_factory.mktemp("written"))
    return folder_of(root) / write_masks(root, MASKS)


@pytest.fixture
def path(written: Path, tmp_path: Path) -> Path:
    """A mask file to change."""
    return Path(shutil.copy(written, tmp_path))


@pytest.fixture(scope="module")
def metadata(written: Path) -> Any:
    return pq.ParquetFile(written).metadata
