"""Bad input: one clear line, the right exit status, and nothing that was stored before is lost."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pytest
import yaml

import goodpix
from goodpix.ingest.synthetic import make_tile
from goodpix.schema.criteria import Criterion

from .conftest import Run
from .survey import SPEC, Done, Pixels, Survey, break_card, records, rewrite

# The epoch that is broken: its image and masks are packed, it has a head_path and lies on the coadd.
BAD = 2

MANY = replace(SPEC, bands=("r",), n_epochs=12)
"""With epochs for many cases at once."""

Break = Callable[[Survey, int | None], object]
"""Breaks an epoch of the survey by its number, or the coadd where that is None."""


@dataclass(frozen=True, slots=True)
class Case:
    """One way of breaking the survey.

    Parameters
    ----------
    name : str
        The test's.
    change : callable
        What breaks it, given the survey and the number of an epoch, or None for the coadd.
    says : tuple of str
        What the message must name, as regular expressions: file, key, value, what was expected.
    """

    name: str
    change: Break
    says: tuple[str, ...]


def case(name: str, change: Break, *says: str) -> Case:
    return Case(name, change, says)


def info(**values: object) -> Break:
    return lambda survey, _: survey.set_entry(None, values)


def entry(**values: object) -> Break:
    return lambda survey, number: survey.set_entry(number, values)


def content(data: bytes) -> Break:
    return lambda survey, _: survey.info_path().write_bytes(data)


def repeat_epoch(survey: Survey, _: int | None) -> None:
    with survey.editing() as info:
        info["src_info"].append(dict(info["src_info"][0]))


def replace_entry(value: object) -> Break:
    def change(survey: Survey, number: int | None) -> None:
        with survey.editing() as info:
            info["src_info"][number] = value

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
    return lambda survey, number: survey.path(number, plane).unlink()


def text(plane: str, content: bytes) -> Break:
    return lambda survey, number: survey.path(number, plane).write_bytes(content)


def folder_for(plane: str) -> Break:
    def change(survey: Survey, number: int | None) -> None:
        path = survey.path(number, plane)
        path.unlink()
        path.mkdir()

    return change


def cut(plane: str, share: float, *, plain: bool = False) -> Break:
    """Keep a share of a file; a tenth of its bytes is more than padding."""

    def change(survey: Survey, number: int | None) -> None:
        path = survey.path(number, plane)
        if plain:
            rewrite(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])

    return change


def planes(plane: str, **change: Callable[[Any], Any]) -> Break:
    """Put other pixels in extensions of the file of a plane."""

    def rewritten(survey: Survey, number: int | None) -> None:
        path = survey.path(number, plane)
        new = {ext: make(fitsio.read(path, ext=ext)) for ext, make in change.items()}
        rewrite(path, new)

    return rewritten


def card(keyword: str, text: str | None) -> Break:
    return lambda survey, number: break_card(survey.path(number, "image"), "sci", keyword, text)


def other_band(survey: Survey, number: int | None) -> None:
    break_card(survey.path(number, "image"), "sci", "BAND", "BAND    = 'z       '")


def other_filter(survey: Survey, number: int | None) -> None:
    path = survey.path(number, "image")
    break_card(path, "sci", "BAND", None)
    break_card(path, "sci", "FILTER", "FILTER  = 'z DECam SDSS c0004 9260.0 1520.0'")


def dither(survey: Survey, number: int | None) -> None:
    rewrite(survey.path(number, "image"), compress="RICE", qlevel=16, qmethod="SUBTRACTIVE_DITHER_1")


def singular(survey: Survey, number: int | None) -> None:
    for keyword in ("CD1_1", "CD1_2", "CD2_1", "CD2_2"):
        break_card(survey.path(number, "image"), "sci", keyword, f"{keyword:<8}= 7.3E-05")


def galactic(survey: Survey, number: int | None) -> None:
    path = survey.path(number, "image")
    break_card(path, "sci", "CTYPE1", "CTYPE1  = 'GLON-TAN'")
    break_card(path, "sci", "CTYPE2", "CTYPE2  = 'GLAT-TAN'")


# A file that ends early has lost the end of its data, or whole extensions.
CUT = r"truncated|no extension '(msk|wgt|sci)' \(the file has"
IMAGE, SEG = r"immasked\.fits\.fz", r"D\d+_r_c\d+_r0001p01_segmap\.fits\.fz"

BAD_EPOCHS = [
    case("image-missing", remove("image"), IMAGE, "no such file"),
    case("seg-missing", remove("seg"), SEG, "no such file"),
    case("image-is-a-folder", folder_for("image"), IMAGE, "is a folder", "expected a FITS file"),
    case("seg-is-a-folder", folder_for("seg"), SEG, "is a folder", "expected a FITS file"),
    case("image-empty", cut("image", 0), IMAGE, "not a FITS file, or truncated"),
    case("image-is-text", text("image", b"SIMPLE = yes"), IMAGE, "not a FITS file"),
    *(case(f"packed-cut-{share}", cut("image", share), IMAGE, CUT) for share in (0.02, 0.3, 0.6, 0.9)),
    *(case(f"packed-seg-cut-{share}", cut("seg", share), SEG, CUT) for share in (0.3, 0.6)),
    *(case(f"plain-cut-{share}", cut("image", share, plain=True), IMAGE, CUT) for share in (0.02, 0.3, 0.6, 0.9)),
    case("no-such-extension", entry(bmask_ext="mask"), IMAGE, "no extension 'mask'", "the file has .*MSK"),
    case("no-such-extension-number", entry(weight_ext=9), IMAGE, "no extension 9", "the file has"),
    case(
        "extension-lost",
        lambda s, number: rewrite(s.path(number, "image"), without="wgt"),
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
    case("galactic", galactic, IMAGE, "CTYPE is 'GLON-TAN', 'GLAT-TAN'", "expected RA and DEC"),
    case("not-celestial", card("CTYPE1", "CTYPE1  = 'LINEAR  '"), IMAGE, "'LINEAR'", "expected RA and DEC"),
    case("unknown-projection", card("CTYPE2", "CTYPE2  = 'DEC--XYZ'"), IMAGE),
    case("singular-cd", singular, IMAGE, "CD matrix", "singular"),
    case(
        "dithered-weight",
        dither,
        rf"{IMAGE}\[wgt\]",
        "ZQUANTIZ is SUBTRACTIVE_DITHER_1",
        "expected SUBTRACTIVE_DITHER_2",
    ),
    case("other-expnum", card("EXPNUM", "EXPNUM  = 77"), IMAGE, "EXPNUM is '77'", r"info file has 2\d+"),
    case("other-ccdnum", card("CCDNUM", "CCDNUM  = 61"), IMAGE, "CCDNUM is '61'", r"info file has \d+"),
    case("other-band", other_band, IMAGE, "BAND is 'z'", "info file has 'r'"),
    case("other-filter", other_filter, IMAGE, "FILTER is 'z'", "info file has 'r'"),
    case("no-seg-path", entry(seg_path=...), "no seg_path", "expected a segmentation map"),
]

BAD_HEADS = [
    case("no-head-path", entry(head_path=...), "no head_path"),
    case("missing", remove("head"), r"scamp\.ohead", "cannot read"),
    case("bytes", text("head", b"\xff\x00 no cards\n"), r"scamp\.ohead"),
    case("empty", text("head", b""), r"scamp\.ohead"),
    case("no-cards", text("head", b"HISTORY\nEND\n"), r"scamp\.ohead", "no CTYPE1"),
]

COADD = rf"{re.escape(SPEC.tilename)}_r0001p01_r\.fits\.fz"
COADD_SEG = rf"{re.escape(SPEC.tilename)}_r0001p01_r_segmap\.fits"

BAD_COADDS = [
    case("missing", remove("image"), COADD, "no such file"),
    case("seg-missing", remove("seg"), COADD_SEG, "no such file"),
    *(case(f"cut-{share}", cut("image", share), COADD, CUT) for share in (0.02, 0.5, 0.9)),
    case("plain-seg-cut", cut("seg", 0.5), COADD_SEG, CUT),
    case("no-such-extension", info(bmask_ext="mask"), COADD, "no extension 'mask'"),
    case(
        "seg-of-another-shape",
        planes("seg", sci=lambda seg: seg[1:]),
        "coadd .*band r",
        "seg is 159 x 170",
        "160 x 170",
        "expected equal shapes",
    ),
    case("float-bmask", planes("image", msk=lambda b: b.astype("f4")), COADD, "bmask is float32"),
    case("float-seg", planes("seg", sci=lambda seg: seg.astype("f4")), COADD_SEG, "seg is float32"),
    case("no-crval", card("CRVAL1", None), COADD, "no CRVAL1"),
    case("crpix-nan", card("CRPIX1", "CRPIX1  = 'NaN     '"), COADD, "CRPIX1 is (?i:nan)"),
    case("galactic", galactic, COADD, "expected RA and DEC"),
    case("singular-cd", singular, COADD, "singular"),
    case("unknown-projection", card("CTYPE2", "CTYPE2  = 'DEC--XYZ'"), COADD),
    case("dithered-weight", dither, COADD, "ZQUANTIZ is SUBTRACTIVE_DITHER_1"),
    case(
        "other-tilename",
        card("TILENAME", "TILENAME= 'DES0000+0000'"),
        COADD,
        "TILENAME is 'DES0000\\+0000'",
        f"info file has '{SPEC.tilename}'",
    ),
    case("other-band", other_band, COADD, "BAND is 'z'", "info file has 'r'"),
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


def failures_of(survey: Survey) -> dict[str, Any]:
    """Return the failures that the catalogue has, by their keys."""
    with survey.catalogue() as catalogue:
        return {row.failure_key: row for row in records(catalogue.failures())}


def names_of(survey: Survey, band: str = "r") -> set[str]:
    with survey.catalogue() as catalogue:
        return {f"{row.expnum}/{row.ccdnum}" for row in records(catalogue.epochs(band=band))}


def ingest(cli: Run, survey: Survey, *options: object) -> Done:
    return cli("ingest", survey.folder, "--db", survey.database, "--masks", survey.masks, *options)


def same(a: Survey, b: Survey) -> bool:
    """Whether two catalogues have the same masks, all of which can be read."""
    of_a, of_b = a.flags(), b.flags()
    return of_a.keys() == of_b.keys() and all(np.array_equal(of_a[key], of_b[key]) for key in of_a)


@pytest.fixture(scope="module")
def made_many(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """A tile of many epochs and its catalogue; nobody changes them."""
    made = Survey(tmp_path_factory.mktemp("many") / "survey")
    make_tile(made.folder, MANY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", str(made.folder))
        made.ingest()
    return made


@pytest.fixture
def many(made_many: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Survey:
    """A copy of the tile of many epochs and its catalogue that a test may break."""
    copy = Survey(tmp_path / "many" / "survey")
    shutil.copytree(made_many.folder.parent, copy.folder.parent)
    monkeypatch.setenv("MEDS_DIR", str(copy.folder))
    return copy


def test_bad_info_file_fails_in_one_line_and_loses_nothing(ingested: Survey, stored: Survey, cli: Run) -> None:
    # all at once: an info file each of one tile, the first in the place of the good one
    original = stored.info_path().read_bytes()
    paths = {}
    for number, bad in reversed(list(enumerate(BAD_INFO))):
        stored.info_path().write_bytes(original)
        bad.change(stored, BAD)
        paths[bad.name] = stored.info_path()
        if number:
            paths[bad.name] = stored.folder / str(number) / stored.info_path().relative_to(stored.folder)
            paths[bad.name].parent.mkdir(parents=True)
            paths[bad.name].write_bytes(stored.info_path().read_bytes())
    done = ingest(cli, stored)
    assert done.status == 1
    failures = failures_of(stored)
    assert set(failures) == {f"{path}#info" for path in paths.values()}
    for bad in BAD_INFO:
        path = paths[bad.name]
        line = one_line(done.lines, (re.escape(f"{path}"), *bad.says))
        assert failures[f"{path}#info"].message == line, bad.name
    assert same(stored, ingested)


# As many at once as leave one epoch good.
AT_ONCE = MANY.n_epochs - 1
GROUPS = [BAD_EPOCHS[first : first + AT_ONCE] for first in range(0, len(BAD_EPOCHS), AT_ONCE)]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group[0].name}-to-{group[-1].name}")
def test_bad_epoch_fails_alone_in_one_line_and_loses_nothing(
    group: list[Case], made_many: Survey, many: Survey, cli: Run
) -> None:
    names = [many.name(number) for number in range(len(group))]
    for number, bad in enumerate(group):
        bad.change(many, number)
    done = ingest(cli, many)
    assert done.status == 1
    failures = failures_of(many)
    assert set(failures) == {f"{many.info_path()}#{name}" for name in names}
    for name, bad in zip(names, group, strict=True):
        one_line(done.lines, (name, *bad.says))
        failure = failures[f"{many.info_path()}#{name}"]
        assert f"{failure.expnum}/{failure.ccdnum}" == name
        assert "\n" not in failure.message
        assert all(re.search(each, failure.message) for each in bad.says), (bad.name, failure.message)
    assert same(many, made_many)
    with many.catalogue() as catalogue:
        stale = catalogue.epochs().query("stale")
    assert {f"{row.expnum}/{row.ccdnum}" for row in records(stale)} == set(names)


def test_bad_scamp_header_fails_its_epoch_alone(many: Survey, cli: Run) -> None:
    # every other epoch has a header of its own
    for number in range(1, MANY.n_epochs, 2):
        many.set_entry(number, {"head_path": many.epoch(0)["head_path"]})
    numbers = range(BAD, MANY.n_epochs, 2)
    names = [many.name(number) for number in numbers]
    for number, bad in zip(numbers, BAD_HEADS, strict=True):
        bad.change(many, number)
    many.database.unlink()
    shutil.rmtree(many.masks)
    done = ingest(cli, many, "--wcs", "scamp")
    assert done.status == 1
    for name, bad in zip(names, BAD_HEADS, strict=True):
        one_line(done.lines, (name, *bad.says))
    assert set(failures_of(many)) == {f"{many.info_path()}#{name}" for name in names}
    assert names_of(many) == {many.name(number) for number in range(MANY.n_epochs)} - set(names)


@pytest.mark.parametrize("bad", BAD_COADDS, ids=lambda bad: bad.name)
def test_bad_coadd_fails_its_tile_alone_in_one_line_and_loses_nothing(
    bad: Case, ingested: Survey, stored: Survey, cli: Run
) -> None:
    bad.change(stored, None)
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


@pytest.mark.parametrize("change", [content(b"band: [r\n"), remove("seg")], ids=["info", "coadd"])
def test_bad_new_tile_leaves_the_others_stored(change: Break, survey: Survey, cli: Run) -> None:
    change(survey, None)
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


def test_dithered_weights_are_taken_when_allowed(survey: Survey, cli: Run) -> None:
    for number in (BAD, None):
        dither(survey, number)
    assert ingest(cli, survey, "--allow-dithered-weights").status == 0
    with survey.catalogue() as catalogue:
        for table in ("epoch", "coadd"):
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


@pytest.fixture(scope="module")
def off_coadd(small_tile: Path, tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """The survey with an epoch whose image lies a degree away; nobody changes it."""
    survey = Survey(tmp_path_factory.mktemp("off-coadd") / "survey")
    shutil.copytree(small_tile, survey.folder)
    crval = fitsio.read_header(survey.path(BAD, "image"), ext="sci")["CRVAL2"]
    break_card(survey.path(BAD, "image"), "sci", "CRVAL2", f"CRVAL2  = {crval + 1!r}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", str(survey.folder))
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


def test_weight_that_is_not_finite_and_positive_is_bad(stored: Survey) -> None:
    weight: Pixels = np.ones((128, 64), np.float32)
    weight[5, 7:13] = [np.nan, np.inf, -np.inf, -1.0, 0.0, -0.0]
    rewrite(stored.path(BAD, "image"), {"wgt": weight})
    assert not stored.ingest().failures
    fails = criterion_of(stored, BAD, Criterion.SE_WEIGHT)
    assert np.argwhere(fails).tolist() == [[5, x] for x in range(7, 13)]


def test_weight_that_is_tiny_or_huge_is_good(stored: Survey) -> None:
    weight = np.full((128, 64), 1e-45, np.float32)
    weight[:, ::2] = 3.4e38
    rewrite(stored.path(BAD, "image"), {"wgt": weight})
    assert stored.ingest().n_epochs == 1
    assert not criterion_of(stored, BAD, Criterion.SE_WEIGHT).any()


def test_weight_of_any_number_is_taken(stored: Survey) -> None:
    for number, dtype in enumerate([np.float64, np.int16]):
        weight: Pixels = np.ones((128, 64), dtype)
        weight[:, :3] = 0
        rewrite(stored.path(number, "image"), {"wgt": weight})
    stored.ingest()
    assert [row_of(stored, number).n_se_weight for number in range(2)] == [3 * 128] * 2


MASK_VALUES = [
    (-32768, np.int16, {15}),
    (-1, np.int16, set(range(16))),
    (-(1 << 31), np.int32, {23}),
    (1 << 22 | 1 << 23 | 1, np.int32, {0, 22, 23}),
    (1 << 15, np.uint16, {15}),
    (65535, np.uint16, set(range(16))),
    (1 << 40, np.int64, {23}),
]


def test_mask_value_is_unsigned_of_its_own_width(many: Survey) -> None:
    for number, (value, dtype, _) in enumerate(MASK_VALUES):
        bmask: Pixels = np.zeros((128, 64), dtype)
        bmask[3, 4] = value
        rewrite(many.path(number, "image"), {"msk": bmask})
    assert not many.ingest().failures
    with many.catalogue() as catalogue:
        found = catalogue.bits(band="r").query("plane == 'se'")
    for number, (value, dtype, bits) in enumerate(MASK_VALUES):
        rows = found[found.expnum == many.epoch(number)["expnum"]]
        assert set(rows.bit) == bits, (value, dtype)
        assert set(rows.n_pixels) == {1}


def test_seg_of_any_integer_is_taken(stored: Survey) -> None:
    for number, dtype in enumerate([np.int16, np.int64]):
        seg: Pixels = np.zeros((128, 64), dtype)
        seg[0, :5] = 9
        rewrite(stored.path(number, "seg"), {"sci": seg})
    stored.ingest()
    assert [row_of(stored, number).n_se_seg for number in range(2)] == [5, 5]


def test_plain_file_beside_packed_ones_gives_the_same_mask(ingested: Survey, stored: Survey) -> None:
    for number in (0, None):
        rewrite(stored.path(number, "image"))
    assert stored.ingest().n_epochs == 3
    assert same(stored, ingested)


def test_extension_may_be_a_number_and_in_either_case(stored: Survey) -> None:
    stored.set_entry(BAD, {"image_ext": 1, "bmask_ext": 2, "weight_ext": "Wgt", "seg_ext": 1})
    assert stored.ingest().n_epochs == 1
    assert stored.check(BAD).equal


def test_coadd_that_is_not_square_is_taken_as_it_is(stored: Survey) -> None:
    with stored.editing() as info:
        del info["uramin"]
    seg = stored.plane(None, "seg")[:100]
    image = stored.path(None, "image")
    rewrite(image, {ext: fitsio.read(image, ext=ext)[:100] for ext in ("sci", "msk", "wgt")})
    rewrite(stored.path(None, "seg"), {"sci": seg})
    assert stored.ingest().n_epochs == 3
    assert all(stored.check(number).equal for number in range(3))


def test_missing_bkg_and_head_files_are_no_failure(survey: Survey) -> None:
    survey.path(0, "bkg").unlink()
    survey.path(BAD, "head").unlink()
    report = survey.ingest()
    assert (report.n_epochs, report.failures) == (6, ())


def test_epoch_without_a_key_that_is_not_needed_is_taken(survey: Survey) -> None:
    # in two epochs, lest one key makes up for another
    survey.set_entry(BAD, dict.fromkeys(("bkg_path", "head_path", "image_flags"), ...))
    survey.set_entry(0, dict.fromkeys(("psf_path", "magzp", "filename"), ...))
    report = survey.ingest()
    assert (report.n_epochs, report.failures) == (6, ())


def test_seg_ext_is_sci_when_absent(ingested: Survey, stored: Survey) -> None:
    assert "seg_ext" not in stored.epoch(BAD)
    with stored.editing() as info:
        del info["seg_ext"]
        for each in info["src_info"]:
            each["seg_ext"] = "sci"
        info["src_info"][BAD]["seg_ext"] = "SCI"
    assert stored.ingest(force=True).n_epochs == 6
    assert same(stored, ingested)


def test_unknown_keys_are_no_failure(stored: Survey) -> None:
    stored.set_entry(None, {"made_by": "somebody", "notes": {"a": [1, 2]}})
    stored.set_entry(BAD, {"colour": "blue"})
    assert not stored.ingest().failures


def test_entry_may_leave_tile_and_band_out(stored: Survey) -> None:
    stored.set_entry(BAD, {"tilename": ..., "band": ...})
    assert not stored.ingest().failures


def test_home_and_variables_in_paths_are_filled_in(
    stored: Survey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(stored.path(BAD, "seg"), home / "seg.fits.fz")
    monkeypatch.setenv("HOME", str(home))
    stored.set_entry(BAD, {"seg_path": "~/seg.fits.fz"})
    report = stored.ingest()
    assert (report.n_epochs, report.failures) == (1, ())


@pytest.fixture
def without_seg(stored: Survey) -> Survey:
    """The catalogue with an epoch that has lost its segmentation map, ingested again."""
    stored.set_entry(BAD, {"seg_path": ...})
    stored.ingest(allow_missing_se_seg=True)
    return stored


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


def test_epoch_without_seg_is_the_others_without_that_criterion(without_seg: Survey) -> None:
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


def test_yaml_is_read_as_utf_8(stored: Survey) -> None:
    with stored.editing() as info:
        info["observer"] = "Gödel"
    text = yaml.safe_dump(stored.info(), allow_unicode=True)
    stored.info_path().write_text(text, encoding="utf-8")
    assert not stored.ingest().failures
