"""Bad input: one clear line, the right exit status, and nothing that was stored before is lost."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pytest
import yaml

import goodpix
from goodpix.schema.criteria import Criterion

from .conftest import Run
from .survey import SPEC, Done, Pixels, Survey, break_card, records, rewrite

# The epoch that is broken: its image and masks are packed, it has a head_path and lies on the coadd.
BAD = 2

Break = Callable[[Survey], object]


@dataclass(frozen=True, slots=True)
class Case:
    """One way of breaking the survey.

    Parameters
    ----------
    name : str
        The test's.
    change : callable
        What breaks it.
    says : tuple of str
        What the message must name, as regular expressions: file, key, value, what was expected.
    """

    name: str
    change: Break
    says: tuple[str, ...]


def case(name: str, change: Break, *says: str) -> Any:
    return pytest.param(Case(name, change, says), id=name)


def info(**values: object) -> Break:
    return lambda survey: survey.set_entry(None, values)


def entry(**values: object) -> Break:
    return lambda survey: survey.set_entry(BAD, values)


def content(data: bytes) -> Break:
    return lambda survey: survey.info_path().write_bytes(data)


def repeat_epoch(survey: Survey) -> None:
    with survey.editing() as info:
        info["src_info"].append(dict(info["src_info"][0]))


def replace_entry(value: object) -> Break:
    def change(survey: Survey) -> None:
        with survey.editing() as info:
            info["src_info"][BAD] = value

    return change


PYTHON_TAG = b'!!python/object/apply:os.system ["touch executed"]\n'

BAD_INFO = [
    case("not-yaml", content(b"band: [r\n"), "cannot be read as YAML"),
    case("tabs", content(b"band:\n\tr: 1\n"), "cannot be read as YAML"),
    case("empty", content(b""), "is empty", "expected a mapping"),
    case("comment-only", content(b"# nothing\n"), "is empty", "expected a mapping"),
    case("list", content(b"- band\n- r\n"), "holds a list", "expected a mapping"),
    case("text", content(b"band\n"), "holds a str", "expected a mapping"),
    case("latin-1", content(b"band: r # caf\xe9\n"), "cannot be read as YAML"),
    case("binary", content(bytes(range(256))), "cannot be read as YAML"),
    case("two-documents", content(b"band: r\n---\nband: r\n"), "cannot be read as YAML"),
    case("unhashable-key", content(b"{[a]: b}: c\n"), "cannot be read as YAML"),
    case("bad-date", content(b"band: 2001-99-99\n"), "cannot be read as YAML"),
    case("object-tag", content(PYTHON_TAG), "cannot be read as YAML", "python/object"),
    case("no-band", info(band=...), "band is missing"),
    case("no-tilename", info(tilename=...), "tilename is missing"),
    case("no-image-path", info(image_path=...), "image_path is missing"),
    case("no-seg-path", info(seg_path=...), "seg_path is missing"),
    case("no-src-info", info(src_info=...), "src_info is missing"),
    case("epoch-without-image-path", entry(image_path=...), rf"src_info\.{BAD}\.image_path is missing"),
    case("epoch-without-bmask-ext", entry(bmask_ext=...), rf"src_info\.{BAD}\.bmask_ext is missing"),
    case("epoch-without-expnum", entry(expnum=...), rf"src_info\.{BAD}\.expnum is missing"),
    case("epoch-without-ccdnum", entry(ccdnum=...), rf"src_info\.{BAD}\.ccdnum is missing"),
    case("src-info-empty", info(src_info=[]), "src_info", "at least 1"),
    case("src-info-null", info(src_info=None), "src_info", "None"),
    case("src-info-not-a-list", info(src_info={"a": 1}), "src_info"),
    case("entry-not-a-mapping", replace_entry("image.fits"), rf"src_info\.{BAD}\b", "image.fits"),
    case("epoch-twice", repeat_epoch, r"2\d+/\d+", "twice", "once"),
    case("epoch-of-another-band", entry(band="z"), rf"src_info\.{BAD}\.band is 'z'", "expected 'r'"),
    case(
        "epoch-of-another-tile",
        entry(tilename="DES0000+0000"),
        rf"src_info\.{BAD}\.tilename is 'DES0000\+0000'",
        f"expected '{SPEC.tilename}'",
    ),
    *(
        case(f"{key}-{name}", info(**{key: name}), rf"{key} is {re.escape(repr(name))}")
        for key in ("tilename", "band")
        for name in ("../x", "a/b", "..", ".", "/etc", "", "a\nb", "r\x00", "r\n")
    ),
    case("negative-expnum", entry(expnum=-1), rf"src_info\.{BAD}\.expnum is -1", "greater than or equal to 0"),
    case("expnum-not-a-number", entry(expnum="many"), rf"src_info\.{BAD}\.expnum is 'many'", "integer"),
    case("expnum-beyond-64-bits", entry(expnum=1 << 63), rf"src_info\.{BAD}\.expnum is {1 << 63}"),
    case("negative-ccdnum", entry(ccdnum=-1), rf"src_info\.{BAD}\.ccdnum is -1"),
    case("ccdnum-beyond-16-bits", entry(ccdnum=1 << 15), rf"src_info\.{BAD}\.ccdnum is 32768"),
    case("empty-path", entry(weight_path=""), rf"src_info\.{BAD}\.weight_path is ''"),
    case("path-not-text", entry(bmask_path=7), rf"src_info\.{BAD}\.bmask_path is 7"),
    case("offset-nan", entry(position_offset=float("nan")), rf"src_info\.{BAD}\.position_offset is nan"),
    case("unique-region-upside-down", info(udecmin=10.0, udecmax=-10.0), "udecmin", r"10\.0, -10\.0"),
    case("unique-region-nan", info(uramin=float("nan")), "uramin"),
    case("unique-region-beyond-the-pole", info(udecmax=91.0), "udecmax", "91"),
]


def remove(plane: str) -> Break:
    return lambda survey: survey.path(BAD, plane).unlink()


def folder_for(plane: str) -> Break:
    def change(survey: Survey) -> None:
        path = survey.path(BAD, plane)
        path.unlink()
        path.mkdir()

    return change


def cut(plane: str, share: float, *, number: int | None = BAD, plain: bool = False) -> Break:
    """Keep a share of a file; a tenth of its bytes is more than padding."""

    def change(survey: Survey) -> None:
        path = survey.path(number, plane)
        if plain:
            rewrite(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])

    return change


def planes(plane: str, *, number: int | None = BAD, **change: Callable[[Any], Any]) -> Break:
    """Put other pixels in extensions of the file of a plane."""

    def rewritten(survey: Survey) -> None:
        path = survey.path(number, plane)
        new = {ext: make(fitsio.read(path, ext=ext)) for ext, make in change.items()}
        rewrite(path, new)

    return rewritten


def card(keyword: str, text: str | None, *, number: int | None = BAD) -> Break:
    return lambda survey: break_card(survey.path(number, "image"), "sci", keyword, text)


def other_band(*, number: int | None = BAD, filter_only: bool = False) -> Break:
    def change(survey: Survey) -> None:
        path = survey.path(number, "image")
        if filter_only:
            break_card(path, "sci", "BAND", None)
            break_card(path, "sci", "FILTER", "FILTER  = 'z DECam SDSS c0004 9260.0 1520.0'")
        else:
            break_card(path, "sci", "BAND", "BAND    = 'z       '")

    return change


def dither(number: int | None) -> Break:
    def change(survey: Survey) -> None:
        rewrite(survey.path(number, "image"), compress="RICE", qlevel=16, qmethod="SUBTRACTIVE_DITHER_1")

    return change


def singular(number: int | None) -> Break:
    def change(survey: Survey) -> None:
        for keyword in ("CD1_1", "CD1_2", "CD2_1", "CD2_2"):
            break_card(survey.path(number, "image"), "sci", keyword, f"{keyword:<8}= 7.3E-05")

    return change


def galactic(number: int | None) -> Break:
    def change(survey: Survey) -> None:
        path = survey.path(number, "image")
        break_card(path, "sci", "CTYPE1", "CTYPE1  = 'GLON-TAN'")
        break_card(path, "sci", "CTYPE2", "CTYPE2  = 'GLAT-TAN'")

    return change


# A file that ends early has lost the end of its data, or whole extensions.
CUT = r"truncated|no extension '(msk|wgt|sci)' \(the file has"
IMAGE, SEG = r"immasked\.fits\.fz", r"D\d+_r_c\d+_r0001p01_segmap\.fits\.fz"

BAD_EPOCHS = [
    case("image-missing", remove("image"), IMAGE, "no such file"),
    case("seg-missing", remove("seg"), SEG, "no such file"),
    case("image-is-a-folder", folder_for("image"), IMAGE, "is a folder", "expected a FITS file"),
    case("seg-is-a-folder", folder_for("seg"), SEG, "is a folder", "expected a FITS file"),
    case("image-empty", cut("image", 0), IMAGE, "not a FITS file, or truncated"),
    case("image-is-text", lambda s: s.path(BAD, "image").write_text("SIMPLE = yes"), IMAGE, "not a FITS file"),
    *(case(f"packed-cut-{share}", cut("image", share), IMAGE, CUT) for share in (0.02, 0.3, 0.6, 0.9)),
    *(case(f"packed-seg-cut-{share}", cut("seg", share), SEG, CUT) for share in (0.3, 0.6)),
    *(case(f"plain-cut-{share}", cut("image", share, plain=True), IMAGE, CUT) for share in (0.02, 0.3, 0.6, 0.9)),
    case("no-such-extension", entry(bmask_ext="mask"), IMAGE, "no extension 'mask'", "the file has .*MSK"),
    case("no-such-extension-number", entry(weight_ext=9), IMAGE, "no extension 9", "the file has"),
    case(
        "extension-lost",
        lambda s: rewrite(s.path(BAD, "image"), without="wgt"),
        IMAGE,
        "no extension 'wgt'",
        "(?i)the file has .*msk",
    ),
    case("extension-without-image", entry(bmask_ext=0), IMAGE, "dimensions", "expected an image"),
    case(
        "seg-of-another-shape",
        planes("seg", sci=lambda seg: seg[:-2]),
        f"epoch .*{SPEC.tilename}",
        "seg is 126 x 64",
        "128 x 64",
        "expected equal shapes",
    ),
    case("bmask-of-another-shape", planes("image", msk=lambda bmask: bmask[:, 1:]), "bmask is 128 x 63"),
    case("image-of-another-shape", planes("image", sci=lambda image: image.T), "image is 64 x 128"),
    case("cube", planes("image", msk=lambda bmask: bmask[None]), IMAGE, r"\[1, 128, 64\]", "expected an image"),
    case(
        "float-bmask",
        planes("image", msk=lambda bmask: bmask.astype(np.float32)),
        rf"{IMAGE}\[msk\]",
        "bmask is float32",
        "expected integers",
    ),
    case("float-seg", planes("seg", sci=lambda seg: seg.astype(np.float64)), SEG, "seg is float64"),
    case("no-crval", card("CRVAL1", None), IMAGE, "no CRVAL1", "expected a celestial WCS"),
    case("no-crpix", card("CRPIX2", None), IMAGE, "no CRPIX2", "expected a celestial WCS"),
    case("no-ctype", card("CTYPE1", None), IMAGE, "no CTYPE1", "expected a celestial WCS"),
    case("crpix-nan", card("CRPIX1", "CRPIX1  = 'NaN     '"), IMAGE, "CRPIX1 is (?i:nan)", "expected a finite number"),
    case("crpix-bare-nan", card("CRPIX1", "CRPIX1  =                  NaN"), IMAGE, "CRPIX1 is", "expected"),
    case("crval-text", card("CRVAL2", "CRVAL2  = 'south   '"), IMAGE, "CRVAL2 is 'south'", "expected a number"),
    case("declination-beyond-the-pole", card("CRVAL2", "CRVAL2  = -97.0"), IMAGE, r"-97\.0", "-90 to 90"),
    case("galactic", galactic(BAD), IMAGE, "CTYPE is 'GLON-TAN', 'GLAT-TAN'", "expected RA and DEC"),
    case("not-celestial", card("CTYPE1", "CTYPE1  = 'LINEAR  '"), IMAGE, "'LINEAR'", "expected RA and DEC"),
    case("unknown-projection", card("CTYPE2", "CTYPE2  = 'DEC--XYZ'"), IMAGE),
    case("singular-cd", singular(BAD), IMAGE, "CD matrix", "singular"),
    case(
        "dithered-weight",
        dither(BAD),
        rf"{IMAGE}\[wgt\]",
        "ZQUANTIZ is SUBTRACTIVE_DITHER_1",
        "expected SUBTRACTIVE_DITHER_2",
    ),
    case("other-expnum", card("EXPNUM", "EXPNUM  = 77"), IMAGE, "EXPNUM is '77'", r"info file has 2\d+"),
    case("other-ccdnum", card("CCDNUM", "CCDNUM  = 61"), IMAGE, "CCDNUM is '61'", r"info file has \d+"),
    case("other-band", other_band(), IMAGE, "BAND is 'z'", "info file has 'r'"),
    case("other-filter", other_band(filter_only=True), IMAGE, "FILTER is 'z'", "info file has 'r'"),
    case("no-seg-path", entry(seg_path=...), "no seg_path", "expected a segmentation map"),
]

BAD_HEADS = [
    case("no-head-path", entry(head_path=...), "no head_path"),
    case("missing", remove("head"), r"scamp\.ohead", "cannot read"),
    case("bytes", lambda s: s.path(BAD, "head").write_bytes(b"\xff\x00 no cards\n"), r"scamp\.ohead"),
    case("empty", lambda s: s.path(BAD, "head").write_text(""), r"scamp\.ohead"),
    case("no-cards", lambda s: s.path(BAD, "head").write_text("HISTORY\nEND\n"), r"scamp\.ohead", "no CTYPE1"),
]

COADD = rf"{re.escape(SPEC.tilename)}_r0001p01_r\.fits\.fz"
COADD_SEG = rf"{re.escape(SPEC.tilename)}_r0001p01_r_segmap\.fits"

BAD_COADDS = [
    case("missing", lambda s: s.path(None, "image").unlink(), COADD, "no such file"),
    case("seg-missing", lambda s: s.path(None, "seg").unlink(), COADD_SEG, "no such file"),
    *(case(f"cut-{share}", cut("image", share, number=None), COADD, CUT) for share in (0.02, 0.5, 0.9)),
    case("plain-seg-cut", cut("seg", 0.5, number=None), COADD_SEG, CUT),
    case("no-such-extension", info(bmask_ext="mask"), COADD, "no extension 'mask'"),
    case(
        "seg-of-another-shape",
        planes("seg", number=None, sci=lambda seg: seg[1:]),
        "coadd .*band r",
        "seg is 159 x 170",
        "160 x 170",
        "expected equal shapes",
    ),
    case("float-bmask", planes("image", number=None, msk=lambda b: b.astype("f4")), COADD, "bmask is float32"),
    case("float-seg", planes("seg", number=None, sci=lambda seg: seg.astype("f4")), COADD_SEG, "seg is float32"),
    case("no-crval", card("CRVAL1", None, number=None), COADD, "no CRVAL1"),
    case("crpix-nan", card("CRPIX1", "CRPIX1  = 'NaN     '", number=None), COADD, "CRPIX1 is (?i:nan)"),
    case("galactic", galactic(None), COADD, "expected RA and DEC"),
    case("singular-cd", singular(None), COADD, "singular"),
    case("unknown-projection", card("CTYPE2", "CTYPE2  = 'DEC--XYZ'", number=None), COADD),
    case("dithered-weight", dither(None), COADD, "ZQUANTIZ is SUBTRACTIVE_DITHER_1"),
    case(
        "other-tilename",
        card("TILENAME", "TILENAME= 'DES0000+0000'", number=None),
        COADD,
        "TILENAME is 'DES0000\\+0000'",
        f"info file has '{SPEC.tilename}'",
    ),
    case("other-band", other_band(number=None), COADD, "BAND is 'z'", "info file has 'r'"),
]


def one_line(done_lines: list[str], says: tuple[str, ...]) -> str:
    """Return the only line that says all of that; there is no traceback among the lines."""
    assert not any("Traceback" in line for line in done_lines), "\n".join(done_lines)
    (found,) = [line for line in done_lines if all(re.search(each, line) for each in says)] or [""]
    assert found, f"none of these says {says}:\n" + "\n".join(done_lines)
    return found


def the_failure(survey: Survey) -> Any:
    """Return the only failure that the catalogue has."""
    with survey.catalogue() as catalogue:
        (row,) = records(catalogue.failures())
    assert "\n" not in row.message
    return row


def names_of(survey: Survey, band: str = "r") -> set[str]:
    with survey.catalogue() as catalogue:
        return {f"{row.expnum}/{row.ccdnum}" for row in records(catalogue.epochs(band=band))}


def ingest(cli: Run, survey: Survey, *options: object) -> Done:
    return cli("ingest", survey.folder, "--db", survey.database, "--masks", survey.masks, *options)


def same(a: Survey, b: Survey) -> bool:
    """Whether two catalogues have the same masks, all of which can be read."""
    of_a, of_b = a.flags(), b.flags()
    return of_a.keys() == of_b.keys() and all(np.array_equal(of_a[key], of_b[key]) for key in of_a)


@pytest.mark.parametrize("bad", BAD_INFO)
def test_bad_info_file_fails_in_one_line_and_loses_nothing(
    bad: Case, ingested: Survey, stored: Survey, cli: Run
) -> None:
    bad.change(stored)
    done = ingest(cli, stored)
    assert done.status == 1
    line = one_line(done.lines, (re.escape(stored.info_path().name), *bad.says))
    failure = the_failure(stored)
    assert (failure.failure_key, failure.message) == (f"{stored.info_path()}#info", line)
    assert same(stored, ingested)


@pytest.mark.parametrize("bad", BAD_EPOCHS)
def test_bad_epoch_fails_alone_in_one_line_and_loses_nothing(
    bad: Case, ingested: Survey, stored: Survey, cli: Run
) -> None:
    bad.change(stored)
    done = ingest(cli, stored)
    assert done.status == 1
    one_line(done.lines, (stored.name(BAD), *bad.says))
    failure = the_failure(stored)
    assert failure.failure_key == f"{stored.info_path()}#{stored.name(BAD)}"
    assert f"{failure.expnum}/{failure.ccdnum}" == stored.name(BAD)
    assert all(re.search(each, failure.message) for each in bad.says), failure.message
    assert same(stored, ingested)
    with stored.catalogue() as catalogue:
        stale = catalogue.epochs().query("stale")
    assert [f"{row.expnum}/{row.ccdnum}" for row in records(stale)] == [stored.name(BAD)]


@pytest.mark.parametrize("bad", BAD_HEADS)
def test_bad_scamp_header_fails_its_epoch_alone(bad: Case, survey: Survey, cli: Run) -> None:
    for band in SPEC.bands:
        survey.set_entry(1, {"head_path": survey.epoch(0, band)["head_path"]}, band)
    bad.change(survey)
    done = ingest(cli, survey, "--wcs", "scamp")
    assert done.status == 1
    one_line(done.lines, (survey.name(BAD), *bad.says))
    assert the_failure(survey).failure_key == f"{survey.info_path()}#{survey.name(BAD)}"
    assert names_of(survey) == {survey.name(0), survey.name(1)}


@pytest.mark.parametrize("bad", BAD_COADDS)
def test_bad_coadd_fails_its_tile_alone_in_one_line_and_loses_nothing(
    bad: Case, ingested: Survey, stored: Survey, cli: Run
) -> None:
    bad.change(stored)
    done = ingest(cli, stored)
    assert done.status == 1
    one_line(done.lines, ("coadd", *bad.says))
    failure = the_failure(stored)
    assert failure.failure_key == f"{stored.info_path()}#coadd"
    assert all(re.search(each, failure.message) for each in bad.says), failure.message
    assert same(stored, ingested)


def test_bad_epoch_of_a_new_tile_leaves_the_others_stored(survey: Survey, cli: Run) -> None:
    survey.path(BAD, "seg").unlink()
    assert ingest(cli, survey).status == 1
    assert names_of(survey) == {survey.name(0), survey.name(1)}
    assert names_of(survey, "i") == {survey.name(number, "i") for number in range(3)}


@pytest.mark.parametrize(
    "change", [content(b"band: [r\n"), lambda s: s.path(None, "seg").unlink()], ids=["info", "coadd"]
)
def test_bad_new_tile_leaves_the_others_stored(change: Break, survey: Survey, cli: Run) -> None:
    change(survey)
    assert ingest(cli, survey).status == 1
    with survey.catalogue() as catalogue:
        assert catalogue.tiles().band.tolist() == ["i"]


def test_yaml_object_tag_is_not_executed(
    survey: Survey, cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    survey.info_path().write_bytes(PYTHON_TAG)
    ingest(cli, survey)
    assert not list(tmp_path.rglob("executed"))


def test_bad_name_writes_nothing_outside_the_masks_folder(survey: Survey, cli: Run) -> None:
    def outside() -> set[Path]:
        return {path for path in survey.folder.parent.rglob("*") if survey.masks not in path.parents}

    before = outside()
    survey.set_entry(None, {"tilename": "../../escaped", "band": "../r"})
    ingest(cli, survey)
    assert outside() - before == {survey.database, survey.masks}


def test_folder_without_info_files_exits_2(survey: Survey, cli: Run, tmp_path: Path) -> None:
    empty = tmp_path / "DES_r_pizza_cutter_info.yaml"
    empty.mkdir()
    done = cli("ingest", empty, "--db", survey.database, "--masks", survey.masks)
    assert (done.status, len(done.lines)) == (2, 1)
    assert re.search(r"the folder holds no \*_pizza_cutter_info\.yaml", done.err)


def test_folder_named_like_an_info_file_is_none(survey: Survey, cli: Run) -> None:
    path = survey.info_path()
    path.unlink()
    path.mkdir()
    done = ingest(cli, survey)
    assert (done.status, done.lines[-1].split(":")[0]) == (0, "1 tile")


@pytest.mark.parametrize("place", ["nowhere.yaml", "nowhere/"])
def test_path_that_does_not_exist_exits_2(place: str, survey: Survey, cli: Run) -> None:
    done = cli("ingest", survey.folder / place, "--db", survey.database, "--masks", survey.masks)
    assert (done.status, len(done.lines)) == (2, 1)
    assert re.search(r"nowhere.*no such file or folder", done.err)
    assert not survey.database.exists()


@pytest.mark.parametrize("number", [BAD, None], ids=["epoch", "coadd"])
def test_dithered_weights_are_taken_when_allowed(number: int | None, survey: Survey, cli: Run) -> None:
    dither(number)(survey)
    assert ingest(cli, survey, "--allow-dithered-weights").status == 0
    table = "epoch" if number is not None else "coadd"
    with survey.catalogue() as catalogue:
        found = catalogue.sql(f"SELECT weight_zquantiz FROM {table} WHERE band = 'r'").weight_zquantiz
    assert sorted(found).count("SUBTRACTIVE_DITHER_1") == 1


# What follows is valid, however odd.


def row_of(survey: Survey, number: int, band: str = "r") -> Any:
    """Return the row of an epoch."""
    of = survey.epoch(number, band)
    with survey.catalogue() as catalogue:
        (row,) = records(catalogue.epochs(band=band, expnum=of["expnum"], ccdnum=of["ccdnum"]))
    return row


def criterion_of(survey: Survey, number: int, criterion: Criterion) -> Any:
    """Return where a criterion fails, in an epoch."""
    of = survey.epoch(number)
    with survey.catalogue() as catalogue:
        mask = catalogue.mask(SPEC.tilename, "r", of["expnum"], of["ccdnum"])
    return (mask.criteria() & criterion) != 0


@pytest.fixture
def off_coadd(survey: Survey) -> Survey:
    """The survey with an epoch whose image lies a degree away."""
    crval = fitsio.read_header(survey.path(BAD, "image"), ext="sci")["CRVAL2"]
    break_card(survey.path(BAD, "image"), "sci", "CRVAL2", f"CRVAL2  = {crval + 1!r}")
    survey.ingest()
    return survey


def test_epoch_off_the_coadd_has_no_good_pixel(off_coadd: Survey) -> None:
    row = row_of(off_coadd, BAD)
    assert (row.n_good, row.n_on_coadd, row.n_off_coadd) == (0, 0, row.n_pixels)


def test_epoch_off_the_coadd_has_no_fraction_on_it(off_coadd: Survey) -> None:
    with off_coadd.catalogue() as catalogue:
        found = catalogue.sql("SELECT count(*) AS n FROM epoch_quality WHERE fraction_good_on_coadd IS NULL")
    assert found.n.tolist() == [1]


def test_epoch_off_the_coadd_is_no_failure(off_coadd: Survey) -> None:
    with off_coadd.catalogue() as catalogue:
        assert catalogue.failures().empty


def test_epoch_off_the_coadd_equals_the_direct_way(off_coadd: Survey) -> None:
    assert off_coadd.check(BAD).equal


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0, 0.0, -0.0])
def test_weight_that_is_not_finite_and_positive_is_bad(value: float, survey: Survey) -> None:
    weight: Pixels = np.ones((128, 64), np.float32)
    weight[5, 7] = value
    rewrite(survey.path(BAD, "image"), {"wgt": weight})
    assert not survey.ingest().failures
    fails = criterion_of(survey, BAD, Criterion.SE_WEIGHT)
    assert np.argwhere(fails).tolist() == [[5, 7]]


@pytest.mark.parametrize("value", [1e-45, np.float32(3.4e38)])
def test_weight_that_is_tiny_or_huge_is_good(value: float, survey: Survey) -> None:
    rewrite(survey.path(BAD, "image"), {"wgt": np.full((128, 64), value, np.float32)})
    survey.ingest()
    assert not criterion_of(survey, BAD, Criterion.SE_WEIGHT).any()


@pytest.mark.parametrize("dtype", [np.float64, np.int16])
def test_weight_of_any_number_is_taken(dtype: type, survey: Survey) -> None:
    weight: Pixels = np.ones((128, 64), dtype)
    weight[:, :3] = 0
    rewrite(survey.path(BAD, "image"), {"wgt": weight})
    survey.ingest()
    assert row_of(survey, BAD).n_se_weight == 3 * 128


@pytest.mark.parametrize(
    ("value", "dtype", "bits"),
    [
        (-32768, np.int16, {15}),
        (-1, np.int16, set(range(16))),
        (-(1 << 31), np.int32, {23}),
        (1 << 22 | 1 << 23 | 1, np.int32, {0, 22, 23}),
        (1 << 15, np.uint16, {15}),
        (65535, np.uint16, set(range(16))),
        (1 << 40, np.int64, {23}),
    ],
)
def test_mask_value_is_unsigned_of_its_own_width(value: int, dtype: type, bits: set[int], survey: Survey) -> None:
    bmask: Pixels = np.zeros((128, 64), dtype)
    bmask[3, 4] = value
    rewrite(survey.path(BAD, "image"), {"msk": bmask})
    assert not survey.ingest().failures
    of = survey.epoch(BAD)
    with survey.catalogue() as catalogue:
        rows = catalogue.bits(band="r", expnum=of["expnum"], ccdnum=of["ccdnum"]).query("plane == 'se'")
    assert set(rows.bit) == bits
    assert set(rows.n_pixels) == {1}


@pytest.mark.parametrize("dtype", [np.int16, np.int64])
def test_seg_of_any_integer_is_taken(dtype: type, survey: Survey) -> None:
    seg: Pixels = np.zeros((128, 64), dtype)
    seg[0, :5] = 9
    rewrite(survey.path(BAD, "seg"), {"sci": seg})
    survey.ingest()
    assert row_of(survey, BAD).n_se_seg == 5


def test_plain_file_beside_packed_ones_gives_the_same_mask(survey: Survey) -> None:
    survey.ingest()
    before = survey.flags()
    for number in (0, None):
        rewrite(survey.path(number, "image"))
    assert survey.ingest().n_epochs == 3
    after = survey.flags()
    assert all(np.array_equal(after[key], before[key]) for key in before)


def test_extension_may_be_a_number_and_in_either_case(survey: Survey) -> None:
    survey.set_entry(BAD, {"image_ext": 1, "bmask_ext": 2, "weight_ext": "Wgt", "seg_ext": 1})
    survey.ingest()
    assert survey.check(BAD).equal


def test_coadd_that_is_not_square_is_taken_as_it_is(survey: Survey) -> None:
    with survey.editing() as info:
        del info["uramin"]
    seg = survey.plane(None, "seg")[:100]
    image = survey.path(None, "image")
    rewrite(image, {ext: fitsio.read(image, ext=ext)[:100] for ext in ("sci", "msk", "wgt")})
    rewrite(survey.path(None, "seg"), {"sci": seg})
    survey.ingest()
    assert all(survey.check(number).equal for number in range(3))


def test_missing_bkg_file_is_no_failure(survey: Survey) -> None:
    survey.path(0, "bkg").unlink()
    assert not survey.ingest().failures


@pytest.mark.parametrize("key", ["bkg_path", "psf_path", "head_path", "magzp", "image_flags", "filename"])
def test_epoch_without_a_key_that_is_not_needed_is_taken(key: str, survey: Survey) -> None:
    survey.set_entry(BAD, {key: ...})
    assert not survey.ingest().failures


def test_missing_head_file_is_no_failure(survey: Survey) -> None:
    survey.path(BAD, "head").unlink()
    assert not survey.ingest().failures


def test_seg_ext_is_sci_when_absent(survey: Survey) -> None:
    with survey.editing() as info:
        info.pop("seg_ext", None)
        for each in info["src_info"]:
            each.pop("seg_ext", None)
    survey.ingest()
    explicit = survey.flags()
    survey.set_entry(None, {"seg_ext": "sci"})
    survey.set_entry(BAD, {"seg_ext": "SCI"})
    survey.ingest()
    assert all(np.array_equal(explicit[key], flags) for key, flags in survey.flags().items())


def test_unknown_keys_are_no_failure(survey: Survey) -> None:
    survey.set_entry(None, {"made_by": "somebody", "notes": {"a": [1, 2]}})
    survey.set_entry(BAD, {"colour": "blue"})
    assert not survey.ingest().failures


def test_entry_may_leave_tile_and_band_out(survey: Survey) -> None:
    survey.set_entry(BAD, {"tilename": ..., "band": ...})
    assert not survey.ingest().failures


def test_home_and_variables_in_paths_are_filled_in(
    survey: Survey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(survey.path(BAD, "seg"), home / "seg.fits.fz")
    monkeypatch.setenv("HOME", str(home))
    survey.set_entry(BAD, {"seg_path": "~/seg.fits.fz"})
    assert not survey.ingest().failures


@pytest.fixture
def without_seg(survey: Survey) -> Survey:
    """The survey with an epoch without segmentation map, ingested."""
    survey.set_entry(BAD, {"seg_path": ...})
    survey.ingest(allow_missing_se_seg=True)
    return survey


def test_epoch_without_seg_has_no_count_of_it(without_seg: Survey) -> None:
    of = without_seg.epoch(BAD)
    with without_seg.catalogue() as catalogue:
        found = catalogue.sql(
            "SELECT n_se_seg, only_se_seg, se_seg_used FROM epoch WHERE expnum = :expnum", {"expnum": of["expnum"]}
        )
    assert found.iloc[0].tolist() == [None, None, 0]


def test_epoch_without_seg_is_in_no_tile_sum(without_seg: Survey) -> None:
    with without_seg.catalogue() as catalogue:
        (tile,) = records(catalogue.tiles(band="r"))
        others = catalogue.epochs(band="r").query("se_seg_used")
    assert (tile.n_epochs, tile.n_epochs_used) == (3, 2)
    assert (tile.n_good, tile.n_pixels) == (others.n_good.sum(), others.n_pixels.sum())


def test_epoch_without_seg_is_in_no_ccd_sum(without_seg: Survey) -> None:
    of = without_seg.epoch(BAD)
    with without_seg.catalogue() as catalogue:
        assert of["expnum"] not in set(catalogue.ccds().expnum)
        assert of["expnum"] not in set(catalogue.exposures().expnum)


def test_epoch_without_seg_is_the_others_without_that_criterion(survey: Survey, without_seg: Survey) -> None:
    of = without_seg.epoch(BAD)
    with without_seg.catalogue() as catalogue:
        bare = catalogue.mask(SPEC.tilename, "r", of["expnum"], of["ccdnum"]).flags()
    seg = np.zeros((128, 64), np.int32)
    path = without_seg.folder / "zero.fits"
    fitsio.write(path, seg, extname="sci")
    without_seg.set_entry(BAD, {"seg_path": str(path)})
    without_seg.ingest()
    with without_seg.catalogue() as catalogue:
        full = catalogue.mask(SPEC.tilename, "r", of["expnum"], of["ccdnum"]).flags()
    assert np.array_equal(bare, full)


def test_every_epoch_bad_still_stores_the_coadd(survey: Survey) -> None:
    for number in range(3):
        survey.path(number, "seg").unlink()
    report = survey.ingest()
    assert len(report.failures) == 3
    with survey.catalogue() as catalogue:
        assert catalogue.mask(SPEC.tilename, "r").shape == SPEC.coadd_shape
        (tile,) = records(catalogue.tiles(band="r"))
    assert tile.n_epochs == 0


def test_only_bad_input_makes_a_catalogue_that_opens(survey: Survey) -> None:
    for band in SPEC.bands:
        survey.info_path(band).write_text("")
    assert len(survey.ingest().failures) == 2
    with survey.catalogue() as catalogue:
        assert catalogue.epochs().empty


def test_ingest_of_no_path_is_refused(survey: Survey) -> None:
    with pytest.raises(goodpix.GoodpixError, match="no info files were given"):
        goodpix.ingest_tiles([], db=survey.database, masks=survey.masks)


def test_yaml_is_read_as_utf_8(survey: Survey) -> None:
    with survey.editing() as info:
        info["observer"] = "Gödel"
    text = yaml.safe_dump(survey.info(), allow_unicode=True)
    survey.info_path().write_text(text, encoding="utf-8")
    assert not survey.ingest().failures
