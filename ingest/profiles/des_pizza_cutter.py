"""Profile of the Dark Energy Survey's images, as the info files of pizza-cutter list them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...schema.bits import DES_Y6, BitNames
from ...schema.inputs.profile import DES_PIZZA_CUTTER, ProfileId
from ..infofile import TileInfo, in_utf8, read_info_file
from .search import find_files

__all__ = ["DesPizzaCutter", "campaign_of"]

_SUFFIX = "_pizza_cutter_info.yaml"


class DesPizzaCutter:
    """Info files ``*_pizza_cutter_info.yaml``, each of which lists a coadd and its single-epoch images."""

    identity: ProfileId = DES_PIZZA_CUTTER
    summary: str = "Dark Energy Survey: info files (*_pizza_cutter_info.yaml), each of a coadd and its epochs"
    bit_names: BitNames = DES_Y6
    settings: Mapping[str, str] = {}
    selections: Mapping[str, str] = {}

    def find(self, given: Sequence[Path], settings: Mapping[str, str]) -> list[Path]:  # noqa: ARG002  # it has none
        """Return the info files in a list of files and folders; see `find_files`."""
        return find_files(given, lambda name: name.endswith(_SUFFIX), f"*{_SUFFIX}")

    def read(self, path: Path, settings: Mapping[str, str]) -> TileInfo:  # noqa: ARG002
        """Return the content of an info file; see `read_info_file`."""
        return read_info_file(path)

    def campaign(self, path: Path, settings: Mapping[str, str]) -> str:  # noqa: ARG002
        """Return the campaign of an info file; see `campaign_of`."""
        return campaign_of(path)


def campaign_of(path: Path) -> str:
    """Return the campaign of an info file: the name of its grandparent folder."""
    return in_utf8(path.parent.parent.name)
