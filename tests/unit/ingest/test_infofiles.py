"""Facts about the info files of a run."""

import os
import pickle
from pathlib import Path

import pytest
import yaml

from goodpix.ingest.infofile import TileInfo
from goodpix.ingest.infofiles import Input, PackedTile, check_inputs, read_inputs
from goodpix.ingest.profiles.des_pizza_cutter import campaign_of
from goodpix.schema.errors import AmbiguousInputError, InfoFileError, UsageError

from .tinytile import entry


def tile(name: str = "T", *expnums: int, band: str = "r", ccdnum: int = 2) -> TileInfo:
    """Return the content of an info file."""
    epochs = [entry("$A/none.fits", expnum=n, ccdnum=ccdnum, head_path="${B}/$C/a.head") for n in expnums or (1,)]
    return TileInfo.model_validate(entry("none.fits", tilename=name, band=band, src_info=epochs))


def written(folder: Path, info: TileInfo | None = None, name: str = "T_r_pizza_cutter_info.yaml") -> Path:
    """Write an info file."""
    path = folder / "campaign" / "info" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump((info or tile()).model_dump(mode="json")))
    return path


def test_folder_is_searched_through_links_once(tmp_path: Path) -> None:
    below = tmp_path / "campaign" / "info"
    below.mkdir(parents=True)
    (below / "a_pizza_cutter_info.yaml").write_text("")
    (below / "round").symlink_to(tmp_path, target_is_directory=True)
    (found,) = read_inputs([tmp_path, below / "a_pizza_cutter_info.yaml"])
    assert found.path == below / "a_pizza_cutter_info.yaml"
    assert campaign_of(found.path) == "campaign"
    assert "is empty: expected a mapping" in str(found.content)


def test_info_file_whose_name_is_not_utf_8_fails_alone(tmp_path: Path) -> None:
    written(tmp_path)
    bad = written(tmp_path, name=os.fsdecode(b"caf\xe9_pizza_cutter_info.yaml"))
    found = {each.name: each.content for each in read_inputs([tmp_path])}
    name = f"{bad.parent}/caf\\xe9_pizza_cutter_info.yaml"
    assert str(found.pop(name)) == f"{name}: its name is not UTF-8: expected a name that databases can store"
    (good,) = found.values()
    assert isinstance(good, PackedTile)


def test_path_that_is_too_long_does_not_exist() -> None:
    with pytest.raises(UsageError, match="a: no such file or folder"):
        read_inputs(["a" * 100_000])


def test_campaign_whose_name_is_not_utf_8_is_stored_as_escapes(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    written(folder)
    (folder / "campaign").rename(folder / os.fsdecode(b"y\xff"))
    assert check_inputs(read_inputs([folder])) == "y\\xff"


def test_packed_tile_is_the_tile_with_what_a_run_asks_of_all() -> None:
    info = tile("T", 1, 2, 3)
    packed = PackedTile.of(info)
    assert packed.unpacked() == info
    assert (packed.tilename, packed.band, packed.image_path, packed.variables) == ("T", "r", "none.fits", ("A", "B"))
    assert len(pickle.dumps(packed)) < 1000 + len(pickle.dumps(info)) / 2


def test_ccd_image_has_one_hash_in_all_tiles_and_processes() -> None:
    def images(info: TileInfo) -> list[int]:
        found: list[int] = PackedTile.of(info).images.tolist()
        return found

    assert images(tile("T", 1, 2)) == [*images(tile("U", 1)), *images(tile("V", 2))]
    assert images(tile("T", 1)) == [HASH]
    assert {*images(tile("T", 1, band="i")), *images(tile("T", 1, ccdnum=3))}.isdisjoint([HASH])


HASH = -648347611866992483
"""Of r/1/2."""


@pytest.mark.parametrize("workers", [1, 2])
def test_info_files_come_in_order_whoever_reads_them(tmp_path: Path, workers: int) -> None:
    paths = [written(tmp_path, tile(f"T{n}"), f"T{n:03d}_r_pizza_cutter_info.yaml") for n in range(100)]
    paths[50].write_text("")
    found = read_inputs([tmp_path], workers)
    assert [each.path for each in found] == paths
    assert [n for n, each in enumerate(found) if isinstance(each.content, InfoFileError)] == [50]
    assert [each.content.tilename for each in found if isinstance(each.content, PackedTile)][:51:25] == [
        "T0",
        "T25",
        "T51",
    ]


def test_two_info_files_of_one_tile_and_band_are_refused_by_name(tmp_path: Path) -> None:
    first, second = (Input(tmp_path / name, PackedTile.of(tile("T"))) for name in "ab")
    other = Input(tmp_path / "c", PackedTile.of(tile("T", band="i")))
    assert check_inputs([first, other]) == tmp_path.parent.name
    with pytest.raises(
        AmbiguousInputError, match=f"^{first.path} and {second.path} both list tile T, band r: give one"
    ):
        check_inputs([first, other, second])
