"""An ingest of FITS files of all kinds: only regular ones are opened, damaged data are found, every form is read."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import fitsio
import numpy as np
import pytest

from goodpix.ingest.images.coadd import read_coadd
from goodpix.ingest.infofile import read_info_file
from goodpix.ingest.plan import Options

from .conftest import Run
from .survey import Survey, epochs, failures, records, rewrite, same

BAD = 2


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


IRREGULAR = pytest.mark.parametrize(
    ("put", "says"),
    [(pipe, "is not a regular file"), (folder, "is a folder"), (device, "is not a regular file")],
    ids=["pipe", "folder", "device"],
)


def message_of(survey: Survey, key: str) -> str:
    """Return the message of the only failure, whose key ends as given."""
    (failure,) = records(failures(survey))
    assert failure.failure_key.endswith(f"#{key}")
    return str(failure.message)


@IRREGULAR
@pytest.mark.parametrize("number", [BAD, None], ids=["epoch", "coadd"])
def test_plane_that_is_no_regular_file_is_refused_by_name(
    survey: Survey, number: int | None, put: Callable[[Path], None], says: str
) -> None:
    path = survey.path(number, "seg")
    put(path)
    survey.ingest()
    message = message_of(survey, "coadd" if number is None else survey.name(BAD))
    assert path.name in message
    assert f"{says}: expected a FITS file" in message


@IRREGULAR
def test_scamp_header_that_is_no_regular_file_is_refused_by_name(
    survey: Survey, put: Callable[[Path], None], says: str
) -> None:
    path = survey.path(BAD, "head")
    put(path)
    survey.ingest(wcs_source="scamp")
    found = {row.failure_key: row.message for row in records(failures(survey))}
    message = found[f"{survey.info_path()}#{survey.name(BAD)}"]
    assert f"{path.name}: cannot read this SCAMP header ({says})" in message


def test_scamp_header_that_is_not_wanted_may_be_anything(survey: Survey, ingested: Survey) -> None:
    pipe(survey.path(BAD, "head"))
    assert survey.ingest().failures == ()
    assert same(survey, ingested)
    deltas = epochs(survey).set_index(["band", "expnum", "ccdnum"]).wcs_delta_pix
    of = survey.epoch(BAD)
    assert np.isnan(deltas["r", of["expnum"], of["ccdnum"]])


@pytest.mark.parametrize(("put", "says"), [(pipe, "is not a regular file"), (device, "is not a regular file")])
def test_info_file_that_is_no_regular_file_fails_alone(survey: Survey, put: Callable[[Path], None], says: str) -> None:
    path = survey.info_path()
    put(path)
    assert survey.ingest().n_epochs == 3
    assert message_of(survey, "info") == f"{path}: {says}: expected an info file"


def test_info_file_of_too_many_bytes_fails_alone(survey: Survey) -> None:
    os.truncate(survey.info_path(), 1 << 40)
    assert survey.ingest().n_epochs == 3
    assert "has more than 33554432 bytes" in message_of(survey, "info")


@pytest.mark.parametrize(
    "name", ["a.fits[1]", "a.fits[msk][1:2,1:2]", "!a.fits", "a.fits+1", "(out)", " a.fits", "http:a.fits", "a.fits(b)"]
)
def test_path_that_is_a_program_to_cfitsio_is_a_plain_name(survey: Survey, ingested: Survey, name: str) -> None:
    path = survey.path(BAD, "image")
    new = path.rename(path.with_name(name))
    as_written = f"{Path(survey.epoch(BAD)['image_path']).parent}/{name}"
    survey.set_entry(BAD, {f"{plane}_path": as_written for plane in ("image", "weight", "bmask")})
    assert survey.ingest().failures == ()
    assert same(survey, ingested)
    assert survey.check(BAD).equal
    assert os.listdir(new.parent) == [name]


def add_card(path: Path, ext: str, card: str) -> None:
    """Put a card at the end of a header, whose last block has room."""
    with fitsio.FITS(path) as fits:
        offsets = fits[ext].get_offsets()
    content = bytearray(path.read_bytes())
    end = content.index(b"END".ljust(80), offsets["header_start"])
    assert end + 160 <= offsets["data_start"]
    content[end : end + 160] = card.encode().ljust(80) + b"END".ljust(80)
    path.write_bytes(content)


@pytest.mark.parametrize("card", ["BADCARD = 'lost quote", "BADCARD = value", "BADCARD = 1 2"])
def test_header_card_that_cfitsio_cannot_read_harms_no_file(survey: Survey, ingested: Survey, card: str) -> None:
    for plane, ext in (("image", "msk"), ("image", "sci"), ("seg", "sci")):
        add_card(survey.path(0, plane), ext, card)
    assert survey.ingest().failures == ()
    assert same(survey, ingested)
    assert survey.check(0).equal
    assert survey.check(1).equal


def damage(path: Path, ext: str, *, sum_first: bool = True) -> None:
    """Write a file again, not packed, with sums of its data, and then flip a bit that changes no mask."""
    rewrite(path)
    with fitsio.FITS(path, "rw") as fits:
        if sum_first:
            for hdu in fits:
                hdu.write_checksum()
        start = fits[ext].get_offsets()["data_start"]
    content = bytearray(path.read_bytes())
    content[start + 3] ^= 1
    path.write_bytes(content)


DAMAGED = pytest.mark.parametrize(("number", "ext"), [(BAD, "wgt"), (None, "wgt")], ids=["epoch", "coadd"])


@DAMAGED
def test_damaged_data_are_a_failure_that_says_so(survey: Survey, number: int | None, ext: str) -> None:
    path = survey.path(number, "image")
    damage(path, ext)
    survey.ingest()
    message = message_of(survey, "coadd" if number is None else survey.name(BAD))
    assert path.name in message
    assert f"[{ext}]: the data are damaged: they sum to " in message
    assert message.endswith("(--allow-damaged, allow_damaged=True, accepts them anyway)")


@DAMAGED
def test_damaged_data_are_taken_when_allowed(
    survey: Survey, ingested: Survey, number: int | None, ext: str, cli: Run
) -> None:
    damage(survey.path(number, "image"), ext)
    done = cli("ingest", survey.folder, "--db", survey.database, "--masks", survey.masks, "--allow-damaged")
    assert done.status == 0, done.err
    assert same(survey, ingested)
    assert survey.check(BAD).equal
    with survey.catalogue() as catalogue:  # whose fingerprints are known again
        assert catalogue.background(band="i").problem.isna().all()


def test_a_coadd_tells_what_was_read_of_its_files(survey: Survey) -> None:
    damage(survey.path(None, "image"), "wgt")
    info = read_info_file(survey.info_path())
    inputs = read_coadd(info, Options(allow_damaged=True)).inputs
    assert sorted(inputs.files) == sorted([str(info.image_path), str(info.seg_path)])
    assert (inputs.checked, inputs.damaged) == (False, True)


def test_data_without_a_sum_are_taken_as_they_are(survey: Survey, ingested: Survey) -> None:
    damage(survey.path(BAD, "image"), "wgt", sum_first=False)
    assert survey.ingest().failures == ()
    assert same(survey, ingested)


def test_sky_statistics_of_damaged_data_are_a_problem(survey: Survey) -> None:
    path = survey.path(BAD, "image")
    damage(path, "sci")  # of which the ingest reads the header alone
    assert survey.ingest().failures == ()
    of = survey.epoch(BAD)
    with survey.catalogue() as catalogue:
        (problem,) = catalogue.background(band="r", expnum=of["expnum"], ccdnum=of["ccdnum"]).problem
    assert f"{path.name}[sci]: the data are damaged" in problem


def zipped(path: Path) -> None:
    path.write_bytes(gzip.compress(path.read_bytes()))


def hcompressed(path: Path) -> None:
    rewrite(path, compress="HCOMPRESS")


FORMS = pytest.mark.parametrize(("plane", "pack"), [("image", zipped), ("seg", zipped), ("seg", hcompressed)])


@FORMS
@pytest.mark.parametrize("number", [BAD, None], ids=["epoch", "coadd"])
def test_other_forms_of_compression_give_the_same_masks(
    survey: Survey, ingested: Survey, number: int | None, plane: str, pack: Callable[[Path], None]
) -> None:
    pack(survey.path(number, plane))
    assert survey.ingest().failures == ()
    assert same(survey, ingested)
    assert survey.check(BAD).equal


def test_form_that_is_not_read_is_refused_by_name(survey: Survey) -> None:
    path = survey.path(BAD, "seg")
    content = path.read_bytes()
    assert content.count(b"'RICE_1  '") == 1
    path.write_bytes(content.replace(b"'RICE_1  '", b"'BZIP2_1 '"))
    survey.ingest()
    assert f"{path.name}[sci]: ZCMPTYPE is 'BZIP2_1': expected one of" in message_of(survey, survey.name(BAD))
