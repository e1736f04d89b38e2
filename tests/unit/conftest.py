"""A catalogue that unit tests share and leave unchanged."""

import pytest

from ..maskcatalogue import MaskCatalogue, make_masks


@pytest.fixture(scope="session")
def mask_catalogue(tmp_path_factory: pytest.TempPathFactory) -> MaskCatalogue:
    """A catalogue with masks and images of a few pixels."""
    return make_masks(tmp_path_factory.mktemp("masks"))
