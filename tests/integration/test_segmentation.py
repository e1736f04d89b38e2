"""Catalogues whose segmentation maps were made at ingest."""

import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pyarrow.parquet as pq
import pytest
import sep
from astropy.io import fits

import goodpix
from goodpix.ingest import survey as survey_module
from goodpix.schema.errors import AmbiguousInputError, MissingLibraryError
from goodpix.schema.inputs.segmentation import Segmentation

from ..sourceextractor import Pixels, intersection_over_union, needs_source_extractor, source_extractor_map
from .conftest import Run
from .exposures import EXPNUMS, Exposures, install_exposures_profile
from .survey import SPEC, Survey, records

KEYS = [(expnum, ccdnum) for expnum in EXPNUMS for ccdnum in (1, 2, 31)]
SETTINGS = {"segment_threshold": "0.5", "segment_area": "3", "segment_filter": "default", "segment_mesh": "32x48"}
"""With which the noise of the exposures has objects."""

STATED = f"sep {sep.__version__}: threshold 0.5, area 3, mesh 32x48, mesh_filter 3x3, filter default"
CUTOUTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "noirlab-cp"


@pytest.fixture(scope="module", autouse=True)
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    site = tmp_path_factory.mktemp("site")
    install_exposures_profile(site)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        yield


def make(folder: Path, **options: Any) -> Exposures:
    """Return exposures and their catalogue, whose maps were made."""
    made = Exposures(folder / "files")
    if not made.folder.exists():
        made.write()
    report = made.ingest(**{"segment": True, "settings": SETTINGS, **options})
    assert report.failures == ()
    return made


@pytest.fixture
def made(tmp_path: Path) -> Exposures:
    """Exposures and their catalogue, whose maps were made."""
    return make(tmp_path)


def objects(made: Exposures, expnum: int, ccdnum: int) -> Pixels:
    """Return where sep itself finds objects in an image."""
    planes, bad = made.planes(expnum, ccdnum), made.flags(expnum, ccdnum) != 0
    data, noise = np.where(bad, 0, planes["_img"]), np.sqrt(np.where(bad, 1, planes["_var"]))
    data = data - sep.Background(data, mask=bad, bw=32, bh=48).back()
    options = {"filter_type": "conv", "deblend_cont": 1.0, "clean": False, "segmentation_map": True}
    found: Pixels = sep.extract(data, 0.5, err=noise, mask=bad, minarea=3, **options)[1] > 0
    return found


def test_maps_are_made_and_stated(made: Exposures) -> None:
    with made.catalogue() as catalogue:
        epochs = catalogue.epochs()
        for expnum, ccdnum in KEYS:
            flags = catalogue.mask(f"exp{expnum}", "r", expnum, ccdnum).flags()
            np.testing.assert_array_equal(flags & ~1, made.flags(expnum, ccdnum))
            found, expected = (flags & 1).astype(bool), objects(made, expnum, ccdnum)
            assert expected.sum() > 20
            assert (found != expected).sum() <= 3  # 1 / sqrt(1 / variance) is rounded twice
        assert epochs.n_se_seg.tolist() == [
            int((catalogue.mask(f"exp{expnum}", "r", expnum, ccdnum).flags() & 1).sum()) for expnum, ccdnum in KEYS
        ]
        assert set(epochs.segmentation) == {"sep"}
        assert epochs.se_seg_used.all()
        assert catalogue.tiles().n_epochs_used.tolist() == [3, 3]
        assert catalogue.sql("SELECT segmentation FROM catalogue").segmentation.tolist() == [STATED]
    for file in (made.masks / "r").glob("*.parquet"):
        assert pq.ParquetFile(file).metadata.metadata[b"goodpix.segmentation"] == STATED.encode()


def test_checks_derive_the_maps_again(made: Exposures, cli: Run) -> None:
    done = cli("check", "exp501", "r", 501, 2, "--db", made.database)
    assert (done.status, done.out.strip()) == (0, "6,144 of 6,144 pixels agree with the mask computed directly")
    report = goodpix.verify(made.database, images=6)
    assert (report.problems, report.n_images) == ((), 6)
    with fitsio.FITS(str(made.path(501)), "rw") as file:
        pixels = file["N2"].read()
        pixels[20:26, 30:36] += 50
        file["N2"].write(pixels)
    changed = goodpix.check_mask(made.database, "exp501", "r", 501, 2)
    assert 4 < changed.n_pixels - changed.n_equal < 200


def test_changed_image_makes_its_map_again(made: Exposures) -> None:
    assert make(made.folder.parent).ingest(segment=True, settings=SETTINGS).n_unchanged == 6
    with fitsio.FITS(str(made.path(501)), "rw") as file:
        pixels = file["N2"].read()
        pixels[20:26, 30:36] += 50
        file["N2"].write(pixels)
    report = made.ingest(segment=True, settings=SETTINGS)
    assert (report.n_epochs, report.n_unchanged) == (1, 5)
    assert goodpix.check_mask(made.database, "exp501", "r", 501, 2).equal


def test_rebuilt_catalogue_has_the_parameters(made: Exposures) -> None:
    made.database.unlink()
    assert goodpix.rebuild(made.database, made.masks).failures == ()
    with made.catalogue() as catalogue:
        assert catalogue.sql("SELECT segmentation FROM catalogue").segmentation.tolist() == [STATED]
    assert goodpix.verify(made.database, images=6).ok
    assert made.ingest(segment=True, settings=SETTINGS).n_unchanged == 6


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"segment": True, "settings": {**SETTINGS, "segment_threshold": "0.6"}}, STATED.replace("0.5", "0.6")),
        ({"segment": True, "settings": {}}, str(Segmentation(sep.__version__))),
        ({"no_segment": True}, "none"),
        ({"settings": {"seg": "_seg.fits"}}, "file"),
    ],
)
def test_other_parameters_are_refused(made: Exposures, options: dict[str, Any], wanted: str) -> None:
    with pytest.raises(AmbiguousInputError) as caught:
        made.ingest(**options)
    message = str(caught.value)
    assert message.startswith(f"segmentation is {wanted}, but the catalogue ")
    assert f" was made with {STATED}: " in message


@pytest.mark.slow
def test_any_number_of_workers_makes_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "BYTES_PER_WORKER", 1)
    made = make(tmp_path)
    files = {path.name: path.read_bytes() for path in (made.masks / "r").iterdir()}
    ways: list[dict[str, Any]] = [{"workers": 2}, {"workers": 4}, {"executor": ThreadPoolExecutor(3)}]
    for way in ways:
        shutil.rmtree(made.masks)
        made.database.unlink()
        make(tmp_path, **way)
        assert {path.name: path.read_bytes() for path in (made.masks / "r").iterdir()} == files


def test_map_of_the_files_is_used_where_there_is_one(tmp_path: Path) -> None:
    made = Exposures(tmp_path / "files")
    made.write()
    assert made.ingest(segment=True, settings={**SETTINGS, "seg": "_seg.fits"}).failures == ()
    with made.catalogue() as catalogue:
        for key in KEYS:
            found = catalogue.mask(f"exp{key[0]}", "r", *key).flags()
            np.testing.assert_array_equal(found, made.flags(*key, seg=True))
        assert set(catalogue.epochs().segmentation) == {"file"}
    assert goodpix.verify(made.database, images=6).ok


def test_epoch_of_a_tile_gets_its_map_beside_those_that_have_one(survey: Survey, cli: Run) -> None:
    survey.set_entry(2, {"seg_path": ...})
    assert survey.ingest(segment=True).failures == ()
    with survey.catalogue() as catalogue:
        rows = records(catalogue.epochs(band="r"))
        (tile,) = records(catalogue.tiles(band="r"))
    assert [row.segmentation for row in rows] == ["file", "file", "sep"]
    assert (tile.n_epochs, tile.n_epochs_used) == (3, 3)
    assert rows[2].n_se_seg > 0
    for row in rows:
        assert cli("check", SPEC.tilename, "r", row.expnum, row.ccdnum, "--db", survey.database).status == 0
    assert goodpix.verify(survey.database).ok


def test_library_that_is_missing_is_named_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Exposures(tmp_path / "files")
    made.write()
    modules: dict[str, Any] = sys.modules
    monkeypatch.setitem(modules, "sep", None)
    with pytest.raises(MissingLibraryError, match=r"pip install 'goodpix\[segment\]'"):
        made.ingest(segment=True, settings=SETTINGS)
    assert not made.database.exists()


@needs_source_extractor
@pytest.mark.skipif(not CUTOUTS.is_dir(), reason="the cut-outs of ../shared are not here")
def test_real_cutouts_have_the_objects_of_source_extractor(tmp_path: Path) -> None:
    where: dict[str, Any] = {"db": tmp_path / "cp.db", "masks": tmp_path / "masks", "profile": "noirlab-cp"}
    assert goodpix.ingest_tiles(CUTOUTS, segment=True, **where).failures == ()
    agreement = {}
    with goodpix.Catalogue(tmp_path / "cp.db") as catalogue:
        rows = {row.tilename: row for row in records(catalogue.epochs())}
        for path in sorted(CUTOUTS.rglob("*_ooi_*.fits")):
            row, ext = rows[path.name.split("_ooi_")[0]], path.name.split(".")[1]
            flags = catalogue.mask(row.tilename, row.band, row.expnum, row.ccdnum).flags()
            image, weight = (fits.getdata(str(path).replace("_ooi_", kind), ext) for kind in ("_ooi_", "_oow_"))
            bad = flags & 6 > 0
            found = source_extractor_map(tmp_path / ext, image, weight, bad, Segmentation(sep.__version__))
            assert (found & ~bad).sum() > 500
            agreement[path.name] = intersection_over_union(flags & 1 > 0, found, ~bad)
    assert len(agreement) == 7
    assert min(value for name, value in agreement.items() if name.startswith("c4d")) > 0.9
    assert min(value for name, value in agreement.items() if name.startswith("k4m")) > 0.8
